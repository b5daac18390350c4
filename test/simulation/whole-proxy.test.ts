/**
 * Ring 5: does the whole proxy survive a bad day? Hundreds of clients, upstreams that crash and come back, legs that lie,
 * operators that kill, and a drain in the middle of it all, on one clock that steps.
 *
 * Everything comes from one seed. `SIM_SEED=… SIM_RUNS=… npx vitest run test/simulation` replays it, and so many after it.
 */
import { describe, expect, test } from 'vitest';
import { found } from '../support/race-identities.ts';
import { portNames, prefaceNames } from '../support/race-plan.ts';
import { clientsOfADay, live, seedsOf, type Season } from '../support/race-day.ts';
import { leftovers, nothingLeft } from '../support/race-stage.ts';

/** Nobody's TLS ends here. */
const plain: Season = {
  arrivals: portNames.flatMap((port) => prefaceNames.map((preface) => [port, preface] as const)),
  manners: [],
  handshakeOf: () => null,
  identityOf: () => found,
  sealingOf: () => 'seals',
};

describe.each(seedsOf(3))('a bad day from seed %i', (daySeed) => {
  test.each(['compiled', 'xstate'] as const)(
    'L01, L03: everybody is let go of, and the %s proxy is over when the last transport is closed',
    async (interpreter) => {
      const { world } = await live(interpreter, daySeed, plain);
      expect(leftovers(world)).toEqual(nothingLeft);
      expect(world.records).toHaveLength(world.connections.length);
      expect(world.connections.length).toBeGreaterThan(clientsOfADay / 3);
      expect(new Set(world.records.map(({ reason }) => reason)).size).toBeGreaterThan(8);
      expect(world.records.some(({ reason }) => reason === 'operator.drained')).toBe(true);
    },
  );

  test('one seed gives the same day twice, event by event, under either interpreter', async () => {
    const { trace } = await live('compiled', daySeed, plain);
    expect(trace.length).toBeGreaterThan(1000);
    expect((await live('compiled', daySeed, plain)).trace).toEqual(trace);
    expect((await live('xstate', daySeed, plain)).trace).toEqual(trace);
  });
});
