/**
 * A crowd, compared with a plain list: who is there, how many of each, and who gives way.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Crowd } from '../../src/routing/crowd.ts';
import { runs, seed } from '../support/fuzz.ts';

interface One {
  readonly holder: string;
  readonly number: number;
}

const step = fc.record({ holder: fc.constantFrom('a', 'b', 'c'), removes: fc.boolean(), which: fc.nat({ max: 40 }) });

test('C05, U10: who gives way is of the holder that has most, its first or last, and only for somebody with clearly fewer', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const crowd = new Crowd<One>();
      const there: One[] = [];
      for (const [number, { holder, removes, which }] of steps.entries()) {
        if (removes) {
          const [gone] = there.splice(which % Math.max(1, there.length), 1);
          if (gone !== undefined) expect([crowd.remove(gone), crowd.remove(gone)]).toEqual([true, false]);
        } else {
          const one = { holder, number };
          there.push(one);
          crowd.add(holder, one);
          crowd.add('elsewhere', one);
        }
        const of = (name: string) => there.filter((one) => one.holder === name);
        const most = Math.max(0, ...['a', 'b', 'c'].map((name) => of(name).length));
        expect([crowd.size, crowd.holders]).toEqual([there.length, new Set(there.map((one) => one.holder)).size]);
        for (const name of ['a', 'b', 'c', 'new']) {
          expect([crowd.count(name), crowd.first(name)]).toEqual([of(name).length, of(name)[0] ?? null]);
          const [first, last] = [crowd.victimFor(name, 'first'), crowd.victimFor(name, 'last')];
          expect(first !== null).toBe(most >= of(name).length + 3);
          if (first === null) continue;
          expect(of(first.holder)).toHaveLength(most);
          expect([first, last]).toEqual([of(first.holder)[0], of(first.holder).at(-1)]);
        }
      }
    }),
    { seed: seed(), numRuns: runs(40) },
  );
});
