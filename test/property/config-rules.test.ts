/**
 * What the configuration means: defaults, precedence, and every rule between values.
 */
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import type { MatchConfig, RouteConfig, SallyportConfig } from '../../src/config/define-config.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { ConfigError, type ConfigProblem } from '../../src/config/problems.ts';
import { resolveConfig, type ResolveOptions } from '../../src/config/resolve.ts';
import { configSchema } from '../../src/config/schema.ts';
import { zeroConfig } from '../../src/config/zero-config.ts';
import { errorCodes } from '../../src/errors.ts';
import { type DeadlineName, deadlineNames, deadlines, defaultTimeouts, type Timeouts } from '../../src/machines/connection/delays.ts';
import type { ProxyPlan, RoutePlan } from '../../src/routing/plan.ts';

type Written = z.input<typeof configSchema>;

const forward = { type: 'forward', target: { host: '127.0.0.1', port: 3000 } };

function web(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: 'web', match: { ports: 8080 }, action: forward, ...more };
}

function plan(config: unknown, options: ResolveOptions = {}): ProxyPlan {
  return resolveConfig(config, options);
}

function onlyRoute(more: Record<string, unknown> = {}, options: ResolveOptions = {}): RoutePlan {
  const [route] = plan({ routes: [web(more)] }, options).routes;
  if (route === undefined) throw new Error('a configuration with one route gave a plan without routes');
  return route;
}

