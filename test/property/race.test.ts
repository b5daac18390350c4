/**
 * Ring 4: do disconnect races leave anything behind?
 *
 * Swarms of histories on the real shell, with legs that lie and a clock that steps; the laws are asked after every event
 * (`race-laws.ts`) and at the end (`race-run.ts`). What was reached is counted, so that a swarm that stays shallow fails.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import { runs, seed } from '../support/fuzz.ts';
import { Coverage, leavesOf } from '../support/race-coverage.ts';
import { histories } from '../support/race-history.ts';
import { closedWithHeldBytes } from './regressions/race-closed-with-held-bytes.ts';
import { completedBeforeItWasRead } from './regressions/race-completed-before-it-was-read.ts';
import { resetBehindADeadClient } from './regressions/race-reset-behind-a-dead-client.ts';
import { racePlan } from '../support/race-plan.ts';
import { runHistory } from '../support/race-run.ts';

describe.each([
  ['compiled', 1200],
  ['xstate', 400],
] as const)('swarms under the %s interpreter', (interpreter, usualRuns) => {
  const plan = racePlan(interpreter);
  const coverage = new Coverage();

  test('L14, L17, L18, L19, L20, L21, L22: no order of facts and no lie leaves a leg, a timer or a slot behind', async () => {
    const property = fc.asyncProperty(histories(60), async (history) => coverage.add(await runHistory(plan, history)));
    await fc.assert(property, { seed: seed(), numRuns: runs(usualRuns) });
  }, 600_000);

  test.each(Object.entries({ closedWithHeldBytes, completedBeforeItWasRead, resetBehindADeadClient }))(
    'L20, L22: a history that once broke a law breaks none: %s',
    async (_, history) => {
      const { records } = await runHistory(plan, history);
      expect(records).toHaveLength(2);
    },
  );

  test('every leaf of a tunnel was entered, and every reason recorded that legs and operators can cause', () => {
    expect(coverage.missed(leavesOf.plain, reachableReasons)).toEqual([]);
    expect(coverage.strange(reachableReasons)).toEqual([]);
  });
});

/** The rest is decided before there is a chart, needs a part that is not built, or must never be. */
const reachableReasons: readonly CloseReason[] = [
  'completed',
  ...(['downstream.left', 'downstream.reset', 'downstream.malformed'] as const),
  ...(['upstream.refused', 'upstream.unreachable', 'upstream.reset'] as const),
  ...(['refused.route', 'refused.protocol', 'refused.capacity', 'route.blocked'] as const),
  ...(['operator.killed', 'operator.drained', 'handler.failed'] as const),
  ...(['timeout.sniff', 'timeout.dial', 'timeout.dialBudget', 'timeout.idle', 'timeout.lifetime'] as const),
  ...(['timeout.admission', 'timeout.queue'] as const),
  ...(['timeout.halfClosed', 'timeout.halfClosedMax', 'timeout.flush'] as const),
];
