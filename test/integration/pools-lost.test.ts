/**
 * Endpoints of pools that are lost while HTTP uses them: what their clients are told, and whose connections are let go.
 */
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { SallyportConfig } from '../../src/index.ts';
import { SteppedProxy } from '../support/http-stepped.ts';
import { get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { dialPeer, eventually, type Peer } from '../support/world.ts';

type Pool = NonNullable<SallyportConfig['pools']>[string];

const at = (port: number) => ({ host: '127.0.0.1', port });
const forward = { type: 'forward', pool: 'db' } as const;

function pooled(pool: Pool): SallyportConfig {
  return { pools: { db: pool }, routes: [{ name: 'only', match: { ports: 0, protocol: 'http' }, action: forward }] };
}

/** A web server whose health is what a test says, which answers `/slow` when it is told to, and becomes a tunnel. */
class Patient implements AsyncDisposable {
  readonly held: ServerResponse[] = [];
  isWell = true;
  readonly #server: Server = createServer((request, response) => {
    if (request.url === '/health') response.writeHead(this.isWell ? 200 : 503).end();
    else this.held.push(response);
  });

  static async start(): Promise<Patient> {
    const patient = new Patient();
    patient.#server.on('upgrade', (_request, socket) => {
      socket.on('error', () => undefined);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    });
    patient.#server.listen(0, '127.0.0.1');
    await once(patient.#server, 'listening');
    return patient;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server is not listening');
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await this.#server[Symbol.asyncDispose]();
  }
}

const upgrade =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

/** Three clients who use an endpoint when its checks bring it down: two wait for answers, one has a tunnel. */
async function lost(patient: Patient, onEndpointDown: 'drain' | 'kill') {
  const health = { type: 'http', path: '/health', interval: '1s', timeout: '30s', rise: 1, fall: 1 } as const;
  const manner = onEndpointDown === 'drain' ? ({ onEndpointDown, drain: '5s' } as const) : { onEndpointDown };
  const config = pooled({ endpoints: [at(patient.port)], ...manner, health });
  const world = await SteppedProxy.start(config);
  await eventually(() => world.proxy.endpoints()[0]?.leaf === 'UP.SETTLED.RESTING');
  const clients: Peer[] = [];
  for (const request of [get('/slow'), get('/slow'), get('/', upgrade)]) {
    const client = await dialPeer(world.port);
    client.send(request);
    clients.push(client);
  }
  const [first, second, tunnel] = clients;
  if (first === undefined || second === undefined || tunnel === undefined) throw new Error('nobody came');
  await eventually(() => patient.held.length === 2 && tunnel.text.includes('101'));
  patient.isWell = false;
  return {
    world,
    first,
    second,
    tunnel,
    fall: async () => {
      world.clock.advance(1_000);
      await eventually(() => world.proxy.endpoints()[0]?.state === 'DOWN');
    },
    [Symbol.asyncDispose]: async () => {
      const stopped = world.proxy.stop();
      world.clock.settle();
      for (const client of clients) client.reset();
      await stopped;
    },
  };
}

describe('an endpoint that its checks bring down', () => {
  test('drain: its clients get their last answer, and what is left after the time for it is cut', async () => {
    await using patient = await Patient.start();
    await using scene = await lost(patient, 'drain');
    const { world, first, second, tunnel } = scene;
    await scene.fall();
    for (const response of patient.held.splice(0, 1)) response.end('ok');
    const answered = await Promise.race([first, second].map((client) => readReply(client)));
    expect([answered.status, answered.fields['connection']]).toEqual([200, 'close']);
    expect(tunnel.socket.readableEnded).toBe(false);
    expect(world.proxy.endpoints()).toMatchObject([{ connections: 2 }]);
    world.clock.advance(5_000);
    const replies = await Promise.all([first, second].map((client) => readReply(client)));
    expect(replies.map(({ status }) => status).toSorted((less, more) => less - more)).toEqual([200, 502]);
    await tunnel.closed;
    expect(world.proxy.endpoints()).toMatchObject([{ connections: 0, state: 'DOWN' }]);
    expect(world.exchanges.at(-1)).toHaveProperty(
      'cause',
      `the endpoint 127.0.0.1:${patient.port} of db: the time to drain is over`,
    );
  });

  test('kill: a client that has seen nothing is told 502, one in the middle of an answer is cut', async () => {
    await using patient = await Patient.start();
    await using scene = await lost(patient, 'kill');
    const { first, second, tunnel, world } = scene;
    const [begun] = patient.held;
    begun?.writeHead(200, { 'content-length': 100 });
    begun?.write('half');
    await eventually(() => [first, second].some(({ text }) => text.includes('half')));
    const [reader, waiter] = first.text === '' ? [second, first] : [first, second];
    await scene.fall();
    expect((await readReply(waiter)).status).toBe(502);
    await reader.closed;
    await tunnel.closed;
    expect(reader.text.endsWith('half')).toBe(true);
    expect(new Set(world.exchanges.map(({ reason }) => reason))).toEqual(
      new Set(['completed', 'upstream.unreachable']),
    );
  });
});

