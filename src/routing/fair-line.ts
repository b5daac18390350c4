/**
 * A queue that is fair to addresses: bounded, in order of arrival for each holder, holders in turn.
 *
 * Decides who is next, and who has to go where it is full: who came last of the holder that has most places, and only where
 * that has at least two more than the newcomer's would. So nobody fills it for others, and a holder that is alone may fill
 * it. A holder that could not use what is free is passed over until it is said to be ready.
 * Must never do: know what is waited for, or call anybody. Read first: `crowd.ts`.
 */
import { Crowd } from './crowd.ts';

export class FairLine<Waiter> {
  readonly #max: number;
  readonly #crowd = new Crowd<Waiter>();
  /** Whose turn it is, in this order. */
  readonly #turns = new Set<string>();

  /** @param max how many may wait; 0 = nobody. */
  constructor(max: number) {
    this.#max = max;
  }

  get length(): number {
    return this.#crowd.size;
  }

  get isFull(): boolean {
    return this.length >= this.#max;
  }

  /** The holder whose turn it is; null where nobody waits who could use anything. */
  get next(): string | null {
    for (const holder of this.#turns) return holder;
    return null;
  }

  /** Who has to go so that the newcomer may wait; null: nobody. Asked where it is full. */
  victimFor(holder: string): Waiter | null {
    return this.#crowd.victimFor(holder, 'last');
  }

  /** @param isReady false: what is free is of no use to that holder for now. */
  join(holder: string, waiter: Waiter, isReady: boolean): void {
    this.#crowd.add(holder, waiter);
    if (isReady) this.#turns.add(holder);
  }

  /** Idempotent. */
  leave(waiter: Waiter): void {
    const holder = this.#crowd.holderOf(waiter);
    if (holder === null) return;
    this.#crowd.remove(waiter);
    if (this.#crowd.count(holder) === 0) this.#turns.delete(holder);
  }

  passOver(holder: string): void {
    this.#turns.delete(holder);
  }

  ready(holder: string): void {
    if (this.#crowd.count(holder) > 0) this.#turns.add(holder);
  }

  /** Takes out the first waiter of a holder, whose turn it is again after all others. */
  take(holder: string): Waiter | null {
    const waiter = this.#crowd.first(holder);
    if (waiter === null) return null;
    this.leave(waiter);
    this.#turns.delete(holder);
    this.ready(holder);
    return waiter;
  }
}
