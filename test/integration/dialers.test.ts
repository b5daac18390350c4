/**
 * Dialers from end to end: real SOCKS and CONNECT proxies, UNIX sockets, TLS, the client's own address, functions.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readProxyHeader } from '../../src/protocols/proxy-protocol/reader.ts';
import { testAuthority } from '../support/certificates.ts';
import { freePort, startPeer } from '../support/peer-process.ts';
import { peerTest } from '../support/peers.ts';
import { blackHole } from '../support/black-hole.ts';
import { closedPort, dialPeer, knock, Origin, ProxyUnderTest } from '../support/world.ts';
import { ask, get, ok, ScriptedOrigin } from '../support/http-world.ts';

const host = '127.0.0.1';
const demo = new URL('../../examples/demo/', import.meta.url);

/** A TCP route with this action. */
function forwarding(action: object, route: object = {}): Promise<ProxyUnderTest> {
  return ProxyUnderTest.start({
    routes: [{ name: 'only', match: { ports: 0 }, action: { type: 'forward', ...action }, ...route }],
  });
}

/** What comes back of `ping`. Not every proxy lets a half-closed connection live, so FIN comes afterwards. */
async function pong(proxy: ProxyUnderTest): Promise<string> {
  const client = await dialPeer(proxy.port);
  await client.send('ping').atLeast(4);
  client.end();
  await client.closed;
  return client.text;
}

/** Why a client was let go that said `ping`. */
async function closedReason(proxy: ProxyUnderTest): Promise<string> {
  await knock(proxy.port).send('ping').closed;
  const [record] = await proxy.closed(1);
  return `${record?.reason} ${record?.code} ${record?.cause}`;
}

const credentials = { username: 'ann', password: 'secret' };

peerTest(
  'microsocks',
  'a SOCKS proxy is gone through, with and without a password, and its refusals have a reason',
  async () => {
    await using origin = await Origin.echo();
    const [open, closed, nobody] = await Promise.all([freePort(), freePort(), closedPort()]);
    await startPeer('microsocks', { args: ['-i', host, '-p', `${open}`], ports: [open] });
    const words = ['-u', credentials.username, '-P', credentials.password];
    await startPeer('microsocks', { args: ['-i', host, '-p', `${closed}`, ...words], ports: [closed] });
    const dialer = { type: 'socks5', host, port: open };
    for (const target of [
      { host, port: origin.port },
      { host: 'localhost', port: origin.port },
    ]) {
      await using plain = await forwarding({ target, dialer });
      expect(await pong(plain)).toBe('ping');
      await using secret = await forwarding({ target, dialer: { ...dialer, port: closed, ...credentials } });
      expect(await pong(secret)).toBe('ping');
    }
    await using refused = await forwarding({ target: { host, port: nobody }, dialer });
    expect(await closedReason(refused)).toMatch(/^upstream.refused SALLYPORT_SOCKS_5 the SOCKS proxy .* was refused/);
    await using unnamed = await forwarding({
      target: { host, port: origin.port },
      dialer: { ...dialer, port: closed },
    });
    expect(await closedReason(unnamed)).toMatch(/^upstream.refused SALLYPORT_SOCKS_AUTH .* wants a username/);
    const wrong = { ...dialer, port: closed, username: 'ann', password: 'wrong' };
    await using denied = await forwarding({ target: { host, port: origin.port }, dialer: wrong });
    expect(await closedReason(denied)).toMatch(/^upstream.refused SALLYPORT_SOCKS_AUTH .* does not accept/);
  },
);

