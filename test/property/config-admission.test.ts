/**
 * Caps, rates, queues, lists and PROXY headers in a configuration: what is said lands in the plan, what cannot be kept is
 * refused in its place.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { AdmissionPlan } from '../../src/routing/plan.ts';
import { complaints, forward, onlyRoute, problems, routeComplaints, web } from '../support/config-samples.ts';

const unlimited: AdmissionPlan = { maxConnections: null, maxConnectionsPerIp: null, rates: [], waitersMax: 0 };
const listening = (listener: Record<string, unknown>) => ({ routes: [web()], listeners: { 8080: listener } });
const listenerPlan = (listener: Record<string, unknown>) => resolveConfig(listening(listener)).listeners[0];
const secured = (security: Record<string, unknown>) => routeComplaints({ security });

describe('caps and rates', () => {
  test('C04, X09: what is not said is off, but for the cap of the whole proxy', () => {
    const plan = resolveConfig({ routes: [web()], limits: { maxConnections: undefined } });
    expect(plan.admission).toEqual({ ...unlimited, maxConnections: 10_000 });
    expect(plan.listeners[0]).toMatchObject({ admission: unlimited, proxyHeader: null });
    expect(plan.routes[0]).toMatchObject({ admission: unlimited, access: null, onBan: 'keep' });
    expect(plan.pools).toEqual([]);
  });

  test('C04, X09: caps, rates and rooms of the proxy, a listener and a route land where they are said', () => {
    const rateLimit = { connections: 100, per: '2s' };
    const rate = { amount: 100, perMs: 2_000, burst: 100, unit: 'connections' } as const;
    const limits = { maxConnections: 9, maxConnectionsPerIp: 3, rateLimit: { ...rateLimit, by: 'proxy' } };
    const listener = { maxConnections: '8', maxConnectionsPerIp: '2', rateLimit: { ...rateLimit, by: 'listener' } };
    const security = {
      maxConnections: 7,
      maxConnectionsPerIp: 1,
      rateLimit: { ...rateLimit, burst: 500 },
      onBan: 'kill',
    };
    const plan = resolveConfig({
      limits: { ...limits, waitingRoom: { size: 6 } },
      listeners: { 8080: { ...listener, waitingRoom: { size: '5' } } },
      routes: [web({ security, queue: { size: 4 } })],
    });
    expect(plan.admission).toEqual({
      maxConnections: 9,
      maxConnectionsPerIp: 3,
      rates: [{ ...rate, by: 'route' }],
      waitersMax: 6,
    });
    expect(plan.listeners[0]?.admission).toEqual({
      maxConnections: 8,
      maxConnectionsPerIp: 2,
      rates: [{ ...rate, by: 'route' }],
      waitersMax: 5,
    });
    expect(plan.routes[0]).toMatchObject({
      admission: {
        maxConnections: 7,
        maxConnectionsPerIp: 1,
        rates: [{ ...rate, burst: 500, by: 'ip' }],
        waitersMax: 4,
      },
      onBan: 'kill',
    });
  });

  test('X08: the same in the action of the route', () => {
    const security = { maxConnections: 7, rateLimit: { connections: 1 }, onBan: 'drain' };
    const { admission, onBan } = onlyRoute({ action: { ...forward, security }, queue: { size: 1 } });
    expect({ admission, onBan }).toEqual({
      admission: {
        maxConnections: 7,
        maxConnectionsPerIp: null,
        rates: [{ amount: 1, perMs: 1_000, burst: 1, unit: 'connections', by: 'ip' }],
        waitersMax: 1,
      },
      onBan: 'drain',
    });
  });

  test('X09: connections and requests are two rates, and a limit of requests means HTTP', () => {
    const route = onlyRoute({ security: { rateLimit: { connections: 5, requests: 50, per: '1m', by: 'route' } } });
    expect(route.admission.rates).toEqual([
      { amount: 5, perMs: 60_000, burst: 5, unit: 'connections', by: 'route' },
      { amount: 50, perMs: 60_000, burst: 50, unit: 'requests', by: 'route' },
    ]);
    expect(route).toMatchObject({ needsHttp: true, match: { protocol: 'http' } });
    expect(onlyRoute({ security: { rateLimit: { connections: 5 } } }).needsHttp).toBe(false);
  });

  test('X03: a limit of requests is refused where no request is seen', () => {
    const security = { rateLimit: { requests: 5 } };
    const path = 'routes[0].security.rateLimit.requests: a limit of requests needs HTTP, which is invisible on';
    expect(routeComplaints({ security, tls: { mode: 'passthrough' } })).toEqual([`${path} passthrough`]);
    expect(routeComplaints({ security, match: { ports: 1, protocol: 'tcp' } })).toEqual([`${path} raw TCP`]);
    expect(routeComplaints({ action: { ...forward, security }, match: { ports: 1, protocol: 'redis' } })).toEqual([
      expect.stringContaining('routes[0].action.security.rateLimit.requests'),
    ]);
    const socketHandler = () => undefined;
    expect(routeComplaints({ security, action: { type: 'handler', socketHandler } })).toEqual([
      `${path} the raw bytes that a socket handler is given`,
    ]);
  });

  test('X03: a rate of nothing is refused, and so are requests where no route is known', () => {
    expect(secured({ rateLimit: { per: '1s' } })).toEqual([
      'routes[0].security.rateLimit: this limits nothing: connections or requests is missing',
    ]);
    const elsewhere = { connections: 1, requests: 1 };
    const said = complaints({ ...listening({ rateLimit: elsewhere }), limits: { rateLimit: elsewhere } });
    expect(said.map((one) => one.replace(/: what .*/, ''))).toEqual(
      ['listeners.8080', 'limits'].map((at) => `${at}.rateLimit.requests: requests cannot be enforced here`),
    );
    expect(complaints({ ...listening({ rateLimit: {} }), limits: { rateLimit: {} } })).toEqual(
      ['limits', 'listeners.8080'].map((at) => `${at}.rateLimit: this limits nothing: connections is missing`),
    );
  });

  test('X03: a rate whose key is misspelt is one problem, not two', () => {
    const [only, ...others] = problems({ routes: [web({ security: { rateLimit: { request: 3 } } })] });
    expect([only, others]).toMatchObject([
      { path: 'routes[0].security.rateLimit.request', suggestion: 'requests' },
      [],
    ]);
  });

  test('X03: numbers that are none, and rates that would not be exact, are refused in their place', () => {
    for (const value of [-1, 1.5, 'many', null, Infinity])
      expect([value, secured({ maxConnections: value, maxConnectionsPerIp: value }).length]).toEqual([value, 2]);
    for (const value of [0, -1, 1_000_001, '1e3', Number.NaN])
      expect([value, secured({ rateLimit: { connections: value, requests: value, burst: value } }).length]).toEqual([
        value,
        3,
      ]);
    for (const per of [0, '0s', 'infinite', '-1s', true, 2 ** 31])
      expect([per, secured({ rateLimit: { connections: 1, per } }).length]).toEqual([per, 1]);
  });

  test('X03: slips are answered with what was probably meant', () => {
    const security = { onBan: 'kil', maxConnectionPerIp: 1, rateLimit: { connection: 1, requests: 1, by: 'rout' } };
    const found = problems({
      routes: [web({ security })],
      limits: { waitingroom: { size: 1 } },
      listeners: { 8080: { acceptProxyProtocl: true } },
      default: {},
    });
    expect(Object.fromEntries(found.map(({ path, suggestion }) => [path, suggestion]))).toEqual({
      'routes[0].security.onBan': 'kill',
      'routes[0].security.maxConnectionPerIp': 'maxConnectionsPerIp',
      'routes[0].security.rateLimit.connection': 'connections',
      'routes[0].security.rateLimit.by': 'route',
      'limits.waitingroom': 'waitingRoom',
      'listeners.8080.acceptProxyProtocl': 'acceptProxyProtocol',
      default: 'defaults',
    });
  });
});

