/**
 * Pools on real sockets: endpoints that die and come back, endpoints that never answer, and clients who do not wait.
 */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import type { SallyportConfig } from '../../src/index.ts';
import { blackHole } from '../support/black-hole.ts';
import { SteppedProxy } from '../support/http-stepped.ts';
import { get, readReply } from '../support/http-world.ts';
import { dialPeer, eventually, knock, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

type Pool = NonNullable<SallyportConfig['pools']>[string];

function pooled(pool: Pool, protocol: 'raw' | 'http', more: Partial<SallyportConfig> = {}): SallyportConfig {
  const match = protocol === 'http' ? ({ ports: 0, protocol: 'http' } as const) : { ports: 0 };
  return { ...more, pools: { db: pool }, routes: [{ name: 'only', match, action: { type: 'forward', pool: 'db' } }] };
}

const at = (port: number, host = '127.0.0.1') => ({ host, port });

/** Says its port to whoever connects. */
function greeter(): Promise<Origin> {
  return Origin.start(greet);
}

function greet(peer: Peer): void {
  peer.send(`${peer.socket.localPort}\n`);
  void peer.ended.then(() => peer.end());
}

async function webServer(status: () => number): Promise<Server & AsyncDisposable> {
  const server = createServer((_request, response) => {
    response.writeHead(status(), { 'content-length': 2 });
    response.end('ok');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server is not listening');
  return address.port;
}

/** The clock stands still: what is due at once has to be told so. */
async function stop({ proxy, clock }: SteppedProxy): Promise<void> {
  const stopped = proxy.stop();
  clock.settle();
  await stopped;
}

/** What the endpoint said that the client was led to. */
async function greeting(peer: Peer): Promise<string> {
  while (!peer.text.includes('\n')) await peer.atLeast(peer.bytes.length + 1);
  return peer.text.trim();
}

describe.each(['compiled', 'xstate'] as const)('a pool under the %s interpreter', (interpreter) => {
  test('B02, B05: an endpoint that never answers costs a client one attempt, and after the breaker opens nobody one', async () => {
    await using hole = await blackHole();
    await using one = await greeter();
    await using two = await greeter();
    const breaker = { failures: 2, openFor: '10m' };
    const endpoints = [at(hole.port), at(one.port), at(two.port)];
    const config = pooled({ endpoints, breaker, retries: 2 }, 'raw', { interpreter });
    await using world = await SteppedProxy.start(config);
    const timedOut: string[] = [];
    world.proxy.on('connection.moved', ({ connectionId, on }) => {
      if (on === 'deadline.dial') timedOut.push(connectionId);
    });
    const clients: Peer[] = [];
    for (let round = 0; round < 6; round += 1) clients.push(await dialPeer(world.port));
    await world.inLeaf('DIALING.ATTEMPTING.CONNECTING', 2);
    await world.inLeaf('ESTABLISHED.TUNNEL.ACTIVE', 4);
    world.clock.advance(5_000);
    await world.inLeaf('DIALING.BACKING_OFF', 2);
    expect(world.proxy.endpoints().find(({ state }) => state === 'EJECTED')?.address.port).toBe(hole.port);
    world.clock.advance(100);
    const ports = await Promise.all(clients.map((client) => greeting(client)));
    expect(new Set(ports)).toEqual(new Set([one.port, two.port].map(String)));
    for (let round = 0; round < 6; round += 1) {
      const client = await dialPeer(world.port);
      await greeting(client);
      clients.push(client);
    }
    await stop(world);
    expect(timedOut).toHaveLength(2);
    expect(new Set(timedOut).size).toBe(2);
    expect(world.clock.armedCount).toBe(0);
  });

  test('B02, B05: the same for requests', async () => {
    await using hole = await blackHole();
    await using one = await webServerFor();
    await using two = await webServerFor();
    const breaker = { failures: 2, openFor: '10m' };
    const endpoints = [at(hole.port), at(portOf(one)), at(portOf(two))];
    const config = pooled({ endpoints, breaker, retries: 2 }, 'http', { interpreter });
    await using world = await SteppedProxy.start(config);
    const clients: Peer[] = [];
    for (let round = 0; round < 6; round += 1) {
      const client = await dialPeer(world.port);
      client.send(get('/'));
      clients.push(client);
    }
    // The others have their answers, and nothing but these two is under way when the clock goes on.
    await eventually(() => world.exchanges.length === 4);
    await world.exchangeInLeaf('DIALING.ATTEMPTING', 2);
    world.clock.advance(5_000);
    await world.exchangeInLeaf('DIALING.BACKING_OFF', 2);
    world.clock.advance(100);
    const replies = await Promise.all(clients.map((client) => readReply(client)));
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 6 }, () => 200));
    for (const client of clients) client.send(get('/again'));
    await eventually(() => world.exchanges.length === 12);
    // The deadline of one attempt and the wait after it.
    const durations = world.exchanges.map(({ durationMs }) => durationMs);
    expect(durations.toSorted((less, more) => less - more)).toEqual([
      ...Array.from({ length: 10 }, () => 0),
      5_100,
      5_100,
    ]);
    await stop(world);
    expect(world.proxy.census()).toMatchObject({ timers: 0, upstreams: 0, transports: 0 });
  });

  test('B05: a client that leaves ends its dial at once, and the endpoint is not blamed', async () => {
    await using hole = await blackHole();
    const breaker = { failures: 1, openFor: '10m' };
    const config = pooled({ endpoints: [at(hole.port)], breaker }, 'raw', { interpreter });
    await using world = await SteppedProxy.start(config);
    const client = await dialPeer(world.port);
    await world.inLeaf('DIALING.ATTEMPTING.CONNECTING');
    expect(world.proxy.census().transports).toBe(2);
    client.reset();
    await world.closed(1);
    await eventually(() => world.proxy.census().transports === 0);
    expect(world.proxy.endpoints()).toMatchObject([{ state: 'UP', connections: 0, failures: 0 }]);
    expect(world.clock.nowMs()).toBe(0);
  });
});

