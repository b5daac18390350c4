/**
 * `route-security-unit`: who may use a route, once it was chosen, whatever is spoken on it.
 */
import { describe, expect, test } from 'vitest';
import type { RouteConfig } from '../../src/index.ts';
import { ask, get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { authority, dialTls, handshakeFailure } from '../support/tls-world.ts';
import { dialPeer, eventually, knock, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const to = (port: number) => ({ type: 'forward' as const, target: { host: '127.0.0.1', port } });

function start(routes: readonly RouteConfig[], more: object = {}): Promise<ProxyUnderTest> {
  return ProxyUnderTest.start({ routes, timeouts: { poolIdle: '50ms' }, ...more });
}

const nobody = { ipAllowList: ['192.168.1.*', '10.0.0.0/8'] };
const loopback = { ipAllowList: ['127.0.0.0/8', '::1'] };

describe.each(['compiled', 'xstate'] as const)('lists of a route under the %s interpreter', (interpreter) => {
  test('X01, X03: a raw client whose address is not allowed is reset, and its upstream hears of nothing', async () => {
    await using origin = await Origin.echo();
    await using world = await start([{ name: 'db', match: { ports: 0 }, action: to(origin.port), security: nobody }], {
      interpreter,
    });
    expect(await knock(world.port).closed).toBe('reset');
    expect(await world.closed(1)).toMatchObject([
      { reason: 'refused.address', route: 'db', state: 'SNIFFING', upstream: null },
    ]);
    expect(origin.peers).toHaveLength(0);
  });

  test('X01, X02: the block list wins, and an address that is allowed passes', async () => {
    await using origin = await Origin.echo();
    const route = (ports: number, security: object): RouteConfig => ({
      name: 'db',
      match: { ports },
      action: to(origin.port),
      security,
    });
    await using open = await start([route(0, loopback)], { interpreter });
    const inside = await dialPeer(open.port);
    inside.send('hello');
    expect((await inside.atLeast(5)).toString()).toBe('hello');
    inside.socket.destroy();
    await using shut = await start([route(0, { ...loopback, ipBlockList: '127.0.0.1' })], { interpreter });
    expect(await knock(shut.port).closed).toBe('reset');
  });

  test('R06, X08: security never chooses a route: who may not use the best one is refused, and no other is tried', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('reached'));
    const api: RouteConfig = {
      name: 'api',
      match: { ports: 0, path: '/api/*' },
      action: { ...to(origin.port), security: nobody },
    };
    const rest: RouteConfig = { name: 'rest', match: { ports: 0, protocol: 'http' }, action: to(origin.port) };
    await using world = await start([api, rest], { interpreter });
    expect((await ask(world.port, get('/api/users'))).status).toBe(403);
    expect((await ask(world.port, get('/other'))).body).toBe('reached');
    expect(origin.seen).toHaveLength(1);
  });

  test('X01: behind a trusted proxy the client is whom that proxy names, and nobody else is believed', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('reached'));
    const api: RouteConfig = {
      name: 'api',
      match: { ports: 0, protocol: 'http' },
      action: to(origin.port),
      security: { ipAllowList: '203.0.113.7' },
    };
    await using trusting = await start([api], { interpreter, trustedProxies: ['127.0.0.1'] });
    const forFor = (said: string) => get('/', `X-Forwarded-For: ${said}\r\n`);
    expect((await ask(trusting.port, forFor('203.0.113.7'))).status).toBe(200);
    expect((await ask(trusting.port, forFor('203.0.113.7, 198.51.100.1'))).status).toBe(403);
    expect((await ask(trusting.port, forFor('198.51.100.1, 203.0.113.7, 127.0.0.1'))).status).toBe(200);
    const open: RouteConfig = { name: 'open', match: { ports: 0, path: '/open' }, action: to(origin.port) };
    await using doubting = await start([api, open], { interpreter });
    expect((await ask(doubting.port, forFor('203.0.113.7'))).status).toBe(403);
  });

  test('X03: the lists hold inside of TLS and for passthrough', async () => {
    await using origin = await Origin.echo();
    const certificate = await (await authority()).issue(['a.example']);
    await using world = await start(
      [
        {
          name: 'inside',
          match: { ports: 0, domains: 'a.example', protocol: 'tcp' },
          action: to(origin.port),
          tls: { mode: 'terminate', certificate },
          security: nobody,
        },
        {
          name: 'through',
          match: { ports: 0, domains: 'b.example' },
          action: to(origin.port),
          tls: { mode: 'passthrough' },
          security: nobody,
        },
        { name: 'open', match: { ports: 0, protocol: 'ssh' }, action: to(origin.port) },
      ],
      { interpreter },
    );
    const inside = await dialTls(world.port);
    await inside.closed;
    expect(await handshakeFailure(world.port, { servername: 'b.example' })).not.toBe('agreed');
    await world.closed(2);
    expect(world.records.map(({ reason, route }) => [reason, route])).toEqual([
      ['refused.address', 'inside'],
      ['refused.address', 'through'],
    ]);
    expect(origin.peers).toHaveLength(0);
  });
});

describe('caps of a route', () => {
  test('C01, C04: 500 clients for 50 places have exactly 50 of them at the backend, and the others are refused', async () => {
    await using origin = await Origin.start();
    await using world = await start([
      { name: 'db', match: { ports: 0 }, action: to(origin.port), security: { maxConnections: 50 } },
    ]);
    const clients = Array.from({ length: 500 }, () => knock(world.port));
    await world.closed(450);
    expect(new Set(world.records.map(({ reason }) => reason))).toEqual(new Set(['refused.capacity']));
    await world.inState('ESTABLISHED', 50);
    expect(origin.peers).toHaveLength(50);
    for (const client of clients) client.reset();
    await world.closed(500);
    const [again] = [knock(world.port)];
    await world.inState('ESTABLISHED', 1);
    again.socket.destroy();
  });

  test('C04, H03: on HTTP routes exchanges count, a WebSocket goes on counting, and a place is given back once', async () => {
    const waiting: Peer[] = [];
    await using origin = await ScriptedOrigin.start(({ head }, _, peer) => {
      if (head.includes('Upgrade: websocket'))
        return 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';
      waiting.push(peer);
      return null;
    });
    await using world = await start([
      { name: 'api', match: { ports: 0, protocol: 'http' }, action: to(origin.port), security: { maxConnections: 2 } },
    ]);
    const first = await dialPeer(world.port);
    first.send(get('/slow'));
    await eventually(() => waiting.length === 1);
    const socket = await dialPeer(world.port);
    socket.send(
      get(
        '/ws',
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
      ),
    );
    await socket.atLeast(12);
    expect((await ask(world.port, get('/more'))).status).toBe(503);
    waiting[0]?.send(ok('done'));
    expect((await readReply(first)).body).toBe('done');
    first.send(get('/again'));
    await eventually(() => waiting.length === 2);
    expect((await ask(world.port, get('/more'))).status).toBe(503);
    socket.reset();
    await world.until(() => world.proxy.connections().every(({ client }) => client.port !== socket.socket.localPort));
    const third = await dialPeer(world.port);
    third.send(get('/third'));
    await eventually(() => waiting.length === 3);
    for (const one of [first, third]) one.socket.destroy();
  });
});
