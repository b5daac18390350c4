/**
 * Chance from a seed, for the simulation: the same seed gives the same day.
 */

export interface Chance {
  /** Uniform in [0, 1). */
  next(): number;
  /** 0 to below `limit`. */
  below(limit: number): number;
  one<Value>(values: readonly Value[]): Value;
}

/** @param seed any whole number. */
export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    one(values) {
      const value = values[below(values.length)];
      if (value === undefined) throw new Error('nothing to choose from');
      return value;
    },
  };
}
