/**
 * The commands that run nothing: check and explain, which look at a configuration, and hash-password.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { verifyPassword } from '../../src/io/authentication/password.ts';
import { connectionHoldTime, type HoldPolicy } from '../../src/machines/connection/hold-time.ts';
import { defaultTimeouts, type Timeouts } from '../../src/machines/connection/delays.ts';
import { sallyport, sallyportEnds, type Ended } from '../support/command.ts';

/** No PROXY header, and no queue. */
const unasked = { expectsProxyHeader: false, mayWait: false } as const;

const configuration = `
routes:
  - name: api
    match: { ports: 8443, protocol: tls, domains: [api.example.com] }
    action: { type: forward, targets: [{ host: 10.0.0.5, port: 443 }, { host: 10.0.0.6, port: 443 }] }
    timeouts: { lifetime: 1h }
  - name: endless
    match: { ports: 8080 }
    action: { type: forward, target: { host: 127.0.0.1, port: 3000 } }
    timeouts: { idle: infinite }
  - name: nobody-else
    match: { ports: 8443 }
    action: { type: block, how: reset }
    priority: -1
timeouts: { dial: 2s }
admin: { listen: "unix:./x.sock" }
`;

async function inFolder(
  text: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-check-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'sallyport.yaml'), text);
  return sallyportEnds(args, { folder, environment });
}

const http = `
routes:
  - name: api
    match: { ports: 8080, path: "/v1/users/:id/*", method: [GET, POST], headers: { X-Tenant: "/^a/" }, query: { v: "2" } }
    action:
      type: forward
      targets: [{ host: 10.0.0.5, port: 80 }, { host: 10.0.0.6, port: 80, match: { method: POST } }]
      upstreamProtocol: h2
      rewrite: { stripPrefix: /v1, headers: { set: { x-api-key: hunter2 }, remove: x-debug } }
    security: { authentication: { type: basic, credentials: [{ username: a, password: hunter2 }] } }
    timeouts: { response: 20s }
  - { name: up, match: { ports: 8080, domains: "*.example.com" }, action: { type: redirect, to: "https://{host}{path}" } }
  - { name: health, match: { ports: 8080, path: /health }, action: { type: respond, body: ok } }
  - { name: chat, match: { ports: 8080, protocol: websocket }, action: { type: forward, target: { host: 10.0.0.7, port: 80 } } }
  - { name: raw, match: { ports: 9090 }, action: { type: forward, target: { host: 10.0.0.8, port: 80 } } }
timeouts: { keepAlive: 5s }
`;

