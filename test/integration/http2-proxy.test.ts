/**
 * HTTP/2 through the whole proxy: real clients in front, upstreams of both versions behind.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/index.ts';
import { ask, NodeOrigin, ok, ScriptedOrigin } from '../support/http-world.ts';
import { peerPath, peerTest } from '../support/peers.ts';
import { portOf } from '../support/sockets.ts';
import { closedPort, dialPeer, eventually, Origin, ProxyUnderTest } from '../support/world.ts';

const run = promisify(execFile);
const plain = { ports: 0, protocol: 'http' } as const;

async function front(port: number, action: object = {}, more: object = {}): Promise<ProxyUnderTest> {
  const forward = { type: 'forward', target: { host: '127.0.0.1', port }, ...action };
  return ProxyUnderTest.forward(port, { ...more, route: { match: plain, action: forward } });
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders | null;
}

function client(port: number): ClientHttp2Session & AsyncDisposable {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  return Object.assign(session, {
    [Symbol.asyncDispose]: async () => {
      session.destroy();
    },
  });
}

async function read(stream: ClientHttp2Stream): Promise<Answer> {
  let trailers: IncomingHttpHeaders | null = null;
  stream.on('trailers', (told: IncomingHttpHeaders) => {
    trailers = told;
  });
  const headers = await new Promise<IncomingHttpHeaders & { readonly ':status'?: number | undefined }>(
    (resolve, reject) => {
      stream.once('response', resolve);
      stream.once('error', reject);
    },
  );
  let body = '';
  for await (const chunk of stream) body += String(chunk);
  return { status: headers[':status'] ?? 0, headers, body, trailers };
}

/** An HTTP/2 origin without TLS. */
class H2Origin implements AsyncDisposable {
  readonly server: Http2Server;
  readonly sessions: ServerHttp2Session[] = [];

