/**
 * Telling a client no: the answer is written, FIN follows, and what the client still sends is dropped, so that it reads
 * the answer instead of a reset (RFC 9112 §9.6 asks the same of HTTP servers).
 *
 * Decides nothing; how long this may take is the chart's `linger`.
 */
import type { Observer, Subscription } from 'rxjs';
import type { Leg } from './leg.ts';

export class Refusing implements Observer<Uint8Array> {
  readonly #leg: Leg;
  readonly #done: () => void;
  #subscription: Subscription | null = null;
  #hasInputEnded = false;
  /** True exactly when `done` has been called. */
  #isTold = false;

  /** @param done called once, when the answer is handed over and the client has finished too. */
  constructor(leg: Leg, done: () => void) {
    this.#leg = leg;
    this.#done = done;
  }

  start(answer: Uint8Array | null): void {
    if (answer !== null) this.#leg.write(answer, 'owned');
    this.#leg.end();
    this.#subscription = this.#leg.bytes$.subscribe(this);
    this.#leg.resume();
  }

  /** Dropped. */
  next(): void {
    return undefined;
  }

  complete(): void {
    this.#hasInputEnded = true;
    this.settle();
  }

  /** Failures are facts of the leg, told there. */
  error(): void {
    this.stop();
  }

  settle(): void {
    if (this.#isTold || !this.#hasInputEnded || !this.#leg.isFlushed) return;
    this.#isTold = true;
    this.#done();
  }

  stop(): void {
    this.#subscription?.unsubscribe();
  }
}
