/**
 * HTTP in a configuration: what a route asks of requests, where HTTP is looked into, and where it cannot be.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { RoutePlan } from '../../src/routing/plan.ts';
import { complaints, forward, onlyRoute, problems, routeComplaints, web } from '../support/config-samples.ts';

const matching = (match: Record<string, unknown>): RoutePlan => onlyRoute({ match: { ports: 1, ...match } });
const doing = (action: Record<string, unknown>, match: Record<string, unknown> = {}): RoutePlan =>
  onlyRoute({ match: { ports: 1, ...match }, action });
const matchProblems = (match: Record<string, unknown>) => routeComplaints({ match: { ports: 1, ...match } });

describe('match', () => {
  test('R03: path, method, headers and query reach the plan: names of fields in lower case, the rest as written', () => {
    expect(
      matching({ path: '/v1/users/:id/*', method: 'GET', headers: { 'X-Tenant': '/^a/' }, query: { V: '2' } }).match
        .http,
    ).toEqual({
      path: '/v1/users/:id/*',
      methods: ['GET'],
      headers: [{ name: 'x-tenant', pattern: '/^a/' }],
      query: [{ name: 'V', pattern: '2' }],
    });
    expect(matching({}).match.http).toEqual({ path: null, methods: null, headers: [], query: [] });
    expect(matching({ method: ['GET', 'M-SEARCH'] }).match.http.methods).toEqual(['GET', 'M-SEARCH']);
  });

  test('R03: a path that could never match is refused, and a missing slash is suggested', () => {
    expect(problems({ routes: [web({ match: { ports: 1, path: 'health' } })] })).toMatchObject([
      { path: 'routes[0].match.path', suggestion: '/health' },
    ]);
    for (const path of [
      '',
      '/a?b',
      '/a#b',
      '/a//b',
      '/*/a',
      '/a*',
      '/:id/:id',
      '/:',
      '/a/../b',
      '/%zz',
      5,
      null,
      ['/a'],
    ])
      expect([path, matchProblems({ path }).length]).toEqual([path, 1]);
  });

  test('R11: the case of a method matters: lower case is refused with what was meant', () => {
    expect(problems({ routes: [web({ match: { ports: 1, method: ['GET', 'post'] } })] })).toMatchObject([
      { path: 'routes[0].match.method[1]', suggestion: 'POST' },
    ]);
    for (const method of ['', 'A B', 'GÉT', 'G\u0000', [], 5]) expect(matchProblems({ method })).toHaveLength(1);
    for (const method of ['CONNECT', 'trace'])
      expect(matchProblems({ method })).toEqual([expect.stringContaining('this cannot be matched')]);
    expect(matchProblems({ method: 'TRACE' })).toEqual([]);
  });

  test('R11: a header stands once whatever its case, is a field that a route can see, and asks for text', () => {
    expect(matchProblems({ headers: { 'X-A': '1', 'x-a': '2' } })).toEqual([
      'routes[0].match.headers.x-a: x-a stands twice; names of fields have no case',
    ]);
    for (const name of ['Host', 'connection', 'Content-Length', 'upgrade', 'a b', ''])
      expect([name, matchProblems({ headers: { [name]: '1' } }).length]).toEqual([name, 1]);
    for (const value of [5, true, null, ['a'], '/(/', '/a/g'])
      expect([value, matchProblems({ headers: { 'x-a': value } }).length]).toEqual([value, 1]);
    expect(matchProblems({ query: { v: 2 } })).toEqual([
      expect.stringMatching(/^routes\[0\]\.match\.query\.v: .*in quotes: "2"$/),
    ]);
  });

  test('R11: two routes that differ in what only HTTP shows are both reachable; two that ask for the same are not', () => {
    const pair = (one: Record<string, unknown>, other: Record<string, unknown>) =>
      complaints({
        routes: [web({ match: { ports: 1, ...one } }), web({ name: 'other', match: { ports: 1, ...other } })],
      });
    for (const [one, other] of [
      [{ path: '/a' }, { path: '/b' }],
      [{ method: 'GET' }, { method: 'POST' }],
      [{ headers: { 'x-a': '1' } }, { headers: { 'x-a': '2' } }],
      [{ query: { a: '1' } }, { query: { b: '1' } }],
      [{ protocol: 'http' }, { protocol: 'websocket' }],
    ] as const)
      expect(pair(one, other)).toEqual([]);
    for (const [one, other] of [
      [{ path: '/a' }, { path: '/a', protocol: 'http' }],
      [{ method: ['GET', 'POST'] }, { method: ['POST', 'GET'] }],
      [{ headers: { 'X-A': '1', 'x-b': '2' } }, { headers: { 'x-b': '2', 'x-a': '1' } }],
    ] as const)
      expect(pair(one, other)).toEqual([expect.stringContaining('routes[1].match: this route can never be chosen')]);
  });

  test('R11: a target may ask for requests of its own, and such a route covers no other', () => {
    const targets = [
      { host: 'a', port: 1, match: { path: '/a/*', method: 'GET' } },
      { host: 'b', port: 2, match: {} },
    ];
    const { action, needsHttp } = doing({ type: 'forward', targets });
    expect(needsHttp).toBe(true);
    expect(action).toMatchObject({
      targets: [
        { host: 'a', port: 1, match: { path: '/a/*', methods: ['GET'], headers: [], query: [] } },
        { host: 'b', port: 2, match: null },
      ],
    });
    const wrong = { type: 'forward', targets: [{ host: 'a', port: 1, match: { domains: 'x' } }] };
    expect(routeComplaints({ action: wrong })).toEqual([expect.stringContaining('unknown key')]);
    const choosy = web({ action: { type: 'forward', targets: targets.slice(0, 1) }, match: { ports: 1 } });
    expect(complaints({ routes: [choosy, web({ name: 'rest', match: { ports: 1, protocol: 'http' } })] })).toEqual([]);
  });
});

