/**
 * The ping of WebSockets in a configuration: what it resolves to, and where it could never do what it says.
 */
import { describe, expect, test } from 'vitest';
import { formatProblems } from '../../src/config/problems.ts';
import { forward, onlyRoute, problems, routeComplaints } from '../support/config-samples.ts';

const pinging = (ping: unknown, more: object = {}) => ({ action: { ...forward, websocket: { ping } }, ...more });

describe('websocket.ping', () => {
  test('H03: it is a duration of the route, off unless set, and means HTTP', () => {
    expect(onlyRoute({ action: forward }).action).toMatchObject({ pingMs: null });
    expect(onlyRoute({ action: { ...forward, websocket: {} } }).action).toMatchObject({ pingMs: null });
    expect(onlyRoute(pinging('30s'))).toMatchObject({
      needsHttp: true,
      match: { protocol: 'http' },
      action: { pingMs: 30_000 },
    });
    expect(onlyRoute(pinging(150_000)).action).toMatchObject({ pingMs: 150_000 });
    expect(onlyRoute(pinging('1s', { match: { ports: 1, protocol: 'websocket' } })).action).toMatchObject({
      pingMs: 1000,
    });
  });

  test('H03, X03: what is no duration is refused', () => {
    for (const ping of ['often', 0, -1, '0s', 'infinite', true, null])
      expect(routeComplaints(pinging(ping))).toHaveLength(1);
  });

  test.each([
    [{ tls: { mode: 'passthrough' }, match: { ports: 1, domains: 'a.example' } }, 'invisible on passthrough'],
    [{ match: { ports: 1, protocol: 'tcp' } }, 'invisible on raw TCP'],
    [{ match: { ports: 1, protocol: 'redis' } }, 'invisible on raw TCP (protocol redis)'],
    [{ match: { ports: 1, protocol: 'h2c' } }, 'only WebSockets over HTTP/1.1 are pinged'],
  ])('X03: with %j it could not be enforced, and is refused', (more, why) => {
    expect(routeComplaints(pinging('30s', more))).toEqual([expect.stringContaining(why)]);
  });

  test.each([
    { type: 'respond' },
    { type: 'redirect', to: '/x' },
    { type: 'block' },
    { type: 'handler', httpHandler: () => new Response() },
  ])('X03: it belongs to forward, and not to %j', (action) => {
    expect(routeComplaints({ action: { ...action, websocket: { ping: '30s' } } })).toEqual([
      expect.stringContaining('websocket belongs to type forward'),
    ]);
  });

  test('H03, L39: a dead client is ended by idle: one is needed, and twice the ping at least', () => {
    expect(routeComplaints(pinging('30s', { timeouts: { idle: 'infinite' } }))).toEqual([
      expect.stringContaining('ping cannot be enforced here: idle is infinite (routes[0].timeouts.idle)'),
    ]);
    const found = problems({
      timeouts: { idle: '1m' },
      routes: [{ name: 'a', match: { ports: 1 }, ...pinging('31s') }],
    });
    expect(found).toMatchObject([
      {
        path: 'routes[0].action.websocket.ping',
        message:
          'the ping is longer than half of idle (1m, timeouts.idle): a client would be cut before it could answer',
        expected: 'at most 30s',
        got: '"31s"',
      },
    ]);
    expect(formatProblems(found, null)).toContain('at most 30s');
    expect(routeComplaints(pinging('30s', { timeouts: { idle: '1m' } }))).toEqual([]);
  });
});
