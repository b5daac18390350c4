/**
 * WebSocket through HTTP/1.1: the upgrade, what is already on its way beside it, and the tunnel that the connection is
 * afterwards, with a tunnel's deadlines and none of HTTP's.
 */
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer, type RawData } from 'ws';
import type { ConnectionSnapshot } from '../../src/index.ts';
import { SteppedProxy } from '../support/http-stepped.ts';
import { get, NodeOrigin, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { dialPeer, eventually, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const route = { match: { ports: 0, protocol: 'http' } } as const;
const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';

function upgrade(more = `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n`, path = '/'): string {
  return get(path, `Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n${more}`);
}

const switching = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;

/** An origin that takes every upgrade, says `greeting` in the same segment, and echoes every byte behind the request. */
function echoing(greeting = ''): Promise<Origin> {
  return Origin.start((peer) => {
    let isOpen = false;
    peer.socket.on('data', (chunk: Buffer) => {
      const end = peer.bytes.indexOf('\r\n\r\n') + 4;
      if (isOpen && peer.socket.writable) peer.send(chunk);
      if (isOpen || end < 4) return;
      isOpen = true;
      peer.send(Buffer.concat([Buffer.from(switching + greeting), peer.bytes.subarray(end)]));
    });
  });
}

/** Upgrades, and waits until the connection is a tunnel. */
async function tunnel(port: number): Promise<Peer> {
  const client = await dialPeer(port);
  client.send(upgrade());
  while (!client.text.includes('\r\n\r\n')) await client.atLeast(client.bytes.length + 1);
  return client;
}

/** A server of ws that echoes every message. */
class EchoServer implements AsyncDisposable {
  readonly #origin: NodeOrigin;
  readonly #server: WebSocketServer;

  private constructor(origin: NodeOrigin) {
    this.#origin = origin;
    this.#server = new WebSocketServer({ server: origin.server, maxPayload: 0, perMessageDeflate: true });
    this.#server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      socket.on('message', (data, isBinary) => socket.send(textOf(data), { binary: isBinary }));
    });
  }

  static async start(): Promise<EchoServer> {
    return new EchoServer(await NodeOrigin.start((_, response) => response.end('plain')));
  }

  get port(): number {
    return this.#origin.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
    await this.#origin[Symbol.asyncDispose]();
  }
}

function textOf(data: RawData): string {
  if (data instanceof ArrayBuffer) return Buffer.from(data).toString();
  return (Array.isArray(data) ? Buffer.concat(data) : data).toString();
}

