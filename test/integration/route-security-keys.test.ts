/**
 * `route-security-unit`: every key of a configuration that says who gets in has teeth, wherever it may stand.
 */
import { describe, expect, test } from 'vitest';
import type { RouteConfig, SallyportConfig } from '../../src/index.ts';
import { ask, get, ok, ScriptedOrigin } from '../support/http-world.ts';
import { dialPeer, eventually, knock, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const route = (port: number, more: object = {}): RouteConfig => ({
  name: 'only',
  match: { ports: 0 },
  action: { type: 'forward', target: { host: '127.0.0.1', port } },
  ...more,
});

const other = { localAddress: '127.0.0.2' };

/** What becomes of two clients of one address that come one after the other and stay. */
async function outcomes(config: SallyportConfig): Promise<readonly string[]> {
  await using world = await ProxyUnderTest.start(config);
  const leafOf = ({ socket }: Peer) =>
    world.proxy.connections().find(({ client }) => client.port === socket.localPort)?.leaf ?? 'gone';
  const settled: string[] = [];
  for (let at = 0; at < 2; at += 1) {
    const client = knock(world.port);
    await eventually(
      () => client.bytes.length > 0 || client.socket.destroyed || /ACCEPTED|QUEUED/.test(leafOf(client)),
    );
    settled.push(client.socket.destroyed ? 'gone' : leafOf(client).replace(/\..*/, ''));
  }
  return [...settled, ...world.records.map(({ reason }) => reason)];
}

const refused = ['ESTABLISHED', 'gone'];
const tooOften = ['ESTABLISHED', 'gone', 'refused.rate'];
const counted = ['ESTABLISHED', 'gone', 'refused.capacity'];

describe('route-security-unit: a key that says who gets in', () => {
  test.each<[string, Partial<SallyportConfig>, object, readonly string[]]>([
    ['none of them', {}, {}, ['ESTABLISHED', 'ESTABLISHED']],
    ['limits.maxConnections', { limits: { maxConnections: 1 } }, {}, refused],
    [
      'limits.waitingRoom',
      { limits: { maxConnections: 1, waitingRoom: { size: 1 } } },
      {},
      ['ESTABLISHED', 'ACCEPTED'],
    ],
    ['limits.maxConnectionsPerIp', { limits: { maxConnectionsPerIp: 1 } }, {}, counted],
    ['limits.rateLimit', { limits: { rateLimit: { connections: 1, per: '1h' } } }, {}, tooOften],
    ['listeners.maxConnections', { listeners: { 0: { maxConnections: 1 } } }, {}, refused],
    [
      'listeners.waitingRoom',
      { listeners: { 0: { maxConnections: 1, waitingRoom: { size: 1 } } } },
      {},
      ['ESTABLISHED', 'ACCEPTED'],
    ],
    ['listeners.maxConnectionsPerIp', { listeners: { 0: { maxConnectionsPerIp: 1 } } }, {}, counted],
    ['listeners.rateLimit', { listeners: { 0: { rateLimit: { connections: 1, per: '1h' } } } }, {}, tooOften],
    ['security.maxConnections', {}, { security: { maxConnections: 1 } }, counted],
    ['security.maxConnectionsPerIp', {}, { security: { maxConnectionsPerIp: 1 } }, counted],
    ['security.rateLimit', {}, { security: { rateLimit: { connections: 1, per: '1h' } } }, tooOften],
    ['queue', {}, { security: { maxConnections: 1 }, queue: { size: 1 } }, ['ESTABLISHED', 'DIALING']],
    [
      'defaults.ipBlockList',
      { defaults: { ipBlockList: '127.0.0.1' } },
      {},
      ['gone', 'gone', 'refused.address', 'refused.address'],
    ],
  ])('route-security-unit, X03: %s bites', async (_, config, security, expected) => {
    await using origin = await Origin.start((peer) => void peer.send('in'));
    expect(await outcomes({ routes: [route(origin.port, security)], ...config })).toEqual(expected);
  });

  test('route-security-unit, X04: the default lists hold for every route that has none of the same kind', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('reached'));
    const http = (name: string, path: string, security?: object): RouteConfig => ({
      ...route(origin.port, security === undefined ? {} : { security }),
      name,
      match: { ports: 0, path, protocol: 'http' },
    });
    await using world = await ProxyUnderTest.start({
      defaults: { ipAllowList: '10.0.0.0/8', ipBlockList: '127.0.0.2' },
      routes: [
        http('usual', '/usual'),
        http('own', '/own', { ipAllowList: '127.0.0.0/8' }),
        http('open', '/open', { ipAllowList: '127.0.0.0/8', ipBlockList: '9.9.9.9' }),
      ],
      timeouts: { poolIdle: '50ms' },
    });
    expect((await ask(world.port, get('/usual'))).status).toBe(403);
    expect((await ask(world.port, get('/own'))).status).toBe(200);
    const blocked = await dialPeer(world.port, other);
    blocked.send(get('/own'));
    expect((await blocked.atLeast(12)).toString('latin1', 9, 12)).toBe('403');
    expect(origin.seen).toHaveLength(1);
  });

  test('route-security-unit, X09: requests have a rate of their own, and so have all clients together', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('reached'));
    const limited = (by: 'ip' | 'route') =>
      ProxyUnderTest.start({
        routes: [
          {
            ...route(origin.port),
            match: { ports: 0, protocol: 'http' },
            security: { rateLimit: { requests: 1, per: '1h', by } },
          },
        ],
        timeouts: { poolIdle: '50ms' },
      });
    for (const [by, expected] of [
      ['ip', '200'],
      ['route', '429'],
    ] as const) {
      await using world = await limited(by);
      expect((await ask(world.port, get('/'))).status).toBe(200);
      expect((await ask(world.port, get('/'))).fields['retry-after']).toBe('3600');
      const elsewhere = await dialPeer(world.port, other);
      elsewhere.send(get('/'));
      expect((await elsewhere.atLeast(12)).toString('latin1', 9, 12)).toBe(expected);
      elsewhere.socket.destroy();
    }
  });
});
