/**
 * HTTP/1.1 exchanges on the wire: what passes, in which order, and what a client gets when something goes wrong.
 */
import { describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/index.ts';
import { ask, get, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { closedPort, dialPeer, Origin, ProxyUnderTest } from '../support/world.ts';

const plain = { protocol: 'http', ports: 0 } as const;

async function front(port: number, route: object = {}, more: object = {}): Promise<ProxyUnderTest> {
  return ProxyUnderTest.forward(port, { ...more, route: { match: plain, ...route } });
}

function exchangesOf(world: ProxyUnderTest): ExchangeRecord[] {
  const records: ExchangeRecord[] = [];
  world.proxy.on('exchange.closed', (record) => void records.push(record));
  return records;
}

describe.each(['compiled', 'xstate'] as const)('exchanges under the %s interpreter', (interpreter) => {
  test('H01: requests of one connection are answered in order, each from the upstream connection that is free', async () => {
    await using origin = await ScriptedOrigin.start((seen, count) => ok(`${count} ${seen.head.split(' ')[1]}`));
    await using world = await front(origin.port, {}, { interpreter });
    const records = exchangesOf(world);
    const client = await dialPeer(world.port);
    client.send(get('/a') + get('/b') + get('/c'));
    const first = await readReply(client);
    const second = await readReply(client, first.bytes);
    const third = await readReply(client, first.bytes + second.bytes);
    expect([first.body, second.body, third.body]).toEqual(['0 /a', '1 /b', '2 /c']);
    expect(origin.connections).toHaveLength(1);
    client.end();
    expect(await client.closed).toBe('clean');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      reason: 'completed',
      by: 'downstream',
      protocol: 'http',
      route: 'only',
      interpreter,
    });
    expect(records.map(({ isReused, reason, status }) => [isReused, reason, status])).toEqual([
      [false, 'completed', 200],
      [true, 'completed', 200],
      [true, 'completed', 200],
    ]);
    expect(records[0]?.path.map(([state]) => state)).toEqual(['ACCEPTED', 'SNIFFING', 'DIALING', 'HALF_CLOSED']);
  });

  test('H01: a client that has sent FIN behind a complete request still gets its answer', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('late'));
    await using world = await front(origin.port, {}, { interpreter });
    const client = await dialPeer(world.port);
    client.send(get('/a') + get('/b')).end();
    await client.ended;
    expect(client.text.match(/late/g)).toHaveLength(2);
    expect(await client.closed).toBe('clean');
    expect(await world.closed(1)).toMatchObject([{ reason: 'completed' }]);
  });

  test('L13: a client that leaves while its answer is awaited ends the upstream request at once', async () => {
    await using origin = await Origin.start();
    await using world = await front(origin.port, {}, { interpreter });
    const records = exchangesOf(world);
    const client = await dialPeer(world.port);
    client.send(get('/slow'));
    const server = await origin.accepted();
    await server.atLeast(1);
    client.reset();
    expect(await server.closed).toBe('reset');
    await world.closed(1);
    expect(records).toMatchObject([{ reason: 'downstream.reset', status: null, state: 'HALF_CLOSED' }]);
  });

  test('a request that ends in the middle is never run: 400 where nothing was answered, and nothing more goes upstream', async () => {
    await using origin = await Origin.start();
    await using world = await front(origin.port, {}, { interpreter });
    const client = await dialPeer(world.port);
    client.send('POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 10\r\n\r\nhalf').end();
    await client.ended;
    expect(client.text).toMatch(/^HTTP\/1\.1 400 /);
    expect(await world.closed(1)).toMatchObject([{ reason: 'downstream.malformed' }]);
    expect(origin.peers.map(({ text }) => text).join('')).toBe('');
  });

  test('an upstream that ends in the middle of a body is cut: the client never sees a clean end', async () => {
    await using origin = await Origin.start((peer) => {
      peer.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this').end();
    });
    await using world = await front(origin.port, {}, { interpreter });
    const records = exchangesOf(world);
    const client = await dialPeer(world.port);
    client.send(get('/'));
    expect(await client.closed).toBe('reset');
    await world.closed(1);
    expect(records).toMatchObject([{ reason: 'upstream.truncated', status: 200 }]);
  });

  test('L11, L24: an upstream that refuses, resets or talks nonsense before its head is a 502 that explain understands', async () => {
    await using resetting = await Origin.start((peer) => void peer.socket.once('data', () => peer.reset()));
    await using garbled = await Origin.start((peer) => void peer.send('hello\r\n\r\n'));
    for (const [port, reason] of [
      [await closedPort(), 'upstream.refused'],
      [resetting.port, 'upstream.reset'],
      [garbled.port, 'upstream.malformed'],
    ] as const) {
      await using world = await front(port, {}, { interpreter });
      const reply = await ask(world.port, get('/x?secret=1'));
      expect(reply.status).toBe(502);
      expect(reply.fields['proxy-status']).toMatch(/^sallyport; error=/);
      const [, exchangeId = ''] = /\(exchange ([^)]+)\)/.exec(reply.body) ?? [];
      const explanation = world.proxy.explain(exchangeId);
      expect(explanation?.sentence).toContain('GET /x');
      expect(JSON.stringify(explanation)).not.toContain('secret');
      expect(explanation?.exchangeRecord).toMatchObject({ reason, status: 502 });
    }
  });

  test('an error keeps the connection where the request was complete', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('fine'));
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'only',
          match: { ports: 0, path: '/here' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: origin.port } },
        },
      ],
    });
    const client = await dialPeer(world.port);
    client.send(get('/nowhere') + get('/here'));
    const first = await readReply(client);
    expect(first.status).toBe(404);
    expect((await readReply(client, first.bytes)).body).toBe('fine');
    client.end();
    await client.closed;
  });

  test('100-continue: the upstream decides, and the body waits for its word', async () => {
    await using origin = await Origin.start();
    await using world = await front(origin.port, {}, { interpreter });
    const client = await dialPeer(world.port);
    client.send('PUT /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n');
    const server = await origin.accepted();
    await server.atLeast(10);
    expect(server.text).toMatch(/expect: 100-continue/i);
    server.send('HTTP/1.1 100 Continue\r\n\r\n');
    await client.atLeast(25);
    expect(client.text).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    client.send('body');
    while (!server.text.endsWith('body')) await server.atLeast(server.bytes.length + 1);
    server.send(ok('thanks'));
    expect((await readReply(client, 25)).body).toBe('thanks');
    client.end();
    await client.closed;
  });

  test('an early answer is passed on while the body still comes; the connections are not used again', async () => {
    await using origin = await Origin.start((peer) => void peer.socket.once('data', () => peer.send(ok('enough'))));
    await using world = await front(origin.port, { timeouts: { linger: '50ms' } }, { interpreter });
    const client = await dialPeer(world.port);
    client.send('POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n\r\nbegin');
    expect((await readReply(client)).body).toBe('enough');
    await client.ended;
    const [server] = origin.peers;
    expect(await server?.closed).toBe('reset');
  });

  test('HEAD, 204 and 304 have no body, whatever their fields say, and the connection goes on', async () => {
    const answers = [
      'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n',
      'HTTP/1.1 204 No Content\r\n\r\n',
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n',
      ok('end'),
    ];
    await using origin = await ScriptedOrigin.start((_, count) => answers[count] ?? null);
    await using world = await front(origin.port, {}, { interpreter });
    const client = await dialPeer(world.port);
    client.send(`HEAD /a HTTP/1.1\r\nHost: a.example\r\n\r\n${get('/b')}${get('/c')}${get('/d')}`);
    const head = await readReply(client, 0, 'HEAD');
    expect(head.fields['content-length']).toBe('1000');
    const none = await readReply(client, head.bytes);
    const unchanged = await readReply(client, head.bytes + none.bytes);
    expect([none.status, unchanged.status]).toEqual([204, 304]);
    expect((await readReply(client, head.bytes + none.bytes + unchanged.bytes)).body).toBe('end');
    expect(origin.connections).toHaveLength(1);
    client.end();
    await client.closed;
  });

  test('trailers pass to a client that takes them, both ways', async () => {
    const answer =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 3\r\n\r\n';
    await using origin = await Origin.start((peer) => {
      peer.socket.on('data', () => peer.text.endsWith('x-in: 1\r\n\r\n') && peer.send(answer));
    });
    await using world = await front(origin.port, {}, { interpreter });
    const client = await dialPeer(world.port);
    client.send(
      'POST / HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nx-in: 1\r\n\r\n',
    );
    await readReply(client);
    expect(client.text).toMatch(/0\r\nX-Sum: 3\r\n\r\n$/);
    client.end();
    await client.closed;
  });
});
