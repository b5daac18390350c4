/**
 * Clients that TLS keeps out, and what they and the record are told: no certificate, one that never comes, HTTP where TLS is
 * spoken, TLS where none is.
 */
import { once } from 'node:events';
import { connect } from 'node:tls';
import { connect as connectTcp } from 'node:net';
import { describe, expect, test } from 'vitest';
import { get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { captureNodeHello } from '../support/tls-hello-capture.ts';
import { authority, handshakeFailure, terminating } from '../support/tls-world.ts';
import { dialPeer, ProxyUnderTest } from '../support/world.ts';

const never = () => new Promise<null>(() => undefined);

function hanging(sniff: string) {
  const tls = { mode: 'terminate', certificate: never } as const;
  const match = { ports: 0, domains: ['a.example'] };
  const action = { type: 'respond', body: 'x' } as const;
  return ProxyUnderTest.start({ routes: [{ name: 'hung', match, action, tls }], timeouts: { sniff } });
}

describe('certificates that are not there', () => {
  test('S01: a client without a certificate for its name is in the record of the route that it came to', async () => {
    const match = { ports: 0, domains: ['a.example'] };
    const tls = { mode: 'terminate', certificate: () => null } as const;
    const route = { name: 'bare', match, action: { type: 'respond', body: 'x' } as const, tls };
    await using world = await ProxyUnderTest.start({ routes: [route] });
    expect(await handshakeFailure(world.port)).toContain('UNRECOGNIZED_NAME');
    expect(await world.closed(1)).toMatchObject([
      { reason: 'refused.route', route: 'bare', cause: 'there is no certificate for a.example' },
    ]);
  });

  test('S01: one that never comes ends at the sniff deadline, and the record says what was waited for', async () => {
    await using world = await hanging('50ms');
    await handshakeFailure(world.port);
    expect(await world.closed(1)).toMatchObject([
      { reason: 'timeout.sniff', cause: 'the certificate for a.example was still awaited' },
    ]);
  });

  test.each(['FIN', 'RST', 'FIN with the hello'])(
    'S01: a client that leaves meanwhile (%s) is noticed at once',
    async (how) => {
      await using world = await hanging('1h');
      const hello = await captureNodeHello({ servername: 'a.example' });
      const client = await dialPeer(world.port);
      client.send(hello);
      if (how !== 'FIN with the hello')
        await world.until(() => world.proxy.connections()[0]?.leaf === 'SNIFFING.TLS_HANDSHAKE');
      if (how === 'RST') client.socket.resetAndDestroy();
      else client.end();
      const reason = how === 'RST' ? 'downstream.reset' : 'downstream.tls';
      expect(await world.closed(1)).toMatchObject([{ reason, by: 'downstream' }]);
      client.socket.destroy();
    },
  );
});

describe('the wrong side of TLS', () => {
  test('S01: plain HTTP on a port that speaks TLS only is answered 400, and told where to go', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('inside'));
    await using world = await ProxyUnderTest.start({ routes: [await terminating(origin.port)] });
    const says = async (host: string): Promise<string> => {
      const client = await dialPeer(world.port);
      client.send(get('/secret?token=1').replace('a.example', host));
      const reply = await readReply(client);
      client.socket.destroy();
      expect(reply.status).toBe(400);
      return reply.body;
    };
    expect(await says('a.example')).toContain(
      `plain HTTP was sent to a port that speaks TLS, use https://a.example:${world.port}/ (`,
    );
    // What no route has is not said back.
    for (const host of ['b.example', 'a.example.evil']) {
      const body = await says(host);
      expect(body).toContain('speaks TLS, use https (');
      expect(body).not.toContain(host);
    }
    const [record] = await world.closed(3);
    expect(record).toMatchObject({
      reason: 'refused.protocol',
      protocol: 'http',
      cause: 'the client speaks HTTP in clear text, and only TLS is spoken here',
    });
  });

  test('S01: TLS on a port that speaks none is refused by an alert that says so, and in the record', async () => {
    const route = {
      name: 'plain',
      match: { ports: 0, protocol: 'http' },
      action: { type: 'respond', body: 'x' },
    } as const;
    await using world = await ProxyUnderTest.start({ routes: [route] });
    expect(await handshakeFailure(world.port)).toContain('HANDSHAKE_FAILURE');
    expect(await world.closed(1)).toMatchObject([
      { reason: 'refused.protocol', protocol: 'tls', cause: 'the client speaks TLS, and nothing here does' },
    ]);
  });
});

test('M03: HTTP/2 inside of TLS is h2 in the record, as in ALPN', async () => {
  await using origin = await ScriptedOrigin.start(() => ok('two'));
  await using world = await ProxyUnderTest.start({ routes: [await terminating(origin.port)] });
  const { cert: ca } = await authority();
  const transport = connectTcp({ host: '127.0.0.1', port: world.port });
  const socket = connect({ socket: transport, ca, servername: 'a.example', ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
  await once(socket, 'data');
  expect(world.proxy.connections()).toMatchObject([{ protocol: 'h2' }]);
  socket.destroy();
  expect(await world.closed(1)).toMatchObject([{ protocol: 'h2' }]);
});
