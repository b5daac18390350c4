/**
 * How many passwords are hashed at once: a flood of wrong ones must not occupy the process.
 *
 * Decides: two computations at once, 256 waiting in the order they came, and no place for more. scrypt runs on the same
 * few threads (four unless the process says otherwise) as name resolution and files, so half of them stay free.
 * Must never do: start what nobody waits for any more. Law: running ≤ 2, waiting ≤ 256.
 */

export const hashesAtOnce = 2;
export const hashesWaitingMax = 256;

export interface Turn<Result> {
  /** Null when it failed or was abandoned. Never rejects. */
  readonly done: Promise<Result | null>;
  /** @returns true when it only waited, and is now taken out */
  abandon(): boolean;
}

export class HashGate {
  #running = 0;
  /** In the order they came. */
  readonly #waiting = new Set<() => void>();

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @returns null when too many wait already */
  take<Result>(work: () => Promise<Result>): Turn<Result> | null {
    if (this.#running < hashesAtOnce) return { done: this.#begin(work), abandon: () => false };
    if (this.#waiting.size >= hashesWaitingMax) return null;
    const { promise: done, resolve } = Promise.withResolvers<Result | null>();
    const begin = (): void => resolve(this.#begin(work));
    this.#waiting.add(begin);
    const abandon = (): boolean => {
      const hasWaited = this.#waiting.delete(begin);
      if (hasWaited) resolve(null);
      return hasWaited;
    };
    return { done, abandon };
  }

  async #begin<Result>(work: () => Promise<Result>): Promise<Result | null> {
    this.#running += 1;
    try {
      return await work();
    } catch {
      return null;
    } finally {
      this.#running -= 1;
      this.#beginNext();
    }
  }

  #beginNext(): void {
    for (const begin of this.#waiting) {
      this.#waiting.delete(begin);
      begin();
      return;
    }
  }
}