describe.each(['compiled', 'xstate'] as const)('WebSocket under the %s interpreter', (interpreter) => {
  test('H01, H03: a client and a server of ws talk as if nobody were between them, large frames included', async () => {
    await using origin = await EchoServer.start();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    const client = new WebSocket(`ws://127.0.0.1:${world.port}/chat?room=1`, ['v2.chat', 'v1.chat'], {
      perMessageDeflate: true,
    });
    await once(client, 'open');
    expect(client.protocol).toBe('v2.chat');
    const big = 'w'.repeat(3_000_000);
    for (const message of ['hello', '', 'ünïcødé', big]) {
      client.send(message);
      const echoed = await new Promise<string>((resolve) => client.once('message', (data) => resolve(textOf(data))));
      expect(echoed === message).toBe(true);
    }
    client.ping('are you there');
    expect(String((await once(client, 'pong'))[0])).toBe('are you there');
    client.close(4001, 'done');
    expect((await once(client, 'close')).map(String)).toEqual(['4001', 'done']);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'completed', protocol: 'http', route: 'only' });
  });

  test("H03: bytes behind the request and bytes behind the 101, in the same segments, are the tunnel's, all of them and in order", async () => {
    await using origin = await echoing('greeting ');
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    for (const early of ['early frames ', `looks like HTTP: ${get('/admin')}`, '\0'.repeat(100_000)]) {
      const client = await dialPeer(world.port);
      client.send(upgrade() + early);
      const reply = await readReply(client);
      expect(reply.status).toBe(101);
      const expected = `greeting ${early}`;
      await client.atLeast(reply.bytes + expected.length);
      client.send('and later');
      const bytes = await client.atLeast(reply.bytes + expected.length + 9);
      expect(bytes.toString('latin1').slice(reply.bytes)).toBe(`${expected}and later`);
      client.reset();
    }
    await world.closed(3);
    for (const peer of origin.peers)
      expect(peer.text.match(/ HTTP\/1\.1\r\nHost: a\.example\r\n(?=.*X-Forwarded-For)/gs)).toHaveLength(1);
  });

  test.each([
    'Sec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n',
    'Sec-WebSocket-Version: 13\r\n',
    `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 7\r\n`,
    `Sec-WebSocket-Key: ${key}\r\n`,
    `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n`,
  ])(
    "H03: whether a key or a version will do is the origin's to say: %j passes unchanged, and so does its answer",
    async (fields) => {
      await using origin = await EchoServer.start();
      await using seeing = await ScriptedOrigin.start(() => ok('no', 'Sec-WebSocket-Version: 13\r\n'));
      await using direct = await ProxyUnderTest.forward(origin.port, { interpreter, route });
      await using seen = await ProxyUnderTest.forward(seeing.port, { interpreter, route });
      const wanted = await dialPeer(origin.port);
      const got = await dialPeer(direct.port);
      const other = await dialPeer(seen.port);
      expect((await readReply(got.send(upgrade(fields)))).status).toBe(
        (await readReply(wanted.send(upgrade(fields)))).status,
      );
      expect((await readReply(other.send(upgrade(fields)))).fields['sec-websocket-version']).toBe('13');
      const lines = seeing.seen[0]?.head.split('\r\n').filter((line) => line.startsWith('Sec-')) ?? [];
      expect(lines).toEqual(fields.trimEnd().split('\r\n'));
      for (const { socket } of [wanted, got, other]) socket.destroy();
    },
  );

  test('H03: an upgrade that the origin refuses is an answer like any other, after which both sides end or go on as they say', async () => {
    await using origin = await ScriptedOrigin.start(({ head }, _count, peer) => {
      if (!head.includes('/closing')) return `HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno`;
      setImmediate(() => peer.end());
      return 'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno';
    });
    await using world = await ProxyUnderTest.forward(origin.port, {
      interpreter,
      route: { ...route, timeouts: { poolIdle: '50ms' } },
    });
    const client = await dialPeer(world.port);
    const refused = await readReply(client.send(upgrade()));
    expect(refused).toMatchObject({ status: 403, body: 'no' });
    const again = await readReply(client.send(upgrade()), refused.bytes);
    const closing = await readReply(client.send(upgrade(undefined, '/closing')), refused.bytes + again.bytes);
    expect([again.status, closing.status]).toEqual([403, 403]);
    client.end();
    expect(await client.closed).toBe('clean');
    await eventually(() => world.proxy.census().transports === 0);
    for (const { closed } of origin.connections) expect(await closed).toMatch(/clean|reset/);
  });

  test('H03: a switch to something else than was offered is 502, and no byte of it reaches the client', async () => {
    await using origin = await ScriptedOrigin.start(
      () => 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nsecret',
    );
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    const client = await dialPeer(world.port);
    expect((await readReply(client.send(upgrade()))).status).toBe(502);
    client.end();
    await client.closed;
    expect(client.text).not.toContain('secret');
    expect(await origin.connections[0]?.closed).toBe('reset');
  });

  test('H03, T11: a lifetime that the route itself sets cuts its tunnels too', async () => {
    await using origin = await echoing();
    await using world = await SteppedProxy.forward(origin.port, {
      interpreter,
      route: { ...route, timeouts: { lifetime: 5_000 } },
    });
    const client = await tunnel(world.port);
    await world.inLeaf('ESTABLISHED.TUNNEL.ACTIVE');
    world.clock.advance(5_000);
    expect(await client.closed).toBe('reset');
    expect(await world.closed(1)).toMatchObject([{ reason: 'timeout.lifetime', limitMs: 5_000, state: 'ESTABLISHED' }]);
  });

  test('H03, L39, L40, T02: after 101 no deadline of HTTP is left and age is no fault; idle rules, and says so before it ends', async () => {
    await using origin = await echoing();
    const short = {
      requestHead: 100,
      requestBody: 100,
      response: 100,
      keepAlive: 100,
      poolIdle: 100,
      sniff: 100,
      lifetime: 5_000,
    };
    await using world = await SteppedProxy.forward(origin.port, { interpreter, timeouts: { ...short, idle: 10_000 } });
    const idling: ConnectionSnapshot[] = [];
    world.proxy.on('connection.idling', ({ connection }) => void idling.push(connection));
    const client = await tunnel(world.port);
    await world.inLeaf('ESTABLISHED.TUNNEL.ACTIVE');
    let { length } = client.bytes;
    for (let round = 0; round < 5; round += 1) {
      world.clock.advance(9_999);
      expect(world.proxy.connections()).toHaveLength(1);
      client.send('x');
      length += 1;
      await client.atLeast(length);
    }
    expect(idling).toHaveLength(5);
    // The upstream leg is the tunnel's own, and no pool's.
    expect(world.proxy.census()).toMatchObject({ upstreams: 0, transports: 2 });
    world.clock.advance(10_000);
    expect(await client.closed).toBe('reset');
    expect(await origin.peers[0]?.closed).toBe('reset');
    expect(await world.closed(1)).toMatchObject([
      { reason: 'timeout.idle', limitMs: 10_000, configPath: 'timeouts.idle', state: 'ESTABLISHED' },
    ]);
    expect(world.exchanges).toMatchObject([{ reason: 'completed', status: 101 }]);
    await eventually(() => world.proxy.census().transports === 0);
  });

  test('H03: half-close works in a tunnel that HTTP has opened, in both directions', async () => {
    await using origin = await echoing();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    const client = await tunnel(world.port);
    const { length } = client.bytes;
    client.send('last words').end();
    const [server] = origin.peers;
    await server?.ended;
    await client.atLeast(length + 10);
    server?.send('still talking').end();
    await client.ended;
    expect(client.text.slice(length)).toBe('last wordsstill talking');
    expect(await client.closed).toBe('clean');
    const other = await tunnel(world.port);
    origin.peers[1]?.end();
    await other.ended;
    other.send('heard').end();
    await origin.peers[1]?.ended;
    expect(origin.peers[1]?.text.endsWith('heard')).toBe(true);
    expect((await world.closed(2)).map(({ reason }) => reason)).toEqual(['completed', 'completed']);
  });

  test('H03: a reset on one side of the tunnel is a reset on the other, at once', async () => {
    await using origin = await echoing();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    const leaving = await tunnel(world.port);
    leaving.reset();
    expect(await origin.peers[0]?.closed).toBe('reset');
    const left = await tunnel(world.port);
    origin.peers[1]?.reset();
    expect(await left.closed).toBe('reset');
    expect((await world.closed(2)).map(({ reason }) => reason)).toEqual(['downstream.reset', 'upstream.reset']);
    await eventually(() => world.proxy.census().transports === 0);
  });

  test('H03, L40: drain leaves tunnels running until its deadline, and ends kept-alive connections at once', async () => {
    await using origin = await echoing();
    await using plain = await ScriptedOrigin.start(() => ok('plain'));
    await using world = await SteppedProxy.forward(origin.port, { interpreter });
    await using idle = await SteppedProxy.forward(plain.port, { interpreter });
    const client = await tunnel(world.port);
    await world.inLeaf('ESTABLISHED.TUNNEL.ACTIVE');
    const waiting = await dialPeer(idle.port);
    await readReply(waiting.send(get('/')));
    const drained = [world.proxy.drain({ timeout: '1h' }), idle.proxy.drain({ timeout: '1h' })];
    await waiting.ended;
    waiting.end();
    await drained[1];
    const { length } = client.bytes;
    world.clock.advance(60_000);
    client.send('still here');
    await client.atLeast(length + 10);
    world.clock.advance(299_999);
    client.send('and here');
    await client.atLeast(length + 18);
    for (let minute = 0; minute < 54; minute += 1) {
      world.clock.advance(59_999);
      client.send('.');
      await client.atLeast(length + 19 + minute);
    }
    world.clock.advance(60_000);
    await drained[0];
    expect(await client.closed).toBe('reset');
    expect(world.records).toMatchObject([{ reason: 'operator.drained', by: 'operator' }]);
    expect(idle.records).toMatchObject([{ reason: 'operator.drained' }]);
  });

  test('H03: terminated, a WebSocket is an exchange that becomes a tunnel; passed through, it is a tunnel from the first byte', async () => {
    await using origin = await echoing();
    await using terminated = await ProxyUnderTest.forward(origin.port, { interpreter, route });
    await using passed = await ProxyUnderTest.forward(origin.port, { interpreter });
    for (const world of [terminated, passed]) {
      const client = await tunnel(world.port);
      client.end();
      await eventually(() => origin.peers.every(({ socket }) => socket.readableEnded || socket.destroyed));
      for (const peer of origin.peers) peer.end();
      await client.closed;
      await world.closed(1);
    }
    const walk = ({ records }: ProxyUnderTest) => records[0]?.path.map(([state]) => state);
    expect(walk(passed)).toEqual(['ACCEPTED', 'SNIFFING', 'DIALING', 'ESTABLISHED', 'HALF_CLOSED']);
    expect(walk(terminated)).toEqual(['ACCEPTED', 'SNIFFING', 'ESTABLISHED', 'HALF_CLOSED']);
    expect([terminated, passed].map(({ proxy }) => proxy.counters().exchanges.closed)).toEqual([1, 0]);
    expect(origin.peers.map(({ text }) => text.includes('X-Forwarded-For'))).toEqual([true, false]);
  });
});
