/**
 * Telling a client no: the answer is written, FIN follows, and what the client still sends is dropped, so that it reads
 * the answer instead of a reset (RFC 9112 §9.6 asks the same of HTTP servers).
 *
 * Decides nothing; how long this may take is the chart's `linger`.
 */
import type { Leg } from './leg.ts';
import { Sink } from './sink.ts';

export class Refusing extends Sink<Uint8Array> {
  readonly #leg: Leg;
  readonly #done: () => void;
  readonly #broken: (error: unknown) => void;
  #hasInputEnded = false;
  /** True exactly when `done` has been called. */
  #isTold = false;

  /** @param done called once, when the answer is handed over and the client has finished too. */
  constructor(leg: Leg, done: () => void, broken: (error: unknown) => void) {
    super();
    this.#broken = broken;
    this.#leg = leg;
    this.#done = done;
  }

  start(answer: Uint8Array | null): void {
    if (answer !== null) this.#leg.write(answer, 'owned');
    this.#leg.end();
    this.#leg.bytes$.subscribe(this);
    this.#leg.resume();
  }

  /** Dropped. */
  protected override _next(): void {
    return undefined;
  }

  protected override _complete(): void {
    this.#hasInputEnded = true;
    this.settle();
  }

  protected override _error(error: unknown): void {
    this.#broken(error);
  }

  settle(): void {
    if (this.#isTold || !this.#hasInputEnded || !this.#leg.isFlushed) return;
    this.#isTold = true;
    this.#done();
  }
}
