/**
 * Two proxies in a row: what closes on the inner one closes on the outer one, and the reverse, and nothing accumulates.
 */
import { describe, expect, test } from 'vitest';
import { openFileCount } from '../../src/io/fd-limit.ts';
import { expectBaseline } from '../support/census.ts';
import { dialPeer, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

function killAll({ proxy }: ProxyUnderTest): void {
  for (const { connectionId } of proxy.connections()) proxy.kill(connectionId);
}

describe.each(['compiled', 'xstate'] as const)('a chain of proxies under the %s interpreter', (interpreter) => {
  test('L23, proxy-chain-cleanup.node: however a connection ends on the inner proxy, it ends on the outer one, and the reverse', async () => {
    await using origin = await Origin.echo();
    await using inner = await ProxyUnderTest.forward(origin.port, { interpreter });
    await using outer = await ProxyUnderTest.forward(inner.port, { interpreter });
    const files = await openFileCount();
    const ways: readonly ((client: Peer) => void)[] = [
      (client) => client.end(),
      (client) => client.reset(),
      (client) => void client.socket.destroy(),
      () => killAll(inner),
      () => killAll(outer),
      () => origin.peers.at(-1)?.reset(),
    ];
    for (const [round, end] of ways.entries()) {
      const client = await dialPeer(outer.port);
      client.send('through both');
      await client.atLeast(12);
      end(client);
      await Promise.all([inner.closed(round + 1), outer.closed(round + 1)]);
      client.socket.destroy();
    }
    expect(outer.records.map(({ reason }) => reason)).toEqual([
      'completed',
      'downstream.reset',
      'completed',
      'upstream.reset',
      'operator.killed',
      'upstream.reset',
    ]);
    origin.letGo();
    await expectBaseline(outer.proxy, files);
    await expectBaseline(inner.proxy, files);
  });

  test('L25, G05: an inner proxy that is restarted leaves nothing on the outer one, which then serves again', async () => {
    await using origin = await Origin.echo();
    let inner = await ProxyUnderTest.forward(origin.port, { interpreter });
    const { port } = inner;
    await using outer = await ProxyUnderTest.forward(port, { interpreter });
    const clients = await Promise.all(Array.from({ length: 20 }, () => dialPeer(outer.port)));
    await outer.inState('ESTABLISHED', 20);
    await inner.inState('ESTABLISHED', 20);
    await inner.proxy.stop();
    await outer.closed(20);
    await Promise.all(clients.map((client) => client.closed));
    expect(outer.proxy.counters().closedByReason).toEqual({ 'upstream.reset': 20 });
    inner = await ProxyUnderTest.forward(origin.port, { interpreter, route: { match: { ports: port } } });
    const late = await dialPeer(outer.port);
    late.send('again');
    expect((await late.atLeast(5)).toString()).toBe('again');
    late.reset();
    await outer.closed(21);
    await inner[Symbol.asyncDispose]();
  });

  test('L29, proxy-chaining-accumulation.node: two mass disconnects and reconnects accumulate nothing on either proxy', async () => {
    await using origin = await Origin.echo();
    await using inner = await ProxyUnderTest.forward(origin.port, { interpreter });
    await using outer = await ProxyUnderTest.forward(inner.port, { interpreter });
    const files = await openFileCount();
    for (let blip = 1; blip <= 2; blip += 1) {
      const clients = await Promise.all(Array.from({ length: 100 }, () => dialPeer(outer.port)));
      await inner.inState('ESTABLISHED', 100);
      for (const client of clients) client.reset();
      await Promise.all([outer.closed(100 * blip), inner.closed(100 * blip)]);
    }
    origin.letGo();
    await expectBaseline(outer.proxy, files);
    await expectBaseline(inner.proxy, files);
  });

  test('T13, T14: an inner hop with a shorter idle deadline ends the connection, and each hop says its own reason', async () => {
    await using origin = await Origin.echo();
    await using inner = await ProxyUnderTest.forward(origin.port, { interpreter, timeouts: { idle: 100 } });
    await using outer = await ProxyUnderTest.forward(inner.port, { interpreter, timeouts: { idle: '1h' } });
    const client = await dialPeer(outer.port);
    client.send('then silence');
    await Promise.all([inner.closed(1), outer.closed(1)]);
    expect(inner.records).toMatchObject([{ reason: 'timeout.idle', deadline: 'idle', limitMs: 100 }]);
    expect(outer.records).toMatchObject([{ reason: 'upstream.reset', by: 'upstream', state: 'ESTABLISHED' }]);
    expect(await client.closed).toBe('reset');
  });
});
