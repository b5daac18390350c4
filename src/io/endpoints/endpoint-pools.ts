/**
 * Every pool of a proxy, by its plan.
 *
 * Decides nothing; one pool serves every route that names it. Must never do: start twice, or leave anything when it is
 * stopped. Read first: `endpoint-pool.ts`.
 */
import type { PoolPlan } from '../../routing/pool-plan.ts';
import type { Candidates, DialSubject } from '../candidates.ts';
import type { Dialer } from '../dialer.ts';
import type { EndpointStatus } from './endpoint-events.ts';
import { EndpointPool, type EndpointPoolPorts } from './endpoint-pool.ts';
import { PoolCandidates } from './pool-candidates.ts';

export interface EndpointPoolsPorts extends EndpointPoolPorts {
  /** How endpoints of that pool are reached; checks go the same way. */
  readonly dialerOf: (pool: PoolPlan) => Dialer;
  /** The PROXY header that goes before its checks, because its endpoints want one; null = none. */
  readonly checkHeaderOf: (pool: PoolPlan) => Uint8Array | null;
}

export class EndpointPools {
  readonly #ports: EndpointPoolsPorts;
  readonly #pools: ReadonlyMap<PoolPlan, EndpointPool>;

  constructor(plans: Iterable<PoolPlan>, ports: EndpointPoolsPorts) {
    this.#ports = ports;
    this.#pools = new Map(
      [...new Set(plans)].map((plan) => {
        const pool = new EndpointPool(plan, ports.dialerOf(plan), ports.checkHeaderOf(plan), ports);
        return [plan, pool];
      }),
    );
  }

  /** @throws RangeError for a plan that it was not made with. */
  of(plan: PoolPlan, subject: DialSubject): Candidates {
    const pool = this.#pools.get(plan);
    if (pool === undefined) throw new RangeError(`the pool ${plan.name} is not one of this proxy's`);
    return new PoolCandidates(pool, subject);
  }

  status(): readonly EndpointStatus[] {
    return [...this.#pools.values()].flatMap((pool) => pool.status());
  }

  /** Does nothing after `stop`. */
  start(): void {
    for (const pool of this.#pools.values()) pool.start();
  }

  /** Idempotent. */
  stop(): void {
    for (const pool of this.#pools.values()) pool.stop();
    this.#ports.resolver.stop();
  }
}
