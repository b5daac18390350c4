/**
 * How much of each route is in use: connections of raw routes and handlers, exchanges of HTTP routes, upgraded connections.
 *
 * Decides nothing but whether one more fits; who asks refuses. One counter for each capped route of the proxy, whichever
 * listener it was reached by. Must never do: count a route without a cap, or release a claim twice.
 */
import { SlotCounter } from '../routing/admission.ts';
import type { RoutePlan } from '../routing/plan.ts';

/** One use of a route. */
export interface RouteClaim {
  /** Idempotent. */
  release(): void;
}

export class RouteSlots {
  readonly #counters = new Map<RoutePlan, SlotCounter>();

  /** Null: the route is full. */
  claim(route: RoutePlan): RouteClaim | null {
    if (route.maxConnections === null) return uncounted;
    const counter = this.#counterOf(route);
    return counter.tryClaim() ? new CountedClaim(counter) : null;
  }

  /** Claims that are held, of all capped routes. */
  get held(): number {
    let held = 0;
    for (const counter of this.#counters.values()) held += counter.held;
    return held;
  }

  #counterOf(route: RoutePlan): SlotCounter {
    const known = this.#counters.get(route);
    if (known !== undefined) return known;
    const made = new SlotCounter(route.maxConnections);
    this.#counters.set(route, made);
    return made;
  }
}

class CountedClaim implements RouteClaim {
  #counter: SlotCounter | null;

  constructor(counter: SlotCounter) {
    this.#counter = counter;
  }

  release(): void {
    this.#counter?.release();
    this.#counter = null;
  }
}

const uncounted: RouteClaim = { release: () => undefined };
