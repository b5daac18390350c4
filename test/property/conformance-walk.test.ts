/**
 * Ring 2: is the compiled chart XState's chart? From every state that the chart can be in, every fact and every deadline does
 * the same in both interpreters. Nothing here depends on a seed.
 *
 * Read first: conformance.test.ts, test/support/chart-pair.ts.
 */
import { describe, expect, test } from 'vitest';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import { decisiveConfigurations, reachableLeaves, type Configuration } from '../support/chart-configurations.ts';
import { everyFact } from '../support/chart-facts.ts';
import { beginBoth, chartStates, movesTo, type ConnectionMove } from '../support/chart-histories.ts';
import { play, playEach } from '../support/chart-pair.ts';
import type { Visit } from '../support/chart-walk.ts';

describe('exhaustive', () => {
  test.each(decisiveConfigurations.map((configuration) => [configuration.name, configuration] as const))(
    'I13: from every state, every fact and every deadline does the same in both (%s)',
    { timeout: 120_000 },
    (_name, configuration) => {
      const states = chartStates(configuration);
      expect(new Set(states.map(({ place }) => place.leaf))).toEqual(new Set(reachableLeaves(configuration)));
      let compared = 0;
      for (const visit of states) {
        const prefix = movesTo(configuration, visit);
        expect(play(...beginBoth(configuration), prefix)).toBe(null);
        const moves = everyMove(configuration, visit);
        expect(playEach(() => beginBoth(configuration), prefix, moves)).toBe(null);
        compared += moves.length;
      }
      console.info(`[chart] conformance: ${compared} steps from ${states.length} states (${configuration.name})`);
    },
  );

  function everyMove(configuration: Configuration, { place }: Visit): readonly ConnectionMove[] {
    const told: readonly (readonly ConnectionFact[])[] = [
      [],
      [{ type: 'bytes.flowed', quietMs: 40 }],
      [{ type: 'upstream.failed', reason: 'upstream.reset' }],
    ];
    return [
      ...everyFact(configuration).map((fact) => ({ kind: 'fact', fact }) as const),
      ...place.deadlines.flatMap((_, nth) =>
        told.map((toldBefore) => ({ kind: 'deadline', nth, toldBefore }) as const),
      ),
    ];
  }
});
