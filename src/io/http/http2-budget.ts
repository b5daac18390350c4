/**
 * How often something may happen: a store that refills with time, and with work that was worth it.
 *
 * Decides: whether one more is too many. Must never do: arm a timer; it reads the clock when it is asked.
 */
export interface BudgetRate {
  /** How many at once, and the most that is ever stored. */
  readonly burst: number;
  readonly perSecond: number;
}

export class Budget {
  readonly #clock: { nowMs(): number };
  readonly #rate: BudgetRate;
  #left: number;
  #atMs: number;

  constructor(clock: { nowMs(): number }, rate: BudgetRate) {
    this.#clock = clock;
    this.#rate = rate;
    this.#left = rate.burst;
    this.#atMs = clock.nowMs();
  }

  /** @returns false exactly when that was too many. */
  take(): boolean {
    this.#left -= 1;
    if (this.#left >= 0) return true;
    const nowMs = this.#clock.nowMs();
    this.give(((nowMs - this.#atMs) / 1_000) * this.#rate.perSecond);
    this.#atMs = nowMs;
    return this.#left >= 0;
  }

  give(amount: number): void {
    this.#left = Math.min(this.#rate.burst, this.#left + amount);
  }
}
