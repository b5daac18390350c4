/**
 * The dial of one connection: which endpoint an attempt goes to, its place in a queue, and what comes of it.
 *
 * Decides nothing but what an attempt is told to do: candidates say where to, the route how. When to try, how often and for
 * how long is the chart's. A dialer and a target function may be the embedder's, so whatever they throw or emit is contained
 * here. Must never do: keep more than one attempt, or a place that is not used.
 * Read first: `candidates.ts`, `dialer.ts`.
 */
import type { Subscription } from 'rxjs';
import type { RoutePlan, Target } from '../routing/plan.ts';
import type { CloseReason } from '../machines/connection/close-reason.ts';
import type { ConnectionFact } from '../machines/connection/events.ts';
import type { Candidate, Candidates, CandidatesOf, DialSubject, EndpointUse } from './candidates.ts';
import type { Clock } from './clock.ts';
import type { Cause } from './closed-record.ts';
import { outcomeOf, outcomeOfCut, type DialChart } from './dial-outcome.ts';
import { dialFailureOf, type DialFailure } from './dialer.ts';
import { dialOrder } from './dial-order.ts';
import { isLeg, type Leg } from './leg.ts';
import type { DialerOf } from './route-dialers.ts';

/** The connection that asks for a dial. */
export interface DiallingOwner {
  readonly subject: DialSubject;
  readonly chart: DialChart;
  /** What stands in the way, by the last attempt. */
  cause: Cause | null;
  hear(fact: ConnectionFact): void;
  /** Where the attempt goes. */
  dialBegun(target: Target): void;
  /** May be told more than once by a dialer of the embedder's. */
  dialSucceeded(leg: Leg): void;
  /** A callback of the embedding program's is at fault. */
  failed(error: unknown): void;
}

export interface DiallingPorts {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly candidatesOf: CandidatesOf;
  readonly dialerOf: DialerOf;
}

export class Dialling {
  readonly #owner: DiallingOwner;
  readonly #ports: DiallingPorts;
  #route: RoutePlan | null = null;
  #candidates: Candidates | null = null;
  /** Of the attempt under way. */
  #use: EndpointUse | null = null;
  /** Of the connection that was made. */
  #kept: EndpointUse | null = null;
  #attempt: Subscription | null = null;
  /** When it began to dial. */
  #dialledAtMs = 0;
  /** Gives up the place in the queue. */
  #giveUp: (() => void) | null = null;
  /** The question under way, so that a late answer is known as such. */
  #asked = 0;
  /** Why the last attempt failed; null before one has. */
  #failedBefore: CloseReason | null = null;

  constructor(owner: DiallingOwner, ports: DiallingPorts) {
    this.#owner = owner;
    this.#ports = ports;
  }

  /** Where to; before the first attempt. Answers how many attempts are worth while. */
  prepare(route: RoutePlan): number {
    if (route.action.type !== 'forward') return 1;
    this.#route = route;
    this.#candidates = this.#ports.candidatesOf(route, route.action.targets, this.#owner.subject);
    return this.#candidates.attemptsMax;
  }

  start(attempt: number): void {
    this.#asked += 1;
    const asked = this.#asked;
    const contained = (error: unknown): void => {
      if (this.#asked === asked) this.#dialerFailed(error);
    };
    try {
      const next = this.#candidates?.next(attempt) ?? noRoute;
      if (next instanceof Promise) next.then((one) => this.#chosen(one, asked)).catch(contained);
      else this.#chosen(next, asked);
    } catch (error) {
      contained(error);
    }
  }

  /** Aborts the attempt; harmless when it has ended. An endpoint that did not answer in time has failed. */
  cancel(): void {
    this.#asked += 1;
    this.#attempt?.unsubscribe();
    this.#attempt = null;
    if (this.#use === null) return;
    const outcome = outcomeOfCut(this.#owner.chart, this.#ports.clock.nowMs() - this.#dialledAtMs);
    if (outcome === 'failed') this.#failedBefore = 'timeout.dial';
    this.#letGo(outcome);
  }

  leaveQueue(): void {
    this.#giveUp?.();
    this.#giveUp = null;
  }

  /** The connection is over. */
  stop(): void {
    this.cancel();
    this.leaveQueue();
    this.#kept?.release();
    this.#candidates?.stop();
  }

  #chosen(candidate: Candidate, asked: number): void {
    // Cancelled meanwhile: nobody wants it any more.
    if (this.#asked !== asked) {
      if (candidate.kind === 'endpoint') candidate.use.release();
      return undefined;
    }
    switch (candidate.kind) {
      case 'endpoint':
        return this.#dial(candidate.target, candidate.use, asked);
      case 'full':
        return this.#wait();
      case 'none':
        return this.#exhausted(candidate.reason, candidate.cause);
    }
  }

  #wait(): void {
    const giveUp = this.#candidates?.wait(() => {
      this.#giveUp = null;
      this.#owner.hear({ type: 'place.granted' });
    });
    if (giveUp === undefined || giveUp === null) {
      this.#owner.cause = { code: null, text: 'every endpoint is full, and so is their queue' };
      return this.#owner.hear({ type: 'dial.failed', reason: 'refused.capacity', retryable: false });
    }
    this.#giveUp = giveUp;
    return this.#owner.hear({ type: 'dial.postponed' });
  }

  #dial(target: Target, use: EndpointUse, asked: number): void {
    const route = this.#route;
    if (route === null) return use.release();
    this.#use = use;
    this.#dialledAtMs = this.#ports.clock.nowMs();
    this.#owner.dialBegun(target);
    const watch = {
      resolved: () => this.#owner.hear({ type: 'dial.resolved' }),
      securing: () => this.#owner.hear({ type: 'dial.connected' }),
    };
    try {
      const attempt = this.#ports
        .dialerOf(route, 'raw')(dialOrder(route, target, this.#owner.subject), watch)
        .subscribe({ next: (leg) => this.#emitted(leg), error: (error) => this.#failed(dialFailureOf(error)) });
      // It may have ended at once.
      if (this.#asked === asked) this.#attempt = attempt;
      else attempt.unsubscribe();
    } catch (error) {
      this.#dialerFailed(error);
    }
    return undefined;
  }

  #emitted(leg: Leg): void {
    if (!isLeg(leg)) return this.#dialerFailed(new TypeError('the dialer emitted something that is no leg'));
    this.#use?.told('succeeded');
    this.#kept ??= this.#use;
    this.#use = null;
    return this.#owner.dialSucceeded(leg);
  }

  #failed(failure: DialFailure): void {
    const { reason, code, cause, retryable } = failure;
    this.#failedBefore = reason;
    this.#letGo(outcomeOf(failure));
    this.#owner.cause = { code, text: cause };
    this.#owner.hear({ type: 'dial.failed', reason, retryable });
  }

  /** Nothing was dialled. What the attempt before it failed with says more, where there was one. */
  #exhausted(reason: CloseReason, cause: string): void {
    this.#owner.cause ??= { code: null, text: cause };
    this.#owner.hear({ type: 'dial.failed', reason: this.#failedBefore ?? reason, retryable: false });
  }

  #dialerFailed(error: unknown): void {
    this.#letGo('abandoned');
    this.#owner.failed(error);
    this.#owner.hear({ type: 'dial.failed', reason: 'handler.failed', retryable: false });
  }

  #letGo(outcome: 'failed' | 'abandoned'): void {
    const use = this.#use;
    this.#use = null;
    use?.told(outcome);
    use?.release();
  }
}

const noRoute: Candidate = { kind: 'none', reason: 'upstream.exhausted', cause: 'there is nowhere to go' };
