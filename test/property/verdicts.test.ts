/** Ring 1, I13: every (state, fact) pair has a verdict, and the verdicts are the compiled table's. */
import { describe, expect, test } from 'vitest';
import type { Candidate } from '../../src/machines/chart/compile.ts';
import type { ConnectionCommand } from '../../src/machines/connection/commands.ts';
import { connectionTable } from '../../src/machines/connection/connection-chart.ts';
import type { ConnectionContext } from '../../src/machines/connection/context.ts';
import {
  connectionFactTypes,
  type ConnectionFact,
  type ConnectionFactType,
} from '../../src/machines/connection/events.ts';
import {
  connectionLeaves,
  verdictOf,
  type ConnectionLeaf,
  type Verdict,
} from '../../src/machines/connection/verdicts.ts';

const pairs = connectionLeaves.flatMap((leaf) =>
  connectionFactTypes.map((fact) => ({ leaf, fact, verdict: verdictOf(leaf, fact) })),
);

/** What the compiled table does with a fact: `always`, `sometimes` (only under guards), or `never`. */
function handling(
  leaf: ConnectionLeaf,
  fact: ConnectionFactType,
): { readonly how: 'always' | 'sometimes' | 'never'; readonly guards: readonly string[] } {
  const found = connectionTable.leaves[connectionTable.leafByName.get(leaf) ?? -1];
  const candidates = found === undefined || found.isFinal ? [] : (found.candidates.get(fact) ?? []);
  const guards = candidates.flatMap(({ guardName }) => (guardName === null ? [] : [guardName]));
  const [first] = candidates;
  if (first === undefined || isForbidden(first)) return { how: 'never', guards };
  return { how: candidates.some(({ guard }) => guard === null) ? 'always' : 'sometimes', guards };
}

/** Written down so that no parent's transition is taken: nothing is done, and nowhere is gone. */
function isForbidden({
  guard,
  operations,
  isExternal,
}: Candidate<ConnectionContext, ConnectionFact, ConnectionCommand>): boolean {
  return guard === null && operations.length === 0 && !isExternal;
}

function isNever(verdict: Verdict): verdict is Extract<Verdict, { readonly ignored: string }> {
  return verdict !== 'handled' && !('handledWhen' in verdict);
}

describe('verdicts', () => {
  test('I13: the declared leaves are the chart’s leaves', () => {
    expect(connectionTable.leaves.map(({ name }) => name)).toEqual([...connectionLeaves]);
  });

  test('I13: every pair of a leaf and a fact has a verdict, and every ignored one says why in a sentence', () => {
    expect(pairs).toHaveLength(connectionTable.leaves.length * connectionFactTypes.length);
    const mute = pairs.filter(({ verdict }) => verdict !== 'handled' && verdict.ignored.split(' ').length < 4);
    expect(mute).toEqual([]);
  });

  test('I13: a pair is handled exactly when the leaf or a parent has a transition that is always taken', () => {
    const wrong = pairs.filter(
      ({ leaf, fact, verdict }) => (verdict === 'handled') !== (handling(leaf, fact).how === 'always'),
    );
    expect(wrong).toEqual([]);
  });

  test('I13: a pair is ignored exactly when neither the leaf nor a parent has a transition', () => {
    const wrong = pairs.filter(
      ({ leaf, fact, verdict }) => isNever(verdict) !== (handling(leaf, fact).how === 'never'),
    );
    expect(wrong).toEqual([]);
  });

  test('I13: where every transition is guarded, the verdict names the guard and says what becomes of the fact otherwise', () => {
    const guarded = pairs.filter(({ leaf, fact }) => handling(leaf, fact).how === 'sometimes');
    expect(guarded.length).toBeGreaterThan(0);
    for (const { leaf, fact, verdict } of guarded) {
      const named = verdict !== 'handled' && 'handledWhen' in verdict ? [verdict.handledWhen] : [];
      expect([leaf, fact, named]).toEqual([leaf, fact, handling(leaf, fact).guards]);
    }
  });

  test('I13: no fact is declared that no leaf handles', () => {
    const unheard = connectionFactTypes.filter((fact) =>
      connectionLeaves.every((leaf) => handling(leaf, fact).how === 'never'),
    );
    expect(unheard).toEqual([]);
  });

  test('I13: drain.requested moves only HTTP: tunnels and handlers run on until kill.requested', () => {
    const moved = connectionLeaves.filter((leaf) => handling(leaf, 'drain.requested').how !== 'never');
    expect(moved).toEqual(['ESTABLISHED.HTTP.WAITING', 'ESTABLISHED.HTTP.BUSY']);
  });

  test('I13: no transition hears anything but a declared fact or a deadline of its own leaf', () => {
    const strange = connectionTable.leaves.flatMap(({ name, candidates, timers }) =>
      [...candidates.keys()]
        .filter((type) => !connectionFactTypes.some((fact) => fact === type) && !timers.some(({ id }) => id === type))
        .map((type) => [name, type]),
    );
    expect(strange).toEqual([]);
  });
});
