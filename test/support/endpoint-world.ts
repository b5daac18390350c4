/**
 * The exhaustive walk of an endpoint's chart, and what is true of it: the same life told a second time, flatly, beside
 * what the commands left behind.
 *
 * Read first: `src/machines/endpoint/machine.ts`. Like a certificate, an endpoint has no end that deadlines lead to.
 */
import type { PersistedChart } from '../../src/machines/chart/chart.ts';
import type { ChartTable } from '../../src/machines/chart/compile.ts';
import { compiledCharts } from '../../src/machines/chart/compiled-chart.ts';
import {
  initialEndpointContext,
  type EndpointContext,
  type EndpointPolicy,
} from '../../src/machines/endpoint/context.ts';
import {
  endpointFactTypes,
  isEndpointFactType,
  type EndpointCommand,
  type EndpointFact,
} from '../../src/machines/endpoint/events.ts';
import { StillClock } from './exchange-clock.ts';

export type EndpointTable = ChartTable<EndpointContext, EndpointFact, EndpointCommand>;

/** Different in every number, so that no length can be taken for another. */
export const fullPolicy: EndpointPolicy = {
  checks: { intervalMs: 5_000, timeoutMs: 700, rise: 2, fall: 3 },
  breaker: { failures: 3, openForMs: 10_000, openForMaxMs: 35_000 },
  slowStartMs: 20_000,
  drainMs: 30_000,
  trialMs: 15_000,
};

export const policies: readonly EndpointPolicy[] = [
  fullPolicy,
  { ...fullPolicy, slowStartMs: null, breaker: { failures: 1, openForMs: 10_000, openForMaxMs: 10_000 } },
  { ...fullPolicy, breaker: null, checks: { intervalMs: 5_000, timeoutMs: 700, rise: 1, fall: 1 } },
  { ...fullPolicy, checks: null },
  { checks: null, breaker: null, slowStartMs: null, drainMs: null, trialMs: 15_000 },
];

/** The same life, told flatly. */
export interface Told {
  readonly state: 'JOINING' | 'STARTING' | 'SETTLED' | 'EJECTED' | 'READY' | 'TRYING' | 'DOWN' | 'DRAINING' | 'RETIRED';
  readonly isChecking: boolean;
  readonly streak: number;
  readonly failures: number;
  readonly ejections: number;
}

const begun: Told = { state: 'JOINING', isChecking: true, streak: 0, failures: 0, ejections: 0 };

const isUp = ({ state }: Told) => state === 'JOINING' || state === 'STARTING' || state === 'SETTLED';

/** What is true after an input: a fact's name, or `after …`. */
function told(before: Told, input: string, policy: EndpointPolicy): Told {
  const it = before;
  if (it.state === 'RETIRED') return it;
  if (input === 'retire.requested') return { ...it, state: 'RETIRED', isChecking: false };
  if (it.state === 'DRAINING') {
    if (input === 'restore.requested') return begun;
    return input === 'connections.closed' || input === 'after drain' ? { ...it, state: 'RETIRED' } : it;
  }
  if (input === 'drain.requested') return { ...it, state: 'DRAINING', isChecking: false };
  if (input === 'after interval') return { ...it, isChecking: true };
  if (it.isChecking && isOfChecks(input)) return checked(it, input, policy);
  return isUp(it) ? toldOfDials(it, input, policy) : toldOfTrials(it, input, policy);
}

function isOfChecks(input: string): boolean {
  return input.startsWith('check.') || input === 'after check';
}

function checked(it: Told, input: string, policy: EndpointPolicy): Told {
  if (input === 'check.skipped')
    return { ...it, state: it.state === 'JOINING' ? 'SETTLED' : it.state, isChecking: false };
  return input === 'check.passed' ? passed(it, policy) : failed(it, policy);
}

function passed(it: Told, policy: EndpointPolicy): Told {
  if (it.state === 'JOINING') return { ...it, state: 'SETTLED', isChecking: false };
  if (it.state !== 'DOWN') return { ...it, isChecking: false, streak: 0 };
  if (it.streak + 1 < (policy.checks?.rise ?? 1)) return { ...it, isChecking: false, streak: it.streak + 1 };
  return well({ ...it, streak: 0 }, policy);
}

