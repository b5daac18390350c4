/**
 * Our own answers on a connection that goes on: what they promise, they keep, however the request was cut.
 */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { get, readReply } from '../support/http-world.ts';
import { dialPeer, ProxyUnderTest, type Peer } from '../support/world.ts';

function answering(interpreter: 'compiled' | 'xstate', timeouts: object = {}): Promise<ProxyUnderTest> {
  return ProxyUnderTest.start({
    interpreter,
    routes: [
      { name: 'fine', match: { ports: 0, path: '/fine' }, action: { type: 'respond', body: 'fine' }, timeouts },
      {
        name: 'large',
        match: { ports: 0, path: '/large' },
        action: { type: 'respond', body: 'x'.repeat(20_000_000) },
        timeouts,
      },
    ],
  });
}

const post = (length: number) => `POST /fine HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${length}\r\n\r\n`;

async function sendOneByOne(client: Peer, pieces: readonly string[]): Promise<void> {
  for (const piece of pieces) {
    client.send(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each(['compiled', 'xstate'] as const)('own answers under the %s interpreter', (interpreter) => {
  test('I10: a request whose body is complete in the same read keeps the connection, and each is answered once', async () => {
    await using world = await answering(interpreter);
    const client = await dialPeer(world.port);
    client.send(`${post(0)}${post(4)}body${get('/fine')}`);
    let { bytes } = await readReply(client);
    for (let count = 1; count < 3; count += 1) {
      const reply = await readReply(client, bytes);
      expect(reply).toMatchObject({ status: 200, body: 'fine' });
      expect(reply.fields).not.toHaveProperty('connection');
      bytes += reply.bytes;
    }
    client.end();
    await client.closed;
    expect(client.bytes.length).toBe(bytes);
    await world.closed(1);
    expect(world.proxy.counters().exchanges).toMatchObject({ opened: 3, closedByReason: { completed: 3 } });
  });

  test('I10: a request that is not complete when it is answered costs the connection, and the answer says so', async () => {
    await using world = await answering(interpreter);
    const client = await dialPeer(world.port);
    client.send(`${post(10)}half`);
    const reply = await readReply(client);
    expect(reply).toMatchObject({ status: 200, fields: { connection: 'close' } });
    client.send(`+more!${get('/fine')}`);
    await client.ended;
    expect(client.bytes.length).toBe(reply.bytes);
    client.end();
    await world.closed(1);
    expect(world.proxy.counters().exchanges).toMatchObject({ opened: 1, closed: 1 });
  });

  test('I10: bytes that break the body behind an answer are no second request, and get no second answer', async () => {
    await using world = await answering(interpreter);
    const client = await dialPeer(world.port);
    client.send('POST /fine HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n');
    await client.ended;
    expect(client.text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    client.end();
    await world.closed(1);
    expect(world.proxy.counters().exchanges).toMatchObject({ opened: 1, closed: 1 });
  });

  test('M1: an empty line before a request is skipped, wherever it is cut', async () => {
    await using world = await answering(interpreter);
    const client = await dialPeer(world.port);
    client.send(get('/fine'));
    const first = await readReply(client);
    await sendOneByOne(client, ['\r', '\n', get('/fine').slice(0, 3), get('/fine').slice(3)]);
    expect(await readReply(client, first.bytes)).toMatchObject({ status: 200, body: 'fine' });
    client.end();
    await client.closed;
  });

  test('a client that takes nothing of the last answer is cut at `flush`, whatever it still sends', async () => {
    await using world = await answering(interpreter, { flush: '100ms' });
    const client = await dialPeer(world.port);
    client.socket.pause();
    client.send(get('/large', 'Connection: close\r\n'));
    const trickle = async (): Promise<void> => {
      while (world.records.length === 0 && !client.socket.destroyed) await sendOneByOne(client, ['x']);
    };
    const trickling = trickle();
    expect(await world.closed(1)).toMatchObject([{ reason: 'timeout.flush' }]);
    client.socket.resume();
    await trickling;
    await client.closed;
  });
});

test('X05: what hands out a route does not hand out its passwords', async () => {
  await using world = await ProxyUnderTest.start({
    routes: [
      {
        name: 'private',
        match: { ports: 0, path: '/' },
        action: { type: 'respond', body: 'secret' },
        security: { authentication: { type: 'basic', credentials: [{ username: 'api', password: 'hunter2' }] } },
      },
    ],
  });
  const routes = world.proxy.routes.list();
  const match = world.proxy.match({ port: world.port, path: '/' });
  for (const told of [routes, match]) {
    expect(JSON.stringify(told)).toContain('api');
    expect(JSON.stringify(told) + inspect(told, { depth: 12 })).not.toContain('hunter2');
  }
});
