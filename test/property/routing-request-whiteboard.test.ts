/**
 * The HTTP route tables people draw on a whiteboard, and which request goes where.
 */
import { describe, expect, test } from 'vitest';
import type { RouteAction } from '../../src/routing/plan.ts';
import { compileListener, orderRoutes, type RequestSubject, type RouteTable } from '../../src/routing/route-table.ts';
import { detectors, forward, httpMatch, listener, request, routes, said, subject, table } from './routing-plans.ts';

const asks = (compiled: RouteTable, wish: Partial<RequestSubject>) => said(compiled.decideRequest(request(wish)));
const respond: RouteAction = { type: 'respond', status: 200, fields: [], body: new Uint8Array() };
const redirect: RouteAction = { type: 'redirect', to: 'https://{host}{path}', status: 308 };

describe('whiteboard tables for requests', () => {
  test('R03, test.router: a path pattern gives its parameters, what it matched, and the remainder', () => {
    const api = table({ name: 'api', path: '/api/:version/*' });
    expect(api.decideRequest(request({ target: '/api/v1/users/7?x=1' }))).toMatchObject({
      kind: 'route',
      path: { pathParams: { version: 'v1' }, pathMatch: '/api/v1', pathRemainder: '/users/7' },
    });
    expect(api.decideRequest(request({ target: '/api/v1' }))).toMatchObject({ path: { pathRemainder: '' } });
    expect(asks(api, { target: '/api' })).toBe('refused.route');
    expect(asks(api, { target: '/API/v1' })).toBe('refused.route');
    expect(table({ name: 'any' }).decideRequest(request({ target: '/x/y' }))).toMatchObject({
      path: { pathParams: {}, pathMatch: '', pathRemainder: '/x/y' },
    });
  });

  test('R03: exact before parameters before wildcard, longer before shorter, and a route without a path last', () => {
    const site = table(
      { name: 'rest' },
      { name: 'all', path: '/*' },
      { name: 'users', path: '/users/*' },
      { name: 'user', path: '/users/:id' },
      { name: 'me', path: '/users/me' },
      { name: 'posts', path: '/users/:id/posts/*' },
    );
    expect(asks(site, { target: '/users/me' })).toBe('me');
    expect(asks(site, { target: '/users/7' })).toBe('user');
    expect(asks(site, { target: '/users/7/posts/1' })).toBe('posts');
    expect(asks(site, { target: '/users/7/likes' })).toBe('users');
    expect(asks(site, { target: '/other' })).toBe('all');
    expect(asks(site, { target: '*', method: 'OPTIONS' })).toBe('rest');
  });

  test('R02: routes are ordered by host, path, method, headers, query, protocol, address, position', () => {
    const ordered = [
      { name: 'host', domains: ['a.x'] },
      { name: 'exact', path: '/a' },
      { name: 'params', path: '/:a/:b/:c' },
      { name: 'fixed', path: '/a/:b/c/*' },
      { name: 'named', path: '/a/:b/:c/*' },
      { name: 'short', path: '/a/*' },
      { name: 'method', methods: ['GET'] },
      { name: 'methods', methods: ['GET', 'HEAD'] },
      {
        name: 'headers',
        headers: [
          { name: 'a', pattern: '*' },
          { name: 'b', pattern: '*' },
        ],
      },
      { name: 'header', headers: [{ name: 'a', pattern: '*' }] },
      {
        name: 'queries',
        query: [
          { name: 'a', pattern: '*' },
          { name: 'b', pattern: '*' },
        ],
      },
      { name: 'query', query: [{ name: 'a', pattern: '*' }] },
      { name: 'protocol', protocol: 'http' },
      { name: 'address', clientIp: ['10.0.0.1'] },
      { name: 'plain' },
    ];
    const names = ordered.map(({ name }) => name);
    expect(orderRoutes(routes(...ordered)).map(({ name }) => name)).toEqual(names);
    expect(orderRoutes(routes(...ordered.toReversed())).map(({ name }) => name)).toEqual(names);
  });

  test('R11: priority goes before specificity; tags and description ride along', () => {
    const site = table(
      { name: 'exact', path: '/a' },
      { name: 'first', path: '/*', priority: 1, tags: ['t'], description: 'd' },
    );
    expect(site.decideRequest(request({ target: '/a' }))).toMatchObject({
      route: { name: 'first', tags: ['t'], description: 'd' },
    });
  });

  test('R11: methods, headers, query and client address select, and all that are asked for must hold', () => {
    const site = table(
      {
        name: 'narrow',
        path: '/a',
        methods: ['POST'],
        headers: [{ name: 'x-tenant', pattern: '/^a/i' }],
        query: [{ name: 'v', pattern: '2' }],
        clientIp: ['10.0.0.0/8'],
        domains: ['a.x'],
      },
      { name: 'rest', protocol: 'http' },
    );
    const all = { host: 'a.x', target: '/a?v=2', method: 'POST', fields: ['X-Tenant', 'Acme'] };
    expect(asks(site, all)).toBe('narrow');
    const failures: readonly Partial<RequestSubject>[] = [
      { host: 'b.x' },
      { host: null },
      { target: '/b?v=2' },
      { target: '/a?v=1' },
      { target: '/a' },
      { target: '/a?V=2' },
      { method: 'post' },
      { method: 'GET' },
      { fields: ['x-tenant', 'bcme'] },
      { fields: ['x-tenants', 'acme'] },
      { fields: [] },
      { ip: '192.0.2.1' },
    ];
    for (const failure of failures) expect([failure, asks(site, { ...all, ...failure })]).toEqual([failure, 'rest']);
  });

  test('R11: of several fields or parameters with one name any may hold', () => {
    const site = table({
      name: 'v2',
      headers: [{ name: 'x-v', pattern: '2' }],
      query: [{ name: 'q', pattern: 'a b' }],
    });
    expect(asks(site, { fields: ['x-v', '1', 'X-V', '2'], target: '/?q=1&q=a+b' })).toBe('v2');
    expect(asks(site, { fields: ['x-v', '1', 'X-V', '2'], target: '/?q=%zz&q=a%20b' })).toBe('v2');
    expect(asks(site, { fields: ['x-v', '1, 2'], target: '/?q=a b' })).toBe('refused.route');
  });

  test('R11: a target with a match of its own is tried only for the requests it takes; a route with none for a request is passed over', () => {
    const posts = httpMatch({ methods: ['POST'] });
    const beta = httpMatch({ headers: [{ name: 'x-beta', pattern: '*' }] });
    const site = table(
      { name: 'split', protocol: 'http', path: '/a', action: forward({ match: posts }, { match: beta }) },
      { name: 'mixed', protocol: 'http', path: '/b', action: forward({ match: posts }, { match: null }) },
      { name: 'rest', protocol: 'http' },
    );
    const ports = (wish: Partial<RequestSubject>) => {
      const decision = site.decideRequest(request(wish));
      return decision.kind === 'route' ? [decision.route.name, ...decision.targets.map(({ port }) => port)] : [];
    };
    expect(ports({ target: '/a', method: 'POST' })).toEqual(['split', 3000]);
    expect(ports({ target: '/a', fields: ['X-Beta', ''] })).toEqual(['split', 3001]);
    expect(ports({ target: '/a', method: 'POST', fields: ['x-beta', '1'] })).toEqual(['split', 3000, 3001]);
    expect(ports({ target: '/a' })).toEqual(['rest', 3000]);
    expect(ports({ target: '/b' })).toEqual(['mixed', 3001]);
  });

  test('R09: redirects, answers and blocks are routes like any other, without targets', () => {
    const site = table(
      { name: 'health', path: '/health', action: respond },
      { name: 'closed', path: '/closed', action: { type: 'block', how: 'fin' } },
      { name: 'to-https', domains: ['*.example.com'], action: redirect },
    );
    expect(site.servesHttp).toBe(true);
    expect(site.decideRequest(request({ target: '/health' }))).toMatchObject({
      route: { name: 'health' },
      targets: [],
    });
    expect(site.decideRequest(request({ target: '/closed' }))).toMatchObject({
      route: { name: 'closed' },
      targets: [],
    });
    expect(asks(site, { host: 'a.example.com' })).toBe('to-https');
    expect(said(site.decide(subject('tls', 'a.example.com')))).toBe('refused.protocol');
  });

  test('M01, M03: http takes HTTP/1.x and h2c, h2c only h2c, websocket only upgrades, and a route that asks for TLS none of them', () => {
    const only = (protocol: string) => table({ name: 'it', protocol });
    const answers = (compiled: RouteTable) => [
      asks(compiled, { protocol: 'http' }),
      asks(compiled, { protocol: 'h2c' }),
      asks(compiled, { isWebSocket: true }),
    ];
    expect(answers(only('http'))).toEqual(['it', 'it', 'it']);
    expect(answers(only('tcp'))).toEqual(['it', 'it', 'it']);
    expect(answers(only('h2c'))).toEqual(['refused.protocol', 'it', 'refused.protocol']);
    expect(answers(only('websocket'))).toEqual(['refused.protocol', 'refused.protocol', 'it']);
    expect(answers(only('tls'))).toEqual(['refused.protocol', 'refused.protocol', 'refused.protocol']);
    expect(answers(only('redis'))).toEqual(['refused.protocol', 'refused.protocol', 'refused.protocol']);
    expect(answers(table({ name: 'it', alpn: ['h2'] }))).toEqual(answers(only('tls')));
    const never = table({ name: 'never', alpn: ['h2'], path: '/a' });
    expect(said(never.decide(subject('tls', null, ['h2'])))).toBe('refused.protocol');
  });

  test('M04: a route that is switched off refuses the requests it wins, and a protocol that is switched off every request', () => {
    const gated = table({ name: 'admin', path: '/admin/*', enabled: false }, { name: 'rest', protocol: 'http' });
    expect(asks(gated, { target: '/admin/x' })).toBe('refused.protocol');
    expect(asks(gated, { target: '/x' })).toBe('rest');
    const withoutH2c = compileListener(listener(routes({ protocol: 'http' })), detectors('h2c'));
    expect(asks(withoutH2c, { protocol: 'h2c' })).toBe('refused.protocol');
    expect(asks(withoutH2c, {})).toBe('r0');
  });

  test('M06, M07, M08: a port with an HTTP route looks for HTTP, one without forwards before any byte', () => {
    const names = (compiled: RouteTable) => compiled.detectors.map(({ name }) => name);
    for (const wish of [
      { protocol: 'http' },
      { protocol: 'h2c' },
      { protocol: 'websocket' },
      { path: '/a' },
      { path: '/a', serverFirst: 300 },
      { action: redirect },
    ]) {
      const served = table(wish);
      expect(served.servesHttp).toBe(true);
      expect(served.withoutBytes({ ip: '10.0.0.1', tls: null })).toBeNull();
      expect(names(served)).toEqual(['h2c', 'http']);
      expect(served.serverFirst({ ip: '10.0.0.1', tls: null })).toBeNull();
    }
    expect(names(table({ domains: ['a.x'] }))).toEqual(['tls', 'h2c', 'http']);
    const named = table({ domains: ['a.x'], protocol: 'tcp' });
    expect([named.servesHttp, names(named)]).toEqual([false, ['tls', 'http']]);
    const plain = table({});
    expect([plain.servesHttp, names(plain), said(plain.withoutBytes({ ip: '10.0.0.1', tls: null }))]).toEqual([
      false,
      [],
      'r0',
    ]);
  });

  test('M06: bytes that are no HTTP never reach a route that only HTTP can show, and reach the plain one beside it', () => {
    const shared = table({ name: 'health', path: '/health', action: respond }, { name: 'rest' });
    expect(shared.withoutBytes({ ip: '10.0.0.1', tls: null })).toBeNull();
    expect(said(shared.decide(subject(null)))).toBe('rest');
    expect(said(shared.decide(subject('tls', 'a.x')))).toBe('rest');
    expect(asks(shared, { target: '/health' })).toBe('health');
    expect(asks(shared, { target: '/other' })).toBe('rest');
    const site = table({ name: 'site', domains: ['a.x'], path: '/a/*' });
    expect(said(site.decide(subject('tls', 'a.x')))).toBe('refused.protocol');
    const split = table({ name: 'split', domains: ['a.x'], action: forward({ match: httpMatch({ path: '/a' }) }) });
    expect(said(split.decide(subject('tls', 'a.x')))).toBe('refused.protocol');
  });

  test('R08: a request that no route takes is refused, and one whose path is read in different ways is malformed for every route', () => {
    const site = table({ name: 'rest', protocol: 'http' });
    for (const target of ['/..', '/a/%2e%2E/../..', '/a%00b', '/a%', '/a/..;/b', 'a', '']) {
      expect([target, asks(site, { target })]).toEqual([target, 'malformed']);
    }
    expect(asks(table({ protocol: 'http', domains: ['a.x'] }), { host: 'b.x' })).toBe('refused.route');
    expect(asks(table({ name: 'other', ports: [{ from: 80, to: 80 }], protocol: 'http' }), {})).toBe('refused.route');
  });

  test('R02: many routes on one host do not come before one without a host that has a higher priority', () => {
    const many = Array.from({ length: 12 }, (_, index) => ({ domains: ['a.x'], path: `/n${index}` }));
    const site = table(...many, { name: 'hosted', domains: ['a.x'] }, { name: 'first', path: '/n0/*', priority: 5 });
    expect(asks(site, { host: 'a.x', target: '/n0' })).toBe('first');
    expect(asks(site, { host: 'a.x', target: '/n1' })).toBe('r1');
    expect(asks(site, { host: 'a.x', target: '/other' })).toBe('hosted');
    expect(asks(site, { host: 'a.x', target: '/n0/x' })).toBe('first');
  });

  test('R03: two hundred routes on one host are found by path as ten are', () => {
    const wishes = Array.from({ length: 200 }, (_, index) => ({
      name: `n${index}`,
      domains: ['a.x'],
      path: [`/api/v${index}/:id`, `/api/v${index}/*`, `/svc/n${index}`][index % 3] ?? '/',
    }));
    const site = table(...wishes, { name: 'odd', domains: ['a.x'], path: '/(a)|{b}+:c/$&' });
    expect(asks(site, { host: 'a.x', target: '/api/v99/7' })).toBe('n99');
    expect(asks(site, { host: 'a.x', target: '/api/v99/7/8' })).toBe('refused.route');
    expect(asks(site, { host: 'a.x', target: '/api/v100' })).toBe('n100');
    expect(asks(site, { host: 'a.x', target: '/api/v100/7/8/' })).toBe('n100');
    expect(asks(site, { host: 'a.x', target: '/svc/n2' })).toBe('n2');
    expect(asks(site, { host: 'a.x', target: '/svc/n2/' })).toBe('refused.route');
    expect(asks(site, { host: 'a.x', target: '/(a)%7C%7bb}+:c/$&' })).toBe('odd');
    expect(asks(site, { host: 'b.x', target: '/svc/n2' })).toBe('refused.route');
  });
});