peerTest(
  'tinyproxy',
  'a CONNECT proxy is gone through, with and without a password, and its refusals have a reason',
  async () => {
    await using origin = await Origin.echo();
    const [open, closed, nobody] = await Promise.all([freePort(), freePort(), closedPort()]);
    const config = (port: number, more = '') =>
      `Port ${port}\nListen ${host}\nTimeout 20\nMaxClients 20\nLogLevel Critical\nLogFile "FOLDER/log"\n${more}`;
    const start = (port: number, more = '') =>
      startPeer('tinyproxy', { files: { conf: config(port, more) }, args: ['-d', '-c', 'FOLDER/conf'], ports: [port] });
    await Promise.all([start(open), start(closed, 'BasicAuth ann secret\n')]);
    const dialer = { type: 'http-connect', host, port: open };
    const target = { host: 'localhost', port: origin.port };
    await using plain = await forwarding({ target: { host, port: origin.port }, dialer });
    expect(await pong(plain)).toBe('ping');
    await using secret = await forwarding({
      target: { host, port: origin.port },
      dialer: { ...dialer, port: closed, ...credentials },
    });
    expect(await pong(secret)).toBe('ping');
    await using denied = await forwarding({ target, dialer: { ...dialer, port: closed } });
    expect(await closedReason(denied)).toMatch(/^upstream.refused SALLYPORT_CONNECT_40[17] the HTTP proxy /);
    await using refused = await forwarding({ target: { host, port: nobody }, dialer });
    expect(await closedReason(refused)).toMatch(/^upstream.unreachable SALLYPORT_CONNECT_50\d the HTTP proxy /);
  },
);

describe('through a proxy', () => {
  test('a proxy that says nothing is given up by the dial deadline, and one that is left is let go', async () => {
    await using silent = await Origin.start();
    const action = {
      target: { host: 'a.test', port: 80 },
      dialer: { type: 'socks5', host, port: silent.port },
    };
    await using proxy = await forwarding(action, { timeouts: { dial: '100ms', dialBudget: '100ms' } });
    const client = await dialPeer(proxy.port);
    client.send('ping');
    const asked = await silent.accepted();
    expect([...(await asked.atLeast(3))]).toEqual([5, 1, 0]);
    const [record] = await proxy.closed(1);
    expect(record?.reason).toMatch(/^timeout\.dial/);
    expect(await asked.closed).toBe('reset');
    await using patient = await forwarding(action);
    const leaving = await dialPeer(patient.port);
    leaving.send('ping');
    const other = await silent.accepted();
    leaving.reset();
    expect(await other.closed).toBe('reset');
    await patient.closed(1);
    expect(patient.proxy.census()).toMatchObject({ connections: 0, transports: 0, timers: 0 });
  });
});

test('a UNIX socket is forwarded to and named by its path, for TCP and for HTTP', async () => {
  const where = await mkdtemp(join(tmpdir(), 'sallyport-dialers-'));
  onTestFinished(() => rm(where, { recursive: true, force: true }));
  const path = join(where, 'web.sock');
  await using server = createServer((request, response) => response.end(`over ${request.url}`)).listen(path);
  await once(server, 'listening');
  for (const protocol of ['tcp', 'http']) {
    await using proxy = await forwarding({ target: { unix: path } }, { match: { ports: 0, protocol } });
    const reply = await ask(proxy.port, get('/a', 'Connection: close\r\n'));
    expect(reply.body).toBe('over /a');
    const [record] = await proxy.closed(1);
    if (protocol === 'tcp') expect(record?.upstream).toBe(path);
  }
  await using nowhere = await forwarding({ target: { unix: join(where, 'none.sock') } });
  expect(await closedReason(nowhere)).toMatch(/^upstream.unreachable ENOENT there is no such path/);
});