function problems(config: unknown, options: ResolveOptions = {}): readonly ConfigProblem[] {
  try {
    resolveConfig(config, options);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

/** `path: message` of every problem. */
function complaints(config: unknown, options: ResolveOptions = {}): readonly string[] {
  return problems(config, options).map(({ path, message }) => `${path}: ${message}`);
}

function routeComplaints(more: Record<string, unknown>): readonly string[] {
  return complaints({ routes: [web(more)] });
}

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
    expect(complaints({ routes: [web()] }, { env: { SALLYPORT_TIMEOUTS_DIAL: '0s' } })).toEqual([`timeouts.dial: ${expected}`]);
    expect(complaints({ routes: [web()] }, { sets: ['timeouts.dial=0'] })).toEqual([`timeouts.dial: ${expected}`]);
  });

  test('T03: TestLoadConfig/dial_timeout_negative_rejected: as a number and as text', () => {
    for (const negative of [-1, '-5s', '-1']) {
      expect(routeComplaints({ timeouts: { dial: negative } })).toEqual(['routes[0].timeouts.dial: a duration cannot be negative']);
    }
  });

  test('T01: without a word about it, sniffing ends after ten seconds on every listener', () => {
    expect(plan({ routes: [web()] }).listeners.map(({ timeouts }) => timeouts.values.sniff)).toEqual([10_000]);
  });

  test('T04: start-up has a budget of its own, thirty seconds, and a dial deadline does not touch it', () => {
    expect(plan({ routes: [web()], timeouts: { dial: '1s' } }).timeouts.values.startup).toBe(30_000);
    expect(plan({ routes: [web()], timeouts: { startup: '1m' } }).timeouts.values).toMatchObject({ startup: 60_000, dial: 5_000 });
  });

  test('T05: all attempts together have a budget of fifteen seconds, and a route may set its own', () => {
    expect(onlyRoute().timeouts.values.dialBudget).toBe(15_000);
    expect(onlyRoute({ timeouts: { dialBudget: '6s' } }).timeouts.values.dialBudget).toBe(6_000);
  });

  test('T06: a dial of thirty seconds is accepted, and a budget that ends before it is said', () => {
    const loaded = plan({ routes: [web({ timeouts: { dial: '30s' } })] });
    expect(loaded.routes[0]?.timeouts.values.dial).toBe(30_000);
    expect(loaded.warnings).toHaveLength(1);
    expect(loaded.warnings[0]).toContain('dialBudget');
    expect(plan({ routes: [web({ timeouts: { dial: '30s', dialBudget: '90s' } })] }).warnings).toEqual([]);
  });

  test('T07: the connect phase cannot be without a deadline', () => {
    for (const name of ['dial', 'dialBudget', 'sniff'] as const) {
      for (const value of ['infinite', Number.POSITIVE_INFINITY, null, false]) {
        expect(routeComplaints({ timeouts: { [name]: value } }), `${name} ${String(value)}`).toHaveLength(1);
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
    const loaded = plan({ routes: [web({ timeouts: { serverFirst: true } })] });
    expect(loaded.routes[0]?.timeouts.values.serverFirst).toBe(300);
    expect(loaded.listeners[0]?.timeouts.values.serverFirst).toBe(300);
    expect(loaded.listeners[0]?.timeouts.sources.serverFirst).toBe('routes[0].timeouts.serverFirst');
    expect(onlyRoute({ timeouts: { serverFirst: false } }).timeouts.values.serverFirst).toBeNull();
  });

  test('T01: routes of one port that want different sniff deadlines are refused, and a listener settles it', () => {
    const other = { ...web(), name: 'other', match: { ports: 8080, protocol: 'ssh' } };
    const routes = [web({ timeouts: { sniff: '2s' } }), other];
    expect(complaints({ routes })).toEqual([expect.stringContaining('routes[0].timeouts.sniff: sniff cannot be enforced here')]);
    const settled = plan({ routes: [web(), other], listeners: { 8080: { timeouts: { sniff: '2s' } } } });
    expect(settled.listeners[0]?.timeouts.values.sniff).toBe(2_000);
    expect(plan({ routes, timeouts: { sniff: '2s' } }).listeners[0]?.timeouts.values.sniff).toBe(2_000);
    expect(plan({ routes: [web({ timeouts: { sniff: '2s' } }), other], listeners: { 8080: { timeouts: { sniff: '2s' } } } }).listeners).toHaveLength(1);
  });

  const notBuilt: readonly DeadlineName[] = ['queue', 'requestHead', 'requestBody', 'response', 'keepAlive', 'poolIdle'];
  const wholeProxy: readonly DeadlineName[] = ['startup', 'drain', 'admission', 'readinessDelay'];

  test('X03: every deadline of the table is accepted at the top level or says that it is not built yet', () => {
    for (const name of deadlineNames) {
      const refused = notBuilt.includes(name) || name === 'readinessDelay';
      expect(complaints({ routes: [web()], timeouts: { [name]: '5s' } }), name).toHaveLength(Number(refused));
    }
    for (const name of notBuilt) {
      expect(complaints({ routes: [web()], timeouts: { [name]: '5s' } })).toEqual([`timeouts.${name}: the ${name} deadline is not built yet`]);
    }
    expect(complaints({ routes: [web()], timeouts: { readinessDelay: '5s' } })).toEqual(['timeouts.readinessDelay: a readinessDelay other than 0 is not built yet']);
    expect(complaints({ routes: [web()], timeouts: { readinessDelay: 0 } })).toEqual([]);
  });

  test('X03: a deadline of the whole proxy is refused on a route, with the reason', () => {
    for (const name of wholeProxy) {
      expect(routeComplaints({ timeouts: { [name]: '5s' } }), name).toEqual([expect.stringContaining('declared here but cannot be enforced here')]);
    }
  });

  test('A03: only idle and lifetime take infinite', () => {
    for (const name of deadlineNames) {
      const refused = complaints({ routes: [web()], timeouts: { [name]: 'infinite' } }).length > 0;
      expect(refused, name).toBe(!deadlines[name].infiniteAllowed);
    }
  });
});

