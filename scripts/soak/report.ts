/**
 * What a soak is given and what it tells: its time, its chance, and the list of what went wrong.
 *
 * Decides nothing. A problem is told when it happens, the first ones whole, so that a long run need not end to be read;
 * one problem is enough for the exit code 1. Read first: `../soak.ts`.
 */
const toldWholeMax = 10;

/** What every soak is run with. */
export interface SoakContext {
  /** How long the soaks go on that have no end of their own. */
  readonly durationMs: number;
  readonly interpreter: 'compiled' | 'xstate';
  /** From 0 up to 1; the same for the same seed. */
  readonly random: () => number;
  readonly report: Report;
}

export interface Soak {
  readonly name: string;
  readonly run: (context: SoakContext) => Promise<void>;
}

export class Report {
  /** Told line by line. */
  readonly say: (text: string) => void;
  #problems = 0;
  readonly #counts = new Map<string, number>();

  constructor(say: (text: string) => void = (text) => console.log(`   ${text}`)) {
    this.say = say;
  }

  get problems(): number {
    return this.#problems;
  }

  /** @param kind what it has in common with others of its kind, of which only the first ones are told whole */
  problem(kind: string, detail = ''): void {
    this.#problems += 1;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    if (count <= toldWholeMax) this.say(`PROBLEM: ${kind}${detail === '' ? '' : `: ${detail}`}`);
  }

  /** The kinds of which not every problem was told. */
  sum(): void {
    for (const [kind, count] of this.#counts) if (count > toldWholeMax) this.say(`PROBLEM: ${kind}: ${count} times`);
  }
}

/** A stream of numbers from 0 up to 1 that is the same for the same seed (a multiplicative congruential generator). */
export function seededRandom(seed: number): () => number {
  const modulus = 2_147_483_647;
  let state = (Math.abs(Math.trunc(seed)) % (modulus - 1)) + 1;
  return () => {
    state = (state * 48_271) % modulus;
    return state / modulus;
  };
}

/** A whole number from `from` to `to`, both included. */
export function whole(random: () => number, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}

export function pick<One>(random: () => number, list: readonly [One, ...One[]]): One {
  return list[Math.floor(random() * list.length)] ?? list[0];
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until it is so, for `limitMs` at most. @returns whether it is. */
export async function becomes(isSo: () => boolean | Promise<boolean>, limitMs: number): Promise<boolean> {
  const endMs = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) return false;
    await pause(20);
  }
  return true;
}

/** The middle one and the greatest, as text. */
export function middleAndWorst(valuesMs: readonly number[]): string {
  const sorted = valuesMs.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return `median ${middle.toFixed(1)} ms, worst ${(sorted.at(-1) ?? 0).toFixed(1)} ms`;
}
