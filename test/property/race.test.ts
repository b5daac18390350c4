/**
 * Ring 4: do disconnect races leave anything behind?
 *
 * Swarms of histories on the real shell, with legs that lie and a clock that steps; the laws are asked after every event
 * (`race-laws.ts`) and at the end (`race-run.ts`). What was reached is counted, so that a swarm that stays shallow fails.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { connectionLeaves } from '../../src/machines/connection/verdicts.ts';
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import { runs, seed } from '../support/fuzz.ts';
import { histories } from '../support/race-history.ts';
import { closedWithHeldBytes } from './regressions/race-closed-with-held-bytes.ts';
import { completedBeforeItWasRead } from './regressions/race-completed-before-it-was-read.ts';
import { resetBehindADeadClient } from './regressions/race-reset-behind-a-dead-client.ts';
import { racePlan } from '../support/race-plan.ts';
import { runHistory } from '../support/race-run.ts';
import type { RaceWorld } from '../support/race-world.ts';

/** How often each leaf was entered and each reason recorded, over a whole run. */
class Coverage {
  readonly leaves = new Map<string, number>();
  readonly reasons = new Map<string, number>();
  histories = 0;

  add({ moves, records }: RaceWorld): void {
    this.histories += 1;
    for (const { to } of moves) this.leaves.set(to, (this.leaves.get(to) ?? 0) + 1);
    for (const { reason } of records) this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
  }

  table(): string {
    const lines = (counts: Map<string, number>) => [...counts].map(([name, count]) => `${name} ${count}`);
    return [`${this.histories} histories`, ...lines(this.leaves), '', ...lines(this.reasons)].join('\n');
  }
}

describe.each([
  ['compiled', 1200],
  ['xstate', 400],
] as const)('swarms under the %s interpreter', (interpreter, usualRuns) => {
  const plan = racePlan(interpreter);
  const coverage = new Coverage();

  test('L14, L17, L18, L19, L20, L21, L22: no order of facts and no lie leaves a leg, a timer or a slot behind', () => {
    const property = fc.property(histories(60), (history) => coverage.add(runHistory(plan, history)));
    fc.assert(property, { seed: seed(), numRuns: runs(usualRuns) });
  }, 600_000);

  test.each(Object.entries({ closedWithHeldBytes, completedBeforeItWasRead, resetBehindADeadClient }))(
    'L20, L22: a history that once broke a law breaks none: %s',
    (_, history) => {
      expect(runHistory(plan, history).records).toHaveLength(2);
    },
  );

  test('every leaf of the chart was entered, and every reason recorded that legs and operators can cause', () => {
    const rare = (counts: ReadonlyMap<string, number>, names: readonly string[], floor: number) =>
      names.filter((name) => (counts.get(name) ?? 0) < floor);
    const leaves = connectionLeaves.filter((leaf) => leaf !== 'ACCEPTED' && !isOfServices(leaf));
    const missed = [
      ...rare(coverage.leaves, leaves, Math.floor(coverage.histories / 40)),
      ...rare(coverage.reasons, reachableReasons, Math.floor(coverage.histories / 300)),
    ];
    expect(missed.length === 0 ? [] : [...missed, coverage.table()]).toEqual([]);
    const strange = [...coverage.reasons.keys()].filter((reason) => !reachableReasons.some((one) => one === reason));
    expect(strange).toEqual([]);
  });
});

/** What HTTP and handlers pass through is raced in a world of its own: http-race.test.ts. */
function isOfServices(leaf: string): boolean {
  return /^(?:ESTABLISHED\.(?:HTTP|HANDLER)|HALF_CLOSED\.(?:FINISHING|LINGERING))/.test(leaf);
}

/** The rest is decided before there is a chart, needs a part that is not built, or must never be. */
const reachableReasons: readonly CloseReason[] = [
  'completed',
  ...(['downstream.left', 'downstream.reset', 'downstream.malformed'] as const),
  ...(['upstream.refused', 'upstream.unreachable', 'upstream.reset'] as const),
  ...(['refused.route', 'refused.protocol', 'route.blocked'] as const),
  ...(['operator.killed', 'operator.drained', 'handler.failed'] as const),
  ...(['timeout.sniff', 'timeout.dial', 'timeout.dialBudget', 'timeout.idle', 'timeout.lifetime'] as const),
  ...(['timeout.halfClosed', 'timeout.halfClosedMax', 'timeout.flush'] as const),
];
