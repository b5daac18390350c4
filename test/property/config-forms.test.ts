/**
 * Other forms of a configuration: a command line, types, a JSON schema.
 */
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { defineConfig } from '../../src/config/define-config.ts';
import type { MatchConfig, RouteConfig, SallyportConfig } from '../../src/config/define-config.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { ConfigError } from '../../src/config/problems.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { configSchema } from '../../src/config/schema.ts';
import { zeroConfig } from '../../src/config/zero-config.ts';
import type { EndpointConfig } from '../../src/config/define-pool.ts';
import { errorCodes } from '../../src/errors.ts';
import { complaints } from '../support/config-samples.ts';

type Written = z.input<typeof configSchema>;

describe('zero configuration', () => {
  const target = (mapping: string): unknown => resolveConfig(zeroConfig([mapping])).routes[0]?.action;

  test.each([
    ['8080=127.0.0.1:3000', '127.0.0.1', 3000],
    ['8080=[::1]:3000', '::1', 3000],
    ['8080=app.internal:3000', 'app.internal', 3000],
    ['8080=3000', 'localhost', 3000],
  ])('A02: %s forwards to %s, port %i', (mapping, host, port) => {
    expect(target(mapping)).toEqual({
      type: 'forward',
      targets: [{ host, port, match: null }],
      pool: null,
      targetOf: null,
      dialer: { type: 'direct' },
      proxyHeader: null,
      preservesSource: false,
      upstreamProtocol: 'http1',
      pingMs: null,
    });
  });

  test.each([
    ['8080=3000', '::', 8080],
    ['0=3000', '::', 0],
    ['127.0.0.1:8080=3000', '127.0.0.1', 8080],
    ['[::1]:8080=3000', '::1', 8080],
    ['localhost:8080=3000', 'localhost', 8080],
  ])('A02: %s listens on %s, port %i', (mapping, host, port) => {
    expect(resolveConfig(zeroConfig([mapping])).listeners).toMatchObject([{ host, port }]);
  });

  test('A02: several mappings make several routes, and what is wrong with any of them is told at once', () => {
    expect(resolveConfig(zeroConfig(['8080=3000', '8081=3001'])).listeners.map(({ port }) => port)).toEqual([
      8080, 8081,
    ]);
    const wrong = [
      '8080',
      'example.com=127.0.0.1:3000',
      '8080=http://a:1',
      '70000=1',
      '80=a',
      '81=0',
      'example.com:80=1',
      '9=1',
      '9=2',
      '=',
      'a b=1',
    ];
    try {
      zeroConfig(wrong);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      if (error instanceof ConfigError) {
        expect(error.problems.map(({ file }) => file)).toEqual(wrong.filter((mapping) => mapping !== '9=1'));
        expect(error.problems[1]?.suggestion).toContain('--email');
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
    expect(
      configSchema.safeParse(accept({ routes: [{ name: 'a', match: { ports: 1 }, action: { type: 'block' } }] }))
        .success,
    ).toBe(true);
  });

  test('A01: an endpoint is one place: the types refuse what the loader refuses', () => {
    // Compiles only while the types say so.
    type Accepts<Place> = Place extends EndpointConfig ? true : false;
    const whole: readonly [Accepts<{ host: string; port: 1; weight: 2 }>, Accepts<{ srv: string }>] = [true, true];
    const twice: readonly [
      Accepts<{ unix: string; port: 1 }>,
      Accepts<{ unix: string; srv: string }>,
      Accepts<{ srv: string; host: string; port: 1 }>,
    ] = [false, false, false];
    expect([whole.length, twice.length]).toEqual([2, 3]);
    const written = [
      { unix: '/a', port: 1 },
      { unix: '/a', srv: 'a' },
      { srv: 'a', host: 'a', port: 1 },
    ];
    const pools = Object.fromEntries(written.map((endpoint, index) => [`p${index}`, { endpoints: [endpoint] }]));
    const routes = [{ name: 'a', match: { ports: 1 }, action: { type: 'block' } }];
    expect(complaints({ routes, pools })).toHaveLength(written.length);
  });

  test('A01: the patterns of the JSON schema need no flag, and let placeholders be', () => {
    const text = JSON.stringify(configJsonSchema());
    expect(text).not.toContain(String.raw`\\P{`);
    const patterns = [...text.matchAll(/"pattern":"((?:[^"\\]|\\.)*)"/g)].map(([, pattern]): unknown =>
      JSON.parse(`"${pattern}"`),
    );
    const plain = patterns.filter((pattern) => String(pattern).includes('u007f'));
    expect(plain.length).toBeGreaterThan(10);
    for (const pattern of plain) {
      const expression = new RegExp(String(pattern));
      expect(['a é', '${A}', 'a\u0007', 'a\u0085'].map((one) => expression.test(one))).toEqual([
        true,
        true,
        false,
        false,
      ]);
    }
  });

  test('A01: the JSON schema describes what may be written and refuses unknown keys', () => {
    const schema = configJsonSchema();
    expect(schema).toMatchObject({
      type: 'object',
      additionalProperties: false,
      required: ['routes'],
      properties: {
        routes: { items: { properties: { onReload: { not: {} } } } },
        timeouts: { properties: { idle: {} } },
      },
    });
    expect(JSON.stringify(schema)).toContain('infinite');
    expect(schema).toMatchObject({
      properties: {
        limits: {
          properties: { maxConnections: { anyOf: [{ type: 'integer' }, { pattern: '(?:^-?\\d{1,16}$)|\\$\\{' }] } },
        },
      },
    });
  });

  test('A01: what is thrown is one error with a stable code', () => {
    try {
      resolveConfig({});
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'SALLYPORT_CONFIG_INVALID',
        blame: errorCodes.SALLYPORT_CONFIG_INVALID.blame,
        retryable: false,
      });
    }
  });
});

