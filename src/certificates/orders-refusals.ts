/**
 * What is remembered and told of names that get no certificate on demand.
 *
 * Decides: how often a refusal is told. Anybody can send any name, so what costs the sender nothing is told once in ten
 * seconds for each reason, with how many there were. Must never do: keep more names than a fixed number.
 * Read first: `orders-on-demand.ts`.
 */
import type { Clock } from '../io/clock.ts';
import type { CertificateEvent } from './acme-events.ts';

type AskRefused = Extract<CertificateEvent, { readonly event: 'certificate.ask-refused' }>;

export type Refusal = AskRefused['reason'];

/** Between two events with the same reason, where nobody was asked. */
export const toldMs = 10_000;

/** A question was asked, and those are few. */
const alwaysTold: readonly Refusal[] = ['no', 'failed'];

export class RefusalReport {
  readonly #clock: Clock;
  readonly #tell: (event: AskRefused) => void;
  readonly #told = new Map<Refusal, { readonly atMs: number; untold: number }>();

  constructor(clock: Clock, tell: (event: AskRefused) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  refused(name: string, directoryUrl: string, reason: Refusal): void {
    const nowMs = this.#clock.nowMs();
    const last = this.#told.get(reason);
    if (last !== undefined && !alwaysTold.includes(reason) && nowMs - last.atMs < toldMs) {
      last.untold += 1;
      return;
    }
    this.#told.set(reason, { atMs: nowMs, untold: 0 });
    const count = 1 + (last?.untold ?? 0);
    this.#tell({ event: 'certificate.ask-refused', names: [name.slice(0, 253)], directoryUrl, reason, count });
  }
}

/** Keys that count until a time; of too many the oldest are forgotten. */
export class RememberedUntil {
  readonly #clock: Clock;
  readonly #max: number;
  /** On the clock's axis; what was remembered first comes first. */
  readonly #untilMs = new Map<string, number>();

  constructor(clock: Clock, max: number) {
    this.#clock = clock;
    this.#max = max;
  }

  has(key: string): boolean {
    return (this.#untilMs.get(key) ?? Number.NEGATIVE_INFINITY) > this.#clock.nowMs();
  }

  remember(key: string, forMs: number): void {
    this.#untilMs.delete(key);
    this.#untilMs.set(key, this.#clock.nowMs() + forMs);
    const [oldest] = this.#untilMs.keys();
    if (this.#untilMs.size > this.#max && oldest !== undefined) this.#untilMs.delete(oldest);
  }

  clear(): void {
    this.#untilMs.clear();
  }
}

/** So many at once; whoever comes later waits for a turn. */
export class Turns {
  #free: number;
  readonly #queue: (() => void)[] = [];

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  async take<Value>(work: () => Promise<Value>): Promise<Value> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => void this.#queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
