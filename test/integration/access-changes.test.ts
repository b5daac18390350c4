/**
 * Lists that change while the proxy runs: for whom the doors close, and what becomes of whoever is inside.
 */
import { describe, expect, test } from 'vitest';
import { ConfigError, type RouteConfig } from '../../src/index.ts';
import type { RouteLists } from '../../src/proxy-api.ts';
import { createRuntime } from '../../src/proxy-runtime.ts';
import { admissionPlan, type AdmissionChange } from '../support/admission-plans.ts';
import { ask, get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { dialTls, terminating } from '../support/tls-world.ts';
import { dialPeer, eventually, knock, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const other = { localAddress: '127.0.0.2' };
const ban = { ipBlockList: '127.0.0.1' };

function start(route: object, port: number, change: AdmissionChange, more: object = {}): Promise<ProxyUnderTest> {
  const only: RouteConfig = {
    name: 'only',
    match: { ports: 0 },
    action: { type: 'forward', target: { host: '127.0.0.1', port } },
    ...route,
  };
  return ProxyUnderTest.planned(admissionPlan({ routes: [only], timeouts: { poolIdle: '50ms' }, ...more }, change));
}

const http = { match: { ports: 0, protocol: 'http' } };

async function both(world: ProxyUnderTest): Promise<readonly [Peer, Peer]> {
  const clients = [await dialPeer(world.port), await dialPeer(world.port, other)] as const;
  await world.inState('ESTABLISHED', 2);
  return clients;
}

describe('lists that change under raw connections', () => {
  test('route-security-unit, X02: kill ends whoever may not pass any more at once, and nobody else', async () => {
    await using origin = await Origin.echo();
    await using world = await start({ security: { ipAllowList: '127.0.0.0/8' } }, origin.port, { onBan: 'kill' });
    const [banned, kept] = await both(world);
    world.proxy.routes.restrict('only', ban);
    expect(await banned.closed).toBe('reset');
    expect(world.records).toMatchObject([
      {
        reason: 'refused.address',
        by: 'proxy',
        state: 'ESTABLISHED',
        cause: 'the lists of only do not let this address pass any more',
      },
    ]);
    kept.send('still');
    expect((await kept.atLeast(5)).toString()).toBe('still');
    expect(await knock(world.port).closed).toBe('reset');
    expect(world.proxy.routes.list()[0]?.access).toEqual({ allow: ['127.0.0.0/8'], block: ['127.0.0.1'] });
    // And back again: only the block list is taken away.
    world.proxy.routes.restrict('only', { ipBlockList: null });
    expect(world.proxy.routes.list()[0]?.access).toEqual({ allow: ['127.0.0.0/8'], block: [] });
    const back = await dialPeer(world.port);
    back.send('back');
    await back.atLeast(4);
  });

  test('route-security-unit: keep and drain leave a tunnel that is open, and its client does not come again', async () => {
    for (const onBan of ['keep', 'drain'] as const) {
      await using origin = await Origin.echo();
      await using world = await start({}, origin.port, { onBan });
      const [banned] = await both(world);
      world.proxy.routes.restrict('only', { ipAllowList: ['127.0.0.2', '10.0.0.*'] });
      expect(await knock(world.port).closed).toBe('reset');
      banned.send('still');
      expect((await banned.atLeast(5)).toString()).toBe('still');
    }
  });

  test('X01, X02: a list that is written for the mapped form of an address is the same list', async () => {
    await using origin = await Origin.echo();
    await using world = await start({}, origin.port, { onBan: 'kill' });
    const [banned] = await both(world);
    world.proxy.routes.restrict('only', { ipAllowList: '127.0.0.*', ipBlockList: ['::ffff:127.0.0.1'] });
    expect(await banned.closed).toBe('reset');
    await world.inState('ESTABLISHED', 1);
  });

  test('X02, C04: who waits for a place is ended as well, and its place in the queue is free', async () => {
    await using origin = await Origin.echo();
    await using world = await start({}, origin.port, { onBan: 'kill', route: { maxConnections: 1, waitersMax: 1 } });
    const kept = await dialPeer(world.port, other);
    await world.inState('ESTABLISHED');
    const banned = await dialPeer(world.port);
    await world.inState('DIALING');
    world.proxy.routes.restrict('only', ban);
    expect(await banned.closed).toBe('reset');
    const next = await dialPeer(world.port, other);
    await world.inState('DIALING');
    kept.reset();
    next.send('in');
    await next.atLeast(2);
  });

  test('X03: lists that change hold inside of TLS too', async () => {
    await using origin = await Origin.echo();
    const { name: _, ...route } = await terminating(origin.port, { match: { protocol: 'tcp' } });
    await using world = await start(route, origin.port, { onBan: 'kill' });
    const banned = await dialTls(world.port, { servername: 'a.example' });
    banned.send('hello');
    await banned.atLeast(5);
    world.proxy.routes.restrict('only', ban);
    await banned.closed;
    expect(world.records).toMatchObject([{ reason: 'refused.address', state: 'ESTABLISHED' }]);
    expect(await knock(world.port).closed).toBe('reset');
    expect(await world.closed(2)).toMatchObject([{}, { reason: 'refused.address', state: 'SNIFFING' }]);
  });
});

describe('lists that change under HTTP', () => {
  test('route-security-unit, P07: kill cuts the exchanges of who is banned, by whom a trusted proxy names, and no other', async () => {
    const waiting = new Map<string, Peer>();
    await using origin = await ScriptedOrigin.start(({ head }, _, peer) => {
      waiting.set(head.split(' ')[1] ?? '', peer);
      return null;
    });
    await using world = await start(http, origin.port, { onBan: 'kill' }, { trustedProxies: ['127.0.0.1'] });
    const asks = async (path: string, ip: string) =>
      (await dialPeer(world.port)).send(get(path, `X-Forwarded-For: ${ip}\r\n`));
    const [banned, kept] = [await asks('/banned', '203.0.113.1'), await asks('/kept', '203.0.113.2')];
    await eventually(() => waiting.size === 2);
    world.proxy.routes.restrict('only', { ipBlockList: '203.0.113.1/32' });
    expect(await banned.closed).toBe('reset');
    expect(world.proxy.counters().exchanges.closedByReason).toEqual({ 'refused.address': 1 });
    waiting.get('/kept')?.send(ok('kept'));
    expect((await readReply(kept)).body).toBe('kept');
  });

  test('route-security-unit: an idle connection is left alone, and refused at its next request', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('reached'));
    await using world = await start(http, origin.port, { onBan: 'kill' });
    const client = await dialPeer(world.port);
    client.send(get('/'));
    const first = await readReply(client);
    world.proxy.routes.restrict('only', ban);
    expect(world.proxy.connections()).toHaveLength(1);
    client.send(get('/again'));
    expect((await readReply(client, first.bytes)).status).toBe(403);
    expect(await knock(world.port).closed).toBe('reset');
    expect(origin.seen).toHaveLength(1);
  });

  test('route-security-unit: drain lets the exchange that is under way finish, and then the connection ends', async () => {
    const waiting: Peer[] = [];
    await using origin = await ScriptedOrigin.start((_, __, peer) => {
      waiting.push(peer);
      return null;
    });
    await using world = await start(http, origin.port, { onBan: 'drain' });
    const client = await dialPeer(world.port);
    client.send(get('/'));
    await eventually(() => waiting.length === 1);
    world.proxy.routes.restrict('only', ban);
    waiting[0]?.send(ok('done'));
    expect((await readReply(client)).body).toBe('done');
    await client.ended;
    client.end();
    expect(await world.closed(1)).toMatchObject([{ reason: 'completed' }]);
  });

  test('route-security-unit: a WebSocket is cut like a tunnel, once its client may not pass any more', async () => {
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n';
    const accept = 'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';
    await using origin = await ScriptedOrigin.start(() => `HTTP/1.1 101 Switching Protocols\r\n${upgrade}${accept}`);
    await using world = await start(http, origin.port, { onBan: 'kill', route: { maxConnections: 1 } });
    const asked = `${upgrade}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`;
    const banned = await dialPeer(world.port);
    banned.send(get('/ws', asked));
    await banned.atLeast(12);
    await world.until(() => world.proxy.connections()[0]?.leaf.startsWith('ESTABLISHED.TUNNEL') === true);
    world.proxy.routes.restrict('only', { ipBlockList: '10.0.0.1' });
    expect(world.proxy.connections()).toHaveLength(1);
    world.proxy.routes.restrict('only', ban);
    expect(await banned.closed).toBe('reset');
    expect(await world.closed(1)).toMatchObject([{ reason: 'refused.address', state: 'ESTABLISHED' }]);
    const next = await dialPeer(world.port, other);
    next.send(get('/ws', asked));
    expect((await next.atLeast(12)).toString()).toContain('101');
  });
});

