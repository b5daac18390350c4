/**
 * One step of a walk: a chart put where it was, in the world as it was, then one thing happens.
 *
 * The chart is the compiled table's interpreter; the clock stands still, so any armed deadline may be the next to pass.
 * Read first: `chart-world.ts`, `chart-environment.ts`.
 */
import type { ChartClock, ChartTimer } from '../../src/machines/chart/chart.ts';
import { compiledCharts, type CompiledCharts } from '../../src/machines/chart/compiled-chart.ts';
import type { ConnectionCommand } from '../../src/machines/connection/commands.ts';
import type { ConnectionTable, PersistedConnection } from '../../src/machines/connection/connection-chart.ts';
import { initialContext, type ConnectionContext } from '../../src/machines/connection/context.ts';
import type { DelayName } from '../../src/machines/connection/delays.ts';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import { connectionLeaves, type ConnectionLeaf } from '../../src/machines/connection/verdicts.ts';
import { letterOf } from './letters.ts';
import { expectedDelayMs, quietMs, timeoutsOf, type Configuration } from './chart-configurations.ts';
import { carryOut, deadlinePasses, happen } from './chart-environment.ts';
import { initialEnvironment, type Environment, type Side } from './chart-world.ts';
import { deathNotices } from './chart-facts.ts';

/** What can happen next. */
export type Input =
  | {
      readonly kind: 'fact';
      readonly fact: ConnectionFact;
      /** True: told too late, or to nobody. */ readonly isStale: boolean;
    }
  | {
      readonly kind: 'deadline';
      readonly id: string;
      readonly name: DelayName;
      /** True: bytes moved since the last report. */ readonly hasActivity: boolean;
    }
  | { readonly kind: 'death'; readonly side: Side };

/** Where a walk is: the chart at rest, and the world around it. */
export interface Place {
  readonly leaf: ConnectionLeaf;
  /** The first part of `leaf`. */
  readonly state: string;
  readonly context: ConnectionContext;
  readonly persisted: PersistedConnection;
  readonly deadlines: readonly { readonly id: string; readonly name: DelayName }[];
  readonly world: Environment;
}

export interface Arming {
  readonly name: DelayName;
  readonly delayMs: number;
  /** What it had to be at that moment; null = it had not to be armed. */
  readonly expectedMs: number | null;
}

export interface Step {
  readonly configuration: Configuration;
  /** Null for the start. */
  readonly before: Place | null;
  readonly input: Input | null;
  readonly after: Place;
  readonly commands: readonly ConnectionCommand[];
  readonly armings: readonly Arming[];
  /** Commands that do not fit the world, said in words. */
  readonly complaints: readonly string[];
  /** Timers that the clock holds afterwards, whether the chart knows them or not. */
  readonly armedCount: number;
}

/** What must be so after every step that it applies to. */
export interface Law {
  readonly scope: 'truth' | 'always';
  readonly applies: (step: Step) => boolean;
  readonly holds: (step: Step) => boolean;
}

/** A compiled table and its interpreter. */
export interface Subject {
  readonly table: ConnectionTable;
  readonly charts: CompiledCharts<ConnectionContext, ConnectionFact, ConnectionCommand>;
}

export function subjectOf(table: ConnectionTable): Subject {
  return { table, charts: compiledCharts(table) };
}

