/**
 * Helpers that make routes: each gives a route that loads, and says no more than it was told.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import {
  balancedRoute,
  defineConfig,
  httpRoute,
  passthroughRoute,
  redirectToHttps,
  terminateRoute,
} from '../../src/index.ts';
import type { RouteConfig } from '../../src/index.ts';

const target = { host: '127.0.0.1', port: 3000 };
const planOf = (route: RouteConfig) => resolveConfig(defineConfig({ routes: [route] })).routes[0];

describe('route helpers', () => {
  test('R11: httpRoute forwards requests, from port 80 unless told otherwise', () => {
    expect(planOf(httpRoute({ name: 'web', target }))).toMatchObject({
      name: 'web',
      match: { ports: [{ from: 80, to: 80 }], protocol: 'http', domains: null, http: { path: null, methods: null } },
      action: { type: 'forward', targets: [{ ...target, match: null }], upstreamProtocol: 'http1' },
      needsHttp: true,
    });
    const more = httpRoute({
      name: 'api',
      ports: 8080,
      domains: 'a.example',
      path: '/v1/*',
      method: 'GET',
      target,
      rewrite: { stripPrefix: '/v1' },
      upstreamProtocol: 'h2',
      timeouts: { response: '5s' },
      priority: 3,
    });
    expect(planOf(more)).toMatchObject({
      match: { ports: [{ from: 8080, to: 8080 }], domains: ['a.example'], http: { path: '/v1/*', methods: ['GET'] } },
      action: { upstreamProtocol: 'h2' },
      rewrite: { stripPrefix: '/v1' },
      timeouts: { values: { response: 5_000 } },
      priority: 3,
    });
  });

  test('R11: terminateRoute ends TLS on port 443, and begins it again towards the upstream where told to', () => {
    const certificate = { cert: 'a.pem', key: 'a.key' };
    expect(planOf(terminateRoute({ name: 'web', domains: 'a.example', target, certificate }))).toMatchObject({
      match: { ports: [{ from: 443, to: 443 }], domains: ['a.example'], protocol: null },
      needsHttp: true,
      tls: { mode: 'terminate', certificate: { type: 'pem' }, upstream: null },
    });
    const more = terminateRoute({
      name: 'api',
      ports: 8443,
      protocol: 'http',
      path: '/v1/*',
      target,
      certificate: () => null,
      minVersion: 'TLSv1.3',
      clientAuth: { ca: 'ca.pem', require: false },
      reencrypt: { servername: 'api.internal' },
      rewrite: { stripPrefix: '/v1' },
      timeouts: { dial: '1s' },
    });
    expect(planOf(more)).toMatchObject({
      match: { ports: [{ from: 8443, to: 8443 }], http: { path: '/v1/*' } },
      tls: {
        mode: 'terminate-and-reencrypt',
        certificate: { type: 'function' },
        minVersion: 'TLSv1.3',
        clientAuth: { require: false },
        upstream: { serverName: 'api.internal', verify: true },
      },
      rewrite: { stripPrefix: '/v1' },
      timeouts: { values: { dial: 1_000 } },
    });
    expect(planOf(terminateRoute({ name: 'a', target, certificate, reencrypt: true }))?.tls?.upstream?.verify).toBe(
      true,
    );
  });

  test('R11: passthroughRoute reads the name of the client hello and nothing else', () => {
    expect(planOf(passthroughRoute({ name: 'tls', domains: ['a.example', '*.a.example'], target }))).toMatchObject({
      match: { ports: [{ from: 443, to: 443 }], protocol: 'tls', domains: ['a.example', '*.a.example'] },
      needsHttp: false,
    });
  });

  test('R09, R11: redirectToHttps keeps host, path and query, and names the port where it is another', () => {
    expect(planOf(redirectToHttps({ name: 'up', domains: '*.example' }))).toMatchObject({
      match: { ports: [{ from: 80, to: 80 }], protocol: 'http', domains: ['*.example'] },
      action: { type: 'redirect', to: 'https://{host}{path}', status: 308 },
    });
    expect(planOf(redirectToHttps({ name: 'up', ports: 8080, httpsPort: 8443 }))?.action).toMatchObject({
      to: 'https://{host}:8443{path}',
    });
  });

  test('R11: balancedRoute takes its targets in turn, bytes or requests', () => {
    const targets = [target, { host: '127.0.0.1', port: 3001 }];
    expect(planOf(balancedRoute({ name: 'pool', ports: 5432, targets }))).toMatchObject({
      action: { targets: targets.map((one) => ({ ...one, match: null })) },
      needsHttp: false,
    });
    expect(planOf(balancedRoute({ name: 'pool', ports: 80, path: '/x', targets }))?.needsHttp).toBe(true);
  });

  test('R11: a key that was not given is not in the route', () => {
    expect(Object.keys(httpRoute({ name: 'web', target }).match)).toEqual(['ports', 'protocol']);
    expect(Object.keys(httpRoute({ name: 'web', target }).action)).toEqual(['type', 'target']);
  });
});
