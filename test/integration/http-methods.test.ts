/**
 * What is refused unless configured: TRACE, CONNECT, and requests that name their host in the target.
 */
import { expect, test } from 'vitest';
import { ask, ok, ScriptedOrigin } from '../support/http-world.ts';
import { ProxyUnderTest } from '../support/world.ts';

const protocol = 'http';

function asking(method: string, target: string, more = ''): string {
  return `${method} ${target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n${more}\r\n`;
}

test('H01: TRACE reaches the upstream of a route that names it, and of no other', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('traced'));
  const target = { host: '127.0.0.1', port: origin.port };
  const action = { type: 'forward', target } as const;
  await using world = await ProxyUnderTest.start({
    routes: [
      { name: 'first', match: { ports: 0, protocol, path: '/*' }, priority: 9, action },
      { name: 'reading', match: { ports: 0, protocol, method: ['GET', 'HEAD'] }, action },
      {
        name: 'traced',
        match: { ports: 0, protocol, path: '/traced/*', method: 'TRACE' },
        action: { type: 'forward', targets: [{ ...target, match: { path: '/traced/*' } }] },
      },
    ],
  });
  const refused = await ask(world.port, asking('TRACE', '/'));
  expect(refused).toMatchObject({ status: 405, fields: { 'proxy-status': 'sallyport; error=http_request_error' } });
  expect(refused.body).toMatch(/^TRACE is not served here \(exchange /);
  expect(refused.fields['allow']).not.toContain('TRACE');
  expect(origin.seen).toEqual([]);
  expect(await ask(world.port, asking('TRACE', '/traced/x'))).toMatchObject({ status: 200, body: 'traced' });
  expect(origin.seen.map(({ head }) => head.split('\r\n', 1)[0])).toEqual(['TRACE /traced/x HTTP/1.1']);
  for (const method of ['trace', 'Trace', 'CONNECT', 'connect'])
    expect((await ask(world.port, asking(method, '/traced/x'))).status).toBe(405);
  expect((await ask(world.port, `${asking('TRACE', '/traced/x', 'Content-Length: 2\r\n')}ab`)).status).toBe(400);
  expect(origin.seen).toHaveLength(1);
  const port = world.port;
  expect(world.proxy.match({ port, host: 'a.example', path: '/', method: 'TRACE' }).decision.kind).toBe('refused');
  expect(world.proxy.match({ port, host: 'a.example', path: '/traced/x', method: 'TRACE' }).decision).toMatchObject({
    route: { name: 'traced' },
  });
});

test('H01: Max-Forwards is counted down for OPTIONS and TRACE, and at 0 the proxy answers; other methods pass it on', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('there'));
  const action = { type: 'forward', target: { host: '127.0.0.1', port: origin.port } } as const;
  await using world = await ProxyUnderTest.start({
    routes: [{ name: 'all', match: { ports: 0, protocol, method: ['OPTIONS', 'TRACE', 'GET'] }, action }],
  });
  const hops = (count: string) => `max-Forwards: ${count}\r\n`;
  expect((await ask(world.port, asking('OPTIONS', '*', hops('0')))).status).toBe(204);
  expect((await ask(world.port, asking('TRACE', '/', hops('0')))).status).toBe(405);
  expect(origin.seen).toEqual([]);
  for (const [method, given, passed] of [
    ['OPTIONS', '10', '9'],
    ['TRACE', '1', '0'],
    ['GET', '0', '0'],
    ['OPTIONS', 'many', 'many'],
  ] as const) {
    expect((await ask(world.port, asking(method, '/', hops(given)))).status).toBe(200);
    expect(origin.seen.at(-1)?.head).toMatch(new RegExp(`^max-forwards: ${passed}\r$`, 'im'));
  }
});

test('H01: a target that names its host is routed by it and goes on as a path, and never where no route of ours leads', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('inside'));
  await using world = await ProxyUnderTest.start({
    routes: [
      {
        name: 'only',
        match: { ports: 0, domains: 'a.example' },
        action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
      },
    ],
  });
  const absolute = (host: string, field: string) =>
    `GET http://${host}/x?y HTTP/1.1\r\nHost: ${field}\r\nConnection: close\r\n\r\n`;
  expect((await ask(world.port, absolute('A.example', 'a.example'))).status).toBe(200);
  expect(origin.seen[0]?.head).toMatch(/^GET \/x\?y HTTP\/1\.1\r\nHost: a\.example\r\n/);
  expect((await ask(world.port, absolute('b.example', 'b.example'))).status).toBe(404);
  expect((await ask(world.port, absolute('a.example', 'b.example'))).status).toBe(400);
  expect((await ask(world.port, absolute('b.example', 'a.example'))).status).toBe(400);
  expect(origin.seen).toHaveLength(1);
});
