/**
 * Which of several targets comes next: round-robin.
 *
 * Decides: connections start at successive targets, the first one at the first target; an attempt after a failed one goes
 * on from there, so that each target is tried once before any is tried again.
 * Must never do: know whether a target is healthy.
 */

export interface RoundRobin {
  /** The index for the next connection to start with. */
  next(): number;
}

/** @param count how many targets there are, at least 1. */
export function roundRobin(count: number): RoundRobin {
  let upcoming = 0;
  return {
    next: () => {
      const picked = upcoming;
      upcoming = (upcoming + 1) % count;
      return picked;
    },
  };
}

/** The index of a connection's attempt, counted from 0, where the first attempt took `start`. */
export function pick(start: number, attempt: number, count: number): number {
  return (start + attempt) % count;
}

/** The order in which one connection tries the targets: `start`, then the following ones, each once. */
export function order(start: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, attempt) => pick(start, attempt, count));
}
