/**
 * How one exchange comes by an upstream connection: from the pool, or by dialling in a place that the pool granted.
 *
 * Decides: which target an attempt goes to (the route's targets in turn). When to try, and how often, is the chart's.
 * Must never do: keep a place that it does not use. Read first: `pool.ts`.
 */
import type { Subscription } from 'rxjs';
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { RequestHead } from '../../protocols/http/message.ts';
import { dialFailureOf, type DialFailure } from '../dialer.ts';
import { isLeg, type Address, type Leg } from '../leg.ts';
import type { ExchangeHolder, ExchangePorts } from './exchange-ports.ts';
import type { Claimant, UpstreamPool } from './pool.ts';
import type { Upstream, UpstreamOwner } from './ports.ts';
import type { Verdict } from './steering.ts';

/** The exchange, as its claiming knows it. */
export interface ClaimOwner extends UpstreamOwner {
  readonly holder: ExchangeHolder;
  acquired(upstream: Upstream): void;
  placeGranted(): void;
  claimFailed(reason: CloseReason, code: string | null, cause: string, retryable: boolean): void;
  readonly ports: ExchangePorts;
  readonly verdict: Verdict | null;
  readonly head: RequestHead | null;
  /** Where the last attempt went. */
  upstreamAddress: Address | null;
  /** What makes a connection to the handler of the exchange's route. */
  connectHandler(): () => Leg;
}

export class Claiming implements Claimant {
  readonly upstreamOwner: UpstreamOwner;
  readonly #owner: ClaimOwner;
  /** The pool that was asked last. */
  pool: UpstreamPool | null = null;
  #dialing: Subscription | null = null;
  /** True exactly while a place is granted and no leg has come of it. */
  #hasPlace = false;

  constructor(owner: ClaimOwner) {
    this.#owner = owner;
    this.upstreamOwner = owner;
  }

  claim(attempt: number, isFresh: boolean): void {
    const { pins } = this.#owner.holder;
    const mayBePinned = !isFresh && !pins.areNone;
    const pool = (mayBePinned ? pins.poolAmong(this.#pools()) : null) ?? this.#poolFor(attempt);
    const pinned = mayBePinned ? pins.take(pool) : null;
    this.pool = pool;
    this.#owner.upstreamAddress = pool.source.address;
    if (pinned !== null) return this.#owner.acquired(pinned.lend(this.upstreamOwner));
    return pool.claim(this, isFresh);
  }

  /** Of every target that takes the request. */
  *#pools(): Iterable<UpstreamPool> {
    const { verdict, head, ports } = this.#owner;
    if (verdict?.kind !== 'forward') return;
    for (const target of verdict.targets) yield ports.pools.of(verdict.route, target, head?.upgrade !== null);
  }

  /** The targets that take the request, in turn, beginning with the route's next; or its handler. */
  #poolFor(attempt: number): UpstreamPool {
    const { verdict, head, ports } = this.#owner;
    if (verdict?.kind !== 'forward') throw new Error('an exchange that forwards nothing asked for a connection');
    const { route, targets, firstTarget } = verdict;
    const target = targets[(firstTarget + attempt - 1) % Math.max(1, targets.length)];
    if (target === undefined) return ports.pools.single(`handler|${route.name}`, this.#owner.connectHandler());
    return ports.pools.of(route, target, head?.upgrade !== null);
  }

  acquired(upstream: Upstream): void {
    this.#owner.acquired(upstream);
  }

  placeGranted(): void {
    this.#hasPlace = true;
    this.#owner.placeGranted();
  }

  placeRefused(): void {
    this.#owner.claimFailed('refused.capacity', null, 'too many requests wait for this upstream', false);
  }

  stopWaiting(): void {
    this.pool?.forget(this);
  }

  dial(): void {
    const pool = this.pool;
    if (pool === null) return;
    try {
      this.#dialing = pool.source.dial({ resolved: () => undefined, securing: () => undefined }).subscribe({
        next: (leg) => this.#opened(pool, leg),
        error: (error) => this.#failed(dialFailureOf(error)),
      });
      if (!this.#hasPlace) this.#dialing = null;
    } catch (error) {
      this.#dialerFailed(error);
    }
  }

  /** Also the end of a dial that succeeded. */
  cancelDial(): void {
    this.#dialing?.unsubscribe();
    this.#dialing = null;
    this.#givePlaceBack();
  }

  stop(): void {
    this.stopWaiting();
    this.cancelDial();
  }

  /** A dialer of the embedder's may emit more than one leg, or what is none. */
  #opened(pool: UpstreamPool, leg: Leg): void {
    if (!isLeg(leg)) return this.#dialerFailed(new TypeError('the dialer emitted something that is no leg'));
    if (!this.#hasPlace) return leg.reset();
    this.#hasPlace = false;
    const upstream = pool.opened(leg, this);
    if (upstream !== null) return this.#owner.acquired(upstream);
    return this.#owner.claimFailed('upstream.reset', null, 'the upstream was gone as soon as it was reached', true);
  }

  #failed({ reason, code, cause, retryable }: DialFailure): void {
    this.#givePlaceBack();
    this.#owner.claimFailed(reason, code, cause, retryable);
  }

  #dialerFailed(error: unknown): void {
    this.#givePlaceBack();
    this.#owner.claimFailed('handler.failed', null, error instanceof Error ? error.message : String(error), false);
  }

  #givePlaceBack(): void {
    if (!this.#hasPlace) return;
    this.#hasPlace = false;
    this.pool?.giveBack();
  }
}
