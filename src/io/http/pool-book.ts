/**
 * Pools of upstream connections, found by what their connections are for, and let go of once they have none.
 *
 * Decides: when an empty pool is forgotten. Targets may come from anywhere (a function, a resolver, whoever is behind a
 * trusted proxy), so whoever has seen many must not keep them. Must never do: forget a pool that has a connection, or a
 * place for one. Read first: `pool.ts`, `pools.ts`.
 */
import type { EndpointIdentity, UpstreamPool } from './pool.ts';

/** So many are kept without looking at them. */
const unsweptMin = 64;

export class PoolBook {
  readonly #byKey = new Map<string, UpstreamPool>();
  #sweepAt = unsweptMin;

  /** Upstream connections that are open, lent or not. */
  get connections(): number {
    let connections = 0;
    for (const pool of this.#byKey.values()) connections += pool.size;
    return connections;
  }

  get count(): number {
    return this.#byKey.size;
  }

  get(key: string): UpstreamPool | undefined {
    return this.#byKey.get(key);
  }

  add(pool: UpstreamPool): void {
    if (this.#byKey.size >= this.#sweepAt) this.#sweep();
    this.#byKey.set(pool.source.key, pool);
  }

  drain(): void {
    for (const pool of this.#byKey.values()) pool.drain();
  }

  /** Nobody is to go on with unused connections to that endpoint, as its own pool of endpoints reaches it. */
  leave(left: EndpointIdentity): void {
    for (const pool of this.#byKey.values()) {
      const { endpointOf } = pool.source;
      if (endpointOf !== null && isSameEndpoint(endpointOf, left)) pool.leave();
    }
  }

  /** Half of those that are looked at must be new since the last time. */
  #sweep(): void {
    for (const [key, pool] of this.#byKey) if (pool.places === 0 && pool.size === 0) this.#byKey.delete(key);
    this.#sweepAt = Math.max(unsweptMin, 2 * this.#byKey.size);
  }
}

/** A target is another object once the endpoint was forgotten and has come back. */
function isSameEndpoint(
  one: EndpointIdentity,
  { pool, target: { host, port, serverName } }: EndpointIdentity,
): boolean {
  const { target } = one;
  return one.pool === pool && target.host === host && target.port === port && target.serverName === serverName;
}

/**
 * The pools of one client whose upstreams are told who it is: nobody else's requests may ever go over their connections.
 * They live with the client's connection.
 */
export class OwnPools {
  readonly book = new PoolBook();
  readonly #left: (pools: OwnPools) => void;
  #isOver = false;

  /** @param left told once, when they are let go. */
  constructor(left: (pools: OwnPools) => void) {
    this.#left = left;
  }

  /** True exactly when a connection that is given back is not kept. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Unused connections are closed now, the others when they are given back. Idempotent. */
  letGo(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.book.drain();
    this.#left(this);
  }
}