describe('queues', () => {
  test('X03: a queue where there is nothing to wait for is refused with the reason', () => {
    const queue = { size: 1 };
    const said = (more: Record<string, unknown>) => routeComplaints({ queue, ...more });
    const why = (reason: string) => [`routes[0].queue: queue cannot be enforced here: ${reason}`];
    const security = { maxConnections: 1 };
    expect(said({})).toEqual(why('without maxConnections in security there is nothing to wait for'));
    expect(said({ security: { maxConnectionsPerIp: 1 } })).toHaveLength(1);
    expect(said({ security })).toEqual([]);
    expect(said({ security, action: { type: 'block' } })).toEqual(
      why('a blocked connection ends before it could matter'),
    );
    for (const action of [{ type: 'redirect', to: '/x' }, { type: 'respond' }])
      expect(said({ security, action })).toEqual(why('the answer is ready at once'));
    for (const type of ['handler', 'socket-handler'])
      expect(said({ security, action: { type, socketHandler: () => undefined } })).toEqual(
        why('nobody waits for a socket handler'),
      );
    expect(said({ security, action: { type: 'handler', httpHandler: () => new Response('') } })).toEqual([]);
    expect(said({ queue: { size: '0' } })).toEqual([]);
    for (const size of [-1, 65_537, '5 clients', undefined])
      expect([size, said({ security, queue: { size } }).length]).toEqual([size, 1]);
  });

  test('X03: a waiting room of a listener without a cap is refused; the proxy always has one', () => {
    expect(complaints({ ...listening({ waitingRoom: { size: 1 } }), limits: { waitingRoom: { size: 1 } } })).toEqual([
      'listeners.8080.waitingRoom: waitingRoom cannot be enforced here: without maxConnections there is nothing to wait for',
    ]);
  });

  test('X03: the deadline of a queue can be set where there is one, also where HTTP is not looked into', () => {
    const timeouts = { queue: '1s' };
    const waiting = { security: { maxConnections: 1 }, queue: { size: 1 }, timeouts };
    expect(routeComplaints({ timeouts })).toHaveLength(1);
    expect(onlyRoute(waiting).timeouts.values.queue).toBe(1_000);
    const httpHandler = () => new Response('');
    expect(routeComplaints({ ...waiting, action: { type: 'handler', httpHandler } })).toEqual([]);
    expect(routeComplaints({ timeouts, action: { type: 'handler', httpHandler } })).toHaveLength(1);
    const endpoints = [{ host: 'a', port: 1, maxConnections: 1 }];
    const pooled = (queue: unknown) => ({
      routes: [web({ timeouts, action: { type: 'forward', pool: 'db' } })],
      pools: { db: { endpoints, queue } },
    });
    expect(complaints(pooled({ size: 1 }))).toEqual([]);
    expect(complaints(pooled({ size: 0 }))).toHaveLength(1);
  });

  test('T05: whoever may wait is asked for as one who waits when the hold time is computed', () => {
    const asked: (readonly [number, boolean])[] = [];
    const holdTime = (_: unknown, attemptsMax: number, __: boolean, mayWait: boolean): number => {
      asked.push([attemptsMax, mayWait]);
      return 1;
    };
    const endpoints = [{ host: 'a', port: 1, maxConnections: 1 }];
    const pool = (port: number, name: string) =>
      web({ name, match: { ports: port }, action: { type: 'forward', pool: name } });
    resolveConfig(
      {
        limits: { maxHoldTime: '1h' },
        routes: [
          web(),
          web({ name: 'q', match: { ports: 1 }, security: { maxConnections: 1 }, queue: { size: 1 } }),
          pool(2, 'one'),
          pool(3, 'two'),
          pool(4, 'named'),
        ],
        pools: {
          one: { endpoints, queue: { size: 1 } },
          two: { endpoints: [...endpoints, { unix: '/a' }], retries: 4 },
          named: { endpoints: [{ srv: '_a._tcp.example' }] },
        },
      },
      { holdTime },
    );
    expect(asked).toEqual([
      [1, false],
      [1, true],
      [1, true],
      [5, false],
      [2, false],
    ]);
  });
});

