/**
 * The exhaustive walk of a certificate's chart: every state by every fact in every order, told truly or not, and every
 * deadline. The world is what the commands left behind: who has the lock, what was asked for, what serves.
 *
 * Unlike a connection a certificate has no end that deadlines lead to: they lead from everywhere back to an attempt, or to
 * a look at the clock. Read first: `src/machines/certificate/machine.ts`; `exchange-walker.ts` is the walk of the others.
 */
import type { PersistedChart } from '../../src/machines/chart/chart.ts';
import type { ChartTable } from '../../src/machines/chart/compile.ts';
import { compiledCharts } from '../../src/machines/chart/compiled-chart.ts';
import { initialCertificateContext, restMs, type CertificateContext } from '../../src/machines/certificate/context.ts';
import { hourMs } from '../../src/machines/certificate/delays.ts';
import {
  certificateFactTypes,
  type CertificateCommand,
  type CertificateFact,
} from '../../src/machines/certificate/events.ts';
import { StillClock } from './exchange-clock.ts';

export type CertificateTable = ChartTable<CertificateContext, CertificateFact, CertificateCommand>;

/** What the commands left behind. */
export interface CertificateWorld {
  readonly hasLock: boolean;
  /** What was asked for and not cancelled. */
  readonly step: CertificateCommand['type'] | null;
  readonly isPublished: boolean;
  readonly isServing: boolean;
  /** True exactly when an order was made and no minute has passed since. */
  readonly isFresh: boolean;
}

export interface CertificatePlace {
  readonly leaf: string;
  readonly world: CertificateWorld;
  readonly persisted: PersistedChart<CertificateContext>;
  /** Deadlines by name. */
  readonly armed: readonly { readonly id: string; readonly name: string; readonly slot: number }[];
}

export interface CertificateStep {
  readonly before: CertificatePlace | null;
  /** A fact's name, or `after …`. */
  readonly input: string;
  readonly fact: CertificateFact | null;
  readonly after: CertificatePlace;
  readonly commands: readonly CertificateCommand[];
  readonly armings: readonly { readonly name: string; readonly delayMs: number }[];
  readonly complaints: readonly string[];
}

export interface CertificateViolation {
  readonly law: string;
  readonly path: readonly string[];
}

/** Every fact, those with numbers in every kind. */
export const certificateFacts: readonly CertificateFact[] = certificateFactTypes.flatMap(
  (type): readonly CertificateFact[] => {
    switch (type) {
      case 'attempt.failed':
      case 'order.pending':
        return [null, 5_000, 3 * hourMs].map((afterMs) => ({ type, afterMs }));
      case 'attempt.deferred':
        return [{ type, failures: 2, afterMs: hourMs / 2 }];
      case 'renewal.later':
        return [0, 50 * 24 * hourMs].map((afterMs) => ({ type, afterMs }));
      default:
        return [{ type }];
    }
  },
);

const nothing: CertificateWorld = { hasLock: false, step: null, isPublished: false, isServing: false, isFresh: false };

let latest: { readonly table: CertificateTable; readonly charts: CompiledCharts } | null = null;
type CompiledCharts = ReturnType<typeof compiledCharts<CertificateContext, CertificateFact, CertificateCommand>>;

/** A walk asks thousands of times for the same. */
function chartsOf(table: CertificateTable): CompiledCharts {
  if (latest?.table !== table) latest = { table, charts: compiledCharts(table) };
  return latest.charts;
}

/** One step from a place, or the first of all. */
export function takeStep(
  table: CertificateTable,
  before: CertificatePlace | null,
  input: CertificateFact | string,
  random = 0.5,
): CertificateStep {
  const charts = chartsOf(table);
  const commands: CertificateCommand[] = [];
  const complaints: string[] = [];
  const armings: { readonly name: string; readonly delayMs: number }[] = [];
  let world = worldAt(before, input);
  let isReady = before === null;
  const timersOf = (leaf: string) => table.leaves[table.leafByName.get(leaf) ?? -1]?.timers ?? [];
  const clock = new StillClock((delayMs, slot) => {
    const name = timersOf(chart.leaf).find((one) => one.slot === slot)?.delayName ?? `slot ${slot}`;
    if (isReady) armings.push({ name, delayMs });
  });
  const host = {
    perform: (command: CertificateCommand) => {
      commands.push(command);
      const complaint = complaintAbout(world, command);
      if (complaint !== null) complaints.push(complaint);
      world = obeyed(world, command);
    },
    moved: () => undefined,
    beforeDeadline: () => undefined,
  };
  const chart =
    before === null
      ? charts.create(initialCertificateContext({ random }), clock, host)
      : charts.restore(before.persisted, clock, host);
  chart.start();
  isReady = true;
  if (before !== null && typeof input === 'string') {
    const due = before.armed.find(({ name }) => name === input);
    const dueMs = before.persisted.timers.find(({ id }) => id === due?.id)?.remainingMs ?? 0;
    if (dueMs >= restMs) world = { ...world, isFresh: false };
    clock.fire(due?.slot ?? -1);
  } else if (typeof input !== 'string') {
    chart.send(input);
  }
  const persisted = chart.persist();
  const armed = persisted.timers.map(({ id }) => {
    const timer = timersOf(chart.leaf).find((one) => one.id === id);
    return { id, name: timer?.delayName ?? id, slot: timer?.slot ?? -1 };
  });
  const after = { leaf: chart.leaf, world, persisted, armed };
  const fact = typeof input === 'string' ? null : input;
  const said = typeof input === 'string' ? `after ${input}` : input.type;
  return { before, input: said, fact, after, commands, armings, complaints };
}

