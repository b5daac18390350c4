/**
 * What is true of a certificate's chart after every step of every history, and how long it waits.
 *
 * The tables say for every state, from the outside, what may exist in it; a chart that differs from them breaks a law.
 * Read first: `certificate-walker.ts`.
 */
import { restMs, unreachedMs } from '../../src/machines/certificate/context.ts';
import { certificateDeadlines, hourMs } from '../../src/machines/certificate/delays.ts';
import type { CertificateFact } from '../../src/machines/certificate/events.ts';
import {
  takeStep,
  type CertificateLaw,
  type CertificatePlace,
  type CertificateStep,
  type CertificateTable,
} from './certificate-walker.ts';

interface Expected {
  readonly deadlines: readonly string[];
  readonly step: string | null;
}

/** By the end of a leaf's name, the longest that fits. */
const expected: Readonly<Record<string, Expected>> = {
  'MISSING.LOOKING': { deadlines: ['storeAnswer'], step: 'lookInStore' },
  CLAIMING: { deadlines: ['storeAnswer'], step: null },
  CONFIRMING: { deadlines: ['storeAnswer'], step: 'lookInStore' },
  ORDERING: { deadlines: ['ordering'], step: 'openOrder' },
  'CHALLENGING.PUBLISHING': { deadlines: ['challenging'], step: 'publishChallenges' },
  'CHALLENGING.ASKING': { deadlines: ['challenging', 'request'], step: 'askOrder' },
  'CHALLENGING.WAITING': { deadlines: ['challenging', 'poll'], step: null },
  'FINALISING.REQUESTING': { deadlines: ['finalising', 'request'], step: 'finaliseOrder' },
  'FINALISING.WAITING': { deadlines: ['finalising', 'poll'], step: null },
  'FINALISING.ASKING': { deadlines: ['finalising', 'request'], step: 'askOrder' },
  'FINALISING.FETCHING': { deadlines: ['finalising', 'request'], step: 'fetchCertificate' },
  SAVING: { deadlines: ['storeAnswer'], step: 'saveCertificate' },
  WAITING_FOR_LOCK: { deadlines: ['lockRetry'], step: null },
  BACKING_OFF: { deadlines: ['backOff'], step: null },
  CHECKING: { deadlines: ['check'], step: null },
  ADVISING: { deadlines: ['advice'], step: 'askAdvice' },
  SETTLED: { deadlines: ['recheck'], step: null },
  RETIRED: { deadlines: [], step: null },
};

const found = new Map<string, Expected>();

function expectedAt({ leaf }: CertificatePlace): Expected {
  const known = found.get(leaf);
  if (known !== undefined) return known;
  const [row] = Object.entries(expected)
    .filter(([end]) => leaf.endsWith(end))
    .toSorted(([one], [other]) => other.length - one.length);
  if (row === undefined) throw new Error(`no row for ${leaf}`);
  found.set(leaf, row[1]);
  return row[1];
}

const isAttempt = (leaf: string) => /\.(?:ISSUING|RENEWING)\./.test(leaf);
const isInside = (leaf: string, state: string) => leaf.includes(`.${state}.`);
const sideOf = (leaf: string) => leaf.split('.')[0];
const names = ({ commands }: CertificateStep) => commands.map(({ type }) => type);

/** Lengths that do not depend on the history, and the bounds of those that do. */
function isLengthRight(name: string, delayMs: number): boolean {
  const fixed: Readonly<Record<string, number>> = certificateDeadlines;
  const known = fixed[name];
  if (known !== undefined) return delayMs === known;
  if (name === 'poll') return delayMs >= 100 && delayMs <= 60_000;
  if (name === 'lockRetry') return delayMs >= 5_000 && delayMs <= 10_000;
  return name === 'recheck' ? delayMs >= restMs && delayMs <= hourMs : delayMs > 0 && delayMs <= hourMs;
}

