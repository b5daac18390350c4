/**
 * Slots by key and claims on several counters, compared with a count of what is live.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SlotCounter } from '../../src/routing/admission.ts';
import { claimTogether, KeyedSlots, type SlotClaim } from '../../src/routing/counted-limits.ts';
import { runs, seed } from '../support/fuzz.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

const cap = fc.oneof(fc.constant(null), fc.nat({ max: 4 }));
const client = fc.constantFrom('a', 'b', 'c');
const route = fc.constantFrom('x', 'y');

type Move =
  | { readonly kind: 'claim'; readonly client: string; readonly route: string }
  | { readonly kind: 'release'; readonly which: number };

const moves: fc.Arbitrary<readonly Move[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('claim' as const), client, route }),
    fc.record({ kind: fc.constant('release' as const), which: fc.nat() }),
  ),
  { maxLength: 80 },
);

interface Live {
  readonly client: string;
  readonly route: string;
  readonly claim: SlotClaim;
}

describe('C01, C02: slots claimed together', () => {
  test('C01, C02: what is held is what is live, never above a cap, in any order of claims and releases', () => {
    fc.assert(
      fc.property(cap, cap, cap, moves, (overall, perClient, perRoute, steps) => {
        const all = new SlotCounter(overall);
        const [clients, routes] = [new KeyedSlots(perClient), new KeyedSlots(perRoute)];
        const live: Live[] = [];
        const released: SlotClaim[] = [];
        const count = (holds: (one: Live) => boolean) => live.filter(holds).length;
        const isRoom = (max: number | null, held: number) => max === null || held < max;
        for (const step of steps) {
          if (step.kind === 'release') {
            const [gone] = live.splice(step.which % Math.max(1, live.length), 1);
            gone?.claim.release();
            if (gone !== undefined) released.push(gone.claim);
            // A second release is as if it had not been.
            released[step.which % Math.max(1, released.length)]?.release();
          } else {
            const answer = claimTogether([all, clients.at(step.client), routes.at(step.route)]);
            const room = [
              isRoom(overall, live.length),
              isRoom(
                perClient,
                count((one) => one.client === step.client),
              ),
              isRoom(
                perRoute,
                count((one) => one.route === step.route),
              ),
            ];
            expect(answer.claimed ? -1 : answer.full).toBe(room.indexOf(false));
            if (answer.claimed) live.push({ client: step.client, route: step.route, claim: answer.claim });
          }
          expect([all.held, clients.total, routes.total]).toEqual([live.length, live.length, live.length]);
          for (const key of ['a', 'b', 'c']) expect(clients.held(key)).toBe(count((one) => one.client === key));
          for (const key of ['x', 'y']) expect(routes.held(key)).toBe(count((one) => one.route === key));
          expect(clients.keys).toBe(new Set(live.map((one) => one.client)).size);
          expect(live.every(({ claim }) => claim.isHeld) && released.every(({ isHeld }) => !isHeld)).toBe(true);
        }
        for (const { claim } of live) claim.release();
        expect([all.held, clients.total, clients.keys, routes.keys]).toEqual([0, 0, 0, 0]);
      }),
      settings(500),
    );
  });

  test('C02: a cap of 0 always refuses, and nobody else loses a slot by it', () => {
    const [all, none] = [new SlotCounter(10), new KeyedSlots(0)];
    for (let count = 0; count < 3; count += 1) {
      expect(claimTogether([all, none.at('a')])).toEqual({ claimed: false, full: 1 });
    }
    expect([all.held, none.total, none.keys]).toEqual([0, 0, 0]);
  });

  test('C01: a source that stands there twice is asked for two, all or none', () => {
    const slots = new KeyedSlots(3);
    const [one, other] = [claimTogether([slots.at('a'), slots.at('a')]), claimTogether([slots.at('a'), slots.at('a')])];
    expect([one.claimed, other.claimed, slots.held('a')]).toEqual([true, false, 2]);
    if (one.claimed) one.claim.release();
    expect(slots.held('a')).toBe(0);
  });

  test('C02: releasing a key that holds nothing is a mistake that is told', () => {
    const slots = new KeyedSlots(null);
    slots.tryClaim('a');
    slots.release('a');
    expect(() => slots.release('a')).toThrow(/twice/);
    expect(() => slots.release('b')).toThrow(/twice/);
    expect(slots.total).toBe(0);
  });

  test('C01: a new cap holds for the next claim and takes nothing away', () => {
    const slots = new KeyedSlots(null);
    for (let count = 0; count < 5; count += 1) slots.tryClaim('a');
    slots.resize(3);
    expect([slots.max, slots.held('a'), slots.tryClaim('a'), slots.tryClaim('b')]).toEqual([3, 5, false, true]);
    for (let count = 0; count < 3; count += 1) slots.release('a');
    expect([slots.tryClaim('a'), slots.tryClaim('a')]).toEqual([true, false]);
  });

  test('C05: the fullest key is the one that holds most', () => {
    const slots = new KeyedSlots(null);
    expect(slots.fullest()).toBe(null);
    for (const key of ['a', 'b', 'c', 'b', 'c', 'b']) slots.tryClaim(key);
    expect(slots.fullest()).toBe('b');
    slots.release('b');
    slots.release('b');
    expect(slots.fullest()).toBe('c');
    slots.release('c');
    expect(slots.fullest()).toBe('a');
  });

  test('C02: a source that was changed behind the claim’s back is still given back as it was claimed', () => {
    const slots = new KeyedSlots(2);
    const sources = [slots.at('a')];
    const answer = claimTogether(sources);
    sources.push(slots.at('b'));
    if (answer.claimed) answer.claim.release();
    expect(slots.total).toBe(0);
  });
});
