/**
 * What a configuration declares and nobody could keep is refused, with the reason; so is what is not built yet.
 */
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/problems.ts';
import { readYaml } from '../../src/config/read-yaml.ts';
import { resolveConfig, resolveSource } from '../../src/config/resolve.ts';
import type { Timeouts } from '../../src/machines/connection/delays.ts';
import {
  forward,
  web,
  onlyRoute,
  problems,
  complaints,
  routeComplaints,
  notBuiltYet,
} from '../support/config-samples.ts';

describe('what cannot be enforced', () => {
  const authentication = { type: 'basic', credentials: [{ username: 'api', password: 'hunter2' }] };

  test('X05: basic authentication on passthrough and on raw TCP is refused with the reason', () => {
    const security = { authentication };
    expect(routeComplaints({ security, tls: { mode: 'passthrough' } })).toContain(
      'routes[0].security.authentication: basic authentication needs HTTP, which is invisible on passthrough',
    );
    expect(routeComplaints({ match: { ports: 1, protocol: 'tcp' }, action: { ...forward, security } })).toContain(
      'routes[0].action.security.authentication: basic authentication needs HTTP, which is invisible on raw TCP',
    );
    expect(routeComplaints({ security, match: { ports: 1, protocol: 'redis' } }).join()).toContain(
      'which is invisible on raw TCP (protocol redis)',
    );
  });

  test('X05: the password is in no problem and in no message', () => {
    const config = { routes: [web({ security: { authentication }, tls: { mode: 'passthrough' }, authentication })] };
    try {
      resolveConfig(config);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      if (error instanceof ConfigError)
        expect(error.report + error.message + JSON.stringify(error.problems)).not.toContain('hunter2');
    }
  });

  test('X03: what only HTTP shows is refused on passthrough with the reason', () => {
    expect(routeComplaints({ match: { ports: 1, path: '/x', method: ['GET'] }, tls: { mode: 'passthrough' } })).toEqual(
      [
        'routes[0].match.path: path needs HTTP, which is invisible on passthrough',
        'routes[0].match.method: method needs HTTP, which is invisible on passthrough',
      ],
    );
  });

  test('X03: a certificate on passthrough is refused with the reason', () => {
    expect(routeComplaints({ tls: { mode: 'passthrough', certificate: 'auto' } })).toEqual([
      expect.stringContaining('tls.certificate cannot be enforced here'),
    ]);
  });

  test('X03: options of the other action type are refused', () => {
    expect(routeComplaints({ action: { ...forward, how: 'reset' } })).toEqual([
      'routes[0].action.how: how belongs to type block and cannot be enforced here',
    ]);
    expect(
      routeComplaints({
        action: { type: 'block', target: forward.target },
        timeouts: { dial: '1s', linger: '1s' },
        keepHalfOpen: true,
      }),
    ).toEqual([
      'routes[0].action.target: target belongs to type forward and cannot be enforced here',
      'routes[0].keepHalfOpen: keepHalfOpen cannot be enforced here: a blocked connection ends before it could matter',
      'routes[0].timeouts.dial: dial cannot be enforced here: a blocked connection ends before it could matter',
    ]);
    expect(onlyRoute({ action: { type: 'block' } }).action).toEqual({ type: 'block', how: 'reset' });
  });

  test('X08: security on the route and in the action is refused for standing twice', () => {
    for (const security of [{}, { authentication }])
      expect(routeComplaints({ security, action: { ...forward, security } })).toEqual([
        'routes[0].action.security: security stands on the route and in its action; keep one of them',
      ]);
  });

  const holdTime = (timeouts: Timeouts, attemptsMax: number): number | null =>
    timeouts.idle === null ? null : (timeouts.sniff ?? 0) + (timeouts.dial ?? 0) * attemptsMax + timeouts.idle;

  test('T05: a route over the hold-time budget is refused; one within is not', () => {
    const config = { routes: [web()], limits: { maxHoldTime: '5m' } };
    expect(complaints(config, { holdTime })).toEqual([
      expect.stringContaining('routes[0]: a silent peer can hold this route for'),
    ]);
    expect(complaints({ ...config, limits: { maxHoldTime: '315s' } }, { holdTime })).toEqual([]);
    const two = { ...forward, target: undefined, targets: [forward.target, forward.target] };
    expect(complaints({ routes: [web({ action: two })], limits: { maxHoldTime: '315s' } }, { holdTime })).toHaveLength(
      1,
    );
    expect(complaints({ ...config, timeouts: { idle: 'infinite' } }, { holdTime })).toEqual([
      expect.stringContaining('without end'),
    ]);
    const blocked = { routes: [web({ action: { type: 'block' } })], timeouts: { idle: 'infinite' } };
    expect(complaints({ ...blocked, limits: { maxHoldTime: '10s' } }, { holdTime })).toEqual([]);
    expect(complaints({ ...blocked, limits: { maxHoldTime: '9s' } }, { holdTime })).toHaveLength(1);
    expect(complaints(config)).toEqual(['limits.maxHoldTime: maxHoldTime cannot be enforced here']);
  });
});