describe('check of HTTP', () => {
  test('A02: a route of HTTP is shown with what it asks of requests, what it does, and who may pass', async () => {
    const { exitCode, out } = await inFolder(http, ['check']);
    expect(exitCode).toBe(0);
    const route = (name: string) => out.split('\n').find((line) => line.includes(`.  ${name} `)) ?? '';
    expect(route('api')).toContain('http, GET or POST /v1/users/:id/*, x-tenant: /^a/, ?v=2');
    expect(route('api')).toMatch(/→ {2}10\.0\.0\.5:80, 10\.0\.0\.6:80 \(POST\) in turn over HTTP\/2$/);
    expect(route('up')).toMatch(/→ {2}redirected \(308\) to https:\/\/\{host\}\{path\}$/);
    expect(route('health')).toMatch(/→ {2}answered with 200, 2 bytes$/);
    expect(route('chat')).toMatch(/websocket +→ {2}10\.0\.0\.7:80$/);
    for (const phrase of ['asks for a password (basic, 1 user)', 'strips /v1', 'sets x-api-key of requests'])
      expect(out).toContain(phrase);
    expect(out).toMatch(/credentials travel in the clear/);
    expect(out).toMatch(/all +keepAlive +5 s +\(default 15 s\)/);
    expect(out).toMatch(/api +response +20 s +\(default 1 min\)/);
  });

  test('X05: neither check nor its JSON shows a password or the value of a header that is set', async () => {
    for (const args of [['check'], ['check', '--json']])
      expect((await inFolder(http, args)).out).not.toContain('hunter2');
  });

  test('A02: a route of HTTP has the longest time by the charts of connection and exchange; any other that of its tunnel', async () => {
    const { out } = await inFolder(http, ['check', '--json']);
    const report: unknown = JSON.parse(out);
    const values = { ...defaultTimeouts, keepAlive: 5_000 };
    const hold = (route: Partial<Timeouts>, attemptsMax: number, serves: HoldPolicy['serves']) =>
      connectionHoldTime({
        listener: values,
        route: { ...values, ...route },
        attemptsMax,
        keepHalfOpen: false,
        ...unasked,
        serves,
      });
    expect(report).toMatchObject({
      routes: [
        {
          name: 'api',
          holdTime: hold({ response: 20_000 }, 2, 'http'),
          http: {
            path: '/v1/users/:id/*',
            methods: ['GET', 'POST'],
            headers: [{ name: 'x-tenant', pattern: '/^a/' }],
            query: [{ name: 'v', pattern: '2' }],
            upstreamProtocol: 'h2',
            rewrite: { stripPrefix: '/v1', request: { set: ['x-api-key'], remove: ['x-debug'] } },
            pingMs: null,
            authentication: { type: 'basic', users: 1, htpasswd: null, forwardCredentials: false },
          },
        },
        { name: 'up', holdTime: hold({}, 1, 'answers'), http: { upstreamProtocol: null } },
        { name: 'health', holdTime: hold({}, 1, 'answers') },
        { name: 'chat', holdTime: hold({}, 1, 'http') },
        { name: 'raw', holdTime: hold({}, 1, 'upstream'), http: null },
      ],
    });
  });

  test('T05: the budget counts what a request can take on a route of HTTP', async () => {
    const within = await inFolder(`${http}limits: { maxHoldTime: 60m }\n`, ['check']);
    expect(within.exitCode).toBe(0);
    const { exitCode, err } = await inFolder(`${http}limits: { maxHoldTime: 8m }\n`, ['check']);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/routes\[0\].*a silent peer can hold this route for/);
    expect(err).not.toMatch(/routes\[2\].*a silent peer can hold this route for/);
  });

  test('A02: the deadlines of HTTP are not shown where nothing serves HTTP', async () => {
    const { out } = await inFolder(configuration.replace('dial: 2s', 'dial: 2s, keepAlive: 5s'), ['check']);
    expect(out).toContain('dial');
    expect(out).not.toContain('keepAlive');
  });
});

const pooled = `
limits: { maxConnections: 500 }
listeners: { 8080: { maxConnections: 50, acceptProxyProtocol: { from: [10.0.0.0/8], required: true } } }
pools:
  db:
    endpoints: [{ host: 10.0.0.5, port: 3306, weight: 2 }, { srv: _mysql._tcp.example.internal }, { unix: /run/db.sock }]
    health: { type: tcp, interval: 5s, rise: 2, fall: 3 }
    breaker: { failures: 5, openFor: 10s }
    retries: 2
routes:
  - { name: mysql, match: { ports: 3306, protocol: tcp }, action: { type: forward, pool: db, sendProxyProtocol: v2 }, security: { ipAllowList: [10.0.0.0/8], onBan: kill, maxConnectionsPerIp: 2 } }
  - { name: web, match: { ports: 8080, protocol: http }, action: { type: forward, target: { host: 127.0.0.1, port: 3000 } }, security: { rateLimit: { requests: 1000, per: 1s, by: ip } } }
`;

