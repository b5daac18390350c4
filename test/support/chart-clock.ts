/**
 * A clock that stands still until a test moves it: what a chart needs of a clock, and nothing more.
 *
 * Timers fire one at a time and by name of the test: the next one due (ties by insertion), or any armed one, so that a
 * walk can try every order. Time never goes back. Everything that is armed or cancelled is told to whoever records it.
 */
import type { ChartClock, ChartTimer } from '../../src/machines/chart/chart.ts';

export interface TestTimer extends ChartTimer {
  readonly delayMs: number;
  readonly slot: number;
  /** 0 for the first timer this clock has armed. */
  readonly serial: number;
}

interface OwnedTimer extends TestTimer {
  readonly target: { onTimer(slot: number): void };
}

export interface ClockRecorder {
  armed(timer: TestTimer): void;
  cancelled(timer: TestTimer): void;
}

export class ChartTestClock implements ChartClock {
  readonly #recorder: ClockRecorder | null;
  #nowMs = 0;
  #serial = 0;
  #armed: OwnedTimer[] = [];

  constructor(recorder: ClockRecorder | null = null) {
    this.#recorder = recorder;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  arm(delayMs: number, target: { onTimer(slot: number): void }, slot: number): ChartTimer {
    if (!Number.isFinite(delayMs) || delayMs < 0) throw new RangeError(`a chart armed ${String(delayMs)} ms`);
    const timer: OwnedTimer = { dueMs: this.#nowMs + delayMs, delayMs, slot, serial: this.#serial, target };
    this.#serial += 1;
    this.#armed.push(timer);
    this.#recorder?.armed(timer);
    return timer;
  }

  cancel(timer: ChartTimer): void {
    const found = this.#armed.find((one) => one === timer);
    if (found === undefined) return;
    this.#armed = this.#armed.filter((one) => one !== timer);
    this.#recorder?.cancelled(found);
  }

  /** In the order in which they were armed. */
  armed(): readonly TestTimer[] {
    return this.#armed;
  }

  /** Lets time pass as far as the timer, if it is not past it yet, and fires it. */
  fire(timer: TestTimer): void {
    const due = this.#armed.find((one) => one === timer);
    if (due === undefined) return;
    this.#armed = this.#armed.filter((one) => one !== due);
    this.#nowMs = Math.max(this.#nowMs, due.dueMs);
    due.target.onTimer(due.slot);
  }

  /** Stops at every deadline on the way. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let due = this.next(); due !== undefined && due.dueMs <= untilMs; due = this.next()) this.fire(due);
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** The timer that is due first; the one armed first among equals. */
  next(): TestTimer | undefined {
    return this.#armed.reduce<TestTimer | undefined>(
      (first, one) => (first === undefined || one.dueMs < first.dueMs ? one : first),
      undefined,
    );
  }
}
