/**
 * The exhaustive walk for any chart: every place that chart and world can reach together, by every order of what can
 * happen. Breadth first, so that the path to a violation is a shortest one.
 *
 * A `Model` says what the world around the chart is like and what it can tell; laws are judged after every step. Facts may
 * come in pairs: both have happened before the chart hears of the first, which is how a fact comes too late.
 * Read first: `exchange-world.ts` and `exchange-laws.ts`, which use it.
 */
import type { ChartClock, PersistedChart } from '../../src/machines/chart/chart.ts';
import type { ChartTable } from '../../src/machines/chart/compile.ts';
import { compiledCharts, type CompiledCharts } from '../../src/machines/chart/compiled-chart.ts';
import { StillClock } from './exchange-clock.ts';
import { letterOf } from './letters.ts';

/** Something with a name, as facts and commands are. */
interface Named {
  readonly type: string;
}

export interface Model<Context, Fact extends Named, Command extends Named, World extends object> {
  readonly name: string;
  readonly context: Context;
  /** Flat, so that a copy is a spread. */
  readonly world: Readonly<World>;
  /** Every fact in every variant. */
  readonly facts: readonly Fact[];
  /** Everything that may be told because a deadline is due. */
  readonly reports: readonly (readonly Fact[])[];
  /** The leaves this model can reach. */
  readonly leaves: readonly string[];
  happen(world: World, fact: Fact): void;
  /** A deadline is due and `told` was told before it. */
  deadlinePasses(world: World, name: string, told: readonly Fact[]): void;
  /** Carries a command out, whatever it is; answers what is wrong with it, or null. */
  carryOut(world: World, command: Command): string | null;
  truthfulFacts(world: World): readonly Fact[];
  truthfulReports(world: World): readonly (readonly Fact[])[];
  staleFacts(world: World): readonly Fact[];
  /** True exactly when the fact may wait behind another one. */
  mayWait(fact: Fact): boolean;
  /** How long the deadline must be if it is armed now. */
  expectedDelayMs(world: World, name: string): number | null;
  /** Deadlines that may lead to themselves for ever, by leaf: the documented looks at the legs. */
  isLook(leaf: string, context: Context): boolean;
}

export type Input<Fact> =
  /** `isStale`: told too late, or to nobody. */
  | { readonly kind: 'facts'; readonly facts: readonly Fact[]; readonly isStale: boolean }
  | { readonly kind: 'deadline'; readonly id: string; readonly name: string; readonly told: readonly Fact[] };

export interface Place<Context, World> {
  readonly leaf: string;
  /** The first part of `leaf`. */
  readonly state: string;
  readonly context: Context;
  readonly persisted: PersistedChart<Context>;
  readonly deadlines: readonly { readonly id: string; readonly name: string }[];
  readonly world: Readonly<World>;
}

export interface Step<Context, Fact, Command, World> {
  readonly before: Place<Context, World> | null;
  readonly input: Input<Fact> | null;
  readonly after: Place<Context, World>;
  readonly commands: readonly Command[];
  readonly armings: readonly { readonly name: string; readonly delayMs: number; readonly expectedMs: number | null }[];
  readonly complaints: readonly string[];
  /** Timers that the clock holds afterwards, whether the chart knows them or not. */
  readonly armedCount: number;
}

/** `truth` laws are about the world and hold where it tells the truth; `always` laws hold whatever liars tell. */
export interface Law<Taken> {
  readonly scope: 'truth' | 'always';
  readonly applies: (step: Taken) => boolean;
  readonly holds: (step: Taken) => boolean;
}

export interface Violation {
  readonly law: string;
  /** What happened, from the start. */
  readonly path: readonly string[];
}

export interface Visit<Context, Fact, World> {
  readonly index: number;
  readonly place: Place<Context, World>;
  /** The visit it was first reached from, and how; null for the start. */
  readonly from: { readonly visit: Visit<Context, Fact, World>; readonly input: Input<Fact> } | null;
}

export interface Walk<Context, Fact, World> {
  readonly visits: readonly Visit<Context, Fact, World>[];
  readonly steps: number;
  readonly violations: readonly Violation[];
  /** How often each law was tried. */
  readonly tried: ReadonlyMap<string, number>;
}

export interface WalkOptions {
  /** False: liars say everything everywhere, and only commands change the world. */
  readonly isTruthful: boolean;
  /** True: end at the first violation. */
  readonly isHasty: boolean;
  /** True: facts come in pairs too. */
  readonly hasPairs: boolean;
}