export const certificateLaws = {
  'exactly the declared deadlines are armed, each with its own length and none for more than an hour': {
    holds: ({ after, armings }) =>
      after.armed
        .map(({ name }) => name)
        .toSorted()
        .join() === expectedAt(after).deadlines.toSorted().join() &&
      armings.every(({ name, delayMs }) => isLengthRight(name, delayMs)),
  },
  'S04, S09: exactly what the state says has been asked for, and nothing that was cancelled is waited for': {
    holds: ({ after, complaints }) => after.world.step === expectedAt(after).step && complaints.length === 0,
  },
  'a lock is held or claimed exactly while an attempt runs, and given back on every way out': {
    holds: ({ after: { leaf, world } }) => world.hasLock === isAttempt(leaf),
  },
  'an order is made in ORDERING alone, by whoever has the lock and has looked in the store': {
    holds: (step) =>
      !names(step).includes('openOrder') ||
      (step.after.world.hasLock &&
        step.before?.leaf.endsWith('.CONFIRMING') === true &&
        step.input === 'certificate.absent'),
  },
  'challenges are answered exactly while names are being proved': {
    holds: ({ after: { leaf, world } }) => world.isPublished === isInside(leaf, 'CHALLENGING'),
  },
  'once a certificate was there one serves in every state, and none is said to serve before': {
    holds: ({ before, after }) =>
      after.leaf === 'RETIRED' ||
      (after.world.isServing === (sideOf(after.leaf) === 'VALID') &&
        !(before !== null && sideOf(before.leaf) === 'VALID' && sideOf(after.leaf) !== 'VALID')),
  },
  'S09: a certificate that is found or saved serves, and what was issued serves even where it cannot be saved': {
    holds: (step) => {
      const { before, after, input } = step;
      if (before === null || (before.leaf === after.leaf && before.leaf !== 'VALID.SETTLED')) return true;
      const isLeavingSaving = before.leaf.endsWith('.SAVING') && after.leaf !== 'RETIRED';
      const isServed = names(step).includes('serveCertificate');
      return isServed === (isLeavingSaving || input === 'certificate.found');
    },
  },
  'every failure and every deadline of a step leads to BACKING_OFF on the same side, and is told to the others': {
    holds: (step) => {
      const { before, after, input } = step;
      if (before === null || !(isAttempt(before.leaf) || before.leaf === 'MISSING.LOOKING')) return true;
      if (input === 'lock.lost' && !isAttempt(before.leaf)) return true;
      const isFailure =
        input === 'attempt.failed' ||
        (input === 'authority.unreached' && before.leaf.endsWith('.ORDERING')) ||
        input === 'lock.lost' ||
        (input.startsWith('after ') && input !== 'after poll');
      if (!isFailure) return true;
      const side = before.leaf.endsWith('.SAVING') ? 'VALID' : sideOf(before.leaf);
      return after.leaf === `${side}.BACKING_OFF` && names(step).includes('deferOthers');
    },
  },
  'others are told to wait exactly when something failed, and the wait is as long as ours': {
    holds: ({ after, commands, input }) =>
      commands.every(
        (command) =>
          command.type !== 'deferOthers' ||
          (after.leaf.endsWith('BACKING_OFF') &&
            command.waitMs >= (input === 'authority.unreached' ? unreachedMs : restMs) &&
            command.failures > 0),
      ),
  },
  'an attempt, and each of its phases, begins its polls anew': {
    holds: ({ after: { leaf, persisted }, before }) =>
      !(
        leaf.endsWith('.CLAIMING') ||
        leaf.endsWith('.PUBLISHING') ||
        before?.leaf.includes('.CHALLENGING.') === true
      ) ||
      leaf.includes('.CHALLENGING.A') ||
      leaf.includes('.CHALLENGING.W') ||
      persisted.snapshot.context.polls === 0,
  },
  'whatever begins to serve forgets the failures before it, and rests for a minute or two by chance': {
    holds: (step) => {
      if (!names(step).includes('serveCertificate') || step.after.leaf !== 'VALID.SETTLED') return true;
      const { failures, unreached, waitMs, renewMs, chance } = step.after.persisted.snapshot.context;
      const isDrawn = chance !== step.before?.persisted.snapshot.context.chance;
      return failures === 0 && unreached === 0 && waitMs === 0 && renewMs >= restMs && renewMs <= 2 * restMs && isDrawn;
    },
  },
  'a wait of more than an hour goes on, an hour less; any other is over': {
    holds: ({ before, after, input }) => {
      if (before === null || input !== 'after backOff') return true;
      const leftMs = before.persisted.snapshot.context.waitMs - hourMs;
      if (leftMs <= 0) return after.leaf.endsWith('.CLAIMING');
      return after.leaf === before.leaf && after.persisted.snapshot.context.waitMs === leftMs;
    },
  },
  'a failure that somebody else told of is waited for': {
    holds: ({ before, after, fact }) =>
      fact?.type !== 'attempt.deferred' ||
      before?.leaf === after.leaf ||
      (after.persisted.snapshot.context.failures === fact.failures &&
        after.persisted.snapshot.context.waitMs >= fact.afterMs),
  },
  'the renewal is when the wall clock said, and the clock is asked on every way into CHECKING': {
    holds: (step) => {
      const { before, after, fact } = step;
      if (after.leaf === 'VALID.CHECKING' && before?.leaf !== after.leaf) return names(step).includes('checkRenewal');
      if (before?.leaf !== 'VALID.CHECKING' || fact?.type !== 'renewal.later') return true;
      return after.persisted.snapshot.context.renewMs === Math.max(restMs, fact.afterMs);
    },
  },
  'every poll is counted': {
    holds: ({ before, after, fact }) => {
      if (before === null || fact?.type !== 'order.pending' || before.leaf === after.leaf) return true;
      return after.persisted.snapshot.context.polls === Math.min(before.persisted.snapshot.context.polls + 1, 4);
    },
  },
  'every fact leads where it must': {
    holds: ({ before, after, input }) => {
      if (before === null) return true;
      const wanted = edges.find(([from, on]) => on === input && before.leaf.endsWith(from));
      if (wanted === undefined) return true;
      const to = wanted[2];
      const side = `${sideOf(before.leaf)}.`;
      return after.leaf === (to.startsWith('VALID') ? to : `${rests.includes(to) ? side : prefixOf(before.leaf)}${to}`);
    },
  },
  'nothing but its own end ends an attempt, and RETIRED has no way out': {
    holds: ({ before, after, input, commands }) => {
      if (before === null) return true;
      if (before.leaf === 'RETIRED') return after.leaf === 'RETIRED' && commands.length === 0;
      return (input === 'retire.requested') === (after.leaf === 'RETIRED');
    },
  },
} as const satisfies Record<string, CertificateLaw>;

