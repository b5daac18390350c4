/**
 * How one exchange comes by an upstream connection: from the pool, or by dialling in a place that the pool granted.
 *
 * Decides nothing but which pool is asked: candidates say which endpoint an attempt goes to. When to try, and how often, is
 * the chart's. Must never do: keep a place that it does not use. Read first: `pool.ts`, `../candidates.ts`.
 */
import type { Subscription } from 'rxjs';
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { RoutePlan, Target, TargetPlan } from '../../routing/plan.ts';
import type { Candidate, Candidates, EndpointUse } from '../candidates.ts';
import { outcomeOf, outcomeOfCut, type DialChart } from '../dial-outcome.ts';
import { dialFailureOf, type DialFailure } from '../dialer.ts';
import { isLeg, type Address, type Leg } from '../leg.ts';
import type { ExchangePorts } from './exchange-ports.ts';
import { ExchangeSubject, type SubjectOwner } from './exchange-subject.ts';
import type { Claimant, UpstreamPool } from './pool.ts';
import type { Pinned, Upstream, UpstreamOwner } from './ports.ts';

/** The exchange, as its claiming knows it. */
export interface ClaimOwner extends UpstreamOwner, SubjectOwner {
  readonly chart: DialChart;
  acquired(upstream: Upstream): void;
  placeGranted(): void;
  claimFailed(reason: CloseReason, code: string | null, cause: string, retryable: boolean): void;
  readonly ports: ExchangePorts;
  /** Where the last attempt went. */
  upstreamAddress: Address | null;
  /** What makes a connection to the handler of the exchange's route. */
  connectHandler(): () => Leg;
}

export class Claiming implements Claimant {
  readonly upstreamOwner: UpstreamOwner;
  readonly #owner: ClaimOwner;
  readonly #subject: ExchangeSubject;
  /** The pool that was asked last. */
  pool: UpstreamPool | null = null;
  #route: RoutePlan | null = null;
  #candidates: Candidates | null = null;
  /** Of the endpoint that was asked last. */
  #use: EndpointUse | null = null;
  /** Gives up the place in the queue of the endpoints. */
  #giveUp: (() => void) | null = null;
  #dialing: Subscription | null = null;
  /** When it began to dial. */
  #dialledAtMs = 0;
  /** True exactly while a place is granted and no leg has come of it. */
  #hasPlace = false;
  /** The question under way, so that a late answer is known as such. */
  #asked = 0;
  /** What was asked for last. */
  #attempt = 1;
  #isFresh = false;
  /** Why the last attempt failed; null before one has. */
  #failedBefore: CloseReason | null = null;

  constructor(owner: ClaimOwner) {
    this.#owner = owner;
    this.#subject = new ExchangeSubject(owner);
    this.upstreamOwner = owner;
  }

  /** Where to; before the first attempt. Answers how many attempts are worth while. @param targets that take the request. */
  prepare(route: RoutePlan, targets: readonly TargetPlan[]): number {
    this.#route = route;
    if (route.action.type !== 'forward') return 1;
    this.#candidates = this.#owner.ports.candidatesOf(route, targets, this.#subject);
    return this.#candidates.attemptsMax;
  }

  claim(attempt: number, isFresh: boolean): void {
    this.#asked += 1;
    this.#attempt = attempt;
    this.#isFresh = isFresh;
    this.#giveUp = null;
    this.letGoEndpoint();
    const route = this.#route;
    if (route === null) throw new Error('an exchange that forwards nothing asked for a connection');
    if (this.#candidates === null) {
      const handler = this.#owner.ports.pools.single(`handler|${route.name}`, this.#owner.connectHandler());
      return this.#ask(handler, isFresh);
    }
    this.#candidates.prefer(this.#pinnedTarget(route, this.#candidates));
    return this.#choose(this.#candidates);
  }

  acquired(upstream: Upstream): void {
    this.#use?.told(upstream.isReused ? 'reused' : 'succeeded');
    this.#owner.acquired(upstream);
  }

  placeGranted(): void {
    this.#hasPlace = true;
    this.#owner.placeGranted();
  }

  /** Nothing is dialled any more, or nobody is to go there: another endpoint may do, or the same one by a dial of its own. */
  reconsider(failed: CloseReason | null): void {
    if (failed !== null) this.#failedBefore = failed;
    this.#use?.told('untried');
    try {
      this.claim(this.#attempt, this.#isFresh);
    } catch (error) {
      this.#dialerFailed(error);
    }
  }

  placeRefused(): void {
    this.letGoEndpoint();
    this.#owner.claimFailed('refused.capacity', null, 'too many requests wait for this upstream', false);
  }

  stopWaiting(): void {
    this.#asked += 1;
    this.#giveUp?.();
    this.#giveUp = null;
    this.pool?.forget(this);
  }

  dial(): void {
    const pool = this.pool;
    if (pool === null) return;
    try {
      this.#dialledAtMs = this.#owner.ports.clock.nowMs();
      this.#dialing = pool.source.dial({ resolved: () => undefined, securing: () => undefined }).subscribe({
        next: (leg) => this.#opened(pool, leg),
        error: (error) => this.#failed(dialFailureOf(error)),
      });
      if (!this.#hasPlace) this.#dialing = null;
    } catch (error) {
      this.#dialerFailed(error);
    }
  }

