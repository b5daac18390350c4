/**
 * Random configurations that are valid, with every key that is built.
 */
import fc from 'fast-check';
import { formatDuration } from '../../src/config/duration.ts';
import { deadlineMsMax } from '../../src/machines/connection/delays.ts';

/** For `fc.record`: no key need be there. */
export const optional = { requiredKeys: [] };
export const durationMs = fc.integer({ min: 1, max: deadlineMsMax });
const duration = fc.oneof(durationMs, durationMs.map(formatDuration));
const endless = fc.oneof(duration, fc.constant('infinite'));
const host = fc.constantFrom('127.0.0.1', '::1', 'localhost', 'app.internal', '[::1]');
const port = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.integer({ min: 1, max: 65_535 }).map(String));
const target = fc.record({ host, port });
const forward = fc.oneof(
  fc.record({ type: fc.constant('forward'), target }),
  fc.record({ type: fc.constant('forward'), targets: fc.array(target, { minLength: 1, maxLength: 3 }) }),
);
const block = fc.record({ type: fc.constant('block'), how: fc.constantFrom('reset', 'fin', 'reply') });
const forwardTimeouts = fc.record(
  {
    dial: duration,
    dialBudget: duration,
    backoff: duration,
    idle: endless,
    halfClosed: duration,
    halfClosedMax: duration,
    flush: duration,
    linger: duration,
    lifetime: endless,
  },
  optional,
);
const domains = fc.array(fc.constantFrom('a.example', '*.b.example', 'c.*', 'D.Example.', 'x?.e.example'), {
  minLength: 1,
  maxLength: 3,
});
const criteria = fc.oneof(
  fc.record({ domains, clientIp: fc.constantFrom('10.0.0.0/8', '192.168.1.*', '::1') }, optional),
  fc.record({ protocol: fc.constantFrom('tls', 'http'), domains }, { requiredKeys: ['protocol'] }),
  fc.record({ protocol: fc.constantFrom('tcp', 'h2c', 'redis', 'ssh', 'postgres', 'socks') }),
  fc.record({ alpn: fc.constantFrom('h2', ['h2', 'http/1.1']) }),
);
const routeRest = fc.record(
  {
    // A placeholder would be looked up in the environment.
    description: fc.string().filter((text) => !text.includes('${')),
    tags: fc.constantFrom('a', ['a', 'b']),
    enabled: fc.constantFrom(true, false, 'true', 'false'),
    priority: fc.integer({ min: -100, max: 100 }),
    interpreter: fc.constantFrom('compiled', 'xstate'),
  },
  optional,
);
const body = fc.oneof(
  fc.record({ action: forward, timeouts: forwardTimeouts, keepHalfOpen: fc.boolean() }, { requiredKeys: ['action'] }),
  fc.record(
    { action: block, timeouts: fc.record({ linger: duration, flush: duration }, optional) },
    { requiredKeys: ['action'] },
  ),
);

const pattern = fc.constantFrom('a', 'a*', '/^a[0-9]+/i', '*', '');
const httpMatch = fc.record(
  {
    path: fc.constantFrom('/', '/health', '/v1/users/:id', '/files/*', '/:tenant/:id/*'),
    method: fc.constantFrom('GET', ['GET', 'POST'], 'PROPFIND'),
    headers: fc.dictionary(fc.constantFrom('x-tenant', 'Accept'), pattern, { maxKeys: 2 }),
    query: fc.dictionary(fc.constantFrom('v', 'V', 'page'), pattern, { maxKeys: 2 }),
  },
  optional,
);
const httpCriteria = fc
  .tuple(
    httpMatch,
    fc.record({ protocol: fc.constantFrom('http', 'h2c', 'websocket') }),
    fc.record({ domains, clientIp: fc.constantFrom('10.0.0.0/8', '::1') }, optional),
  )
  .map(([match, protocol, rest]) => ({ ...match, ...protocol, ...rest }));
