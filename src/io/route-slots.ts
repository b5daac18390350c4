/**
 * How much of each route is in use: connections of raw routes and handlers, exchanges of HTTP routes, upgraded connections.
 *
 * Decides nothing but whether one more fits; who asks refuses. One counter for each capped route of the proxy, whichever
 * listener it was reached by. Must never do: count a route without a cap, or release a claim twice.
 */
import { SlotCounter } from '../routing/admission.ts';
import { claimTogether } from '../routing/counted-limits.ts';
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
    const answer = claimTogether([this.#counterOf(route)]);
    return answer.claimed ? answer.claim : null;
  }

  #counterOf(route: RoutePlan): SlotCounter {
    const known = this.#counters.get(route);
    if (known !== undefined) return known;
    const made = new SlotCounter(route.maxConnections);
    this.#counters.set(route, made);
    return made;
  }
}

const uncounted: RouteClaim = { release: () => undefined };
