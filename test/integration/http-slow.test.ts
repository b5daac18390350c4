/**
 * Slow and silent clients of HTTP/1.1: each phase has its own deadline, and nobody else waits for them.
 *
 * The clock of most of these proxies stands still until a test advances it; what is asserted is the order of events.
 */
import { describe, expect, test } from 'vitest';
import { get, NodeOrigin, ok, readReply, ScriptedOrigin } from '../support/http-world.ts';
import { SteppedProxy } from '../support/http-stepped.ts';
import { dialPeer, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const post = (bytes: number, path = '/') =>
  `POST ${path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${bytes}\r\n\r\n`;

describe.each(['compiled', 'xstate'] as const)('slow clients under the %s interpreter', (interpreter) => {
  test('H01: 50 clients slow in their heads and 50 slow in their bodies are told 408 at the deadline, while others are served', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('served'));
    await using world = await ProxyUnderTest.forward(origin.port, {
      interpreter,
      route: { match: { ports: 0, protocol: 'http' } },
      timeouts: { requestHead: 250, requestBody: 250 },
    });
    const slow: Peer[] = [];
    for (let index = 0; index < 50; index += 1) {
      slow.push((await dialPeer(world.port)).send('GET /slow HTTP/1.1\r\nHost: a.example\r\nX-Slow: '));
      slow.push((await dialPeer(world.port)).send(`${post(10)}x`));
    }
    const gone = new Set<Peer>();
    for (const client of slow) void Promise.race([client.ended, client.closed]).then(() => gone.add(client.end()));
    const quick = await dialPeer(world.port);
    let read = 0;
    for (let round = 0; gone.size < slow.length; round += 1) {
      const reply = await readReply(quick.send(get(`/quick-${round}`)), read);
      expect(reply.status).toBe(200);
      read += reply.bytes;
      // A byte of a head every now and then is a slow head all the same.
      for (const [index, client] of slow.entries()) if (index % 2 === 0 && !gone.has(client)) client.send('x');
    }
    for (const client of slow) expect(client.text).toMatch(/^HTTP\/1\.1 408 /);
    const { closedByReason } = world.proxy.counters().exchanges;
    expect(closedByReason).toMatchObject({ 'timeout.requestHead': 50, 'timeout.requestBody': 50 });
    // Bodies are forwarded as they come, so an origin has seen heads; it has seen no whole request of theirs.
    expect(origin.seen.every(({ head }) => head.startsWith('GET /quick-'))).toBe(true);
    expect(origin.seen.length).toBeGreaterThan(0);
    quick.end();
  });

  test('H01: requestHead is absolute: bytes that trickle in do not extend it', async () => {
    await using origin = await Origin.start();
    await using world = await SteppedProxy.forward(origin.port, { interpreter, timeouts: { requestHead: 1000 } });
    const client = await dialPeer(world.port);
    let sent = 'GET / HTTP/1.1\r\nHost: a.example\r\nX: ';
    client.send(sent);
    await world.received(sent.length);
    for (let step = 0; step < 9; step += 1) {
      world.clock.advance(100);
      sent += 'x';
      client.send('x');
      await world.received(sent.length);
    }
    world.clock.advance(99);
    expect(world.exchangeLeaves()).toEqual(['ACCEPTED']);
    world.clock.advance(1);
    expect((await readReply(client)).status).toBe(408);
    client.end();
    await world.closed(1);
    expect(world.exchanges).toMatchObject([
      {
        reason: 'timeout.requestHead',
        deadline: 'requestHead',
        limitMs: 1000,
        configPath: 'timeouts.requestHead',
        status: 408,
        by: 'downstream',
      },
    ]);
    expect(origin.peers).toEqual([]);
  });

  test('H01: requestBody counts from the last byte: a body that trickles in is taken to its end', async () => {
    await using origin = await ScriptedOrigin.start(({ body }) => ok(`${body.length} bytes`));
    await using world = await SteppedProxy.forward(origin.port, {
      interpreter,
      timeouts: { requestBody: 1000, response: 1500 },
    });
    const client = await dialPeer(world.port);
    const head = post(20);
    client.send(head);
    await world.exchangeInLeaf('ESTABLISHED.SENDING');
    for (let sent = 1; sent <= 20; sent += 1) {
      world.clock.advance(999);
      client.send('x');
      await world.received(head.length + sent);
    }
    expect((await readReply(client)).body).toBe('20 bytes');
    client.end();
    await client.closed;
    expect(world.exchanges).toMatchObject([{ reason: 'completed', status: 200, bytesIn: 20 }]);
  });

  test('H01: a body that stops is told 408 at requestBody, and its upstream is cut at once', async () => {
    await using origin = await Origin.start();
    await using world = await SteppedProxy.forward(origin.port, { interpreter, timeouts: { requestBody: 1000 } });
    const client = await dialPeer(world.port);
    client.send(`${post(20)}x`);
    const server = await origin.accepted();
    await server.atLeast(1);
    await world.exchangeInLeaf('ESTABLISHED.SENDING');
    world.clock.advance(1000);
    expect((await readReply(client)).status).toBe(408);
    expect(await server.closed).toBe('reset');
    expect(world.exchanges).toMatchObject([{ reason: 'timeout.requestBody', limitMs: 1000, state: 'ESTABLISHED' }]);
    client.end();
    await client.closed;
  });

  test('L39: an idle connection is ended with FIN at keepAlive, which counts from the last answer', async () => {
    await using origin = await ScriptedOrigin.start(() => ok('fine'));
    await using world = await SteppedProxy.forward(origin.port, {
      interpreter,
      route: { timeouts: { keepAlive: 1000, poolIdle: 100, idle: 10 } },
    });
    const idling: unknown[] = [];
    world.proxy.on('connection.idling', (event) => void idling.push(event));
    const client = await dialPeer(world.port);
    let read = 0;
    for (let round = 0; round < 3; round += 1) {
      read += (await readReply(client.send(get('/')), read)).bytes;
      await world.inLeaf('ESTABLISHED.HTTP.WAITING');
      world.clock.advance(999);
      expect(world.proxy.connections()).toHaveLength(1);
    }
    world.clock.advance(1);
    await client.ended;
    client.end();
    expect(await client.closed).toBe('clean');
    expect(await world.closed(1)).toMatchObject([
      { reason: 'timeout.keepAlive', deadline: 'keepAlive', limitMs: 1000, configPath: 'routes[0].timeouts.keepAlive' },
    ]);
    // Being idle between requests is what a kept-alive connection does; the warning is for tunnels.
    expect(idling).toEqual([]);
    // The pool has its own deadline: each of the later requests needed a new connection.
    expect(origin.connections).toHaveLength(3);
  });

  test('H01: a client that never reads a long answer stops the upstream, and is cut at halfClosed', async () => {
    let sent = 0;
    await using origin = await NodeOrigin.start((_, response) => {
      const chunk = Buffer.alloc(65_536);
      const more = (): void => {
        while (sent < 100_000_000) {
          sent += chunk.length;
          if (!response.write(chunk)) return;
        }
        response.end();
      };
      response.on('drain', more).on('error', () => undefined);
      more();
    });
    await using world = await SteppedProxy.forward(origin.port, {
      interpreter,
      timeouts: { response: 1000, halfClosed: 3000 },
    });
    const client = await dialPeer(world.port);
    client.socket.pause();
    client.send(get('/'));
    await world.exchangeInLeaf('HALF_CLOSED.RECEIVING');
    await world.stalled();
    expect(sent).toBeLessThan(50_000_000);
    world.clock.advance(1000);
    expect(world.exchangeLeaves()).toEqual(['HALF_CLOSED.DELIVERING']);
    world.clock.advance(3000);
    await world.closed(1);
    expect(world.exchanges).toMatchObject([{ reason: 'timeout.halfClosed', by: 'proxy', limitMs: 3000, status: 200 }]);
    client.socket.resume();
    expect(await client.closed).toBe('reset');
  });

  test('H01: a client that never reads is answered no further: pipelined requests wait, and memory with them', async () => {
    const served = { count: 0 };
    await using origin = await Origin.start((peer) => answerEach(peer, served, 20_000));
    await using world = await SteppedProxy.forward(origin.port, {
      interpreter,
      timeouts: { keepAlive: 1000, flush: 2000 },
    });
    const client = await dialPeer(world.port);
    client.socket.pause();
    client.send(get('/').repeat(1000));
    await world.stalled();
    expect(served.count).toBeGreaterThan(0);
    expect(served.count).toBeLessThan(800);
    const answered = served.count;
    world.clock.advance(1000);
    await world.inLeaf('HALF_CLOSED.FINISHING');
    world.clock.advance(2000);
    expect(await world.closed(1)).toMatchObject([{ reason: 'timeout.keepAlive' }]);
    client.socket.resume();
    expect(await client.closed).toBe('reset');
    expect(served.count).toBe(answered);
  });

  test('H01: a client that reads late gets every pipelined answer, in order', async () => {
    const served = { count: 0 };
    await using origin = await Origin.start((peer) => answerEach(peer, served, 20_000));
    await using world = await SteppedProxy.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    client.socket.pause();
    client.send(get('/').repeat(1000)).end();
    await world.stalled();
    expect(served.count).toBeLessThan(800);
    client.socket.resume();
    expect(await client.closed).toBe('clean');
    const counts = [...client.text.matchAll(/\r\n\r\n(\d+)/g)].map(([, count]) => Number(count));
    expect(counts).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  });
});

/** Answers every request, none of which has a body, with its number and a filling. */
function answerEach(peer: Peer, served: { count: number }, bytes: number): void {
  const filling = ' '.repeat(bytes);
  let tail = '';
  peer.socket.on('data', (chunk: Buffer) => {
    const heads = (tail + chunk.toString('latin1')).split('\r\n\r\n');
    tail = heads.pop() ?? '';
    for (const _ of heads) {
      peer.send(ok(`${served.count}${filling}`));
      served.count += 1;
    }
  });
}
