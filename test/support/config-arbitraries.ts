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
/** None that a route listens on: a target there might lead back to it. */
const away = fc.integer({ min: 2_000, max: 65_535 });
const port = fc.oneof(away, away.map(String));
const unix = fc.record({ unix: fc.constantFrom('/run/a.sock', './b.sock') });
const target = fc.oneof(
  fc.record({ host, port }),
  fc.record({ host: fc.constantFrom('app.internal', '10.0.0.9'), port: fc.constant('preserve') }),
  unix,
);
const dialer = fc.constantFrom(
  { type: 'direct' },
  { type: 'tls', verify: 'false' },
  { type: 'tls', servername: 'a.example', ca: './ca.pem' },
);
const proxyHeader = fc.constantFrom(true, false, 'true', 'v1', 'v2');
const ways = fc.oneof(
  fc.record({ target }),
  fc.record({ targets: fc.array(target, { minLength: 1, maxLength: 3 }), dialer }, { requiredKeys: ['targets'] }),
  fc.record({ pool: fc.constant('db') }),
);
const forward = fc
  .tuple(ways, fc.record({ sendProxyProtocol: proxyHeader }, optional))
  .map(([way, rest]) => ({ type: 'forward', ...way, ...rest }));
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
const size = fc.oneof(fc.nat(65_536), fc.nat(9).map(String)).map((one) => ({ size: one }));
const cap = fc.oneof(fc.nat(1_000), fc.nat(1_000).map(String));
const rate = {
  connections: fc.integer({ min: 1, max: 1_000_000 }),
  per: duration,
  burst: fc.integer({ min: 1, max: 9 }),
};
const lists = {
  ipAllowList: fc.constantFrom('10.0.0.0/8', ['10.0.0.1', '192.168.*', '::1']),
  ipBlockList: fc.constantFrom('10.9.9.9', ['2001:db8::/32']),
};
const caps = fc.record(
  {
    ...lists,
    maxConnections: cap,
    maxConnectionsPerIp: cap,
    rateLimit: fc.record({ ...rate, by: fc.constantFrom('ip', 'route') }, { requiredKeys: ['connections'] }),
    onBan: fc.constantFrom('keep', 'drain', 'kill'),
  },
  { requiredKeys: ['maxConnections'] },
);
const body = fc.oneof(
  fc.record(
    { action: forward, timeouts: forwardTimeouts, keepHalfOpen: fc.boolean(), security: caps },
    { requiredKeys: ['action'] },
  ),
  fc.record({
    action: forward,
    timeouts: fc.record({ queue: duration }),
    security: caps,
    queue: fc.constant({ size: 5 }),
  }),
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

const health = fc.oneof(
  fc.record(
    { type: fc.constant('tcp'), interval: duration, timeout: duration, rise: fc.integer({ min: 1, max: 9 }) },
    optional,
  ),
  fc.record(
    {
      type: fc.constant('http'),
      path: fc.constantFrom('/', '/health?a=b'),
      host: fc.constantFrom('a.example', '[::1]:80'),
      method: fc.constantFrom('GET', 'HEAD', 'OPTIONS'),
      status: fc.constantFrom(204, '200', '200-299', [200, '300-399']),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record(
    {
      type: fc.constantFrom('exchange', 'send-expect'),
      send: fc.constantFrom('PING\\r\\n', '\\x00é'),
      expect: fc.constantFrom('+PONG', '/^[+]PONG/', '\\xff'),
    },
    { requiredKeys: ['type'] },
  ),
);
const endpoint = fc.oneof(fc.record({ host, port }), unix, fc.constant({ srv: '_db._tcp.example.internal' }));

/** `drain` is for endpoints that a name stops leading to, and for those that are drained when they are down. */
function mayDrain({
  endpoints,
  onEndpointDown,
}: {
  readonly endpoints: readonly object[];
  readonly onEndpointDown?: string;
}): boolean {
  return onEndpointDown === 'drain' || endpoints.some((one) => 'srv' in one);
}

const pools = fc
  .record(
    {
      endpoints: fc
        .uniqueArray(endpoint, {
          minLength: 1,
          maxLength: 4,
          selector: (one) => JSON.stringify(one).replaceAll(/[[\]"]/g, ''),
        })
        .map((list) => list.map((one) => ({ ...one, weight: 2, maxConnections: '7' }))),
      balance: fc.constantFrom('round-robin', 'least-connections', 'random-two', 'hash'),
      health,
      breaker: fc.record({ failures: fc.integer({ min: 1, max: 9 }), openFor: duration }, optional),
      drain: duration,
      retries: fc.oneof(fc.nat(100), fc.constant('3')),
      onEndpointDown: fc.constantFrom('keep', 'drain', 'kill'),
      queue: size,
      dialer,
      slowStart: duration,
    },
    { requiredKeys: ['endpoints', 'health'] },
  )
  .map(({ drain, ...db }) => ({ db: drain === undefined || !mayDrain(db) ? db : { ...db, drain } }));

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
        limits: fc.record(
          {
            maxConnections: fc.nat(),
            maxConnectionsPerIp: cap,
            rateLimit: fc.record({ ...rate, by: fc.constantFrom('ip', 'proxy') }, { requiredKeys: ['connections'] }),
            waitingRoom: size,
          },
          optional,
        ),
        defaults: fc.record(lists, optional),
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
        listeners: fc
          .record(
            {
              host: fc.constant('127.0.0.1'),
              maxConnections: fc.constant(5),
              maxConnectionsPerIp: cap,
              rateLimit: fc.record(
                { ...rate, by: fc.constantFrom('ip', 'listener') },
                { requiredKeys: ['connections'] },
              ),
              waitingRoom: size,
              acceptProxyProtocol: fc.constantFrom(
                true,
                'false',
                { from: '10.0.0.0/8', required: false },
                { from: ['::1'] },
              ),
            },
            { requiredKeys: ['host', 'maxConnections'] },
          )
          .map((listener) => ({ 1000: listener })),
      },
      optional,
    ),
    pools,
  )
  .map(([list, rest, shared]) => ({ ...rest, routes: list, pools: shared }));
