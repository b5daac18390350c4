/**
 * The lock of a name set while an attempt runs: claimed, kept alive, given back.
 *
 * Decides: nothing; the chart says when. A claim that is answered too late is given back at once, and a lock that cannot be
 * renewed is said to be lost before somebody else may have it.
 * Must never do: outlive `release`.
 */
import type { Clock, Timer } from '../io/clock.ts';
import type { Store, StoreLock } from '../store/store.ts';

/** How long after a crash the others wait; it is renewed at a third of it. */
export const lockTtlMs = 60_000;

export class HeldLock {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #name: string;
  readonly #lost: () => void;
  #lock: StoreLock | null = null;
  #timer: Timer | null = null;
  #isReleased = false;

  constructor(store: Store, clock: Clock, name: string, lost: () => void) {
    this.#store = store;
    this.#clock = clock;
    this.#name = name;
    this.#lost = lost;
  }

  /** What a write under it needs; absent while it is not held. */
  get fence(): { readonly fence: { readonly lock: string; readonly token: number } } | Record<string, never> {
    return this.#lock === null ? {} : { fence: { lock: this.#name, token: this.#lock.fence } };
  }

  /** False: somebody else has it, or it was given up meanwhile. */
  async claim(): Promise<boolean> {
    const lock = await this.#store.lock(this.#name, lockTtlMs);
    if (lock === null) return false;
    if (this.#isReleased) {
      await lock.release();
      return false;
    }
    this.#lock = lock;
    this.#keep();
    return true;
  }

  /** It is not kept alive any more, nor claimed. */
  end(): void {
    this.#isReleased = true;
    if (this.#timer !== null) this.#clock.cancel(this.#timer);
    this.#timer = null;
  }

  async release(): Promise<void> {
    this.end();
    const lock = this.#lock;
    this.#lock = null;
    await lock?.release();
  }

  onTimer(): void {
    this.#timer = null;
    const lock = this.#lock;
    if (lock === null) return;
    lock.renew(lockTtlMs).then(
      (isHeld) => (isHeld ? this.#keep() : this.#lose()),
      () => this.#lose(),
    );
  }

  #keep(): void {
    if (!this.#isReleased) this.#timer = this.#clock.arm(lockTtlMs / 3, this, 0);
  }

  #lose(): void {
    if (!this.#isReleased) this.#lost();
  }
}
