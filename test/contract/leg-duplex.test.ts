/**
 * A leg as a stream: what node:http2 and node:http do with it, on every Node that is supported.
 */
import { once } from 'node:events';
import { createServer as createHttpServer, request as requestHttp, type IncomingMessage } from 'node:http';
import {
  connect,
  createServer,
  performServerHandshake,
  type ClientHttp2Session,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { afterEach, describe, expect, test } from 'vitest';
import type { Leg } from '../../src/io/leg.ts';
import { LegDuplex } from '../support/leg-duplex.ts';
import { SocketLeg } from '../../src/io/socket.ts';
import { memoryPair } from '../../src/testing/memory-leg.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { bytesOf, repeated, Watch } from '../support/leg-watch.ts';
import { eventually, legPorts, socketPair } from '../support/sockets.ts';

const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

interface Stream {
  readonly leg: Leg;
  readonly duplex: LegDuplex;
  /** What the owner was told. */
  readonly ends: (string | null)[];
}

function streamOf(leg: Leg): Stream {
  const ends: (string | null)[] = [];
  const duplex = new LegDuplex(leg, (error) => {
    ends.push(error === null ? null : error.message);
    if (error === null) leg.release();
    else leg.reset();
  });
  leg.facts$.subscribe((fact) => duplex.told(fact));
  return { leg, duplex, ends };
}

/** Two streams over legs over one connection on loopback. */
async function streamPair(): Promise<[server: Stream, client: Stream]> {
  const ports = legPorts(new StepClock());
  const [accepted, connected] = await socketPair();
  const server = streamOf(new SocketLeg(accepted, 'downstream', ports));
  const client = streamOf(new SocketLeg(connected, 'upstream', ports));
  endings.push(async () => {
    server.duplex.destroy();
    client.duplex.destroy();
    await ports.ledger.quiescent();
  });
  return [server, client];
}

/** A leg in memory as a stream, and the world's end of it. */
function streamInMemory() {
  const clock = new StepClock();
  const ports = legPorts(clock);
  const { near, far } = memoryPair({ ports, network: clock.network });
  const stream = streamOf(near);
  endings.push(() => {
    near.reset();
    far.reset();
    clock.settle();
    expect(ports.ledger.size).toBe(0);
  });
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) {
      clock.settle();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { ...stream, far, settle };
}

function h2Client(duplex: LegDuplex): ClientHttp2Session {
  const client = connect('http://origin.example', { createConnection: () => duplex });
  endings.push(() => client.destroy());
  return client;
}

async function bodyOf(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) if (chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const echoStream = (stream: ServerHttp2Stream): void => {
  stream.respond({ ':status': 200 });
  stream.pipe(stream);
};

/** Both ways of giving node:http2 a connection. */
const ways: Readonly<Record<string, (duplex: LegDuplex) => void>> = {
  performServerHandshake: (duplex) => {
    const session: ServerHttp2Session = performServerHandshake(duplex);
    session.on('stream', echoStream);
    endings.push(() => session.destroy());
  },
  "emit('connection')": (duplex) => {
    const server = createServer();
    server.on('stream', echoStream);
    server.emit('connection', duplex);
  },
};

describe.each(Object.entries(ways))('node:http2 over a leg, by %s', (_name, serve) => {
  test('two megabytes go there and come back, on three streams at once', async () => {
    const [server, client] = await streamPair();
    serve(server.duplex);
    const session = h2Client(client.duplex);
    const sent = repeated(2_097_152);
    const echoed = await Promise.all(
      [1, 2, 3].map(async () => {
        const stream = session.request({ ':method': 'POST', ':path': '/' });
        stream.end(sent);
        return bodyOf(stream);
      }),
    );
    expect(echoed.map((body) => body.equals(sent))).toEqual([true, true, true]);
  });

  test('a session that closes ends the connection from both sides', async () => {
    const [server, client] = await streamPair();
    serve(server.duplex);
    const session = h2Client(client.duplex);
    const stream = session.request({ ':path': '/' });
    stream.end();
    await bodyOf(stream);
    session.close();
    await eventually(() => server.ends.length === 1 && client.ends.length === 1);
    expect(server.ends).toEqual([null]);
  });

  test('a connection that is reset closes the session', async () => {
    const [server, client] = await streamPair();
    serve(server.duplex);
    const session = h2Client(client.duplex);
    session.on('error', () => undefined);
    const stream = session.request({ ':method': 'POST', ':path': '/' });
    stream.on('error', () => undefined);
    await once(stream, 'response');
    server.leg.reset();
    server.duplex.told({ type: 'released' });
    await eventually(() => session.destroyed && stream.destroyed);
    expect(client.ends).toHaveLength(1);
  });
});

test('node:http serves a connection that is a leg, and keeps it for the next request', async () => {
  const [server, client] = await streamPair();
  const http = createHttpServer((request, response) => request.pipe(response));
  http.emit('connection', server.duplex);
  const bodies: string[] = [];
  for (const text of ['first', 'second']) {
    const request = requestHttp({ method: 'POST', createConnection: () => client.duplex, headers: { host: 'a' } });
    request.setHeader('connection', 'keep-alive');
    request.end(text);
    const response = await new Promise<IncomingMessage>((resolve) => request.once('response', resolve));
    bodies.push((await bodyOf(response)).toString());
    await eventually(() => client.duplex.listenerCount('data') === 0);
  }
  expect(bodies).toEqual(['first', 'second']);
});

test('a reader that stops stops the peer, and loses nothing', async () => {
  const { duplex, far, settle } = streamInMemory();
  const sent = repeated(1_048_576);
  far.write(sent, 'owned');
  far.end();
  await settle();
  duplex.read(0);
  await settle();
  expect(duplex.readableLength).toBeGreaterThan(0);
  expect(duplex.readableLength).toBeLessThanOrEqual(2 * 65_536);
  expect(far.sentBytes).toBeLessThan(sent.length);
  const reading = bodyOf(duplex);
  while (!duplex.closed && !duplex.readableEnded) await settle();
  expect((await reading).equals(sent)).toBe(true);
});

test('a shared chunk is copied before the stream keeps it', async () => {
  const { leg, duplex, far, settle } = streamInMemory();
  expect(leg.chunks).toBe('shared');
  duplex.read(0);
  far.write(bytesOf('kept'), 'owned');
  await settle();
  expect(String(duplex.read())).toBe('kept');
});

test('a write whose leg says stop is answered when the leg is writable again', async () => {
  const { duplex, far, settle } = streamInMemory();
  const watch = new Watch(far);
  const sent = repeated(400_000);
  let isWritten = false;
  duplex.write(sent, () => (isWritten = true));
  await settle();
  expect(isWritten).toBe(false);
  watch.take();
  await settle();
  expect([isWritten, watch.bytes.equals(sent)]).toEqual([true, true]);
});

test('what was corked goes to the leg in one piece', async () => {
  const { duplex, far, settle } = streamInMemory();
  const pieces: string[] = [];
  far.bytes$.subscribe((chunk) => pieces.push(Buffer.from(chunk).toString()));
  duplex.cork();
  for (const piece of ['5\r\n', 'hello', '\r\n']) duplex.write(piece);
  duplex.uncork();
  await settle();
  expect(pieces).toEqual(['5\r\nhello\r\n']);
});

test('FIN is told both ways, and neither ends the other direction', async () => {
  const { duplex, far, settle, ends } = streamInMemory();
  const watch = new Watch(far).take();
  far.end();
  duplex.resume();
  await settle();
  expect([duplex.readableEnded, duplex.writable, ends]).toEqual([true, true, []]);
  duplex.end('late');
  await settle();
  expect([watch.text, watch.isComplete, duplex.writableFinished]).toEqual(['late', true, true]);
  expect(ends).toEqual([null]);
});

test('a leg that fails destroys the stream with its code and its sentence, listened to or not', async () => {
  const { duplex, far, settle, ends } = streamInMemory();
  far.reset();
  await settle();
  expect(duplex.errored).toMatchObject({ code: 'ECONNRESET', message: 'the peer reset the connection' });
  expect(ends).toEqual(['the peer reset the connection']);
});

test('a leg that is let go takes the stream with it, and the write that waits is no longer answered', async () => {
  const { leg, duplex, settle, ends } = streamInMemory();
  let isAnswered = false;
  duplex.write(repeated(400_000), () => (isAnswered = true));
  leg.release();
  await settle();
  expect([duplex.destroyed, duplex.closed, isAnswered, ends]).toEqual([true, true, false, [null]]);
});

test('it has the manners of a socket, and none of them is a timer', async () => {
  const clock = new StepClock();
  const { near, far } = memoryPair({ ports: legPorts(clock), network: clock.network });
  const named = new LegDuplex(near, () => near.reset(), {
    remote: { host: '2001:db8::1', port: 9 },
    local: { host: '', port: 0 },
  });
  expect([named.remoteAddress, named.remotePort, named.remoteFamily]).toEqual(['2001:db8::1', 9, 'IPv6']);
  expect([named.localAddress, named.localPort, named.localFamily]).toEqual([undefined, undefined, undefined]);
  expect(named.address()).toEqual({});
  expect('encrypted' in named).toBe(false);
  for (const chained of [named.setNoDelay(), named.setKeepAlive(), named.setTimeout(), named.ref(), named.unref()])
    expect(chained).toBe(named);
  expect([clock.armedCount, named.connecting]).toEqual([0, false]);
  named.destroy();
  far.reset();
});

test('destroySoon ends first and goes when everything was handed over; resetAndDestroy goes at once with a reset', async () => {
  const { duplex, far, settle, ends } = streamInMemory();
  const watch = new Watch(far).take();
  duplex.write('last words');
  duplex.destroySoon();
  await settle();
  expect([watch.text, watch.isComplete, ends]).toEqual(['last words', true, [null]]);
  const other = streamInMemory();
  other.duplex.resetAndDestroy();
  expect(other.ends).toEqual(['the peer reset the connection']);
});
