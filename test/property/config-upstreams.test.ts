/**
 * Where a route forwards to and how it gets there: targets, functions, dialers, PROXY headers that go out. And of every key
 * of pools and admission: whatever is written there resolves or is refused, and no secret shows.
 */
import fc from 'fast-check';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { defineConfig } from '../../src/config/define-config.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { readYaml } from '../../src/config/read-yaml.ts';
import { resolveConfig, resolveSource } from '../../src/config/resolve.ts';
import type { ForwardAction } from '../../src/routing/plan.ts';
import { complaints, forward, onlyRoute, problems, routeComplaints, web } from '../support/config-samples.ts';
import { runs, seed } from '../support/fuzz.ts';

function actionOf(more: Record<string, unknown>): ForwardAction {
  const { action } = onlyRoute(
    { action: { type: 'forward', ...more } },
    { folder: '/etc/sallyport', platform: 'linux' },
  );
  if (action.type !== 'forward') throw new Error('nothing is forwarded');
  return action;
}

const wrong = (more: Record<string, unknown>) => routeComplaints({ action: { type: 'forward', ...more } });

describe('targets', () => {
  test('R11: a UNIX socket is a target, relative to the configuration, alone and in a list', () => {
    expect(actionOf({ target: { unix: '/run/a.sock' } }).targets).toEqual([
      { host: 'unix:/run/a.sock', port: 0, match: null },
    ]);
    expect(
      actionOf({ targets: [{ unix: './b.sock', match: { method: 'GET' } }, forward.target] }).targets,
    ).toMatchObject([
      { host: 'unix:/etc/sallyport/b.sock', port: 0, match: { methods: ['GET'] } },
      { host: '127.0.0.1', port: 3_000, match: null },
    ]);
  });

  test('R11: port: preserve is the port that the client came to', () => {
    expect(actionOf({ target: { host: 'a', port: 'preserve' } }).targets).toEqual([
      { host: 'a', port: 0, match: null },
    ]);
    for (const port of ['keep', 0, -1, 65_536, null])
      expect([port, wrong({ target: { host: 'a', port } }).length]).toEqual([port, 1]);
  });

  test('R11: in code a target is a function, which is handed on and not called', () => {
    const target = (): never => expect.unreachable();
    expect(actionOf({ target })).toMatchObject({ targets: [], pool: null, targetOf: target });
    const typed = defineConfig({
      routes: [
        {
          name: 'typed',
          match: { ports: 1 },
          action: {
            type: 'forward',
            target: async ({ clientIp, localPort }) => ({ host: await Promise.resolve(clientIp), port: localPort }),
          },
        },
      ],
    });
    const [route] = resolveConfig(typed).routes;
    expect(route?.action.type === 'forward' && typeof route.action.targetOf).toBe('function');
    for (const part of [
      { host: () => 'a', port: 1 },
      { host: 'a', port: () => 1 },
    ])
      expect(wrong({ target: part })).toEqual([expect.stringContaining('the whole target is a function')]);
    expect(wrong({ targets: [target] })).toEqual([expect.stringContaining('a function is a target of its own')]);
  });

  test('R11: there is exactly one of target, targets and pool, and a target is whole', () => {
    const { target } = forward;
    expect(wrong({})).toEqual(['routes[0].action: this forwards to nowhere: target is missing']);
    expect(wrong({ target, targets: [target] })).toEqual([
      'routes[0].action.targets: target and targets stand side by side; keep one of them',
    ]);
    expect(wrong({ target, pool: 'db' })).toEqual([
      'routes[0].action.pool: target and pool stand side by side; keep one of them',
      'routes[0].action.pool: no pool has this name',
    ]);
    expect(wrong({ target: {} })).toEqual(['routes[0].action.target: this is no place: host or unix is missing']);
    expect(wrong({ target: { host: 'a' } })).toEqual(['routes[0].action.target.port: port is missing']);
    expect(wrong({ targets: [{ port: 1 }, { unix: '/a', host: 'b', port: 1 }] })).toEqual([
      'routes[0].action.targets[0].host: host is missing',
      'routes[0].action.targets[1].unix: host and unix stand side by side; keep one of them',
    ]);
    expect(
      problems({ routes: [web({ action: { type: 'forward', target: { host: 'unix:/a', port: 1 } } })] }),
    ).toMatchObject([{ suggestion: 'unix: /a' }]);
  });
});