describe('origins', () => {
  const config = { routes: [web({ timeouts: { idle: '1m' } }), { ...web(), name: 'other', match: { ports: 81 } }], timeouts: { idle: '2m', dial: '2s' } };

  test('A03: a route beats a flag, a flag the environment, the environment the top level, that the default', () => {
    const sources = (options: ResolveOptions): readonly unknown[] =>
      plan(config, options).routes.map(({ timeouts }) => [timeouts.values.idle, timeouts.sources.idle]);
    const env = { SALLYPORT_TIMEOUTS_IDLE: '3m' };
    expect(sources({})[1]).toEqual([120_000, 'timeouts.idle']);
    expect(sources({ env })[1]).toEqual([180_000, 'SALLYPORT_TIMEOUTS_IDLE']);
    expect(sources({ env, sets: ['timeouts.idle=4m'] })[1]).toEqual([240_000, '--set timeouts.idle=4m']);
    for (const options of [{}, { env }, { env, sets: ['timeouts.idle=4m'] }]) expect(sources(options)[0]).toEqual([60_000, 'routes[0].timeouts.idle']);
    expect(plan(config).routes[1]?.timeouts.sources.sniff).toBe('default');
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
    const loaded = plan({ routes: [web()] }, { env });
    expect(loaded).toMatchObject({ maxConnections: 7, interpreter: 'xstate', logLevel: 'warn' });
    expect(loaded.listeners[0]?.maxConnections).toBe(6);
    expect(loaded.routes[0]).toMatchObject({ interpreter: 'xstate', timeouts: { values: { dialBudget: 9_000, halfClosedMax: 8_000, idle: 300_000 } } });
    expect(loaded.detectors.filter(({ enabled }) => !enabled).map(({ detector }) => detector.name)).toEqual(['redis']);
  });

  test('A03: a variable that names nothing is a problem with a suggestion; one that a placeholder uses is not', () => {
    expect(problems({ routes: [web()] }, { env: { SALLYPORT_TIMEOUTS_DAIL: '5s' } })).toMatchObject([
      { file: 'SALLYPORT_TIMEOUTS_DAIL', suggestion: 'SALLYPORT_TIMEOUTS_DIAL', line: null },
    ]);
    expect(complaints({ routes: [web({ description: '${SALLYPORT_NOTE}' })] }, { env: { SALLYPORT_NOTE: 'x' } })).toEqual([]);
  });

  test('A03: a flag sets a value inside a route, and only inside one that is there', () => {
    expect(onlyRoute({}, { sets: ['routes[0].action.target.port=3001'] }).action).toEqual({ type: 'forward', targets: [{ host: '127.0.0.1', port: 3001 }] });
    expect(problems({ routes: [web()] }, { sets: ['routes[1].name=x', 'nonsense', '__proto__.x=1', 'limits.maxConection=1'] })).toMatchObject([
      { path: 'limits.maxConection', suggestion: 'maxConnections', file: '--set limits.maxConection=1' },
      { path: 'routes[1].name' },
      { file: '--set nonsense' },
      { path: '__proto__.x' },
    ]);
    expect(Object.hasOwn(Object.prototype, 'x')).toBe(false);
  });

  test('X05: a secret in a flag is not shown', () => {
    expect(JSON.stringify(problems({ routes: [web()], admin: 5 }, { sets: ['admin.token=hunter2', 'routes[9].password=hunter2'] }))).not.toContain('hunter2');
  });
});