const fieldSet = fc.dictionary(fc.constantFrom('x-from', 'X-Served-By'), fc.constantFrom('api', ['a', 'b'], ''));
const fieldRewrite = fc.record({ set: fieldSet, remove: fc.constantFrom('x-debug', ['x-debug', 'Cookie']) }, optional);
const rewrite = fc.record(
  {
    stripPrefix: fc.constantFrom('/v1', '/a/b/'),
    path: fc.constantFrom('/', '/fixed'),
    headers: fieldRewrite,
    response: fc.record({ headers: fieldRewrite }, optional),
  },
  optional,
);
const security = fc.oneof(
  fc.record({
    authentication: fc.record(
      {
        type: fc.constant('basic'),
        credentials: fc.constant([{ username: 'api', password: 'plain' }]),
        realm: fc.constantFrom('Intern', 'a realm'),
        forward: fc.boolean(),
      },
      { requiredKeys: ['type', 'credentials'] },
    ),
  }),
  fc.record({
    authentication: fc.record(
      {
        type: fc.constant('jwt'),
        jwksUrl: fc.constantFrom('https://id.example/keys', 'http://127.0.0.1:1/k'),
        issuer: fc.constant('https://id.example/'),
        audience: fc.constantFrom('a', ['a', 'b']),
        algorithms: fc.constantFrom('ES256', ['RS256', 'EdDSA']),
      },
      { requiredKeys: ['type', 'jwksUrl'] },
    ),
  }),
);
const httpForward = fc.record(
  {
    type: fc.constant('forward'),
    targets: fc.array(fc.record({ host, port, match: httpMatch }, { requiredKeys: ['host', 'port'] }), {
      minLength: 1,
      maxLength: 3,
    }),
    upstreamProtocol: fc.constantFrom('http1', 'h2'),
    rewrite,
  },
  { requiredKeys: ['type', 'targets'] },
);
const redirect = fc.record(
  {
    type: fc.constant('redirect'),
    to: fc.constantFrom('https://{host}{path}', '/new{path}', 'https://example.com/?from={query}'),
    status: fc.constantFrom(301, 302, '307', 308),
  },
  { requiredKeys: ['type', 'to'] },
);
const respond = fc.record(
  {
    type: fc.constant('respond'),
    status: fc.constantFrom(200, 404, '503'),
    body: fc.constantFrom('', 'ok', 'grüß dich'),
    headers: fieldSet,
  },
  { requiredKeys: ['type'] },
);
const httpTimeouts = fc.record({ requestBody: duration, response: duration, keepAlive: duration }, optional);
const httpBody = fc.oneof(
  fc.record({ action: httpForward, timeouts: httpTimeouts, security }, { requiredKeys: ['action'] }),
  fc.record(
    { action: fc.oneof(redirect, respond), timeouts: fc.record({ keepAlive: duration }, optional), security },
    { requiredKeys: ['action'] },
  ),
);

/** What a route asks for and what it does, of the same layer. */
const matter = fc.oneof(fc.tuple(criteria, body), fc.tuple(httpCriteria, httpBody));

/** Ports are apart, so that no two routes clash by accident. */
const routes = fc.array(fc.tuple(matter, routeRest, fc.nat(3)), { minLength: 1, maxLength: 5 }).map((list) =>
  list.map(([[match, does], rest, width], index) => {
    const from = 1_000 + 10 * index;
    return {
      name: `route-${index}`,
      ...rest,
      ...does,
      match: { ...match, ports: width === 0 ? from : { from, to: from + width } },
    };
  }),
);
/** A configuration in which nothing is wrong. */
export const validConfig = fc
  .tuple(
    routes,
    fc.record(
      {
        limits: fc.record({ maxConnections: fc.nat() }, optional),
        timeouts: fc.record(
          {
            startup: duration,
            admission: duration,
            sniff: duration,
            drain: duration,
            idle: endless,
            serverFirst: fc.oneof(fc.boolean(), duration),
            requestHead: duration,
            poolIdle: duration,
          },
          optional,
        ),
        detectors: fc.dictionary(fc.constantFrom('redis', 'ssh', 'socks'), fc.boolean()),
        interpreter: fc.constantFrom('compiled', 'xstate'),
        trustedProxies: fc.constantFrom('10.0.0.0/8', ['127.0.0.1', '10.0.*'], []),
        log: fc.record({ level: fc.constantFrom('trace', 'info', 'silent') }, optional),
        listeners: fc.constant({ 1000: { host: '127.0.0.1', maxConnections: 5 } }),
      },
      optional,
    ),
  )
  .map(([list, rest]) => ({ ...rest, routes: list }));
