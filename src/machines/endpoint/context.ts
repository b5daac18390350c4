/**
 * What an endpoint's chart remembers, and how it changes: its pool's policy, and four small numbers.
 *
 * Decides when checks or dials have failed often enough, and how much longer each ejection in a row lasts.
 * Must never do: read a clock, have an effect, or count without a bound. Read first: `events.ts`.
 */
import type { ChartArgs } from '../chart/registries.ts';
import type { EndpointFact } from './events.ts';

export interface EndpointPolicy {
  /** Null: nobody looks; dials alone tell. */
  readonly checks: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    /** So many checks in a row bring it up; at least 1. */
    readonly rise: number;
    /** So many in a row bring it down; at least 1. */
    readonly fall: number;
  } | null;
  /** Null: no dial ejects it. */
  readonly breaker: {
    /** So many failed dials in a row eject it; at least 1. */
    readonly failures: number;
    /** The first ejection; each that follows before it has behaved for as long is twice as long. */
    readonly openForMs: number;
    readonly openForMaxMs: number;
  } | null;
  /** How long its weight grows after it was down; null = it counts in full at once. */
  readonly slowStartMs: number | null;
  /** How long its connections may last once it is wanted no more; null = as long as they like. */
  readonly drainMs: number | null;
  /** How long a trial may take: the budget of a dial. */
  readonly trialMs: number;
}

export interface EndpointContext {
  readonly policy: EndpointPolicy;
  /** Checks in a row that said the same, as far as they matter: passed while it is down, failed otherwise. */
  readonly streak: number;
  /** Dials in a row that failed. */
  readonly failures: number;
  /** Ejections in a row. */
  readonly ejections: number;
}

export function initialEndpointContext(policy: EndpointPolicy): EndpointContext {
  return { policy, streak: 0, failures: 0, ejections: 0 };
}

type Args = ChartArgs<EndpointContext, EndpointFact>;

/** Doubled so often, one second is more than any `openForMaxMs`: 2^40 ms are 34 years. */
const ejectionsMax = 40;

export const updates = {
  countCheck: ({ context }: Args): EndpointContext => ({ ...context, streak: context.streak + 1 }),
  forgetChecks: ({ context }: Args): EndpointContext => (context.streak === 0 ? context : { ...context, streak: 0 }),
  countFailure: ({ context }: Args): EndpointContext =>
    context.policy.breaker === null ? context : { ...context, failures: context.failures + 1 },
  forgetFailures: ({ context }: Args): EndpointContext =>
    context.failures === 0 ? context : { ...context, failures: 0 },
  countEjection: ({ context }: Args): EndpointContext => ({
    ...context,
    ejections: Math.min(context.ejections + 1, ejectionsMax),
  }),
  forgetEjections: ({ context }: Args): EndpointContext =>
    context.ejections === 0 ? context : { ...context, ejections: 0 },
} as const;

export const guards = {
  /** True exactly when this check is the last one it takes to come up. */
  hasRisen: ({ context: { policy, streak } }: Args) => streak + 1 >= (policy.checks?.rise ?? 1),
  /** True exactly when this check is the last one it takes to go down. */
  hasFallen: ({ context: { policy, streak } }: Args) => streak + 1 >= (policy.checks?.fall ?? 1),
  /** True exactly when this dial is the last one it takes to be ejected. */
  hasFailedTooOften: ({ context: { policy, failures } }: Args) =>
    policy.breaker !== null && failures + 1 >= policy.breaker.failures,
  risesSlowly: (args: Args) => guards.hasRisen(args) && guards.startsSlowly(args),
  startsSlowly: ({ context }: Args) => context.policy.slowStartMs !== null,
} as const;

/** How long the ejection lasts that is under way, or the last one did; null where there was none. */
export function ejectionMs({ policy: { breaker }, ejections }: EndpointContext): number | null {
  if (breaker === null || ejections === 0) return null;
  return Math.min(breaker.openForMs * 2 ** (ejections - 1), breaker.openForMaxMs);
}

/** The share of its weight with which an endpoint begins that starts slowly. */
export const slowStartShare = 0.1;

/** What `setWeight` means after a while: grows evenly from `share` to 1. */
export function shareAfter(share: number, rampMs: number, sinceMs: number): number {
  if (sinceMs >= rampMs) return 1;
  return share + ((1 - share) * Math.max(0, sinceMs)) / rampMs;
}
