/**
 * The facts a connection's chart hears. Past tense; what happened, never what to do about it.
 *
 * Must never do: carry bytes, sockets or functions. Sizes and milliseconds are numbers, reasons are names.
 * Read first: docs/ARCHITECTURE.md, "Facts come in, commands go out, bytes flow beside".
 */
import type { CloseReason } from './close-reason.ts';
import type { Timeouts } from './delays.ts';

export type ConnectionFact =
  /** Admission decided for the connection. */
  | { readonly type: 'admission.granted' }
  | { readonly type: 'admission.refused'; readonly reason: CloseReason }
  /** The client has spoken, and what it said does not decide yet. */
  | { readonly type: 'preface.received'; readonly answerable: boolean }
  /** A route with an upstream was chosen. */
  | {
      readonly type: 'sniff.routed';
      readonly timeouts: Timeouts;
      readonly attemptsMax: number;
      readonly keepHalfOpen: boolean;
      readonly answerable: boolean;
    }
  /** No route, a blocking route, or bytes that break their protocol. */
  | { readonly type: 'sniff.failed'; readonly reason: CloseReason; readonly answerable: boolean }
  | { readonly type: 'dial.resolved' }
  /** `ageMs`: milliseconds since accept. */
  | { readonly type: 'dial.succeeded'; readonly ageMs: number }
  /** `retryable`: true exactly when another endpoint may be tried. */
  | { readonly type: 'dial.failed'; readonly reason: CloseReason; readonly retryable: boolean }
  /** FIN from the client. `heldBytes`: bytes it sent before, still held in the leg; the fact comes again once they were taken. */
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
  | { readonly type: 'drain.requested' }
  /** End now, for this reason: an operator, the drain deadline, a failed callback, a broken invariant. */
  | { readonly type: 'kill.requested'; readonly reason: CloseReason };

export type ConnectionFactType = ConnectionFact['type'];

const factTypeSet: Readonly<Record<ConnectionFactType, true>> = {
  'admission.granted': true,
  'admission.refused': true,
  'preface.received': true,
  'sniff.routed': true,
  'sniff.failed': true,
  'dial.resolved': true,
  'dial.succeeded': true,
  'dial.failed': true,
  'downstream.ended': true,
  'upstream.ended': true,
  'downstream.failed': true,
  'upstream.failed': true,
  'splice.flushed': true,
  'refusal.skipped': true,
  'bytes.flowed': true,
  'drain.requested': true,
  'kill.requested': true,
};

/** True exactly when the name is one of a connection's facts. */
export function isConnectionFactType(name: string): name is ConnectionFactType {
  return Object.hasOwn(factTypeSet, name);
}

/** Every fact's name, in the order above. */
export const connectionFactTypes: readonly ConnectionFactType[] = Object.keys(factTypeSet).filter(isConnectionFactType);
