/**
 * Round-robin over targets, for connections and for the attempts of one connection.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { order, pick, roundRobin } from '../../src/routing/balance.ts';
import { runs, seed } from '../support/fuzz.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });
const count = fc.integer({ min: 1, max: 20 });

test('R10: connections start at the targets in turn, the first one at the first', () => {
  fc.assert(
    fc.property(count, fc.nat({ max: 100 }), (targets, picks) => {
      const balance = roundRobin(targets);
      expect(Array.from({ length: picks }, () => balance.next())).toEqual(
        Array.from({ length: picks }, (_, turn) => turn % targets),
      );
    }),
    settings(200),
  );
});

test('R10: the attempts of one connection take every target once before any twice', () => {
  fc.assert(
    fc.property(count, fc.nat({ max: 19 }), (targets, start) => {
      const tried = order(start % targets, targets);
      expect(tried[0]).toBe(start % targets);
      expect(new Set(tried).size).toBe(targets);
      expect(tried.every((index) => index >= 0 && index < targets)).toBe(true);
      for (const [attempt, index] of tried.entries()) expect(pick(start % targets, attempt, targets)).toBe(index);
      expect(pick(start % targets, targets, targets)).toBe(tried[0]);
    }),
    settings(200),
  );
});
