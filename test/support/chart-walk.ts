/**
 * The exhaustive walk: every place that chart and world can reach together, by every order of what can happen.
 *
 * Breadth first, so that the path to a violation is a shortest one. "Deadlines alone lead to CLOSED" is compositional: a
 * live exchange has a chart and deadlines of its own, which are proved to end it; here its end is brought by time like a
 * deadline (`isEndOfExchange`), and then every sequence of such steps must reach CLOSED.
 * Read first: `chart-laws.ts`.
 */
import { reachableLeaves, type Configuration } from './chart-configurations.ts';
import { everyFact, silentDeaths, staleFacts, truthfulFacts } from './chart-facts.ts';
import { isEndOfExchange } from './chart-service.ts';
import { lawNames, laws, type LawName } from './chart-laws.ts';
import {
  isSamePlace,
  keyOf,
  sayInput,
  takeStep,
  type Input,
  type Law,
  type Place,
  type Step,
  type Subject,
} from './chart-step.ts';

/** Laws about a walk as a whole. */
export type WalkLaw = 'every leaf is visited' | 'deadlines alone lead to CLOSED';

export interface Violation {
  readonly law: LawName | WalkLaw;
  readonly configuration: string;
  /** What happened, from the start. */
  readonly path: readonly string[];
}

export interface Visit {
  readonly index: number;
  readonly place: Place;
  /** The visit it was first reached from, and how; null for the start. */
  readonly from: { readonly visit: Visit; readonly input: Input } | null;
}

export interface Walk {
  readonly configuration: Configuration;
  readonly visits: readonly Visit[];
  readonly steps: number;
  readonly violations: readonly Violation[];
  /** How often each law was tried. */
  readonly tried: ReadonlyMap<LawName, number>;
}

export interface WalkOptions {
  /** False: liars say everything everywhere, and only commands change the world. */
  readonly isTruthful: boolean;
  /** True: end at the first violation; a law: at the first of it. */
  readonly isHasty: boolean | Violation['law'];
}

interface JudgedLaw {
  readonly name: LawName;
  readonly law: Law;
  tried: number;
}

/** The most places a walk may find: a chart that breaks a limit must end as a violation, not as a full memory. */
const placesMax = 3_000;

export function walk(subject: Subject, configuration: Configuration, options: WalkOptions): Walk {
  const visits: Visit[] = [];
  const known = new Map<string, Visit>();
  const violations: Violation[] = [];
  const judged: readonly JudgedLaw[] = lawNames
    .filter((name) => options.isTruthful || laws[name].scope === 'always')
    .map((name) => ({ name, law: laws[name], tried: 0 }));
  /** Edges of deadlines that pass in silence, the exchanges' own among them. */
  const passing: number[][] = [];
  let steps = 0;
  let isFound = false;
  const isEnough = () => isFound;

  const judge = (step: Step, from: Visit | null): void => {
    for (const one of judged) {
      if (!one.law.applies(step)) continue;
      one.tried += 1;
      if (one.law.holds(step)) continue;
      const { name } = one;
      violations.push({ law: name, configuration: configuration.name, path: sayPath(from, step) });
      isFound ||= options.isHasty === true || options.isHasty === name;
    }
  };
  const arrive = (step: Step, from: Visit['from']): Visit => {
    const key = keyOf(step.after);
    const old = known.get(key);
    if (old !== undefined) return old;
    const visit: Visit = { index: visits.length, place: step.after, from };
    known.set(key, visit);
    visits.push(visit);
    passing.push([]);
    return visit;
  };

  const start = takeStep(subject, configuration, options.isTruthful, null, null);
  judge(start, null);
  arrive(start, null);
  for (let index = 0; index < visits.length && visits.length < placesMax && !isEnough(); index += 1) {
    const visit = visits[index];
    if (visit === undefined) break;
    for (const input of inputsAt(visit.place, configuration, options)) {
      const step = takeStep(subject, configuration, options.isTruthful, visit.place, input);
      steps += 1;
      judge(step, visit);
      if (isEnough()) break;
      const next = isSamePlace(step.after, visit.place) ? visit : arrive(step, { visit, input });
      if (isBroughtByTime(input, visit) && !isLookAtTheLegs(step, visit, next)) passing[index]?.push(next.index);
    }
  }
  if (!isEnough()) {
    violations.push(...missedLeaves(visits, configuration), ...strandedPlaces(visits, passing, configuration));
    if (options.isTruthful) violations.push(...heldForEver(visits, passing, configuration));
    const last = visits.at(-1);
    if (visits.length >= placesMax && last !== undefined) violations.push(stranded(last, configuration));
  }
  const tried = new Map(judged.filter((one) => one.tried > 0).map((one) => [one.name, one.tried]));
  return { configuration, visits, steps, violations, tried };
}

