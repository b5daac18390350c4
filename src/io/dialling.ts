/**
 * The dial of one connection: which target an attempt goes to, and what comes of it.
 *
 * Decides: the targets' turn. When to try, how often and for how long is the chart's. A dialer may be the embedder's, so
 * whatever it throws or emits is contained here. Must never do: keep more than one attempt.
 * Read first: `dialer.ts`.
 */
import type { Subscription } from 'rxjs';
import type { Target } from '../routing/plan.ts';
import { dialFailureOf, type DialFailure, type Dialer } from './dialer.ts';
import { isLeg, type Leg } from './leg.ts';

/** What a dial tells the connection that asked for it. */
export interface DiallingOwner {
  dialResolved(): void;
  /** A handshake follows. */
  dialConnected(): void;
  /** May be told more than once by a dialer of the embedder's. */
  dialSucceeded(leg: Leg): void;
  dialFailed(failure: DialFailure): void;
  /** The dialer threw, or emitted what is no leg. */
  dialerFailed(error: unknown): void;
}

export class Dialling {
  readonly #owner: DiallingOwner;
  #attempt: Subscription | null = null;

  constructor(owner: DiallingOwner) {
    this.#owner = owner;
  }

  start(dial: Dialer, target: Target): void {
    const watch = { resolved: () => this.#owner.dialResolved(), securing: () => this.#owner.dialConnected() };
    try {
      this.#attempt = dial(target, watch).subscribe({
        next: (leg) => this.#emitted(leg),
        error: (error) => this.#owner.dialFailed(dialFailureOf(error)),
      });
    } catch (error) {
      this.#owner.dialerFailed(error);
    }
  }

  /** Aborts the attempt; harmless when it has ended. */
  cancel(): void {
    this.#attempt?.unsubscribe();
    this.#attempt = null;
  }

  #emitted(leg: Leg): void {
    if (isLeg(leg)) this.#owner.dialSucceeded(leg);
    else this.#owner.dialerFailed(new TypeError('the dialer emitted something that is no leg'));
  }
}
