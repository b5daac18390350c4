/**
 * What a connection's chart remembers: names and numbers, never a socket, a function or a clock.
 *
 * Read first: `machine.ts`.
 */
import type { CloseReason } from './close-reason.ts';
import type { Timeouts } from './delays.ts';

/** An upstream of the route, the HTTP service, or a handler of the embedding program. */
export type Serves = 'upstream' | 'http' | 'handler';

export interface ConnectionContext {
  /** True exactly when the listener looks for a PROXY header before anything else. */
  readonly expectsProxyHeader: boolean;
  /** The deadlines in force: the listener's until a route is chosen, then the route's; for HTTP, the route's served last. Null = never armed. */
  readonly timeouts: Timeouts;
  /** Dial attempts begun, 0 before the first. */
  readonly attempt: number;
  /** How many attempts the route allows, at least 1. */
  readonly attemptsMax: number;
  /** True exactly when the route keeps a connection whose client sent FIN, and nothing else, before the dial completed. */
  readonly keepHalfOpen: boolean;
  /** Who the client's stream was given to; `upstream` until that is known, and for good where it is one. */
  readonly serves: Serves;
  /** True exactly when the client speaks a protocol in which a refusal can be written to it. */
  readonly answerable: boolean;
  /** How long a WebSocket may be silent before its client is pinged; null for everything that is not to be. */
  readonly pingMs: number | null;
  /** Milliseconds since the last byte, as reported when a deadline was due, or as known when a ping was. */
  readonly quietMs: number;
  /** How much of that silence had passed when the last ping was sent; 0 where none was. */
  readonly pingedMs: number;
  /** Milliseconds since accept, as known when a state with a `lifetime` was last entered. */
  readonly ageMs: number;
  /** The first cause that was recorded; never overwritten. Null until the connection starts to end. */
  readonly reason: CloseReason | null;
}

/** What a new connection's chart is born with. */
export interface ConnectionInput {
  readonly timeouts: Timeouts;
  readonly expectsProxyHeader: boolean;
}

/** The context of a connection that has just been accepted. */
export function initialContext({ timeouts, expectsProxyHeader }: ConnectionInput): ConnectionContext {
  return {
    expectsProxyHeader,
    timeouts,
    attempt: 0,
    attemptsMax: 1,
    keepHalfOpen: false,
    serves: 'upstream',
    answerable: false,
    pingMs: null,
    quietMs: 0,
    pingedMs: 0,
    ageMs: 0,
    reason: null,
  };
}
