/**
 * Rates: what is granted, compared with a limiter that remembers everything and counts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressBytes,
  addressOfIpv4Bytes,
  addressOfIpv6Bytes,
  canonicalAddress,
} from '../../src/routing/ip-address.ts';
import { rateKeyOf, rateLimiter, type Rate } from '../../src/routing/rate.ts';
import { runs, seed } from '../support/fuzz.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

const rates: fc.Arbitrary<Rate> = fc.record({
  amount: fc.integer({ min: 1, max: 50 }),
  perMs: fc.constantFrom(1, 7, 100, 1_000, 60_000),
  burst: fc.integer({ min: 1, max: 20 }),
});

interface Ask {
  readonly key: string;
  readonly waitMs: number;
  readonly cost: number;
}

const asks = (keys: readonly string[]): fc.Arbitrary<readonly Ask[]> =>
  fc.array(
    fc.record({
      key: fc.constantFrom(...keys),
      waitMs: fc.oneof(fc.constant(0), fc.constant(0), fc.nat({ max: 40 }), fc.nat({ max: 3_000 })),
      cost: fc.oneof(fc.constant(1), fc.constant(1), fc.integer({ min: 1, max: 4 })),
    }),
    { maxLength: 150 },
  );

/** Who asked when, and what for; only what was granted. */
interface Grant {
  readonly key: string;
  readonly atMs: number;
  readonly cost: number;
}

/** What was granted in the window that ends with this grant and begins with any before it, at its most excessive. */
function excess(grants: readonly Grant[], { amount, perMs, burst }: Rate): number {
  let worst = -Infinity;
  for (const [last, end] of grants.entries()) {
    let sum = 0;
    for (let first = last; first >= 0; first -= 1) {
      const start = grants[first];
      if (start === undefined) break;
      sum += start.cost;
      worst = Math.max(worst, sum * perMs - burst * perMs - (end.atMs - start.atMs) * amount);
    }
  }
  return worst;
}

const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

