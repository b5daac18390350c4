/**
 * What an exchange's chart remembers: names and numbers, all readonly, all `null` where nothing is known.
 *
 * Must never do: hold a head, a leg or a function.
 */
import type { CloseReason } from '../connection/close-reason.ts';
import type { Timeouts } from '../connection/delays.ts';

export interface ExchangeContext {
  /** The deadlines in force: the listener's until a route is chosen, then the route's. */
  readonly timeouts: Timeouts;
  /** True exactly when the request is complete: it has no body, or all of the body has arrived. */
  readonly isRequestOver: boolean;
  /** True exactly when the client waits for `100 Continue` before it sends its body. */
  readonly expectsContinue: boolean;
  /** Dial attempts begun or claimed, 0 before the first. */
  readonly attempt: number;
  /** How many attempts the route allows, at least 1. */
  readonly attemptsMax: number;
  /** How often the request was sent again, because a used connection turned out to be closed: 0 or 1. */
  readonly retries: number;
  /** True exactly when the client was passed something of an interim response: the request is not sent again. */
  readonly isInformed: boolean;
  /** Milliseconds since the last byte, as reported when a deadline was due. */
  readonly quietMs: number;
  /** The first cause that was recorded; never overwritten. */
  readonly reason: CloseReason | null;
}

/** What a new exchange's chart is born with. */
export interface ExchangeInput {
  readonly timeouts: Timeouts;
}

/** The context of an exchange of which not a byte has arrived. */
export function initialContext({ timeouts }: ExchangeInput): ExchangeContext {
  return {
    timeouts,
    isRequestOver: false,
    expectsContinue: false,
    attempt: 0,
    attemptsMax: 1,
    retries: 0,
    isInformed: false,
    quietMs: 0,
    reason: null,
  };
}