  private constructor(answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void) {
    this.server = createServer();
    this.server.on('session', (session) => {
      this.sessions.push(session);
      session.on('error', () => undefined);
    });
    this.server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      answer(stream, headers);
    });
  }

  static async start(answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void): Promise<H2Origin> {
    const origin = new H2Origin(answer);
    origin.server.listen(0, '127.0.0.1');
    await once(origin.server, 'listening');
    return origin;
  }

  get port(): number {
    return portOf(this.server.address());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

function exchangesOf(world: ProxyUnderTest): ExchangeRecord[] {
  const records: ExchangeRecord[] = [];
  world.proxy.on('exchange.closed', (record) => void records.push(record));
  return records;
}

test('H04: requests of one HTTP/2 connection are exchanges of their own, to an HTTP/1.1 upstream', async () => {
  await using origin = await ScriptedOrigin.start((seen) => ok(seen.head.split(' ')[1] ?? ''));
  await using world = await front(origin.port);
  const records = exchangesOf(world);
  await using session = client(world.port);
  const paths = ['/a', '/b', '/c?d'];
  const answers = await Promise.all(paths.map((path) => read(session.request({ ':path': path, 'x-a': 'b' }))));
  expect(answers.map(({ status, body }) => [status, body])).toEqual(paths.map((path) => [200, path]));
  await eventually(() => records.length === paths.length);
  expect(records.every(({ protocol, reason }) => protocol === 'h2' && reason === 'completed')).toBe(true);
  session.close();
  expect(await world.closed(1)).toMatchObject([{ reason: 'completed', protocol: 'h2c' }]);
});

test('H04: a body of a megabyte goes up and comes back, through both versions', async () => {
  await using origin = await H2Origin.start((stream) => {
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  await using world = await front(origin.port, { upstreamProtocol: 'h2' });
  await using session = client(world.port);
  const body = 'x'.repeat(1_000_000);
  const stream = session.request({ ':method': 'POST' });
  stream.end(body);
  const answer = await read(stream);
  expect(answer.body.length).toBe(body.length);
  expect(answer.body === body).toBe(true);
});

test('a gRPC call has its trailers, and its deadline field, on an HTTP/2 upstream', async () => {
  await using origin = await H2Origin.start((stream, headers) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': String(headers['te']) }));
    stream.on('data', (chunk: Buffer) => stream.write(chunk));
    stream.on('end', () => stream.end());
  });
  await using world = await front(origin.port, { upstreamProtocol: 'h2' });
  await using session = client(world.port);
  const stream = session.request({
    ':method': 'POST',
    ':path': '/pkg.Service/Call',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.write('first');
  await once(stream, 'response');
  stream.end('second');
  let body = '';
  const trailers = once(stream, 'trailers');
  for await (const chunk of stream) body += String(chunk);
  expect(body).toBe('firstsecond');
  expect((await trailers)[0]).toMatchObject({ 'grpc-status': '0', 'grpc-message': 'trailers' });
});

test('an HTTP/1.1 client is served by an HTTP/2 upstream', async () => {
  await using origin = await H2Origin.start((stream, headers) => {
    stream.respond({ ':status': 200, 'set-cookie': ['a=1', 'b=2'] });
    stream.end(`${headers[':authority'] ?? ''} ${headers[':path'] ?? ''} ${headers['cookie'] ?? ''}`);
  });
  await using world = await front(origin.port, { upstreamProtocol: 'h2' });
  const reply = await ask(world.port, 'GET /x?y HTTP/1.1\r\nHost: a.example\r\nCookie: c=3\r\n\r\n');
  expect(reply).toMatchObject({ status: 200, body: 'a.example /x?y c=3' });
  expect(reply.fields['set-cookie']).toBe('a=1, b=2');
});

test('HEAD, 204 and 304 have no body in either version', async () => {
  await using origin = await H2Origin.start((stream, headers) => {
    const status = Number(String(headers[':path']).slice(1));
    stream.respond({ ':status': status, ...(status === 200 ? { 'content-length': '5' } : {}) }, { endStream: true });
  });
  await using world = await front(origin.port, { upstreamProtocol: 'h2' });
  await using session = client(world.port);
  const ask204 = await read(session.request({ ':path': '/204' }));
  const ask304 = await read(session.request({ ':path': '/304' }));
  const askHead = await read(session.request({ ':path': '/200', ':method': 'HEAD' }));
  expect([ask204, ask304, askHead].map(({ status, body }) => [status, body])).toEqual([
    [204, ''],
    [304, ''],
    [200, ''],
  ]);
  expect(askHead.headers['content-length']).toBe('5');
});

test('an upstream that is not there is 502 with Proxy-Status, and the connection goes on', async () => {
  const port = await closedPort();
  await using world = await front(port);
  await using session = client(world.port);
  const first = await read(session.request({ ':path': '/' }));
  const second = await read(session.request({ ':path': '/' }));
  expect([first.status, second.status]).toEqual([502, 502]);
  expect(first.headers['proxy-status']).toContain('sallyport');
});

test('L13: a client that resets its stream ends the upstream request at once', async () => {
  await using origin = await Origin.start();
  await using world = await front(origin.port);
  const records = exchangesOf(world);
  await using session = client(world.port);
  const stream = session.request({ ':path': '/slow' });
  stream.on('error', () => undefined);
  const server = await origin.accepted();
  await server.atLeast(1);
  stream.close(constants.NGHTTP2_CANCEL);
  expect(await server.closed).toBe('reset');
  await eventually(() => records.length === 1);
  expect(records).toMatchObject([{ reason: 'downstream.reset', status: null }]);
});

test('an upstream that truncates is cut, never a clean end', async () => {
  await using origin = await Origin.start((peer) => {
    void peer.atLeast(1).then(() => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf').end());
  });
  await using world = await front(origin.port);
  await using session = client(world.port);
  await expect(read(session.request({ ':path': '/' }))).rejects.toThrow(/NGHTTP2_INTERNAL_ERROR/);
});

test('L40: GOAWAY of an upstream in the middle of traffic fails no request', async () => {
  let answered = 0;
  await using origin = await H2Origin.start((stream) => {
    answered += 1;
    stream.respond({ ':status': 200 });
    stream.end('ok');
    if (answered % 25 === 0) stream.session?.close();
  });
  await using world = await front(origin.port, { upstreamProtocol: 'h2' });
  await using session = client(world.port);
  const statuses: number[] = [];
  const worker = async (): Promise<void> => {
    for (let count = 0; count < 30; count += 1) statuses.push((await read(session.request({ ':path': '/' }))).status);
  };
  await Promise.all(Array.from({ length: 10 }, worker));
  expect(statuses).toHaveLength(300);
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  expect(origin.sessions.length).toBeGreaterThan(1);
});

test('H04: a WebSocket over HTTP/2 reaches an HTTP/1.1 upstream, and its bytes pass both ways', async () => {
  await using origin = await Origin.start((peer) => {
    void peer
      .atLeast(1)
      .then(() =>
        peer.send(
          'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: of-a-key-the-client-never-sent\r\n\r\nhello',
        ),
      );
  });
  await using world = await front(origin.port);
  await using session = client(world.port);
  await once(session, 'remoteSettings');
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':path': '/chat',
    'sec-websocket-version': '13',
  });
  const accepted = await new Promise<object>((resolve) => void stream.once('response', resolve));
  expect(accepted).toMatchObject({ ':status': 200 });
  expect(accepted).not.toHaveProperty('sec-websocket-accept');
  expect(String(await once(stream, 'data'))).toBe('hello');
  const server = await origin.accepted();
  const head = server.text;
  expect(head).toMatch(/^GET \/chat HTTP\/1\.1\r\n/);
  expect(head).toMatch(/\r\nupgrade: websocket\r\n/i);
  expect(head).toMatch(/\r\nsec-websocket-key: \S{22}==\r\n/i);
  stream.write('ping');
  await server.atLeast(head.length + 4);
  expect(server.text.endsWith('ping')).toBe(true);
  server.send('pong').end();
  expect(String(await once(stream, 'data'))).toBe('pong');
  stream.end();
  await server.ended;
});

test('a drain lets running requests finish, says GOAWAY, and closes', async () => {
  await using origin = await Origin.start();
  await using world = await front(origin.port);
  await using session = client(world.port);
  const answer = read(session.request({ ':path': '/' }));
  const server = await origin.accepted();
  await server.atLeast(1);
  const goaway = once(session, 'goaway');
  const drained = world.proxy.drain({ timeout: '30s' });
  await goaway;
  server.send('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  expect((await answer).body).toBe('ok');
  await drained;
});

test('a flood ends the connection as malformed, with its upstream requests', async () => {
  await using origin = await Origin.start();
  await using world = await front(origin.port);
  const peer = await dialPeer(world.port);
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const ping = Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
  peer.send(preface).send(settings);
  peer.send(Buffer.concat(Array.from({ length: 3_000 }, () => ping)));
  await peer.ended;
  peer.end();
  expect(await world.closed(1)).toMatchObject([
    { reason: 'downstream.malformed', by: 'downstream', cause: 'too many PING frames' },
  ]);
});

peerTest('curl', 'H04: curl speaks HTTP/2 with prior knowledge', async () => {
  await using origin = await ScriptedOrigin.start((seen) => ok(seen.head.split(' ')[1] ?? ''));
  await using world = await front(origin.port);
  const url = `http://127.0.0.1:${world.port}`;
  for (const path of ['/one', '/two']) {
    const wanted = ['-s', '--http2-prior-knowledge', '-w', ' %{http_version} %{http_code}', `${url}${path}`];
    const { stdout } = await run(peerPath('curl'), wanted);
    expect(stdout).toBe(`${path} 2 200`);
  }
});

peerTest('curl', 'H04: curl gets a large body, and sends one, over HTTP/2', async () => {
  await using origin = await ScriptedOrigin.start((seen) => ok(`${seen.body.length} ${'x'.repeat(300_000)}`));
  await using world = await front(origin.port);
  const { stdout } = await run(peerPath('curl'), [
    '-s',
    '--http2-prior-knowledge',
    '-d',
    'y'.repeat(100_000),
    `http://127.0.0.1:${world.port}/`,
  ]);
  expect(stdout.length).toBe('100000 '.length + 300_000);
  expect(stdout.startsWith('100000 ')).toBe(true);
});

peerTest('nghttp', 'H04: nghttp gets what it asks for on one connection', async () => {
  await using origin = await ScriptedOrigin.start((seen) => ok(seen.head.split(' ')[1] ?? ''));
  await using world = await front(origin.port);
  const url = `http://127.0.0.1:${world.port}`;
  const { stdout } = await run(peerPath('nghttp'), [`${url}/one`, `${url}/two`]);
  expect([stdout.includes('/one'), stdout.includes('/two')]).toEqual([true, true]);
  expect(await world.closed(1)).toMatchObject([{ reason: 'completed', protocol: 'h2c' }]);
});

peerTest('h2load', 'H04: h2load fails no request over many streams, to upstreams of either version', async () => {
  await using h2 = await H2Origin.start((stream) => {
    stream.respond({ ':status': 200 });
    stream.end('ok');
  });
  await using http1 = await NodeOrigin.start((_request, response) => response.end('ok'));
  await using toH2 = await front(h2.port, { upstreamProtocol: 'h2' });
  await using toHttp1 = await front(http1.port);
  for (const { port } of [toH2, toHttp1]) {
    const wanted = ['-n', '1000', '-c', '4', '-m', '50', `http://127.0.0.1:${port}/`];
    const { stdout } = await run(peerPath('h2load'), wanted);
    expect(stdout).toContain('1000 succeeded, 0 failed, 0 errored');
  }
});

test('H04: headers of HTTP/2 that are sent as OutgoingHttpHeaders keep their order of values', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('x'));
  await using world = await front(origin.port);
  await using session = client(world.port);
  const sent: OutgoingHttpHeaders = { ':path': '/', accept: ['a', 'b'], cookie: ['c=1', 'd=2'] };
  await read(session.request(sent));
  const head = origin.seen[0]?.head ?? '';
  expect(head.match(/^accept: .*$/gim)).toEqual(['accept: a', 'accept: b']);
  expect(head.match(/^cookie: .*$/gim)).toEqual(['cookie: c=1; d=2']);
});
