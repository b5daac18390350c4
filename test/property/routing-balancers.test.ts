/**
 * How pools choose an endpoint: by turns, by load, by chance, by a key; and what all of them have in common.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createBalancer,
  type BalancedEndpoint,
  type BalanceKind,
  type Balancer,
  type PickQuestion,
} from '../../src/routing/balance.ts';
import { hashOf, scoreOf } from '../../src/routing/rendezvous.ts';
import { runs, seed } from '../support/fuzz.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

const kinds: readonly BalanceKind[] = ['round-robin', 'least-connections', 'random-two', 'hash'];
const weights = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 7 });

function endpointsOf(all: readonly number[]): readonly BalancedEndpoint[] {
  return all.map((weight, index) => ({ name: `10.0.0.${index}:80`, weight }));
}

function question(changed: Partial<PickQuestion> = {}): PickQuestion {
  return { isEligible: () => true, heldBy: () => 0, tried: new Set(), random: () => 0, key: 'k', ...changed };
}

function picks(balancer: Balancer, count: number, changed: Partial<PickQuestion> = {}): readonly number[] {
  return Array.from({ length: count }, (_, index) => balancer.pick(question({ key: `k${index}`, ...changed })) ?? -1);
}

function countsOf(picked: readonly number[], length: number): readonly number[] {
  return Array.from({ length }, (_, index) => picked.filter((one) => one === index).length);
}

/** A sequence of fractions that covers 0 to 1 evenly. */
function evenly(): () => number {
  let state = seed() >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe.each(kinds)('every balancer: %s', (kind) => {
  test('R10, B01: one that may be used is taken, one that was tried only when no other is left', () => {
    const flags = fc.array(fc.tuple(fc.boolean(), fc.boolean(), fc.nat({ max: 5 })), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(flags, fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 2 }), (all, draws) => {
        const balancer = createBalancer(kind, endpointsOf(all.map(() => 1)));
        const eligible = all.flatMap(([isEligible], index) => (isEligible ? [index] : []));
        const tried = new Set(all.flatMap(([, isTried], index) => (isTried ? [index] : [])));
        const fresh = eligible.filter((index) => !tried.has(index));
        let drawn = 0;
        for (let round = 0; round < 5; round += 1) {
          const picked = balancer.pick({
            isEligible: (index) => all[index]?.[0] === true,
            heldBy: (index) => all[index]?.[2] ?? 0,
            tried,
            random: () => draws[(drawn += 1) % draws.length] ?? 0,
            key: `k${round}`,
          });
          if (eligible.length === 0) expect(picked).toBe(null);
          else expect(fresh.length > 0 ? fresh : eligible).toContain(picked);
        }
      }),
      settings(300),
    );
  });

  test('B01, B05: a dial that fails everywhere tries every endpoint once before any twice', () => {
    fc.assert(
      fc.property(weights, (all) => {
        const balancer = createBalancer(kind, endpointsOf(all));
        const [tried, random] = [new Set<number>(), evenly()];
        for (let attempt = 0; attempt < all.length; attempt += 1) {
          const picked = balancer.pick(question({ tried, random }));
          expect(picked === null || tried.has(picked)).toBe(false);
          if (picked !== null) tried.add(picked);
        }
        expect(balancer.pick(question({ tried, random }))).not.toBe(null);
      }),
      settings(200),
    );
  });

  test('B01: nobody starves', () => {
    const balancer = createBalancer(kind, endpointsOf([1, 6, 1, 3]));
    const counts = countsOf(picks(balancer, 500, { random: evenly() }), 4);
    expect(counts.every((count) => count > 10)).toBe(true);
  });

  test('B01: no endpoints, no pick', () => {
    expect(createBalancer(kind, []).pick(question())).toBe(null);
  });
});

