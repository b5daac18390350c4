/**
 * Found by the conformance of the second machine: two places where the compiled table did not do what XState does.
 *
 * A fact that no transition hears still lets `always` look at it; and an `always` without a target that changes nothing
 * is taken once, where the compiled table never came back.
 */
import { expect, test } from 'vitest';
import { begin, play, type Move } from '../../support/chart-pair.ts';
import { actorLift, compiledLift, type LiftFact } from '../../support/chart-second.ts';

test.each<readonly [string, readonly LiftFact[], string]>([
  ['a fact that nobody hears is seen by a guard of always, once', [{ type: 'unheard' }], 'WAITING'],
  [
    'a fact whose only transition is guarded away is seen by a guard of always',
    [{ type: 'jammed' }, { type: 'hit' }],
    'BROKEN',
  ],
])('%s', (_name, facts, leaf) => {
  const compiled = begin(compiledLift);
  const moves: readonly Move<LiftFact>[] = facts.map((fact) => ({ kind: 'fact', fact }));
  expect(play(compiled, begin(actorLift), moves)).toBe(null);
  expect(compiled.chart.leaf).toBe(leaf);
});