  /** Also the end of a dial that succeeded. An endpoint that did not answer in time has failed. */
  cancelDial(): void {
    this.#dialing?.unsubscribe();
    this.#dialing = null;
    if (!this.#hasPlace) return;
    const outcome = outcomeOfCut(this.#owner.chart, this.#owner.ports.clock.nowMs() - this.#dialledAtMs);
    if (outcome === 'failed') this.#failedBefore = 'timeout.dial';
    this.#dialEnded(outcome === 'failed' ? 'timeout.dial' : null);
  }

  /** The endpoint is not used any more; what was lent of it has been given back. */
  letGoEndpoint(): void {
    this.#use?.release();
    this.#use = null;
  }

  /** What is used of an endpoint, for whoever goes on using it. */
  takeUse(): EndpointUse | null {
    const use = this.#use;
    this.#use = null;
    return use;
  }

  stop(): void {
    this.stopWaiting();
    this.cancelDial();
    this.letGoEndpoint();
    this.#candidates?.stop();
  }

  /** Where the client has a connection of its own; its next request goes there and nowhere else. */
  #pinnedTarget(route: RoutePlan, candidates: Candidates): Target | null {
    if (this.#isFresh || this.#owner.holder.pins.areNone) return null;
    for (const target of candidates.targets()) if (this.#pinnedIn(this.#poolOf(route, target)) !== null) return target;
    return null;
  }

  #pinnedIn(pool: UpstreamPool): Pinned | null {
    return this.#isFresh ? null : this.#owner.holder.pins.take(pool, this.#owner.clientIp);
  }

  #poolOf(route: RoutePlan, target: Target): UpstreamPool {
    const { ports, head, holder } = this.#owner;
    return ports.pools.of(route, target, head?.upgrade !== null, this.#subject, holder.pins);
  }

  #choose(candidates: Candidates): void {
    const asked = this.#asked;
    const contained = (error: unknown): void => {
      if (this.#asked === asked) this.#dialerFailed(error);
    };
    const chosen = (candidate: Candidate): void => {
      if (this.#asked === asked) this.#chosen(candidate);
      else if (candidate.kind === 'endpoint') candidate.use.release();
    };
    try {
      const next = candidates.next(this.#attempt);
      if (next instanceof Promise) next.then(chosen).catch(contained);
      else chosen(next);
    } catch (error) {
      contained(error);
    }
  }

  #chosen(candidate: Candidate): void {
    switch (candidate.kind) {
      case 'endpoint':
        this.#use = candidate.use;
        if (this.#route === null) return undefined;
        return this.#goTo(this.#poolOf(this.#route, candidate.target));
      case 'none':
        // What the attempt before it failed with says more, where there was one.
        return this.#owner.claimFailed(this.#failedBefore ?? candidate.reason, null, candidate.cause, false);
      case 'full':
        this.#giveUp = this.#candidates?.wait(() => this.reconsider(null)) ?? null;
        if (this.#giveUp !== null) return undefined;
        return this.#owner.claimFailed('refused.capacity', null, everyoneIsFull, false);
    }
  }

  /** A connection of the client's own takes a place of its endpoint like any other. */
  #goTo(pool: UpstreamPool): void {
    const pinned = this.#pinnedIn(pool);
    if (pinned === null) return this.#ask(pool, this.#isFresh);
    this.#asking(pool);
    return this.acquired(pinned.lend(this.upstreamOwner));
  }

  #asking(pool: UpstreamPool): void {
    this.pool = pool;
    this.#owner.upstreamAddress = pool.source.address;
  }

  #ask(pool: UpstreamPool, isFresh: boolean): void {
    this.#asking(pool);
    pool.claim(this, isFresh);
  }

  /** A dialer of the embedder's may emit more than one leg, or what is none. */
  #opened(pool: UpstreamPool, leg: Leg): void {
    if (!isLeg(leg)) return this.#dialerFailed(new TypeError('the dialer emitted something that is no leg'));
    if (!this.#hasPlace) return leg.reset();
    this.#hasPlace = false;
    const upstream = pool.opened(leg, this);
    this.#use?.told(upstream === null ? 'failed' : 'succeeded');
    if (upstream !== null) return this.#owner.acquired(upstream);
    this.letGoEndpoint();
    return this.#owner.claimFailed('upstream.reset', null, 'the upstream was gone as soon as it was reached', true);
  }

  #failed(failure: DialFailure): void {
    const { reason, code, cause, retryable } = failure;
    this.#failedBefore = reason;
    this.#dialEnded(outcomeOf(failure) === 'failed' ? reason : null);
    this.#owner.claimFailed(reason, code, cause, retryable);
  }

  #dialerFailed(error: unknown): void {
    this.#dialEnded(null);
    this.#owner.claimFailed('handler.failed', null, error instanceof Error ? error.message : String(error), false);
  }

  /**
   * Nothing came of it: whoever waits for the place, or for what was to come of the dial, is asked after the word was given.
   * @param failed why, where the endpoint is to blame; else null.
   */
  #dialEnded(failed: CloseReason | null): void {
    const pool = this.#hasPlace ? this.pool : null;
    this.#hasPlace = false;
    if (failed !== null) pool?.dialFailed(failed);
    this.#use?.told(failed === null ? 'abandoned' : 'failed');
    pool?.giveBack(failed);
    this.letGoEndpoint();
  }
}

const everyoneIsFull = 'every endpoint is full, and so is their queue';