describe('routes', () => {
  test('R07: numbers, text, ranges and lists of them all name ports, and each port gets one listener', () => {
    const ports = (written: unknown): readonly number[] => plan({ routes: [web({ match: { ports: written } })] }).listeners.map(({ port }) => port);
    expect(ports(8080)).toEqual([8080]);
    expect(ports('8080')).toEqual([8080]);
    expect(ports(0)).toEqual([0]);
    expect(ports({ from: 8000, to: 8003 })).toEqual([8000, 8001, 8002, 8003]);
    expect(ports([8001, '8000', { from: 8000, to: 8001 }])).toEqual([8000, 8001]);
  });

  test('R07: a listener carries every route of its port and no other', () => {
    const loaded = plan({ routes: [web(), { ...web(), name: 'range', match: { ports: { from: 8079, to: 8081 }, protocol: 'ssh' } }] });
    expect(loaded.listeners.map(({ port, routes }) => [port, routes.map(({ name }) => name).toSorted()])).toEqual([
      [8079, ['range']],
      [8080, ['range', 'web']],
      [8081, ['range']],
    ]);
  });

  test('R07: more than a thousand ports are refused, a thousand are not', () => {
    expect(routeComplaints({ match: { ports: { from: 1, to: 1_000 } } })).toEqual([]);
    expect(routeComplaints({ match: { ports: { from: 1, to: 1_001 } } })).toEqual(['routes[0].match.ports: the ports of all routes together are more than 1000']);
    expect(routeComplaints({ match: { ports: [{ from: 1, to: 600 }, { from: 500, to: 1_000 }] } })).toEqual([]);
  });

  const noPorts = [65_536, -1, 1.5, 'http', '80-90', { from: 9, to: 8 }, { from: 0, to: 5 }, [], [[80]], null, true];
  test.each(noPorts.map((ports) => ({ ports })))('R07: $ports is not a port', ({ ports }) => {
    const found = routeComplaints({ match: { ports } });
    expect(found.length).toBeGreaterThan(0);
    for (const complaint of found) expect(complaint).toMatch(/^routes\[0\]\.match\.ports/);
  });

  test('R01: names are unique and required; a match needs ports; a forward needs one kind of target', () => {
    expect(complaints({ routes: [web(), web({ match: { ports: 81 } })] })).toEqual(['routes[1].name: routes[0] has this name already; names are unique']);
    expect(complaints({ routes: [{ match: {}, action: { type: 'forward' } }] })).toEqual([
      'routes[0].name: name is missing',
      'routes[0].match.ports: ports is missing',
      'routes[0].action: this forwards to nowhere: target is missing',
    ]);
    const both = { type: 'forward', target: forward.target, targets: [forward.target] };
    expect(routeComplaints({ action: both })).toEqual(['routes[0].action.targets: target and targets stand side by side; keep one of them']);
    expect(complaints({ routes: [] })).toHaveLength(1);
    expect(complaints(null)).toHaveLength(1);
  });

  test('R11: a route that could never be chosen is refused; with a lower priority it is only said', () => {
    const twin = { ...web(), name: 'twin', match: { ports: [8080, 9090], protocol: 'tcp' } };
    expect(complaints({ routes: [web(), twin] })).toEqual([expect.stringContaining('routes[1].match: this route can never be chosen on port 8080')]);
    expect(plan({ routes: [web({ priority: 1 }), twin] }).warnings).toEqual([expect.stringContaining('routes[1]')]);
  });

  test('R11: descriptions, tags, priority and keepHalfOpen reach the plan', () => {
    expect(onlyRoute()).toMatchObject({ description: null, tags: [], priority: 0, enabled: true, keepHalfOpen: false, index: 0, configPath: 'routes[0]' });
    expect(onlyRoute({ description: 'd', tags: 'one', priority: -3, enabled: false, keepHalfOpen: 'true' })).toMatchObject({
      description: 'd',
      tags: ['one'],
      priority: -3,
      enabled: false,
      keepHalfOpen: true,
    });
  });

  test('R02: domains are normalised, and refused where the first bytes name no host', () => {
    expect(onlyRoute({ match: { ports: 1, domains: ['A.Example.', '*.B.example:443'] } }).match.domains).toEqual(['a.example', '*.b.example']);
    for (const protocol of ['ssh', 'redis', 'postgres', 'socks', 'h2c', 'tcp']) {
      expect(routeComplaints({ match: { ports: 1, domains: 'a.example', protocol } }), protocol).toEqual([expect.stringContaining('domains cannot be enforced here')]);
    }
    for (const protocol of ['tls', 'http']) expect(routeComplaints({ match: { ports: 1, domains: 'a.example', protocol } })).toEqual([]);
  });

  test('M10: serverFirst on a route that asks for a name is refused', () => {
    const timeouts = { serverFirst: true };
    expect(routeComplaints({ match: { ports: 1, domains: 'a.example' }, timeouts })).toEqual([expect.stringContaining('routes[0].timeouts.serverFirst: serverFirst cannot be enforced here')]);
    expect(routeComplaints({ match: { ports: 1, protocol: 'ssh' }, timeouts })).toEqual([]);
  });

  test('M05: passthrough and alpn imply TLS; another protocol beside them is refused', () => {
    expect(onlyRoute({ tls: { mode: 'passthrough' } }).match.protocol).toBe('tls');
    expect(onlyRoute({ action: { ...forward, tls: { mode: 'passthrough' } } }).match.protocol).toBe('tls');
    expect(onlyRoute({ match: { ports: 1, alpn: 'h2' } }).match).toMatchObject({ protocol: 'tls', alpn: ['h2'] });
    expect(onlyRoute({ match: { ports: 1, domains: 'a.example' } }).match.protocol).toBeNull();
    expect(routeComplaints({ match: { ports: 1, protocol: 'http' }, tls: { mode: 'passthrough' } })).toEqual(['routes[0].match.protocol: tls mode passthrough implies protocol tls']);
    expect(routeComplaints({ match: { ports: 1, protocol: 'http', alpn: 'h2' } })).toEqual([expect.stringContaining('alpn cannot be enforced here')]);
    expect(routeComplaints({ tls: { mode: 'passthrough' }, action: { ...forward, tls: { mode: 'passthrough' } } })).toEqual([
      'routes[0].action.tls: tls stands on the route and in its action; keep one of them',
    ]);
  });

  test('X01: an address pattern that is none is refused at its place', () => {
    expect(onlyRoute({ match: { ports: 1, clientIp: ['10.0.0.0/8', '192.168.1.*', '::1'] } }).match.clientIp).toEqual(['10.0.0.0/8', '192.168.1.*', '::1']);
    expect(problems({ routes: [web({ match: { ports: 1, clientIp: ['10.0.0.0/8', 'not an address'] } })] }).map(({ path }) => path)).toEqual(['routes[0].match.clientIp[1]']);
  });

  test('M04: a route and a detector can be switched off, and the plan says so', () => {
    expect(onlyRoute({ enabled: false }).enabled).toBe(false);
    const loaded = plan({ routes: [web({ match: { ports: 1, protocol: 'redis' } })], detectors: { redis: false } });
    expect(loaded.detectors.find(({ detector }) => detector.name === 'redis')?.enabled).toBe(false);
    expect(loaded.warnings).toEqual([expect.stringContaining('switched off')]);
  });

  test('M04: a detector of one’s own makes its name known; unknown names get a suggestion', () => {
    const detect = (): { readonly verdict: 'noMatch' } => ({ verdict: 'noMatch' });
    const loaded = plan({ routes: [web({ match: { ports: 1, protocol: 'mqtt' } })], detectors: { mqtt: detect } });
    expect(loaded.detectors.at(-1)).toEqual({ detector: { name: 'mqtt', detect }, enabled: true });
    expect(problems({ routes: [web({ match: { ports: 1, protocol: 'rediss' } })], detectors: { sockss: false, redis: detect } })).toMatchObject([
      { path: 'detectors.sockss', suggestion: 'socks' },
      { path: 'detectors.redis', message: 'a built-in detector has this name; give yours another' },
      { path: 'routes[0].match.protocol', suggestion: 'redis' },
    ]);
    expect(routeComplaints({ match: { ports: 1, protocol: 'websocket' } })).toEqual(['routes[0].match.protocol: protocol websocket is not built yet']);
  });

  test('R07: a listener entry without a route is refused; one with a route is used', () => {
    const loaded = plan({ routes: [web()], listeners: { 8080: { host: '127.0.0.1', maxConnections: 0 } } });
    expect(loaded.listeners).toMatchObject([{ host: '127.0.0.1', maxConnections: 0, configPath: 'listeners.8080' }]);
    expect(plan({ routes: [web()] }).listeners).toMatchObject([{ host: '::', maxConnections: null, configPath: 'routes[0].match.ports' }]);
    expect(complaints({ routes: [web()], listeners: { 81: {} } })).toEqual(['listeners.81: no route uses this port']);
    expect(complaints({ routes: [web()], listeners: { '08080': {}, x: {} } })).toHaveLength(2);
  });

  test('C02: a cap of zero is a cap, everywhere', () => {
    expect(plan({ routes: [web()] }).maxConnections).toBe(10_000);
    expect(plan({ routes: [web()], limits: { maxConnections: 0 } }).maxConnections).toBe(0);
    expect(complaints({ routes: [web()], limits: { maxConnections: -1 } })).toHaveLength(1);
  });
});

