/**
 * Caps on the wire: claimed before anything exists for a connection, exact under a race, released once.
 */
import { describe, expect, test } from 'vitest';
import { SlotCounter, tryClaimAll } from '../../src/routing/admission.ts';
import { openFileCount } from '../../src/io/fd-limit.ts';
import { expectBaseline } from '../support/census.ts';
import { dialPeer, knock, Origin, ProxyUnderTest } from '../support/world.ts';

test('C01, TestTryClaimConnection_HonorsLimit: a claim succeeds while there is room, and again after a release', () => {
  const slots = new SlotCounter(2);
  expect([slots.tryClaim(), slots.tryClaim(), slots.tryClaim()]).toEqual([true, true, false]);
  slots.release();
  expect([slots.tryClaim(), slots.tryClaim(), slots.held]).toEqual([true, false, 2]);
});

test('C02, TestTryClaimConnection_ZeroCapAlwaysFails: a cap of 0 refuses every claim, and null none', () => {
  expect(new SlotCounter(0).tryClaim()).toBe(false);
  expect(new SlotCounter(null).tryClaim()).toBe(true);
});

test('C02: a slot released twice is a broken invariant, said at once', () => {
  const slots = new SlotCounter(1);
  expect(slots.tryClaim()).toBe(true);
  slots.release();
  expect(() => slots.release()).toThrow('released twice');
});

test('C03: a claim of several caps takes all or none', () => {
  const [wide, narrow] = [new SlotCounter(5), new SlotCounter(1)];
  expect(tryClaimAll([wide, narrow])).toBe(true);
  expect(tryClaimAll([wide, narrow])).toBe(false);
  expect([wide.held, narrow.held]).toEqual([1, 1]);
});

describe.each(['compiled', 'xstate'] as const)('caps under the %s interpreter', (interpreter) => {
  test('C01, L16, TestTryClaimConnection_AtomicUnderRace, TestConnectionLimit: of 500 racers for 50 slots exactly 50 get one', async () => {
    await using origin = await Origin.start((peer) => void peer.send('in'));
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, limits: { maxConnections: 50 } });
    const files = await openFileCount();
    const racers = Array.from({ length: 500 }, () => knock(world.port));
    const outcomes = await Promise.all(
      racers.map((racer) =>
        Promise.race([
          racer.closed.then(() => 'refused'),
          racer.atLeast(2).then(
            () => 'admitted',
            () => 'refused',
          ),
        ]),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'admitted')).toHaveLength(50);
    expect(world.proxy.counters()).toMatchObject({
      accepted: 50,
      live: 50,
      refused: 450,
      refusedByReason: { 'refused.capacity': 450 },
    });
    expect(world.proxy.connections()).toHaveLength(50);
    for (const racer of racers) racer.reset();
    await world.closed(50);
    origin.letGo();
    await expectBaseline(world.proxy, files);
    expect(world.proxy.census().slots).toBe(0);
  });

  test('C02, C07: a cap of 0 refuses all, and nothing is made for a refused client', async () => {
    await using origin = await Origin.echo();
    await using world = await ProxyUnderTest.forward(origin.port, { interpreter, limits: { maxConnections: 0 } });
    expect(await knock(world.port).closed).toBe('reset');
    expect(world.proxy.counters()).toMatchObject({ accepted: 0, live: 0, refused: 1 });
    expect(origin.peers).toHaveLength(0);
  });

  test("C03: a listener's own cap holds beside the global one", async () => {
    await using origin = await Origin.start((peer) => void peer.send('in'));
    await using world = await ProxyUnderTest.forward(origin.port, {
      interpreter,
      listeners: { 0: { maxConnections: 1 } },
    });
    const first = await dialPeer(world.port);
    await first.atLeast(2);
    const second = knock(world.port);
    expect(await second.closed).toBe('reset');
    first.reset();
    await world.closed(1);
    const third = await dialPeer(world.port);
    await third.atLeast(2);
    expect(world.proxy.counters()).toMatchObject({ accepted: 2, refused: 1 });
  });
});
