/**
 * What a handshake has settled holds for what comes inside: the version of HTTP that was agreed on, and the certificate that
 * the client has shown.
 */
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { HandlerContext, RouteConfig } from '../../src/index.ts';
import { testAuthority } from '../support/certificates.ts';
import { ask, get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { authority, dialTls } from '../support/tls-world.ts';
import { Origin, ProxyUnderTest } from '../support/world.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 'latin1');

async function terminating(action: RouteConfig['action'], tls: object = {}, match: object = {}): Promise<RouteConfig> {
  const certificate = await (await authority()).issue(['a.example']);
  return {
    name: 'secure',
    match: { ports: 0, domains: ['a.example'], ...match },
    action,
    tls: { mode: 'terminate', certificate, ...tls },
  };
}

function start(...routes: readonly RouteConfig[]): Promise<ProxyUnderTest> {
  return ProxyUnderTest.start({ routes, timeouts: { poolIdle: '50ms' } });
}

const respond: RouteConfig['action'] = { type: 'respond', status: 200, body: 'web' };

describe('the version of HTTP that was agreed on', () => {
  test.each([
    ['h2', get('/'), 'the client agreed on HTTP/2 (h2) by ALPN and speaks HTTP/1.1'],
    ['h2', 'NONSENSE\r\n\r\n', 'the client agreed on HTTP/2 (h2) by ALPN and speaks HTTP/1.1'],
    ['http/1.1', preface, 'the client agreed on HTTP/1.1 (http/1.1) by ALPN and speaks HTTP/2'],
  ])(
    'M03: a client that agreed to %s and speaks another one is refused, and the record says so',
    async (alpn, bytes, cause) => {
      for (const match of [{}, { alpn: [alpn] }]) {
        await using world = await start(await terminating(respond, {}, match));
        const client = await dialTls(world.port, { ALPNProtocols: [alpn] });
        expect(client.socket.alpnProtocol).toBe(alpn);
        client.send(bytes);
        await Promise.race([client.ended, client.closed]);
        client.end();
        await client.closed;
        // No SETTINGS, and of HTTP/1.1 nothing but the refusal.
        expect(client.text).toMatch(alpn === 'h2' ? /^HTTP\/1\.1 400 / : /^$/);
        expect(await world.closed(1)).toMatchObject([{ reason: 'downstream.malformed', cause }]);
      }
    },
  );

  test('M03: where nothing was agreed on either version may come', async () => {
    await using world = await start(await terminating(respond));
    const one = await dialTls(world.port);
    one.send(get('/'));
    expect((await readReply(one)).body).toBe('web');
    const two = await dialTls(world.port);
    two.send(preface);
    expect((await two.atLeast(9))[3]).toBe(4);
    for (const peer of [one, two]) peer.socket.destroy();
    await world.closed(2);
  });
});

describe('the certificate of a client', () => {
  const clients = testAuthority('Clients');
  const asked = async (require: boolean): Promise<object> => ({ clientAuth: { ca: (await clients).cert, require } });
  const spoofed =
    'Client-Cert: :AAAA:\r\nclient_cert: :AAAA:\r\nCLIENT-CERT-CHAIN: :BBBB:\r\nClient-Certainty: high\r\n';

  test('S01: it comes to the upstream as Client-Cert, resumed or not, and nothing that a client says itself does', async () => {
    const shown = await (await clients).issue(['client.example']);
    const der = new X509Certificate(shown.cert).raw.toString('base64');
    await using origin = await ScriptedOrigin.start(() => ok('fine'));
    const forward: RouteConfig['action'] = { type: 'forward', target: { host: '127.0.0.1', port: origin.port } };
    await using world = await start(await terminating(forward, await asked(false)));
    const said = () => (origin.seen.at(-1)?.head ?? '').split('\r\n').filter((line) => /^client/i.test(line));
    const first = await dialTls(world.port, { ...shown, maxVersion: 'TLSv1.2' });
    for (let count = 0; count < 2; count += 1) {
      first.send(get('/', spoofed));
      await readReply(first, first.bytes.length);
      expect(said()).toEqual(['Client-Certainty: high', `Client-Cert: :${der}:`]);
    }
    const session = first.socket.getSession();
    first.end();
    const resumed = await dialTls(world.port, { ...shown, maxVersion: 'TLSv1.2', session });
    expect(resumed.socket.isSessionReused()).toBe(true);
    resumed.send(get('/', spoofed));
    await readReply(resumed);
    expect(said()).toEqual(['Client-Certainty: high', `Client-Cert: :${der}:`]);
    resumed.end();
    const without = await dialTls(world.port);
    without.send(get('/', spoofed));
    await readReply(without);
    expect(said()).toEqual(['Client-Certainty: high']);
    without.end();
    await world.closed(3);
  });

  test('S01: in clear text a Client-Cert of the client’s is dropped too', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('fine'));
    await using world = await start({
      name: 'plain',
      match: { ports: 0, protocol: 'http' },
      action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
    });
    expect((await ask(world.port, get('/', spoofed))).status).toBe(200);
    expect(origin.seen[0]?.head).not.toMatch(/client[-_]cert(?:-chain)?:/i);
    await world.closed(1);
  });

  test('S01: handlers of both kinds are told of the handshake and of the certificate', async () => {
    const shown = await (await clients).issue(['client.example']);
    const { serialNumber, fingerprint256 } = new X509Certificate(shown.cert);
    const someName: unknown = expect.stringContaining('CN=');
    const client = {
      subject: someName,
      issuer: someName,
      serialNumber: serialNumber.toLowerCase(),
      fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
      names: ['client.example'],
    };
    const someCipher: unknown = expect.stringMatching(/^TLS_/);
    const told: HandlerContext['tls'][] = [];
    const socketHandler: RouteConfig['action'] = {
      type: 'handler',
      socketHandler: (socket, { tls }) => {
        told.push(tls);
        socket.end('raw');
      },
    };
    const httpHandler: RouteConfig['action'] = {
      type: 'handler',
      httpHandler: {
        fetch: (_request, { tls }) => {
          told.push(tls);
          return new Response('web');
        },
      },
    };
    for (const action of [socketHandler, httpHandler]) {
      await using world = await start(
        await terminating(action, await asked(false), action === socketHandler ? { protocol: 'tcp' } : {}),
      );
      for (const certificate of [shown, {}]) {
        const peer = await dialTls(world.port, {
          ...certificate,
          ALPNProtocols: action === socketHandler ? [] : ['http/1.1'],
        });
        peer.send(get('/', 'Connection: close\r\n')).end();
        await peer.ended;
      }
      await world.closed(2);
      const common = {
        version: 'TLSv1.3',
        cipher: someCipher,
        alpn: action === socketHandler ? null : 'http/1.1',
        serverName: 'a.example',
      };
      expect(told.splice(0)).toEqual([
        { ...common, client },
        { ...common, client: null },
      ]);
    }
    await using origin = await Origin.echo();
    await using plain = await start(
      { name: 'plain', match: { ports: 0, protocol: 'http' }, action: httpHandler },
      {
        name: 'raw',
        match: { ports: 0, protocol: 'redis' },
        action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
      },
    );
    expect((await ask(plain.port, get('/'))).status).toBe(200);
    await plain.closed(1);
    expect(told).toEqual([null]);
  });
});
