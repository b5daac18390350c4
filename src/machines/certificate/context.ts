/**
 * What a certificate's chart remembers, and how it changes: numbers alone.
 *
 * Decides how long to wait after a failure, between two polls and before another try for the lock. Chance comes in as a
 * seed and is drawn here, so that the same history gives the same waits.
 * Must never do: read a clock, have an effect. Read first: `events.ts`.
 */
import type { ChartArgs } from '../chart/registries.ts';
import { hourMs } from './delays.ts';
import type { CertificateFact } from './events.ts';

export interface CertificateContext {
  /** Failures in a row, as far as they lengthen the wait. */
  readonly failures: number;
  /** How often in a row the CA could not be reached at all, as far as it lengthens the wait. */
  readonly unreached: number;
  /** What is left of the wait in BACKING_OFF. */
  readonly waitMs: number;
  /** The wait before the next poll, and how many there were. */
  readonly pollMs: number;
  readonly polls: number;
  readonly lockRetryMs: number;
  /** Until the renewal, as the last look at the wall clock said. */
  readonly renewMs: number;
  /** Where the sequence of chance is: 0 to 2^32-1. */
  readonly chance: number;
}

export interface CertificateInput {
  /** 0 to 1, excluding 1. */
  readonly random: number;
}

export function initialCertificateContext({ random }: CertificateInput): CertificateContext {
  return {
    failures: 0,
    unreached: 0,
    waitMs: 0,
    pollMs: 0,
    polls: 0,
    lockRetryMs: 0,
    renewMs: hourMs,
    chance: Math.floor(random * chanceRange),
  };
}

type Args = ChartArgs<CertificateContext, CertificateFact>;

/** The first wait after a failure. */
export const backOffMs = 60_000;
/** After so many failures the wait has reached its cap of one hour. */
export const failuresMax = 7;
/** The first wait after nothing could be sent: a CA that heard nothing is not stormed, and networks come back soon. */
export const unreachedMs = 5_000;
/** After so many times that wait has reached its cap of one hour. */
export const unreachedMax = 11;
/** Nobody waits longer for the CA's word: 10 years would be a mistake of the CA's. */
export const waitMaxMs = 30 * 24 * hourMs;

const pollMs = { first: 1_000, most: 10_000, asked: 60_000, least: 100 } as const;
const pollsMax = 4;
const lockRetryMs = 5_000;
const chanceRange = 2 ** 32;

export const updates = {
  countFailure: ({ context, event }: Args): CertificateContext => {
    const failures = Math.min(context.failures + 1, failuresMax);
    const askedMs = event.type === 'attempt.failed' ? (event.afterMs ?? 0) : 0;
    const leastMs = backOffFor(failures);
    return { ...waiting(context, Math.max(askedMs, leastMs), leastMs), failures, unreached: 0 };
  },
  countUnreached: ({ context }: Args): CertificateContext => {
    const unreached = Math.min(context.unreached + 1, unreachedMax);
    const leastMs = Math.min(unreachedMs * 2 ** (unreached - 1), hourMs);
    return { ...waiting(context, leastMs, leastMs), unreached };
  },
  rememberDeferral: ({ context, event }: Args): CertificateContext => {
    if (event.type !== 'attempt.deferred') return context;
    const failures = Math.min(Math.max(event.failures, 0), failuresMax);
    return { ...waiting(context, event.afterMs, backOffMs), failures };
  },
  countWait: ({ context }: Args): CertificateContext => ({ ...context, waitMs: Math.max(0, context.waitMs - hourMs) }),
  forgetFailures: ({ context }: Args): CertificateContext => ({
    ...context,
    failures: 0,
    unreached: 0,
    waitMs: 0,
  }),
  forgetPolls: ({ context }: Args): CertificateContext => ({ ...context, polls: 0, pollMs: 0 }),
  countPoll: ({ context, event }: Args): CertificateContext => {
    const askedMs = event.type === 'order.pending' ? event.afterMs : null;
    const usualMs = Math.min(pollMs.first * 2 ** context.polls, pollMs.most);
    const waitMs = askedMs === null ? usualMs : Math.min(Math.max(askedMs, pollMs.least), pollMs.asked);
    return { ...context, pollMs: waitMs, polls: Math.min(context.polls + 1, pollsMax) };
  },
  drawLockRetry: ({ context }: Args): CertificateContext => {
    const chance = next(context.chance);
    return { ...context, chance, lockRetryMs: Math.round(lockRetryMs * (1 + chance / chanceRange)) };
  },
  rememberRenewal: ({ context, event }: Args): CertificateContext =>
    event.type === 'renewal.later' ? { ...context, renewMs: Math.max(restMs, event.afterMs) } : context,
  restFirst: ({ context }: Args): CertificateContext => {
    const chance = next(context.chance);
    return { ...context, chance, renewMs: restMs + Math.round((chance / chanceRange) * restMs) };
  },
} as const;

export const guards = {
  /** True exactly when an hour will not be the end of the wait. */
  hasMoreToWait: ({ context }: Args) => context.waitMs > hourMs,
} as const;

/** The shortest time between two looks at the wall clock, so the shortest between a certificate and the next order. */
export const restMs = 60_000;

function backOffFor(failures: number): number {
  return Math.min(backOffMs * 2 ** (failures - 1), hourMs);
}

/** At least `leastMs`, and up to half of `spreadMs` more, so that what failed together does not come back together. */
function waiting(context: CertificateContext, leastMs: number, spreadMs: number): CertificateContext {
  const chance = next(context.chance);
  const jitterMs = Math.round((chance / chanceRange) * (spreadMs / 2));
  return { ...context, chance, waitMs: Math.min(Math.max(0, leastMs), waitMaxMs) + jitterMs };
}

/** A linear congruential step (constants of Numerical Recipes): only waits are drawn from it. */
function next(chance: number): number {
  return (Math.imul(chance, 1_664_525) + 1_013_904_223) >>> 0;
}
