/**
 * Whose fault a dial's end is, as far as the endpoint's breaker goes: the endpoint's, or nobody's there.
 *
 * Decides by whom the failure blames and by its code, and for a dial that is cut short by what the chart says of the cut and
 * by how long it was. Pure.
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

type DialOutcome = 'failed' | 'abandoned';

/** `abandoned`: it says nothing of the endpoint, whoever dialled it. */
export function outcomeOf({ reason, code, blame }: DialFailure): DialOutcome {
  if (reason === 'handler.failed' || ownShortages.has(code)) return 'abandoned';
  return blame === undefined || blame === 'endpoint' ? 'failed' : 'abandoned';
}

/**
 * A dial that is cut short has failed exactly when its own deadline did it: then the chart waits for the next attempt, or
 * has this reason. The budget of all attempts speaks for it where this attempt alone lasted as long as one may: what was
 * spent in a queue, or on others, is not the endpoint's.
 */
export function outcomeOfCut({ leaf, context: { reason, timeouts } }: DialChart, lastedMs: number): DialOutcome {
  if (leaf === 'DIALING.BACKING_OFF' || reason === 'timeout.dial') return 'failed';
  const enoughMs = Math.min(timeouts.dial ?? Infinity, timeouts.dialBudget ?? Infinity);
  return reason === 'timeout.dialBudget' && lastedMs >= enoughMs ? 'failed' : 'abandoned';
}