function failed(it: Told, policy: EndpointPolicy): Told {
  if (it.state === 'DOWN') return { ...it, isChecking: false, streak: 0 };
  const isDown = it.state === 'JOINING' || it.streak + 1 >= (policy.checks?.fall ?? 1);
  return isDown
    ? { ...it, state: 'DOWN', isChecking: false, streak: 0 }
    : { ...it, isChecking: false, streak: it.streak + 1 };
}

function well(it: Told, { slowStartMs }: EndpointPolicy): Told {
  return { ...it, state: slowStartMs === null ? 'SETTLED' : 'STARTING', isChecking: false, failures: 0 };
}

function eject(it: Told): Told {
  return { ...it, state: 'EJECTED', isChecking: false, ejections: it.ejections + 1 };
}

function toldOfDials(it: Told, input: string, policy: EndpointPolicy): Told {
  if (input === 'after slowStart') return { ...it, state: 'SETTLED', isChecking: false };
  if (input === 'after forget') return { ...it, ejections: 0 };
  if (input === 'dial.succeeded') return { ...it, failures: 0 };
  if (input !== 'dial.failed' || policy.breaker === null) return it;
  return it.failures + 1 >= policy.breaker.failures ? eject(it) : { ...it, failures: it.failures + 1 };
}

function toldOfTrials(it: Told, input: string, policy: EndpointPolicy): Told {
  if (it.state === 'EJECTED') return input === 'after ejection' ? { ...it, state: 'READY', isChecking: false } : it;
  if (it.state === 'READY') return input === 'trial.started' ? { ...it, state: 'TRYING', isChecking: false } : it;
  if (it.state !== 'TRYING') return it;
  if (input === 'trial.passed') return well(it, policy);
  if (input === 'trial.failed' || input === 'after trial') return eject(it);
  return input === 'trial.abandoned' ? { ...it, state: 'READY', isChecking: false } : it;
}

function leafOf({ state, isChecking }: Told): string {
  if (state === 'JOINING') return 'UP.JOINING';
  if (state === 'DRAINING' || state === 'RETIRED') return state;
  const parent =
    state === 'STARTING' || state === 'SETTLED' ? 'UP.' : state === 'READY' || state === 'TRYING' ? 'HALF_OPEN.' : '';
  return `${parent}${state}.${isChecking ? 'CHECKING' : 'RESTING'}`;
}

/** Every deadline that must be armed, with its length. */
function deadlinesOf(it: Told, policy: EndpointPolicy): readonly string[] {
  const { checks, breaker } = policy;
  const ejectionMs =
    breaker === null || it.ejections === 0
      ? null
      : Math.min(breaker.openForMs * 2 ** (it.ejections - 1), breaker.openForMaxMs);
  const own: Readonly<Record<Told['state'], readonly [string, number | null] | null>> = {
    JOINING: null,
    STARTING: ['slowStart', policy.slowStartMs],
    SETTLED: ['forget', ejectionMs],
    EJECTED: ['ejection', ejectionMs],
    READY: null,
    TRYING: ['trial', policy.trialMs],
    DOWN: null,
    DRAINING: ['drain', policy.drainMs],
    RETIRED: null,
  };
  const isOver = it.state === 'DRAINING' || it.state === 'RETIRED';
  const checking: readonly [string, number | null] = it.isChecking
    ? ['check', checks?.timeoutMs ?? null]
    : ['interval', checks?.intervalMs ?? null];
  return [own[it.state], isOver ? null : checking]
    .filter((one) => one !== null)
    .flatMap(([name, lengthMs]) => (lengthMs === null ? [] : [`${name} ${lengthMs}`]))
    .toSorted();
}

/** What the commands left behind. */
export interface EndpointWorld {
  readonly given: 'all' | 'one' | 'checks' | 'ejected' | 'trial' | 'draining' | null;
  readonly weight: string | null;
  readonly isAsked: boolean;
  readonly kills: number;
}