describe('what cannot be enforced', () => {
  const authentication = { type: 'basic', credentials: [{ username: 'api', password: 'hunter2' }] };

  test('X05: basic authentication on passthrough and on raw TCP is refused with the reason', () => {
    const security = { authentication };
    expect(routeComplaints({ security, tls: { mode: 'passthrough' } })).toContain('routes[0].security.authentication: basic authentication needs HTTP, which is invisible on passthrough');
    expect(routeComplaints({ match: { ports: 1, protocol: 'tcp' }, action: { ...forward, security } })).toContain(
      'routes[0].action.security.authentication: basic authentication needs HTTP, which is invisible on raw TCP',
    );
    expect(routeComplaints({ security, match: { ports: 1, protocol: 'redis' } }).join()).toContain('which is invisible on raw TCP (protocol redis)');
  });

  test('X05: where HTTP could be seen it is only not built yet', () => {
    expect(routeComplaints({ security: { authentication } })).toEqual(['routes[0].security: security is not built yet']);
    expect(routeComplaints({ security: { authentication }, match: { ports: 1, protocol: 'http' } })).toEqual(['routes[0].security: security is not built yet']);
  });

  test('X05: the password is in no problem and in no message', () => {
    const config = { routes: [web({ security: { authentication }, tls: { mode: 'passthrough' }, authentication })] };
    try {
      resolveConfig(config);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      if (error instanceof ConfigError) expect(error.report + error.message + JSON.stringify(error.problems)).not.toContain('hunter2');
    }
  });

  test('X03: what only HTTP shows is refused on passthrough with the reason', () => {
    expect(routeComplaints({ match: { ports: 1, path: '/x', method: ['GET'] }, tls: { mode: 'passthrough' } })).toEqual([
      'routes[0].match.path: path needs HTTP, which is invisible on passthrough',
      'routes[0].match.method: method needs HTTP, which is invisible on passthrough',
    ]);
    expect(routeComplaints({ match: { ports: 1, path: '/x' } })).toEqual(['routes[0].match.path: match.path is not built yet']);
  });

  test('X03: a certificate on passthrough is refused with the reason', () => {
    expect(routeComplaints({ tls: { mode: 'passthrough', certificate: 'auto' } })).toEqual([expect.stringContaining('tls.certificate cannot be enforced here')]);
  });

  test('X03: options of the other action type are refused', () => {
    expect(routeComplaints({ action: { ...forward, how: 'reset' } })).toEqual(['routes[0].action.how: how belongs to type block and cannot be enforced here']);
    expect(routeComplaints({ action: { type: 'block', target: forward.target }, timeouts: { dial: '1s', linger: '1s' }, keepHalfOpen: true })).toEqual([
      'routes[0].action.target: target belongs to type forward and cannot be enforced here',
      'routes[0].keepHalfOpen: keepHalfOpen cannot be enforced here: a blocked connection ends before it could matter',
      'routes[0].timeouts.dial: dial cannot be enforced here: a blocked connection ends before it could matter',
    ]);
    expect(onlyRoute({ action: { type: 'block' } }).action).toEqual({ type: 'block', how: 'reset' });
  });

  test('X08: security on the route and in the action is refused once more for standing twice', () => {
    expect(routeComplaints({ security: {}, action: { ...forward, security: {} } })).toContain('routes[0].action.security: security stands on the route and in its action; keep one of them');
  });

  const holdTime = (timeouts: Timeouts, attemptsMax: number): number | null => (timeouts.idle === null ? null : (timeouts.sniff ?? 0) + (timeouts.dial ?? 0) * attemptsMax + timeouts.idle);

  test('T05: a route over the hold-time budget is refused; one within is not', () => {
    const config = { routes: [web()], limits: { maxHoldTime: '5m' } };
    expect(complaints(config, { holdTime })).toEqual([expect.stringContaining('routes[0]: a silent peer can hold this route for')]);
    expect(complaints({ ...config, limits: { maxHoldTime: '315s' } }, { holdTime })).toEqual([]);
    const two = { ...forward, target: undefined, targets: [forward.target, forward.target] };
    expect(complaints({ routes: [web({ action: two })], limits: { maxHoldTime: '315s' } }, { holdTime })).toHaveLength(1);
    expect(complaints({ ...config, timeouts: { idle: 'infinite' } }, { holdTime })).toEqual([expect.stringContaining('without end')]);
    expect(complaints(config)).toEqual(['limits.maxHoldTime: maxHoldTime cannot be enforced here']);
  });
});