async function webServerFor(): Promise<Server & AsyncDisposable> {
  return webServer(() => 200);
}

describe('endpoints that die and come back', () => {
  test('B01, B03, B04: one of three backends is killed and started again, and nobody is refused', async () => {
    await using one = await greeter();
    await using two = await greeter();
    await using three = await greeter();
    const health = { type: 'tcp', interval: 50, timeout: 1_000, rise: 1, fall: 1 } as const;
    const endpoints = [one, two, three].map(({ port }) => at(port));
    await using world = await ProxyUnderTest.start(pooled({ endpoints, health, retries: 2 }, 'raw'));
    const led = async (count: number): Promise<Set<string>> => {
      const found = new Set<string>();
      for (let round = 0; round < count; round += 1) {
        const client = await dialPeer(world.port);
        found.add(await greeting(client));
        client.end();
        await client.closed;
      }
      return found;
    };
    expect(await led(6)).toEqual(new Set(endpoints.map(({ port }) => String(port))));
    const down = new Promise((resolve) => world.proxy.on('endpoint.down', resolve));
    const port = two.port;
    two.letGo();
    two.server.close();
    await once(two.server, 'close');
    expect(await led(6)).toEqual(new Set([one, three].map(({ port: left }) => String(left))));
    expect(await down).toMatchObject({ endpoint: `127.0.0.1:${port}`, cause: 'checks' });
    const up = new Promise((resolve) => world.proxy.on('endpoint.up', resolve));
    await using again = await Origin.start(greet, { port });
    await up;
    expect((await led(6)).has(String(again.port))).toBe(true);
    await world.closed(18);
    expect(new Set(world.records.map(({ reason }) => reason))).toEqual(new Set(['completed']));
  });

  test('B04: an HTTP endpoint is down while its check answers 503, and its unused connections are let go', async () => {
    let status = 200;
    await using one = await webServer(() => status);
    const asked = { type: 'http', path: '/health', status: '200-299' } as const;
    const health = { ...asked, interval: 30, timeout: 1_000, rise: 1, fall: 1 };
    const config = pooled({ endpoints: [at(portOf(one))], health }, 'http');
    await using world = await ProxyUnderTest.start(config);
    const client = await dialPeer(world.port);
    client.send(get('/'));
    expect((await readReply(client)).status).toBe(200);
    expect(world.proxy.census().upstreams).toBe(1);
    const down = new Promise((resolve) => world.proxy.on('endpoint.down', resolve));
    status = 503;
    expect(await down).toMatchObject({ detail: 'answered 503' });
    await eventually(() => world.proxy.census().upstreams === 0);
    const before = client.bytes.length;
    client.send(get('/'));
    expect((await readReply(client, before)).status).toBe(503);
    const up = new Promise((resolve) => world.proxy.on('endpoint.up', resolve));
    status = 200;
    await up;
    const second = await dialPeer(world.port);
    second.send(get('/'));
    expect((await readReply(second)).status).toBe(200);
  });

  test('C03, B04: requests past the cap of an endpoint wait for its place and go over the connection that is there', async () => {
    let live = 0;
    let most = 0;
    const sockets = new Set<unknown>();
    await using server = createServer((request, response) => {
      live += 1;
      most = Math.max(most, live);
      sockets.add(request.socket);
      setImmediate(() => {
        live -= 1;
        response.writeHead(200, { 'content-length': 2 });
        response.end('ok');
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoints = [{ ...at(portOf(server)), maxConnections: 2 }];
    await using world = await ProxyUnderTest.start(pooled({ endpoints, queue: { size: 50 } }, 'http'));
    const clients = await Promise.all(Array.from({ length: 30 }, () => dialPeer(world.port)));
    for (const client of clients) client.send(get('/'));
    const replies = await Promise.all(clients.map((client) => readReply(client)));
    expect(new Set(replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect(most).toBeLessThanOrEqual(2);
    expect(sockets.size).toBeLessThanOrEqual(2);
    expect(world.proxy.endpoints()).toMatchObject([{ connections: 0 }]);
  });

  test('a tunnel keeps its place at the endpoint until it ends', async () => {
    await using origin = await Origin.start((peer) => {
      peer.socket.once('data', () =>
        peer.socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
      );
    });
    const endpoints = [{ ...at(origin.port), maxConnections: 1 }];
    await using world = await ProxyUnderTest.start(pooled({ endpoints }, 'http'));
    const client = await dialPeer(world.port);
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
    client.send(get('/', upgrade));
    await client.atLeast(12);
    expect(client.text).toContain('101');
    const other = await dialPeer(world.port);
    other.send(get('/'));
    expect((await readReply(other)).status).toBe(503);
    expect(world.proxy.endpoints()).toMatchObject([{ connections: 1 }]);
    client.reset();
    await eventually(() => world.proxy.endpoints()[0]?.connections === 0);
  });
});

test('a proxy that is stopped while its endpoints are being checked leaves nothing', async () => {
  await using hole = await blackHole();
  const health = { type: 'tcp', interval: '1s', timeout: '1h' } as const;
  const config = pooled({ endpoints: [at(hole.port)], health }, 'raw');
  const world = await SteppedProxy.start(config);
  await eventually(() => world.proxy.census().transports === 1);
  const client = knock(world.port);
  await world.inLeaf('DIALING.ATTEMPTING.CONNECTING');
  await stop(world);
  client.reset();
  expect(world.proxy.census()).toMatchObject({ connections: 0, transports: 0, timers: 0, upstreams: 0 });
  expect(world.proxy.endpoints()).toEqual([]);
});
