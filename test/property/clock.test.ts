/**
 * The clocks against a naive model: a sorted list that is looked through from the front.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assertDelay, delayMsMax, wheelClock, type Timer, type TimerTarget } from '../../src/io/clock.ts';
import { TimerWheel, tickMs } from '../../src/io/timer-wheel.ts';
import { StepClock } from '../../src/testing/step-clock.ts';

/** What a timer does when it fires. */
interface Reaction {
  /** Arms another timer this much later; null = nothing. */
  readonly armsMs: number | null;
  /** Cancels the timer with this number, modulo how many there are; null = none. */
  readonly cancels: number | null;
  readonly throws: boolean;
}

type Deed =
  | { readonly kind: 'arm'; readonly delayMs: number; readonly reaction: Reaction }
  | { readonly kind: 'cancel'; readonly which: number }
  | { readonly kind: 'advance'; readonly byMs: number };

const delayMs = fc.oneof(
  { weight: 4, arbitrary: fc.nat({ max: 40 }) },
  { weight: 4, arbitrary: fc.double({ min: 0, max: 2_000, noNaN: true }) },
  { weight: 3, arbitrary: fc.nat({ max: 300_000 }) },
  { weight: 1, arbitrary: fc.nat({ max: delayMsMax }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 4, 255, 256, 257, 16_384, 1_048_576, delayMsMax) },
);
const reaction: fc.Arbitrary<Reaction> = fc.record({
  armsMs: fc.option(delayMs, { freq: 3 }),
  cancels: fc.option(fc.nat({ max: 30 }), { freq: 3 }),
  throws: fc.boolean(),
});
const plain: Reaction = { armsMs: null, cancels: null, throws: false };
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('arm'), delayMs, reaction: fc.oneof(fc.constant(plain), reaction) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel'), which: fc.nat({ max: 60 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('advance'), byMs: delayMs }) },
);
const history = fc.array(deed, { size: 'max', maxLength: 60 });

interface ModelTimer extends TimerTarget {
  readonly number: number;
  readonly dueMs: number;
  handle: Timer | null;
  state: 'armed' | 'cancelled' | 'fired';
}

/** Runs a history on a wheel and keeps the model beside it. Follows `wakeMs` alone, as the real clock does. */
class WheelRun {
  readonly wheel = new TimerWheel();
  readonly timers: ModelTimer[] = [];
  readonly failures: unknown[] = [];
  nowMs: number;
  wakes = 0;
  thrown = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  arm(delay: number, react: Reaction): void {
    const number = this.timers.length;
    const timer: ModelTimer = {
      number,
      dueMs: this.nowMs + delay,
      handle: null,
      state: 'armed',
      onTimer: (slot) => {
        expect(slot).toBe(number);
        expect(timer.state, 'a timer fires once, and not after it was cancelled').toBe('armed');
        expect(this.nowMs, 'a timer never fires early').toBeGreaterThanOrEqual(timer.dueMs);
        timer.state = 'fired';
        if (react.armsMs !== null) this.arm(react.armsMs, plain);
        if (react.cancels !== null) this.cancel(react.cancels);
        if (!react.throws) return;
        this.thrown += 1;
        throw new Error(`timer ${number}`);
      },
    };
    this.timers.push(timer);
    timer.handle = this.wheel.arm(this.nowMs, delay, timer, number);
    expect(timer.handle.dueMs).toBe(timer.dueMs);
  }

  cancel(which: number): void {
    const timer = this.timers[which % Math.max(1, this.timers.length)];
    if (timer === undefined || timer.handle === null) return;
    this.wheel.cancel(timer.handle);
    if (timer.state === 'armed') timer.state = 'cancelled';
  }

  /** Goes from wake to wake, as a system timer would that is exact. */
  advance(byMs: number): void {
    const untilMs = this.nowMs + byMs;
    while (this.wheel.wakeMs <= untilMs) {
      this.nowMs = Math.max(this.nowMs, this.wheel.wakeMs);
      this.#wake();
    }
    this.nowMs = untilMs;
    this.check();
  }

  /** Goes there in one leap, as a process does whose event loop was blocked. */
  leap(byMs: number): void {
    this.nowMs += byMs;
    this.#wake();
    this.check();
  }

