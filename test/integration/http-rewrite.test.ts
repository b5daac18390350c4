/**
 * What routes do to requests and answers on the wire: rewriting, redirecting, answering, matching.
 */
import { describe, expect, test } from 'vitest';
import { ask, get, ok, ScriptedOrigin } from '../support/http-world.ts';
import { ProxyUnderTest } from '../support/world.ts';

describe.each(['compiled', 'xstate'] as const)('rewriting under the %s interpreter', (interpreter) => {
  test('R03, R11: what the path pattern found reaches the rewritten path, and fields are set and removed both ways', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('x', 'X-Powered-By: origin\r\n'));
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'users',
          match: { ports: 0, path: '/v1/users/:id/*', method: ['GET', 'PUT'], headers: { 'x-tenant': '/^a/' } },
          action: {
            type: 'forward',
            target: { host: '127.0.0.1', port: origin.port },
            rewrite: {
              path: '/people/:id/*',
              headers: { set: { 'x-from': 'sallyport', host: 'inner.example' }, remove: ['x-debug'] },
              response: { headers: { set: { 'x-served-by': 'users' }, remove: ['x-powered-by'] } },
            },
          },
        },
      ],
    });
    const reply = await ask(
      world.port,
      get('/v1/users/7/mail?box=in%2Fout', 'X-Tenant: abc\r\nX-Debug: 1\r\nX-From: me\r\n'),
    );
    expect(reply.status).toBe(200);
    expect(reply.fields).toMatchObject({ 'x-served-by': 'users' });
    expect(reply.fields).not.toHaveProperty('x-powered-by');
    const [seen] = origin.seen;
    const [line = '', ...lines] = (seen?.head ?? '').split('\r\n');
    expect(line).toBe('GET /people/7/mail?box=in%2Fout HTTP/1.1');
    expect(lines).toContain('Host: inner.example');
    expect(lines.filter((one) => /^x-from:/i.test(one))).toEqual(['x-from: sallyport']);
    expect(lines.some((one) => /^x-debug:/i.test(one))).toBe(false);
    expect((await ask(world.port, get('/v1/users/7/mail', 'X-Tenant: b\r\n'))).status).toBe(404);
    expect((await ask(world.port, get('/v1/users/7/mail'))).status).toBe(404);
    expect(origin.seen).toHaveLength(1);
  });

  test('R09: a redirect keeps path and query, and a static answer has its body and fields', async () => {
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'to-https',
          match: { ports: 0, domains: 'a.example' },
          action: { type: 'redirect', to: 'https://{host}{path}' },
        },
        {
          name: 'health',
          match: { ports: 0, path: '/health' },
          action: { type: 'respond', status: 200, body: 'fine', headers: { 'x-a': '1' } },
        },
      ],
    });
    const moved = await ask(world.port, get('/a/b?c=d'));
    expect(moved).toMatchObject({ status: 308, body: '', fields: { location: 'https://a.example/a/b?c=d' } });
    const healthy = await ask(world.port, 'GET /health HTTP/1.1\r\nHost: other.example\r\n\r\n');
    expect(healthy).toMatchObject({ status: 200, body: 'fine', fields: { 'x-a': '1', 'content-length': '4' } });
    const head = await ask(world.port, 'HEAD /health HTTP/1.1\r\nHost: other.example\r\n\r\n', 'HEAD');
    expect(head).toMatchObject({ status: 200, body: '', fields: { 'content-length': '4' } });
  });

  test('R11: a target with a match of its own takes only what it asks for', async () => {
    await using beta = await ScriptedOrigin.start(() => ok('beta'));
    await using all = await ScriptedOrigin.start(() => ok('all'));
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'split',
          match: { ports: 0, protocol: 'http' },
          action: {
            type: 'forward',
            targets: [
              { host: '127.0.0.1', port: beta.port, match: { headers: { 'x-beta': '*' } } },
              { host: '127.0.0.1', port: all.port, match: { query: { v: '1' } } },
            ],
          },
        },
      ],
    });
    expect((await ask(world.port, get('/', 'X-Beta: yes\r\n'))).body).toBe('beta');
    expect((await ask(world.port, get('/?v=1'))).body).toBe('all');
    expect((await ask(world.port, get('/?v=2'))).status).toBe(404);
  });
});