test('X02: who has left is not kept, whichever way it went', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('reached'));
  const routes: RouteConfig[] = [
    { name: 'web', ...http, action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } } },
    { name: 'raw', match: { ports: 0 }, action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } } },
  ];
  const { life, access, registry } = createRuntime(
    admissionPlan({ routes, timeouts: { poolIdle: '50ms' } }, { onBan: 'kill' }),
    {},
  );
  await life.start();
  const port = life.addresses()[0]?.port ?? 0;
  expect((await ask(port, get('/'))).status).toBe(200);
  const raw = await dialPeer(port);
  raw.send('GARBAGE\0');
  await eventually(() => registry.live.size === 1 && access.guests === 1);
  raw.reset();
  await eventually(() => registry.live.size === 0);
  expect(access.guests).toBe(0);
  await life.stop(null);
});

describe('what a list may be changed to', () => {
  test('X01, X03: nonsense is refused with every problem, and nothing is changed', async () => {
    await using origin = await Origin.echo();
    await using world = await start({ security: ban }, origin.port, { onBan: 'kill' });
    const [kept] = [await dialPeer(world.port, other)];
    await world.inState('ESTABLISHED');
    const restrict = (name: string, lists: RouteLists): void => world.proxy.routes.restrict(name, lists);
    expect(() => restrict('nobody', ban)).toThrow('there is no route nobody: expected one of only');
    expect(() => restrict('only', {})).toThrow(ConfigError);
    expect(() => restrict('only', { ipAllowList: [] })).toThrow('a list of nobody');
    let thrown: unknown = null;
    try {
      restrict('only', { ipAllowList: ['10.0.0.0/33', '10.0.0.0/8', 'a.example'], ipBlockList: '127.0.0.2/x' });
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof ConfigError)) throw new Error('a ConfigError was expected');
    expect(thrown.code).toBe('SALLYPORT_CONFIG_INVALID');
    expect(thrown.problems.map(({ path }) => path)).toEqual(['ipAllowList[0]', 'ipAllowList[2]', 'ipBlockList']);
    expect(world.proxy.routes.list()[0]?.access).toEqual({ allow: null, block: ['127.0.0.1'] });
    kept.send('still');
    await kept.atLeast(5);
  });
});
