/**
 * Explanations: what `proxy.match()` says about a client that is only imagined.
 */
import { describe, expect, test } from 'vitest';
import { explainMatch } from '../../src/routing/explain-match.ts';
import { compileListener, type MatchQuery } from '../../src/routing/route-table.ts';
import { detectors, forward, httpMatch, listener, listenerPort, routes, said, table } from './routing-plans.ts';

describe('explanations', () => {
  const explained = table(
    { name: 'site', domains: ['a.x'] },
    { name: 'cache', protocol: 'redis' },
    { name: 'h2', alpn: ['h2'] },
    { name: 'office', clientIp: ['10.0.0.0/8'], protocol: 'http' },
    { name: 'range', ports: [{ from: 1, to: 9 }] },
    { name: 'off', protocol: 'ssh', enabled: false },
  );
  const failures = (query: MatchQuery) =>
    Object.fromEntries(explained.explain(query).candidates.map((each) => [each.route.name, each.failed]));

  test('R01: each candidate says which criterion failed first', () => {
    expect(
      failures({ port: listenerPort, protocol: 'tls', host: 'B.x:443', alpn: ['http/1.1'], clientIp: '192.0.2.1' }),
    ).toEqual({
      site: 'domains',
      cache: 'protocol',
      h2: 'alpn',
      office: 'clientIp',
      range: 'ports',
      off: 'protocol',
    });
    const found = explained.explain({ port: listenerPort, host: 'A.x.', clientIp: '192.0.2.1' });
    expect(said(found.decision)).toBe('site');
    expect(found.candidates.filter((candidate) => candidate.matched).map((candidate) => candidate.route.name)).toEqual([
      'site',
    ]);
    expect(found.says).toContain('site');
  });

  test('R01: the sentence of a candidate names what was asked for and what there was', () => {
    const says = (query: MatchQuery, name: string) =>
      explained.explain(query).candidates.find((candidate) => candidate.route.name === name)?.says;
    const query = { port: listenerPort, protocol: 'tls', host: 'b.x', alpn: ['x', 'y'], clientIp: '192.0.2.1' };
    expect(says(query, 'site')).toBe('asks for a.x; the client names b.x');
    expect(says(query, 'cache')).toBe('asks for redis; the client speaks tls');
    expect(says(query, 'h2')).toBe('asks for ALPN h2; the client offers x, y');
    expect(says(query, 'office')).toBe('asks for a client in 10.0.0.0/8; the client is 192.0.2.1');
    expect(says(query, 'range')).toBe('asks for other ports than 443');
    expect(says({ port: listenerPort, protocol: 'tls' }, 'h2')).toContain('the client offers none');
    expect(says({ port: listenerPort, protocol: 'tls', host: 'a.x', alpn: ['h2'] }, 'site')).toContain(
      'is the one that is taken',
    );
    expect(says({ port: listenerPort, protocol: 'tls', host: 'a.x', alpn: ['h2'] }, 'h2')).toContain('comes first');
    expect(says({ port: listenerPort, protocol: 'ssh' }, 'off')).toContain('switched off');
  });

  test('R01: a listener whose port the system chose does not hold the port against a route', () => {
    const chosen = compileListener({ ...listener(routes({ name: 'any' })), port: 0 }, detectors());
    expect(said(chosen.explain({ port: 0 }).decision)).toBe('any');
    expect(chosen.explain({ port: 0 }).candidates.map((candidate) => candidate.failed)).toEqual([null]);
  });

  test('R01: a host without a protocol is looked for in TLS and in HTTP; ALPN means TLS; an address that is not given is in no list', () => {
    const web = table({ name: 'web', protocol: 'http', domains: ['a.x'] });
    expect(web.explain({ port: listenerPort, host: 'a.x' })).toMatchObject({
      protocol: 'http',
      decision: { kind: 'route' },
    });
    expect(web.explain({ port: listenerPort, host: 'b.x' })).toMatchObject({
      protocol: 'tls',
      decision: { kind: 'refused' },
    });
    expect(explained.explain({ port: listenerPort, alpn: ['h2'] })).toMatchObject({
      protocol: 'tls',
      decision: { route: { name: 'h2' } },
    });
    expect(failures({ port: listenerPort, protocol: 'http' })['office']).toBe('clientIp');
  });

  test('M06: what is decided before any byte is said to be', () => {
    const plain = table({ name: 'mysql' }, { name: 'shadowed', priority: -1 }).explain({ port: listenerPort });
    expect(said(plain.decision)).toBe('mysql');
    expect(plain.says).toContain('before any byte');
    expect(plain.candidates.map((candidate) => candidate.matched)).toEqual([true, true]);
  });

  test('M04: a refusal says whether the protocol or the rest was at fault', () => {
    expect(explained.explain({ port: listenerPort, protocol: 'ssh' }).says).toContain('ssh');
    const gated = compileListener(listener(routes({ protocol: 'http' })), detectors('redis'));
    expect(gated.explain({ port: listenerPort, protocol: 'redis' }).says).toContain('switched off');
  });

  test('R01: a query of nothing but a port is a client that speaks nothing known', () => {
    const found = table({ name: 'tls', protocol: 'tls' }).explain({ port: listenerPort });
    expect(found.protocol).toBeNull();
    expect(said(found.decision)).toBe('refused.protocol');
  });

  test('R01: a port that nothing listens on is refused in so many words', () => {
    const tables = new Map([[listenerPort, explained]]);
    const found = explainMatch(tables, { port: 1 });
    expect(said(found.decision)).toBe('refused.route');
    expect(found.says).toContain('port 1');
    expect(explainMatch(tables, { port: listenerPort, protocol: 'redis' })).toEqual(
      explained.explain({ port: listenerPort, protocol: 'redis' }),
    );
  });

  describe('of requests', () => {
    const posts = httpMatch({ methods: ['POST'] });
    const site = table(
      { name: 'site', domains: ['a.x'], path: '/users/:id', methods: ['GET'], protocol: 'http' },
      { name: 'tenant', path: '/*', headers: [{ name: 'x-tenant', pattern: '/^a/' }] },
      { name: 'beta', query: [{ name: 'v', pattern: '2' }] },
      { name: 'socket', protocol: 'websocket' },
      { name: 'split', path: '/split', action: forward({ match: posts }) },
      { name: 'tls', protocol: 'tls' },
      { name: 'off', path: '/off', enabled: false },
    );
    const asked = (query: Omit<MatchQuery, 'port'>) => site.explain({ port: listenerPort, ...query });
    const failed = (query: Omit<MatchQuery, 'port'>) =>
      Object.fromEntries(asked(query).candidates.map((each) => [each.route.name, each.failed]));

    test('R04: path, method, headers and query are understood, and the answer brings what the path found', () => {
      expect(asked({ host: 'A.x:80', path: '/users/7?x=1' }).decision).toMatchObject({
        route: { name: 'site' },
        path: { pathParams: { id: '7' }, pathMatch: '/users/7' },
      });
      expect(said(asked({ path: '/x', headers: { 'X-Tenant': ['b', 'abc'] } }).decision)).toBe('tenant');
      expect(said(asked({ path: '/x?v=2' }).decision)).toBe('beta');
      expect(said(asked({ path: '/x?y', query: { v: '2' } }).decision)).toBe('beta');
      expect(said(asked({ query: { v: '2' } }).decision)).toBe('beta');
      expect(said(asked({ protocol: 'websocket' }).decision)).toBe('socket');
      expect(said(asked({ path: '/split', method: 'POST' }).decision)).toBe('split');
      expect(said(asked({ host: 'a.x', path: '/caf\u00E9', headers: { 'x-tenant': 'a' } }).decision)).toBe('tenant');
    });

    test('R04: each candidate says which criterion of the request failed first', () => {
      expect(failed({ host: 'b.x', path: '/users/7' })).toEqual({
        site: 'domains',
        tenant: 'headers',
        beta: 'query',
        socket: 'protocol',
        split: 'path',
        tls: 'protocol',
        off: 'path',
      });
      expect(failed({ host: 'a.x', path: '/users/7', method: 'PUT' })).toMatchObject({ site: 'method' });
      expect(failed({ host: 'a.x', path: '/users' })).toMatchObject({ site: 'path' });
      expect(failed({ path: '/split' })).toMatchObject({ split: 'targets' });
      expect(failed({ path: '/off' })).toMatchObject({ off: null });
      expect(failed({ protocol: 'h2c', path: '/off' })).toMatchObject({ off: null, socket: 'protocol' });
    });

    test('R04: the sentence names what was asked for and what there was', () => {
      const says = (name: string, query: Omit<MatchQuery, 'port'>) =>
        asked(query).candidates.find(({ route }) => route.name === name)?.says;
      const query = { host: 'a.x', path: '/split', method: 'PUT' };
      expect(says('site', query)).toBe('asks for the path /users/:id; the request is for /split');
      expect(says('site', { ...query, path: '/users/7' })).toBe('asks for GET; the method is PUT');
      expect(says('tenant', query)).toBe('asks for the headers x-tenant: /^a/, and they do not all hold');
      expect(says('beta', query)).toBe('asks for the query v=2, and not all of it holds');
      expect(says('socket', query)).toBe('asks for websocket; the client speaks http');
      expect(says('split', query)).toContain('none of its targets');
      expect(says('off', { path: '/off' })).toContain('switched off');
      expect(asked({ protocol: 'websocket', path: '/x' }).says).toBe('taken by socket');
      expect(asked({ path: '/a/%00' }).says).toBe('refused: the path holds a broken escape, or that of a control byte');
      expect(says('socket', { protocol: 'websocket', path: '/..' })).toContain('malformed');
      expect(table({ protocol: 'h2c' }).explain({ port: listenerPort, path: '/' }).says).toBe(
        'refused: no route takes http',
      );
    });

    test('R04: a port that does not serve HTTP looks at no path', () => {
      const named = table({ name: 'named', protocol: 'tcp', domains: ['a.x'] });
      expect(said(named.explain({ port: listenerPort, host: 'a.x', path: '/..' }).decision)).toBe('named');
    });
  });
});
