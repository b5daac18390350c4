/**
 * What one connection holds of everything that is counted: its place under the caps by address, its place on its route, and
 * its place in the route's queue; and that it hears of it when the lists of its route turn against it.
 *
 * Decides nothing: the listener and the route's admission do. Must never do: give a place back twice, or keep one when the
 * connection is over. Read first: `route-admission.ts`, `connection-ports.ts`.
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';
import type { ConnectionFact } from '../machines/connection/events.ts';
import type { SlotClaim } from '../routing/counted-limits.ts';
import type { RoutePlan } from '../routing/plan.ts';
import type { Guest } from '../routing/route-access.ts';
import type { ListenerRuntime } from './connection-ports.ts';
import type { Address } from './leg.ts';
import type { RouteAdmission, RouteClaim, RouteWaiter } from './route-admission.ts';

/** The connection, as its placement knows it. */
export interface PlacementOwner {
  readonly client: Address;
  readonly listener: ListenerRuntime;
  hear(fact: ConnectionFact): void;
  /** Kept where nothing was known before. */
  explainBy(cause: string | null): void;
  banned(manner: 'drain' | 'kill', cause: string): void;
}

/** Whether a route takes a connection now. */
export type Placing =
  | { readonly kind: 'admitted' | 'waits' }
  | { readonly kind: 'refused'; readonly reason: CloseReason; readonly cause: string };

export class Placement implements RouteWaiter, Guest {
  readonly #owner: PlacementOwner;
  readonly #routes: RouteAdmission;
  #address: SlotClaim | null = null;
  /** Of its route; of HTTP only once it was upgraded. */
  #claim: RouteClaim | null = null;
  #leaveQueue: (() => void) | null = null;
  /** The raw route it is on, or waits for. */
  #route: RoutePlan | null = null;

  constructor(owner: PlacementOwner, routes: RouteAdmission) {
    this.#owner = owner;
    this.#routes = routes;
  }

  get ip(): string {
    return this.#owner.client.host;
  }

  /** What is asked of every client, whatever it comes for. */
  identify(): void {
    const answer = this.#owner.listener.identify(this.ip);
    if (answer.kind === 'admitted') {
      this.#address = answer.claim;
      return this.#owner.hear({ type: 'client.identified' });
    }
    this.#owner.explainBy(answer.cause);
    return this.#owner.hear({ type: 'sniff.failed', reason: answer.reason, answerable: false });
  }

  on(route: RoutePlan): Placing {
    // Nobody waits for a handler: it is not dialled.
    const waiter = route.action.type === 'forward' ? this : null;
    const answer = this.#routes.claim(route, this.ip, 'connection', waiter);
    if (answer.kind === 'refused') return answer;
    this.#route = route;
    this.#routes.access.enter(route, this);
    if (answer.kind === 'admitted') this.#claim = answer.claim;
    else this.#leaveQueue = () => answer.leave();
    return answer.kind === 'admitted' ? admitted : waits;
  }

  /** What the exchange that upgraded the connection used. */
  keep(claim: RouteClaim | null): void {
    this.#claim = claim;
  }

  leaveQueue(): void {
    this.#leaveQueue?.();
    this.#leaveQueue = null;
  }

  release(): void {
    this.leaveQueue();
    if (this.#route !== null) this.#routes.access.leave(this.#route, this);
    this.#claim?.release();
    this.#address?.release();
  }

  granted(claim: RouteClaim): void {
    this.#leaveQueue = null;
    this.#claim = claim;
    this.#owner.hear({ type: 'place.granted' });
  }

  lost(cause: string): void {
    this.#leaveQueue = null;
    this.#owner.explainBy(cause);
    this.#owner.hear({ type: 'place.lost', reason: 'refused.capacity' });
  }

  banned(manner: 'drain' | 'kill', cause: string): void {
    this.#owner.banned(manner, cause);
  }
}

const admitted: Placing = { kind: 'admitted' };
const waits: Placing = { kind: 'waits' };
