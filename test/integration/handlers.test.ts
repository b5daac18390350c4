/**
 * Handlers on the wire: inside the lifecycle of their connections, with every byte of the client's and none of its faults.
 *
 * What a handler can do with its stream is in `handlers-stream.test.ts`; here is what a client and the records see of it.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { get, request as requestHttp, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { describe, expect, test } from 'vitest';
import {
  block,
  echo,
  httpRedirect,
  httpRespond,
  type FetchHandler,
  type HandlerContext,
  type NodeHandler,
  type RouteConfig,
  type SocketHandler,
} from '../../src/index.ts';
import { expectBaseline } from '../support/census.ts';
import { repository, runScript } from '../support/command.ts';
import { repeated } from '../support/leg-watch.ts';
import { closedPort, dialPeer, eventually, knock, ProxyUnderTest } from '../support/world.ts';

const interpreters = ['compiled', 'xstate'] as const;

function serve(
  socketHandler: SocketHandler,
  more: { readonly route?: Partial<RouteConfig>; readonly interpreter?: 'compiled' | 'xstate' } = {},
): Promise<ProxyUnderTest> {
  const { route, interpreter = 'compiled' } = more;
  return ProxyUnderTest.start({
    interpreter,
    routes: [{ name: 'handled', match: { ports: 0 }, action: { type: 'handler', socketHandler }, ...route }],
  });
}

describe.each(interpreters)('socket handlers under the %s interpreter', (interpreter) => {
  test('K01, K04: a handler has the whole stream, and its connection a record like any other', async () => {
    await using world = await serve(
      (socket) => {
        socket.on('data', (chunk: Buffer) => socket.write(chunk.toString().toUpperCase()));
        socket.on('end', () => socket.end());
      },
      { interpreter },
    );
    const client = await dialPeer(world.port);
    client.send('hello');
    expect(String(await client.atLeast(5))).toBe('HELLO');
    await world.inState('ESTABLISHED');
    client.end();
    expect(await client.closed).toBe('clean');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      route: 'handled',
      interpreter,
      bytesIn: 5,
      bytesOut: 5,
      reason: 'handler.completed',
    });
    expect(record?.path.map(([state]) => state)).toEqual(['ACCEPTED', 'SNIFFING', 'ESTABLISHED', 'HALF_CLOSED']);
    await expectBaseline(world.proxy, null);
  });

  test('socket-handler-race: K02, M09: what came while an async handler was setting itself up is all there', async () => {
    const gate = Promise.withResolvers<null>();
    await using world = await serve(
      async (socket) => {
        await gate.promise;
        socket.pipe(socket);
      },
      { interpreter },
    );
    const client = await dialPeer(world.port);
    const sent = repeated(1_000_000);
    client.send(sent).end();
    await world.inState('ESTABLISHED');
    gate.resolve(null);
    await client.ended;
    expect(client.bytes.equals(sent)).toBe(true);
    await world.closed(1);
  });

  test('K01: a handler may use its buffer again as soon as its write is answered, however slow the client is', async () => {
    const rounds = 1_000;
    await using world = await serve(
      async (socket) => {
        const buffer = Buffer.alloc(20_000);
        for (let round = 0; round < rounds; round += 1) {
          buffer.fill(round);
          await new Promise<void>((resolve) => socket.write(buffer, () => resolve()));
        }
        socket.end();
      },
      { interpreter },
    );
    const client = await dialPeer(world.port);
    client.socket.pause();
    await world.until(() => world.proxy.connections({ state: 'ESTABLISHED' }).length === 1);
    await eventually(() => (world.proxy.connections()[0]?.bufferedBytes ?? 0) > 0);
    client.socket.resume();
    await client.ended;
    client.end();
    const expected = Buffer.concat(
      Array.from({ length: rounds }, (_none, round) => Buffer.alloc(20_000, round & 0xff)),
    );
    expect(client.bytes.equals(expected)).toBe(true);
    await world.closed(1);
  });

  test('socket-handler-race: M02, M09: the bytes a route was chosen by are the first the handler reads', async () => {
    const seen: string[] = [];
    await using world = await serve(
      async (socket) => {
        await Promise.resolve();
        socket.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
        socket.on('end', () => socket.end('read it all'));
      },
      { interpreter, route: { match: { ports: 0, protocol: 'redis' } } },
    );
    const client = await dialPeer(world.port);
    client.send('*1\r\n$4\r\n');
    client.send('PING\r\n').end();
    await client.ended;
    expect([seen.join(''), client.text]).toEqual(['*1\r\n$4\r\nPING\r\n', 'read it all']);
  });

  test('M10: a handler may speak first to a client that says nothing', async () => {
    await using world = await serve((socket) => void socket.write('220 mail.example ready\r\n'), { interpreter });
    const client = await dialPeer(world.port);
    expect(String(await client.atLeast(24))).toBe('220 mail.example ready\r\n');
    client.reset();
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'downstream.reset', bytesIn: 0 });
  });

  test.each<[string, SocketHandler]>([
    [
      'throws',
      () => {
        throw new Error('out of cheese');
      },
    ],
    ['is rejected', () => Promise.reject(new Error('out of cheese'))],
    ['destroys its stream with an error', (socket) => void socket.destroy(new Error('out of cheese'))],
  ])('K02: a handler that %s ends its own connection and says why', async (_how, failing) => {
    let isFirst = true;
    await using world = await serve(
      (socket, context) => {
        if (!isFirst) return echo()(socket, context);
        isFirst = false;
        return failing(socket, context);
      },
      { interpreter },
    );
    const troubles: string[] = [];
    world.proxy.on('handler.failed', ({ message }) => troubles.push(message));
    const first = knock(world.port);
    expect(await first.closed).toBe('reset');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      reason: 'handler.failed',
      cause: 'out of cheese',
    });
    expect(troubles).toEqual(['out of cheese']);
    const second = await dialPeer(world.port);
    second.send('still here');
    expect(String(await second.atLeast(10))).toBe('still here');
  });

  test('K04: a handler that leaves ends its connection, by a record that says so', async () => {
    await using world = await serve((socket) => void socket.destroy(), { interpreter });
    const client = knock(world.port);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'handler.completed', by: 'proxy' });
    await client.ended;
    client.end();
    expect(await client.closed).toBe('clean');
    await expectBaseline(world.proxy, null);
  });

  test('K04: a client that is reset closes the handler’s stream and aborts its signal', async () => {
    const given = Promise.withResolvers<[Duplex, HandlerContext]>();
    await using world = await serve((socket, context) => given.resolve([socket, context]), { interpreter });
    const client = await dialPeer(world.port);
    const [socket, context] = await given.promise;
    expect(context).toMatchObject({ route: 'handled', client: { port: client.socket.localPort }, exchangeId: null });
    client.reset();
    await world.closed(1);
    if (!socket.closed) await once(socket, 'close');
    expect(context.signal.aborted).toBe(true);
  });

  test('K04, T08: a handler that does nothing is ended by the idle deadline', async () => {
    const given = Promise.withResolvers<Duplex>();
    await using world = await serve((socket) => given.resolve(socket), {
      interpreter,
      route: { timeouts: { idle: '60ms' } },
    });
    const client = await dialPeer(world.port);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'timeout.idle', deadline: 'idle', limitMs: 60 });
    expect(await client.closed).toBe('reset');
    const socket = await given.promise;
    if (!socket.closed) await once(socket, 'close');
    await expectBaseline(world.proxy, null);
  });

  test('K04: stop leaves no handler behind', async () => {
    const sockets: Duplex[] = [];
    const world = await serve((socket) => void sockets.push(socket), { interpreter });
    const clients = await Promise.all([1, 2, 3].map(() => dialPeer(world.port)));
    await world.until(() => sockets.length === 3);
    await world.proxy.stop();
    await Promise.all(clients.map((client) => client.closed));
    expect(world.proxy.census()).toMatchObject({ connections: 0, transports: 0, timers: 0 });
    for (const socket of sockets) if (!socket.closed) await once(socket, 'close');
  });
});

test('A01, K01: examples/handlers.ts is short, and does what it says', async () => {
  const example = `${repository}examples/handlers.ts`;
  expect((await readFile(example, 'utf8')).trimEnd().split('\n').length).toBeLessThanOrEqual(30);
  const [stream, web] = [await closedPort(), await closedPort()];
  const running = runScript(example, [String(stream), String(web)]);
  await running.line(/^listening/);
  const client = await dialPeer(stream);
  client.send('hello, ').send('you\n').end();
  await client.ended;
  expect(client.text).toBe('welcome, 127.0.0.1\nHELLO, YOU\ngoodbye\n');
  expect(await respondedBy(web, '/users/7')).toMatchObject([{ status: 200, body: 'user 7\n' }]);
  running.signal('SIGTERM');
  expect(await running.ended).toMatchObject({ exitCode: 0 });
});

describe('K03: ready-made socket handlers on the wire', () => {
  test('the older spelling of the type is understood', async () => {
    await using world = await ProxyUnderTest.start({
      routes: [{ name: 'old', match: { ports: 0 }, action: { type: 'socket-handler', socketHandler: echo() } }],
    });
    const client = await dialPeer(world.port);
    client.send('abc').end();
    await client.ended;
    expect(client.text).toBe('abc');
  });

  test('block ends a client that speaks, without a reset', async () => {
    await using world = await serve(block('not here\n'));
    const client = await dialPeer(world.port);
    client.send(repeated(200_000));
    await client.ended;
    client.end();
    expect([client.text, await client.closed]).toEqual(['not here\n', 'clean']);
  });

  test('httpRespond and httpRedirect are understood by an HTTP client', async () => {
    await using world = await serve(httpRespond(403, 'no'));
    const [response] = await respondedBy(world.port, '/');
    expect(response).toEqual({ status: 403, location: undefined, body: 'no' });
    await using other = await serve(httpRedirect('https://front.example{path}{query}', 301));
    const [redirect] = await respondedBy(other.port, '/a?b=c');
    expect(redirect).toEqual({ status: 301, location: 'https://front.example/a?b=c', body: '' });
  });
});

interface Seen {
  readonly status: number | undefined;
  readonly location: string | undefined;
  readonly body: string;
}

async function respondedBy(port: number, path: string): Promise<[Seen]> {
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    get({ port, path, agent: false, host: '127.0.0.1' }, resolve).on('error', reject),
  );
  return [{ status: response.statusCode, location: response.headers.location, body: String(await bodyOf(response)) }];
}

async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function serveHttp(
  httpHandler: NodeHandler | { readonly fetch: FetchHandler },
  interpreter: 'compiled' | 'xstate' = 'compiled',
): Promise<ProxyUnderTest> {
  return ProxyUnderTest.start({
    interpreter,
    routes: [{ name: 'web', match: { ports: 0, path: '/users/:id/*' }, action: { type: 'handler', httpHandler } }],
  });
}

describe.each(interpreters)('HTTP handlers under the %s interpreter', (interpreter) => {
  test('a handler in Node’s form serves requests one after the other on one connection', async () => {
    await using world = await serveHttp((request, response, context) => {
      response.end(JSON.stringify([request.url, context.path?.pathParams, request.socket.remoteAddress]));
    }, interpreter);
    const client = await dialPeer(world.port);
    for (const id of ['7', '8']) client.send(`GET /users/${id}/x?y HTTP/1.1\r\nhost: a.example\r\n\r\n`);
    await client.atLeast(1);
    while (!client.text.includes('"/users/8/x?y"')) await client.atLeast(client.bytes.length + 1);
    expect(client.text).toContain('["/users/7/x?y",{"id":"7"},"127.0.0.1"]');
    expect(client.text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    client.end();
    expect(await client.closed).toBe('clean');
    await expectBaseline(world.proxy, null);
  });

  test('a handler in the form of fetch streams an upload back', async () => {
    await using world = await serveHttp(
      { fetch: (request) => new Response(request.body, { status: 201 }) },
      interpreter,
    );
    const sent = repeated(3_000_000);
    const request = requestHttp({
      port: world.port,
      host: '127.0.0.1',
      method: 'POST',
      path: '/users/7/x',
      agent: false,
    });
    request.end(sent);
    const response = await new Promise<IncomingMessage>((resolve) => request.once('response', resolve));
    expect(response.statusCode).toBe(201);
    expect((await bodyOf(response)).equals(sent)).toBe(true);
  });

  test('a handler that throws is answered 500 for, and the connection lives on', async () => {
    let calls = 0;
    await using world = await serveHttp((_request, response) => {
      calls += 1;
      if (calls === 1) throw new Error('out of cheese');
      response.end('better');
    }, interpreter);
    const failures: string[] = [];
    world.proxy.on('handler.failed', ({ message }) => failures.push(message));
    const client = await dialPeer(world.port);
    client.send('GET /users/7/x HTTP/1.1\r\nhost: a.example\r\n\r\n');
    await client.atLeast(20);
    expect(client.text).toMatch(/^HTTP\/1\.1 500 /);
    expect(client.text).not.toContain('cheese');
    client.send('GET /users/7/x HTTP/1.1\r\nhost: a.example\r\n\r\n');
    while (!client.text.includes('better')) await client.atLeast(client.bytes.length + 1);
    expect(failures).toEqual(['out of cheese']);
    client.end();
    await client.closed;
  });

  test('a handler that fails in the middle of its answer cuts it, so that it never looks complete', async () => {
    const gate = Promise.withResolvers<null>();
    await using world = await serveHttp(async (_request, response) => {
      response.write('half');
      await gate.promise;
      throw new Error('no more');
    }, interpreter);
    const client = await dialPeer(world.port);
    client.send('GET /users/7/x HTTP/1.1\r\nhost: a.example\r\n\r\n');
    while (!client.text.includes('half')) await client.atLeast(client.bytes.length + 1);
    gate.resolve(null);
    expect(await client.closed).toBe('reset');
    expect(client.text.endsWith('0\r\n\r\n')).toBe(false);
    await world.closed(1);
  });

  test('a client that leaves aborts the signal of its exchange', async () => {
    const given = Promise.withResolvers<AbortSignal>();
    await using world = await serveHttp((_request, _response, { signal }) => given.resolve(signal), interpreter);
    const client = await dialPeer(world.port);
    client.send('GET /users/7/x HTTP/1.1\r\nhost: a.example\r\n\r\n');
    const signal = await given.promise;
    client.reset();
    if (!signal.aborted) await once(signal, 'abort');
    await world.closed(1);
    await expectBaseline(world.proxy, null);
  });
});
