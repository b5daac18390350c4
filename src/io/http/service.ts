/**
 * The HTTP service of one connection, and what it tells the connection: the same for HTTP/1.1 and HTTP/2.
 *
 * A service has the bytes of the client's leg from its start until it is stopped, or until the connection has become a
 * tunnel. Decides nothing that the charts decide: the connection's chart says when it is over, each exchange's chart how
 * that exchange goes. Must never do: own a timer.
 * Read first: `machines/connection/machine.ts` (ESTABLISHED.HTTP), `ports.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { Timeouts } from '../../machines/connection/delays.ts';
import type { LegFact } from '../leg.ts';
import type { ExchangeSnapshot } from '../reports.ts';
import type { DetachedLeg, Requester, RequesterOwner, Tap } from './ports.ts';

export interface HttpService {
  /** Takes the leg's bytes, beginning with what it holds. */
  start(): void;
  /** No exchange after those that are live: `Connection: close`, GOAWAY. May be told more than once. */
  last(): void;
  /** Nothing more is to be written: FIN after what was (GOAWAY before it); what the client still sends is dropped. */
  end(): void;
  /** The connection has entered CLOSED: every live exchange has lost its client. The leg is the connection's to release. */
  stop(reason: CloseReason): void;
  /** What the client's leg says, but `failed`: that ends the connection, and so comes as `stop`. */
  told(fact: LegFact): void;
  /** The exchanges that are live. */
  exchanges(): readonly ExchangeSnapshot[];
}

/** What a service tells the connection it serves. */
export interface ServiceOwner {
  /** An exchange has begun where none was live. */
  opened(): void;
  /** No exchange is live any more, and another one may come. */
  closed(timeouts: Timeouts): void;
  /** The client has sent FIN; not told while what came before it is still waiting to be read. */
  clientEnded(): void;
  /** Nothing more will be written, nothing more is wanted. `cause`: one clause for the record. */
  finished(reason: CloseReason, cause: string | null): void;
  /** It can not go on: cut. */
  failed(reason: CloseReason, cause: string | null): void;
  /** After `end`: everything was handed over, FIN included. Then `clientEnded` if that had come already. */
  flushed(): void;
  /** 101 was written: both legs become a tunnel. The client's bytes come from `client.passTo`. */
  upgraded(client: Tap, upstream: DetachedLeg, timeouts: Timeouts): void;
  /** Something threw: a bug of ours. */
  broken(error: unknown): void;
}

/** Opens the exchange of a requester. The requester may be called back before this returns its owner. */
export type OpenExchange = (requester: Requester) => ExchangeHandle;

/** An exchange as its service knows it. */
export interface ExchangeHandle extends RequesterOwner {
  snapshot(): ExchangeSnapshot;
}