/** Everything that can happen in a place. */
export function inputsAt(
  { world, deadlines }: Place,
  configuration: Configuration,
  { isTruthful }: Pick<WalkOptions, 'isTruthful'>,
): readonly Input[] {
  const facts: readonly Input[] = isTruthful
    ? [
        ...truthfulFacts(world, configuration).map((fact) => ({ kind: 'fact', fact, isStale: false }) as const),
        ...staleFacts(world, configuration).map((fact) => ({ kind: 'fact', fact, isStale: true }) as const),
      ]
    : everyFact(configuration).map((fact) => ({ kind: 'fact', fact, isStale: false }) as const);
  return [
    ...facts,
    ...deadlines.flatMap(({ id, name }) =>
      [false, true].map((hasActivity) => ({ kind: 'deadline', id, name, hasActivity }) as const),
    ),
    ...(isTruthful ? silentDeaths(world, configuration).map((side) => ({ kind: 'death', side }) as const) : []),
  ];
}

/** How a visit was reached, in order. */
export function inputsTo(visit: Visit): readonly Input[] {
  const inputs: Input[] = [];
  for (let at = visit.from; at !== null; at = at.visit.from) inputs.push(at.input);
  return inputs.toReversed();
}

function sayPath(from: Visit | null, step: Step): readonly string[] {
  const inputs = from === null ? [] : inputsTo(from);
  return [...inputs, ...(step.input === null ? [] : [step.input])].map(sayInput).concat(`→ ${step.after.leaf}`);
}

/** A deadline of the chart passes in silence, or one of a live exchange does and its service says so. */
function isBroughtByTime(input: Input, { place }: Visit): boolean {
  if (input.kind === 'deadline') return !input.hasActivity;
  return input.kind === 'fact' && !input.isStale && isEndOfExchange(place.world, input.fact);
}

/** The documented loops: where nothing else is due the legs are looked at, again and again. */
function isLookAtTheLegs({ commands, input }: Step, visit: Visit, next: Visit): boolean {
  return (
    visit === next &&
    input?.kind === 'deadline' &&
    (input.name === 'liveness' || (input.name === 'idling' && isEndless(visit))) &&
    commands.length === 1 &&
    commands[0]?.type === 'checkLegs'
  );
}

/** True exactly when the route spells out that silence is no reason to end. */
function isEndless({ place: { leaf, context } }: Visit): boolean {
  return leaf.endsWith('.ACTIVE') && context.timeouts.idle === null;
}

function missedLeaves(visits: readonly Visit[], configuration: Configuration): readonly Violation[] {
  const seen = new Set(visits.map(({ place }) => place.leaf));
  const missed = reachableLeaves(configuration).filter((leaf) => !seen.has(leaf));
  return missed.map((leaf) => ({ law: 'every leaf is visited', configuration: configuration.name, path: [leaf] }));
}

/** Without loops, and with a deadline everywhere but in CLOSED, every sequence of deadlines ends in CLOSED. */
function strandedPlaces(
  visits: readonly Visit[],
  passing: readonly (readonly number[])[],
  configuration: Configuration,
): readonly Violation[] {
  const ranks = new Map<number, 'open' | 'done'>();
  const found: Visit[] = visits.filter(({ place }) => place.leaf !== 'CLOSED' && place.deadlines.length === 0);
  const descend = (index: number): void => {
    ranks.set(index, 'open');
    for (const next of passing[index] ?? []) {
      const rank = ranks.get(next);
      const visit = visits[next];
      if (rank === 'open' && visit !== undefined) found.push(visit);
      if (rank === undefined) descend(next);
    }
    ranks.set(index, 'done');
  };
  for (const { index } of visits) if (!ranks.has(index)) descend(index);
  return found.map((visit) => stranded(visit, configuration));
}

/** Somewhere something is due that leads on, unless the route says otherwise. A liar's exchanges are no exchanges. */
function heldForEver(
  visits: readonly Visit[],
  passing: readonly (readonly number[])[],
  configuration: Configuration,
): readonly Violation[] {
  const held = visits.filter(
    (visit) => visit.place.leaf !== 'CLOSED' && !isEndless(visit) && (passing[visit.index] ?? []).length === 0,
  );
  return held.map((visit) => stranded(visit, configuration));
}

function stranded(visit: Visit, configuration: Configuration): Violation {
  const path = [...inputsTo(visit).map(sayInput), `→ ${visit.place.leaf}`];
  return { law: 'deadlines alone lead to CLOSED', configuration: configuration.name, path };
}
