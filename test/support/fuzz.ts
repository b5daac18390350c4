/**
 * The seed and the number of runs of every property.
 *
 * Gating uses seed 42; `npm test` repeats the properties with a seed made from the commit's time, which it prints.
 * `FUZZ_SEED=… FUZZ_RUNS=… npx vitest run test/property` replays a failure. FUZZ_RUNS is a factor: 10 = ten times as many.
 */

/** How often a property is tried: its usual number, times the factor asked for; at least once. */
export function runs(usual: number): number {
  return Math.max(1, Math.round(usual * numberFrom('FUZZ_RUNS', 1)));
}

/** The seed for `fc.assert(property, { seed: seed(), numRuns: runs(500) })`. */
export function seed(): number {
  return Math.trunc(numberFrom('FUZZ_SEED', 42));
}

function numberFrom(name: string, usual: number): number {
  const text = process.env[name];
  if (text === undefined || text === '') return usual;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new Error(`${name} is not a number: ${text}`);
  return value;
}
