/**
 * Finds a violation in a mutant without walking all of it: where the real chart's walk went, in the leaves that differ.
 *
 * Whatever is found is a history of the mutant from its own start: the way to the place is gone again, step by step, and given
 * up where it leads anywhere else. Nothing found says nothing: then the mutant has to be walked.
 * Read first: `chart-walk.ts`, `chart-differences.ts`.
 */
import type { ConnectionTable } from '../../src/machines/connection/connection-chart.ts';
import { connectionRegistries } from '../../src/machines/connection/machine.ts';
import type { Configuration } from './chart-configurations.ts';
import { changedLeaves } from './chart-differences.ts';
import { lawNames, laws, type LawName } from './chart-laws.ts';
import { keyOf, subjectOf, takeStep, type Step, type Subject } from './chart-step.ts';
import { inputsAt, walk, type Visit, type Walk } from './chart-walk.ts';

/** A mutant in one of the worlds. */
interface Probe {
  readonly subject: Subject;
  readonly configuration: Configuration;
  readonly isTruthful: boolean;
  /** For each visit of the real walk that was asked about: can the mutant be there? */
  readonly isReached: Map<Visit, boolean>;
  /** The laws that count. */
  readonly names: readonly LawName[];
  /** The first of them that was broken on the way. */
  broken: LawName | null;
}

export class Prober {
  readonly #real: ConnectionTable;
  readonly #walks: readonly { readonly isTruthful: boolean; readonly walk: Walk }[];

  constructor(real: ConnectionTable, configurations: readonly Configuration[]) {
    this.#real = real;
    const subject = subjectOf(real);
    this.#walks = [true, false].flatMap((isTruthful) =>
      configurations.map((configuration) => ({
        isTruthful,
        walk: walk(subject, configuration, { isTruthful, isHasty: false }),
      })),
    );
  }

  /** One of the laws, which the mutant breaks; or null where none was found. */
  lawBroken(mutant: ConnectionTable, names = lawNames): LawName | null {
    const changed = changedLeaves(this.#real, mutant, connectionRegistries);
    const subject = subjectOf(mutant);
    for (const {
      isTruthful,
      walk: { configuration, visits },
    } of this.#walks) {
      const probe: Probe = { subject, configuration, isTruthful, isReached: new Map(), names, broken: null };
      for (const visit of visits) {
        if (changed.has(visit.place.leaf) && isReached(probe, visit)) lookAround(probe, visit);
        if (probe.broken !== null) return probe.broken;
      }
    }
    return null;
  }
}

/** True exactly when the mutant gets to the visit by the way of the real walk. */
function isReached(probe: Probe, visit: Visit): boolean {
  const known = probe.isReached.get(visit);
  if (known !== undefined) return known;
  const { from } = visit;
  if (from !== null && !isReached(probe, from.visit)) return remember(probe, visit, false);
  const step = take(probe, from?.visit ?? null, from?.input ?? null);
  return remember(probe, visit, keyOf(step.after) === keyOf(visit.place));
}

function remember({ isReached: known }: Probe, visit: Visit, answer: boolean): boolean {
  known.set(visit, answer);
  return answer;
}

function lookAround(probe: Probe, visit: Visit): void {
  for (const input of inputsAt(visit.place, probe.configuration, probe)) {
    if (probe.broken !== null) return;
    take(probe, visit, input);
  }
}

function take(probe: Probe, from: Visit | null, input: Step['input']): Step {
  const { subject, configuration, isTruthful, names } = probe;
  const step = takeStep(subject, configuration, isTruthful, from?.place ?? null, input);
  probe.broken ??= names.find((name) => isBroken(name, step, isTruthful)) ?? null;
  return step;
}

function isBroken(name: LawName, step: Step, isTruthful: boolean): boolean {
  const law = laws[name];
  return (law.scope === 'always' || isTruthful) && law.applies(step) && !law.holds(step);
}
