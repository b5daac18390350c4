/**
 * Ring 7: the ping of a WebSocket, on real sockets: where it is put, what it keeps alive, and what it does not.
 *
 * The clock is stepped: a ping is due when a test says so, and it is written before `advance` returns.
 */
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { SteppedProxy } from '../support/http-stepped.ts';
import { get, NodeOrigin } from '../support/http-world.ts';
import { dialPeer, eventually, Origin, type Peer } from '../support/world.ts';

const ping = '\x89\x00';
/** An empty Pong of a client's: masked, by a key of zeros. */
const pong = Buffer.of(0x8a, 0x80, 0, 0, 0, 0);

const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const upgrade = get(
  '/',
  `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n`,
);
const switching =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';

/** An origin that takes every upgrade and then says what the test says. */
function accepting(): Promise<Origin> {
  return Origin.start((peer) => void peer.socket.once('data', () => peer.send(switching)));
}

interface Tunnel {
  readonly client: Peer;
  readonly origin: Peer;
  /** What the client has been sent since the upgrade. */
  readonly heard: () => string;
  /** What the origin has been sent since the upgrade. */
  readonly told: () => string;
}

async function tunnel(world: SteppedProxy, { peers }: Origin): Promise<Tunnel> {
  const client = await dialPeer(world.port);
  client.send(upgrade);
  while (!client.text.includes('\r\n\r\n')) await client.atLeast(client.bytes.length + 1);
  await world.inLeaf('ESTABLISHED.TUNNEL.ACTIVE');
  const origin = peers.at(-1);
  if (origin === undefined) throw new Error('the origin was not reached');
  const { length } = client.text;
  const { length: asked } = origin.text;
  return { client, origin, heard: () => client.text.slice(length), told: () => origin.text.slice(asked) };
}

function pinging(
  origin: Origin,
  interpreter: 'compiled' | 'xstate',
  timeouts = { idle: 100_000 },
): Promise<SteppedProxy> {
  const target = { host: '127.0.0.1', port: origin.port };
  const action = { type: 'forward', target, websocket: { ping: '30s' } };
  return SteppedProxy.forward(origin.port, { interpreter, timeouts, route: { action } });
}

/** Bytes that the proxy has written to its only client. */
function written(world: SteppedProxy): number {
  return world.proxy.connections()[0]?.bytesOut ?? 0;
}

