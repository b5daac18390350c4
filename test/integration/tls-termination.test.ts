/**
 * TLS that ends here: who is let in under which name, and what is inside of it.
 */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { describe, expect, test } from 'vitest';
import type { RouteConfig } from '../../src/index.ts';
import { testAuthority } from '../support/certificates.ts';
import { get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { captureNodeHello } from '../support/tls-hello-capture.ts';
import { authority, certificate, dialTls, handshakeFailure, terminating, TlsOrigin } from '../support/tls-world.ts';
import { dialPeer, Origin, ProxyUnderTest } from '../support/world.ts';

function start(routes: readonly RouteConfig[], more: object = {}): Promise<ProxyUnderTest> {
  return ProxyUnderTest.start({ routes, timeouts: { poolIdle: '50ms' }, ...more });
}

describe.each(['compiled', 'xstate'] as const)('terminated TLS under the %s interpreter', (interpreter) => {
  test('S01, H01: HTTP inside of TLS is served request by request, and its upstream is told that it was https', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('inside'));
    await using world = await start([await terminating(origin.port)], { interpreter });
    const client = await dialTls(world.port);
    client.send(get('/a') + get('/b'));
    const first = await readReply(client);
    const second = await readReply(client, first.bytes);
    expect([first.status, first.body, second.body]).toEqual([200, 'inside', 'inside']);
    expect(origin.seen[0]?.head).toMatch(/x-forwarded-proto: https/i);
    expect(origin.seen[0]?.head).toMatch(/proto=https/i);
    client.end();
    expect(await client.closed).toBe('clean');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'completed', by: 'downstream', protocol: 'http', interpreter });
    expect(record?.timeline.map(({ state }) => state)).toEqual(
      expect.arrayContaining(['ACCEPTED', 'SNIFFING', 'ESTABLISHED', 'HALF_CLOSED']),
    );
  });

  test('L06, S01: close_notify is FIN: one direction ends, the other goes on, and no byte is lost', async () => {
    await using origin = await Origin.start((peer) => {
      void peer.ended.then(() => peer.send(`got ${peer.text.length}`).end());
    });
    const route = await terminating(origin.port, { match: { protocol: 'tcp' } });
    await using world = await start([route], { interpreter });
    const client = await dialTls(world.port);
    client.send(Buffer.alloc(300_000, 'x')).end();
    await client.ended;
    expect(client.text).toBe('got 300000');
    expect(await world.closed(1)).toMatchObject([
      { reason: 'completed', by: 'downstream', bytesIn: 300_000, bytesOut: 10 },
    ]);
  });

  test('M03, M10: inside of TLS a protocol is told by its bytes, and a server may speak first', async () => {
    await using redis = await Origin.start((peer) => void peer.atLeast(14).then(() => peer.send('+PONG\r\n')));
    await using mail = await Origin.start((peer) => peer.send('220 mail.example ready\r\n'));
    await using web = await ScriptedOrigin.start(() => ok('web'));
    await using world = await start(
      [
        await terminating(redis.port, { name: 'redis', match: { protocol: 'redis' } }),
        await terminating(web.port, { name: 'web', match: { protocol: 'http' } }),
        await terminating(mail.port, {
          name: 'mail',
          domains: ['mail.example'],
          match: { protocol: 'tcp' },
        }),
      ],
      { interpreter },
    );
    const commands = await dialTls(world.port);
    commands.send('*1\r\n$4\r\nPING\r\n');
    expect((await commands.atLeast(7)).toString()).toBe('+PONG\r\n');
    const pages = await dialTls(world.port);
    pages.send(get('/'));
    expect((await readReply(pages)).body).toBe('web');
    const letters = await dialTls(world.port, { servername: 'mail.example' });
    expect((await letters.atLeast(24)).toString()).toContain('220 mail.example');
    expect(world.proxy.connections().map(({ route, protocol }) => [route, protocol])).toEqual([
      ['redis', 'redis'],
      ['web', 'http'],
      ['mail', null],
    ]);
  });

  test('S01, L33: passthrough, termination and clear text share one port', async () => {
    const own = await certificate('own.example');
    await using hidden = await TlsOrigin.start(own, (socket) => void socket.end('from behind'));
    await using web = await ScriptedOrigin.start(() => ok('web'));
    await using world = await start(
      [
        await terminating(web.port),
        {
          name: 'through',
          match: { ports: 0, domains: ['own.example'] },
          action: { type: 'forward', target: { host: '127.0.0.1', port: hidden.port } },
          tls: { mode: 'passthrough' },
        },
        {
          name: 'plain',
          match: { ports: 0, protocol: 'http' },
          action: { type: 'respond', status: 200, body: 'plain' },
        },
      ],
      { interpreter },
    );
    const inside = await dialTls(world.port);
    inside.send(get('/'));
    expect((await readReply(inside)).body).toBe('web');
    const through = await dialTls(world.port, { servername: 'own.example' });
    expect((await through.atLeast(11)).toString()).toBe('from behind');
    const plain = await dialPeer(world.port);
    plain.send(get('/'));
    expect((await readReply(plain)).body).toBe('plain');
    for (const peer of [inside, through, plain]) peer.socket.destroy();
    await world.closed(3);
  });

  test('M03: HTTP/2 is agreed on by ALPN where the client offers it', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('two'));
    await using world = await start([await terminating(origin.port)], { interpreter });
    const { cert: ca } = await authority();
    const session = connectHttp2(`https://127.0.0.1:${world.port}`, { ca, servername: 'a.example' });
    const stream = session.request({ ':path': '/two', ':authority': 'a.example' });
    let body = '';
    stream.setEncoding('utf8').on('data', (text: string) => (body += text));
    await once(stream, 'end');
    expect(body).toBe('two');
    expect(session.alpnProtocol).toBe('h2');
    session.close();
    await once(session, 'close');
    await world.closed(1);
  });

  test('L31, T01: a handshake that never completes is ended by the sniff deadline, and says so', async () => {
    await using origin = await Origin.echo();
    await using world = await start([await terminating(origin.port)], {
      interpreter,
      timeouts: { sniff: '50ms', poolIdle: '50ms' },
    });
    const hello = await captureNodeHello({ servername: 'a.example' });
    const client = await dialPeer(world.port);
    client.send(hello);
    await client.atLeast(1);
    await client.closed;
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      reason: 'timeout.sniff',
      state: 'SNIFFING',
      deadline: 'sniff',
      limitMs: 50,
      upstream: null,
    });
    expect(world.proxy.counters().live).toBe(0);
  });
});

