/**
 * The clock: the one place that knows what time it is, and the one timer wheel.
 *
 * Must never do: know what a timer is for. Everything with a deadline takes a `Clock` as an argument, so that tests can
 * hand it a step clock (`src/testing/step-clock.ts`).
 */
import { ProxyError } from '../errors.ts';
import { TimerWheel } from './timer-wheel.ts';

/** Whoever armed a timer. `slot` is the number it chose when arming, so that one object can own several timers. */
export interface TimerTarget {
  onTimer(slot: number): void;
}

/** An armed timer. Opaque: only good for `cancel`. */
export interface Timer {
  /** On the clock's own axis, milliseconds. */
  readonly dueMs: number;
}

export interface Clock {
  /** Monotonic milliseconds with a fraction; the origin is arbitrary. */
  nowMs(): number;
  /** Milliseconds since 1970, for records that people read. */
  wallMs(): number;
  /**
   * Calls `target.onTimer(slot)` once, not before `delayMs` have passed.
   * @param delayMs finite, 0 to 2^31-1. Never call it for a deadline that is off.
   * @param sinceMs what `nowMs` said a moment ago, where the caller knows it: the delay counts from there.
   */
  arm(delayMs: number, target: TimerTarget, slot: number, sinceMs?: number): Timer;
  /** Idempotent; harmless after the timer has fired. */
  cancel(timer: Timer): void;
  /** Timers armed now, for the census. */
  readonly armedCount: number;
}

/** The process's own clock: every caller gets the same wheel, so that the process arms at most one system timer. */
export function systemClock(): Clock {
  shared ??= wheelClock();
  return shared;
}

/**
 * A clock on a wheel of its own. Timers fire at most one tick of the wheel late on an idle event loop, and never early.
 * What a target throws is thrown again in a microtask, where the process's own policy for uncaught errors decides; the
 * other timers fire all the same.
 */
export function wheelClock(): Clock {
  return new WheelClock();
}

let shared: Clock | null = null;

/** Kept, because each look at the global goes through a getter. */
const monotonic = performance;

class WheelClock implements Clock {
  readonly #wheel = new TimerWheel();
  readonly #wake = (): void => this.#advance();
  #timeout: NodeJS.Timeout | null = null;
  /** What the system timer is armed for; Infinity when it is not. */
  #timeoutMs = Infinity;
  /** True exactly while targets are being called: the system timer is looked at once, afterwards. */
  #isAdvancing = false;
  /** True exactly while the timers that are due wait for one turn of the loop. */
  #hasYielded = false;

  get armedCount(): number {
    return this.#wheel.armedCount;
  }

  nowMs(): number {
    return monotonic.now();
  }

  wallMs(): number {
    return Date.now();
  }

  arm(delayMs: number, target: TimerTarget, slot: number, nowMs = monotonic.now()): Timer {
    assertDelay(delayMs);
    const timer = this.#wheel.arm(nowMs, delayMs, target, slot);
    if (this.#wheel.wakeMs < this.#timeoutMs && !this.#isAdvancing) this.#armTimeout(nowMs);
    return timer;
  }

  cancel(timer: Timer): void {
    this.#wheel.cancel(timer);
    if (this.#wheel.armedCount === 0 && !this.#isAdvancing) this.#clearTimeout();
  }

  /** After a stall of the event loop, what has happened meanwhile is heard before deadlines judge it: one turn later. */
  #advance(): void {
    const isLate = monotonic.now() - this.#wheel.wakeMs > stallMs;
    this.#timeout = null;
    this.#timeoutMs = Infinity;
    if (isLate && !this.#hasYielded) {
      this.#hasYielded = true;
      setImmediate(this.#wake);
      return;
    }
    this.#hasYielded = false;
    this.#isAdvancing = true;
    this.#wheel.advance(monotonic.now(), throwLater);
    this.#isAdvancing = false;
    if (this.#wheel.armedCount > 0) this.#armTimeout(monotonic.now());
  }

  #armTimeout(nowMs: number): void {
    this.#clearTimeout();
    this.#timeoutMs = this.#wheel.wakeMs;
    this.#timeout = setTimeout(this.#wake, Math.min(delayMsMax, Math.max(1, Math.ceil(this.#timeoutMs - nowMs))));
  }

  #clearTimeout(): void {
    if (this.#timeout !== null) clearTimeout(this.#timeout);
    this.#timeout = null;
    this.#timeoutMs = Infinity;
  }
}

/** So late after its time, a wake-up tells of a loop that was blocked. */
const stallMs = 50;

/** The longest delay a timer may have: 2^31-1 ms, 24.8 days. Node fires anything longer at once. */
export const delayMsMax = 2_147_483_647;

/** @throws ProxyError for a delay that is not a number from 0 to `delayMsMax`: a deadline that is off is never armed. */
export function assertDelay(delayMs: number): void {
  if (delayMs >= 0 && delayMs <= delayMsMax) return;
  throw new ProxyError('SALLYPORT_INVARIANT', `a timer's delay must be 0 to ${delayMsMax} ms, got ${delayMs}`);
}

function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