describe.each(['compiled', 'xstate'] as const)('a pinged WebSocket under the %s interpreter', (interpreter) => {
  test('H03: a client that answers is kept, and its Pong goes on to the upstream', async () => {
    await using origin = await accepting();
    await using world = await pinging(origin, interpreter);
    const { client, heard, told } = await tunnel(world, origin);
    for (let round = 1; round <= 8; round += 1) {
      world.clock.advance(30_000);
      await eventually(() => heard() === ping.repeat(round));
      client.send(pong);
      await eventually(() => told() === pong.toString('latin1').repeat(round));
    }
    expect(world.records).toEqual([]);
    expect(world.proxy.connections()[0]?.leaf).toBe('ESTABLISHED.TUNNEL.ACTIVE');
    client.reset();
    await world.closed(1);
  });

  test('H03, T08, L39: a client that answers no ping is cut when idle is over: our own bytes are no sign of life', async () => {
    await using origin = await accepting();
    await using world = await pinging(origin, interpreter);
    const { client, origin: server, heard } = await tunnel(world, origin);
    world.clock.advance(29_999);
    expect(heard()).toBe('');
    for (let count = 1; count <= 2; count += 1) {
      world.clock.advance(count === 1 ? 1 : 30_000);
      await eventually(() => heard() === ping.repeat(count));
    }
    world.clock.advance(39_999);
    expect(world.proxy.connections()[0]?.leaf).toBe('ESTABLISHED.TUNNEL.IDLING');
    world.clock.advance(1);
    expect(await client.closed).toBe('reset');
    expect(await server.closed).toBe('reset');
    expect(await world.closed(1)).toMatchObject([
      { reason: 'timeout.idle', deadline: 'idle', limitMs: 100_000, durationMs: 100_000, state: 'ESTABLISHED' },
    ]);
    expect(heard()).toBe(ping.repeat(2));
  });

  test('H03, T08: bytes either way put the next ping off', async () => {
    await using origin = await accepting();
    await using world = await pinging(origin, interpreter);
    const { client, origin: server, heard, told } = await tunnel(world, origin);
    world.clock.advance(20_000);
    server.send(Buffer.of(0x81, 1, 0x61));
    await eventually(() => heard().length === 3);
    world.clock.advance(20_000);
    client.send(pong);
    await eventually(() => told().length === pong.length);
    world.clock.advance(29_999);
    expect(heard()).toBe('\x81\x01a');
    world.clock.advance(1);
    await eventually(() => heard() === `\x81\x01a${ping}`);
    client.reset();
    await world.closed(1);
  });

  test('H03: no ping is put into the middle of a frame, and the frame arrives as it was sent', async () => {
    await using origin = await accepting();
    await using world = await pinging(origin, interpreter);
    const { origin: server, heard } = await tunnel(world, origin);
    const frame = Buffer.concat([Buffer.of(0x82, 126, 0, 200), Buffer.alloc(200, 0x89)]);
    for (const [from, to] of [
      [0, 1],
      [1, 3],
      [3, 100],
      [100, 203],
    ] as const) {
      server.send(frame.subarray(from, to));
      await eventually(() => heard().length === to);
      const before = written(world);
      world.clock.advance(60_000);
      expect(written(world)).toBe(before);
    }
    server.send(frame.subarray(203));
    await eventually(() => heard().length === 204);
    world.clock.advance(30_000);
    await eventually(() => heard() === `${frame.toString('latin1')}${ping}`);
    server.reset();
    await world.closed(1);
  });

  test('H03: nobody is pinged after a Close, nor twice: where the upstream has asked, its own Ping is waited for', async () => {
    await using origin = await accepting();
    await using world = await pinging(origin, interpreter);
    const { client, origin: server, heard, told } = await tunnel(world, origin);
    server.send(Buffer.of(0x89, 2, 0x68, 0x69));
    await eventually(() => heard().length === 4);
    world.clock.advance(60_000);
    expect(heard()).toBe('\x89\x02hi');
    client.send(pong);
    await eventually(() => told().length === pong.length);
    world.clock.advance(30_000);
    await eventually(() => heard() === `\x89\x02hi${ping}`);
    server.send(Buffer.of(0x88, 0));
    await eventually(() => heard().endsWith('\x88\x00'));
    const before = written(world);
    world.clock.advance(99_999);
    expect(written(world)).toBe(before);
    world.clock.advance(1);
    expect(await world.closed(1)).toMatchObject([{ reason: 'timeout.idle' }]);
  });

  test('H03: after half of it has ended a WebSocket is pinged no more', async () => {
    await using origin = await accepting();
    await using world = await pinging(origin, interpreter);
    const { client, heard } = await tunnel(world, origin);
    client.end();
    await world.inLeaf('HALF_CLOSED.DOWNSTREAM_ENDED');
    world.clock.advance(99_999);
    expect(heard()).toBe('');
    world.clock.advance(1);
    expect(await world.closed(1)).toMatchObject([{ reason: 'timeout.halfClosed' }]);
  });

  test('H03: where the route does not ask for it nothing is added', async () => {
    await using origin = await accepting();
    await using world = await SteppedProxy.forward(origin.port, { interpreter });
    const { client, heard } = await tunnel(world, origin);
    const before = written(world);
    world.clock.advance(299_999);
    expect(written(world)).toBe(before);
    expect(heard()).toBe('');
    client.reset();
    await world.closed(1);
  });
});

test('H03: a client of ws answers by itself, its messages are what they were, and a server of ws takes the Pongs it never asked for', async () => {
  await using origin = await NodeOrigin.start((_, response) => response.end('plain'));
  const server = new WebSocketServer({ server: origin.server });
  const pongs: string[] = [];
  server.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(data, { binary: false }));
    socket.on('pong', (payload) => void pongs.push(String(payload)));
  });
  await using world = await SteppedProxy.forward(origin.port, {
    route: {
      action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port }, websocket: { ping: 1_000 } },
      timeouts: { idle: 10_000 },
    },
  });
  const client = new WebSocket(`ws://127.0.0.1:${world.port}/`);
  await once(client, 'open');
  await world.inLeaf('ESTABLISHED.TUNNEL.ACTIVE');
  for (let round = 1; round <= 30; round += 1) {
    world.clock.advance(1_000);
    await eventually(() => pongs.length === round);
    if (round % 10 !== 0) continue;
    client.send(`message ${round}`);
    expect(String((await once(client, 'message'))[0])).toBe(`message ${round}`);
  }
  expect(new Set(pongs)).toEqual(new Set(['']));
  client.close(1000, 'done');
  expect((await once(client, 'close')).map(String)).toEqual(['1000', 'done']);
  expect(await world.closed(1)).toMatchObject([{ reason: 'completed' }]);
  server.close();
});
