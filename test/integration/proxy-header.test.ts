/**
 * Behind somebody who says by a PROXY header who the client is: everything that uses the client's address uses that one.
 *
 * HAProxy is in front where it can be; where it cannot say what is asked for, the test writes the header itself.
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect as connectTcp } from 'node:net';
import { duplexPair } from 'node:stream';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { expect, test } from 'vitest';
import { writeProxyBinary, writeProxyText, type ProxyFacts } from '../../src/protocols/proxy-protocol/writer.ts';
import type { HandlerContext, SallyportConfig } from '../../src/index.ts';
import { freePort, haproxy } from '../support/haproxy.ts';
import { get, NodeOrigin, readReply, type Reply } from '../support/http-world.ts';
import { peerTest } from '../support/peers.ts';
import { authority } from '../support/tls-world.ts';
import { dialPeer, knock, Origin, Peer, ProxyUnderTest } from '../support/world.ts';

const demo = new URL('../../examples/demo/', import.meta.url);
const destination = { host: '198.51.100.1', port: 8443 };
const loopback = '127.0.0.1';

const v1 = (host: string, port = 51_000) => writeProxyText({ source: { host, port }, destination });
const v2 = (host: string, facts: ProxyFacts = {}, port = 51_000) =>
  writeProxyBinary({ source: { host, port }, destination }, facts);

/** A listener on a free port that wants a header from this machine. */
function behind(routes: SallyportConfig['routes'], more: Partial<SallyportConfig> = {}): Promise<ProxyUnderTest> {
  return ProxyUnderTest.start({
    listeners: { 0: { acceptProxyProtocol: { from: [loopback] } } },
    timeouts: { poolIdle: '50ms' },
    routes,
    ...more,
  });
}

const to = (port: number) => ({ type: 'forward', target: { host: loopback, port } }) as const;

/** What a request behind a header is answered. */
async function asks(port: number, header: Uint8Array, request: string): Promise<Reply> {
  const client = await dialPeer(port);
  client.send(Buffer.concat([header, Buffer.from(request)]));
  const reply = await readReply(client);
  client.socket.destroy();
  return reply;
}

/** TLS with whoever answers. */
async function dialBlindly(port: number): Promise<Peer> {
  const socket = connectTls({ host: loopback, port, rejectUnauthorized: false, servername: 'a.example' });
  const peer = new Peer(socket);
  await once(socket, 'secureConnect');
  return peer;
}

peerTest('haproxy', 'P02, P08: what HAProxy says is believed, told and explained, in both versions', async () => {
  await using origin = await Origin.echo();
  await using world = await behind([{ name: 'echo', match: { ports: 0 }, action: to(origin.port) }]);
  const [first, second, secured] = await Promise.all([freePort(), freePort(), freePort()]);
  const pem = await Promise.all(
    ['demo-only-certificate.pem', 'demo-only-key.pem'].map((name) => readFile(new URL(name, demo), 'utf8')),
  );
  await haproxy(
    `listen one
  mode tcp
  bind ${loopback}:${first}
  server inner ${loopback}:${world.port} send-proxy
listen two
  mode tcp
  unique-id-format id-%cp
  bind ${loopback}:${second}
  server inner ${loopback}:${world.port} send-proxy-v2 proxy-v2-options unique-id,authority,crc32c
listen three
  mode tcp
  unique-id-format id-%cp
  bind ${loopback}:${secured} ssl crt FOLDER/demo.pem
  server inner ${loopback}:${world.port} send-proxy-v2-ssl proxy-v2-options unique-id,authority,crc32c,ssl
`,
    [first, second, secured],
    pem.join(''),
  );
  const { proxy } = world;
  for (const [port, proxyHeader] of [
    [first, 'v1'],
    [second, 'v2'],
    [secured, 'v2'],
  ] as const) {
    const client = port === secured ? await dialBlindly(port) : await dialPeer(port);
    const own = client.socket.localPort ?? 0;
    client.send('ping');
    expect((await client.atLeast(4)).toString()).toBe('ping');
    const uniqueId = proxyHeader === 'v1' ? null : Buffer.from(`id-${own}`).toString('hex');
    const live = proxy.connections().find((one) => one.client.port === own);
    expect(live).toMatchObject({ client: { host: loopback }, peer: { host: loopback }, proxyHeader, uniqueId });
    const connectionId = live?.connectionId ?? '';
    const ids = uniqueId === null ? [connectionId] : [connectionId, uniqueId, `id-${own}`];
    for (const id of ids) expect(proxy.explain(id)).toMatchObject({ isLive: true, connectionId });
    client.end();
    await client.closed;
    const isThat = (one: { readonly connectionId: string }): boolean => one.connectionId === connectionId;
    await world.until(() => world.records.some(isThat));
    const record = world.records.find(isThat);
    const peer = `${loopback}:${live?.peer?.port}`;
    expect(record).toMatchObject({ reason: 'completed', client: `${loopback}:${own}`, peer, proxyHeader, uniqueId });
    for (const id of ids) expect(proxy.explain(id)).toMatchObject({ isLive: false, record });
    const said = proxy.explain(connectionId)?.sentence;
    expect(said).toContain(`by the word of ${peer}, by a PROXY ${proxyHeader} header`);
    if (uniqueId !== null) expect(said).toContain(uniqueId);
  }
  expect(Buffer.concat(origin.peers.map(({ bytes }) => bytes)).toString('latin1')).not.toContain('PROXY');
});

