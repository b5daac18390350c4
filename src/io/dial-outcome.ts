/**
 * Whose fault a dial's end is, as far as the endpoint's breaker goes: the endpoint's, or nobody's there.
 *
 * Decides by the failure's code, and for a dial that is cut short by what the chart says of the cut. Pure.
 * Read first: `candidates.ts` (`EndpointUse.told`).
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';
import type { Timeouts } from '../machines/connection/delays.ts';
import type { DialFailure } from './dialer.ts';

/** The chart of whoever dials, after the step that cuts the dial short. */
export interface DialChart {
  readonly leaf: string;
  readonly context: { readonly reason: CloseReason | null; readonly timeouts: Timeouts };
}

/** Shortages of this machine: whatever endpoint is dialled, it would be the same. */
const ownShortages: ReadonlySet<string> = new Set([
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EADDRNOTAVAIL',
  'EADDRINUSE',
]);

/** True exactly when a dial or check that failed with this code says nothing of the endpoint. */
export function isOwnShortage(code: string): boolean {
  return ownShortages.has(code);
}

export function outcomeOf({ code }: DialFailure): 'failed' | 'abandoned' {
  return isOwnShortage(code) ? 'abandoned' : 'failed';
}

/**
 * A dial that is cut short has failed exactly when its own deadline did it: then the chart waits for the next attempt, or
 * has this reason. The budget of all attempts speaks for it where no attempt has a deadline of its own within the budget.
 */
export function outcomeOfCut({ leaf, context: { reason, timeouts } }: DialChart): 'failed' | 'abandoned' {
  if (leaf === 'DIALING.BACKING_OFF' || reason === 'timeout.dial') return 'failed';
  const { dial, dialBudget } = timeouts;
  const isBudgetAlone = dialBudget !== null && (dial === null || dial >= dialBudget);
  return reason === 'timeout.dialBudget' && isBudgetAlone ? 'failed' : 'abandoned';
}
