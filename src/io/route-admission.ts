/**
 * Who gets a place on a route: its cap, its cap for each address, its rates, and its queue.
 *
 * Decides at once, in one step that cannot be interleaved: a place, a place in the queue, or a refusal. A rate is charged
 * for whoever gets either, once. One set of counters for each route of the proxy, whichever listener it was reached by.
 * Must never do: count a route without limits, own a timer, or release a claim twice.
 * Read first: `route-queue.ts`, `routing/counted-limits.ts`, `routing/rates.ts`.
 */
import { isUnlimited } from '../routing/admission.ts';
import type { RoutePlan } from '../routing/plan.ts';
import { RouteAccess } from '../routing/route-access.ts';
import type { Clock } from './clock.ts';
import { RouteQueue } from './route-queue.ts';

/** One use of a route. */
export interface RouteClaim {
  /** Idempotent. */
  release(): void;
}

/** `connection`: of a raw route or a handler. `request`: an exchange. `both`: an exchange, its connection's first on the route. */
export type RouteDemand = 'connection' | 'request' | 'both';

/** Who waits in the queue of a route. One of both is told, once, and nothing after it was left. */
export interface RouteWaiter {
  /** The claim is the waiter's from now on. */
  granted(claim: RouteClaim): void;
  /** Its place in the queue went to an address that has fewer. */
  lost(cause: string): void;
}

export type RouteAnswer =
  | { readonly kind: 'admitted'; readonly claim: RouteClaim }
  /** `leave` gives the place in the queue up, and the claim with it that nobody was told of; idempotent. */
  | { readonly kind: 'waits'; leave(): void }
  | RouteRefusal;

export interface RouteRefusal {
  readonly kind: 'refused';
  readonly reason: 'refused.capacity' | 'refused.rate';
  readonly cause: string;
  /** When it would be granted if nobody else asked; null where that is not known. */
  readonly retryAfterMs: number | null;
}

export class RouteAdmission {
  /** The lists of the routes, which may change, and who is on a route whose live clients a change concerns. */
  readonly access: RouteAccess;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #queues = new Map<RoutePlan, RouteQueue>();

  constructor(clock: Pick<Clock, 'nowMs'>, access: RouteAccess = new RouteAccess([])) {
    this.#clock = clock;
    this.access = access;
  }

  /**
   * @param ip the client's address, as far back as it is known to be believed.
   * @param waiter null: it does not wait.
   */
  claim(route: RoutePlan, ip: string, demand: RouteDemand, waiter: RouteWaiter | null): RouteAnswer {
    if (isUnlimited(route.admission)) return uncounted;
    return this.#queueOf(route).claim(ip, demand, waiter, this.#clock.nowMs());
  }

  #queueOf(route: RoutePlan): RouteQueue {
    const known = this.#queues.get(route);
    if (known !== undefined) return known;
    const made = new RouteQueue(route);
    this.#queues.set(route, made);
    return made;
  }
}

const uncounted: RouteAnswer = { kind: 'admitted', claim: { release: () => undefined } };