describe('what is not built yet', () => {
  const later: readonly (readonly [string, Record<string, unknown>])[] = [
    ['pools', { pools: {} }],
    ['trustedProxies', { trustedProxies: [] }],
    ['acme', { acme: {} }],
    ['workers', { workers: 2 }],
    ['workers', { workers: 'auto' }],
    ['limits.waitingRoom.size', { limits: { waitingRoom: { size: 1 } } }],
    ['limits.maxConnectionsPerIp', { limits: { maxConnectionsPerIp: 5 } }],
    ['listeners.8080.acceptProxyProtocol', { listeners: { 8080: { acceptProxyProtocol: true } } }],
  ];

  test.each(later)('X03: %s says so at its own place', (path, more) => {
    expect(problems({ routes: [web()], ...more })).toMatchObject([{ path, message: expect.stringMatching(/ is not built yet$/) }]);
  });

  const laterInAction: readonly (readonly [string, Record<string, unknown>])[] = [
    ...['redirect', 'respond', 'handler', 'socket-handler'].map((type) => ['type', { type }] as const),
    ['engine', { ...forward, engine: 'nftables' }],
    ['forwardingEngine', { ...forward, forwardingEngine: 'nftables' }],
    ['pool', { type: 'forward', pool: 'db' }],
    ['dialer', { ...forward, dialer: 'direct' }],
    ['sendProxyProtocol', { ...forward, sendProxyProtocol: true }],
    ['preserveSourceIP', { ...forward, preserveSourceIP: true }],
    ['upstreamProtocol', { ...forward, upstreamProtocol: 'h2' }],
    ['rewrite', { ...forward, rewrite: {} }],
    ['tls.mode', { ...forward, tls: { mode: 'terminate' } }],
    ['target', { type: 'forward', target: () => forward.target }],
    ['target.port', { type: 'forward', target: { host: 'a', port: 'preserve' } }],
    ['target.host', { type: 'forward', target: { host: () => 'a', port: 1 } }],
    ['targets[0].match', { type: 'forward', targets: [{ ...forward.target, match: {} }] }],
  ];

  test.each(laterInAction)('X03: action.%s says so at its own place', (path, action) => {
    expect(problems({ routes: [web({ action })] })).toMatchObject([{ path: `routes[0].action.${path}`, message: expect.stringMatching(/ is not built yet$/) }]);
  });

  test('X03: a UNIX socket as a listener, onReload and queue say so too', () => {
    expect(routeComplaints({ match: { ports: 'unix:/run/a.sock' }, onReload: 'keep', queue: { size: 1 } })).toEqual([
      'routes[0].match.ports: a UNIX socket as a listener is not built yet',
      'routes[0].queue: queue is not built yet',
      'routes[0].onReload: onReload is not built yet',
    ]);
  });

  test('X03: what is off anyway may be said: false, size 0, engine node, one worker', () => {
    const action = { ...forward, sendProxyProtocol: false, preserveSourceIP: false, engine: 'node' };
    const config = { routes: [web({ action })], workers: 1, limits: { waitingRoom: { size: 0 } }, listeners: { 8080: { acceptProxyProtocol: false } } };
    expect(complaints(config)).toEqual([]);
  });

  test('X03: admin, store, trace and workers load with one warning each', () => {
    const warnings = plan({ routes: [web()], admin: { listen: 'unix:./s' }, store: 'file:x', trace: { sample: 0, keep: 1_000 }, workers: 1 }).warnings;
    expect(warnings).toEqual(['admin', 'store', 'trace', 'workers'].map((key) => `${key}: accepted, and does nothing yet`));
  });
});

