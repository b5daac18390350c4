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

/** Ports are apart, so that no two routes clash by accident. */
const routes = fc.array(fc.tuple(criteria, body, routeRest, fc.nat(3)), { minLength: 1, maxLength: 5 }).map((list) =>
  list.map(([match, does, rest, width], index) => {
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
          },
          optional,
        ),
        detectors: fc.dictionary(fc.constantFrom('redis', 'ssh', 'socks'), fc.boolean()),
        interpreter: fc.constantFrom('compiled', 'xstate'),
        log: fc.record({ level: fc.constantFrom('trace', 'info', 'silent') }, optional),
        listeners: fc.constant({ 1000: { host: '127.0.0.1', maxConnections: 5 } }),
      },
      optional,
    ),
  )
  .map(([list, rest]) => ({ ...rest, routes: list }));