/** The most places a walk may find: a chart that breaks a limit must end as a violation, not as a full memory. */
const placesMax = 3_500;

export const walkLaws = ['deadlines alone lead to CLOSED', 'every leaf is visited'] as const;

/** A compiled table, its interpreter, and the laws it is judged by. */
export class Walker<Context, Fact extends Named, Command extends Named, World extends object> {
  readonly #table: ChartTable<Context, Fact, Command>;
  readonly #charts: CompiledCharts<Context, Fact, Command>;
  readonly #laws: ReadonlyMap<string, Law<Step<Context, Fact, Command, World>>>;

  constructor(
    table: ChartTable<Context, Fact, Command>,
    laws: Readonly<Record<string, Law<Step<Context, Fact, Command, World>>>>,
  ) {
    this.#table = table;
    this.#charts = compiledCharts(table);
    this.#laws = new Map(Object.entries(laws));
  }

  walk(model: Model<Context, Fact, Command, World>, options: WalkOptions): Walk<Context, Fact, World> {
    const visits: Visit<Context, Fact, World>[] = [];
    const known = new Map<string, Visit<Context, Fact, World>>();
    const violations: Violation[] = [];
    const judged = [...this.#laws]
      .filter(([, law]) => options.isTruthful || law.scope === 'always')
      .map(([name, law]) => ({ name, law, tried: 0 }));
    /** Edges of deadlines that pass without a byte. */
    const passing: number[][] = [];
    let steps = 0;
    const judge = (step: Step<Context, Fact, Command, World>, from: Visit<Context, Fact, World> | null): void => {
      steps += 1;
      for (const one of judged) {
        if (!one.law.applies(step)) continue;
        one.tried += 1;
        if (!one.law.holds(step)) violations.push({ law: one.name, path: sayPath(from, step) });
      }
    };
    const arrive = (place: Place<Context, World>, from: Visit<Context, Fact, World>['from']): number => {
      const key = keyOf(place);
      const old = known.get(key);
      if (old !== undefined) return old.index;
      const visit = { index: visits.length, place, from };
      known.set(key, visit);
      visits.push(visit);
      passing.push([]);
      return visit.index;
    };
    const isEnough = () => options.isHasty && violations.length > 0;
    const start = this.takeStep(model, options.isTruthful, null, null);
    judge(start, null);
    arrive(start.after, null);
    for (let index = 0; index < visits.length && visits.length < placesMax && !isEnough(); index += 1) {
      const visit = visits[index];
      if (visit === undefined) break;
      for (const input of this.inputsAt(model, visit.place, options)) {
        const step = this.takeStep(model, options.isTruthful, visit.place, input);
        judge(step, visit);
        if (isEnough()) break;
        const next = arrive(step.after, { visit, input });
        const isLook = next === index && model.isLook(visit.place.leaf, visit.place.context);
        if (input.kind === 'deadline' && isQuiet(input.told) && !isLook) passing[index]?.push(next);
      }
    }
    if (!isEnough()) violations.push(...missedLeaves(visits, model.leaves), ...strandings(visits, passing));
    const tried = new Map(judged.filter((one) => one.tried > 0).map((one) => [one.name, one.tried]));
    return { visits, steps, violations, tried };
  }

  /** @param isTruthful false: the world does not hear what it is said to have done; only commands change it. */
  takeStep(
    model: Model<Context, Fact, Command, World>,
    isTruthful: boolean,
    before: Place<Context, World> | null,
    input: Input<Fact> | null,
  ): Step<Context, Fact, Command, World> {
    if (before !== null && input?.kind === 'facts' && !input.facts.some(({ type }) => this.#isHeard(before, type))) {
      return this.#unheard(model, isTruthful && !input.isStale, before, input);
    }
    return this.#played(model, isTruthful, before, input);
  }

  #played(
    model: Model<Context, Fact, Command, World>,
    isTruthful: boolean,
    before: Place<Context, World> | null,
    input: Input<Fact> | null,
  ): Step<Context, Fact, Command, World> {
    const world: World = { ...(before?.world ?? model.world) };
    const commands: Command[] = [];
    const complaints: string[] = [];
    const armings: { readonly name: string; readonly delayMs: number; readonly expectedMs: number | null }[] = [];
    const clock = new StillClock((delayMs, slot) => {
      const name = this.#timersOf(chart.leaf).find((one) => one.slot === slot)?.delayName ?? `slot ${slot}`;
      armings.push({ name, delayMs, expectedMs: model.expectedDelayMs(world, name) });
    });
    const chart = this.#chartAt(before, model, clock, {
      perform: (command) => {
        commands.push(command);
        const complaint = model.carryOut(world, command);
        if (complaint !== null) complaints.push(complaint);
      },
      moved: () => undefined,
      beforeDeadline: () => {
        if (input?.kind !== 'deadline') return;
        for (const fact of input.told) {
          if (isTruthful) model.happen(world, fact);
          chart.send(fact);
        }
        if (isTruthful) model.deadlinePasses(world, input.name, input.told);
      },
    });
    chart.start();
    if (before !== null) armings.length = 0;
    if (input?.kind === 'deadline') {
      clock.fire(this.#timersOf(chart.leaf).find((one) => one.id === input.id)?.slot ?? -1);
    }
    if (input?.kind === 'facts') {
      if (isTruthful && !input.isStale) for (const fact of input.facts) model.happen(world, fact);
      for (const fact of input.facts) chart.send(fact);
    }
    const persisted = chart.persist();
    const timers = this.#timersOf(chart.leaf);
    const deadlines = persisted.timers.map(({ id }) => ({
      id,
      name: timers.find((one) => one.id === id)?.delayName ?? id,
    }));
    const after = { leaf: chart.leaf, state: chart.state, context: chart.context, persisted, deadlines, world };
    return { before, input, after, commands, armings, complaints, armedCount: clock.armedCount };
  }

