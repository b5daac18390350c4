/**
 * The longest time one connection of a route can hold its slot, by the deadlines of its listener and its route.
 *
 * Decides nothing: the chart does. Two questions: a peer that is *silent* (no byte moves; everything else happens at the
 * last moment), and a *hostile* one that trickles bytes for as long as bytes renew a deadline.
 * Read first: `../chart/hold-time.ts`.
 */
import { holdTime, type HoldTime } from '../chart/hold-time.ts';
import { connectionTable } from './connection-chart.ts';
import { initialContext } from './context.ts';
import type { Timeouts } from './delays.ts';
import type { ConnectionFact } from './events.ts';

export interface HoldPolicy {
  /** In force until a route is chosen. */
  readonly listener: Timeouts;
  readonly route: Timeouts;
  /** At least 1. */
  readonly attemptsMax: number;
  readonly keepHalfOpen: boolean;
}

export interface ConnectionHoldTime {
  readonly silent: HoldTime;
  readonly hostile: HoldTime;
}

export function connectionHoldTime(policy: HoldPolicy): ConnectionHoldTime {
  const question = {
    table: connectionTable,
    context: initialContext({ timeouts: policy.listener }),
    facts: (ageMs: number) => silentFacts(policy, ageMs),
  };
  return {
    silent: holdTime({ ...question, activity: null }),
    hostile: holdTime({ ...question, activity: 'bytes.flowed' }),
  };
}

/** Every fact that a connection can hear without a byte having moved; `kill.requested` only ever shortens. */
export function silentFacts(policy: HoldPolicy, ageMs: number): readonly ConnectionFact[] {
  const { route: timeouts, attemptsMax, keepHalfOpen } = policy;
  return [
    { type: 'admission.granted' },
    { type: 'admission.refused', reason: 'refused.address' },
    { type: 'preface.received', answerable: true },
    { type: 'sniff.routed', timeouts, attemptsMax, keepHalfOpen, answerable: true },
    { type: 'sniff.failed', reason: 'refused.route', answerable: true },
    { type: 'dial.resolved' },
    { type: 'dial.succeeded', ageMs },
    { type: 'dial.failed', reason: 'upstream.refused', retryable: true },
    { type: 'dial.failed', reason: 'upstream.refused', retryable: false },
    { type: 'downstream.ended', heldBytes: 0, ageMs },
    { type: 'downstream.ended', heldBytes: 1, ageMs },
    { type: 'upstream.ended', ageMs },
    { type: 'downstream.failed', reason: 'downstream.reset' },
    { type: 'upstream.failed', reason: 'upstream.reset' },
    { type: 'splice.flushed' },
    { type: 'refusal.skipped' },
    { type: 'drain.requested' },
  ];
}

/**
 * The silent hold time in milliseconds for a configuration's budget; null = unbounded.
 * A route that keeps half-open clients holds no longer than one that does not, so the answer is the same for both.
 */
export function silentHoldTime(timeouts: Timeouts, attemptsMax: number): number | null {
  return connectionHoldTime({ listener: timeouts, route: timeouts, attemptsMax, keepHalfOpen: true }).silent.totalMs;
}