describe('check of who gets in, and where it goes', () => {
  test('A02: pools, endpoints, caps, rates, lists and PROXY headers are shown', async () => {
    const { exitCode, out } = await inFolder(pooled, ['check']);
    expect(exitCode).toBe(0);
    expect(out).toMatch(/mysql +tcp +→ {2}the pool db$/m);
    for (const phrase of [
      'All together: at most 500 connections at once',
      'wants a PROXY header from 10.0.0.0/8',
      'at most 50 connections at once',
      '→ 10.0.0.5:3306 (weight 2)',
      '→ the records of _mysql._tcp.example.internal',
      '→ unix:/run/db.sock',
      'checked by a connection every 5s',
      '5 failed dials in a row take an endpoint out for 10s',
      'a failed dial goes on to 2 other endpoints',
      'lets pass only 10.0.0.0/8',
      'who may not pass any more is cut',
      'at most 2 connections at once of one address',
      'at most 1000 requests of one address in 1s',
      'upstreams are sent a PROXY header, version 2',
    ])
      expect(out).toContain(phrase);
  });

  test('A02: the longest time counts every endpoint that a dial may try, and the PROXY header of the listener', async () => {
    const { out } = await inFolder(pooled, ['check', '--json']);
    const common = { listener: defaultTimeouts, route: defaultTimeouts, keepHalfOpen: false, mayWait: false } as const;
    const mysql = { ...common, attemptsMax: 3, expectsProxyHeader: false, serves: 'upstream' } as const;
    const web = { ...common, attemptsMax: 1, expectsProxyHeader: true, serves: 'http' } as const;
    const report: unknown = JSON.parse(out);
    expect(report).toMatchObject({
      pools: [{ name: 'db', routes: ['mysql'] }],
      routes: [{ holdTime: connectionHoldTime(mysql) }, { holdTime: connectionHoldTime(web) }],
    });
  });

  test('A02: explain says which pool and which endpoints a client may go to', async () => {
    const { out } = await inFolder(pooled, ['explain', 'db:3306', '--from', '10.1.1.1']);
    expect(out).toContain('the pool db: round-robin over\n    → 10.0.0.5:3306 (weight 2)\n    → the records of');
  });

  test('R04: a port where TLS ends has two orders, and both are shown where they differ', async () => {
    const tls = 'tls: { mode: terminate, certificate: development }';
    const action = 'action: { type: respond }';
    const two = `
routes:
  - { name: wide, match: { ports: 443, domains: a.test, path: /x/* }, ${action}, ${tls} }
  - { name: deep, match: { ports: 443, domains: a.test, path: /x/y/* }, ${action}, ${tls} }
`;
    const { out } = await inFolder(two, ['check', '--json']);
    expect(JSON.parse(out)).toMatchObject({ listeners: [{ routes: ['wide', 'deep'], inside: ['deep', 'wide'] }] });
    const text = (await inFolder(two, ['check'])).out;
    expect(text).toMatch(/for a client hello\n +1\. +wide .*\n +2\. +deep .*\nInside .*\n +1\. +deep .*\n +2\. +wide /);
    expect(text).toMatch(/^ {2}wide, deep: \d+ min/m);
    const explained = (await inFolder(two, ['explain', 'https://a.test/x/y/z'])).out;
    expect(explained).toMatch(/^Routes inside of the TLS that ends here, in the order they are tried\n +\* +deep /m);
  });
});

describe('hash-password', () => {
  const hashOf = async (input: string): Promise<Ended> => {
    const command = sallyport(['hash-password']);
    command.type(input);
    command.end();
    return command.ended;
  };

  test('X05: a password from standard input becomes a hash that a configuration takes, and is shown nowhere', async () => {
    const { exitCode, out, err } = await hashOf('hünter 2\n');
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(out).toMatch(/^scrypt:\d+:8:\d+:[A-Za-z\d+/=]+:[A-Za-z\d+/=]+\n$/);
    expect(await verifyPassword('hünter 2', out.trim())).toBe(true);
    expect(await verifyPassword('hünter 2\n', out.trim())).toBe(false);
    const loaded = await inFolder(http.replace('password: hunter2', `password: "${out.trim()}"`), ['check']);
    expect(loaded.exitCode).toBe(0);
    expect(loaded.out).not.toContain('a plain password');
  });

  test.each([
    ['', 'nothing'],
    ['\n', 'an empty line'],
    ['a\nb\n', 'two lines'],
    ['x'.repeat(2_000), 'too much'],
  ])('X05: %j is no password: %s, exit code 2', async (input) => {
    const { exitCode, out, err } = await hashOf(input);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toContain('a password is one line');
  });

  test('X05: a password as an argument is refused', async () => {
    const { exitCode, out } = await sallyportEnds(['hash-password', 'hunter2']);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
  });
});