peerTest('haproxy', 'P02: a check of HAProxy speaks for itself, is let in, and finds the proxy up', async () => {
  await using origin = await Origin.echo();
  await using world = await behind([{ name: 'echo', match: { ports: 0 }, action: to(origin.port) }]);
  const port = await freePort();
  await haproxy(
    `listen checked
  mode tcp
  bind ${loopback}:${port}
  option tcp-check
  tcp-check connect default
  tcp-check send ask
  tcp-check expect string ask
  server inner ${loopback}:${world.port} check inter 50 check-send-proxy send-proxy-v2
`,
    [port],
  );
  await world.until(() => world.records.some(({ proxyHeader, peer }) => proxyHeader === 'v2' && peer === null));
  const check = world.records.find(({ proxyHeader, peer }) => proxyHeader === 'v2' && peer === null);
  expect(check).toMatchObject({ bytesOut: 3, uniqueId: null });
  expect(check?.client).toContain(loopback);
  const client = await dialPeer(port);
  client.send('ping');
  expect((await client.atLeast(4)).toString()).toBe('ping');
  client.socket.destroy();
});

test('U12: the unique id of a PROXY header names the same connection at both proxies of a chain, live and closed', async () => {
  await using origin = await Origin.echo();
  await using inner = await behind([{ name: 'inner', match: { ports: 0 }, action: to(origin.port) }]);
  await using outer = await ProxyUnderTest.start({
    routes: [{ name: 'outer', match: { ports: 0 }, action: { ...to(inner.port), sendProxyProtocol: 'v2' } }],
  });
  const client = await dialPeer(outer.port);
  client.send('ping');
  await client.atLeast(4);
  const id = outer.proxy.connections()[0]?.connectionId ?? '';
  const uniqueId = Buffer.from(id).toString('hex');
  const innerId = inner.proxy.connections()[0]?.connectionId ?? '';
  expect(inner.proxy.connections()).toMatchObject([{ uniqueId, client: { port: client.socket.localPort } }]);
  for (const isLive of [true, false]) {
    for (const name of [id, uniqueId, uniqueId.toUpperCase()]) {
      expect(inner.proxy.explain(name)).toMatchObject({ isLive, connectionId: innerId });
      expect(outer.proxy.explain(name)).toMatchObject({ isLive, connectionId: id });
    }
    client.end();
    await Promise.all([inner.closed(1), outer.closed(1)]);
  }
  for (const stranger of ['', 'ff', `${uniqueId}00`, 'nobody']) expect(inner.proxy.explain(stranger)).toBeNull();
});