test('the tls dialer speaks TLS to the endpoint, behind the PROXY header, on a route that knows no TLS', async () => {
  const [cert, key] = await Promise.all(
    ['demo-only-certificate.pem', 'demo-only-key.pem'].map((name) => readFile(new URL(name, demo))),
  );
  const server = createTlsServer({ cert, key }, (socket) => socket.on('error', () => undefined).pipe(socket));
  const headers: unknown[] = [];
  await using front = await Origin.start(undefined, {
    onSocket: (socket) => {
      socket.once('data', (chunk: Buffer) => {
        const read = readProxyHeader(chunk, false);
        if (read.verdict !== 'header') return void socket.destroy();
        headers.push(read.header);
        socket.pause();
        if (read.consumed < chunk.length) socket.unshift(chunk.subarray(read.consumed));
        return void server.emit('connection', socket);
      });
    },
  });
  const dialer = { type: 'tls', verify: false };
  await using proxy = await forwarding({ target: { host, port: front.port }, dialer, sendProxyProtocol: 'v2' });
  expect(await pong(proxy)).toBe('ping');
  expect(headers).toMatchObject([{ version: 2, command: 'proxy' }]);
});

test.each(['route', 'pool'])('the tls dialer of a %s reads its files before the first connection', async (of) => {
  const where = await mkdtemp(join(tmpdir(), 'sallyport-dialer-'));
  onTestFinished(() => rm(where, { recursive: true }));
  const authority = await testAuthority();
  const [server, client] = [await authority.issue(['cache.test']), await authority.issue(['client.test'])];
  const files = { ca: authority.cert, cert: client.cert, key: client.key };
  for (const [name, text] of Object.entries(files)) await writeFile(join(where, name), text);
  const seen: boolean[] = [];
  const upstream = createTlsServer({ ...server, ca: authority.cert, requestCert: true }, (socket) => {
    seen.push(socket.authorized);
    socket.on('error', () => undefined).pipe(socket);
  });
  const port = await freePort();
  upstream.listen(port, host);
  onTestFinished(() => void upstream.close());
  await once(upstream, 'listening');
  const named = Object.fromEntries(Object.keys(files).map((name) => [name, join(where, name)]));
  const dialer = { type: 'tls', servername: 'cache.test', ...named };
  const action: object = of === 'route' ? { target: { host, port }, dialer } : { pool: 'db' };
  const pools: object = of === 'route' ? {} : { pools: { db: { endpoints: [{ host, port }], dialer } } };
  await using proxy = await ProxyUnderTest.start({
    routes: [{ name: 'only', match: { ports: 0 }, action: { type: 'forward', ...action } }],
    ...pools,
  });
  expect(await pong(proxy)).toBe('ping');
  expect(seen).toEqual([true]);
});

test('P05: the upstream sees the client’s address, for TCP and HTTP, and never another client’s', async ({ skip }) => {
  if (process.platform !== 'linux') skip('only Linux has the whole of 127.0.0.0/8');
  await using origin = await ScriptedOrigin.start((_seen, _count, peer) => ok(peer.socket.remoteAddress ?? ''));
  for (const protocol of ['tcp', 'http']) {
    await using proxy = await forwarding(
      { target: { host, port: origin.port }, preserveSourceIP: true },
      { match: { ports: 0, protocol } },
    );
    const clients = await Promise.all(
      ['127.0.0.5', '127.0.0.6', '127.0.0.7'].map((localAddress) => dialPeer(proxy.port, { localAddress })),
    );
    for (const client of [...clients, ...clients]) {
      const before = client.bytes.length;
      client.send(get('/'));
      const bytes = await client.atLeast(before + ok('127.0.0.5').length);
      expect(bytes.toString('latin1').slice(before)).toContain(client.socket.localAddress);
    }
    for (const client of clients) client.end();
    await proxy.closed(3);
    expect(proxy.proxy.census().upstreams).toBe(0);
  }
  // An IPv6 client cannot come from its own address to an IPv4 upstream.
  await using proxy = await forwarding({ target: { host, port: origin.port }, preserveSourceIP: true });
  knock(proxy.port, { host: '::1' }).send(get('/')).end();
  const [record] = await proxy.closed(1);
  expect([record?.reason, record?.cause]).toEqual([
    'upstream.unreachable',
    expect.stringContaining('has none of that family'),
  ]);
});

