/**
 * One port, many protocols, and nobody waits for anybody: sniffing on the wire.
 */
import { createServer as createHttpServer } from 'node:http';
import { describe, expect, test } from 'vitest';
import { clientHello } from '../support/tls-hello.ts';
import { dialPeer, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const get = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** Origins by name, each answering with its name first and then echoing. */
async function namedOrigins(...names: string[]): Promise<AsyncDisposable & { port(name: string): number }> {
  const origins = await Promise.all(
    names.map((name) => Origin.start((peer) => void peer.send(`${name}:`).socket.pipe(peer.socket))),
  );
  return {
    port: (name) => origins[names.indexOf(name)]?.port ?? 0,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(origins.map((origin) => origin[Symbol.asyncDispose]()));
    },
  };
}

async function answerTo(world: ProxyUnderTest, said: string | Uint8Array, expected: string): Promise<Peer> {
  const client = await dialPeer(world.port);
  client.send(said);
  await client.atLeast(expected.length + said.length);
  expect(client.text.startsWith(expected)).toBe(true);
  expect(client.bytes.subarray(expected.length).equals(Buffer.from(said))).toBe(true);
  return client;
}

describe.each(['compiled', 'xstate'] as const)('sniffing under the %s interpreter', (interpreter) => {
  test('L01, L02, TestAcceptMuxNotBlockedByIdleConnection: an idle client does not delay a request on the same port', async () => {
    const http = createHttpServer((_request, response) => response.end('served'));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', () => resolve()));
    const address = http.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'web',
          match: { ports: 0, protocol: 'http' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: address.port } },
        },
      ],
    });
    const idle = await Promise.all(Array.from({ length: 20 }, () => dialPeer(world.port)));
    const answer = await fetch(`http://127.0.0.1:${world.port}/`, { headers: { connection: 'close' } });
    expect(await answer.text()).toBe('served');
    expect(world.proxy.connections({ state: 'SNIFFING' })).toHaveLength(20);
    for (const peer of idle) peer.reset();
    await new Promise((resolve) => http.close(resolve));
  });

  test('M01, M02, M08, L33: TLS, HTTP by its host alone, RESP, SSH, SOCKS and PostgreSQL share one port, and every sniffed byte arrives once', async () => {
    const protocols = ['tls', 'redis', 'ssh', 'socks', 'postgres'] as const;
    await using origins = await namedOrigins(...protocols, 'http', 'rest');
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        ...protocols.map((protocol) => ({
          name: protocol,
          match: { ports: 0, protocol },
          action: { type: 'forward' as const, target: { host: '127.0.0.1', port: origins.port(protocol) } },
        })),
        {
          name: 'http',
          match: { ports: 0, domains: 'a.example', protocol: 'tcp' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origins.port('http') } },
        },
        {
          name: 'rest',
          match: { ports: 0 },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origins.port('rest') } },
        },
      ],
    });
    const says: Readonly<Record<string, Uint8Array>> = {
      tls: clientHello({ serverName: 'b.example' }),
      http: Buffer.from(get('a.example')),
      redis: Buffer.from('*1\r\n$4\r\nPING\r\n'),
      ssh: Buffer.from('SSH-2.0-OpenSSH_9.9\r\n'),
      socks: Buffer.from([5, 1, 0]),
      postgres: Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]),
      rest: Buffer.from([0xff, 0xfe, 0xfd, 0xfc, 0, 1, 2, 3]),
    };
    for (const [name, bytes] of Object.entries(says)) (await answerTo(world, bytes, `${name}:`)).reset();
    await world.closed(7);
    expect(world.records.map(({ route }) => route)).toEqual(Object.keys(says));
  });

  test('M05: TLS is routed by SNI without being opened, also when the hello comes byte by byte', async () => {
    await using origins = await namedOrigins('a', 'b');
    const route = (name: string, domains: string[]) => ({
      name,
      match: { ports: 0, domains },
      tls: { mode: 'passthrough' as const },
      action: { type: 'forward' as const, target: { host: '127.0.0.1', port: origins.port(name) } },
    });
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [route('a', ['a.example']), route('b', ['*.b.example'])],
    });
    await answerTo(world, clientHello({ serverName: 'A.Example' }), 'a:');
    const slow = await dialPeer(world.port);
    const hello = clientHello({ serverName: 'x.b.example' });
    for (const byte of hello) {
      slow.send(new Uint8Array([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await slow.atLeast(2 + hello.length);
    expect(slow.text.startsWith('b:')).toBe(true);
    expect(slow.bytes.subarray(2).equals(Buffer.from(hello))).toBe(true);
  });

  test('M06, M08: a port whose route needs no byte is dialled before the client has said anything', async () => {
    await using origin = await Origin.start((peer) => void peer.send('220 mail.example ESMTP\r\n'));
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    await client.atLeast(24);
    expect(client.text).toBe('220 mail.example ESMTP\r\n');
  });

  test('M10: where clients wait for a banner, silence leads to the route whose upstream speaks first', async () => {
    await using mail = await Origin.start((peer) => void peer.send('220 ready\r\n'));
    await using origins = await namedOrigins('http');
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'http',
          match: { ports: 0, domains: 'a.example', protocol: 'tcp' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origins.port('http') } },
        },
        {
          name: 'mail',
          match: { ports: 0, protocol: 'ssh' },
          timeouts: { serverFirst: 50 },
          action: { type: 'forward', target: { host: '127.0.0.1', port: mail.port } },
        },
      ],
    });
    const silent = await dialPeer(world.port);
    await silent.atLeast(11);
    expect(silent.text).toBe('220 ready\r\n');
    await answerTo(world, get('a.example'), 'http:');
  });

  test('M04: a client that speaks a detector that is switched off is refused by protocol', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.start({
      interpreter,
      detectors: { redis: false },
      routes: [
        {
          name: 'http',
          match: { ports: 0, protocol: 'http' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
        },
        {
          name: 'rest',
          match: { ports: 0 },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
        },
      ],
    });
    const client = await dialPeer(world.port);
    client.send('*1\r\n$4\r\nPING\r\n');
    await client.ended;
    expect(client.text).toMatch(/^-ERR /);
    client.end();
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'refused.protocol', protocol: 'redis', state: 'SNIFFING' });
    expect(origin.peers).toHaveLength(0);
  });

  test('M10: a silent client for whom no such route is waits on, and is served when it speaks', async () => {
    await using origin = await Origin.echo();
    const action = { type: 'forward' as const, target: { host: '127.0.0.1', port: origin.port } };
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'office',
          match: { ports: 0, clientIp: ['10.0.0.0/8'], protocol: 'ssh' },
          timeouts: { serverFirst: 100 },
          action,
        },
        { name: 'web', match: { ports: 0, domains: 'a.example', protocol: 'tcp' }, action },
      ],
    });
    const moved = new Promise<string>((resolve) => {
      world.proxy.on('connection.moved', ({ to, on }) => {
        const isBefore = on === 'admission.granted' || on === 'client.identified';
        if (!isBefore && to !== 'SNIFFING.SERVER_FIRST') resolve(to);
      });
    });
    const client = await dialPeer(world.port);
    expect(await moved).toBe('SNIFFING.PREFACE');
    client.send(get('a.example'));
    await client.atLeast(get('a.example').length);
    expect(client.text).toBe(get('a.example'));
    expect(world.proxy.connections().map(({ route }) => route)).toEqual(['web']);
  });

  test('T02, H06: the sniff deadline is gone once a route is chosen, however long the client then stays silent', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.start({
      interpreter,
      timeouts: { sniff: 60 },
      routes: [
        {
          name: 'redis',
          match: { ports: 0, protocol: 'redis' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
        },
      ],
    });
    const redis = await dialPeer(world.port);
    redis.send('*1\r\n$4\r\nPING\r\n');
    await redis.atLeast(14);
    const silent = await dialPeer(world.port);
    await silent.closed;
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'timeout.sniff', limitMs: 60, state: 'SNIFFING' });
    redis.send('again');
    await redis.atLeast(19);
    expect(world.proxy.connections({ state: 'ESTABLISHED' })).toHaveLength(1);
  });

  test('L03, L31, T01: a client that trickles a hello, or starts one and stops, is ended by the one absolute sniff deadline', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.start({
      interpreter,
      timeouts: { sniff: 120 },
      routes: [
        {
          name: 'tls',
          match: { ports: 0, protocol: 'tls' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
        },
      ],
    });
    const hello = clientHello({ serverName: 'a.example' });
    const stopped = await dialPeer(world.port);
    stopped.send(hello.subarray(0, 20));
    const trickling = await dialPeer(world.port);
    let position = 0;
    while (!trickling.socket.destroyed && position < hello.length - 1) {
      trickling.send(hello.subarray(position, position + 1));
      position += 1;
      const before = world.records.length;
      for (let turn = 0; turn < 2000 && world.records.length === before; turn += 1)
        await new Promise((resolve) => setImmediate(resolve));
    }
    await world.closed(2);
    expect(world.records.map(({ reason }) => reason)).toEqual(['timeout.sniff', 'timeout.sniff']);
    expect(origin.peers).toHaveLength(0);
    for (const peer of [stopped, trickling]) peer.socket.destroy();
  });

  test('L04, R08: no route for what the client asked for closes it at once, answered in its own protocol', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'a',
          match: { ports: 0, domains: 'a.example' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
        },
      ],
    });
    const http = await dialPeer(world.port);
    http.send(get('b.example').replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
    await http.ended;
    expect(http.text).toMatch(/^HTTP\/1\.1 404 /);
    expect(http.text).toMatch(/proxy-status: sallyport/i);
    const tls = await dialPeer(world.port);
    tls.send(clientHello({ serverName: 'b.example' }));
    await tls.ended;
    expect([...tls.bytes]).toEqual([0x15, 3, 3, 0, 2, 2, 112]);
    const raw = await dialPeer(world.port);
    raw.send(Buffer.from([0xff, 0, 0xff, 0]));
    expect(await raw.closed).toBe('reset');
    http.end();
    tls.end();
    await world.closed(3);
    expect(origin.peers).toHaveLength(0);
    expect(world.records.map(({ reason }) => reason).toSorted()).toEqual([
      'completed',
      'refused.protocol',
      'refused.route',
    ]);
    expect(world.proxy.counters().exchanges.closedByReason).toEqual({ 'refused.route': 1 });
  });

  test('malformed input: a lying ClientHello is answered with an alert and recorded as malformed', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'tls',
          match: { ports: 0, protocol: 'tls' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
        },
      ],
    });
    const hello = Buffer.from(clientHello({ serverName: 'a.example' }));
    hello[43] = 200;
    const client = await dialPeer(world.port);
    client.send(hello);
    await client.ended;
    expect([...client.bytes]).toEqual([0x15, 3, 3, 0, 2, 2, 50]);
    client.end();
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'downstream.malformed', by: 'downstream', protocol: 'tls' });
  });

  test('custom detectors: one that throws closes its connection as handler.failed, is counted, and the proxy lives on', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.start({
      interpreter,
      detectors: {
        mine: (prefix: Uint8Array) => {
          if (prefix[0] === 0x21) throw new Error('the detector is broken');
          return prefix[0] === 0x40
            ? { verdict: 'match', preface: { serverName: null, alpn: [] } }
            : { verdict: 'noMatch' };
        },
      },
      routes: [
        {
          name: 'mine',
          match: { ports: 0, protocol: 'mine' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
        },
      ],
    });
    const bad = await dialPeer(world.port);
    bad.send('!');
    expect(await bad.closed).toBe('reset');
    const good = await dialPeer(world.port);
    good.send('@hello');
    await good.atLeast(6);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'handler.failed', cause: 'the detector is broken' });
    expect(world.proxy.counters().handlerFailures).toBe(1);
  });
});
