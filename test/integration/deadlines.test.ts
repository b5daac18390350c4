/**
 * Deadlines on the wire: each belongs to its state, says its name, and is gone in the next.
 */
import { describe, expect, test } from 'vitest';
import { dialPeer, Origin, ProxyUnderTest } from '../support/world.ts';

describe.each(['compiled', 'xstate'] as const)('deadlines under the %s interpreter', (interpreter) => {
  test('T08, T10: a connection on which nothing moves is ended by its own idle deadline, with its limit and its place', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, timeouts: { idle: 120 } });
    const client = await dialPeer(world.port);
    client.send('x');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      reason: 'timeout.idle',
      by: 'proxy',
      deadline: 'idle',
      limitMs: 120,
      configPath: 'timeouts.idle',
      state: 'ESTABLISHED',
    });
    expect(await client.closed).toBe('reset');
  });

  test('T08: bytes put the idle deadline off, from the last byte on', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, timeouts: { idle: 200 } });
    const client = await dialPeer(world.port);
    let rounds = 0;
    for (let ageMs = 0; ageMs < 500; ageMs = world.proxy.connections()[0]?.ageMs ?? Infinity) {
      client.send('x');
      rounds += 1;
      await client.atLeast(rounds);
    }
    expect(world.records).toHaveLength(0);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'timeout.idle', bytesIn: rounds, bytesOut: rounds });
  });

  test('T09: whoever listens is told before the idle deadline ends a quiet connection', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, timeouts: { idle: 120 } });
    const told: string[] = [];
    world.proxy.on('connection.idling', ({ connection }) => told.push(connection.leaf));
    await dialPeer(world.port);
    const [record] = await world.closed(1);
    expect(record?.reason).toBe('timeout.idle');
    expect(told).toEqual(['ESTABLISHED.TUNNEL.IDLING']);
  });

  test('T08, T09: a route has an idle deadline of its own', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, {
      interpreter,
      timeouts: { idle: '1h' },
      route: { timeouts: { idle: 80 } },
    });
    await dialPeer(world.port);
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'timeout.idle', limitMs: 80, configPath: 'routes[0].timeouts.idle' });
  });

  test('T11: an age that is set ends a connection however busy it is, counted from accept', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, timeouts: { lifetime: 150 } });
    const client = await dialPeer(world.port);
    client.socket.on('data', () => client.send('again'));
    client.send('go');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'timeout.lifetime', limitMs: 150, state: 'ESTABLISHED' });
    expect(record?.bytesIn).toBeGreaterThan(100);
  });
});