/** @param isTruthful false: the world does not hear what it is said to have done; only commands change it. */
export function takeStep(
  subject: Subject,
  configuration: Configuration,
  isTruthful: boolean,
  before: Place | null,
  input: Input | null,
): Step {
  const { table, charts } = subject;
  if (before !== null && input?.kind === 'fact' && !isHeard(table, before.leaf, input.fact.type)) {
    return unheard(configuration, isTruthful, before, input);
  }
  const { listenerTimeouts: timeouts, expectsProxyHeader } = configuration;
  const world: Environment = { ...(before?.world ?? initialEnvironment) };
  const commands: ConnectionCommand[] = [];
  const complaints: string[] = [];
  const armings: Arming[] = [];
  const tell = (fact: ConnectionFact) => {
    if (isTruthful) happen(world, fact, configuration);
    chart.send(fact);
  };
  const clock = new StillClock((delayMs, slot) => {
    const name = nameInSlot(table, chart.leaf, slot);
    const pingMs = world.inForce === 'tunnel' ? configuration.tunnelPingMs : null;
    const inForce = timeoutsOf(configuration, world.inForce);
    const circumstances = { ...world, timeouts: inForce, pingMs, attempt: world.attempts };
    armings.push({ name, delayMs, expectedMs: expectedDelayMs(name, circumstances) });
  });
  const host = {
    perform(command: ConnectionCommand): void {
      commands.push(command);
      const complaint = carryOut(world, command, configuration);
      if (complaint !== null) complaints.push(complaint);
      if (command.type === 'checkLegs') for (const fact of deathNotices(world)) tell(fact);
    },
    moved(): void {},
    beforeDeadline(): void {
      if (input?.kind !== 'deadline') return;
      for (const fact of deathNotices(world)) tell(fact);
      if (input.hasActivity) tell({ type: 'bytes.flowed', quietMs });
      if (isTruthful) deadlinePasses(world, input.name, input.hasActivity, configuration);
    },
  };
  const give = (given: Input): void => {
    if (given.kind === 'death') world[given.side] = 'silent';
    if (given.kind === 'deadline') clock.fire(slotOf(table, chart.leaf, given.id));
    if (given.kind !== 'fact') return;
    if (isTruthful && !given.isStale) happen(world, given.fact, configuration);
    if (!isTruthful) believe(world, given.fact);
    chart.send(given.fact);
  };
  const chart =
    before === null
      ? charts.create(initialContext({ timeouts, expectsProxyHeader }), clock, host)
      : charts.restore(before.persisted, clock, host);
  chart.start();
  if (before !== null) armings.length = 0;
  if (input !== null) give(input);
  const persisted = chart.persist();
  const after: Place = {
    leaf: knownLeaf(chart.leaf),
    state: chart.state,
    context: chart.context,
    persisted,
    deadlines: persisted.timers.map(({ id }) => ({ id, name: nameOf(table, chart.leaf, id) })),
    world,
  };
  return { configuration, before, input, after, commands, armings, complaints, armedCount: clock.armedCount };
}

/** A leaf without a transition for a fact does nothing with it, as its interpreter would find out; only the world may change. */
function unheard(
  configuration: Configuration,
  isTruthful: boolean,
  before: Place,
  input: Extract<Input, { readonly kind: 'fact' }>,
): Step {
  const nothing = { configuration, before, input, commands: none, armings: none, complaints: none } as const;
  const armedCount = before.deadlines.length;
  if (input.isStale) return { ...nothing, after: before, armedCount };
  const world: Environment = { ...before.world };
  if (isTruthful) happen(world, input.fact, configuration);
  else believe(world, input.fact);
  return { ...nothing, after: { ...before, world }, armedCount };
}

const none: readonly never[] = [];

function isHeard(table: ConnectionTable, name: string, type: string): boolean {
  const leaf = table.leaves[table.leafByName.get(name) ?? -1];
  return leaf === undefined || leaf.isFinal || leaf.always.length > 0 || leaf.candidates.has(type);
}

/** A liar's word is no truth, but whom it names is who gets the stream. */
function believe(environment: Environment, fact: ConnectionFact): void {
  const world = environment;
  if (world.isPeeking && fact.type === 'sniff.routed') world.serves = fact.serves;
}

/** True exactly when the two are known to be one without their keys: nothing has changed but by being copied. */
export function isSamePlace(one: Place, other: Place): boolean {
  if (one === other) return true;
  if (one.leaf !== other.leaf || one.context !== other.context) return false;
  return isSameWorld(one.world, other.world) && isSameTimers(one.persisted.timers, other.persisted.timers);
}

function isSameTimers(ones: PersistedConnection['timers'], others: PersistedConnection['timers']): boolean {
  if (ones === others) return true;
  return (
    ones.length === others.length &&
    ones.every(({ id, remainingMs }, index) => id === others[index]?.id && remainingMs === others[index]?.remainingMs)
  );
}

const worldFields: readonly (keyof Environment)[] = Object.keys(initialEnvironment).filter(isWorldField);

function isWorldField(name: string): name is keyof Environment {
  return Object.hasOwn(initialEnvironment, name);
}

function isSameWorld(one: Environment, other: Environment): boolean {
  for (const name of worldFields) if (one[name] !== other[name]) return false;
  return true;
}

/**
 * Tells two places apart wherever the future of one can differ from the future of the other. In CLOSED, where nothing has
 * a future, only what would be wrong with it counts; the step that led there was judged with everything in sight.
 */
