/**
 * Ring 2: is the compiled exchange chart XState's? Both interpreters are told the same histories on clocks of their own and
 * compared after every step: leaf, context, commands in order, moves, armed deadlines with what remains, persisted form.
 * Here by chance; step by step from every state in exchange-conformance-walk.test.ts, which no seed changes.
 *
 * `FUZZ_SEED=… FUZZ_RUNS=…` replays or multiplies. Read first: test/support/chart-pair.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exchangeTable } from '../../src/machines/exchange/exchange-chart.ts';
import { exchangeLeaves } from '../../src/machines/exchange/verdicts.ts';
import { play } from '../support/chart-pair.ts';
import { configurations, modelOf } from '../support/exchange-configurations.ts';
import { chartStates, swarm, waysByLeaf } from '../support/exchange-histories.ts';
import { beginBoth, maker, walker, whatGuardsRead } from '../support/exchange-pair.ts';
import { runs, seed } from '../support/fuzz.ts';

describe('random', () => {
  const each = Math.ceil(3_000 / configurations.length);

  test.each([
    ['a shell that answers later', false],
    ['a shell that answers inside the command', true],
  ])(
    'I13: random histories of an exchange do the same in both, with %s',
    { timeout: 120_000 },
    (_name, isAnswering) => {
      const reached = new Map<string, number>();
      for (const [index, configuration] of configurations.entries()) {
        const model = modelOf(configuration);
        const { visits } = walker.walk(model, { isTruthful: true, hasPairs: false, isHasty: false });
        const some = chartStates(visits, whatGuardsRead);
        const ways = waysByLeaf(maker('compiled', configuration), exchangeTable, some);
        // A seed for each: with one seed for all, every configuration would be led along the same few ways.
        fc.assert(
          fc.property(swarm(ways, model.facts, isAnswering), (moves) => {
            const visited = (leaf: string) => reached.set(leaf, (reached.get(leaf) ?? 0) + 1);
            expect(play(...beginBoth(configuration), moves, visited)).toBe(null);
          }),
          { seed: Math.imul(seed() + index, 0x9e3779b1), numRuns: runs(each) },
        );
      }
      const least = exchangeLeaves
        .map((leaf) => [leaf, reached.get(leaf) ?? 0] as const)
        .toSorted(([, one], [, other]) => one - other)[0];
      console.info(`[exchange] conformance: random histories, seed ${seed()}; least visited: ${String(least)}`);
      expect(least?.[1], `too few histories reach ${String(least?.[0])}`).toBeGreaterThanOrEqual(runs(60));
    },
  );
});