describe('older styles', () => {
  test('M07: useHttpProxy, httpProxyPort and acme.port are answered with this language', () => {
    const found = problems({ useHttpProxy: [80], httpProxyPort: 8443, acme: { email: 'ssl@example.com', port: 80 }, routes: [web()] });
    expect(found.map(({ path }) => path).toSorted()).toEqual(['acme', 'acme.port', 'httpProxyPort', 'useHttpProxy']);
    const suggestions = found.map(({ suggestion }) => suggestion ?? '').join('\n');
    for (const part of ['match: { ports: 80, protocol: http }', 'email: ssl@example.com', 'challengePort: 80']) expect(suggestions).toContain(part);
  });

  test('R07: fromPort and toPort are answered with a route that loads', () => {
    const [first] = problems({ fromPort: 8080, toPort: 9090, targetIP: '10.1.1.1', routes: [web()] });
    expect(first?.suggestion).toBe('routes:\n  - name: port-8080\n    match: { ports: 8080 }\n    action: { type: forward, target: { host: 10.1.1.1, port: 9090 } }');
  });

  test('T06: the names of older timeouts lead to the new ones', () => {
    expect(problems({ connectionTimeout: 30_000, inactivityTimeout: 300_000, routes: [web()] }).map(({ suggestion }) => suggestion)).toEqual([
      'timeouts: { dial: 30000 }',
      'timeouts: { idle: 300000 }',
    ]);
  });
});

