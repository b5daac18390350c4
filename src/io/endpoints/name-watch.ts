/**
 * One name of a pool, asked again and again: as soon as its answer does not hold any more, or after a failure has been
 * waited out.
 *
 * Decides when to ask. A failure, and an answer that leads nowhere, changes nothing that is known. Must never do: ask twice
 * at once, wait for an answer for ever, or believe one that came too late. Read first: `endpoint-resolver.ts`.
 */
import type { Clock, Timer, TimerTarget } from '../clock.ts';
import { causeOf } from '../os-codes.ts';
import type { EndpointAnswer, EndpointQuestion, EndpointResolver } from './endpoint-resolver.ts';
import { uselessnessOf } from './found-endpoints.ts';

/** Whatever DNS says, no name is asked for more often than this, and none is believed for longer. */
export const ttlMinMs = 1_000;
export const ttlMaxMs = 3_600_000;
/** Where nobody says how long an answer holds. */
export const ttlUnknownMs = 30_000;
/** An answer that has not come by then does not count. */
export const answerMs = 10_000;
/** The first wait after a failure; doubled by each that follows, up to the longest. */
export const retryMs = 1_000;
export const retryMaxMs = 60_000;

export interface NameWatchOwner {
  readonly clock: Clock;
  readonly resolver: EndpointResolver;
  answered(answer: EndpointAnswer): void;
  /** @param failures in a row, this one included. */
  unanswered(cause: string, failures: number, retryMs: number): void;
}

export class NameWatch implements TimerTarget {
  readonly question: EndpointQuestion;
  readonly #owner: NameWatchOwner;
  #timer: Timer | null = null;
  #failures = 0;
  /** The question under way, so that a late answer is known as such. */
  #asked = 0;
  #isAsking = false;

  constructor(question: EndpointQuestion, owner: NameWatchOwner) {
    this.question = question;
    this.#owner = owner;
  }

  start(): void {
    this.#ask();
  }

  stop(): void {
    this.#asked += 1;
    if (this.#timer !== null) this.#owner.clock.cancel(this.#timer);
    this.#timer = null;
  }

  onTimer(): void {
    this.#timer = null;
    if (this.#isAsking) this.#failed(`no answer within ${answerMs / 1000} s`);
    else this.#ask();
  }

  #ask(): void {
    this.#asked += 1;
    const asked = this.#asked;
    this.#isAsking = true;
    this.#arm(answerMs);
    // A resolver of the embedder's may throw instead of rejecting.
    Promise.resolve(this.question)
      .then((question) => (asked === this.#asked ? this.#owner.resolver.resolve(question) : null))
      .then((answer) => answer !== null && asked === this.#asked && this.#answered(answer))
      .catch((error: unknown) => asked === this.#asked && this.#failed(causeOf(error)));
  }

  #answered(answer: EndpointAnswer): void {
    const useless = uselessnessOf(answer);
    if (useless !== null) return this.#failed(useless);
    this.#isAsking = false;
    this.#failures = 0;
    this.#arm(Math.min(ttlMaxMs, Math.max(ttlMinMs, answer.ttlMs ?? ttlUnknownMs)));
    return this.#owner.answered(answer);
  }

  #failed(cause: string): void {
    this.#asked += 1;
    this.#isAsking = false;
    const waitMs = Math.min(retryMaxMs, retryMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#arm(waitMs);
    this.#owner.unanswered(cause, this.#failures, waitMs);
  }

  #arm(delayMs: number): void {
    if (this.#timer !== null) this.#owner.clock.cancel(this.#timer);
    this.#timer = this.#owner.clock.arm(delayMs, this, 0);
  }
}