describe('X09: a rate', () => {
  test('X09: no window ever sees more than the burst and the rate in it, also where keys are forgotten', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 8 }), asks(many), (rate, keysMax, questions) => {
        const limiter = rateLimiter(rate, keysMax);
        const grants: Grant[] = [];
        let nowMs = 1_000;
        for (const { key, waitMs, cost } of questions) {
          nowMs += waitMs;
          if (limiter.take(key, nowMs, cost).granted) grants.push({ key, atMs: nowMs, cost });
          expect(limiter.keys).toBeLessThanOrEqual(keysMax);
        }
        for (const key of many) {
          expect(
            excess(
              grants.filter((grant) => grant.key === key),
              rate,
            ),
          ).toBeLessThanOrEqual(0);
        }
      }),
      settings(400),
    );
  });

  test('X09: where every key is kept, what would fit every window is granted, and each key is on its own', () => {
    fc.assert(
      fc.property(rates, asks(many), (rate, questions) => {
        const limiter = rateLimiter(rate, many.length);
        const grants: Grant[] = [];
        let nowMs = 0;
        for (const { key, waitMs, cost } of questions) {
          nowMs += waitMs;
          const grant = { key, atMs: nowMs, cost };
          const ofKey = [...grants.filter((one) => one.key === key), grant];
          const answer = limiter.take(key, nowMs, cost);
          expect(answer.granted).toBe(excess(ofKey, rate) <= 0);
          if (answer.granted) grants.push(grant);
        }
      }),
      settings(400),
    );
  });

  test('X09: a refusal says when: one millisecond before it is still refused, and it costs nothing', () => {
    fc.assert(
      fc.property(rates, asks(['a']), fc.integer({ min: 1, max: 25 }), (rate, questions, cost) => {
        const limiter = rateLimiter(rate);
        let nowMs = 0;
        for (const question of questions) {
          nowMs += question.waitMs;
          limiter.take('a', nowMs, question.cost);
        }
        const answer = limiter.take('a', nowMs, cost);
        if (answer.granted) return;
        if (cost > rate.burst) {
          expect(answer.retryAfterMs).toBe(Infinity);
          return;
        }
        expect(limiter.take('a', nowMs, cost)).toEqual(answer);
        expect(answer.retryAfterMs).toBeGreaterThanOrEqual(1);
        const early = limiter.take('a', nowMs + answer.retryAfterMs - 1, cost);
        expect(early).toEqual({ granted: false, retryAfterMs: 1 });
        expect(limiter.take('a', nowMs + answer.retryAfterMs, cost)).toEqual({ granted: true });
      }),
      settings(500),
    );
  });

  test('X09: whoever waits longer is never granted less', () => {
    fc.assert(
      fc.property(rates, asks(['a']), fc.nat({ max: 200 }), (rate, questions, moreMs) => {
        const grantedAfter = (waitMs: number): number => {
          const limiter = rateLimiter(rate);
          let nowMs = 0;
          for (const question of questions) {
            nowMs += question.waitMs;
            limiter.take('a', nowMs, question.cost);
          }
          let count = 0;
          while (count < 100 && limiter.take('a', nowMs + waitMs).granted) count += 1;
          return count;
        };
        expect(grantedAfter(moreMs)).toBeGreaterThanOrEqual(grantedAfter(Math.floor(moreMs / 2)));
      }),
      settings(300),
    );
  });

  test('X09: times between milliseconds are exact too: a burst is a burst, and not one more', () => {
    fc.assert(
      fc.property(rates, fc.double({ min: 0, max: 1e9, noNaN: true }), (rate, nowMs) => {
        const limiter = rateLimiter(rate);
        let count = 0;
        while (limiter.take('a', nowMs).granted) count += 1;
        expect(count).toBe(rate.burst);
      }),
      settings(500),
    );
  });

  test('X09: asking without taking changes nothing, and a clock that goes back grants nothing', () => {
    const limiter = rateLimiter({ amount: 1, perMs: 1_000, burst: 2 });
    for (let count = 0; count < 5; count += 1) expect(limiter.take('a', 5_000, 0).granted).toBe(true);
    expect(limiter.keys).toBe(0);
    expect([1, 1, 1].map((cost) => limiter.take('a', 5_000, cost).granted)).toEqual([true, true, false]);
    expect(limiter.take('a', 5_000, 0).granted).toBe(true);
    expect(limiter.take('a', 4_000).granted).toBe(false);
    expect(limiter.take('a', 6_000).granted).toBe(true);
  });

  test('X09: a flood of keys takes bounded memory, and does not free the one that is being refused', () => {
    const limiter = rateLimiter({ amount: 1, perMs: 1_000, burst: 3 }, 100);
    const refusals = () => [1, 2, 3, 4].map(() => limiter.take('attacker', 0).granted);
    expect(refusals()).toEqual([true, true, true, false]);
    for (let index = 0; index < 1_000; index += 1) limiter.take(`other ${index}`, 0);
    expect(limiter.keys).toBeLessThanOrEqual(100);
    expect(refusals()).toEqual([false, false, false, false]);
    expect(limiter.take('attacker', 999).granted).toBe(false);
    expect(limiter.take('attacker', 1_000).granted).toBe(true);
  });

  test('X09: of the debts that were let go the worst counts, not the last', () => {
    const limiter = rateLimiter({ amount: 1, perMs: 1_000, burst: 3 }, 2);
    const take = (key: string, nowMs: number, cost: number) => limiter.take(key, nowMs, cost).granted;
    expect([take('light', 0, 2), take('attacker', 0, 3)]).toEqual([true, true]);
    // Asking spares the light one, so that the attacker is let go first, and the light one when the next comes.
    expect([take('light', 0, 0), take('first', 0, 1), take('next', 1_000, 1)]).toEqual([true, true, true]);
    expect([take('attacker', 1_000, 2), take('attacker', 1_000, 1)]).toEqual([false, true]);
  });

  test('X09: what is paid is let go as others come, and a newcomer after the flood owes nothing', () => {
    const limiter = rateLimiter({ amount: 1, perMs: 1_000, burst: 3 }, 100);
    for (let index = 0; index < 1_000; index += 1) limiter.take(`other ${index}`, 0);
    for (let index = 0; index < 99; index += 1) limiter.take('one', 60_000 + 1_000 * index);
    for (let index = 0; index < 99; index += 1) limiter.take(`later ${index % 2}`, 600_000 + 1_000 * index);
    expect(limiter.keys).toBeLessThanOrEqual(100);
    for (let index = 0; index < 110; index += 1) limiter.take(`last ${index}`, 900_000 + 1_000 * index);
    expect(limiter.keys).toBeLessThanOrEqual(2);
    expect([1, 1, 1, 1].map((cost) => limiter.take('new', 2_000_000, cost).granted)).toEqual([true, true, true, false]);
  });

  test('X09: a rate that is not made of whole numbers from 1 on is refused', () => {
    const rate = { amount: 1, perMs: 1, burst: 1 };
    for (const wrong of [0, -1, 0.5, Number.NaN, Infinity]) {
      for (const name of ['amount', 'perMs', 'burst']) {
        expect(() => rateLimiter({ ...rate, [name]: wrong })).toThrow(/whole numbers/);
      }
      expect(() => rateLimiter(rate, wrong)).toThrow(/whole numbers/);
    }
  });
});

describe('X09: whom a rate is for', () => {
  test('X09: an IPv4 client is itself however it is written, an IPv6 client all of its /64, and a route everybody', () => {
    for (const text of ['192.0.2.7', '::ffff:192.0.2.7', '::FFFF:c000:207']) {
      expect(rateKeyOf('ip', text)).toBe('192.0.2.7');
    }
    for (const text of ['2001:db8:1:2::', '2001:DB8:1:2:ffff:ffff:ffff:ffff', '2001:db8:1:2::7%eth0']) {
      expect(rateKeyOf('ip', text)).toBe('2001:db8:1:2::/64');
    }
    expect(rateKeyOf('ip', '2001:db8:1:3::7')).toBe('2001:db8:1:3::/64');
    expect(rateKeyOf('ip', '::1')).toBe('::/64');
    expect(rateKeyOf('ip', 'unix')).toBe('unix');
    expect(rateKeyOf('route', '192.0.2.7')).toBe('');
  });

  test('X01: an address and its bytes are the same, in the one canonical form', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6(),
          fc.ipV4().map((text) => `::ffff:${text}`),
        ),
        (text) => {
          const bytes = addressBytes(text) ?? new Uint8Array(0);
          const written = bytes.length === 4 ? addressOfIpv4Bytes(bytes, 0) : addressOfIpv6Bytes(bytes, 0);
          expect(written).toBe(canonicalAddress(text));
          expect(bytes.length).toBe(written.includes(':') ? 16 : 4);
        },
      ),
      settings(500),
    );
    for (const text of ['', '1.2.3', '01.2.3.4', 'localhost', '::1%', '1::2::3', ':'])
      expect(addressBytes(text)).toBe(null);
  });
});