describe('what is not built yet', () => {
  test.each([2, 'auto'])('X03: %s workers say so at their own place', (workers) => {
    expect(problems({ routes: [web()], workers })).toMatchObject([{ path: 'workers', message: notBuiltYet }]);
  });

  test.each(['engine', 'forwardingEngine'])('X03: %s nftables says so at its own place', (key) => {
    expect(problems({ routes: [web({ action: { ...forward, [key]: 'nftables' } })] })).toMatchObject([
      { path: `routes[0].action.${key}`, message: notBuiltYet },
    ]);
  });

  test('X03: an unknown key is answered with the keys that can be used today', () => {
    expect(problems({ routes: [web({ match: { ports: 1, domians: 'a' } })] })).toMatchObject([
      {
        expected: 'ports, domains, protocol, alpn, clientIp, path, headers, method, query, tlsVersion',
        suggestion: 'domains',
      },
    ]);
  });

  test('X03: a UNIX socket as a listener and onReload say so too', () => {
    expect(routeComplaints({ match: { ports: 'unix:/run/a.sock' }, onReload: 'keep' })).toEqual([
      'routes[0].match.ports: a UNIX socket as a listener is not built yet',
      'routes[0].onReload: onReload is not built yet',
    ]);
  });

  test('X03: what is off anyway may be said: false, size 0, engine node, one worker', () => {
    const action = { ...forward, sendProxyProtocol: false, preserveSourceIP: false, engine: 'node' };
    const config = {
      routes: [web({ action, queue: { size: 0 } })],
      workers: 1,
      limits: { waitingRoom: { size: 0 } },
      listeners: { 8080: { acceptProxyProtocol: false, waitingRoom: { size: 0 } } },
    };
    expect(complaints(config)).toEqual([]);
  });

  test('X03: admin, trace and workers load with one warning each', () => {
    const warnings = resolveConfig({
      routes: [web()],
      admin: { listen: 'unix:./s' },
      trace: { sample: 0, keep: 1_000 },
      workers: 1,
    }).warnings;
    expect(warnings).toEqual(['admin', 'trace', 'workers'].map((key) => `${key}: accepted, and does nothing yet`));
  });
});

describe('older styles', () => {
  test('M07, H02: useHttpProxy, httpProxyPort and acme.port are answered with this language', () => {
    const found = problems({
      useHttpProxy: [80],
      httpProxyPort: 8443,
      acme: { email: 'ssl@example.com', port: 80 },
      routes: [web()],
    });
    expect(found.map(({ path }) => path).toSorted()).toEqual(['acme.port', 'httpProxyPort', 'useHttpProxy']);
    const suggestions = found.map(({ suggestion }) => suggestion ?? '').join('\n');
    const [routes = ''] = found.filter(({ path }) => path === 'useHttpProxy').map(({ suggestion }) => suggestion ?? '');
    const loaded = resolveSource(readYaml('new.yaml', routes));
    expect(loaded.routes).toMatchObject([
      { match: { protocol: 'http', ports: [{ from: 80, to: 80 }] }, needsHttp: true },
    ]);
    for (const part of ['match: { ports: 80, protocol: http }', 'email: ssl@example.com', 'challengePort: 80'])
      expect(suggestions).toContain(part);
  });

  test('R07: fromPort and toPort are answered with a route that loads', () => {
    const [first] = problems({ fromPort: 8080, toPort: 9090, targetIP: '10.1.1.1', routes: [web()] });
    expect(first?.suggestion).toBe(
      'routes:\n  - name: port-8080\n    match: { ports: 8080 }\n    action: { type: forward, target: { host: 10.1.1.1, port: 9090 } }',
    );
  });

  test('T06: the names of older timeouts lead to the new ones', () => {
    expect(
      problems({ connectionTimeout: 30_000, inactivityTimeout: 300_000, routes: [web()] }).map(
        ({ suggestion }) => suggestion,
      ),
    ).toEqual(['timeouts: { dial: 30000 }', 'timeouts: { idle: 300000 }']);
  });
});