describe('lists for every route', () => {
  test('X04: a default list counts for every route that has none of the same kind', () => {
    const list = (name: string, port: number, security?: Record<string, unknown>) =>
      web({ name, match: { ports: port }, ...(security === undefined ? {} : { security }) });
    const plan = resolveConfig({
      defaults: { ipAllowList: '10.0.0.0/8', ipBlockList: ['10.9.9.9'] },
      routes: [
        list('none', 1),
        list('allow', 2, { ipAllowList: '*' }),
        list('block', 3, { ipBlockList: ['10.1.1.1'] }),
        web({ name: 'in action', match: { ports: 4 }, action: { ...forward, security: { ipAllowList: '::1' } } }),
      ],
    });
    expect(plan.routes.map(({ access }) => access)).toEqual([
      { allow: ['10.0.0.0/8'], block: ['10.9.9.9'] },
      { allow: ['*'], block: ['10.9.9.9'] },
      { allow: ['10.0.0.0/8'], block: ['10.1.1.1'] },
      { allow: ['::1'], block: ['10.9.9.9'] },
    ]);
    expect(resolveConfig({ defaults: { ipBlockList: '::1' }, routes: [web()] }).routes[0]?.access).toEqual({
      allow: null,
      block: ['::1'],
    });
  });

  test('X04: addresses that nobody can have are refused, also there', () => {
    expect(complaints({ routes: [web()], defaults: { ipAllowList: [], ipBlockList: ['10.0.0.0/33'] } })).toHaveLength(
      2,
    );
  });

  test('X04, P08: the older spellings are answered with a configuration that loads', () => {
    const older = {
      defaultAllowedIPs: ['10.0.0.0/8', '192.168.*', 'nonsense'],
      proxyIPs: ['10.1.1.1'],
      maxConnectionsPerIP: 50,
      connectionRateLimitPerMinute: 300,
      sendProxyProtocol: true,
      routes: [web({ match: { ports: 443 } })],
    };
    const found = problems(older);
    expect(found.map(({ path }) => path).toSorted()).toEqual(
      Object.keys(older)
        .filter((key) => key !== 'routes')
        .toSorted(),
    );
    const suggestionOf = (key: string) => found.find(({ path }) => path === key)?.suggestion;
    expect(suggestionOf('defaultAllowedIPs')).toBe('defaults: { ipAllowList: ["10.0.0.0/8", "192.168.*"] }');
    expect(suggestionOf('proxyIPs')).toBe(
      'listeners:\n  443: { acceptProxyProtocol: { from: ["10.1.1.1"], required: true } }',
    );
    expect(suggestionOf('maxConnectionsPerIP')).toBe('limits: { maxConnectionsPerIp: 50 }');
    expect(suggestionOf('connectionRateLimitPerMinute')).toBe(
      'limits: { rateLimit: { connections: 300, per: 1m, by: ip } }',
    );
  });
});

