/**
 * Deadlines in a configuration: defaults, what may be said where, and whose word counts.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig, type ResolveOptions } from '../../src/config/resolve.ts';
import { type DeadlineName, deadlineNames, deadlines, defaultTimeouts } from '../../src/machines/connection/delays.ts';
import { web, onlyRoute, problems, complaints, routeComplaints } from '../support/config-samples.ts';

describe('deadlines', () => {
  test('T03: TestLoadConfig/dial_timeout_default: five seconds, apart from every other deadline', () => {
    expect(onlyRoute().timeouts.values.dial).toBe(5_000);
    expect(onlyRoute({ timeouts: { dial: '7s' } }).timeouts.values).toEqual({ ...defaultTimeouts, dial: 7_000 });
  });

  test('T03: TestLoadConfig/dial_timeout_parsed: from a route, the environment and a flag', () => {
    expect(onlyRoute({ timeouts: { dial: '2s' } }).timeouts.values.dial).toBe(2_000);
    expect(onlyRoute({}, { env: { SALLYPORT_TIMEOUTS_DIAL: '3s' } }).timeouts.values.dial).toBe(3_000);
    expect(onlyRoute({}, { sets: ['timeouts.dial=400ms'] }).timeouts.values.dial).toBe(400);
  });

  test('T03: TestLoadConfig/dial_timeout_zero_rejected: in every spelling and from every origin', () => {
    const expected = 'a duration must be greater than zero';
    for (const zero of [0, '0', '0s', '0ms', -0]) {
      expect(routeComplaints({ timeouts: { dial: zero } })).toEqual([`routes[0].timeouts.dial: ${expected}`]);
    }
    expect(complaints({ routes: [web()] }, { env: { SALLYPORT_TIMEOUTS_DIAL: '0s' } })).toEqual([
      `timeouts.dial: ${expected}`,
    ]);
    expect(complaints({ routes: [web()] }, { sets: ['timeouts.dial=0'] })).toEqual([`timeouts.dial: ${expected}`]);
  });

  test('T03: TestLoadConfig/dial_timeout_negative_rejected: as a number and as text', () => {
    for (const negative of [-1, '-5s', '-1']) {
      expect(routeComplaints({ timeouts: { dial: negative } })).toEqual([
        'routes[0].timeouts.dial: a duration cannot be negative',
      ]);
    }
  });

  test('T01: without a word about it, sniffing ends after ten seconds on every listener', () => {
    expect(resolveConfig({ routes: [web()] }).listeners.map(({ timeouts }) => timeouts.values.sniff)).toEqual([10_000]);
  });

  test('T04: start-up has a budget of its own, thirty seconds, and a dial deadline does not touch it', () => {
    expect(resolveConfig({ routes: [web()], timeouts: { dial: '1s' } }).timeouts.values.startup).toBe(30_000);
    expect(resolveConfig({ routes: [web()], timeouts: { startup: '1m' } }).timeouts.values).toMatchObject({
      startup: 60_000,
      dial: 5_000,
    });
  });

  test('T05: all attempts together have a budget of fifteen seconds, and a route may set its own', () => {
    expect(onlyRoute().timeouts.values.dialBudget).toBe(15_000);
    expect(onlyRoute({ timeouts: { dialBudget: '6s' } }).timeouts.values.dialBudget).toBe(6_000);
  });

  test('T06: a dial of thirty seconds is accepted, and a budget that ends before it is said', () => {
    const loaded = resolveConfig({ routes: [web({ timeouts: { dial: '30s' } })] });
    expect(loaded.routes[0]?.timeouts.values.dial).toBe(30_000);
    expect(loaded.warnings).toHaveLength(1);
    expect(loaded.warnings[0]).toContain('dialBudget');
    expect(resolveConfig({ routes: [web({ timeouts: { dial: '30s', dialBudget: '90s' } })] }).warnings).toEqual([]);
  });

  test('T07: the connect phase cannot be without a deadline', () => {
    for (const name of ['dial', 'dialBudget', 'sniff'] as const) {
      for (const value of ['infinite', Number.POSITIVE_INFINITY, null, false]) {
        expect([name, value, routeComplaints({ timeouts: { [name]: value } }).length]).toEqual([name, value, 1]);
      }
    }
  });

  test('T08: idle is five minutes, settable per route, and infinite only when it is spelled out', () => {
    expect(onlyRoute().timeouts.values.idle).toBe(300_000);
    expect(onlyRoute({ timeouts: { idle: '90s' } }).timeouts.values.idle).toBe(90_000);
    expect(onlyRoute({ timeouts: { idle: 'infinite' } }).timeouts.values.idle).toBeNull();
    expect(routeComplaints({ timeouts: { idle: null } })).toHaveLength(1);
  });

  test('T11: lifetime is infinite unless set', () => {
    expect(onlyRoute().timeouts.values.lifetime).toBeNull();
    expect(onlyRoute({ timeouts: { lifetime: '1h' } }).timeouts.values.lifetime).toBe(3_600_000);
  });

  test('T12: halfClosed follows idle, source and all, unless it is set; and always ends', () => {
    const follows = onlyRoute({ timeouts: { idle: '1m' } }).timeouts;
    expect([follows.values.halfClosed, follows.sources.halfClosed]).toEqual([60_000, 'routes[0].timeouts.idle']);
    expect(onlyRoute({ timeouts: { idle: '1m', halfClosed: '5s' } }).timeouts.values.halfClosed).toBe(5_000);
    const endless = onlyRoute({ timeouts: { idle: 'infinite' } }).timeouts;
    expect([endless.values.halfClosed, endless.sources.halfClosed]).toEqual([300_000, 'default']);
    expect(routeComplaints({ timeouts: { halfClosed: 'infinite' } })).toHaveLength(1);
    expect(onlyRoute({ timeouts: { halfClosedMax: '1m' } }).timeouts.values.halfClosedMax).toBe(60_000);
  });

  test('M10: serverFirst: true is 300 ms, on the listener of the route that declares it too', () => {
    const loaded = resolveConfig({ routes: [web({ timeouts: { serverFirst: true } })] });
    expect(loaded.routes[0]?.timeouts.values.serverFirst).toBe(300);
    expect(loaded.listeners[0]?.timeouts.values.serverFirst).toBe(300);
    expect(loaded.listeners[0]?.timeouts.sources.serverFirst).toBe('routes[0].timeouts.serverFirst');
    expect(onlyRoute({ timeouts: { serverFirst: false } }).timeouts.values.serverFirst).toBeNull();
  });

  test('T01: routes of one port that want different sniff deadlines are refused, and a listener settles it', () => {
    const other = { ...web(), name: 'other', match: { ports: 8080, protocol: 'ssh' } };
    const routes = [web({ timeouts: { sniff: '2s' } }), other];
    expect(complaints({ routes })).toEqual([
      expect.stringContaining('routes[0].timeouts.sniff: sniff cannot be enforced here'),
    ]);
    const settled = resolveConfig({ routes: [web(), other], listeners: { 8080: { timeouts: { sniff: '2s' } } } });
    expect(settled.listeners[0]?.timeouts.values.sniff).toBe(2_000);
    expect(resolveConfig({ routes, timeouts: { sniff: '2s' } }).listeners[0]?.timeouts.values.sniff).toBe(2_000);
    expect(
      resolveConfig({
        routes: [web({ timeouts: { sniff: '2s' } }), other],
        listeners: { 8080: { timeouts: { sniff: '2s' } } },
      }).listeners,
    ).toHaveLength(1);
  });

  const wholeProxy: readonly DeadlineName[] = ['startup', 'drain', 'admission', 'readinessDelay'];

  test('X03: every deadline of the table is accepted at the top level or says that it is not built yet', () => {
    for (const name of deadlineNames) {
      const refused = name === 'readinessDelay';
      expect([name, complaints({ routes: [web()], timeouts: { [name]: '5s' } }).length]).toEqual([
        name,
        Number(refused),
      ]);
    }
    expect(complaints({ routes: [web()], timeouts: { readinessDelay: '5s' } })).toEqual([
      'timeouts.readinessDelay: a readinessDelay other than 0 is not built yet',
    ]);
    expect(complaints({ routes: [web()], timeouts: { readinessDelay: 0 } })).toEqual([]);
  });

  const ofHttp = {
    queue: 5_000,
    requestHead: 10_000,
    requestBody: 30_000,
    response: 60_000,
    keepAlive: 15_000,
    poolIdle: 30_000,
  } as const;

  test('T03: the deadlines of HTTP have defaults, and come from a route, the environment and a flag like any other', () => {
    const http = { match: { ports: 8080, protocol: 'http' } };
    expect(onlyRoute(http).timeouts.values).toMatchObject(ofHttp);
    for (const name of ['queue', 'requestHead', 'requestBody', 'response', 'keepAlive', 'poolIdle'] as const) {
      const variable = `SALLYPORT_TIMEOUTS_${name.replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`;
      const of = (more: Record<string, unknown>, options: ResolveOptions = {}) => {
        const { values, sources } = onlyRoute({ ...http, ...more }, options).timeouts;
        return [values[name], sources[name]];
      };
      expect(of({ timeouts: { [name]: '2s' } })).toEqual([2_000, `routes[0].timeouts.${name}`]);
      expect(of({}, { env: { [variable]: '3s' } })).toEqual([3_000, variable]);
      expect(of({}, { sets: [`timeouts.${name}=4s`] })).toEqual([4_000, `--set timeouts.${name}=4s`]);
    }
  });

  test('T03: a deadline of HTTP is never zero, negative, infinite or off', () => {
    for (const name of Object.keys(ofHttp)) {
      for (const value of [0, '0s', -1, '-5s', 'infinite', Number.POSITIVE_INFINITY, null, false, true]) {
        const found = routeComplaints({ match: { ports: 1, protocol: 'http' }, timeouts: { [name]: value } });
        expect([name, value, found.length]).toEqual([name, value, 1]);
      }
    }
  });

  test('X03: a deadline of HTTP is refused where no request would ever meet it, and only there', () => {
    for (const name of Object.keys(ofHttp)) {
      const timeouts = { [name]: '5s' };
      for (const more of [
        {},
        { match: { ports: 8080, protocol: 'tcp' } },
        { match: { ports: 8080, protocol: 'redis' } },
        { tls: { mode: 'passthrough' } },
      ])
        expect(routeComplaints({ ...more, timeouts })).toEqual([
          `routes[0].timeouts.${name}: ${name} cannot be enforced here: HTTP is not looked into${name === 'queue' ? ', and there is no queue' : ''}`,
        ]);
      const http = web({ name: 'http', match: { ports: 8080, path: '/x' } });
      const early = name === 'requestHead';
      expect([name, complaints({ routes: [web({ timeouts }), http] })]).toEqual([
        name,
        early ? [expect.stringContaining('HTTP is not looked into')] : [],
      ]);
      expect(complaints({ routes: [web()], timeouts })).toEqual([]);
    }
    for (const name of ['requestHead', 'keepAlive'])
      expect(complaints({ routes: [web()], listeners: { 8080: { timeouts: { [name]: '5s' } } } })).toEqual([
        `listeners.8080.timeouts.${name}: ${name} cannot be enforced here: HTTP is not looked into`,
      ]);
  });

  test('T01: requestHead runs before a route is known, so the routes of HTTP on a port agree on it', () => {
    const one = web({ match: { ports: 8080, path: '/a' }, timeouts: { requestHead: '2s' } });
    const other = web({ name: 'other', match: { ports: 8080, path: '/b' } });
    const ssh = web({ name: 'ssh', match: { ports: 8080, protocol: 'ssh' } });
    expect(complaints({ routes: [one, other, ssh] })).toEqual([
      expect.stringContaining('routes[0].timeouts.requestHead: requestHead cannot be enforced here'),
    ]);
    const listened = (config: unknown) => resolveConfig(config).listeners[0]?.timeouts.values.requestHead;
    expect(listened({ routes: [one, ssh] })).toBe(2_000);
    expect(listened({ routes: [other], listeners: { 8080: { timeouts: { requestHead: '3s' } } } })).toBe(3_000);
    expect(listened({ routes: [other], timeouts: { requestHead: '4s' } })).toBe(4_000);
  });

  test('X03: a deadline of the whole proxy is refused on a route, with the reason', () => {
    for (const name of wholeProxy) {
      expect(routeComplaints({ timeouts: { [name]: '5s' } })).toEqual([
        expect.stringContaining('declared here but cannot be enforced here'),
      ]);
    }
  });

  test('X03: a listener takes only the deadlines that run before a route is known', () => {
    const early: readonly DeadlineName[] = ['admission', 'sniff', 'serverFirst', 'linger', 'requestHead', 'keepAlive'];
    const http = web({ match: { ports: 8080, protocol: 'http' } });
    for (const name of deadlineNames) {
      const timeouts = { [name]: '5s' };
      const found = complaints({ routes: [http], listeners: { 8080: { timeouts } } });
      expect([name, found.length]).toEqual([name, Number(!early.includes(name))]);
    }
    const listener = resolveConfig({ routes: [web()], listeners: { 8080: { timeouts: { linger: '5s' } } } })
      .listeners[0];
    expect(listener?.timeouts.values.linger).toBe(5_000);
  });

  test('A03: only idle and lifetime take infinite', () => {
    for (const name of deadlineNames) {
      const refused = complaints({ routes: [web()], timeouts: { [name]: 'infinite' } }).length > 0;
      expect([name, refused]).toEqual([name, !deadlines[name].infiniteAllowed]);
    }
  });
});

describe('origins', () => {
  const config = {
    routes: [web({ timeouts: { idle: '1m' } }), { ...web(), name: 'other', match: { ports: 81 } }],
    timeouts: { idle: '2m', dial: '2s' },
  };

  test('A03: a route beats a flag, a flag the environment, the environment the top level, that the default', () => {
    const sources = (options: ResolveOptions): readonly unknown[] =>
      resolveConfig(config, options).routes.map(({ timeouts }) => [timeouts.values.idle, timeouts.sources.idle]);
    const env = { SALLYPORT_TIMEOUTS_IDLE: '3m' };
    expect(sources({})[1]).toEqual([120_000, 'timeouts.idle']);
    expect(sources({ env })[1]).toEqual([180_000, 'SALLYPORT_TIMEOUTS_IDLE']);
    expect(sources({ env, sets: ['timeouts.idle=4m'] })[1]).toEqual([240_000, '--set timeouts.idle=4m']);
    for (const options of [{}, { env }, { env, sets: ['timeouts.idle=4m'] }])
      expect(sources(options)[0]).toEqual([60_000, 'routes[0].timeouts.idle']);
    expect(resolveConfig(config).routes[1]?.timeouts.sources.sniff).toBe('default');
  });

  test('A03: the environment names any single value, camel case taken apart', () => {
    const env = {
      SALLYPORT_TIMEOUTS_DIAL_BUDGET: '9s',
      SALLYPORT_TIMEOUTS_HALF_CLOSED_MAX: '8s',
      SALLYPORT_LIMITS_MAX_CONNECTIONS: '7',
      SALLYPORT_LISTENERS_8080_MAX_CONNECTIONS: '6',
      SALLYPORT_INTERPRETER: 'xstate',
      SALLYPORT_LOG_LEVEL: 'warn',
      SALLYPORT_DETECTORS_REDIS: 'false',
      SALLYPORT_ADMIN_TOKEN: 'kept for placeholders',
      SALLYPORT_TIMEOUTS_IDLE: '',
    };
    const loaded = resolveConfig({ routes: [web()] }, { env });
    expect(loaded).toMatchObject({ admission: { maxConnections: 7 }, interpreter: 'xstate', logLevel: 'warn' });
    expect(loaded.listeners[0]?.admission.maxConnections).toBe(6);
    expect(loaded.routes[0]).toMatchObject({
      interpreter: 'xstate',
      timeouts: { values: { dialBudget: 9_000, halfClosedMax: 8_000, idle: 300_000 } },
    });
    expect(loaded.detectors.filter(({ enabled }) => !enabled).map(({ detector }) => detector.name)).toEqual(['redis']);
  });

  test('A03: a variable that names nothing is a problem with a suggestion; one that a placeholder uses is not', () => {
    expect(problems({ routes: [web()] }, { env: { SALLYPORT_TIMEOUTS_DAIL: '5s' } })).toMatchObject([
      { file: 'SALLYPORT_TIMEOUTS_DAIL', suggestion: 'SALLYPORT_TIMEOUTS_DIAL', line: null },
    ]);
    expect(
      complaints({ routes: [web({ description: '${SALLYPORT_NOTE}' })] }, { env: { SALLYPORT_NOTE: 'x' } }),
    ).toEqual([]);
  });

  test('A03: a flag sets a value inside a route, and only inside one that is there', () => {
    expect(onlyRoute({}, { sets: ['routes[0].action.target.port=3001'] }).action).toMatchObject({
      type: 'forward',
      targets: [{ host: '127.0.0.1', port: 3001, match: null }],
    });
    expect(
      problems(
        { routes: [web()] },
        { sets: ['routes[1].name=x', 'nonsense', '__proto__.x=1', 'limits.maxConection=1'] },
      ),
    ).toMatchObject([
      { path: 'limits.maxConection', suggestion: 'maxConnections', file: '--set limits.maxConection=1' },
      { path: 'routes[1].name' },
      { file: '--set nonsense' },
      { path: '__proto__.x' },
    ]);
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });

  test('X05: a secret in a flag is not shown', () => {
    expect(
      JSON.stringify(
        problems({ routes: [web()], admin: 5 }, { sets: ['admin.token=hunter2', 'routes[9].password=hunter2'] }),
      ),
    ).not.toContain('hunter2');
  });
});