describe('names', () => {
  test('S06: an exact name, then a wildcard; a name that nobody has is answered unrecognized_name', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('fine'));
    await using world = await start([
      await terminating(origin.port, { name: 'wild', domains: ['*.b.example'] }),
      await terminating(origin.port, { name: 'exact', domains: ['x.b.example'] }),
    ]);
    const namesOf = async (servername: string): Promise<string> => {
      const client = await dialTls(world.port, { servername });
      const { subjectaltname = '' } = client.socket.getPeerCertificate();
      client.socket.destroy();
      return subjectaltname;
    };
    expect(await namesOf('x.b.example')).toBe('DNS:x.b.example');
    expect(await namesOf('y.b.example')).toBe('DNS:*.b.example');
    expect(await handshakeFailure(world.port, { servername: 'z.example' })).toMatch(/UNRECOGNIZED_NAME/);
    expect(await handshakeFailure(world.port, { servername: 'x.y.b.example' })).toMatch(/UNRECOGNIZED_NAME/);
    await world.closed(4);
    expect(world.records.filter(({ reason }) => reason === 'refused.route')).toHaveLength(2);
  });

  test('a Host that the certificate of the connection does not cover is answered 421, and one that it covers is served', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('fine'));
    const both = await certificate('a.example', 'b.example');
    await using world = await start([
      await terminating(origin.port, { name: 'a', tls: { mode: 'terminate', certificate: both } }),
      await terminating(origin.port, {
        name: 'b',
        domains: ['b.example'],
        tls: { mode: 'terminate', certificate: both },
      }),
      await terminating(origin.port, { name: 'c', domains: ['c.example'] }),
    ]);
    const client = await dialTls(world.port);
    const askFor = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
    client.send(askFor('b.example') + askFor('c.example') + askFor('a.example'));
    const first = await readReply(client);
    const second = await readReply(client, first.bytes);
    const third = await readReply(client, first.bytes + second.bytes);
    expect([first.status, second.status, third.status]).toEqual([200, 421, 200]);
    client.end();
    await world.closed(1);
  });
});

