/**
 * The route tables people draw on a whiteboard, and who gets which client.
 */
import { describe, expect, test } from 'vitest';
import { compileListener, orderRoutes } from '../../src/routing/route-table.ts';
import { detectors, listener, routes, type RouteWish, said, subject, table } from './routing-plans.ts';

describe('whiteboard tables', () => {
  test('R01, M06: a plain TCP route answers every client before any byte, with the same object', () => {
    const plain = table({ name: 'mysql' });
    expect(said(plain.withoutBytes({ ip: '10.0.0.1', tls: null }))).toBe('mysql');
    expect(plain.withoutBytes({ ip: '10.0.0.1', tls: null })).toBe(plain.withoutBytes({ ip: '::1', tls: null }));
    expect(plain.detectors).toEqual([]);
  });

  test('M01: protocols share a port, and the rest goes to the route that asks for nothing', () => {
    const shared = table(
      { name: 'rest' },
      { name: 'cache', protocol: 'redis' },
      { name: 'web', protocol: 'http' },
      { name: 'site', domains: ['a.x'] },
    );
    expect(shared.withoutBytes({ ip: '10.0.0.1', tls: null })).toBeNull();
    expect(shared.detectors.map((detector) => detector.name)).toEqual(['tls', 'redis', 'h2c', 'http']);
    expect(said(shared.decide(subject('redis')))).toBe('cache');
    expect(said(shared.decide(subject('http', 'b.x')))).toBe('web');
    expect(said(shared.decide(subject('http', 'a.x')))).toBe('site');
    expect(said(shared.decide(subject('tls', 'a.x')))).toBe('site');
    expect(said(shared.decide(subject('tls', 'b.x')))).toBe('rest');
    expect(said(shared.decide(subject(null)))).toBe('rest');
  });

  test('M05, R02, test.router: the most specific name wins, also against an exact name in the same list as a wildcard', () => {
    const sites = table(
      { name: 'both', domains: ['quite-a-long-name.example.com', '*.example.com'] },
      { name: 'api', domains: ['api.example.com'] },
      { name: 'deep', domains: ['*.eu.example.com'] },
      { name: 'tld', domains: ['example.*'] },
    );
    expect(said(sites.decide(subject('tls', 'api.example.com')))).toBe('api');
    expect(said(sites.decide(subject('tls', 'quite-a-long-name.example.com')))).toBe('both');
    expect(said(sites.decide(subject('tls', 'x.eu.example.com')))).toBe('deep');
    expect(said(sites.decide(subject('tls', 'x.example.com')))).toBe('both');
    expect(said(sites.decide(subject('tls', 'example.org')))).toBe('tld');
    expect(said(sites.decide(subject('tls', 'other.org')))).toBe('refused.route');
    expect(said(sites.decide(subject('tls')))).toBe('refused.route');
    expect(said(sites.decide(subject('redis')))).toBe('refused.protocol');
    expect(said(sites.decide(subject(null)))).toBe('refused.protocol');
  });

  test('R02: priority goes before specificity', () => {
    const sites = table({ name: 'exact', domains: ['a.x'] }, { name: 'first', domains: ['*.x'], priority: 1 });
    expect(said(sites.decide(subject('tls', 'a.x')))).toBe('first');
    expect(
      orderRoutes(routes({ name: 'exact', domains: ['a.x'] }, { name: 'first', priority: 1 })).map(
        (route) => route.name,
      ),
    ).toEqual(['first', 'exact']);
  });

  test('R02: routes are ordered by host, protocol, ALPN, address, ports, position', () => {
    const ordered: readonly RouteWish[] = [
      { name: 'exact', domains: ['a.x'] },
      { name: 'wild', domains: ['*.x'] },
      { name: 'tld', domains: ['x.*'] },
      { name: 'glob', domains: ['*'] },
      { name: 'alpn', alpn: ['h2'] },
      { name: 'protocol', protocol: 'tls' },
      { name: 'narrow', clientIp: ['10.0.0.0/24'] },
      { name: 'wide', clientIp: ['10.0.0.0/8'] },
      { name: 'narrow and wide', clientIp: ['10.0.0.1', '0.0.0.0/0'] },
      { name: 'any address', clientIp: ['*'] },
      { name: 'one port' },
      { name: 'one port, later' },
      { name: 'range', ports: [{ from: 443, to: 450 }] },
      {
        name: 'ranges',
        ports: [
          { from: 443, to: 450 },
          { from: 500, to: 501 },
        ],
      },
    ];
    const names = ordered.map((wish) => wish.name);
    expect(orderRoutes(routes(...ordered)).map((route) => route.name)).toEqual(names);
    const [first, second] = ['one port', 'one port, later'];
    const reversed = orderRoutes(routes(...ordered.toReversed())).map((route) => route.name);
    expect(reversed.map((name) => (name === first ? second : name === second ? first : name))).toEqual(names);
  });

  test('M03, M05: ALPN asks for any overlap, in TLS only', () => {
    const byAlpn = table({ name: 'h2', alpn: ['h2', 'h3'] }, { name: 'other', protocol: 'tls' });
    expect(said(byAlpn.decide(subject('tls', null, ['http/1.1', 'h2'])))).toBe('h2');
    expect(said(byAlpn.decide(subject('tls', null, ['http/1.1'])))).toBe('other');
    expect(said(table({ name: 'h2', alpn: ['h2'] }).decide(subject('tls', null, [])))).toBe('refused.route');
    expect(said(table({ name: 'h2', alpn: ['h2'] }).decide(subject('http', 'a.x')))).toBe('refused.protocol');
    expect(said(table({ name: 'never', alpn: ['h2'], protocol: 'http' }).decide(subject('tls', null, ['h2'])))).toBe(
      'refused.protocol',
    );
  });

  test('M04: a switched-off detector is asked on every sniffed port, and who speaks it is refused', () => {
    const plans = routes({ name: 'rest' }, { name: 'web', protocol: 'http' });
    const gated = compileListener(listener(plans), detectors('redis'));
    expect(gated.detectors.map((detector) => detector.name)).toEqual(['redis', 'h2c', 'http']);
    expect(said(gated.decide(subject('redis')))).toBe('refused.protocol');
    expect(said(gated.decide(subject(null)))).toBe('rest');
    const unsniffed = compileListener(listener(routes({ name: 'rest' })), detectors('redis'));
    expect(said(unsniffed.withoutBytes({ ip: '10.0.0.1', tls: null }))).toBe('rest');
  });

  test('M04: a route that is switched off refuses what it matches, and nothing behind it gets the client', () => {
    const gated = table({ name: 'cache', protocol: 'redis', enabled: false }, { name: 'rest' });
    expect(said(gated.decide(subject('redis')))).toBe('refused.protocol');
    expect(said(gated.decide(subject('ssh')))).toBe('rest');
    expect(said(table({ enabled: false }).withoutBytes({ ip: '10.0.0.1', tls: null }))).toBe('refused.protocol');
  });

  test('R06: the address selects among routes, and an address that no route takes is refused before any byte', () => {
    const byAddress = table(
      { name: 'office', clientIp: ['10.0.0.0/8'] },
      { name: 'web', protocol: 'http', clientIp: ['192.168.*'] },
    );
    expect(said(byAddress.withoutBytes({ ip: '::ffff:10.0.0.9', tls: null }))).toBe('office');
    expect(byAddress.withoutBytes({ ip: '192.168.0.1', tls: null })).toBeNull();
    expect(said(byAddress.withoutBytes({ ip: '203.0.113.1', tls: null }))).toBe('refused.route');
    expect(said(byAddress.decide(subject('http', 'a.x', [], '203.0.113.1')))).toBe('refused.route');
    expect(said(table().withoutBytes({ ip: '10.0.0.1', tls: null }))).toBe('refused.route');
  });

  test('M10: server-first routes are found by address; those that ask for a name or are off are not', () => {
    const mixed = table(
      { name: 'site', domains: ['a.x'], serverFirst: 100 },
      { name: 'off', protocol: 'ssh', serverFirst: 100, enabled: false },
      { name: 'smtp', clientIp: ['10.0.0.0/8'], protocol: 'tcp', serverFirst: 300 },
      { name: 'ssh', protocol: 'ssh', clientIp: ['192.168.*'], serverFirst: 500 },
      { name: 'web', protocol: 'http' },
    );
    expect(mixed.serverFirst({ ip: '10.0.0.1', tls: null })?.name).toBe('smtp');
    expect(mixed.serverFirst({ ip: '192.168.0.1', tls: null })?.name).toBe('ssh');
    expect(mixed.serverFirst({ ip: '203.0.113.1', tls: null })).toBeNull();
    expect(mixed.serverFirstMs).toBe(300);
    expect(table({ protocol: 'http' }).serverFirstMs).toBeNull();
  });
});