describe('by turns', () => {
  test('B01: in as many picks as the weights add up to, each has exactly its weight, again and again', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 3 }), (all, periods) => {
        const balancer = createBalancer('round-robin', endpointsOf(all));
        const period = all.reduce((sum, weight) => sum + weight, 0);
        for (let round = 0; round < periods; round += 1)
          expect(countsOf(picks(balancer, period), all.length)).toEqual(all);
      }),
      settings(300),
    );
  });

  test('B01: turns are spread: the heavy one does not have all of its turns in a row', () => {
    expect(picks(createBalancer('round-robin', endpointsOf([5, 1, 1])), 7)).toEqual([0, 0, 1, 0, 2, 0, 0]);
    expect(picks(createBalancer('round-robin', endpointsOf([1, 1, 1])), 6)).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test('B01: nobody waits for more than the others’ turns of one period, also after it was left out', () => {
    fc.assert(
      fc.property(weights, fc.array(fc.nat({ max: 6 }), { maxLength: 30 }), (all, leftOut) => {
        const balancer = createBalancer('round-robin', endpointsOf(all));
        for (const out of leftOut) balancer.pick(question({ isEligible: (index) => index !== out }));
        const period = all.reduce((sum, weight) => sum + weight, 0);
        const counts = countsOf(picks(balancer, 4 * period), all.length);
        expect(counts.every((count) => count > 0)).toBe(true);
      }),
      settings(300),
    );
  });

  test('B01: an endpoint that starts slowly has its share of its turns', () => {
    const balancer = createBalancer('round-robin', endpointsOf([2, 2]));
    const counts = countsOf(picks(balancer, 100, { shareOf: (index) => (index === 0 ? 0.25 : 1) }), 2);
    expect(counts).toEqual([20, 80]);
  });
});

describe('by load', () => {
  test('B01: whoever has fewest for its weight is taken, so that loads follow weights', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 8 }), (all, rounds) => {
        const balancer = createBalancer('least-connections', endpointsOf(all));
        const held = all.map(() => 0);
        const period = all.reduce((sum, weight) => sum + weight, 0);
        for (let count = 0; count < rounds * period; count += 1) {
          const picked = balancer.pick(question({ heldBy: (index) => held[index] ?? 0 })) ?? -1;
          const loads = held.map((one, index) => one / (all[index] ?? 1));
          expect(loads[picked]).toBe(Math.min(...loads));
          held[picked] = (held[picked] ?? 0) + 1;
        }
        expect(held).toEqual(all.map((weight) => weight * rounds));
      }),
      settings(200),
    );
  });

  test('B01: equals take turns by weight, also where no connection lasts until the next', () => {
    expect(picks(createBalancer('least-connections', endpointsOf([1, 1, 1])), 6)).toEqual([0, 1, 2, 0, 1, 2]);
    expect(picks(createBalancer('least-connections', endpointsOf([5, 1, 1])), 7)).toEqual([0, 0, 1, 0, 2, 0, 0]);
  });

  test('B01: an endpoint that starts slowly counts as smaller', () => {
    const balancer = createBalancer('least-connections', endpointsOf([1, 1]));
    const shareOf = (index: number) => (index === 0 ? 0.2 : 1);
    expect(balancer.pick(question({ shareOf, heldBy: (index) => (index === 0 ? 1 : 4) }))).toBe(1);
    expect(balancer.pick(question({ shareOf, heldBy: (index) => (index === 0 ? 1 : 6) }))).toBe(0);
  });
});