test('who names no host in the handshake is given the certificate of the route, and is served whatever Host it says', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('probed'));
  const route = await terminating(origin.port);
  await using world = await start([{ ...route, match: { ports: 0 } }]);
  const probe = await dialTls(world.port, { servername: '', checkServerIdentity: () => undefined });
  probe.send(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${world.port}\r\n\r\n`);
  expect((await readReply(probe)).body).toBe('probed');
  probe.end();
  const [record] = await world.closed(1);
  expect(record).toMatchObject({ serverName: null, tls: { version: 'TLSv1.3', alpn: null, isResumed: false } });
});

describe('client certificates', () => {
  test('a client without a certificate, or with one of another authority, gets no byte through', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('private'));
    const ours = await authority();
    const ca = ours.cert;
    const stranger = await (await testAuthority('Stranger')).issue(['client']);
    await using world = await start([
      await terminating(origin.port, {
        tls: { mode: 'terminate', certificate: await certificate('a.example'), clientAuth: { ca } },
      }),
    ]);
    expect(await handshakeFailure(world.port)).not.toBe('agreed');
    expect(await handshakeFailure(world.port, stranger)).not.toBe('agreed');
    const client = await dialTls(world.port, await ours.issue(['client.example']));
    client.send(get('/'));
    expect((await readReply(client)).body).toBe('private');
    client.end();
    await world.closed(3);
    expect(world.records.map(({ reason }) => reason)).toEqual(['downstream.tls', 'downstream.tls', 'completed']);
    expect(origin.seen).toHaveLength(1);
  });
});

describe('re-encryption', () => {
  test('S01: the upstream is verified, by its own name and authority, before it gets a byte', async () => {
    const { cert: ca } = await authority();
    const good = await certificate('api.internal');
    const seen: string[] = [];
    await using upstream = await TlsOrigin.start(good, (socket) =>
      socket.on('data', (bytes: Buffer) => {
        seen.push(bytes.toString());
        socket.write(ok(`secret over ${socket.getProtocol() ?? ''}`));
      }),
    );
    const reencrypting = async (name: string, upstreamTls: object) =>
      terminating(upstream.port, {
        name,
        domains: [`${name}.example`],
        tls: {
          mode: 'terminate-and-reencrypt',
          certificate: await certificate(`${name}.example`),
          upstream: upstreamTls,
        },
      });
    await using world = await start([
      await reencrypting('good', { ca, servername: 'api.internal' }),
      await reencrypting('elsewhere', { ca, servername: 'other.internal' }),
      await reencrypting('stranger', { servername: 'api.internal' }),
      await reencrypting('careless', { verify: false }),
      await reencrypting('pinned', {
        ca,
        servername: 'api.internal',
        pins: ['47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='],
      }),
    ]);
    const statusOf = async (name: string): Promise<readonly [number, string]> => {
      const client = await dialTls(world.port, { servername: `${name}.example` });
      client.send(`GET / HTTP/1.1\r\nHost: ${name}.example\r\n\r\n`);
      const { status, body } = await readReply(client);
      client.socket.destroy();
      return [status, body];
    };
    const reasons: (readonly [string | null, string])[] = [];
    world.proxy.on('exchange.closed', ({ route, reason }) => void reasons.push([route, reason]));
    expect(await statusOf('good')).toEqual([200, 'secret over TLSv1.3']);
    for (const name of ['elsewhere', 'stranger', 'pinned']) expect((await statusOf(name))[0]).toBe(502);
    expect(await statusOf('careless')).toEqual([200, 'secret over TLSv1.3']);
    expect(seen).toHaveLength(2);
    expect(reasons.filter(([, reason]) => reason === 'upstream.tls').map(([route]) => route)).toEqual([
      'elsewhere',
      'stranger',
      'pinned',
    ]);
  });

  test('raw bytes are re-encrypted too, and the state before they flow is SECURING', async () => {
    const { cert: ca } = await authority();
    await using upstream = await TlsOrigin.start(
      await certificate('db.internal'),
      (socket) => void socket.pipe(socket),
    );
    await using world = await start([
      await terminating(upstream.port, {
        match: { protocol: 'tcp' },
        tls: {
          mode: 'terminate-and-reencrypt',
          certificate: await certificate('a.example'),
          upstream: { ca, servername: 'db.internal' },
        },
      }),
    ]);
    const moves: string[] = [];
    world.proxy.on('connection.moved', ({ to }) => void moves.push(to));
    const client = await dialTls(world.port);
    client.send('there and back').end();
    await client.ended;
    expect(client.text).toBe('there and back');
    expect(moves).toContain('DIALING.ATTEMPTING.SECURING');
    expect(await world.closed(1)).toMatchObject([{ reason: 'completed', by: 'downstream', bytesIn: 14, bytesOut: 14 }]);
  });
});