  /** A leaf without a transition for a fact does nothing with it, as its interpreter would find out; only the world may change. */
  #unheard(
    model: Model<Context, Fact, Command, World>,
    isTrue: boolean,
    before: Place<Context, World>,
    input: Extract<Input<Fact>, { readonly kind: 'facts' }>,
  ): Step<Context, Fact, Command, World> {
    const nothing = { before, input, commands: [], armings: [], complaints: [], armedCount: before.deadlines.length };
    if (!isTrue) return { ...nothing, after: before };
    const world: World = { ...before.world };
    for (const fact of input.facts) model.happen(world, fact);
    return { ...nothing, after: { ...before, world } };
  }

  #isHeard({ leaf: name }: Place<Context, World>, type: string): boolean {
    const leaf = this.#table.leaves[this.#table.leafByName.get(name) ?? -1];
    return leaf === undefined || leaf.isFinal || leaf.always.length > 0 || leaf.candidates.has(type);
  }

  #chartAt(
    before: Place<Context, World> | null,
    model: Model<Context, Fact, Command, World>,
    clock: ChartClock,
    host: Parameters<CompiledCharts<Context, Fact, Command>['create']>[2],
  ) {
    if (before === null) return this.#charts.create(model.context, clock, host);
    return this.#charts.restore(before.persisted, clock, host);
  }

  #timersOf(leaf: string) {
    return this.#table.leaves[this.#table.leafByName.get(leaf) ?? -1]?.timers ?? [];
  }

  inputsAt(
    model: Model<Context, Fact, Command, World>,
    { world, deadlines }: Place<Context, World>,
    { isTruthful, hasPairs }: WalkOptions,
  ): readonly Input<Fact>[] {
    const told = (facts: readonly Fact[], isStale = false) => ({ kind: 'facts', facts, isStale }) as const;
    const copy: World = { ...world };
    const truths = isTruthful ? model.truthfulFacts(copy) : model.facts;
    const pairs = !hasPairs || !isTruthful ? [] : truths.flatMap((first) => pairsAfter(model, world, first));
    const reports = isTruthful ? model.truthfulReports(copy) : model.reports;
    return [
      ...truths.map((fact) => told([fact])),
      ...pairs.map((pair) => told(pair)),
      ...(isTruthful ? model.staleFacts(copy).map((fact) => told([fact], true)) : []),
      ...deadlines.flatMap(({ id, name }) =>
        reports.map((one) => ({ kind: 'deadline', id, name, told: one }) as const),
      ),
    ];
  }
}

/** What else may have happened before the chart hears of the first. */
function pairsAfter<Context, Fact extends Named, Command extends Named, World extends object>(
  model: Model<Context, Fact, Command, World>,
  world: Readonly<World>,
  first: Fact,
): readonly (readonly Fact[])[] {
  const later: World = { ...world };
  model.happen(later, first);
  return model
    .truthfulFacts(later)
    .filter((fact) => model.mayWait(fact))
    .map((second) => [first, second]);
}