describe('check', () => {
  test('A02: the longest time a silent peer can hold a slot is the one that the chart allows, with its way', async () => {
    const { exitCode, out } = await inFolder(configuration, ['check', '--json']);
    expect(exitCode).toBe(0);
    const route = { ...defaultTimeouts, dial: 2_000, lifetime: 3_600_000 };
    const listener = { ...defaultTimeouts, dial: 2_000 };
    const expected = connectionHoldTime({
      listener,
      route,
      attemptsMax: 2,
      keepHalfOpen: false,
      ...unasked,
      serves: 'upstream',
    });
    const report: unknown = JSON.parse(out);
    expect(report).toMatchObject({
      routes: [
        { name: 'api', holdTime: expected },
        { name: 'endless', holdTime: { silent: { totalMs: null } } },
        { name: 'nobody-else', holdTime: null },
      ],
    });
  });

  test('A02: people read the same: hold times, what is unbounded and why, and the warnings', async () => {
    const { out } = await inFolder(configuration, ['check']);
    expect(out).toMatch(/^fine: sallyport\.yaml, 2 listeners, 3 routes$/m);
    expect(out).toMatch(/^ {2}api: \d+ min.*\n {4}ACCEPTED 1 s \(admission\) → SNIFFING 10 s \(sniff\) → DIALING /m);
    expect(out).toMatch(/^ {4}a peer that trickles bytes: 1 h$/m);
    expect(out).toMatch(
      /^ {2}endless: unbounded in ESTABLISHED: timeouts\.idle is infinite, and no timeouts\.lifetime ends it$/m,
    );
    expect(out).toMatch(/^Warnings\n {2}sallyport\.yaml:16:1 admin: /m);
  });

  test('A02: routes stand in the order they are tried', async () => {
    const { out } = await inFolder(configuration.replace('priority: -1', 'priority: 1'), ['check', '--json']);
    const report: unknown = JSON.parse(out);
    expect(report).toMatchObject({ listeners: [{ port: 8080 }, { port: 8443, routes: ['nobody-else', 'api'] }] });
  });

  test('A02: a deadline that is not the default is told with its source: file, environment or flag', async () => {
    const { out } = await inFolder(configuration, ['check', '--set', 'timeouts.sniff=3s'], {
      SALLYPORT_TIMEOUTS_FLUSH: '4s',
    });
    expect(out).toMatch(/all +sniff +3 s +\(default 10 s\) +--set timeouts\.sniff=3s$/m);
    expect(out).toMatch(/all +flush +4 s +\(default 10 s\) +SALLYPORT_TIMEOUTS_FLUSH$/m);
    expect(out).toMatch(/all +dial +2 s +\(default 5 s\) +sallyport\.yaml:15:\d+/m);
    expect(out).toMatch(/api +lifetime +1 h +\(default infinite\) +sallyport\.yaml:6:\d+/m);
  });

  test('A02: a route that holds longer than the budget is an error of the configuration', async () => {
    const { exitCode, err } = await inFolder(`${configuration}limits: { maxHoldTime: 10m }\n`, ['check']);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/routes\[1\].*a silent peer can hold this route without end/);
  });

  test('A02: with --json the problems are data, on standard output', async () => {
    const { exitCode, out, err } = await inFolder(configuration.replaceAll('type: forward', 'type: froward'), [
      'check',
      '--json',
    ]);
    expect({ exitCode, err }).toEqual({ exitCode: 2, err: '' });
    expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{ line: 5 }, { line: 9 }] });
  });
});