describe('loops', () => {
  const at = (path: string, port = 8080): string =>
    `routes[0].action.${path}: this leads back to port ${port}, which the route itself listens on: every connection would open another one`;
  const to = (host: string, port: number | string = 8080) => ({ type: 'forward', target: { host, port } });
  const listening = (action: object, bound?: string) =>
    complaints({ routes: [web({ action })], ...(bound !== undefined && { listeners: { 8080: { host: bound } } }) });

  test('X03: a route does not lead back to a port of its own on this machine', () => {
    for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', '0.0.0.0', '::', '::ffff:127.0.0.1'])
      expect([host, listening(to(host)), listening(to(host, 'preserve'))]).toEqual([
        host,
        [at('target')],
        [at('target')],
      ]);
    const targets = [
      { host: 'app.internal', port: 8080 },
      { host: '127.0.0.1', port: '8080' },
    ];
    expect(listening({ type: 'forward', targets })).toEqual([at('targets[1]')]);
    const wide = web({ match: { ports: { from: 8400, to: 8600 } }, action: to('127.0.0.1', 8500) });
    expect(complaints({ routes: [wide] })).toEqual([at('target', 8500)]);
    const pools = { db: { endpoints: [{ unix: '/a' }, { host: 'localhost', port: 8080 }] } };
    expect(complaints({ routes: [web({ action: { type: 'forward', pool: 'db' } })], pools })).toEqual([at('pool')]);
  });

  test('X03: an address counts where the listener is bound to it', () => {
    expect(listening(to('10.0.0.5'), '10.0.0.5')).toEqual([at('target')]);
    expect(listening(to('localhost'), '127.0.0.1')).toEqual([at('target')]);
    for (const [host, bound] of [
      ['127.0.0.2', '127.0.0.1'],
      ['127.0.0.1', '10.0.0.5'],
      ['::1', '0.0.0.0'],
      ['10.0.0.5', '::'],
    ] as const)
      expect([host, bound, listening(to(host), bound)]).toEqual([host, bound, []]);
  });

  test('X03: a chain to another listener, a name, and what is reached through somebody else are no loops', () => {
    const chain = [web({ action: to('127.0.0.1', 8081) }), web({ name: 'b', match: { ports: 8081 } })];
    expect(complaints({ routes: chain })).toEqual([]);
    expect(listening(to('app.internal', 'preserve'))).toEqual([]);
    expect(listening({ ...to('127.0.0.1'), dialer: { type: 'socks5', host: 'h', port: 1080 } })).toEqual([]);
    expect(complaints({ routes: [web({ match: { ports: 0 }, action: to('127.0.0.1', 'preserve') })] })).toEqual([]);
  });
});

