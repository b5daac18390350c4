/**
 * Half-close on the wire: FIN is passed on after the last byte, and never ends the other direction. RFC 9293 §3.6.
 */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { dialPeer, Origin, ProxyUnderTest } from '../support/world.ts';

describe.each(['compiled', 'xstate'] as const)('half-close under the %s interpreter', (interpreter) => {
  test('L06, TestProxyConnections_HalfClosesOnEOF: a client that has ended still gets every byte of the answer', async () => {
    await using origin = await Origin.start();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    client.send('question').end();
    const server = await origin.accepted();
    await server.ended;
    expect(server.text).toBe('question');
    await world.inState('HALF_CLOSED');
    server.send('the answer comes').send(' after FIN').end();
    await client.ended;
    expect(client.text).toBe('the answer comes after FIN');
    expect(await client.closed).toBe('clean');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'completed', by: 'downstream', bytesIn: 8, bytesOut: 26, interpreter });
    expect(record?.path.map(([state]) => state)).toEqual([
      'ACCEPTED',
      'SNIFFING',
      'DIALING',
      'ESTABLISHED',
      'HALF_CLOSED',
    ]);
  });

  test('L06, L09: an upstream that has ended still gets every byte the client sends', async () => {
    await using origin = await Origin.start();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    const server = await origin.accepted();
    server.send('bye').end();
    await client.ended;
    const rest = randomBytes(300_000);
    client.send(rest).end();
    await server.ended;
    expect(server.bytes.equals(rest)).toBe(true);
    expect(await server.closed).toBe('clean');
    const [record] = await world.closed(1);
    expect(record).toMatchObject({ reason: 'completed', by: 'upstream', bytesIn: 300_000, bytesOut: 3 });
  });

  test('L07: both legs are closed once both directions are done, and closing is told once', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    client.send('x'.repeat(100_000)).end();
    await client.ended;
    expect(client.bytes.length).toBe(100_000);
    await client.closed;
    await world.closed(1);
    expect(world.records).toHaveLength(1);
    expect(world.proxy.counters()).toMatchObject({ accepted: 1, closed: 1, live: 0 });
  });

  test('lifecycle rule 8: bytes and FIN that come before the dial has completed reach the upstream', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const client = await dialPeer(world.port);
    client.socket.end('printf x | nc');
    await client.ended;
    expect(client.text).toBe('printf x | nc');
  });

  test('T12: an HALF_CLOSED connection on which nothing moves is ended by its own deadline', async () => {
    await using origin = await Origin.start();
    await using world = await ProxyUnderTest.forward(origin.port, {
      interpreter,
      timeouts: { halfClosed: 60, idle: '1h' },
    });
    const client = await dialPeer(world.port);
    client.send('x').end();
    const [record] = await world.closed(1);
    expect(record).toMatchObject({
      reason: 'timeout.halfClosed',
      deadline: 'halfClosed',
      limitMs: 60,
      state: 'HALF_CLOSED',
    });
    expect(await client.closed).toBe('reset');
  });
});