const nothing: EndpointWorld = { given: null, weight: null, isAsked: false, kills: 0 };

function obeyed(world: EndpointWorld, command: EndpointCommand): EndpointWorld {
  switch (command.type) {
    case 'check':
      return { ...world, isAsked: true };
    case 'cancelCheck':
      return { ...world, isAsked: false };
    case 'announceUp':
      return { ...world, given: 'all' };
    case 'announceTrial':
      return { ...world, given: 'one' };
    case 'announceDown':
      return { ...world, given: command.cause };
    case 'setWeight':
      return { ...world, weight: `${command.share} in ${command.rampMs}` };
    case 'killConnections':
      return { ...world, kills: world.kills + 1 };
  }
  return world;
}

const givenIn: Readonly<Record<Exclude<Told['state'], 'RETIRED'>, EndpointWorld['given']>> = {
  JOINING: 'all',
  STARTING: 'all',
  SETTLED: 'all',
  EJECTED: 'ejected',
  READY: 'one',
  TRYING: 'trial',
  DOWN: 'checks',
  DRAINING: 'draining',
};

export interface EndpointPlace {
  readonly leaf: string;
  readonly world: EndpointWorld;
  readonly told: Told;
  readonly persisted: PersistedChart<EndpointContext>;
  readonly armed: readonly { readonly name: string; readonly id: string; readonly slot: number }[];
}

export interface EndpointStep {
  readonly before: EndpointPlace | null;
  readonly input: string;
  readonly after: EndpointPlace;
  readonly commands: readonly EndpointCommand[];
}

/** @param input a fact's name, or a deadline's; the first step of all has none. */
export function takeStep(
  table: EndpointTable,
  policy: EndpointPolicy,
  before: EndpointPlace | null,
  input: string,
): EndpointStep {
  const commands: EndpointCommand[] = [];
  let world = before?.world ?? nothing;
  let isReady = before === null;
  const clock = new StillClock(() => undefined);
  const host = {
    perform: (command: EndpointCommand) => {
      if (!isReady) return;
      commands.push(command);
      world = obeyed(world, command);
    },
    moved: () => undefined,
    beforeDeadline: () => undefined,
  };
  const charts = compiledCharts(table);
  const chart =
    before === null
      ? charts.create(initialEndpointContext(policy), clock, host)
      : charts.restore(before.persisted, clock, host);
  chart.start();
  isReady = true;
  const said = isEndpointFactType(input) || before === null ? input : `after ${input}`;
  if (isEndpointFactType(input)) chart.send({ type: input });
  else if (before !== null) clock.fire(before.armed.find(({ name }) => name === input)?.slot ?? -1);
  const persisted = chart.persist();
  const timers = table.leaves[table.leafByName.get(chart.leaf) ?? -1]?.timers ?? [];
  const armed = persisted.timers.map(({ id }) => {
    const timer = timers.find((one) => one.id === id);
    return { id, name: timer?.delayName ?? id, slot: timer?.slot ?? -1 };
  });
  const next = before === null ? begun : told(before.told, said, policy);
  return { before, input: said, after: { leaf: chart.leaf, world, told: next, persisted, armed }, commands };
}

type Law = (step: EndpointStep, policy: EndpointPolicy) => boolean;