export function keyOf({ leaf, context, persisted, world }: Place): string {
  if (leaf === 'CLOSED' && persisted.timers.length === 0) return [leaf, world.releases, context.reason].join();
  let key = letterOf(leaf);
  for (const name of worldFields) key += letterOf(world[name]);
  const { timeouts, attempt, attemptsMax, keepHalfOpen, answerable, serves, quietMs: quiet, ageMs, reason } = context;
  key += letterOf(timeouts.admission) + letterOf(attempt) + letterOf(attemptsMax) + letterOf(keepHalfOpen);
  key += letterOf(answerable) + letterOf(serves) + letterOf(quiet) + letterOf(ageMs) + letterOf(reason);
  key += letterOf(context.pingMs) + letterOf(context.pingedMs);
  for (const { id, remainingMs } of persisted.timers) key += letterOf(id) + letterOf(remainingMs);
  return key;
}

/** True exactly when nothing came of a step but that the world may know more. */
export function isUnchanged({ before, after, commands, armings }: Step): boolean {
  return before !== null && commands.length === 0 && armings.length === 0 && isSameRest(before, after);
}

function isSameRest(before: Place, after: Place): boolean {
  return (
    before.leaf === after.leaf && before.context === after.context && before.deadlines.length === after.deadlines.length
  );
}

/** One line for a person. */
export function sayInput(input: Input): string {
  switch (input.kind) {
    case 'fact':
      return `${input.isStale ? 'stale ' : ''}${JSON.stringify(input.fact, (key, value: unknown) => (key === 'timeouts' ? undefined : value))}`;
    case 'deadline':
      return `${input.name} passes${input.hasActivity ? ' after bytes flowed' : ''}`;
    default:
      return `${input.side} dies without a word`;
  }
}

interface StillTimer extends ChartTimer {
  readonly target: { onTimer(slot: number): void };
  readonly slot: number;
}

/** Time does not pass: every deadline keeps its whole length until the walk lets it pass. */
class StillClock implements ChartClock {
  readonly #armed = new Set<StillTimer>();
  readonly #told: (delayMs: number, slot: number) => void;

  constructor(told: (delayMs: number, slot: number) => void) {
    this.#told = told;
  }

  get armedCount(): number {
    return this.#armed.size;
  }

  nowMs(): number {
    return 0;
  }

  arm(delayMs: number, target: { onTimer(slot: number): void }, slot: number): ChartTimer {
    const timer: StillTimer = { dueMs: delayMs, target, slot };
    this.#armed.add(timer);
    this.#told(delayMs, slot);
    return timer;
  }

  cancel(timer: ChartTimer): void {
    for (const one of this.#armed) if (one === timer) this.#armed.delete(one);
  }

  /** The interpreter says whether it was still armed. */
  fire(slot: number): void {
    const due = [...this.#armed].find((one) => one.slot === slot);
    if (due === undefined) return;
    due.target.onTimer(slot);
    this.#armed.delete(due);
  }
}

function knownLeaf(name: string): ConnectionLeaf {
  const known = connectionLeaves.find((one) => one === name);
  if (known === undefined) throw new Error(`the chart is in a leaf that is not declared: ${name}`);
  return known;
}

function timersOf(table: ConnectionTable, leaf: string) {
  return table.leaves[table.leafByName.get(leaf) ?? -1]?.timers ?? [];
}

function nameInSlot(table: ConnectionTable, leaf: string, slot: number): DelayName {
  return knownDelay(timersOf(table, leaf).find((one) => one.slot === slot)?.delayName);
}

function nameOf(table: ConnectionTable, leaf: string, id: string): DelayName {
  return knownDelay(timersOf(table, leaf).find((one) => one.id === id)?.delayName);
}

function slotOf(table: ConnectionTable, leaf: string, id: string): number {
  return timersOf(table, leaf).find((one) => one.id === id)?.slot ?? -1;
}

const delayNames: Readonly<Record<DelayName, true>> = {
  admission: true,
  sniff: true,
  serverFirst: true,
  dial: true,
  dialBudget: true,
  queue: true,
  backoff: true,
  idling: true,
  ping: true,
  idle: true,
  halfClosed: true,
  halfClosedMax: true,
  flush: true,
  linger: true,
  lifetime: true,
  keepAlive: true,
  liveness: true,
};

function isDelayName(name: string): name is DelayName {
  return Object.hasOwn(delayNames, name);
}

function knownDelay(name: string | undefined): DelayName {
  if (name === undefined || !isDelayName(name)) throw new Error(`a timer without a known deadline: ${String(name)}`);
  return name;
}
