/**
 * The path of one connection through its states, written as it goes.
 *
 * Must never do: read a clock; times are handed in. Kept small, because every live connection carries one.
 */
import { stateOf } from '../machines/chart/chart.ts';
import type { TimelineEntry } from './reports.ts';

export class Timeline {
  /**
   * State, microseconds from the first step until it was entered, and the event that left the one before, three by three.
   * Whole numbers, because an array has no room for others: each would be an object of its own.
   */
  readonly #steps: (string | number)[] = [];
  #state = '';
  #beganMs = 0;

  get enteredMs(): number {
    return this.#beganMs + Number(this.#steps.at(-2) ?? 0) / 1000;
  }

  /** Substates within one state are not steps. */
  moved(to: string, event: string, nowMs: number): void {
    const state = stateOf(to);
    if (state === this.#state) return;
    if (this.#state === '') this.#beganMs = nowMs;
    this.#state = state;
    this.#steps.push(state, Math.round((nowMs - this.#beganMs) * 1000), event);
  }

  /** @param endMs the end of the last stay: now for a live connection. CLOSED is an end, not a stay. */
  entries(endMs: number): readonly TimelineEntry[] {
    const entries: TimelineEntry[] = [];
    const end = this.#state === 'CLOSED' ? this.#steps.length - 3 : this.#steps.length;
    for (let at = 0; at < end; at += 3) {
      const state = String(this.#steps[at]);
      const from = Number(this.#steps[at + 1]);
      const next = this.#steps[at + 4];
      const event = this.#steps[at + 5];
      const ms = next === undefined ? endMs - this.#beganMs - from / 1000 : (Number(next) - from) / 1000;
      entries.push({ state, ms: round(ms), event: event === undefined ? null : readable(String(event)) });
    }
    return entries;
  }
}

/** Milliseconds to the microsecond. */
export function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

const afterPrefix = 'xstate.after.';

/** `deadline.dial` of `xstate.after.dial.connection.DIALING.ATTEMPTING`. */
export function readable(event: string): string {
  if (!event.startsWith(afterPrefix)) return event;
  return `deadline.${event.slice(afterPrefix.length, event.indexOf('.', afterPrefix.length))}`;
}