test('R11: a function says where to, for TCP and for HTTP; what it throws ends its connection and nothing else', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('here'));
  const asked: unknown[] = [];
  for (const protocol of ['tcp', 'http']) {
    await using proxy = await forwarding(
      {
        target: async (context: { readonly path: string | null; readonly clientIp: string }) => {
          asked.push([context.path, context.clientIp]);
          await Promise.resolve();
          return { host, port: origin.port };
        },
      },
      { match: { ports: 0, protocol } },
    );
    expect((await ask(proxy.port, get('/a?b'))).body).toBe('here');
  }
  expect(asked).toEqual([
    [null, host],
    ['/a', host],
  ]);
  const failing = [
    () => {
      throw new Error('boom');
    },
    () => Promise.reject(new Error('boom')),
    () => ({ host: 'a b', port: 80 }),
  ];
  for (const target of failing) {
    await using proxy = await forwarding({ target });
    expect(await closedReason(proxy)).toMatch(/^handler.failed/);
    await using http = await forwarding({ target }, { match: { ports: 0, protocol: 'http' } });
    expect((await ask(http.port, get('/'))).status).toBeGreaterThanOrEqual(500);
  }
});

test('R11: a function that never answers is given up by a deadline of the dial, and its late answer is not heard', async () => {
  const late: ((target: unknown) => void)[] = [];
  const target = () => new Promise((resolve) => late.push(resolve));
  const timeouts = { dial: '50ms', dialBudget: '50ms' };
  await using origin = await Origin.start();
  await using proxy = await forwarding({ target }, { timeouts });
  expect(await closedReason(proxy)).toMatch(/^timeout\.dial/);
  await using http = await forwarding({ target }, { timeouts, match: { ports: 0, protocol: 'http' } });
  expect((await ask(http.port, get('/'))).status).toBe(504);
  for (const answer of late) answer({ host, port: origin.port });
  await Promise.resolve();
  expect([late.length, origin.peers.length]).toEqual([2, 0]);
});

test('R11: port preserve is the port that the client came to', async () => {
  await using origin = await Origin.start((peer) => peer.send('seen').end(), {});
  await using proxy = await ProxyUnderTest.start({
    routes: [
      {
        name: 'same',
        match: { ports: 0 },
        action: { type: 'forward', target: { host: '127.0.0.2', port: 'preserve' } },
      },
    ],
    listeners: { 0: { host } },
  });
  // Nothing listens at that address but this.
  const same = await Origin.start((peer) => peer.send('same').end());
  await same[Symbol.asyncDispose]();
  const other = createServer().listen(proxy.port, '127.0.0.2');
  onTestFinished(() => void other.close());
  await once(other, 'listening');
  other.on('connection', (socket) => socket.end('same'));
  expect(await pong(proxy)).toContain('same');
  expect(origin.peers).toEqual([]);
});

test('a dialer of the embedding program’s is asked with the endpoint, and may bring a stream', async () => {
  await using origin = await Origin.echo();
  const asked: unknown[] = [];
  const dialer = (order: { readonly host: string; readonly port: number }) => {
    asked.push([order.host, order.port]);
    return connect({ host, port: origin.port, allowHalfOpen: true });
  };
  await using proxy = await forwarding({ target: { host: 'nowhere.test', port: 7 }, dialer });
  expect([await pong(proxy), asked]).toEqual(['ping', [['nowhere.test', 7]]]);
  await using broken = await forwarding({
    target: { host, port: 7 },
    dialer: () => {
      throw new Error('boom');
    },
  });
  expect(await closedReason(broken)).toMatch(/^handler.failed Error boom/);
  await using hole = await blackHole();
  await using hanging = await forwarding(
    { target: hole, dialer: () => new Promise(() => undefined) },
    { timeouts: { dial: '50ms', dialBudget: '50ms' } },
  );
  expect(await closedReason(hanging)).toMatch(/^timeout\.dial/);
});