export const endpointLaws = {
  'B02, B05: every fact and every deadline leads where it must': ({ after }) => after.leaf === leafOf(after.told),
  'exactly the declared deadlines are armed, those that are new with their own length': (
    { before, after, input },
    policy,
  ) => {
    const wanted = deadlinesOf(after.told, policy);
    const lengths = after.persisted.timers.map(({ id, remainingMs }) => {
      const name = after.armed.find((one) => one.id === id)?.name ?? id;
      return `${name} ${remainingMs}`;
    });
    // What runs on has its whole length on a clock that stands still; what was forgotten meanwhile does not change it.
    const isForgetting =
      input === 'after forget' || (before !== null && before.told.ejections !== after.told.ejections);
    if (isForgetting && before?.told.state === after.told.state) return lengths.length <= wanted.length + 1;
    return lengths.toSorted().join() === wanted.join();
  },
  'B01: it is given connections exactly where it may be, and one where one may try': ({ after: { told: it, world } }) =>
    it.state === 'RETIRED' || world.given === givenIn[it.state],
  'B01: its weight counts in full, but grows while it starts': ({ after: { told: it, world } }, { slowStartMs }) =>
    !isUp(it) || world.weight === (it.state === 'STARTING' ? `0.1 in ${slowStartMs}` : '1 in 0'),
  'B04: a check is under way exactly where one was asked for, and never two': ({ after, before, commands }) => {
    let isAsked = before?.world.isAsked ?? false;
    for (const { type } of commands) {
      if (type === 'check' && isAsked) return false;
      if (type === 'check') isAsked = true;
      if (type === 'cancelCheck') isAsked = false;
    }
    return after.world.isAsked === after.told.isChecking;
  },
  'connections are killed at the end of a drain, and by nothing else': ({ input, commands }) =>
    commands.filter(({ type }) => type === 'killConnections').length === (input === 'after drain' ? 1 : 0),
  'nothing is announced twice in one step, and nothing where nothing changed': ({ before, after, commands }) => {
    const announced = commands.filter(({ type }) => type.startsWith('announce'));
    return announced.length <= (before?.told.state === after.told.state && after.told.state !== 'JOINING' ? 0 : 1);
  },
  'RETIRED has no way out': ({ before, after, commands }) =>
    before?.leaf !== 'RETIRED' || (after.leaf === 'RETIRED' && commands.length === 0),
} as const satisfies Record<string, Law>;

export interface EndpointWalk {
  readonly places: readonly EndpointPlace[];
  readonly steps: number;
  readonly violations: readonly { readonly law: string; readonly path: readonly string[] }[];
}

const placesMax = 5_000;

/** Breadth first, so that the path to a violation is a shortest one. */
export function walkEndpoint(table: EndpointTable, policy: EndpointPolicy, isHasty: boolean): EndpointWalk {
  const visits: { readonly place: EndpointPlace; readonly path: readonly string[] }[] = [];
  const known = new Set<string>();
  const violations: { readonly law: string; readonly path: readonly string[] }[] = [];
  let steps = 0;
  const arrive = (step: EndpointStep, path: readonly string[]): void => {
    steps += 1;
    for (const [law, holds] of Object.entries<Law>(endpointLaws)) {
      if (!holds(step, policy)) violations.push({ law, path });
    }
    const key = keyOf(step.after);
    if (known.has(key)) return;
    known.add(key);
    visits.push({ place: step.after, path });
  };
  arrive(takeStep(table, policy, null, 'start'), ['start']);
  for (let index = 0; index < visits.length && visits.length < placesMax; index += 1) {
    const visit = visits[index];
    if (visit === undefined || (isHasty && violations.length > 0)) break;
    for (const input of [...endpointFactTypes, ...visit.place.armed.map(({ name }) => name)]) {
      const step = takeStep(table, policy, visit.place, input);
      arrive(step, [...visit.path, `${step.input} → ${step.after.leaf}`]);
    }
  }
  if (visits.length >= placesMax) violations.push({ law: 'the walk ends', path: visits.at(-1)?.path ?? [] });
  return { places: visits.map(({ place }) => place), steps, violations };
}

/** More than three ejections in a row are all as long, and lead to the same. */
function keyOf({ leaf, world, told: it, persisted, armed }: EndpointPlace): string {
  const { streak, failures, ejections } = persisted.snapshot.context;
  const counts = [it.streak, it.failures, Math.min(it.ejections, 4), streak, failures, Math.min(ejections, 4)];
  return [
    leaf,
    leafOf(it),
    world.given,
    world.weight,
    world.isAsked,
    ...counts,
    ...armed.map(({ name }) => name),
  ].join();
}