/**
 * Tells two places apart wherever the future of one can differ from the future of the other. In CLOSED nothing has a
 * future; the step that led there was judged with everything in sight.
 */
export function keyOf<Context, World>({ leaf, context, persisted, world }: Place<Context, World>): string {
  let key = letterOf(leaf);
  if (leaf === 'CLOSED' && persisted.timers.length === 0) return key + letterOf(reasonOf(context));
  for (const value of Object.values(world ?? {})) key += letterOf(value);
  for (const [name, value] of Object.entries(context ?? {})) key += letterOf(withoutTimeouts(name, value));
  for (const { id, remainingMs } of persisted.timers) key += letterOf(id) + letterOf(remainingMs);
  return key;
}

function reasonOf(context: unknown): unknown {
  return typeof context === 'object' && context !== null && 'reason' in context ? context.reason : null;
}

/** Deadlines are many numbers, and one of them tells a route's from the listener's. */
function withoutTimeouts(key: string, value: unknown): unknown {
  if (key !== 'timeouts' || typeof value !== 'object' || value === null || !('sniff' in value)) return value;
  return value.sniff;
}

/** How a visit was reached, in order. */
export function inputsTo<Context, Fact, World>(visit: Visit<Context, Fact, World>): readonly Input<Fact>[] {
  const inputs: Input<Fact>[] = [];
  for (let at = visit.from; at !== null; at = at.visit.from) inputs.push(at.input);
  return inputs.toReversed();
}

function missedLeaves<Context, Fact, World>(
  visits: readonly Visit<Context, Fact, World>[],
  leaves: readonly string[],
): readonly Violation[] {
  const seen = new Set(visits.map(({ place }) => place.leaf));
  return leaves.filter((leaf) => !seen.has(leaf)).map((leaf) => ({ law: walkLaws[1], path: [leaf] }));
}

/** A walk that finds no end has found a limit that does not hold. */
function strandings<Context, Fact, World>(
  visits: readonly Visit<Context, Fact, World>[],
  passing: readonly (readonly number[])[],
): readonly Violation[] {
  const endless = visits.length >= placesMax ? visits.slice(-1) : [];
  return [...strandedPlaces(visits, passing), ...endless].map((visit) => ({
    law: walkLaws[0],
    path: [...inputsTo(visit).map(sayInput), `→ ${visit.place.leaf}`],
  }));
}

/** Without loops, and with a deadline everywhere but in CLOSED, every sequence of deadlines ends in CLOSED. */
function strandedPlaces<Context, Fact, World>(
  visits: readonly Visit<Context, Fact, World>[],
  passing: readonly (readonly number[])[],
): readonly Visit<Context, Fact, World>[] {
  const ranks = new Map<number, 'open' | 'done'>();
  const found = visits.filter(({ place }) => place.leaf !== 'CLOSED' && place.deadlines.length === 0);
  const descend = (index: number): void => {
    ranks.set(index, 'open');
    for (const next of passing[index] ?? []) {
      const visit = visits[next];
      if (ranks.get(next) === 'open' && visit !== undefined) found.push(visit);
      if (!ranks.has(next)) descend(next);
    }
    ranks.set(index, 'done');
  };
  for (const { index } of visits) if (!ranks.has(index)) descend(index);
  return found;
}

function isQuiet(told: readonly Named[]): boolean {
  return told.every(({ type }) => type.endsWith('.blocked'));
}

function sayPath<Context, Fact, Command, World>(
  from: Visit<Context, Fact, World> | null,
  step: Step<Context, Fact, Command, World>,
): readonly string[] {
  const inputs = from === null ? [] : inputsTo(from);
  return [
    ...[...inputs, ...(step.input === null ? [] : [step.input])].map(sayInput),
    `→ ${step.after.leaf}`,
    ...step.complaints,
  ];
}

/** One line for a person. */
function sayInput<Fact>(input: Input<Fact>): string {
  const facts = (list: readonly Fact[]) => list.map((fact) => JSON.stringify(fact, withoutTimeouts)).join(', then ');
  if (input.kind === 'facts') return `${input.isStale ? 'stale ' : ''}${facts(input.facts)}`;
  return `${input.name} passes${input.told.length === 0 ? '' : ` after ${facts(input.told)}`}`;
}
