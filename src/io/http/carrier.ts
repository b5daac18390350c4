/**
 * What carries requests on one upstream leg: HTTP/1.1, one at a time, or HTTP/2, many at once. The contract between a
 * protocol's engine and the pooled connection that owns the leg.
 *
 * Must never do: own a timer. How long a leg may be unused is the pooled connection's chart's matter, how long a request may
 * take its exchange's. Read first: `machines/pooled/machine.ts`, `ports.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { LegFact } from '../leg.ts';
import type { Upstream, UpstreamOwner } from './ports.ts';

export interface Carrier {
  /** Takes the leg's bytes. Called once, before anything else. */
  start(): void;
  /** True exactly when another request may begin now. */
  readonly canLend: boolean;
  /** True exactly when nothing is under way and nothing was left in the middle: FIN will do. */
  readonly isClean: boolean;
  /** Begins a request; only where `canLend`. */
  request(owner: UpstreamOwner): Upstream;
  /** Nobody uses it any more: said in the protocol's own way where it has one (GOAWAY), FIN follows. */
  close(): void;
  /** Requests that are under way fail. The leg is reset by the caller. */
  abort(): void;
  /** What the leg says, but `failed` and `released`. */
  told(fact: LegFact): void;
  /** The leg failed: whoever has a request on it is told. */
  failed(reason: CloseReason, detail: string): void;
}

/** What a carrier tells the pooled connection that owns its leg. */
export interface CarrierOwner {
  /** The last request is over, and another one may be lent. */
  idle(): void;
  /** A request is over or the peer allows more: another one may begin, though others go on (HTTP/2). */
  lendable(): void;
  /** The upstream takes nobody new: GOAWAY, `Connection: close`. Requests that are under way go on. */
  leaving(): void;
  /** A message was left in the middle, or what came belongs to nobody: never to be lent again, and not worth keeping. */
  spoilt(): void;
  /** FIN came and nothing is under way. */
  ended(): void;
  /** The leg now belongs to a tunnel; it is not to be released with the pooled connection. Its facts go there. */
  detached(told: (fact: LegFact) => void): void;
  /** Something threw: a bug of ours. */
  broken(error: unknown): void;
}
