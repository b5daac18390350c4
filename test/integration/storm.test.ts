/**
 * Storms on the wire, each ending with a census: file descriptors, timers, slots, ledger and records at the baseline.
 * The first three are the reproduction scenarios of the accumulation reports this project answers.
 */
import { describe, expect, test } from 'vitest';
import { openFileCount } from '../../src/io/fd-limit.ts';
import { expectBaseline } from '../support/census.ts';
import { clientHello } from '../support/tls-hello.ts';
import { closedPort, dialPeer, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

/** Runs `count` tasks, at most `width` at a time. */
async function inParallel(count: number, width: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await task(index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}

describe.each(['compiled', 'xstate'] as const)('storms under the %s interpreter', (interpreter) => {
  test('L28, L15, connect-disconnect-cleanup.node: 1,000 rapid connects and disconnects leave nothing', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const files = await openFileCount();
    await inParallel(1000, 1000, async (index) => {
      const client = await dialPeer(world.port);
      if (index % 4 === 0) client.end();
      else if (index % 4 === 1) client.reset();
      else if (index % 4 === 2) client.socket.destroy();
      else client.send('x').reset();
      await client.closed;
    });
    await world.settled();
    origin.letGo();
    await expectBaseline(world.proxy, files);
    expect(world.proxy.counters().accepted).toBeGreaterThan(700);
    expect(Object.keys(world.proxy.counters().closedByReason).toSorted()).toEqual([
      'downstream.left',
      'downstream.reset',
    ]);
  });

  test('L32: a slow upstream that accepts and never answers holds nobody beyond the idle deadline', async () => {
    await using origin = await Origin.start();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, timeouts: { idle: 150 } });
    const files = await openFileCount();
    const clients: Peer[] = [];
    for (let index = 0; index < 50; index += 1) clients.push((await dialPeer(world.port)).send('anybody there?'));
    await world.closed(50);
    await Promise.all(clients.map((client) => client.closed));
    origin.letGo();
    expect(world.proxy.counters().closedByReason).toEqual({ 'timeout.idle': 50 });
    await expectBaseline(world.proxy, files);
  });

  test('L33: TLS, plain and kept-alive clients share a port and nobody is left behind', async () => {
    await using origin = await Origin.echo();
    const action = { type: 'forward', target: { host: '127.0.0.1', port: origin.port } } as const;
    await using world = await ProxyUnderTest.start({
      interpreter,
      routes: [
        { name: 'tls', match: { ports: 0, domains: '*.example', protocol: 'tls' }, action },
        { name: 'http', match: { ports: 0, domains: '*.example', protocol: 'tcp' }, action },
        { name: 'rest', match: { ports: 0 }, action },
      ],
    });
    const files = await openFileCount();
    const hello = clientHello({ serverName: 'a.example' });
    const says = [hello, Buffer.from('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n'), Buffer.from('\u0000\u0001raw')];
    await inParallel(150, 30, async (index) => {
      const client = await dialPeer(world.port);
      const said = says[index % 3] ?? hello;
      client.send(said);
      expect((await client.atLeast(said.length)).equals(said)).toBe(true);
      if (index % 2 === 0) {
        client.send('more');
        await client.atLeast(said.length + 4);
        client.end();
      } else client.reset();
      await client.closed;
    });
    await world.closed(150);
    origin.letGo();
    await expectBaseline(world.proxy, files);
    const taken = (name: string) => world.records.filter(({ route }) => route === name).length;
    expect([taken('tls'), taken('http'), taken('rest')]).toEqual([50, 50, 50]);
  });

  test('L26: many rapid reconnects from the same address and port each get a connection of their own', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const from = { localAddress: '127.0.0.1', localPort: await closedPort() };
    for (let round = 0; round < 20; round += 1) {
      const client = await dialPeer(world.port, from);
      client.send('again');
      await client.atLeast(5);
      client.reset();
      await client.closed;
      await world.closed(round + 1);
    }
    expect(new Set(world.records.map(({ connectionId }) => connectionId)).size).toBe(20);
  });

  test('L38: a thousand connections later the counters still agree with what is open', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter });
    const staying = await Promise.all(Array.from({ length: 10 }, () => dialPeer(world.port)));
    await inParallel(300, 50, async () => {
      const client = await dialPeer(world.port);
      client.socket.end('x');
      await client.closed;
    });
    await world.closed(300);
    await world.inState('ESTABLISHED', 10);
    expect(world.proxy.counters()).toMatchObject({ accepted: 310, live: 10, closed: 300 });
    expect(world.proxy.census()).toMatchObject({ connections: 10, slots: 10, timers: 10 });
    for (const client of staying) client.reset();
    await world.closed(310);
  });
});
