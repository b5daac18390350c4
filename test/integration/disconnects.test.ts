/**
 * Disconnects on the wire: whoever leaves, whenever it leaves, nothing stays behind and the record says who it was.
 */
import { describe, expect, test } from 'vitest';
import { blackHole } from '../support/black-hole.ts';
import { openFileCount } from '../../src/io/fd-limit.ts';
import { expectBaseline } from '../support/census.ts';
import { closedPort, dialPeer, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

describe.each(['compiled', 'xstate'] as const)('disconnects under the %s interpreter', (interpreter) => {
  test('L11, socket-error-handling.node, forwarding-error-fix.node: a refused dial closes the client at once, and the proxy lives on', async () => {
    await using world = await ProxyUnderTest.forward(await closedPort(), { interpreter });
    const files = await openFileCount();
    const client = await dialPeer(world.port);
    expect(await client.closed).toBe('reset');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      reason: 'upstream.refused',
      by: 'upstream',
      state: 'DIALING',
      code: 'ECONNREFUSED',
    });
    await expectBaseline(world.proxy, files);
  });

  test('L10: a client that resets in the middle of a dial never crashes the process', async () => {
    await using hole = await blackHole();
    await using world = await ProxyUnderTest.forward(hole.port, { interpreter });
    const client = await dialPeer(world.port);
    client.send('x');
    await world.inState('DIALING');
    client.reset();
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'downstream.reset', by: 'downstream', state: 'DIALING' });
  });

  test('L13, L17, L18: a client that leaves while the dial is pending aborts it, and the pending socket is gone', async () => {
    await using hole = await blackHole();
    await using world = await ProxyUnderTest.forward(hole.port, { interpreter });
    const files = await openFileCount();
    const client = await dialPeer(world.port);
    await world.inState('DIALING');
    client.end();
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'downstream.left', state: 'DIALING' });
    await client.closed;
    await expectBaseline(world.proxy, files);
  });

  test('L30, T06, T07: an upstream that never answers is given up after the dial deadline', async () => {
    await using hole = await blackHole();
    await using world = await ProxyUnderTest.forward(hole.port, { interpreter, timeouts: { dial: 80 } });
    const client = await dialPeer(world.port);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      reason: 'timeout.dial',
      by: 'upstream',
      deadline: 'dial',
      limitMs: 80,
      state: 'DIALING',
    });
    expect(await client.closed).toBe('reset');
  });

  test('T05: the budget ends a dial that each attempt alone would have let go on', async () => {
    await using hole = await blackHole();
    const target = { host: '127.0.0.1', port: hole.port };
    await using world = await ProxyUnderTest.start({
      interpreter,
      timeouts: { dial: 60, backoff: 10, dialBudget: 150 },
      routes: [
        {
          name: 'only',
          match: { ports: 0 },
          action: { type: 'forward', targets: Array.from({ length: 9 }, () => target) },
        },
      ],
    });
    await dialPeer(world.port);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'timeout.dialBudget', limitMs: 150, state: 'DIALING' });
  });

  test('L12: a client that leaves before its first byte is recorded as having left', async () => {
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
    const client = await dialPeer(world.port);
    await world.inState('SNIFFING');
    client.end();
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'downstream.left', by: 'downstream', state: 'SNIFFING' });
    expect(origin.peers).toHaveLength(0);
  });

  test('L24: an upstream that resets right after connecting ends the client with a reset, never with a clean end', async () => {
    await using origin = await Origin.start((peer) => peer.reset());
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    expect(await client.closed).toBe('reset');
    const [record] = await world.closed(1);
    expect(record?.reason).toBe('upstream.reset');
  });

  test('L14, L22: a client reset and an upstream failure in the same moment close the connection once', async () => {
    await using origin = await Origin.start();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    const server = await origin.accepted();
    server.reset();
    client.reset();
    await world.closed(1);
    await Promise.all([client.closed, server.closed]);
    expect(world.records).toHaveLength(1);
    expect(world.proxy.counters().closed).toBe(1);
  });

  test('L20: a reset on one side is a reset on the other, while data is in flight', async () => {
    await using origin = await Origin.start();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    const server = await origin.accepted();
    client.send('hello');
    await server.atLeast(5);
    client.reset();
    expect(await server.closed).toBe('reset');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'downstream.reset', code: 'ECONNRESET', state: 'ESTABLISHED' });
  });

  test('L34: a client of an immediately routed port may leave in any moment of the set-up', async () => {
    await using origin = await Origin.start();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const files = await openFileCount();
    const clients: Peer[] = [];
    for (let round = 0; round < 30; round += 1) {
      const client = await dialPeer(world.port);
      if (round % 3 === 0) client.reset();
      else if (round % 3 === 1) client.end();
      else client.socket.destroy();
      clients.push(client);
    }
    await Promise.all(clients.map((client) => client.closed));
    await world.settled();
    origin.letGo();
    await expectBaseline(world.proxy, files);
  });

  test('L27, rapid-retry-cleanup.node: twenty retries against a refusing upstream and a route that does not exist leave nothing', async () => {
    const dead = await closedPort();
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        {
          name: 'dead',
          match: { ports: 0, domains: 'dead.example' },
          action: { type: 'forward', target: { host: '127.0.0.1', port: dead } },
        },
      ],
    });
    const files = await openFileCount();
    for (let round = 0; round < 20; round += 1) {
      const client = await dialPeer(world.port);
      client.send(
        `GET / HTTP/1.1\r\nHost: ${round % 2 === 0 ? 'dead.example' : 'nobody.example'}\r\nConnection: close\r\n\r\n`,
      );
      await client.ended;
      client.end();
      await client.closed;
    }
    await world.closed(20);
    const { closedByReason, exchanges } = world.proxy.counters();
    expect(closedByReason).toEqual({ completed: 20 });
    expect(exchanges.closedByReason).toEqual({ 'upstream.refused': 10, 'refused.route': 10 });
    await expectBaseline(world.proxy, files);
  });

  test('L37: repeated connections leave no listener and no timer behind', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const warnings: string[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning.name);
    process.on('warning', onWarning);
    const files = await openFileCount();
    for (let round = 0; round < 50; round += 1) {
      const client = await dialPeer(world.port);
      client.socket.end('x');
      await client.closed;
    }
    await world.closed(50);
    process.off('warning', onWarning);
    expect(warnings).toEqual([]);
    origin.letGo();
    await expectBaseline(world.proxy, files);
  });
});
