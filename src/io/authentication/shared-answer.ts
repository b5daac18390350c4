/**
 * One answer that several exchanges wait for, each until its own signal says that it is over.
 *
 * Decides: when nobody waits any more, the work is abandoned. Must never do: reject, or keep a listener on a signal.
 */

export class SharedAnswer<Answer> {
  readonly #answer: Promise<Answer>;
  readonly #onAbandon: () => void;
  #waiting = 0;
  #isOver = false;

  /**
   * @param answer must not reject
   * @param onAbandon called once when the last of those who waited has left before the answer
   */
  constructor(answer: Promise<Answer>, onAbandon: () => void) {
    this.#answer = answer.finally(() => (this.#isOver = true));
    this.#onAbandon = onAbandon;
  }

  /** @returns the answer, or `otherwise` as soon as the signal is aborted */
  async wait<Otherwise>(signal: AbortSignal, otherwise: Otherwise): Promise<Answer | Otherwise> {
    const { promise: left, resolve: leave } = Promise.withResolvers<Otherwise>();
    const onAbort = (): void => leave(otherwise);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    this.#waiting += 1;
    try {
      return await Promise.race([this.#answer, left]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#waiting -= 1;
      if (this.#waiting === 0) this.abandon();
    }
  }

  abandon(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onAbandon();
  }
}