describe('how they are reached', () => {
  test('P01: the PROXY header that goes out; true is version 1', () => {
    const sent = (sendProxyProtocol: unknown) => actionOf({ ...forward, sendProxyProtocol }).proxyHeader;
    expect([false, 'false', undefined].map(sent)).toEqual([null, null, null]);
    expect([true, 'true', 'v1', 'v2'].map(sent)).toEqual(['v1', 'v1', 'v1', 'v2']);
    expect(problems({ routes: [web({ action: { ...forward, sendProxyProtocol: 'V2' } })] })).toMatchObject([
      { path: 'routes[0].action.sendProxyProtocol', suggestion: 'v2' },
    ]);
    expect(wrong({ ...forward, sendProxyProtocol: 2 })).toHaveLength(1);
    expect(wrong({ ...forward, sendProxyProtocol: 'v2', upstreamProtocol: 'h2' })).toEqual([]);
  });

  test('X03: none of it belongs to an action that dials nothing', () => {
    const keys = { pool: 'a', dialer: { type: 'direct' }, sendProxyProtocol: true, preserveSourceIP: true };
    for (const [key, value] of Object.entries(keys))
      expect(routeComplaints({ action: { type: 'respond', [key]: value } })).toEqual([
        `routes[0].action.${key}: ${key} belongs to type forward and cannot be enforced here`,
      ]);
  });

  test('B01: a dialer of the route lands, and so does that of its pool', () => {
    expect(actionOf({ ...forward, dialer: { type: 'direct' } }).dialer).toEqual({ type: 'direct' });
    const proxy = { host: '127.0.0.1', port: 1_080 };
    expect(actionOf({ ...forward, dialer: { type: 'socks5', ...proxy } }).dialer).toEqual({
      type: 'socks5',
      proxy,
      credentials: null,
    });
    const credentials = { username: 'u', password: 'p' };
    expect(actionOf({ ...forward, dialer: { type: 'http-connect', ...proxy, ...credentials } }).dialer).toEqual({
      type: 'http-connect',
      proxy,
      credentials,
    });
    expect(actionOf({ ...forward, dialer: { type: 'tls', ca: './ca.pem', servername: 'B.example' } }).dialer).toEqual({
      type: 'tls',
      tls: {
        ca: { kind: 'file', path: '/etc/sallyport/ca.pem' },
        serverName: 'b.example',
        verify: true,
        pins: [],
        minVersion: 'TLSv1.2',
        identity: null,
      },
    });
    const dial = (): never => expect.unreachable();
    expect(actionOf({ ...forward, dialer: dial }).dialer).toEqual({ type: 'custom', dial });
    const plan = resolveConfig({
      routes: [web({ action: { type: 'forward', pool: 'db' } })],
      pools: { db: { endpoints: [{ host: 'a', port: 1 }], dialer: { type: 'socks5', ...proxy } } },
    });
    expect([plan.pools[0]?.dialer, plan.routes[0]?.action]).toMatchObject([
      { type: 'socks5', proxy },
      { dialer: { type: 'socks5', proxy } },
    ]);
  });

  test('X03: a dialer that is not whole, or says what is not its own, is refused in its place', () => {
    const said = (dialer: unknown) =>
      wrong({ ...forward, dialer }).map((one) => one.replace('routes[0].action.dialer', ''));
    expect(said({ type: 'socks5' })).toEqual([
      '.host: host is missing: where is the proxy?',
      '.port: port is missing: where is the proxy?',
    ]);
    expect(said({ type: 'direct', host: 'a', verify: true })).toEqual([
      '.host: host belongs to a dialer of type socks5 and http-connect and cannot be enforced here',
      '.verify: verify belongs to a dialer of type tls and cannot be enforced here',
    ]);
    const proxy = { host: 'a', port: 1 };
    expect(said({ type: 'socks5', ...proxy, username: 'u' })).toEqual([
      ': password is missing: username and password go together',
    ]);
    expect(said({ type: 'http-connect', ...proxy, username: 'u:v', password: 'p' })).toHaveLength(1);
    expect(said({ type: 'socks5', ...proxy, username: 'u:v', password: 'p' })).toEqual([]);
    for (const password of ['', 'a\r\n', 'x'.repeat(256), 5])
      expect([password, said({ type: 'socks5', ...proxy, username: 'u', password }).length]).toEqual([password, 1]);
    expect(said({ type: 'tls', cert: './a.pem' })).toEqual([': key is missing: cert and key go together']);
    expect(said({ type: 'tls', verify: false, ca: './a.pem' })).toHaveLength(1);
    for (const dialer of ['direct', 5, null, [], {}]) expect([dialer, said(dialer).length]).toEqual([dialer, 1]);
    const found = problems({ routes: [web({ action: { ...forward, dialer: { type: 'sock5', hots: 'a' } } })] });
    expect(found.map(({ suggestion }) => suggestion)).toEqual(['socks5', 'host']);
  });

  test('X03: a pool has its own dialer, and a socket of this machine is not behind a proxy', () => {
    const dialer = { type: 'socks5', host: 'a', port: 1 };
    const pools = { db: { endpoints: [{ host: 'a', port: 1 }, { unix: '/a' }], dialer } };
    expect(complaints({ routes: [web({ action: { type: 'forward', pool: 'db', dialer } })], pools })).toEqual([
      'routes[0].action.dialer: dialer cannot be enforced here: a pool has its own',
      'pools.db.endpoints[1].unix: a UNIX socket of this machine cannot be reached through a proxy',
    ]);
    expect(wrong({ targets: [forward.target, { unix: '/a' }], dialer })).toEqual([
      'routes[0].action.targets[1].unix: a UNIX socket of this machine cannot be reached through a proxy',
    ]);
    expect(wrong({ target: { unix: '/a' }, dialer: { type: 'tls', servername: 'a' } })).toEqual([]);
  });

  test('P05: the address of the client is kept where that can be, and refused with the reason where it cannot', () => {
    expect(actionOf({ ...forward, preserveSourceIP: 'true' }).preservesSource).toBe(true);
    expect(actionOf(forward).preservesSource).toBe(false);
    const said = (action: Record<string, unknown>, platform = 'linux') =>
      complaints(
        {
          routes: [web({ action: { type: 'forward', preserveSourceIP: true, ...action } })],
          pools: {
            db: { endpoints: [{ unix: '/a' }] },
            far: { endpoints: [{ host: 'a', port: 1 }], dialer: () => null },
          },
        },
        { platform },
      ).map((one) => one.replace('routes[0].action.preserveSourceIP: preserveSourceIP cannot be enforced here: ', ''));
    expect(said(forward)).toEqual([]);
    expect(said({ target: () => forward.target })).toEqual([]);
    expect(said(forward, 'darwin')).toEqual([
      'only Linux lets a program connect from an address of another (this is darwin)',
    ]);
    expect(said({ ...forward, preserveSourceIP: false }, 'darwin')).toEqual([]);
    expect(said({ target: { unix: '/a' } })).toEqual(['a UNIX socket has no addresses']);
    expect(said({ pool: 'db' })).toEqual(['a UNIX socket has no addresses']);
    expect(said({ pool: 'far' })).toEqual(['a dialer of type custom connects for itself']);
    expect(said({ ...forward, dialer: { type: 'tls' } })).toEqual(['a dialer of type tls connects for itself']);
  });

  test('S03: an endpoint whose certificate nobody verifies is worth a warning', () => {
    const warned = (dialer: Record<string, unknown>) =>
      resolveConfig({ routes: [web({ action: { ...forward, dialer } })] }).warnings.length;
    expect(warned({ type: 'tls', verify: false })).toBe(1);
    expect(warned({ type: 'tls' })).toBe(0);
  });
});

