/**
 * Hostile clients of HTTP/1.1: too much, too clever, or somebody else. What they ask for is refused or made harmless, and
 * what an origin sees of it is exactly what this proxy vouches for.
 */
import { describe, expect, test } from 'vitest';
import { StrictOrigin, valuesOf } from '../support/http-strict.ts';
import { ask, get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { dialPeer, Origin, ProxyUnderTest } from '../support/world.ts';

const match = { ports: 0, protocol: 'http' } as const;

async function front(port: number, more: object = {}): Promise<ProxyUnderTest> {
  return ProxyUnderTest.forward(port, { route: { match }, ...more });
}

const echo = (): Promise<StrictOrigin> => StrictOrigin.start(({ target }) => ok(`for ${target}`));

describe('too much', () => {
  test.each([
    ['a head of 40 KB', get('/', `X: ${'x'.repeat(40_000)}\r\n`), 431],
    ['a head that never ends', `GET / HTTP/1.1\r\nHost: a.example\r\nX: ${'x'.repeat(3_000_000)}`, 431],
    ['101 fields', get('/', 'X: y\r\n'.repeat(100)), 431],
    ['a target of 40 KB', get(`/${'x'.repeat(40_000)}`), 414],
    ['a target that never ends', `GET /${'x'.repeat(3_000_000)}`, 414],
    [
      'a huge chunk extension',
      `POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5;${'x'.repeat(3_000_000)}`,
      400,
    ],
    [
      'endless chunk extensions',
      `POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n1;${'a=b;'.repeat(700_000)}`,
      400,
    ],
    [
      'endless trailers',
      `POST / HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n${'X: y\r\n'.repeat(500_000)}`,
      431,
    ],
    ['endless empty lines', `${get('/')}${'\r\n'.repeat(1_000_000)}`, 400],
  ] as const)(
    'H01: %s is refused as soon as it is too much, and nothing of it is forwarded',
    async (name, text, status) => {
      await using origin = await echo();
      await using world = await front(origin.port);
      const client = await dialPeer(world.port);
      client.send(text);
      const first = await readReply(client);
      const reply = name === 'endless empty lines' ? await readReply(client, first.bytes) : first;
      expect(reply.status).toBe(status);
      expect(reply.fields).toMatchObject({
        connection: 'close',
        'proxy-status': 'sallyport; error=http_request_error',
      });
      client.end();
      await world.closed(1);
      expect(origin.requests.length).toBe(name === 'endless empty lines' ? 1 : 0);
      expect(origin.problems).toEqual([]);
    },
  );
});

describe('too clever', () => {
  test.each([
    ['CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n', 405],
    ['CONNECT / HTTP/1.1\r\nHost: a.example\r\n\r\n', 405],
    ['TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n', 405],
    ['GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n', 400],
    ['GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n', 400],
    ['GET * HTTP/1.1\r\nHost: a.example\r\n\r\n', 400],
  ])('H01: %j is refused and never becomes a tunnel', async (text, status) => {
    await using origin = await Origin.start();
    await using world = await front(origin.port);
    const client = await dialPeer(world.port);
    client.send(`${text}raw bytes of a tunnel`);
    expect((await readReply(client)).status).toBe(status);
    client.end();
    await client.closed;
    expect(origin.peers).toEqual([]);
    expect(await world.closed(1)).toMatchObject([{ protocol: 'http', reason: 'downstream.malformed' }]);
  });

  test('H01: a preface of HTTP/2 in the middle of a connection is no request, and switches nothing', async () => {
    await using origin = await echo();
    await using world = await front(origin.port);
    const client = await dialPeer(world.port);
    client.send(`${get('/one')}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`);
    const first = await readReply(client);
    expect((await readReply(client, first.bytes)).status).toBe(505);
    expect(origin.requests.map(({ target }) => target)).toEqual(['/one']);
    client.end();
  });

  test('H01: OPTIONS * and an absolute target of the Host itself are forwarded in the form of a path', async () => {
    await using origin = await echo();
    await using world = await front(origin.port);
    expect((await ask(world.port, 'OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n')).body).toBe('for *');
    expect((await ask(world.port, 'GET http://A.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n')).body).toBe(
      'for /x?y',
    );
  });

  test('H01: an offer of h2c goes no further, and an origin that takes it all the same is not believed', async () => {
    const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n';
    const offer = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n';
    await using origin = await StrictOrigin.start(({ target }) => (target === '/take' ? switching : ok('plain')));
    await using world = await front(origin.port);
    expect((await ask(world.port, get('/', offer))).body).toBe('plain');
    const [seen] = origin.requests;
    expect(seen?.lines.filter((line) => /^(?:upgrade|connection|http2-settings):/i.test(line))).toEqual([]);
    const client = await dialPeer(world.port);
    client.send(`${get('/take', offer)}PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`);
    expect((await readReply(client)).status).toBe(502);
    client.end();
    await client.closed;
    expect(client.text).not.toContain('101');
  });

  test('H01: an upgrade to anything but WebSocket is a request like any other', async () => {
    await using origin = await echo();
    await using world = await front(origin.port);
    for (const token of ['foo', 'TLS/1.0', 'websocket2', 'h2c, websocket', 'websocket, h2c']) {
      expect((await ask(world.port, get('/', `Connection: upgrade\r\nUpgrade: ${token}\r\n`))).status).toBe(200);
    }
    expect(
      origin.requests.flatMap(({ lines }) => [...valuesOf(lines, 'upgrade'), ...valuesOf(lines, 'connection')]),
    ).toEqual([]);
  });

  test('R03: no spelling of a path gets past a route that guards it: one form is compared, and what is doubtful refused', async () => {
    await using origin = await echo();
    const forward = { type: 'forward', target: { host: '127.0.0.1', port: origin.port } } as const;
    await using world = await ProxyUnderTest.start({
      routes: [
        { name: 'guarded', match: { ...match, path: '/admin' }, action: { type: 'block', how: 'reply' } },
        { name: 'guarded-below', match: { ...match, path: '/admin/*' }, action: { type: 'block', how: 'reply' } },
        { name: 'open', match, priority: -1, action: forward },
      ],
    });
    const spellings = [
      '/admin',
      '/admin/',
      '/admin/x',
      '//admin',
      '///admin//x',
      '/./admin',
      '/x/../admin',
      '/x/%2e%2e/admin',
      '/x/.%2E/admin',
      '/%61dmin',
      '/%61%64%6d%69%6e',
      '/admin%2fx',
      '/admin%2Fx',
      '/%2fadmin',
      '/x%2f..%2fadmin',
      '/x/..%2fadmin',
      '/x/..;/admin',
      '/admin?x',
      '/admin/?x',
      '/admin%3fx',
      '/admin%00',
      '/admin%00.html',
      '/admin%0a',
      '/admin%',
      '/admin%2',
      '/%2e/admin',
      '/..//admin',
      '/../admin',
      '/x/%252e%252e/admin',
      '/admin/../admin',
      '/admin/.',
      '/admin/..;/x',
      '/x/./../admin',
      '/\\admin',
      '/admin\\x',
    ];
    const reached: string[] = [];
    for (const spelling of spellings) {
      const reply = await ask(world.port, get(spelling));
      if (reply.status === 200) reached.push(spelling);
      else expect(`${reply.status} ${spelling}`).toMatch(/^(?:400|403) /);
    }
    expect(origin.requests.map(({ target }) => target)).toEqual(reached);
    // None of those that were let through is /admin for an origin that decodes letters, merges slashes and resolves dots.
    // An escaped slash is no slash and a backslash is none (RFC 3986 §2.2): an origin that takes it for one needs a guard.
    for (const target of reached) {
      const { pathname } = new URL(target.replace(/^\/+/, '/').replaceAll('\\', '%5C'), 'http://a.example');
      const path = pathname.replaceAll(/%[46][1-9a-f]|%[57][0-9a]/gi, decodeURIComponent);
      expect(`${path} for ${target}`).not.toMatch(/^\/+admin[/ ]/);
    }
    expect(reached.length).toBeLessThan(spellings.length / 2);
  });

  test('R02: a Host is compared in one form: letters, port and final dot do not matter, and an address is no name', async () => {
    await using origin = await ScriptedOrigin.start(({ head }) => ok(head.split('\r\n')[1] ?? ''));
    const forward = { type: 'forward', target: { host: '127.0.0.1', port: origin.port } } as const;
    await using world = await ProxyUnderTest.start({
      routes: [
        { name: 'one', match: { ...match, domains: 'a.example' }, action: forward },
        {
          name: 'sub',
          match: { ...match, domains: '*.b.example' },
          action: { type: 'respond', status: 200, body: 'sub' },
        },
      ],
    });
    const status = async (host: string): Promise<string> => {
      const { status: answer, body } = await ask(world.port, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
      return answer === 200 ? body : String(answer);
    };
    // Forwarded byte for byte, whatever form it was compared in.
    for (const host of ['a.example', 'A.EXAMPLE', 'a.example.', 'a.example:80', 'a.eXample.:65535'])
      expect(await status(host)).toBe(`Host: ${host}`);
    for (const host of ['x.b.example', 'X.Y.B.example.']) expect(await status(host)).toBe('sub');
    for (const host of ['127.0.0.1', '[::1]:80', 'b.example', 'a.example.evil', 'xa.example', 'evil.a.example'])
      expect({ host, is: await status(host) }).toEqual({ host, is: '404' });
    for (const host of [
      '*.b.example',
      'a.example@b.example',
      'a.example..',
      '.a.example',
      'a.example/',
      'a_b .example',
      '',
    ])
      expect({ host, is: await status(host) }).toEqual({ host, is: '400' });
  });
});

describe('somebody else', () => {
  const spoof = [
    'X-Forwarded-For: 192.0.2.1',
    'x-forwarded-for: 192.0.2.2',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Port: 443',
    'X-Forwarded-Client-Cert: forged',
    'X-Forwarded-Prefix: /evil',
    'Forwarded: for=192.0.2.1;proto=https',
    'X-Real-IP: 192.0.2.1',
    '',
  ].join('\r\n');

  test('H01: what a client says about its way is dropped unless its address is trusted, and ours is written once', async () => {
    await using origin = await echo();
    await using world = await front(origin.port);
    await ask(world.port, get('/', spoof));
    const lines = origin.requests[0]?.lines ?? [];
    const about = lines.filter((line) => /^(?:x-forwarded|forwarded|x-real-ip|via)/i.test(line));
    expect(about).toEqual([
      'X-Forwarded-For: 127.0.0.1',
      'X-Forwarded-Proto: http',
      `X-Forwarded-Port: ${world.port}`,
      'X-Forwarded-Host: a.example',
      'Forwarded: for=127.0.0.1;host=a.example;proto=http',
      'Via: 1.1 sallyport',
    ]);
    expect(lines.join()).not.toMatch(/192\.0\.2|evil|forged/);
  });

  test('H01: what a trusted proxy says is kept, and its own address appended', async () => {
    await using origin = await echo();
    await using world = await front(origin.port, { trustedProxies: ['127.0.0.0/8'] });
    await ask(world.port, get('/', spoof));
    const lines = origin.requests[0]?.lines ?? [];
    expect(valuesOf(lines, 'x-forwarded-for')).toEqual(['192.0.2.1, 192.0.2.2, 127.0.0.1']);
    expect(valuesOf(lines, 'x-forwarded-proto')).toEqual(['https']);
    expect(valuesOf(lines, 'forwarded')).toEqual([
      'for=192.0.2.1;proto=https, for=127.0.0.1;host=a.example;proto=http',
    ]);
  });

  test.each([
    'X_Forwarded_For: 192.0.2.1',
    'X-Forwarded_For: 192.0.2.1',
    'x_real_ip: 192.0.2.1',
    'Content_Length: 5',
    'Transfer_Encoding: chunked',
  ])('H01: %s, which some origins read with a hyphen, is refused', async (line) => {
    await using origin = await echo();
    await using world = await front(origin.port);
    expect((await ask(world.port, get('/', `${line}\r\n`))).status).toBe(400);
    expect(origin.connections).toEqual([]);
  });

  test('H01: a nomination in Connection takes away neither what we say nor what authenticates', async () => {
    await using origin = await echo();
    await using world = await front(origin.port);
    const names = [
      'X-Forwarded-For',
      'X-Forwarded-Proto',
      'X-Forwarded-Host',
      'Forwarded',
      'Via',
      'Authorization',
      'Cookie',
      'Host',
      'Content-Length',
      'X-Real-IP',
    ];
    await ask(
      world.port,
      get('/', `Connection: ${names.join(', ')}\r\nAuthorization: Basic eA==\r\nCookie: a=b\r\nContent-Length: 0\r\n`),
    );
    const lines = origin.requests[0]?.lines ?? [];
    for (const name of [
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-host',
      'forwarded',
      'via',
      'authorization',
      'cookie',
      'host',
      'content-length',
    ])
      expect({ name, count: valuesOf(lines, name).length }).toEqual({ name, count: 1 });
    expect(valuesOf(lines, 'connection')).toEqual([]);
  });
});