describe('zero configuration', () => {
  const target = (mapping: string): unknown => plan(zeroConfig([mapping])).routes[0]?.action;

  test.each([
    ['8080=127.0.0.1:3000', '127.0.0.1', 3000],
    ['8080=[::1]:3000', '::1', 3000],
    ['8080=app.internal:3000', 'app.internal', 3000],
    ['8080=3000', 'localhost', 3000],
  ])('A02: %s forwards to %s, port %i', (mapping, host, port) => {
    expect(target(mapping)).toEqual({ type: 'forward', targets: [{ host, port }] });
  });

  test.each([
    ['8080=3000', '::', 8080],
    ['0=3000', '::', 0],
    ['127.0.0.1:8080=3000', '127.0.0.1', 8080],
    ['[::1]:8080=3000', '::1', 8080],
    ['localhost:8080=3000', 'localhost', 8080],
  ])('A02: %s listens on %s, port %i', (mapping, host, port) => {
    expect(plan(zeroConfig([mapping])).listeners).toMatchObject([{ host, port }]);
  });

  test('A02: several mappings make several routes, and what is wrong with any of them is told at once', () => {
    expect(plan(zeroConfig(['8080=3000', '8081=3001'])).listeners.map(({ port }) => port)).toEqual([8080, 8081]);
    const wrong = ['8080', 'example.com=127.0.0.1:3000', '8080=http://a:1', '70000=1', '80=a', '81=0', 'example.com:80=1', '9=1', '9=2', '=', 'a b=1'];
    try {
      zeroConfig(wrong);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      if (error instanceof ConfigError) {
        expect(error.problems.map(({ file }) => file)).toEqual(wrong.filter((mapping) => mapping !== '9=1'));
        expect(error.problems[1]?.message).toContain('not built yet');
      }
    }
  });
});

describe('types and schema', () => {
  test('A01: every key of the typed configuration is a key of the schema', () => {
    // Compiles only while a SallyportConfig may be handed to the schema as it is and has no key that the schema lacks.
    const accept = (config: SallyportConfig): Written => config;
    const known = (key: keyof SallyportConfig): keyof Written => key;
    const knownInRoute = (key: keyof RouteConfig): keyof Written['routes'][number] => key;
    const knownInMatch = (key: keyof MatchConfig): keyof Written['routes'][number]['match'] => key;
    expect([known('routes'), knownInRoute('match'), knownInMatch('ports')]).toEqual(['routes', 'match', 'ports']);
    expect(configSchema.safeParse(accept({ routes: [{ name: 'a', match: { ports: 1 }, action: { type: 'block' } }] })).success).toBe(true);
  });

  test('A01: the JSON schema describes what may be written and refuses unknown keys', () => {
    const schema = configJsonSchema();
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false, required: ['routes'], properties: { pools: { not: {} }, timeouts: { properties: { idle: {} } } } });
    expect(JSON.stringify(schema)).toContain('infinite');
  });

  test('A01: what is thrown is one error with a stable code', () => {
    try {
      resolveConfig({});
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'SALLYPORT_CONFIG_INVALID', blame: errorCodes.SALLYPORT_CONFIG_INVALID.blame, retryable: false });
    }
  });
});