describe('PROXY headers that come in', () => {
  test('P08: required from anybody, required or optional from some, or not looked for at all', () => {
    const accepted = (acceptProxyProtocol: unknown) => listenerPlan({ acceptProxyProtocol })?.proxyHeader;
    expect(accepted(true)).toEqual({ from: null, required: true });
    expect(accepted('true')).toEqual({ from: null, required: true });
    expect(accepted({})).toEqual({ from: null, required: true });
    for (const off of [false, 'false', undefined]) expect(accepted(off)).toBeNull();
    expect(accepted({ from: '10.0.0.0/8' })).toEqual({ from: ['10.0.0.0/8'], required: true });
    expect(accepted({ from: ['10.*', '::1'], required: 'false' })).toEqual({ from: ['10.*', '::1'], required: false });
  });

  test('P08: one that anybody may send or not is refused, because then every client could choose its address', () => {
    expect(complaints(listening({ acceptProxyProtocol: { required: false } }))).toEqual([
      'listeners.8080.acceptProxyProtocol.required: a header that anybody may send or not lets every client choose its address',
    ]);
    for (const wrong of ['yes', 1, null, [], { from: [] }, { from: 'office' }, { form: '::1' }])
      expect([wrong, complaints(listening({ acceptProxyProtocol: wrong })).length]).toEqual([wrong, 1]);
  });

  test('P08: believing anybody is worth a warning where more than this machine can come', () => {
    const warned = (listener: Record<string, unknown>) => resolveConfig(listening(listener)).warnings.length;
    expect(warned({ acceptProxyProtocol: true })).toBe(1);
    expect(warned({ acceptProxyProtocol: {}, host: '10.0.0.1' })).toBe(1);
    for (const host of ['127.0.0.1', '::1', '127.1.2.3', 'localhost'])
      expect([host, warned({ acceptProxyProtocol: true, host })]).toEqual([host, 0]);
    expect(warned({ acceptProxyProtocol: { from: '10.0.0.0/8' } })).toBe(0);
    expect(warned({ acceptProxyProtocol: false })).toBe(0);
  });
});