/** Whoever says that the CA was not reached has ordered nothing. */
function worldAt(before: CertificatePlace | null, input: CertificateFact | string): CertificateWorld {
  if (before === null) return nothing;
  const isUnsent = typeof input !== 'string' && input.type === 'authority.unreached';
  return isUnsent && before.leaf.endsWith('.ORDERING') ? { ...before.world, isFresh: false } : before.world;
}

/** The commands that are answered, or cancelled. */
const steps: ReadonlySet<string> = new Set([
  'lookInStore',
  'openOrder',
  'publishChallenges',
  'askOrder',
  'finaliseOrder',
  'fetchCertificate',
  'saveCertificate',
  'askAdvice',
]);

function obeyed(world: CertificateWorld, { type }: CertificateCommand): CertificateWorld {
  if (type === 'cancelStep') return { ...world, step: null };
  if (type === 'claimLock') return { ...world, hasLock: true };
  if (type === 'releaseLock') return { ...world, hasLock: false };
  if (type === 'withdrawChallenges') return { ...world, isPublished: false };
  if (type === 'serveCertificate') return { ...world, isServing: true };
  if (!steps.has(type)) return world;
  return {
    ...world,
    step: type,
    isPublished: world.isPublished || type === 'publishChallenges',
    isFresh: world.isFresh || type === 'openOrder',
  };
}

function complaintAbout(world: CertificateWorld, { type }: CertificateCommand): string | null {
  if (steps.has(type) && world.step !== null) return `${type} while ${world.step} is under way`;
  if (type === 'cancelStep' && world.step === null) return 'cancelStep without a step';
  if (type === 'claimLock' && world.hasLock) return 'a second lock';
  if (type === 'releaseLock' && !world.hasLock) return 'releaseLock without a lock';
  if (type === 'openOrder' && world.isFresh) return 'an order less than a minute after another';
  if (type === 'withdrawChallenges' && !world.isPublished) return 'nothing to withdraw';
  return null;
}

export interface CertificateLaw {
  readonly holds: (step: CertificateStep) => boolean;
}

/** Breadth first, so that the path to a violation is a shortest one. */
export function walkCertificate(
  table: CertificateTable,
  laws: Readonly<Record<string, CertificateLaw>>,
  isHasty: boolean,
): {
  readonly places: readonly CertificatePlace[];
  readonly steps: number;
  readonly violations: readonly CertificateViolation[];
} {
  const places: { readonly place: CertificatePlace; readonly path: readonly string[] }[] = [];
  const known = new Set<string>();
  const violations: CertificateViolation[] = [];
  let count = 0;
  const arrive = (step: CertificateStep, path: readonly string[]): void => {
    count += 1;
    for (const [law, { holds }] of Object.entries(laws)) if (!holds(step)) violations.push({ law, path });
    const key = keyOf(step.after);
    if (known.has(key)) return;
    known.add(key);
    places.push({ place: step.after, path });
  };
  arrive(takeStep(table, null, 'start'), ['start']);
  for (let index = 0; index < places.length && places.length < placesMax; index += 1) {
    if (isHasty && violations.length > 0) break;
    const visit = places[index];
    if (visit === undefined) break;
    for (const input of [...certificateFacts, ...visit.place.armed.map(({ name }) => name)]) {
      const step = takeStep(table, visit.place, input);
      arrive(step, [...visit.path, `${step.input} → ${step.after.leaf}`]);
    }
  }
  if (places.length >= placesMax) violations.push({ law: 'the walk ends', path: places.at(-1)?.path ?? [] });
  return { places: places.map(({ place }) => place), steps: count, violations };
}

const placesMax = 2_000;

/** Chance and the exact lengths of waits change nothing but lengths, which the laws look at as they are armed. */
function keyOf({ leaf, world, persisted, armed }: CertificatePlace): string {
  const { waitMs, renewMs, polls, failures } = persisted.snapshot.context;
  const waits = leaf.endsWith('BACKING_OFF') ? Math.ceil(waitMs / hourMs) : 0;
  const renews = leaf === 'VALID.SETTLED' ? Math.min(2, Math.ceil(renewMs / hourMs)) : 0;
  const memory = [Math.min(polls, 1), Math.min(failures, 1)];
  const around: readonly unknown[] = Object.values(world);
  return [leaf, ...around, waits, renews, ...memory, ...armed.map(({ name }) => name)].join();
}
