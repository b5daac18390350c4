/**
 * A clock that stands still until it is told to advance, and stops at every deadline on the way.
 *
 * Jumping over chained deadlines hides bugs, so time moves from one timer to the next; ties fire in the order in which
 * they were armed. What a target throws leaves `advance`: a test must not miss it.
 * `network` is a second face of the same clock, for simulated deliveries: same axis, same order, not counted among the
 * armed timers, so that a test can say exactly which deadlines of the code under test are armed.
 */
import { assertDelay, type Clock, type Timer, type TimerTarget } from '../io/clock.ts';

export interface StepClockOptions {
  /** Where `nowMs` begins. Default 0. */
  readonly startMs?: number;
  /** What `wallMs` says at the beginning. Default 2026-01-01T00:00:00Z. */
  readonly wallMs?: number;
}

/** One armed timer, as a test sees it. */
export interface ArmedStep {
  readonly dueMs: number;
  readonly target: TimerTarget;
  readonly slot: number;
}

export class StepClock implements Clock {
  readonly network: Clock;
  readonly #heap = new StepHeap();
  readonly #wallOffsetMs: number;
  #nowMs: number;
  #sequence = 0;
  #armedCount = 0;
  #networkCount = 0;

  constructor({ startMs = 0, wallMs = Date.UTC(2026, 0, 1) }: StepClockOptions = {}) {
    this.#nowMs = startMs;
    this.#wallOffsetMs = wallMs - startMs;
    const networkCount = (): number => this.#networkCount;
    this.network = {
      nowMs: () => this.#nowMs,
      wallMs: () => this.wallMs(),
      arm: (delayMs, target, slot) => this.#arm(delayMs, target, slot, true),
      cancel: (timer) => this.cancel(timer),
      get armedCount() {
        return networkCount();
      },
    };
  }

  get armedCount(): number {
    return this.#armedCount;
  }

  /** The armed timers in the order in which they would fire, deliveries left out. */
  get armed(): readonly ArmedStep[] {
    return this.#heap.sorted().filter((step) => !step.isNetwork);
  }

  /** When the next timer or delivery is due; null when there is none. */
  get nextDueMs(): number | null {
    return this.#heap.first()?.dueMs ?? null;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallOffsetMs;
  }

  arm(delayMs: number, target: TimerTarget, slot: number): Timer {
    return this.#arm(delayMs, target, slot, false);
  }

  cancel(timer: Timer): void {
    if (!(timer instanceof Step) || !timer.isArmed) return;
    timer.isArmed = false;
    this.#count(timer, -1);
    this.#heap.cancelled();
  }

  /** Goes on by `delayMs`, firing everything due on the way, what is armed on the way included. Returns how many fired. */
  advance(delayMs: number): number {
    assertDelay(delayMs);
    const untilMs = this.#nowMs + delayMs;
    let fired = 0;
    for (let step = this.#heap.first(); step !== null && step.dueMs <= untilMs; step = this.#heap.first()) {
      this.#fire(step);
      fired += 1;
      if (fired > livelockCount) throw new Error(`${livelockCount} timers fired in one advance: a livelock`);
    }
    this.#nowMs = untilMs;
    return fired;
  }

  /** Fires what is due now, and what that arms for now. */
  settle(): number {
    return this.advance(0);
  }

  /** Goes to the next timer or delivery and fires that one alone. False when there is none. */
  runNext(): boolean {
    const step = this.#heap.first();
    if (step === null) return false;
    this.#fire(step);
    return true;
  }

  #arm(delayMs: number, target: TimerTarget, slot: number, isNetwork: boolean): Timer {
    assertDelay(delayMs);
    const step = new Step(this.#nowMs + delayMs, this.#sequence, target, slot, isNetwork);
    this.#sequence += 1;
    this.#heap.add(step);
    this.#count(step, 1);
    return step;
  }

  #fire(step: Step): void {
    this.#heap.removeFirst();
    step.isArmed = false;
    this.#count(step, -1);
    this.#nowMs = Math.max(this.#nowMs, step.dueMs);
    step.target.onTimer(step.slot);
  }

  #count(step: Step, by: number): void {
    if (step.isNetwork) this.#networkCount += by;
    else this.#armedCount += by;
  }
}

/** Far more than any simulation fires between two steps of a test. */
const livelockCount = 5_000_000;

class Step implements Timer, ArmedStep {
  readonly dueMs: number;
  readonly sequence: number;
  readonly target: TimerTarget;
  readonly slot: number;
  readonly isNetwork: boolean;
  isArmed = true;

  constructor(dueMs: number, sequence: number, target: TimerTarget, slot: number, isNetwork: boolean) {
    this.dueMs = dueMs;
    this.sequence = sequence;
    this.target = target;
    this.slot = slot;
    this.isNetwork = isNetwork;
  }
}

/** A binary heap by due time and age. Cancelled steps stay until they come up, or until they are the majority. */
class StepHeap {
  #steps: Step[] = [];
  #cancelledCount = 0;

  /** The first armed step, or null. */
  first(): Step | null {
    for (;;) {
      const step = this.#steps[0];
      if (step === undefined) return null;
      if (step.isArmed) return step;
      this.#cancelledCount -= 1;
      this.removeFirst();
    }
  }

  sorted(): readonly Step[] {
    return this.#steps.filter((step) => step.isArmed).toSorted((one, other) => (isBefore(one, other) ? -1 : 1));
  }

  add(step: Step): void {
    this.#steps.push(step);
    let index = this.#steps.length - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfBefore(index, parent)) return;
      index = parent;
    }
  }

  cancelled(): void {
    this.#cancelledCount += 1;
    if (this.#cancelledCount < 1024 || this.#cancelledCount * 2 < this.#steps.length) return;
    // A sorted array is a heap.
    this.#steps = [...this.sorted()];
    this.#cancelledCount = 0;
  }

  removeFirst(): void {
    const last = this.#steps.pop();
    if (last === undefined || this.#steps.length === 0) return;
    this.#steps[0] = last;
    for (let index = 0; ;) {
      const left = index * 2 + 1;
      const right = left + 1;
      const least = this.#isBeforeAt(right, left) ? right : left;
      if (!this.#swapIfBefore(least, index)) return;
      index = least;
    }
  }

  #isBeforeAt(index: number, other: number): boolean {
    const one = this.#steps[index];
    const two = this.#steps[other];
    return one !== undefined && two !== undefined && isBefore(one, two);
  }

  #swapIfBefore(index: number, other: number): boolean {
    const one = this.#steps[index];
    const two = this.#steps[other];
    if (one === undefined || two === undefined || !isBefore(one, two)) return false;
    this.#steps[index] = two;
    this.#steps[other] = one;
    return true;
  }
}

function isBefore(one: Step, other: Step): boolean {
  return one.dueMs === other.dueMs ? one.sequence < other.sequence : one.dueMs < other.dueMs;
}
