/**
 * Finds a violation in a mutant of any chart without walking all of it: where the real chart's walk went, in the leaves that
 * differ.
 *
 * Whatever is found is a history of the mutant from its own start: the way to the place is gone again, step by step, and given
 * up where it leads anywhere else. Nothing found says nothing: then the mutant has to be walked.
 * Read first: `exchange-walker.ts`, `chart-differences.ts`. `chart-probe.ts` is the same for the connection chart.
 */
import {
  keyOf,
  type Input,
  type Law,
  type Model,
  type Step,
  type Visit,
  type Walker,
  type WalkOptions,
} from './exchange-walker.ts';

interface Named {
  readonly type: string;
}

/** What is asked about a mutant. */
interface Question<Context, Fact extends Named, Command extends Named, World extends object> {
  readonly walker: Walker<Context, Fact, Command, World>;
  readonly laws: Readonly<Record<string, Law<Step<Context, Fact, Command, World>>>>;
  readonly model: Model<Context, Fact, Command, World>;
  readonly options: WalkOptions;
  /** Of the real chart. */
  readonly visits: readonly Visit<Context, Fact, World>[];
  /** The leaves that differ. */
  readonly changed: ReadonlySet<string>;
}

/** The name of a law that the mutant breaks, or null. */
export function lawBroken<Context, Fact extends Named, Command extends Named, World extends object>({
  walker,
  laws,
  model,
  options,
  visits,
  changed,
}: Question<Context, Fact, Command, World>): string | null {
  const judged = Object.entries(laws).filter(([, { scope }]) => scope === 'always' || options.isTruthful);
  const reached = new Map<Visit<Context, Fact, World>, boolean>();
  const found: string[] = [];
  const take = (from: Visit<Context, Fact, World> | null, input: Input<Fact> | null) => {
    const step = walker.takeStep(model, options.isTruthful, from?.place ?? null, input);
    const broken = judged.find(([, law]) => law.applies(step) && !law.holds(step));
    if (broken !== undefined) found.push(broken[0]);
    return step;
  };
  const isReached = (visit: Visit<Context, Fact, World>): boolean => {
    const known = reached.get(visit);
    if (known !== undefined) return known;
    const { from } = visit;
    const isThere =
      (from === null || isReached(from.visit)) &&
      keyOf(take(from?.visit ?? null, from?.input ?? null).after) === keyOf(visit.place);
    reached.set(visit, isThere);
    return isThere;
  };
  for (const visit of visits) {
    if (!changed.has(visit.place.leaf) || !isReached(visit)) continue;
    for (const input of walker.inputsAt(model, visit.place, options)) if (found.length === 0) take(visit, input);
    if (found.length > 0) break;
  }
  return found[0] ?? null;
}
