/**
 * HTTP on ports that also carry something else, and through two proxies in a row: what one says, the other must not lose.
 */
import { describe, expect, test } from 'vitest';
import { expectBaseline } from '../support/census.ts';
import { StrictOrigin, valuesOf } from '../support/http-strict.ts';
import { ask, get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { closedPort, dialPeer, Origin, ProxyUnderTest } from '../support/world.ts';

const match = { ports: 0, protocol: 'http' } as const;

describe.each(['compiled', 'xstate'] as const)(
  'HTTP beside and behind others, under the %s interpreter',
  (interpreter) => {
    test('M07, M08, H01, H02, http-fix-unit: plain HTTP is served on a port whose route says http; what is not HTTP goes on untouched', async () => {
      await using http = await ScriptedOrigin.start(({ head }) => ok(head.split('\r\n')[0] ?? ''));
      await using raw = await Origin.echo();
      await using world = await ProxyUnderTest.start({
        interpreter,
        routes: [
          { name: 'web', match, action: { type: 'forward', target: { host: '127.0.0.1', port: http.port } } },
          {
            name: 'rest',
            match: { ports: 0, protocol: 'tcp' },
            action: { type: 'forward', target: { host: '127.0.0.1', port: raw.port } },
          },
        ],
      });
      const challenge = '/.well-known/acme-challenge/token';
      expect((await ask(world.port, get(challenge))).body).toBe(`GET ${challenge} HTTP/1.1`);
      const other = await dialPeer(world.port);
      other.send('\x00\x01 no HTTP\r\n');
      expect((await other.atLeast(12)).toString()).toBe('\x00\x01 no HTTP\r\n');
      other.end();
      await other.closed;
      // A connection whose first request is HTTP stays HTTP: what follows is a request or is refused.
      const mixed = await dialPeer(world.port);
      mixed.send(`${get('/one')}\x00\x01 no HTTP\r\n`);
      const first = await readReply(mixed);
      expect((await readReply(mixed, first.bytes)).status).toBe(400);
      expect(raw.peers).toHaveLength(1);
      mixed.end();
      await world.closed(3);
      expect(world.records.map(({ route, protocol }) => [route, protocol])).toEqual([
        ['web', 'http'],
        ['rest', null],
        ['web', 'http'],
      ]);
    });

    test('L11, forwarding-error-fix.node: requests whose upstream is gone are answered, and the connection and the proxy live on', async () => {
      const dead = await closedPort();
      await using origin = await ScriptedOrigin.start(() => ok('alive'));
      const to = (port: number) => ({ type: 'forward', target: { host: '127.0.0.1', port } }) as const;
      await using world = await ProxyUnderTest.start({
        interpreter,
        routes: [
          { name: 'dead', match: { ...match, path: '/dead' }, action: to(dead), timeouts: { poolIdle: '50ms' } },
          {
            name: 'alive',
            match: { ...match, path: '/alive' },
            action: to(origin.port),
            timeouts: { poolIdle: '50ms' },
          },
        ],
      });
      const client = await dialPeer(world.port);
      let read = 0;
      for (let round = 0; round < 20; round += 1) {
        const reply = await readReply(client.send(get(round % 2 === 0 ? '/dead' : '/alive')), read);
        expect(reply.status).toBe(round % 2 === 0 ? 502 : 200);
        read += reply.bytes;
      }
      client.end();
      await client.closed;
      expect(world.proxy.counters().exchanges.closedByReason).toEqual({ 'upstream.refused': 10, completed: 10 });
      await expectBaseline(world.proxy, null);
    });

    test('H07: a chain of two proxies serves as one: bodies both ways, trailers, and a word about each hop', async () => {
      const answer = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n';
      await using origin = await StrictOrigin.start(() => answer);
      await using inner = await ProxyUnderTest.forward(origin.port, {
        interpreter,
        route: { match },
        trustedProxies: ['127.0.0.1'],
      });
      await using outer = await ProxyUnderTest.forward(inner.port, { interpreter, route: { match } });
      const client = await dialPeer(outer.port);
      const body = 'b'.repeat(100_000);
      client.send(
        `POST /x?y HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: TE\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      const reply = await readReply(client);
      expect(reply).toMatchObject({ status: 200, body: 'abc', fields: { via: '1.1 sallyport, 1.1 sallyport' } });
      expect(client.text).toMatch(/X-Sum: 3\r\n\r\n$/);
      const [seen] = origin.requests;
      expect(seen).toMatchObject({ method: 'POST', target: '/x?y', body });
      const lines = seen?.lines ?? [];
      expect(valuesOf(lines, 'x-forwarded-for')).toEqual(['127.0.0.1, 127.0.0.1']);
      expect(valuesOf(lines, 'x-forwarded-port')).toEqual([String(outer.port)]);
      expect(valuesOf(lines, 'via').join(', ')).toBe('1.1 sallyport, 1.1 sallyport');
      client.end();
      await client.closed;
    });

    test('H07, L23: an end on either proxy of a chain, or behind both, is a status or a cut on the other side, and leaves nothing', async () => {
      await using origin = await Origin.start(
        (peer) => void peer.socket.once('data', () => peer.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun')),
      );
      const route = { match, timeouts: { poolIdle: '50ms' } };
      await using inner = await ProxyUnderTest.forward(origin.port, { interpreter, route });
      await using outer = await ProxyUnderTest.forward(inner.port, { interpreter, route });
      const kill = ({ proxy }: ProxyUnderTest): void => {
        for (const { connectionId } of proxy.connections()) proxy.kill(connectionId);
      };
      const ways = [
        () => kill(inner),
        () => kill(outer),
        () => origin.peers.at(-1)?.reset(),
        () => origin.peers.at(-1)?.end(),
      ];
      for (const [round, end] of ways.entries()) {
        const client = await dialPeer(outer.port);
        client.send(get('/'));
        while (!client.text.endsWith('begun')) await client.atLeast(client.bytes.length + 1);
        end();
        expect(await client.closed).toBe('reset');
        await Promise.all([inner.closed(round + 1), outer.closed(round + 1)]);
      }
      await expectBaseline(outer.proxy, null);
      await expectBaseline(inner.proxy, null);
      expect(await Promise.all(origin.peers.map(({ closed }) => closed))).toHaveLength(4);
    });
  },
);