describe('types of HTTP', () => {
  test('A01: every kind of action and of authentication can be written as the types say, and loads', () => {
    const routes: readonly RouteConfig[] = [
      {
        name: 'forward',
        match: { ports: 1, path: '/a/:id', method: 'GET', headers: { a: 'b' }, query: { c: 'd' } },
        action: {
          type: 'forward',
          targets: [{ host: 'a', port: 1, match: { path: '/a/*' } }],
          upstreamProtocol: 'h2',
          rewrite: { stripPrefix: '/a', headers: { set: { a: ['b', 'c'] }, remove: 'd' }, response: { headers: {} } },
        },
        security: { authentication: { type: 'jwt', jwksUrl: 'https://a.example', algorithms: ['ES256'] } },
        timeouts: { requestHead: '5s', requestBody: 1, response: 1, keepAlive: 1, poolIdle: 1, queue: 1 },
      },
      { name: 'redirect', match: { ports: 2 }, action: { type: 'redirect', to: '/x', status: 301 } },
      { name: 'respond', match: { ports: 3 }, action: { type: 'respond', body: 'ok', headers: { a: 'b' } } },
      {
        name: 'socket',
        match: { ports: 4 },
        action: { type: 'handler', socketHandler: (socket) => void socket.end() },
      },
      {
        name: 'older',
        match: { ports: 5 },
        action: { type: 'socket-handler', handler: (socket) => void socket.end() },
      },
      {
        name: 'fetch',
        match: { ports: 6 },
        action: { type: 'handler', httpHandler: { fetch: (request, { route }) => new Response(request.url + route) } },
        security: { authentication: { type: 'basic', credentials: [{ username: 'a', password: 'b' }], forward: true } },
      },
      { name: 'plain', match: { ports: 7 }, action: { type: 'handler', httpHandler: () => new Response('') } },
    ];
    expect(resolveConfig(defineConfig({ routes, trustedProxies: '::1' })).routes.map(({ name }) => name)).toEqual(
      routes.map(({ name }) => name),
    );
  });
});
