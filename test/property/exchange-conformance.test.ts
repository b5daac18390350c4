/**
 * Ring 2: is the compiled exchange chart XState's? Both interpreters are told the same histories on clocks of their own and
 * compared after every step: leaf, context, commands in order, moves, armed deadlines with what remains, persisted form.
 *
 * `FUZZ_SEED=… FUZZ_RUNS=…` replays or multiplies. Read first: test/support/chart-pair.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ExchangeCommand } from '../../src/machines/exchange/commands.ts';
import { createExchangeChart, exchangeTable } from '../../src/machines/exchange/exchange-chart.ts';
import type { ExchangeContext } from '../../src/machines/exchange/context.ts';
import type { ExchangeFact } from '../../src/machines/exchange/events.ts';
import { exchangeLeaves } from '../../src/machines/exchange/verdicts.ts';
import type { InterpreterName } from '../../src/machines/connection/connection-chart.ts';
import { begin, play, type Maker } from '../support/chart-pair.ts';
import {
  configurations,
  decisiveConfigurations,
  modelOf,
  type ExchangeConfiguration,
} from '../support/exchange-configurations.ts';
import { chartStates, everyMove, movesTo, swarm, waysByLeaf } from '../support/exchange-histories.ts';
import { Walker } from '../support/exchange-walker.ts';
import { runs, seed } from '../support/fuzz.ts';

const walker = new Walker(exchangeTable, {});

function maker(
  interpreter: InterpreterName,
  { listenerTimeouts: timeouts }: ExchangeConfiguration,
): Maker<ExchangeFact, ExchangeCommand> {
  return (clock, host) => createExchangeChart(interpreter, { timeouts }, clock, host);
}

function beginBoth(configuration: ExchangeConfiguration) {
  return [begin(maker('compiled', configuration)), begin(maker('xstate', configuration))] as const;
}

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
        for (const move of everyMove(visit, model.facts, model.reports)) {
          expect(play(...beginBoth(configuration), [...prefix, move])).toBe(null);
          compared += 1;
        }
      }
      console.info(`[exchange] conformance: ${compared} steps from ${states.length} states (${configuration.name})`);
    },
  );
});

/** Everything that an edge may depend on; how long the silence was only changes the length of a deadline. */
function whatGuardsRead(context: ExchangeContext): readonly unknown[] {
  const { isRequestOver, expectsContinue, attempt, attemptsMax, retries, isInformed, reason, timeouts } = context;
  return [
    isRequestOver,
    expectsContinue,
    attempt < attemptsMax,
    retries,
    isInformed,
    reason === null,
    timeouts.idle === null,
  ];
}

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
