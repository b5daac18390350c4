/**
 * The endpoints that one dial may try, one after another: the targets of a route in turn, what a function answers, or the
 * endpoints of a pool.
 *
 * Decides nothing itself; it is what a dial needs to know of all of them. When to try, how often and for how long is the
 * chart's. Must never do: dial. Read first: `dialling.ts`, and for HTTP `http/claiming.ts`.
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';
import type { ProxyHeader } from '../protocols/proxy-protocol/header.ts';
import type { RequestHead } from '../protocols/http/message.ts';
import type { RoutePlan, Target, TargetPlan } from '../routing/plan.ts';
import type { Address } from './leg.ts';
import type { SecuredClient } from './tls/secured-client.ts';

/** For whom is dialled: a connection, or an exchange. */
export interface DialSubject {
  readonly connectionId: string;
  /** `[::]:8080` */
  readonly listenerName: string;
  /** As far back as it is known to be believed. */
  readonly client: Address;
  /** What the client came to: of the believed PROXY header, else of the listener's socket. */
  readonly local: Address;
  /** SNI or Host, where one was named. */
  readonly serverName: string | null;
  /** Null in clear text. */
  readonly tls: SecuredClient | null;
  /** The PROXY header that came in and was believed. */
  readonly proxied: ProxyHeader | null;
  /** Null unless HTTP is served. */
  readonly head: RequestHead | null;
  /** The endpoint it uses was brought down, and its pool says what becomes of those who use it. */
  endpointLost(manner: 'drain' | 'kill', cause: string): void;
}

/** One use of an endpoint: a place under its cap, and the word that is given back about it. */
export interface EndpointUse {
  /**
   * What came of the dial; the first word counts. `failed`: for a reason that is the endpoint's; `abandoned`: for one that
   * is not, because its client left or our own deadline for everything passed. `reused`: nothing was dialled, because a
   * connection was there. `untried`: nothing was dialled, and it may be asked for again.
   */
  told(outcome: 'succeeded' | 'reused' | 'failed' | 'abandoned' | 'untried'): void;
  /** It is not used any more. Idempotent; a use of which nothing was told was abandoned. */
  release(): void;
}

export type Candidate =
  | { readonly kind: 'endpoint'; readonly target: Target; readonly use: EndpointUse }
  /** Every endpoint that may be used is at its cap: `wait`, or give up. */
  | { readonly kind: 'full' }
  | { readonly kind: 'none'; readonly reason: CloseReason; readonly cause: string };

export interface Candidates {
  /** How many attempts are worth while, at least 1. */
  readonly attemptsMax: number;
  /** A promise only where a function of the embedding program's is asked. It may throw, and reject. @param attempt 1 first. */
  next(attempt: number): Candidate | Promise<Candidate>;
  /**
   * A place in the queue; what is granted is kept for the next `next`. Answers what gives the place up, or null where the
   * queue is full or there is none. `granted` is called later, at most once, and not after the place was given up.
   */
  wait(granted: () => void): (() => void) | null;
  /** Every target that a connection of this client's own may lead to. */
  targets(): Iterable<Target>;
  /**
   * From now on `next` and `wait` are about this one of `targets`, as long as it may be used: the client has a connection of
   * its own there. Null: about all of them again.
   */
  prefer(target: Target | null): void;
  /** Gives up what was granted and not used. Idempotent. */
  stop(): void;
}

/** @param targets those of the route that take the subject; every one where HTTP is not seen. */
export type CandidatesOf = (route: RoutePlan, targets: readonly TargetPlan[], subject: DialSubject) => Candidates;

/** Of an endpoint that nobody keeps count of. */
export const uncountedUse: EndpointUse = { told: () => undefined, release: () => undefined };