/** `MISSING.ISSUING.` or `VALID.RENEWING.` inside an attempt, else `MISSING.` or `VALID.`. */
function prefixOf(leaf: string): string {
  const [side, attempt] = leaf.split('.');
  return isAttempt(leaf) ? `${side}.${attempt}.` : `${side}.`;
}

const rests: readonly string[] = ['WAITING_FOR_LOCK', 'BACKING_OFF'];

/** Where from, on what, where to: from the outside, in the order of a life. */
const edges: readonly (readonly [from: string, on: string, to: string])[] = [
  ['MISSING.LOOKING', 'certificate.found', 'VALID.SETTLED'],
  ['MISSING.LOOKING', 'certificate.absent', 'ISSUING.CLAIMING'],
  ['MISSING.LOOKING', 'attempt.deferred', 'BACKING_OFF'],
  ['.CLAIMING', 'lock.granted', 'CONFIRMING'],
  ['.CLAIMING', 'lock.refused', 'WAITING_FOR_LOCK'],
  ['.CONFIRMING', 'certificate.absent', 'ORDERING'],
  ['.CONFIRMING', 'attempt.deferred', 'BACKING_OFF'],
  ['.CONFIRMING', 'certificate.found', 'VALID.SETTLED'],
  ['.ORDERING', 'order.opened', 'CHALLENGING.PUBLISHING'],
  ['.ORDERING', 'order.ready', 'FINALISING.REQUESTING'],
  ['.ORDERING', 'order.pending', 'FINALISING.WAITING'],
  ['.ORDERING', 'order.issued', 'FINALISING.FETCHING'],
  ['.ORDERING', 'certificate.issued', 'SAVING'],
  ['.ORDERING', 'authority.unreached', 'BACKING_OFF'],
  ['.CHALLENGING.PUBLISHING', 'challenges.published', 'CHALLENGING.ASKING'],
  ['.CHALLENGING.PUBLISHING', 'order.ready', 'FINALISING.REQUESTING'],
  ['.CHALLENGING.ASKING', 'order.pending', 'CHALLENGING.WAITING'],
  ['.CHALLENGING.ASKING', 'order.ready', 'FINALISING.REQUESTING'],
  ['.CHALLENGING.WAITING', 'after poll', 'CHALLENGING.ASKING'],
  ['.FINALISING.REQUESTING', 'order.pending', 'FINALISING.WAITING'],
  ['.FINALISING.REQUESTING', 'order.issued', 'FINALISING.FETCHING'],
  ['.FINALISING.WAITING', 'after poll', 'FINALISING.ASKING'],
  ['.FINALISING.ASKING', 'order.pending', 'FINALISING.WAITING'],
  ['.FINALISING.ASKING', 'order.issued', 'FINALISING.FETCHING'],
  ['.FINALISING.ASKING', 'order.ready', 'FINALISING.REQUESTING'],
  ['.FINALISING.FETCHING', 'certificate.issued', 'SAVING'],
  ['.SAVING', 'certificate.saved', 'VALID.SETTLED'],
  ['VALID.SETTLED', 'after recheck', 'VALID.CHECKING'],
  ['VALID.SETTLED', 'certificate.found', 'VALID.SETTLED'],
  ['VALID.CHECKING', 'renewal.due', 'VALID.RENEWING.CLAIMING'],
  ['VALID.CHECKING', 'renewal.later', 'VALID.SETTLED'],
  ['VALID.CHECKING', 'advice.due', 'VALID.ADVISING'],
  ['VALID.CHECKING', 'after check', 'VALID.SETTLED'],
  ['VALID.ADVISING', 'advice.settled', 'VALID.CHECKING'],
  ['VALID.ADVISING', 'after advice', 'VALID.CHECKING'],
  ['VALID.ADVISING', 'certificate.found', 'VALID.SETTLED'],
  ['.WAITING_FOR_LOCK', 'certificate.found', 'VALID.SETTLED'],
  ['.BACKING_OFF', 'certificate.found', 'VALID.SETTLED'],
  ['MISSING.WAITING_FOR_LOCK', 'after lockRetry', 'ISSUING.CLAIMING'],
  ['VALID.WAITING_FOR_LOCK', 'after lockRetry', 'VALID.RENEWING.CLAIMING'],
];

