/**
 * The endpoints of a pool that one dial may try, and what it has been given.
 *
 * Decides that an endpoint which failed this dial is not tried by it again. Must never do: keep a place that was granted when
 * nobody asks for it. Read first: `../candidates.ts`, `endpoint-pool.ts`.
 */
import type { Target } from '../../routing/plan.ts';
import type { Candidate, Candidates, DialSubject } from '../candidates.ts';
import type { Choice, EndpointPool, Wanting } from './endpoint-pool.ts';

export class PoolCandidates implements Candidates {
  readonly attemptsMax: number;
  readonly #pool: EndpointPool;
  readonly #wanting: Wanting;
  /** Granted while it waited, for the next attempt. */
  #granted: Extract<Choice, { kind: 'endpoint' }> | null = null;
  #giveUp: (() => void) | null = null;

  constructor(pool: EndpointPool, subject: DialSubject) {
    this.#pool = pool;
    this.#wanting = { subject, tried: new Set<string>(), preferred: null };
    this.attemptsMax = 1 + Math.min(pool.plan.retries, Math.max(0, pool.size - 1));
  }

  /** A promise only where no name of the pool has been answered yet. */
  next(): Candidate | Promise<Candidate> {
    const granted = this.#granted;
    this.#granted = null;
    if (granted !== null) return granted;
    return this.#pool.firstAnswers?.then(() => this.#choose()) ?? this.#choose();
  }

  wait(granted: () => void): (() => void) | null {
    const giveUp = this.#pool.wait({
      wanting: this.#wanting,
      granted: (choice) => {
        this.#giveUp = null;
        this.#granted = choice;
        granted();
      },
    });
    this.#giveUp = giveUp;
    return giveUp;
  }

  targets(): Iterable<Target> {
    return this.#pool.targets();
  }

  prefer(target: Target | null): void {
    this.#wanting.preferred = target;
  }

  stop(): void {
    this.#giveUp?.();
    this.#giveUp = null;
    this.#granted?.use.release();
    this.#granted = null;
  }

  #choose(): Candidate {
    const choice = this.#pool.choose(this.#wanting);
    return choice.kind === 'none' ? { ...choice, reason: 'upstream.exhausted' } : choice;
  }
}