test('P02: a TLS hello in the same segment as its header is the first byte of the handshake, and names the host', async () => {
  const certificate = await (await authority()).issue(['a.example']);
  const seen: HandlerContext[] = [];
  await using world = await behind([
    {
      name: 'inside',
      match: { ports: 0, domains: 'a.example' },
      tls: { mode: 'terminate', certificate },
      action: {
        type: 'handler',
        socketHandler: (socket, context) => {
          seen.push(context);
          socket.pipe(socket);
        },
      },
    },
  ]);
  const facts = { uniqueId: Buffer.from('k3f9-12'), authority: 'other.example', alpn: 'h2' };
  for (const header of [v1('203.0.113.7'), v2('2001:db8::7', facts)]) {
    const socket = await dialTlsBehind(world.port, header);
    socket.write('ping');
    const answer: unknown[] = await once(socket, 'data');
    expect(String(answer[0])).toBe('ping');
    socket.destroy();
  }
  await world.closed(2);
  expect(seen.map(({ client, serverName, tls }) => [client.host, serverName, tls?.serverName])).toEqual([
    ['203.0.113.7', 'a.example', 'a.example'],
    ['2001:db8::7', 'a.example', 'a.example'],
  ]);
  const peer: unknown = expect.objectContaining({ host: loopback });
  expect(seen.map(({ proxied }) => proxied)).toEqual([
    { version: 1, peer, alpn: null, authority: null, uniqueId: null, tls: null },
    {
      version: 2,
      peer,
      alpn: 'h2',
      authority: 'other.example',
      uniqueId: facts.uniqueId.toString('hex'),
      tls: null,
    },
  ]);
});

