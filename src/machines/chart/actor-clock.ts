/**
 * XState's clock on our own: for the low-count machines that always run as actors.
 *
 * Infinity arms nothing; XState's default clock would fire it after one millisecond.
 */
import type { ChartClock, ChartTimer } from './chart.ts';

class ActorClockTimer {
  readonly #fire: () => void;
  readonly timer: ChartTimer;

  constructor(clock: ChartClock, fire: () => void, delayMs: number) {
    this.#fire = fire;
    this.timer = clock.arm(delayMs, this, 0);
  }

  onTimer(): void {
    this.#fire();
  }
}

/** What `createActor(machine, { clock })` takes. */
export interface ActorClock {
  setTimeout(fire: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
}

export function actorClock(clock: ChartClock): ActorClock {
  return {
    setTimeout: (fire, delayMs) => (delayMs === Infinity ? null : new ActorClockTimer(clock, fire, delayMs)),
    clearTimeout: (timer) => {
      if (timer instanceof ActorClockTimer) clock.cancel(timer.timer);
    },
  };
}
