/**
 * The facts a connection's chart hears. Past tense; what happened, never what to do about it.
 *
 * Must never do: carry bytes, sockets or functions. Sizes and milliseconds are numbers, reasons are names.
 * Read first: docs/ARCHITECTURE.md, "Facts come in, commands go out, bytes flow beside".
 */
import type { CloseReason } from './close-reason.ts';
import type { Serves } from './context.ts';
import type { Timeouts } from './delays.ts';

export type ConnectionFact =
  /** Admission decided for the connection. */
  | { readonly type: 'admission.granted' }
  | { readonly type: 'admission.refused'; readonly reason: CloseReason }
  /** The PROXY header was read, or there is none: whose bytes follow is known. */
  | { readonly type: 'proxyHeader.read' }
  /** The client's address passed what is asked of every client: caps and rates by address. */
  | { readonly type: 'client.identified' }
  /** The client has spoken, and what it said does not decide yet. */
  | { readonly type: 'preface.received'; readonly answerable: boolean }
  /** Who the connection is for is known. `ageMs`: milliseconds since accept. */
  | {
      readonly type: 'sniff.routed';
      readonly serves: Serves;
      readonly ageMs: number;
      readonly timeouts: Timeouts;
      readonly attemptsMax: number;
      readonly keepHalfOpen: boolean;
      readonly answerable: boolean;
      /** True exactly when the route is full and the connection was given a place in its queue. */
      readonly waits: boolean;
    }
  /** No route, a blocking route, or bytes that break their protocol. */
  | { readonly type: 'sniff.failed'; readonly reason: CloseReason; readonly answerable: boolean }
  /** The best route for the client hello terminates TLS. */
  | { readonly type: 'tls.chosen' }
  /** The handshake with the client is done: what it says from here on is what is inside. */
  | { readonly type: 'tls.secured' }
  /** The place that was waited for, of the route or of an endpoint, is this connection's. */
  | { readonly type: 'place.granted' }
  /** The place in the queue went to somebody else. */
  | { readonly type: 'place.lost'; readonly reason: CloseReason }
  /** Every endpoint that may be used is full, and the connection was given a place in their queue: nothing was dialled. */
  | { readonly type: 'dial.postponed' }
  | { readonly type: 'dial.resolved' }
  /** The upstream is reached, and a handshake with it follows. */
  | { readonly type: 'dial.connected' }
  /** `ageMs`: milliseconds since accept. */
  | { readonly type: 'dial.succeeded'; readonly ageMs: number }
  /** `retryable`: true exactly when another endpoint may be tried. */
  | { readonly type: 'dial.failed'; readonly reason: CloseReason; readonly retryable: boolean }
  /** FIN from the client. `heldBytes`: bytes it sent before and nobody has taken; the fact comes again once they were taken. */
  | { readonly type: 'downstream.ended'; readonly heldBytes: number; readonly ageMs: number }
  | { readonly type: 'upstream.ended'; readonly ageMs: number }
  | { readonly type: 'downstream.failed'; readonly reason: CloseReason }
  | { readonly type: 'upstream.failed'; readonly reason: CloseReason }
  /** Both directions are done: what was taken from either side was handed on, FIN included, or has nobody left to take it. */
  | { readonly type: 'splice.flushed' }
  /** Nothing can be written to this client that it would understand. */
  | { readonly type: 'refusal.skipped' }
  /** Bytes moved since the last report; told only when a deadline is due. `quietMs`: since the last byte. */
  | { readonly type: 'bytes.flowed'; readonly quietMs: number }
  /** An exchange has begun where none was live. */
  | { readonly type: 'exchange.opened' }
  /** No exchange is live any more. `timeouts`: of the last one's route, for what follows. */
  | { readonly type: 'exchange.closed'; readonly timeouts: Timeouts; readonly ageMs: number }
  /**
   * The HTTP service will write nothing more and wants nothing more; what it wrote is still being sent. `reason`: why, or
   * `completed` where nothing is wrong; that is recorded only when all was handed over. `timeouts`: as for `exchange.closed`.
   */
  | {
      readonly type: 'service.finished';
      readonly reason: CloseReason;
      readonly timeouts: Timeouts;
      readonly ageMs: number;
    }
  /** The HTTP service can not go on: cut. */
  | { readonly type: 'service.failed'; readonly reason: CloseReason }
  /** Everything that was written to the client, FIN included, was handed over. A FIN of the client's is told again after it. */
  | { readonly type: 'service.flushed' }
  /**
   * An exchange has handed its legs over (101): the connection is a tunnel now, by the deadlines of its route. `pingMs`: the
   * silence after which its client is pinged, or null.
   */
  | {
      readonly type: 'connection.upgraded';
      readonly timeouts: Timeouts;
      readonly ageMs: number;
      readonly pingMs: number | null;
    }
  | { readonly type: 'drain.requested' }
  /** End now, for this reason: an operator, the drain deadline, a failed callback, a broken invariant. */
  | { readonly type: 'kill.requested'; readonly reason: CloseReason };

export type ConnectionFactType = ConnectionFact['type'];

const factTypeSet: Readonly<Record<ConnectionFactType, true>> = {
  'admission.granted': true,
  'admission.refused': true,
  'proxyHeader.read': true,
  'client.identified': true,
  'preface.received': true,
  'sniff.routed': true,
  'sniff.failed': true,
  'tls.chosen': true,
  'tls.secured': true,
  'place.granted': true,
  'place.lost': true,
  'dial.postponed': true,
  'dial.resolved': true,
  'dial.connected': true,
  'dial.succeeded': true,
  'dial.failed': true,
  'downstream.ended': true,
  'upstream.ended': true,
  'downstream.failed': true,
  'upstream.failed': true,
  'splice.flushed': true,
  'refusal.skipped': true,
  'bytes.flowed': true,
  'exchange.opened': true,
  'exchange.closed': true,
  'service.finished': true,
  'service.failed': true,
  'service.flushed': true,
  'connection.upgraded': true,
  'drain.requested': true,
  'kill.requested': true,
};

/** True exactly when the name is one of a connection's facts. */
export function isConnectionFactType(name: string): name is ConnectionFactType {
  return Object.hasOwn(factTypeSet, name);
}

/** Every fact's name, in the order above. */
export const connectionFactTypes: readonly ConnectionFactType[] = Object.keys(factTypeSet).filter(isConnectionFactType);