describe('by chance', () => {
  test('B01: of two that are drawn the one with fewer for its weight is taken, the first of equals', () => {
    const draws = (...all: readonly number[]) => {
      let next = 0;
      return () => all[(next += 1) - 1] ?? 0;
    };
    const balancer = createBalancer('random-two', endpointsOf([1, 1, 2]));
    const pick = (random: () => number, held: readonly number[]) =>
      balancer.pick(question({ random, heldBy: (index) => held[index] ?? 0 }));
    // 0 to 1/4 is the first, to 1/2 the second, the rest the third; then those that are left share what is left.
    expect(pick(draws(0, 0), [1, 1, 0])).toBe(0);
    expect(pick(draws(0, 0), [2, 1, 0])).toBe(1);
    expect(pick(draws(0, 0.4), [1, 0, 1])).toBe(2);
    expect(pick(draws(0, 0.4), [1, 0, 3])).toBe(0);
    expect(pick(draws(0.5, 0.5), [2, 2, 3])).toBe(2);
    expect(pick(draws(0.5, 0.49), [1, 0, 3])).toBe(0);
  });

  test('B01: without any load, everybody is taken as often as its weight says', () => {
    const balancer = createBalancer('random-two', endpointsOf([1, 2, 3]));
    const counts = countsOf(picks(balancer, 6_000, { random: evenly() }), 3);
    for (const [index, count] of counts.entries()) expect(Math.abs(count - 1_000 * (index + 1))).toBeLessThan(200);
  });
});

describe('by key', () => {
  const many = Array.from({ length: 2_000 }, (_, index) => `192.0.${index >>> 8}.${index & 255}`);
  const placed = (endpoints: readonly BalancedEndpoint[], changed: Partial<PickQuestion> = {}) => {
    const balancer = createBalancer('hash', endpoints);
    return many.map((key) => endpoints[balancer.pick(question({ ...changed, key })) ?? -1]?.name ?? '');
  };

  test('B01: a key leads to the same endpoint, wherever that stands in the list', () => {
    const endpoints = endpointsOf([1, 2, 3, 1]);
    const once = placed(endpoints);
    expect(placed(endpoints)).toEqual(once);
    expect(placed(endpoints.toReversed())).toEqual(once);
  });

  test('B01: who leaves, or may not be used, takes only its own keys along; who comes takes only what is its own', () => {
    const endpoints = endpointsOf([1, 2, 3, 1, 1]);
    const before = placed(endpoints);
    for (const [gone, { name }] of endpoints.entries()) {
      const without = placed(endpoints.filter((one) => one.name !== name));
      const skipped = placed(endpoints, { isEligible: (index) => index !== gone });
      const tried = placed(endpoints, { tried: new Set([gone]) });
      expect([skipped, tried]).toEqual([without, without]);
      for (const [index, was] of before.entries()) expect(without[index] === was).toBe(was !== name);
    }
  });

  test('B01: a change of weight moves keys only to or from that endpoint', () => {
    const before = placed(endpointsOf([2, 2, 2]));
    for (const weight of [1, 3]) {
      const after = placed(endpointsOf([weight, 2, 2]));
      const moved = after.filter((name, index) => name !== before[index]);
      const left = before.filter((name, index) => name !== after[index]);
      expect((weight === 1 ? left : moved).every((name) => name === '10.0.0.0:80')).toBe(true);
      expect(moved.length).toBeGreaterThan(50);
    }
  });

  test('B01: keys are spread as the weights say', () => {
    const all = [1, 2, 3, 4];
    const endpoints = endpointsOf(all);
    const names = placed(endpoints);
    for (const [index, { name }] of endpoints.entries()) {
      const share = names.filter((one) => one === name).length / many.length;
      expect(Math.abs(share - (all[index] ?? 0) / 10)).toBeLessThan(0.03);
    }
  });

  test('B01: the score is finite for every hash, and depends on all of key and name', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    fc.assert(
      fc.property(word, word, fc.constantFrom(0.1, 1, 100), (key, endpoint, weight) => {
        const score = scoreOf(key, endpoint, weight);
        expect(score > 0 && Number.isFinite(score)).toBe(true);
      }),
      settings(1_000),
    );
    expect(scoreOf(0, 0, 1)).toBeGreaterThan(0);
    expect(new Set(many.map((key) => hashOf(key))).size).toBe(many.length);
    expect(hashOf('a')).not.toBe(hashOf('\u0161'));
  });
});
