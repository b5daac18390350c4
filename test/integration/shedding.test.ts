/**
 * Who gives way where there is no slot: somebody who has not said what for, and only for who has fewer.
 */
import { describe, expect, test } from 'vitest';
import type { SallyportConfig } from '../../src/index.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { admissionPlan, type AdmissionChange } from '../support/admission-plans.ts';
import { dialPeer, knock, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const other = { localAddress: '127.0.0.2' };

const sniffed = (port: number, protocol: string, more: object = {}): SallyportConfig => ({
  routes: [
    {
      name: 'only',
      match: { ports: 0, protocol },
      action: { type: 'forward', target: { host: '127.0.0.1', port } },
      ...more,
    },
  ],
});

function start(config: SallyportConfig, change: AdmissionChange, clock?: StepClock): Promise<ProxyUnderTest> {
  return ProxyUnderTest.planned(admissionPlan(config, change), clock === undefined ? {} : { clock });
}

describe('who gives way at the cap', () => {
  /** So many silent clients of one address, in order. */
  async function silent(world: ProxyUnderTest, count: number, options = {}): Promise<readonly Peer[]> {
    const peers: Peer[] = [];
    for (let at = 0; at < count; at += 1) {
      peers.push(await dialPeer(world.port, options));
      await world.until(() => world.proxy.connections().length >= at + 1);
    }
    return peers;
  }

  test('U10, C05, X06: the oldest silent client of the address that has most of them, for one of another address', async () => {
    await using origin = await Origin.echo();
    await using world = await start(sniffed(origin.port, 'ssh'), { proxy: { maxConnections: 4 } });
    const slow = await silent(world, 4);
    const oldest = `127.0.0.1:${slow[0]?.socket.localPort}`;
    const newcomer = await dialPeer(world.port, other);
    newcomer.send('SSH-2.0-new\r\n');
    expect((await newcomer.atLeast(13)).toString()).toBe('SSH-2.0-new\r\n');
    expect(await slow[0]?.closed).toBe('reset');
    expect(world.records).toMatchObject([
      { reason: 'refused.capacity', by: 'proxy', state: 'SNIFFING', client: oldest },
    ]);
    expect(world.records[0]?.cause).toContain('its address had most');
    // Three are left, and the newcomer's would be one: still two more. Then they are even enough.
    const next = await dialPeer(world.port, other);
    next.send('SSH-2.0-new\r\n');
    await next.atLeast(13);
    expect(await knock(world.port, other).closed).toBe('reset');
    expect(world.proxy.census().slots).toBe(4);
    expect(world.proxy.counters()).toMatchObject({ refused: 1, closedByReason: { 'refused.capacity': 2 } });
  });

  test('U10: who waits gets what somebody gave way with, and nobody waits behind those who would give way', async () => {
    await using origin = await Origin.echo();
    const patient = { ...sniffed(origin.port, 'ssh'), timeouts: { admission: '1m' } };
    await using world = await start(patient, { proxy: { maxConnections: 4, waitersMax: 2 } });
    await silent(world, 6);
    expect(world.proxy.connections({ state: 'ACCEPTED' }).length).toBe(2);
    const newcomer = await dialPeer(world.port, other);
    newcomer.send('SSH-2.0-new\r\n');
    // The two before it come first; the third to give way makes room for it.
    await world.until(() => world.proxy.connections({ state: 'ACCEPTED' }).length === 2);
    for (let more = 0; more < 2; more += 1) await dialPeer(world.port, { localAddress: `127.0.0.${3 + more}` });
    expect((await newcomer.atLeast(13)).toString()).toBe('SSH-2.0-new\r\n');
    expect(world.proxy.census().slots).toBe(4);
  });

  test('U10: nobody gives way to more of its own address, so that a flood of one address does not shed itself', async () => {
    await using origin = await Origin.echo();
    await using world = await start(sniffed(origin.port, 'ssh'), { proxy: { maxConnections: 4 } });
    await silent(world, 4);
    for (let times = 0; times < 5; times += 1) expect(await knock(world.port).closed).toBe('reset');
    expect(world.records).toEqual([]);
  });

  test('U10: who is served or dialled for never gives way', async () => {
    await using origin = await Origin.echo();
    const config = sniffed(origin.port, 'ssh');
    await using world = await start(config, { proxy: { maxConnections: 4 } });
    const served = await silent(world, 4);
    for (const peer of served) peer.send('SSH-2.0-old\r\n');
    await world.inState('ESTABLISHED', 4);
    expect(await knock(world.port, other).closed).toBe('reset');
    expect(world.records).toEqual([]);
  });

  test('U10: who may wait for the server to speak never gives way while it is silent', async () => {
    const clock = new StepClock();
    await using origin = await Origin.echo();
    const config = sniffed(origin.port, 'ssh', { timeouts: { serverFirst: '300ms' } });
    await using world = await start(config, { proxy: { maxConnections: 4 } }, clock);
    const quiet = await silent(world, 4);
    expect(await knock(world.port, other).closed).toBe('reset');
    expect(world.records).toEqual([]);
    // Who has begun to speak does not wait for the server.
    for (const peer of quiet) peer.send('SS');
    await world.until(() => world.proxy.connections().every(({ leaf }) => leaf === 'SNIFFING.PREFACE'));
    const newcomer = await dialPeer(world.port, other);
    await quiet[0]?.closed;
    expect(world.records).toMatchObject([{ reason: 'refused.capacity' }]);
    for (const peer of [...quiet, newcomer]) peer.reset();
    await world.closed(5);
  });

  test('U10: at the cap of a listener nobody of another listener gives way', async () => {
    await using origin = await Origin.echo();
    const plan = admissionPlan(
      {
        routes: ['a', 'b'].map((name, at) => ({
          name,
          match: { ports: 40_001 + at, protocol: 'ssh' },
          action: { type: 'forward' as const, target: { host: '127.0.0.1', port: origin.port } },
        })),
      },
      {},
    );
    const listeners = plan.listeners.map((listener, at) => ({
      ...listener,
      port: 0,
      admission: { ...listener.admission, maxConnections: at === 0 ? 1 : null },
    }));
    await using world = await ProxyUnderTest.planned({ ...plan, listeners });
    const [narrow, wide] = world.proxy.addresses();
    const many = await Promise.all(Array.from({ length: 6 }, () => dialPeer(wide?.port ?? 0)));
    const [one] = [await dialPeer(narrow?.port ?? 0)];
    await world.inState('SNIFFING', 7);
    expect(await knock(narrow?.port ?? 0, other).closed).toBe('reset');
    expect(world.records).toEqual([]);
    for (const peer of [...many, one]) peer.reset();
    await world.closed(7);
  });

  test('U10, P07: behind a proxy with PROXY headers the address is the client’s', async () => {
    await using origin = await Origin.echo();
    const proxyHeader = { from: ['127.0.0.1'], required: true };
    await using world = await start(sniffed(origin.port, 'ssh'), { proxy: { maxConnections: 5 }, proxyHeader });
    const slow = await silent(world, 5);
    for (const [at, peer] of slow.entries()) {
      peer.send(`PROXY TCP4 203.0.113.${at === 0 ? 9 : 1} 192.0.2.1 4000 80\r\n`);
      await world.until(
        () => world.proxy.connections().filter(({ leaf }) => leaf === 'SNIFFING.SILENT').length === at + 1,
      );
    }
    const newcomer = await dialPeer(world.port);
    // The oldest of the four; the one before them is of somebody else.
    expect(await slow[1]?.closed).toBe('reset');
    newcomer.reset();
  });
});
