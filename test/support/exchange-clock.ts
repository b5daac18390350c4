/**
 * A clock that stands still: every deadline keeps its whole length until a walk lets it pass, so that any armed deadline
 * may be the next. Every arming is told, with its length.
 *
 * Read first: `exchange-walker.ts`, which owns one for every step.
 */
import type { ChartClock, ChartTimer } from '../../src/machines/chart/chart.ts';

interface StillTimer extends ChartTimer {
  readonly target: { onTimer(slot: number): void };
  readonly slot: number;
}

export class StillClock implements ChartClock {
  readonly #armed = new Set<StillTimer>();
  readonly #told: (delayMs: number, slot: number) => void;

  constructor(told: (delayMs: number, slot: number) => void) {
    this.#told = told;
  }

  get armedCount(): number {
    return this.#armed.size;
  }

  nowMs(): number {
    return 0;
  }

  arm(delayMs: number, target: { onTimer(slot: number): void }, slot: number): ChartTimer {
    const timer: StillTimer = { dueMs: delayMs, target, slot };
    this.#armed.add(timer);
    this.#told(delayMs, slot);
    return timer;
  }

  cancel(timer: ChartTimer): void {
    for (const one of this.#armed) if (one === timer) this.#armed.delete(one);
  }

  /** The interpreter says whether it was still armed. */
  fire(slot: number): void {
    const due = [...this.#armed].find((one) => one.slot === slot);
    if (due === undefined) return;
    due.target.onTimer(slot);
    this.#armed.delete(due);
  }
}