/** A handshake whose first flight goes out in one write with the header. */
async function dialTlsBehind(port: number, header: Uint8Array): Promise<TLSSocket> {
  const [inner, outer] = duplexPair();
  const transport = connectTcp({ host: loopback, port });
  transport.on('error', () => undefined);
  outer.once('data', (hello: Buffer) => {
    transport.write(Buffer.concat([header, hello]));
    outer.pipe(transport);
  });
  transport.pipe(outer);
  const { cert: ca } = await authority();
  const socket = connectTls({ socket: inner, ca, servername: 'a.example' });
  socket.on('close', () => transport.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

test('P07, X01: requests are judged, matched and forwarded by the address in the header', async () => {
  await using origin = await NodeOrigin.start((request, response) => {
    const { 'x-forwarded-for': by, 'x-forwarded-port': port, forwarded = '' } = request.headers;
    response.end(JSON.stringify([by, port, forwarded]));
  });
  const proxied: unknown[] = [];
  await using world = await behind(
    [
      {
        name: 'all',
        match: { ports: 0, protocol: 'http' },
        action: to(origin.port),
        security: { ipBlockList: ['203.0.113.66'] },
      },
      { name: 'own', match: { ports: 0, clientIp: ['203.0.113.8'], path: '/*' }, priority: 9, action: to(origin.port) },
      {
        name: 'told',
        match: { ports: 0, path: '/told' },
        priority: 20,
        action: {
          type: 'handler',
          httpHandler: (request, response, context) => {
            proxied.push(context.proxied);
            response.end(`${context.client.host} ${request.socket.remoteAddress}`);
          },
        },
      },
    ],
    { trustedProxies: ['203.0.113.9'] },
  );
  const said = async (host: string, more = ''): Promise<unknown> => {
    const { status, body } = await asks(world.port, v2(host), get('/', more));
    return status === 200 ? JSON.parse(body) : status;
  };
  expect(await said('203.0.113.7')).toEqual(['203.0.113.7', '8443', expect.stringContaining('for=203.0.113.7')]);
  expect(await said('203.0.113.66')).toBe(403);
  // The client's word about itself counts only where the address in the header is a trusted proxy's.
  const spoof = 'X-Forwarded-For: 192.0.2.1\r\n';
  expect(await said('203.0.113.7', spoof)).toMatchObject({ 0: '203.0.113.7' });
  expect(await said('203.0.113.9', spoof)).toMatchObject({ 0: '192.0.2.1, 203.0.113.9' });
  expect(await said('203.0.113.8')).toMatchObject({ 0: '203.0.113.8' });
  const told = await asks(world.port, v2('203.0.113.7', { authority: 'b.example' }), get('/told'));
  expect(told.body).toBe('203.0.113.7 203.0.113.7');
  expect(proxied).toMatchObject([{ version: 2, authority: 'b.example', peer: { host: loopback } }]);
  await world.closed(6);
  expect(world.records.map(({ client, route }) => `${client} ${route}`)).toEqual([
    '203.0.113.7:51000 all',
    '203.0.113.66:51000 all',
    '203.0.113.7:51000 all',
    '203.0.113.9:51000 all',
    '203.0.113.8:51000 own',
    '203.0.113.7:51000 told',
  ]);
});

test('P02: the log line names the peer, the header and the unique id behind everything else', async () => {
  const lines: Readonly<Record<string, unknown>>[] = [];
  await using origin = await Origin.echo();
  const logger = { log: (_level: string, fields: Readonly<Record<string, unknown>>): void => void lines.push(fields) };
  await using world = await ProxyUnderTest.start(
    {
      listeners: { 0: { acceptProxyProtocol: true } },
      routes: [{ name: 'echo', match: { ports: 0 }, action: to(origin.port) }],
    },
    { logger },
  );
  const client = await dialPeer(world.port);
  client.send(v2('203.0.113.7', { uniqueId: Uint8Array.of(0, 255) })).send('ping');
  await client.atLeast(4);
  client.end();
  await world.closed(1);
  const line = lines.find(({ event }) => event === 'connection.closed');
  expect(Object.keys(line ?? {}).slice(-4)).toEqual(['peer', 'proxyHeader', 'uniqueId', 'attempts']);
  expect(line).toMatchObject({
    client: '203.0.113.7:51000',
    peer: `${loopback}:${client.socket.localPort}`,
    proxyHeader: 'v2',
    uniqueId: '00ff',
  });
});

test.each(['compiled', 'xstate'] as const)(
  'P03, X07: what is no header, or a broken one, is let go of by a reset, and says why (%s)',
  async (interpreter) => {
    await using origin = await Origin.echo();
    await using world = await behind([{ name: 'echo', match: { ports: 0 }, action: to(origin.port) }], { interpreter });
    const broken = ['GET / HTTP/1.1\r\n\r\n', 'PROXY TCP4 203.0.113.256 1.1.1.1 1 2\r\n', 'PROXY UDP4 '];
    for (const bytes of broken) {
      const client = knock(world.port);
      client.send(bytes);
      expect(await client.closed).toBe('reset');
    }
    await world.closed(3);
    expect(world.records.map(({ reason, peer, upstream }) => [reason, peer, upstream])).toEqual([
      ['refused.protocol', null, null],
      ['downstream.malformed', null, null],
      ['downstream.malformed', null, null],
    ]);
    expect(world.records.every(({ cause }) => cause?.includes('PROXY') === true)).toBe(true);
    expect(origin.peers).toHaveLength(0);
    expect(world.proxy.counters()).toMatchObject({ live: 0, invariantViolations: 0 });
  },
);

test('X07: a header of somebody who may not send one is never believed: refused, or payload', async () => {
  await using origin = await Origin.echo();
  const start = (required: boolean): Promise<ProxyUnderTest> =>
    ProxyUnderTest.start({
      listeners: { 0: { acceptProxyProtocol: { from: ['192.0.2.0/24'], required } } },
      routes: [{ name: 'echo', match: { ports: 0 }, action: to(origin.port) }],
    });
  await using strict = await start(true);
  const refused = knock(strict.port);
  expect(await refused.closed).toBe('reset');
  expect(await strict.closed(1)).toMatchObject([{ reason: 'refused.address', peer: null, proxyHeader: null }]);
  await using lenient = await start(false);
  const header = v1('203.0.113.7');
  const client = await dialPeer(lenient.port);
  client.send(header);
  expect(await client.atLeast(header.length)).toEqual(Buffer.from(header));
  expect(lenient.proxy.connections()).toMatchObject([{ client: { host: loopback }, peer: null, proxyHeader: null }]);
  client.socket.destroy();
});

test('P02: a client that spoke TLS with whoever is in front asked by https', async () => {
  await using world = await behind([
    {
      name: 'to-https',
      match: { ports: 0, path: '/*' },
      action: { type: 'redirect', to: '{scheme}://elsewhere.example{path}' },
    },
  ]);
  const tls = {
    isSecured: true,
    hasCertificate: false,
    hadCertificate: false,
    verifyResult: 0,
    version: 'TLSv1.3',
    commonName: null,
    cipher: null,
    signatureAlgorithm: null,
    keyAlgorithm: null,
    others: [],
  };
  const request = 'GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  const secured = await asks(world.port, v2('203.0.113.9', { tls }), request);
  const plain = await asks(world.port, v2('203.0.113.9'), request);
  expect([secured.fields['location'], plain.fields['location']]).toEqual([
    'https://elsewhere.example/x',
    'http://elsewhere.example/x',
  ]);
});