describe('secrets', () => {
  const secret = { username: 'hunter1', password: 'hunter2' };
  const dialer = { type: 'socks5', host: '127.0.0.1', port: 1_080, ...secret };

  test('X05: credentials of a dialer are where they are used and do not show', () => {
    const plan = resolveConfig({
      routes: [
        web({ action: { ...forward, dialer } }),
        web({ name: 'p', match: { ports: 1 }, action: { type: 'forward', pool: 'db' } }),
      ],
      pools: { db: { endpoints: [{ host: 'a', port: 1 }], dialer } },
    });
    const shown = inspect(plan, { depth: 20, showHidden: true }) + JSON.stringify(plan);
    expect(shown).not.toMatch(/hunter\d/);
    const [own, pooled] = plan.routes.map(({ action }) => (action.type === 'forward' ? action.dialer : null));
    for (const one of [own, pooled, plan.pools[0]?.dialer]) {
      const credentials = one?.type === 'socks5' ? one.credentials : null;
      expect([credentials?.username, credentials?.password]).toEqual([secret.username, secret.password]);
    }
  });

  test('X05: they are in no problem and in no line of the file', () => {
    const yaml = (route: string) => `routes:\n  - ${route}\nwrong: 1\n`;
    const texts = [
      yaml(
        '{ name: a, match: { ports: 1 }, action: { type: forward, target: { host: a, port: x }, dialer: { type: socks5, host: b, port: 0, username: hunter1, password: hunter2 } } }',
      ),
      `pools:\n  db:\n    dialer:\n      type: socks\n      password: hunter2\n      username: hunter1\n${yaml('{ name: 5 }')}`,
      `pools:\n  db:\n    dialer:\n      type: http-connect\n      username: "hunter1:"\n      password: [hunter2]\n${yaml('{ name: 5 }')}`,
    ];
    for (const text of texts) {
      try {
        resolveSource(readYaml('a.yaml', text));
        expect.unreachable();
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        expect(error.report + error.message + JSON.stringify(error.problems)).not.toMatch(/hunter\d/);
      }
    }
  });
});

