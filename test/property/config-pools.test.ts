/**
 * Pools in a configuration: endpoints, checks, breakers; what is said lands in the plan, what cannot be kept is refused.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { PoolPlan } from '../../src/routing/pool-plan.ts';
import { complaints, onlyRoute, problems, web } from '../support/config-samples.ts';

const endpoints = [{ host: '127.0.0.1', port: 1 }];
const health = { type: 'tcp' };
const config = (pool: Record<string, unknown>, route: Record<string, unknown> = {}) => ({
  routes: [web({ action: { type: 'forward', pool: 'db' }, ...route })],
  pools: { db: { endpoints, ...pool } },
});

function poolPlan(pool: Record<string, unknown>, route: Record<string, unknown> = {}): PoolPlan {
  const plan = resolveConfig(config(pool, route), { folder: '/etc/sallyport' });
  const [db] = plan.pools;
  const action = plan.routes[0]?.action;
  if (db === undefined || action?.type !== 'forward') throw new Error('there is no pool');
  // What a proxy keeps for a pool it keeps for this object.
  expect(action.pool).toBe(db);
  expect(action.targets).toEqual([]);
  return db;
}

const wrong = (pool: Record<string, unknown>) => complaints(config(pool));

describe('what a pool becomes', () => {
  test('B01, B02: everything that is not said has its default', () => {
    expect(poolPlan({})).toEqual({
      name: 'db',
      configPath: 'pools.db',
      endpoints: [{ source: { kind: 'address', host: '127.0.0.1', port: 1 }, weight: 1, maxConnections: null }],
      balance: 'round-robin',
      hashBy: { kind: 'ip' },
      policy: { checks: null, breaker: null, slowStartMs: null, drainMs: null, trialMs: 15_000 },
      check: null,
      retries: 0,
      onEndpointDown: 'keep',
      dialer: { type: 'direct' },
      waitersMax: 0,
    });
  });

  test('B01: endpoints are addresses, services and sockets, with weights and caps of their own', () => {
    const { endpoints: found, waitersMax } = poolPlan({
      endpoints: [
        { host: '[::1]', port: '3306', weight: '2', maxConnections: 0 },
        { srv: '_mysql._tcp.example.internal', maxConnections: 9 },
        { unix: './db.sock', weight: 65_535 },
        { unix: 'unix:/run/db.sock' },
      ],
      queue: { size: 3 },
    });
    expect(found).toEqual([
      { source: { kind: 'address', host: '::1', port: 3_306 }, weight: 2, maxConnections: 0 },
      { source: { kind: 'service', name: '_mysql._tcp.example.internal' }, weight: 1, maxConnections: 9 },
      { source: { kind: 'unix', path: '/etc/sallyport/db.sock' }, weight: 65_535, maxConnections: null },
      { source: { kind: 'unix', path: '/run/db.sock' }, weight: 1, maxConnections: null },
    ]);
    expect(waitersMax).toBe(3);
  });

  test('B02: checks, breaker, slow start and drain make the policy of its endpoints', () => {
    const times = { interval: '1s', timeout: '200ms', rise: 3, fall: 4 };
    const { policy, onEndpointDown } = poolPlan({
      endpoints: [{ host: 'db.example', port: 1 }],
      health: { type: 'tcp', ...times },
      breaker: { failures: 2, openFor: '3s', openForMax: '4s' },
      slowStart: '5s',
      drain: '6s',
      onEndpointDown: 'kill',
    });
    expect(policy).toEqual({
      checks: { intervalMs: 1_000, timeoutMs: 200, rise: 3, fall: 4 },
      breaker: { failures: 2, openForMs: 3_000, openForMaxMs: 4_000 },
      slowStartMs: 5_000,
      drainMs: 6_000,
      trialMs: 15_000,
    });
    expect(onEndpointDown).toBe('kill');
    expect(poolPlan({ health: {} })).toMatchObject({
      policy: { checks: { intervalMs: 5_000, timeoutMs: 2_000, rise: 2, fall: 3 } },
      check: { type: 'tcp' },
    });
  });

  test('B02: the longest ejection is ten first ones, at most five minutes, and never less than the first', () => {
    const longest = (breaker: Record<string, unknown>) => poolPlan({ breaker }).policy.breaker;
    expect(longest({})).toEqual({ failures: 5, openForMs: 10_000, openForMaxMs: 100_000 });
    expect(longest({ openFor: '1m' })).toMatchObject({ openForMaxMs: 300_000 });
    expect(longest({ openFor: '10m' })).toMatchObject({ openForMaxMs: 600_000 });
  });

  test('B02: where there are several endpoints, dials take one of them out unless that is switched off', () => {
    const two = {
      endpoints: [
        { host: 'a', port: 1 },
        { host: 'b', port: 1 },
      ],
    };
    const usual = { failures: 5, openForMs: 10_000, openForMaxMs: 100_000 };
    expect(poolPlan(two).policy.breaker).toEqual(usual);
    expect(poolPlan({ endpoints: [{ srv: '_a._tcp.example' }] }).policy.breaker).toEqual(usual);
    expect(poolPlan({ ...two, breaker: false }).policy.breaker).toBe(null);
    expect(poolPlan({ breaker: {} }).policy.breaker).toEqual(usual);
    expect(wrong({ ...two, breaker: true })).toHaveLength(1);
  });

  test('B02: a trial may take as long as the longest dial of the routes that use the pool', () => {
    const trialMs = (routes: readonly Record<string, unknown>[], timeouts: Record<string, unknown>) =>
      resolveConfig({ routes, timeouts, pools: { db: { endpoints } } }).pools[0]?.policy.trialMs;
    const use = (port: number, dialBudget?: string) =>
      web({
        name: `r${port}`,
        match: { ports: port },
        action: { type: 'forward', pool: 'db' },
        timeouts: { dialBudget },
      });
    expect(trialMs([use(11, '2s'), use(12, '3s')], {})).toBe(3_000);
    expect(trialMs([use(11, '2s'), use(12)], { dialBudget: '4s' })).toBe(4_000);
    expect(trialMs([web()], { dialBudget: '5s' })).toBe(5_000);
  });

  test('B01: one more attempt where there may be another endpoint, unless it is said', () => {
    expect(poolPlan({ endpoints: [...endpoints, { unix: '/a' }] }).retries).toBe(1);
    expect(poolPlan({ endpoints: [{ srv: 'db.example' }] }).retries).toBe(1);
    expect(poolPlan({ endpoints: [{ host: 'db.example', port: 1 }], retries: '3' }).retries).toBe(3);
    expect(poolPlan({ endpoints: [...endpoints, { unix: '/a' }], retries: 0 }).retries).toBe(0);
  });

  test('B01: what it hashes by is read, names of headers in lower case', () => {
    const http = { match: { ports: 8080, protocol: 'http' } };
    const key = (hashBy: string) => poolPlan({ balance: 'hash', hashBy }, http).hashBy;
    expect(['ip', ' host ', 'path'].map(key)).toEqual([{ kind: 'ip' }, { kind: 'host' }, { kind: 'path' }]);
    expect(key('header:X-Tenant')).toEqual({ kind: 'header', name: 'x-tenant' });
    expect(key('cookie: Sid')).toEqual({ kind: 'cookie', name: 'Sid' });
    expect(poolPlan({ balance: 'hash' })).toMatchObject({ balance: 'hash', hashBy: { kind: 'ip' } });
    for (const balance of ['round-robin', 'least-connections', 'random-two'])
      expect(poolPlan({ balance }).balance).toBe(balance);
  });
});

describe('checks', () => {
  test('B04: an HTTP check asks for a path and takes the statuses that are said', () => {
    const check = (more: Record<string, unknown>) => poolPlan({ health: { type: 'http', ...more } }).check;
    expect(check({})).toEqual({
      type: 'http',
      method: 'GET',
      path: '/',
      host: null,
      status: [{ from: 200, to: 399 }],
    });
    expect(check({ method: 'HEAD', path: '/up?deep', host: 'a.example:80', status: [204, '300-304', '404'] })).toEqual({
      type: 'http',
      method: 'HEAD',
      path: '/up?deep',
      host: 'a.example:80',
      status: [
        { from: 204, to: 204 },
        { from: 300, to: 304 },
        { from: 404, to: 404 },
      ],
    });
  });

  test('B04: what is sent and what is expected are bytes, as text with escapes says them', () => {
    const check = (more: Record<string, unknown>) => poolPlan({ health: { type: 'exchange', ...more } }).check;
    expect(check({})).toEqual({ type: 'exchange', send: null, expect: null });
    expect(check({ send: 'PING\\r\\n', expect: '+PONG\\r\\n' })).toEqual({
      type: 'exchange',
      send: new TextEncoder().encode('PING\r\n'),
      expect: '+PONG\r\n',
    });
    expect(check({ send: '\\x00\\xFFé\\\\\\0\\t\n' })).toMatchObject({
      send: Uint8Array.of(0x00, 0xff, 0xc3, 0xa9, 0x5c, 0x00, 0x09, 0x0a),
    });
    expect(check({ expect: 'é\\xff' })).toMatchObject({ expect: '\u00c3\u00a9\u00ff' });
    expect(check({ send: Uint8Array.of(1), expect: '/^220[ -]/' })).toEqual({
      type: 'exchange',
      send: Uint8Array.of(1),
      expect: '/^220[ -]/',
    });
    expect(poolPlan({ health: { type: 'send-expect', send: 'a' } }).check).toMatchObject({ type: 'exchange' });
  });

  test('X03: what no check could send, ask for or find is refused in its place', () => {
    const refused: readonly (readonly [string, unknown])[] = [
      ...['\\q', 'a\\', '\\x0', '', 'a'.repeat(4_097), new Uint8Array(), 5, null].map((one) => ['send', one] as const),
      ...['', '\\', '/a{2/', '/(?=a)/', '/a/i', 'a'.repeat(4_097), 5].map((one) => ['expect', one] as const),
    ];
    for (const [key, value] of refused)
      expect([
        key,
        value,
        problems(config({ health: { type: 'exchange', [key]: value } })).map(({ path }) => path),
      ]).toEqual([key, value, [`pools.db.health.${key}`]]);
    const http: readonly (readonly [string, unknown])[] = [
      ...['health', '', '/a b', '/é', '/a\r\nx: y', 5].map((one) => ['path', one] as const),
      ...['', 'a b', 'a\r\nb: c', 'http://a'].map((one) => ['host', one] as const),
      ...[100, 600, '2xx', '300-200', '200-', [], ['x'], 'ok'].map((one) => ['status', one] as const),
      ...['POST', 'get', 1].map((one) => ['method', one] as const),
      ...[0, 'infinite', '-1s'].map((one) => ['interval', one] as const),
      ...[0, 1_001, 'two'].flatMap((one) => [['rise', one] as const, ['fall', one] as const]),
    ];
    for (const [key, value] of http)
      expect([key, value, wrong({ health: { type: 'http', [key]: value } }).length]).toEqual([key, value, 1]);
  });

  test('X03: keys of another type of check are refused', () => {
    expect(wrong({ health: { path: '/up', send: 'a' } })).toEqual([
      'pools.db.health.path: path belongs to checks of type http and cannot be enforced here',
      'pools.db.health.send: send belongs to checks of type exchange and cannot be enforced here',
    ]);
    expect(wrong({ health: { type: 'send-expect', status: 200 } })).toHaveLength(1);
    expect(problems(config({ health: { type: 'htp' } }))).toMatchObject([{ suggestion: 'http' }]);
    expect(problems(config({ health: { type: 'http', status: '4xx' } }))).toMatchObject([{ suggestion: '400-499' }]);
  });
});

describe('what cannot be', () => {
  test('X03: an endpoint is one place, and whole', () => {
    const one = (endpoint: unknown) => wrong({ endpoints: [endpoint] });
    const at = 'pools.db.endpoints[0]';
    expect(one({ weight: 1 })).toEqual([`${at}: this is no place: host or srv or unix is missing`]);
    expect(one({ host: 'a' })).toEqual([`${at}.port: port is missing`]);
    expect(one({ port: 1 })).toEqual([`${at}.host: host is missing`]);
    expect(one({ unix: '/a', port: 1 })).toEqual([`${at}.port: unix and port stand side by side; keep one of them`]);
    expect(one({ host: 'a', port: 1, srv: 'b' })).toEqual([
      `${at}.srv: host and srv stand side by side; keep one of them`,
    ]);
    for (const endpoint of [
      'a:1',
      { host: 'a', port: 'preserve' },
      { host: 'a', port: 0 },
      { host: 'a b', port: 1 },
      { host: 'a', port: 1, weight: 0 },
      { host: 'a', port: 1, weight: 1.5 },
      { unix: '' },
      { unix: `/${'a'.repeat(107)}` },
      { unix: '/a\u0000b' },
      { srv: 'a b' },
    ])
      expect([endpoint, one(endpoint).length]).toEqual([endpoint, 1]);
    expect(wrong({ endpoints: [] })).toHaveLength(1);
    expect(wrong({ endpoints: undefined })).toEqual(['pools.db.endpoints: endpoints is missing']);
  });

  test('X03: everything that is wrong with an endpoint is told at once', () => {
    expect(wrong({ endpoints: [{ host: 'a b' }, { port: 0 }] })).toHaveLength(4);
  });

  test('X03: an endpoint stands once; a weight says how much more it gets', () => {
    const twice = [
      { host: 'a', port: 1 },
      { host: 'A', port: 1, weight: 3 },
      { host: 'a', port: 2 },
      { srv: 'a' },
      { srv: 'a' },
    ];
    expect(wrong({ endpoints: twice })).toEqual([
      'pools.db.endpoints[1]: endpoints[0] is this one already; a weight says how much more it gets',
      'pools.db.endpoints[4]: endpoints[3] is this one already; a weight says how much more it gets',
    ]);
  });

  test('X03: options that nothing would ever carry out are refused with the reason', () => {
    expect(wrong({ hashBy: 'ip' })).toEqual([
      'pools.db.hashBy: hashBy cannot be enforced here: it belongs to balance: hash',
    ]);
    expect(wrong({ onEndpointDown: 'kill' })).toEqual([expect.stringContaining('without health no check')]);
    expect(wrong({ onEndpointDown: 'kill', breaker: {} })).toHaveLength(1);
    expect(wrong({ onEndpointDown: 'drain', health })).toEqual([]);
    expect(wrong({ onEndpointDown: 'keep' })).toEqual([]);
    expect(wrong({ slowStart: '1s' })).toEqual([expect.stringContaining('slowStart cannot be enforced here')]);
    expect([wrong({ slowStart: '1s', breaker: {} }), wrong({ slowStart: '1s', health })]).toEqual([[], []]);
    expect(wrong({ queue: { size: 1 } })).toEqual([expect.stringContaining('queue cannot be enforced here')]);
    expect(wrong({ breaker: { openFor: '5s', openForMax: '4s' } })).toEqual([
      'pools.db.breaker.openForMax: the longest time is shorter than the first one, openFor',
    ]);
    expect(wrong({ breaker: { openForMax: '9s' } })).toHaveLength(1);
  });

  test('X03: slips are answered with what was probably meant', () => {
    const pool = { balanc: 'hash', retires: 1, health: { typ: 'tcp' }, onEndpointDown: 'kil', breaker: { openfor: 1 } };
    const suggestions = problems(config(pool)).map(({ path, suggestion }) => [path, suggestion]);
    expect(Object.fromEntries(suggestions)).toEqual({
      'pools.db.balanc': 'balance',
      'pools.db.retires': 'retries',
      'pools.db.health.typ': 'type',
      'pools.db.onEndpointDown': 'kill',
      'pools.db.breaker.openfor': 'openFor',
    });
    const hashed = (hashBy: string) => problems(config({ balance: 'hash', hashBy }))[0]?.suggestion;
    expect(['coookie:sid', 'header', 'Path', 'ips', 'header:Host', 'nonsense'].map(hashed)).toEqual([
      'cookie:sid',
      'header:<name>',
      'path',
      'ip',
      'host',
      null,
    ]);
  });

  test('X03: names of pools are names that flags and variables can have', () => {
    for (const name of ['', 'a b', '-a', 'a/b', 'x'.repeat(129)])
      expect([name, complaints({ routes: [web()], pools: { [name]: { endpoints } } }).length]).toEqual([name, 1]);
    const parsed: unknown = JSON.parse('{ "__proto__": { "endpoints": [] } }');
    expect(complaints({ routes: [web()], pools: parsed })).toEqual([expect.stringContaining('__proto__')]);
    const env = { SALLYPORT_POOLS_DB_RETRIES: '7' };
    expect(
      resolveConfig(config({ endpoints: [{ host: 'db.example', port: 1 }] }), {
        env,
        sets: ['pools.db.endpoints[0].port=9'],
      }).pools[0],
    ).toMatchObject({
      retries: 7,
      endpoints: [{ source: { port: 9 } }],
    });
  });

  test('B01: names of what every object has are no pools', () => {
    for (const pool of ['constructor', 'toString', '__proto__'])
      expect(complaints({ routes: [web({ action: { type: 'forward', pool } })], pools: {} })).toEqual([
        'routes[0].action.pool: no pool has this name',
      ]);
  });
});

describe('the routes that use a pool', () => {
  test('B01: a pool that is not there is refused with a suggestion, one that nobody uses is told', () => {
    const pools = { database: { endpoints }, web: { endpoints } };
    expect(problems({ routes: [web({ action: { type: 'forward', pool: 'databse' } })], pools })).toMatchObject([
      {
        path: 'routes[0].action.pool',
        message: 'no pool has this name',
        expected: 'one of database, web',
        suggestion: 'database',
      },
    ]);
    const used = { routes: [web({ action: { type: 'forward', pool: 'web' } })], pools };
    expect(resolveConfig(used).warnings).toEqual(['pools.database: no route uses this pool']);
  });

  test('X03: hashing by what only HTTP shows is refused on a route that is not served as HTTP', () => {
    for (const hashBy of ['host', 'path', 'header:x-tenant', 'cookie:sid']) {
      const pool = { balance: 'hash', hashBy };
      expect(complaints(config(pool))).toEqual([
        `routes[0].action.pool: this pool hashes by ${hashBy}, which needs HTTP, and the route is not served as HTTP`,
      ]);
      expect(complaints(config(pool, { tls: { mode: 'passthrough' } }))).toHaveLength(1);
      expect(complaints(config(pool, { match: { ports: 8080, protocol: 'http' } }))).toEqual([]);
    }
    expect(complaints(config({ balance: 'hash', hashBy: 'ip' }))).toEqual([]);
  });

  test('B04: a check in clear text of what a route speaks TLS to is worth a warning', () => {
    const tls = { mode: 'terminate-and-reencrypt', certificate: { cert: './a.pem', key: './a.key' } };
    const warned = (pool: Record<string, unknown>) =>
      resolveConfig(config(pool, { tls, match: { ports: 443, domains: 'example.com' } })).warnings;
    expect(warned({ health: { type: 'http' } })).toEqual([expect.stringContaining('the check does not')]);
    expect(warned({ health })).toEqual([]);
    expect(warned({ health: { type: 'http' }, dialer: { type: 'tls' } })).toEqual([
      expect.stringContaining('its TLS goes inside of this one'),
    ]);
  });

  test('B01: a route without a pool has none', () => {
    expect(onlyRoute().action).toMatchObject({ pool: null, targetOf: null, dialer: { type: 'direct' } });
  });
});
