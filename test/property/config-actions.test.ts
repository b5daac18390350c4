/**
 * What a route does with HTTP in a configuration: forward and rewrite, redirect, respond, hand over to a function.
 */
import { describe, expect, test } from 'vitest';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { RoutePlan } from '../../src/routing/plan.ts';
import { forward, onlyRoute, routeComplaints, web } from '../support/config-samples.ts';

const doing = (action: Record<string, unknown>, match: Record<string, unknown> = {}): RoutePlan =>
  onlyRoute({ match: { ports: 1, ...match }, action });
const actionProblems = (action: Record<string, unknown>, match: Record<string, unknown> = {}) =>
  routeComplaints({ match: { ports: 1, ...match }, action });

describe('forward', () => {
  test('H01: requests go to the upstream in HTTP/1.1, in HTTP/2 where that is asked for, or came', () => {
    const upstreamProtocol = (action: Record<string, unknown>, match: Record<string, unknown>) =>
      doing({ ...forward, ...action }, match).action;
    expect(upstreamProtocol({}, { protocol: 'http' })).toMatchObject({ upstreamProtocol: 'http1' });
    expect(upstreamProtocol({}, { protocol: 'h2c' })).toMatchObject({ upstreamProtocol: 'h2' });
    expect(upstreamProtocol({ upstreamProtocol: 'http1' }, { protocol: 'h2c' })).toMatchObject({
      upstreamProtocol: 'http1',
    });
    expect(upstreamProtocol({ upstreamProtocol: 'h2' }, {})).toMatchObject({ upstreamProtocol: 'h2' });
    expect(actionProblems({ ...forward, upstreamProtocol: 'h3' })).toHaveLength(1);
  });

  test('R11: a rewrite reaches the plan, a slash at the end of the prefix apart', () => {
    const rewrite = {
      stripPrefix: '/v1/',
      path: '/users/:id',
      headers: { set: { 'x-from': 'sallyport', Host: 'api.internal:8080', 'x-many': ['a', 'b'] }, remove: 'X-Debug' },
      response: { headers: { set: { 'x-served-by': 'api' }, remove: ['server'] } },
    };
    expect(doing({ ...forward, rewrite }, { path: '/v1/users/:id/*' }).rewrite).toEqual({
      stripPrefix: '/v1',
      path: '/users/:id',
      request: {
        set: ['x-from', 'sallyport', 'Host', 'api.internal:8080', 'x-many', 'a', 'x-many', 'b'],
        remove: ['x-debug'],
      },
      response: { set: ['x-served-by', 'api'], remove: ['server'] },
    });
    expect(doing(forward).rewrite).toBeNull();
  });

  test('R11: a path template asks for nothing that the path of the route does not give', () => {
    const at = (path: string, pattern?: string) =>
      actionProblems({ ...forward, rewrite: { path } }, pattern === undefined ? {} : { path: pattern });
    expect(at('/users/:id', '/v1/:id')).toEqual([]);
    expect(at('/files/*', '/v1/*')).toEqual([]);
    expect(at('/users/:id', '/v1/:name')).toEqual([
      expect.stringContaining('uses :id, which match.path does not name'),
    ]);
    expect(at('/users/:id')).toHaveLength(1);
    expect(at('/files/*', '/v1')).toHaveLength(1);
    expect(at('users')).toHaveLength(1);
    // A path that is wrong itself is one problem, not two.
    expect(at('/users/:id', 'v1')).toEqual([expect.stringContaining('match.path')]);
  });

  test('X03: framing and hop-by-hop fields are never set or removed, host is only set in requests, values are one line', () => {
    const headers = (of: 'headers' | 'response', fields: Record<string, unknown>) =>
      actionProblems({
        ...forward,
        rewrite: of === 'headers' ? { headers: fields } : { response: { headers: fields } },
      });
    for (const name of [
      'Connection',
      'content-length',
      'Transfer-Encoding',
      'te',
      'Upgrade',
      'keep-alive',
      'trailer',
    ]) {
      for (const of of ['headers', 'response'] as const) {
        expect([name, headers(of, { set: { [name]: 'x' } }).length]).toEqual([name, 1]);
        expect([name, headers(of, { remove: name }).length]).toEqual([name, 1]);
      }
    }
    for (const name of ['a b', 'a:', '', 'é']) expect(headers('headers', { set: { [name]: 'x' } })).toHaveLength(1);
    for (const value of ['a\r\nb: c', 'a\nb', 'a\u0000', ' a', 'a ', 'é', 5, null, []])
      expect([value, headers('headers', { set: { 'x-a': value } }).length]).toEqual([value, 1]);
    expect(headers('headers', { set: { 'x-a': 'b', 'X-A': 'c' } })).toEqual([expect.stringContaining('stands twice')]);
    expect(headers('response', { set: { host: 'a' } })).toEqual([expect.stringContaining('requests only')]);
    expect(headers('headers', { remove: ['host'] })).toEqual([expect.stringContaining('host cannot be removed')]);
    for (const host of ['a b', 'http://a', 'a/b', '', ['a', 'b'], 'a:b'])
      expect([host, headers('headers', { set: { host } }).length]).toEqual([host, 1]);
    for (const host of ['a.example', 'a.example:8080', '[::1]:80', '10.0.0.1'])
      expect([host, headers('headers', { set: { host } })]).toEqual([host, []]);
  });

  test('R11: a prefix is whole segments of a path', () => {
    for (const stripPrefix of ['', '/', 'v1', '/a*', '/:id', '/a?b', '//', '/a b'])
      expect([stripPrefix, actionProblems({ ...forward, rewrite: { stripPrefix } }).length]).toEqual([stripPrefix, 1]);
  });
});