describe('anything at all', () => {
  const junk = fc.oneof(
    fc.anything({ withBigInt: true, withNullPrototype: true, withTypedArray: true }),
    fc.string(),
    fc.constantFrom<unknown>(
      () => null,
      Number.NaN,
      '/(/',
      'header:',
      'preserve',
      { size: 1 },
      [{}],
      { from: {} },
      'v1',
    ),
  );
  const part = (...keys: readonly string[]) =>
    fc.oneof(
      { weight: 4, arbitrary: fc.dictionary(fc.constantFrom(...keys), junk, { maxKeys: 4 }) },
      { weight: 1, arbitrary: junk },
    );
  const sections = fc.record(
    {
      limits: part('maxConnections', 'maxConnectionsPerIp', 'rateLimit', 'waitingRoom'),
      defaults: part('ipAllowList', 'ipBlockList'),
      listeners: fc.record({ 8080: part('maxConnections', 'rateLimit', 'waitingRoom', 'acceptProxyProtocol') }),
      pools: fc.record({
        db: part(
          'endpoints',
          'balance',
          'hashBy',
          'health',
          'breaker',
          'slowStart',
          'drain',
          'retries',
          'queue',
          'dialer',
        ),
        hp: fc.record({
          endpoints: fc.array(part('host', 'port', 'srv', 'unix', 'weight', 'maxConnections'), { maxLength: 3 }),
          health: part('type', 'interval', 'rise', 'path', 'host', 'method', 'status', 'send', 'expect'),
          breaker: part('failures', 'openFor', 'openForMax'),
          dialer: part('type', 'host', 'port', 'username', 'password', 'ca', 'verify', 'pins'),
        }),
      }),
    },
    { requiredKeys: [] },
  );
  const route = fc.record(
    {
      action: fc.oneof(
        part('target', 'targets', 'pool', 'dialer', 'sendProxyProtocol', 'preserveSourceIP').map((one) =>
          typeof one === 'object' ? { type: 'forward', ...one } : one,
        ),
        fc.constantFrom({ type: 'forward', pool: 'db' }, { type: 'forward', pool: 'hp' }),
      ),
      security: part('maxConnections', 'maxConnectionsPerIp', 'rateLimit', 'onBan', 'ipAllowList'),
      queue: junk,
    },
    { requiredKeys: ['action'] },
  );

  test('X03: whatever stands under the keys of admission and pools resolves or is refused, each in its place', () => {
    let refused = 0;
    fc.assert(
      fc.property(sections, route, (some, more) => {
        try {
          resolveConfig({ ...some, routes: [web({ ...more })] });
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          refused += 1;
          expect(error.problems.length).toBeGreaterThan(0);
          for (const { path, message } of error.problems) {
            expect(message).not.toBe('');
            expect(message).not.toMatch(/Invalid input|expected .*, received/);
            expect(path).toMatch(/^(?:limits|defaults|listeners|pools|routes\[0\])/);
          }
        }
      }),
      { seed: seed(), numRuns: runs(120) },
    );
    expect(refused).toBeGreaterThan(0);
  });
});