describe('what is looked into', () => {
  const listener = (...routes: readonly Record<string, unknown>[]) =>
    resolveConfig({ routes: routes.map((route, index) => web({ ...route, name: `r${index}` })) }).routes.map(
      ({ needsHttp }) => needsHttp,
    );

  test('M08: a port whose routes say nothing of HTTP keeps its bytes unread', () => {
    expect(
      listener(
        { match: { ports: 1 } },
        { match: { ports: 2, protocol: 'tcp', domains: 'a.example' } },
        { match: { ports: 3, protocol: 'redis' } },
        { match: { ports: 4, domains: 'a.example' }, tls: { mode: 'passthrough' } },
        { match: { ports: 5, alpn: 'h2' } },
        { match: { ports: 6 }, action: { type: 'block' } },
        { match: { ports: 7 }, action: { type: 'handler', socketHandler: () => undefined } },
        { match: { ports: 8, domains: 'a.example' }, action: { type: 'handler', socketHandler: () => undefined } },
      ),
    ).toEqual(Array.from({ length: 8 }, () => false));
  });

  test('M07, H02: whatever only HTTP can show or do makes the route one of HTTP', () => {
    const types = [
      { type: 'redirect', to: '/x' },
      { type: 'respond' },
      { type: 'handler', httpHandler: () => new Response('') },
      { ...forward, rewrite: { stripPrefix: '/x' } },
      { ...forward, upstreamProtocol: 'h2' },
      { type: 'forward', targets: [{ ...forward.target, match: { path: '/a' } }] },
    ];
    const criteria = [
      { protocol: 'http' },
      { protocol: 'h2c' },
      { protocol: 'websocket' },
      { path: '/x' },
      { method: 'GET' },
      { headers: { a: 'b' } },
      { query: { a: 'b' } },
      { domains: 'a.example' },
    ];
    const authentication = { type: 'basic', credentials: [{ username: 'a', password: 'b' }] };
    const routes = [
      ...types.map((action, at) => ({ match: { ports: 10 + at }, action })),
      ...criteria.map((match, at) => ({ match: { ports: 30 + at, ...match } })),
      { match: { ports: 50 }, security: { authentication } },
      { match: { ports: 51 }, enabled: false, action: { type: 'respond' } },
    ];
    expect(listener(...routes)).toEqual(routes.map(() => true));
  });

  test('M07: without a protocol such a route means plain HTTP; a name alone may be one in TLS', () => {
    expect(matching({ path: '/x' }).match.protocol).toBe('http');
    expect(doing({ type: 'respond' }).match.protocol).toBe('http');
    expect(matching({ domains: 'a.example' }).match.protocol).toBeNull();
    expect(matching({ path: '/x', protocol: 'websocket' }).match.protocol).toBe('websocket');
  });

  test('X05: what needs HTTP is refused, each at its place, where the bytes are not HTTP or nobody reads them', () => {
    const action = { type: 'respond', rewrite: undefined };
    const inner = [
      [{ match: { path: '/x' } }, 'match.path', 'path'],
      [{ match: { headers: { a: 'b' } } }, 'match.headers', 'headers'],
      [{ match: { method: 'GET' } }, 'match.method', 'method'],
      [{ match: { query: { a: 'b' } } }, 'match.query', 'query'],
      [{ action }, 'action.type', 'respond'],
      [{ action: { type: 'redirect', to: '/x' } }, 'action.type', 'redirect'],
      [{ action: { ...forward, rewrite: {} } }, 'action.rewrite', 'rewrite'],
      [{ action: { ...forward, upstreamProtocol: 'h2' } }, 'action.upstreamProtocol', 'upstreamProtocol'],
      [{ action: { type: 'handler', httpHandler: () => new Response('') } }, 'action.httpHandler', 'an httpHandler'],
      [
        { action: { type: 'forward', targets: [{ host: 'a', port: 1, match: { path: '/' } }] } },
        'action.targets[0].match',
        'the match of a target',
      ],
    ] as const;
    const outer = [
      [{ match: { protocol: 'tcp' } }, 'raw TCP'],
      [{ match: { protocol: 'redis' } }, 'raw TCP (protocol redis)'],
      [{ match: { protocol: 'tls' } }, 'TLS that is not terminated'],
      [{ match: { alpn: 'h2' } }, 'TLS that is not terminated'],
      [{ tls: { mode: 'passthrough' } }, 'passthrough'],
    ] as const;
    for (const [route, path, what] of inner) {
      for (const [more, where] of outer) {
        const asked = { ...('match' in route ? route.match : {}), ...('match' in more ? more.match : {}) };
        expect(routeComplaints({ ...route, ...more, match: { ports: 1, ...asked } })).toEqual([
          `routes[0].${path}: ${what} needs HTTP, which is invisible on ${where}`,
        ]);
      }
    }
  });

  test('M10: serverFirst on a route of HTTP is refused: its clients speak first', () => {
    for (const match of [{ protocol: 'http' }, { protocol: 'websocket' }, { path: '/x' }])
      expect(routeComplaints({ match: { ports: 1, ...match }, timeouts: { serverFirst: true } })).toEqual([
        expect.stringContaining('serverFirst cannot be enforced here'),
      ]);
  });

  test('M04: a route for WebSockets while HTTP is switched off is said', () => {
    const { warnings } = resolveConfig({
      routes: [web({ match: { ports: 1, protocol: 'websocket' } })],
      detectors: { http: false },
    });
    expect(warnings).toEqual([expect.stringContaining('switched off')]);
  });
});

describe('trusted proxies', () => {
  test('X03: addresses, blocks and globs are taken; nobody may be said; anything else is refused', () => {
    const trusted = (trustedProxies: unknown) => resolveConfig({ routes: [web()], trustedProxies }).trustedProxies;
    expect(trusted(undefined)).toEqual([]);
    expect(trusted([])).toEqual([]);
    expect(trusted('10.0.0.0/8')).toEqual(['10.0.0.0/8']);
    expect(trusted(['127.0.0.1', '10.0.*', 'fd00::/8'])).toEqual(['127.0.0.1', '10.0.*', 'fd00::/8']);
    for (const trustedProxies of ['proxy.example', ['10.0.0.0/33'], 5, [null]])
      expect(complaints({ routes: [web()], trustedProxies })).toHaveLength(1);
    expect(resolveConfig({ routes: [web()] }, { sets: ['trustedProxies=::1'] }).trustedProxies).toEqual(['::1']);
  });
});