  check(): void {
    const armed = this.timers.filter((timer) => timer.state === 'armed');
    expect(this.wheel.armedCount).toBe(armed.length);
    for (const { dueMs } of armed)
      expect(dueMs, 'a timer is at most one tick late').toBeGreaterThan(this.nowMs - 2 * tickMs);
    if (armed.length === 0) expect(this.wheel.wakeMs).toBe(Infinity);
    else expect(this.wheel.wakeMs).toBeLessThan(Math.min(...armed.map(({ dueMs }) => dueMs)) + 2 * tickMs);
  }

  #wake(): void {
    this.wakes += 1;
    this.wheel.advance(this.nowMs, (error) => this.failures.push(error));
  }
}

function run(deeds: readonly Deed[], startMs: number, advance: 'advance' | 'leap'): WheelRun {
  const wheelRun = new WheelRun(startMs);
  for (const one of deeds) {
    if (one.kind === 'arm') wheelRun.arm(one.delayMs, one.reaction);
    else if (one.kind === 'cancel') wheelRun.cancel(one.which);
    else wheelRun[advance](one.byMs);
  }
  for (let round = 0; round < 3; round += 1) {
    wheelRun[advance](delayMsMax);
    wheelRun[advance](2 * tickMs);
  }
  return wheelRun;
}

/** Where the clock's axis begins, up to beyond the 32 bits of the wheel's arithmetic: a process that has run for years. */
const startMs = fc.oneof(
  fc.constant(0),
  fc.nat({ max: 2 ** 31 - 1 }),
  fc.integer({ min: 2 ** 33 - 2_000_000, max: 2 ** 34 + 2_000_000 }),
  fc.double({ min: 0, max: 1e12, noNaN: true }),
);

