/**
 * Ring 2: is the compiled exchange chart XState's? From every state that it can be in, every fact and every deadline does the
 * same in both interpreters. Nothing here depends on a seed.
 *
 * Read first: exchange-conformance.test.ts, test/support/chart-pair.ts.
 */
import { describe, expect, test } from 'vitest';
import { exchangeTable } from '../../src/machines/exchange/exchange-chart.ts';
import { play, playEach } from '../support/chart-pair.ts';
import { decisiveConfigurations, modelOf } from '../support/exchange-configurations.ts';
import { chartStates, everyMove, movesTo } from '../support/exchange-histories.ts';
import { beginBoth, maker, walker, whatGuardsRead } from '../support/exchange-pair.ts';

describe('exhaustive', () => {
  test.each(decisiveConfigurations.map((configuration) => [configuration.name, configuration] as const))(
    'I13: from every state of an exchange, every fact and every deadline does the same in both (%s)',
    { timeout: 120_000 },
    (_name, configuration) => {
      const model = modelOf(configuration);
      const { visits } = walker.walk(model, { isTruthful: false, hasPairs: false, isHasty: false });
      const states = chartStates(visits, whatGuardsRead);
      expect(new Set(states.map(({ place }) => place.leaf))).toEqual(new Set(model.leaves));
      let compared = 0;
      for (const visit of states) {
        const prefix = movesTo(maker('compiled', configuration), exchangeTable, visit);
        expect(play(...beginBoth(configuration), prefix)).toBe(null);
        const moves = everyMove(visit, model.facts, model.reports);
        expect(playEach(() => beginBoth(configuration), prefix, moves)).toBe(null);
        compared += moves.length;
      }
      console.info(`[exchange] conformance: ${compared} steps from ${states.length} states (${configuration.name})`);
    },
  );
});
