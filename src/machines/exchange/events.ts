/**
 * The facts an exchange's chart hears: one HTTP request and its response.
 *
 * Must never do: carry bytes, heads or functions. Sizes and milliseconds are numbers, reasons are names.
 * Read first: `machine.ts`; the same rules as for a connection hold (`../connection/events.ts`).
 */
import type { CloseReason } from '../connection/close-reason.ts';
import type { Timeouts } from '../connection/delays.ts';

export type ExchangeFact =
  /**
   * The whole head has arrived and is clean. `hasBody`: bytes of a body are to follow. False where the request asks for a
   * tunnel (extended CONNECT): what follows is the tunnel's, and the client's side keeps it, its end included, until then.
   */
  | { readonly type: 'head.received'; readonly hasBody: boolean; readonly expectsContinue: boolean }
  /** Bytes of a body have come from a client that had asked for `100 Continue`, whether it was answered or not. Told once. */
  | { readonly type: 'request.continued' }
  /** The request is complete, trailers included: only for requests with a body. Or the client's half of a tunnel is over. */
  | { readonly type: 'request.ended' }
  /** The request is no clean message, or the client ended in the middle of it. Never once the request is complete. */
  | { readonly type: 'request.failed'; readonly reason: CloseReason }
  /** A route with an upstream or an HTTP handler was chosen, and the client may pass. */
  | { readonly type: 'exchange.routed'; readonly timeouts: Timeouts; readonly attemptsMax: number }
  /** We answer ourselves. `completed` where the route says so (respond, redirect), else the reason of the refusal. */
  | { readonly type: 'exchange.answered'; readonly timeouts: Timeouts; readonly reason: CloseReason }
  /** The pool has room for another connection, and none to lend. */
  | { readonly type: 'place.granted' }
  /** A connection to the upstream is this exchange's own: a pooled one, or the one that was dialled. */
  | { readonly type: 'upstream.acquired' }
  /** `retryable`: true exactly when another endpoint may be tried. */
  | { readonly type: 'dial.failed'; readonly reason: CloseReason; readonly retryable: boolean }
  /** 1xx, passed on. `isContinue`: it is 100, the client's leave to send its body. */
  | { readonly type: 'response.informed'; readonly isContinue: boolean }
  /** The final head was passed on. */
  | { readonly type: 'response.began' }
  /** The response is complete and was passed on, trailers included. Or the upstream's half of a tunnel is over. */
  | { readonly type: 'response.ended' }
  /**
   * 101, or the 2xx of an extended CONNECT; not passed on yet, which is what `handOver` and `openTunnel` are for.
   * `isHandedOver`: the connection itself becomes the tunnel (HTTP/1.1).
   */
  | { readonly type: 'upgrade.accepted'; readonly isHandedOver: boolean }
  /**
   * The upstream failed, broke its protocol or ended early. `retryable`: true exactly when nothing of a response was
   * seen, the connection had been used before, and the request may be sent twice.
   */
  | { readonly type: 'upstream.failed'; readonly reason: CloseReason; readonly retryable: boolean }
  /** Our own answer was handed to the client's side. */
  | { readonly type: 'answer.written' }
  /** The client has left, or its connection ends for another reason. */
  | { readonly type: 'downstream.failed'; readonly reason: CloseReason }
  /** Bytes moved since the last report; told only when a deadline is due. `quietMs`: since the last byte. */
  | { readonly type: 'bytes.flowed'; readonly quietMs: number }
  /** Told only when a deadline is due: the upstream does not take the body that is there. */
  | { readonly type: 'upstream.blocked' }
  /** Told only when a deadline is due: the client does not take the response that is there. */
  | { readonly type: 'downstream.blocked' }
  /** End now, for this reason. */
  | { readonly type: 'kill.requested'; readonly reason: CloseReason };

export type ExchangeFactType = ExchangeFact['type'];

const factTypeSet: Readonly<Record<ExchangeFactType, true>> = {
  'head.received': true,
  'request.continued': true,
  'request.ended': true,
  'request.failed': true,
  'exchange.routed': true,
  'exchange.answered': true,
  'place.granted': true,
  'upstream.acquired': true,
  'dial.failed': true,
  'response.informed': true,
  'response.began': true,
  'response.ended': true,
  'upgrade.accepted': true,
  'upstream.failed': true,
  'answer.written': true,
  'downstream.failed': true,
  'bytes.flowed': true,
  'upstream.blocked': true,
  'downstream.blocked': true,
  'kill.requested': true,
};

/** True exactly when the name is one of an exchange's facts. */
export function isExchangeFactType(name: string): name is ExchangeFactType {
  return Object.hasOwn(factTypeSet, name);
}

/** Every fact's name, in the order above. */
export const exchangeFactTypes: readonly ExchangeFactType[] = Object.keys(factTypeSet).filter(isExchangeFactType);