describe('an endpoint that dials eject', () => {
  test('B02: a connection whose dial began before the ejection does not keep the breaker half-open', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('hi'));
    const { promise: gate, resolve: open } = Promise.withResolvers<boolean>();
    let dials = 0;
    const dialer = async () => {
      dials += 1;
      if (dials === 1) await gate;
      else if (dials === 2) throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
      const socket = connect(origin.port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    };
    const breaker = { failures: 1, openFor: '10s' };
    await using world = await SteppedProxy.start(pooled({ endpoints: [at(origin.port)], breaker, dialer }));
    const slow = await dialPeer(world.port);
    slow.send(get('/'));
    await eventually(() => dials === 1);
    const refused = await dialPeer(world.port);
    refused.send(get('/'));
    expect((await readReply(refused)).status).toBe(502);
    expect(world.proxy.endpoints()).toMatchObject([{ state: 'EJECTED' }]);
    open(true);
    expect((await readReply(slow)).status).toBe(200);
    await eventually(() => world.proxy.census().upstreams === 0);
    world.clock.advance(10_000);
    expect(world.proxy.endpoints()).toMatchObject([{ state: 'HALF_OPEN' }]);
    const before = slow.bytes.length;
    slow.send(get('/'));
    expect((await readReply(slow, before)).status).toBe(200);
    expect(world.proxy.endpoints()).toMatchObject([{ state: 'UP' }]);
    expect(dials).toBe(3);
    for (const peer of [slow, refused]) peer.end();
  });

  test('an ejection concerns its own pool: whoever reaches the same address another way keeps the connection', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('hi'));
    const dialer = () => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }));
    const match = { ports: 0, protocol: 'http' } as const;
    await using world = await SteppedProxy.start({
      pools: { db: { endpoints: [at(origin.port)], breaker: { failures: 1 }, dialer } },
      routes: [
        { name: 'pool', match: { ...match, path: '/pool' }, action: forward },
        { name: 'direct', match, action: { type: 'forward', target: at(origin.port) } },
      ],
    });
    const client = await dialPeer(world.port);
    for (const [path, status] of [
      ['/', 200],
      ['/pool', 502],
    ] as const) {
      const before = client.bytes.length;
      client.send(get(path));
      expect((await readReply(client, before)).status).toBe(status);
    }
    expect(world.proxy.endpoints()).toMatchObject([{ state: 'EJECTED' }]);
    expect(world.proxy.census().upstreams).toBe(1);
    client.end();
  });

  test('an ejection concerns its own pool: whoever waits for another one that has the same dialer goes on waiting', async () => {
    const refusals: ((error: Error) => void)[] = [];
    const dialer = () => new Promise<never>((_, reject) => refusals.push(reject));
    const match = { ports: 0, protocol: 'http' } as const;
    const endpoints = [at(1)];
    await using world = await SteppedProxy.start({
      pools: { one: { endpoints, breaker: { failures: 1 }, dialer }, two: { endpoints, breaker: false, dialer } },
      routes: [
        {
          name: 'one',
          match: { ...match, path: '/one' },
          action: { type: 'forward', pool: 'one', upstreamProtocol: 'h2' },
        },
        { name: 'two', match, action: { type: 'forward', pool: 'two', upstreamProtocol: 'h2' } },
      ],
    });
    const clients: Peer[] = [];
    for (const path of ['/two', '/two', '/one']) {
      const client = await dialPeer(world.port);
      client.send(get(path));
      clients.push(client);
      await eventually(
        () => world.exchangeLeaves().filter((leaf) => leaf.startsWith('DIALING.')).length === clients.length,
      );
    }
    await eventually(() => refusals.length === 2);
    refusals[1]?.(Object.assign(new Error('no'), { code: 'ECONNREFUSED' }));
    await eventually(() => world.exchanges.length === 1);
    expect(world.exchanges).toMatchObject([{ route: 'one' }]);
    expect(world.exchangeLeaves().toSorted()).toEqual(['DIALING.ATTEMPTING', 'DIALING.QUEUED']);
    for (const client of clients) client.reset();
    await eventually(() => world.exchanges.length === 3);
  });

  test('two pools that lead to one address share no connection: each finds out for itself', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('hi'));
    const match = { ports: 0, protocol: 'http' } as const;
    const pool = { endpoints: [at(origin.port)], breaker: { failures: 1 } };
    await using world = await SteppedProxy.start({
      pools: { one: pool, two: pool },
      routes: [
        { name: 'one', match: { ...match, path: '/one' }, action: { type: 'forward', pool: 'one' } },
        { name: 'two', match, action: { type: 'forward', pool: 'two' } },
      ],
    });
    const client = await dialPeer(world.port);
    for (const path of ['/one', '/two', '/one', '/two']) {
      const before = client.bytes.length;
      client.send(get(path));
      expect((await readReply(client, before)).status).toBe(200);
    }
    expect(world.exchanges.map(({ isReused }) => isReused)).toEqual([false, false, true, true]);
    client.end();
  });
});