/** A chart that goes through these. */
function through(
  table: CertificateTable,
  random: number,
  ...inputs: readonly (CertificateFact | string)[]
): CertificateStep {
  let step = takeStep(table, null, 'start', random);
  for (const input of inputs) step = takeStep(table, step.after, input);
  return step;
}

const toOrdering: readonly CertificateFact[] = [
  { type: 'certificate.absent' },
  { type: 'lock.granted' },
  { type: 'certificate.absent' },
];

/** How long the waits are after the same failure so often in a row. */
export function failureLengths(
  table: CertificateTable,
  random: number,
  failure: CertificateFact,
  count: number,
): readonly number[] {
  return lengthsOf(
    table,
    random,
    Array.from({ length: count }, () => failure),
  );
}

/** How long the waits are after these failures of the order, in a row. */
export function lengthsOf(
  table: CertificateTable,
  random: number,
  failures: readonly CertificateFact[],
): readonly number[] {
  let step = through(table, random, ...toOrdering);
  return failures.map((failure) => {
    step = takeStep(table, step.after, failure);
    const { waitMs } = step.after.persisted.snapshot.context;
    for (let left = 800; left > 0 && step.after.leaf.endsWith('BACKING_OFF'); left -= 1) {
      step = takeStep(table, step.after, 'backOff');
    }
    for (const fact of toOrdering.slice(1)) step = takeStep(table, step.after, fact);
    return waitMs;
  });
}

/** How long one wait really is, timer by timer. */
export function waitOf(table: CertificateTable, afterMs: number): number {
  let step = through(table, 0.5, ...toOrdering, { type: 'attempt.failed', afterMs });
  let waitedMs = 0;
  for (let left = 10_000; left > 0 && step.after.leaf === 'MISSING.BACKING_OFF'; left -= 1) {
    waitedMs += step.after.persisted.timers[0]?.remainingMs ?? Number.NaN;
    step = takeStep(table, step.after, 'backOff');
  }
  return step.after.leaf === 'MISSING.ISSUING.CLAIMING' ? waitedMs : Number.NaN;
}

/** How long the waits between polls are. */
export function pollLengths(table: CertificateTable, asked: readonly (number | null)[]): readonly number[] {
  let step = through(table, 0.5, ...toOrdering, { type: 'order.opened' }, { type: 'challenges.published' });
  return asked.map((afterMs) => {
    step = takeStep(table, step.after, { type: 'order.pending', afterMs });
    const lengthMs = step.armings.find(({ name }) => name === 'poll')?.delayMs ?? Number.NaN;
    step = takeStep(table, step.after, 'poll');
    return lengthMs;
  });
}