describe('explain', () => {
  test.each([
    { args: ['https://api.example.com:8443/'], taken: 'api', says: /taken by api/ },
    {
      args: ['tls://b.example.com:8443'],
      taken: 'nobody-else',
      says: /api +asks for api\.example\.com; the client names b\.example\.com/,
    },
    {
      args: ['http://api.example.com:8443/x'],
      taken: 'nobody-else',
      says: /api +asks for tls; the client speaks http/,
    },
    { args: ['api.example.com:8443'], taken: 'api', says: /10\.0\.0\.5:443, 10\.0\.0\.6:443 in turn/ },
    { args: ['localhost:8080'], taken: 'endless', says: /before any byte is read/ },
    { args: ['8080', '--protocol', 'redis'], taken: 'endless', says: /sallyport\.yaml:7:\d+ routes\[1\]/ },
  ])('A02: $args is taken by $taken, with the reason', async ({ args, taken, says }) => {
    const { exitCode, out } = await inFolder(configuration, ['explain', ...args]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(new RegExp(`^ {2}\\* +${taken} +matches and is the one that is taken$`, 'm'));
    expect(out).toMatch(says);
  });

  test.each([
    {
      args: ['http://h:8080/v1/users/7/x?v=2', '--method', 'POST', '-H', 'x-tenant: acme'],
      taken: 'api',
      says: /:id is 7, \* is \/x/,
    },
    { args: ['http://h:8080/v1/users/7?v=2', '--method', 'DELETE', '-H', 'X-Tenant: a'], taken: null, says: /DELETE/ },
    { args: ['http://h:8080/v1/users/7?v=2', '-H', 'x-tenant: b'], taken: null, says: /api +asks for the headers/ },
    { args: ['http://a.example.com:8080/health'], taken: 'up', says: /redirected \(308\)/ },
    { args: ['ws://h:8080/anything'], taken: 'chat', says: /speaks websocket/ },
    { args: ['http://h:9090/x'], taken: 'raw', says: /nothing reads HTTP here/ },
    { args: ['http://h:8080/../x'], taken: null, says: /refused: the path leads above its root/ },
  ])('R04: the request $args is taken by $taken, with the reason', async ({ args, taken, says }) => {
    const { exitCode, out } = await inFolder(http, ['explain', ...args]);
    expect(exitCode).toBe(0);
    const takers = [...out.matchAll(/^ {2}\* +(\S+)/gm)].map(([, name]) => name);
    expect(takers).toEqual(taken === null ? [] : [taken]);
    expect(out).toMatch(says);
  });

  test('R04: a header that is none is a mistake of the command line', async () => {
    const { exitCode, err } = await inFolder(http, ['explain', 'h:8080', '-H', 'nonsense']);
    expect(exitCode).toBe(2);
    expect(err).toContain('A header field is name: value.');
  });

  test('A02: a port where nothing listens is an answer, too', async () => {
    const { exitCode, out } = await inFolder(configuration, ['explain', 'localhost:9999']);
    expect(exitCode).toBe(0);
    expect(out).toContain('nothing listens on port 9999');
  });

  test.each(['k3f9-12', 'k3f9-12.3'])('A02: %s, an id, needs a running proxy, which is not built yet', async (id) => {
    const { exitCode, err } = await inFolder(configuration, ['explain', id]);
    expect(exitCode).toBe(2);
    expect(err).toContain('not built yet');
    expect(err).toContain(
      `proxy.explain('${id}') tells what became of this ${id.includes('.') ? 'exchange' : 'connection'}`,
    );
    expect(err).toContain('a record of connection k3f9-12');
  });
});
