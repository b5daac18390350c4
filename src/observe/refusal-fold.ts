/**
 * Folds refusals under flood, so that a flood of connections is not a flood of events and log lines.
 *
 * Decides: the first ten of a second are told whole; the rest of that second as one count for each listener and reason.
 * A second begins with a refusal, so nothing is armed while few or none come.
 * Must never do: lose a refusal. Law: the counts told, and what `close` still tells, sum to what was added.
 */
import type { Clock, Timer, TimerTarget } from '../io/clock.ts';
import type { Refusal } from '../io/reports.ts';
import type { CloseReason } from '../machines/connection/close-reason.ts';

const secondMs = 1000;
const wholeMax = 10;

/** Tells of `count` refusals of the same listener and reason; `refusal` is the latest of them. Must not throw. */
export type TellRefusals = (refusal: Refusal, count: number) => void;

export class RefusalFold implements TimerTarget {
  readonly #clock: Clock;
  readonly #tell: TellRefusals;
  /** By listener, then by reason: at most as many as there are of both. */
  readonly #folded = new Map<string, Map<CloseReason, { latest: Refusal; count: number }>>();
  #secondBeganMs = Number.NEGATIVE_INFINITY;
  #toldWhole = 0;
  #timer: Timer | null = null;

  constructor(clock: Clock, tell: TellRefusals) {
    this.#clock = clock;
    this.#tell = tell;
  }

  add(refusal: Refusal): void {
    if (this.admit(refusal)) this.#tell(refusal, 1);
  }

  /** @returns true when the caller may tell of it whole; false when it is folded, and told of here. */
  admit(refusal: Refusal): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#secondBeganMs >= secondMs) this.#beginSecond(nowMs);
    if (this.#toldWhole < wholeMax) {
      this.#toldWhole += 1;
      return true;
    }
    this.#fold(refusal);
    this.#timer ??= this.#clock.arm(Math.max(0, this.#secondBeganMs + secondMs - nowMs), this, 0);
    return false;
  }

  onTimer(): void {
    this.#timer = null;
    this.#tellFolded();
  }

  /** Tells what is folded and disarms. What is added later is told again from the start. */
  close(): void {
    this.#tellFolded();
    this.#secondBeganMs = Number.NEGATIVE_INFINITY;
  }

  /** The timer of the second before may be late. */
  #beginSecond(nowMs: number): void {
    this.#tellFolded();
    this.#secondBeganMs = nowMs;
    this.#toldWhole = 0;
  }

  #fold(refusal: Refusal): void {
    let reasons = this.#folded.get(refusal.listener);
    if (reasons === undefined) {
      reasons = new Map();
      this.#folded.set(refusal.listener, reasons);
    }
    const entry = reasons.get(refusal.reason);
    if (entry === undefined) {
      reasons.set(refusal.reason, { latest: refusal, count: 1 });
      return;
    }
    entry.latest = refusal;
    entry.count += 1;
  }

  #tellFolded(): void {
    if (this.#timer !== null) this.#clock.cancel(this.#timer);
    this.#timer = null;
    const folded = [...this.#folded.values()];
    this.#folded.clear();
    for (const reasons of folded) for (const { latest, count } of reasons.values()) this.#tell(latest, count);
  }
}