describe('redirect and respond', () => {
  test('R09: a redirect reaches the plan; its status is 308 unless set, and one of the five', () => {
    expect(doing({ type: 'redirect', to: 'https://{host}{path}' }).action).toEqual({
      type: 'redirect',
      to: 'https://{host}{path}',
      status: 308,
    });
    for (const status of [301, 302, 303, 307, 308])
      expect(doing({ type: 'redirect', to: '/x', status }).action).toMatchObject({ status });
    for (const status of [200, 300, 304, 399, 199, 'found'])
      expect([status, actionProblems({ type: 'redirect', to: '/x', status }).length]).toEqual([status, 1]);
  });

  test('R09: a redirect needs a place to go, which a client cannot choose, of placeholders that are known', () => {
    expect(actionProblems({ type: 'redirect' })).toEqual([
      'routes[0].action: this redirects to nowhere: to is missing',
    ]);
    for (const to of [
      '',
      'example.com',
      '//evil.example',
      'javascript:alert(1)',
      '/{path}',
      'https://a/{what}',
      '/a b',
      '/a\r\nb',
    ])
      expect([to, actionProblems({ type: 'redirect', to }).length]).toEqual([to, 1]);
    expect(actionProblems({ type: 'redirect', to: '/u/{param:id}' }, { path: '/users/:id' })).toEqual([]);
    expect(actionProblems({ type: 'redirect', to: '/u/{param:id}' }, { path: '/users/:name' })).toEqual([
      expect.stringContaining('{param:id}'),
    ]);
  });

  test('R11: a static answer reaches the plan, as plain text unless its headers say otherwise', () => {
    expect(doing({ type: 'respond', body: 'grüß dich' }).action).toEqual({
      type: 'respond',
      status: 200,
      fields: ['content-type', 'text/plain; charset=utf-8'],
      body: new TextEncoder().encode('grüß dich'),
    });
    const headers = { 'Content-Type': 'application/json', 'set-cookie': ['a=1', 'b=2'] };
    expect(doing({ type: 'respond', status: '503', body: '{}', headers }).action).toMatchObject({
      status: 503,
      fields: ['Content-Type', 'application/json', 'set-cookie', 'a=1', 'set-cookie', 'b=2'],
    });
    expect(doing({ type: 'respond', status: 204 }).action).toMatchObject({ fields: [], body: new Uint8Array() });
  });

  test('R11: a status that cannot be answered, a body where there is none, and framing of its own are refused', () => {
    for (const status of [100, 101, 199, 600, 0, -1, 200.5, 'ok'])
      expect([status, actionProblems({ type: 'respond', status }).length]).toEqual([status, 1]);
    for (const status of [204, 205, 304])
      expect(actionProblems({ type: 'respond', status, body: 'x' })).toEqual([
        `routes[0].action.body: body cannot be sent with status ${status}: such a response has none`,
      ]);
    expect(actionProblems({ type: 'respond', headers: { 'content-length': '5' } })).toHaveLength(1);
    expect(actionProblems({ type: 'respond', body: 5 })).toHaveLength(1);
  });

  test('X03: options of another type are refused at their place, and so are deadlines that nothing would ever meet', () => {
    const wrong = [
      [{ type: 'redirect', to: '/x', rewrite: {} }, 'rewrite'],
      [{ type: 'respond', rewrite: {} }, 'rewrite'],
      [{ type: 'block', rewrite: {} }, 'rewrite'],
      [{ type: 'respond', upstreamProtocol: 'h2' }, 'upstreamProtocol'],
      [{ type: 'redirect', to: '/x', target: forward.target }, 'target'],
      [{ type: 'redirect', to: '/x', body: 'x' }, 'body'],
      [{ type: 'redirect', to: '/x', headers: {} }, 'headers'],
      [{ type: 'respond', to: '/x' }, 'to'],
      [{ type: 'respond', how: 'reset' }, 'how'],
      [{ ...forward, status: 200 }, 'status'],
      [{ ...forward, httpHandler: () => new Response('') }, 'httpHandler'],
      [{ ...forward, handler: () => undefined }, 'handler'],
    ] as const;
    for (const [action, key] of wrong)
      expect([key, actionProblems(action)]).toEqual([
        key,
        [expect.stringMatching(new RegExp(`^routes\\[0\\]\\.action\\.${key}: ${key} belongs to `))],
      ]);
    for (const name of ['dial', 'dialBudget', 'backoff', 'poolIdle', 'idle', 'halfClosed', 'requestBody', 'response'])
      expect(routeComplaints({ action: { type: 'respond' }, timeouts: { [name]: '1s' } })).toEqual([
        `routes[0].timeouts.${name}: ${name} cannot be enforced here: the answer is ready at once`,
      ]);
    expect(routeComplaints({ action: { type: 'respond' }, timeouts: { keepAlive: '1s', linger: '1s' } })).toEqual([]);
  });
});