describe('the timer wheel', () => {
  test.each(['advance', 'leap'] as const)('agrees with a sorted list over every history (%s)', (advance) => {
    fc.assert(
      fc.property(history, startMs, (deeds, start) => {
        const wheelRun = run(deeds, start, advance);
        expect(wheelRun.failures.length).toBe(wheelRun.thrown);
        expect(wheelRun.wheel.armedCount).toBe(0);
        expect(wheelRun.timers.every(({ state }) => state !== 'armed')).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('wakes a bounded number of times per timer', () => {
    fc.assert(
      fc.property(fc.array(delayMs, { minLength: 1, maxLength: 40 }), startMs, (delays, start) => {
        const wheelRun = new WheelRun(start);
        for (const delay of delays) wheelRun.arm(delay, plain);
        wheelRun.advance(delayMsMax);
        wheelRun.advance(2 * tickMs);
        expect(wheelRun.wakes).toBeLessThanOrEqual(delays.length * 6);
      }),
    );
  });

  test('a target that throws costs no other timer its call', () => {
    const wheelRun = new WheelRun(0);
    for (let count = 0; count < 3; count += 1) wheelRun.arm(2, { ...plain, throws: true });
    wheelRun.advance(tickMs);
    expect(wheelRun.failures).toHaveLength(3);
    expect(wheelRun.timers.map(({ state }) => state)).toEqual(['fired', 'fired', 'fired']);
  });

  test('a timer that is cancelled by another one of the same tick does not fire', () => {
    const wheelRun = new WheelRun(0);
    wheelRun.arm(2, { ...plain, cancels: 1 });
    wheelRun.arm(2, plain);
    wheelRun.advance(tickMs);
    expect(wheelRun.timers.map(({ state }) => state)).toEqual(['fired', 'cancelled']);
  });
});

describe('the step clock', () => {
  test('fires in the order of due time and then of arming, stopping at every deadline', () => {
    fc.assert(
      fc.property(history, (deeds) => {
        const clock = new StepClock();
        const model: { dueMs: number; order: number; timer: Timer }[] = [];
        const fired: number[] = [];
        const expected: number[] = [];
        let order = 0;
        const take = (untilMs: number): void => {
          for (;;) {
            const due = model
              .filter(({ dueMs }) => dueMs <= untilMs)
              .toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0];
            if (due === undefined) return;
            model.splice(model.indexOf(due), 1);
            expected.push(due.order);
          }
        };
        for (const one of deeds) {
          if (one.kind === 'arm') {
            const mine = order;
            order += 1;
            const dueMs = clock.nowMs() + one.delayMs;
            const face = mine % 3 === 0 ? clock.network : clock;
            const timer = face.arm(
              one.delayMs,
              { onTimer: () => void fired.push(clock.nowMs() === dueMs ? mine : -1) },
              0,
            );
            model.push({ dueMs, order: mine, timer });
          } else if (one.kind === 'cancel') {
            const victim = model[one.which % Math.max(1, model.length)];
            if (victim === undefined) continue;
            clock.cancel(victim.timer);
            model.splice(model.indexOf(victim), 1);
          } else {
            take(clock.nowMs() + one.byMs);
            clock.advance(one.byMs);
          }
          expect(fired).toEqual(expected);
          expect(clock.armedCount + clock.network.armedCount).toBe(model.length);
          expect(clock.armed.length).toBe(clock.armedCount);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('goes on over timers that are armed on the way', () => {
    const clock = new StepClock();
    const firedAtMs: number[] = [];
    const chain: TimerTarget = {
      onTimer: (slot) => {
        firedAtMs.push(clock.nowMs());
        if (slot > 0) clock.arm(10, chain, slot - 1);
      },
    };
    clock.arm(5, chain, 3);
    expect(clock.advance(30)).toBe(3);
    expect(firedAtMs).toEqual([5, 15, 25]);
    expect(clock.runNext()).toBe(true);
    expect(clock.nowMs()).toBe(35);
    expect(clock.runNext()).toBe(false);
  });

  test('forgets cancelled timers long before they are due', () => {
    const clock = new StepClock();
    for (let count = 0; count < 10_000; count += 1) clock.cancel(clock.arm(1_000_000, { onTimer: () => {} }, 0));
    expect(clock.armedCount).toBe(0);
    expect(clock.nextDueMs).toBe(null);
    expect(clock.advance(2_000_000)).toBe(0);
  });
});

describe('the real clock', () => {
  test('trap 4: a delay of 2^31-1 ms is armed, not fired at once; anything that is no delay is refused', async () => {
    const clock = wheelClock();
    let fired = 0;
    const timer = clock.arm(delayMsMax, { onTimer: () => (fired += 1) }, 0);
    await new Promise<void>((resolve) => clock.arm(5, { onTimer: () => resolve() }, 0));
    expect(fired).toBe(0);
    clock.cancel(timer);
    for (const bad of [Infinity, Number.NaN, -1, delayMsMax + 1]) {
      expect(() => assertDelay(bad)).toThrow(expect.objectContaining({ code: 'SALLYPORT_INVARIANT' }));
      expect(() => clock.arm(bad, { onTimer: () => {} }, 0)).toThrow(
        expect.objectContaining({ code: 'SALLYPORT_INVARIANT' }),
      );
    }
    expect(clock.armedCount).toBe(0);
  });

  test('L37: no system timer is left when nothing is armed', () => {
    const timeouts = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timeouts();
    const clock = wheelClock();
    const timers = Array.from({ length: 100 }, (_, count) => clock.arm(count * 1_000, { onTimer: () => {} }, 0));
    expect(timeouts()).toBe(before + 1);
    for (const timer of timers) clock.cancel(timer);
    for (const timer of timers) clock.cancel(timer);
    expect(clock.armedCount).toBe(0);
    expect(timeouts()).toBe(before);
  });

  test('never fires early, and fires everything that was armed', async () => {
    const clock = wheelClock();
    const early: number[] = [];
    const delays = [0, 0.5, 1, 3, 4, 5, 7.9, 8, 12, 20, 33, 40];
    await Promise.all(
      delays.map(
        (delay) =>
          new Promise<void>((resolve) => {
            const armedAtMs = clock.nowMs();
            const onTimer = (): void => {
              if (clock.nowMs() < armedAtMs + delay) early.push(delay);
              resolve();
            };
            clock.arm(delay, { onTimer }, 0);
          }),
      ),
    );
    expect(early).toEqual([]);
    expect(clock.armedCount).toBe(0);
  });
});

test('L36: after a stalled event loop, what was waiting is heard before a deadline judges it', async () => {
  const clock = wheelClock();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    const target = {
      onTimer: () => {
        order.push('deadline');
        resolve();
      },
    };
    clock.arm(10, target, 0);
    setImmediate(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 150);
      setImmediate(() => order.push('what was waiting'));
    });
  });
  expect(order).toEqual(['what was waiting', 'deadline']);
  expect(clock.armedCount).toBe(0);
});
