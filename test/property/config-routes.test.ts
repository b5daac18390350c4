/**
 * Routes, listeners and detectors in a configuration: what they resolve to and how they can contradict each other.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import { forward, web, onlyRoute, problems, complaints, routeComplaints } from '../support/config-samples.ts';

describe('routes', () => {
  test('R07: numbers, text, ranges and lists of them all name ports, and each port gets one listener', () => {
    const ports = (written: unknown): readonly number[] =>
      resolveConfig({ routes: [web({ match: { ports: written } })] }).listeners.map(({ port }) => port);
    expect(ports(8080)).toEqual([8080]);
    expect(ports('8080')).toEqual([8080]);
    expect(ports(0)).toEqual([0]);
    expect(ports({ from: 8000, to: 8003 })).toEqual([8000, 8001, 8002, 8003]);
    expect(ports([8001, '8000', { from: 8000, to: 8001 }])).toEqual([8000, 8001]);
  });

  test('R07: a listener carries every route of its port and no other', () => {
    const loaded = resolveConfig({
      routes: [web(), { ...web(), name: 'range', match: { ports: { from: 8079, to: 8081 }, protocol: 'ssh' } }],
    });
    expect(loaded.listeners.map(({ port, routes }) => [port, routes.map(({ name }) => name).toSorted()])).toEqual([
      [8079, ['range']],
      [8080, ['range', 'web']],
      [8081, ['range']],
    ]);
  });

  test('R07: more than a thousand ports are refused, a thousand are not', () => {
    expect(routeComplaints({ match: { ports: { from: 1, to: 1_000 } } })).toEqual([]);
    expect(routeComplaints({ match: { ports: { from: 1, to: 1_001 } } })).toEqual([
      'routes[0].match.ports: the ports of all routes together are more than 1000',
    ]);
    expect(
      routeComplaints({
        match: {
          ports: [
            { from: 1, to: 600 },
            { from: 500, to: 1_000 },
          ],
        },
      }),
    ).toEqual([]);
  });

  const noPorts = [65_536, -1, 1.5, 'http', '80-90', { from: 9, to: 8 }, { from: 0, to: 5 }, [], [[80]], null, true];
  test.each(noPorts.map((ports) => ({ ports })))('R07: $ports is not a port', ({ ports }) => {
    const found = routeComplaints({ match: { ports } });
    expect(found.length).toBeGreaterThan(0);
    for (const complaint of found) expect(complaint).toMatch(/^routes\[0\]\.match\.ports/);
  });

  test('R01: names are unique and required; a match needs ports; a forward needs one kind of target', () => {
    expect(complaints({ routes: [web(), web({ match: { ports: 81 } })] })).toEqual([
      'routes[1].name: routes[0] has this name already; names are unique',
    ]);
    expect(complaints({ routes: [{ match: {}, action: { type: 'forward' } }] })).toEqual([
      'routes[0].name: name is missing',
      'routes[0].match.ports: ports is missing',
      'routes[0].action: this forwards to nowhere: target is missing',
    ]);
    const both = { type: 'forward', target: forward.target, targets: [forward.target] };
    expect(routeComplaints({ action: both })).toEqual([
      'routes[0].action.targets: target and targets stand side by side; keep one of them',
    ]);
    expect(complaints({ routes: [] })).toHaveLength(1);
    expect(complaints(null)).toHaveLength(1);
  });

  test('R11: a route that could never be chosen is refused; with a lower priority it is only said', () => {
    const twin = { ...web(), name: 'twin', match: { ports: [8080, 9090], protocol: 'tcp' } };
    expect(complaints({ routes: [web(), twin] })).toEqual([
      expect.stringContaining('routes[1].match: this route can never be chosen on port 8080'),
    ]);
    const byPath = (name: string): unknown => web({ name, match: { ports: 8080, path: `/${name}` } });
    expect(complaints({ routes: [byPath('a'), byPath('b')] })).toEqual([]);
    expect(resolveConfig({ routes: [web({ priority: 1 }), twin] }).warnings).toEqual([
      expect.stringContaining('routes[1]'),
    ]);
  });

  test('R11: descriptions, tags, priority and keepHalfOpen reach the plan', () => {
    expect(onlyRoute()).toMatchObject({
      description: null,
      tags: [],
      priority: 0,
      enabled: true,
      keepHalfOpen: false,
      index: 0,
      configPath: 'routes[0]',
    });
    expect(
      onlyRoute({ description: 'd', tags: 'one', priority: -3, enabled: false, keepHalfOpen: 'true' }),
    ).toMatchObject({
      description: 'd',
      tags: ['one'],
      priority: -3,
      enabled: false,
      keepHalfOpen: true,
    });
  });

  test('R02: domains are normalised, and refused where the first bytes name no host', () => {
    expect(onlyRoute({ match: { ports: 1, domains: ['A.Example.', '*.B.example:443'] } }).match.domains).toEqual([
      'a.example',
      '*.b.example',
    ]);
    for (const protocol of ['ssh', 'redis', 'postgres', 'socks']) {
      expect(routeComplaints({ match: { ports: 1, domains: 'a.example', protocol } })).toEqual([
        expect.stringContaining('domains cannot be enforced here'),
      ]);
    }
    for (const protocol of ['tls', 'http', 'h2c', 'websocket', 'tcp'])
      expect(routeComplaints({ match: { ports: 1, domains: 'a.example', protocol } })).toEqual([]);
  });

  test('M10: serverFirst on a route that asks for a name is refused', () => {
    const timeouts = { serverFirst: true };
    expect(routeComplaints({ match: { ports: 1, domains: 'a.example' }, timeouts })).toEqual([
      expect.stringContaining('routes[0].timeouts.serverFirst: serverFirst cannot be enforced here'),
    ]);
    expect(routeComplaints({ match: { ports: 1, protocol: 'ssh' }, timeouts })).toEqual([]);
  });

  test('M05: passthrough and alpn imply TLS; another protocol beside them is refused', () => {
    expect(onlyRoute({ tls: { mode: 'passthrough' } }).match.protocol).toBe('tls');
    expect(onlyRoute({ action: { ...forward, tls: { mode: 'passthrough' } } }).match.protocol).toBe('tls');
    expect(onlyRoute({ match: { ports: 1, alpn: 'h2' } }).match).toMatchObject({ protocol: 'tls', alpn: ['h2'] });
    expect(onlyRoute({ match: { ports: 1, domains: 'a.example' } }).match.protocol).toBeNull();
    expect(routeComplaints({ match: { ports: 1, protocol: 'http' }, tls: { mode: 'passthrough' } })).toEqual([
      'routes[0].match.protocol: tls mode passthrough implies protocol tls',
    ]);
    expect(routeComplaints({ match: { ports: 1, protocol: 'http', alpn: 'h2' } })).toEqual([
      expect.stringContaining('alpn cannot be enforced here'),
    ]);
    expect(
      routeComplaints({ tls: { mode: 'passthrough' }, action: { ...forward, tls: { mode: 'passthrough' } } }),
    ).toEqual(['routes[0].action.tls: tls stands on the route and in its action; keep one of them']);
  });

  test('X01: an address pattern that is none is refused at its place', () => {
    expect(onlyRoute({ match: { ports: 1, clientIp: ['10.0.0.0/8', '192.168.1.*', '::1'] } }).match.clientIp).toEqual([
      '10.0.0.0/8',
      '192.168.1.*',
      '::1',
    ]);
    expect(
      problems({ routes: [web({ match: { ports: 1, clientIp: ['10.0.0.0/8', 'not an address'] } })] }).map(
        ({ path }) => path,
      ),
    ).toEqual(['routes[0].match.clientIp[1]']);
  });

  test('M04: a route and a detector can be switched off, and the plan says so', () => {
    expect(onlyRoute({ enabled: false }).enabled).toBe(false);
    const loaded = resolveConfig({
      routes: [web({ match: { ports: 1, protocol: 'redis' } })],
      detectors: { redis: false },
    });
    expect(loaded.detectors.find(({ detector }) => detector.name === 'redis')?.enabled).toBe(false);
    expect(loaded.warnings).toEqual([expect.stringContaining('switched off')]);
  });

  test('M04: a detector of one’s own makes its name known; unknown names get a suggestion', () => {
    const detect = (): { readonly verdict: 'noMatch' } => ({ verdict: 'noMatch' });
    const loaded = resolveConfig({
      routes: [web({ match: { ports: 1, protocol: 'mqtt' } })],
      detectors: { mqtt: detect },
    });
    expect(loaded.detectors[0]).toEqual({ detector: { name: 'mqtt', detect }, enabled: true });
    expect(
      problems({
        routes: [web({ match: { ports: 1, protocol: 'rediss' } })],
        detectors: { sockss: false, redis: detect },
      }),
    ).toMatchObject([
      { path: 'detectors.sockss', suggestion: 'socks' },
      { path: 'detectors.redis', message: 'a built-in detector has this name; give yours another' },
      { path: 'routes[0].match.protocol', suggestion: 'redis' },
    ]);
  });

  test('R07: a listener entry without a route is refused; one with a route is used', () => {
    const loaded = resolveConfig({ routes: [web()], listeners: { 8080: { host: '127.0.0.1', maxConnections: 0 } } });
    expect(loaded.listeners).toMatchObject([
      { host: '127.0.0.1', admission: { maxConnections: 0 }, configPath: 'listeners.8080' },
    ]);
    expect(resolveConfig({ routes: [web()] }).listeners).toMatchObject([
      { host: '::', admission: { maxConnections: null }, configPath: 'routes[0].match.ports' },
    ]);
    expect(complaints({ routes: [web()], listeners: { 81: {} } })).toEqual(['listeners.81: no route uses this port']);
    expect(complaints({ routes: [web()], listeners: { '08080': {}, x: {} } })).toHaveLength(2);
  });

  test('R07: where the ports of a route cannot be read, no listener is called unused', () => {
    const found = problems({ routes: [web({ match: { ports: 'x' } })], listeners: { 8080: {} } });
    expect(found.map(({ path }) => path)).toEqual(['routes[0].match.ports']);
  });

  test('C02: a cap of zero is a cap, everywhere', () => {
    expect(resolveConfig({ routes: [web()] }).admission.maxConnections).toBe(10_000);
    expect(resolveConfig({ routes: [web()], limits: { maxConnections: 0 } }).admission.maxConnections).toBe(0);
    expect(complaints({ routes: [web()], limits: { maxConnections: -1 } })).toHaveLength(1);
  });
});