describe('handlers', () => {
  const socketHandler = (): void => undefined;

  test('K01, K03: a socket handler reaches the plan, in the older spelling too', () => {
    for (const action of [
      { type: 'handler', socketHandler },
      { type: 'socket-handler', socketHandler },
      { type: 'socket-handler', handler: socketHandler },
    ])
      expect(doing(action).action).toEqual({ type: 'handler', kind: 'socket', handle: socketHandler });
  });

  test('K03: of HTTP handlers, a function that takes the response is in the form of Node, any other in that of fetch', () => {
    const node = (_request: unknown, _response: unknown): void => undefined;
    const fetch = (_request: unknown): Response => new Response('');
    const withContext = (_request: unknown, _context: unknown): Response => new Response('');
    const http = (httpHandler: unknown) => doing({ type: 'handler', httpHandler }).action;
    expect(http(node)).toEqual({ type: 'handler', kind: 'http', http: { form: 'node', handle: node } });
    expect(http(fetch)).toEqual({ type: 'handler', kind: 'http', http: { form: 'fetch', handle: fetch } });
    expect(http({ fetch: withContext })).toEqual({
      type: 'handler',
      kind: 'http',
      http: { form: 'fetch', handle: withContext },
    });
  });

  test('K03: exactly one handler; a file cannot hold one, and is told so', () => {
    expect(actionProblems({ type: 'handler' })).toEqual([
      'routes[0].action: this is handled by nobody: the handler is missing',
    ]);
    expect(actionProblems({ type: 'handler', socketHandler, httpHandler: () => new Response('') })).toEqual([
      'routes[0].action.httpHandler: socketHandler and httpHandler stand side by side; keep one of them',
    ]);
    for (const key of ['socketHandler', 'httpHandler'])
      expect(actionProblems({ type: 'handler', [key]: './handler.ts' })).toEqual([
        expect.stringMatching(/a configuration in TypeScript or JavaScript only/),
      ]);
    expect(actionProblems({ type: 'handler', handler: socketHandler })).toHaveLength(2);
    expect(actionProblems({ type: 'socket-handler', httpHandler: () => new Response('') })).toHaveLength(2);
  });

  test('K04: a socket handler asks for bytes, not for requests; beside routes of HTTP it is said that it is given none', () => {
    const handler = { type: 'handler', socketHandler };
    expect(actionProblems(handler, { protocol: 'redis' })).toEqual([]);
    expect(actionProblems(handler, { protocol: 'websocket' })).toHaveLength(1);
    expect(actionProblems(handler, { path: '/x' })).toEqual([
      'routes[0].match.path: path needs HTTP, which is invisible on the raw bytes that a socket handler is given',
    ]);
    const beside = (match: Record<string, unknown>) =>
      resolveConfig({
        routes: [
          web({ match: { ports: 1, path: '/x' } }),
          web({ name: 'handled', match: { ports: 1, ...match }, action: handler }),
        ],
      }).warnings;
    expect(beside({})).toEqual([expect.stringContaining('a socket handler is given no HTTP on port 1')]);
    expect(beside({ protocol: 'redis' })).toEqual([]);
  });
});
