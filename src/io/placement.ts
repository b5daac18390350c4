/**
 * What one connection holds of everything that is counted: its place under the caps by address, its place on its route, and
 * its place in the route's queue; and that it hears of it when the lists of its route turn against it.
 *
 * Decides nothing: the listener and the route's admission do. Must never do: give a place back twice, or keep one when the
 * connection is over. Read first: `route-admission.ts`, `connection-ports.ts`.
 */
import { stateOf } from '../machines/chart/chart.ts';
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
  readonly chart: { readonly leaf: string };
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
  #wasAsked = false;
  /** Of its route; of HTTP only once it was upgraded. */
  #claim: RouteClaim | null = null;
  #leaveQueue: (() => void) | null = null;
  /** The raw route it is on, or waits for. */
  #route: RoutePlan | null = null;
  /** True once the connection is over: it may come to that while it is being placed, and then nothing is kept. */
  #isReleased = false;

  constructor(owner: PlacementOwner, routes: RouteAdmission) {
    this.#owner = owner;
    this.#routes = routes;
  }

  get ip(): string {
    return this.#owner.client.host;
  }

  /** It was asked at the door, because there was no slot. */
  identified(claim: SlotClaim | null): void {
    this.#wasAsked = true;
    this.#address = claim;
  }

  /** What is asked of every client, whatever it comes for; once. */
  identify(): void {
    if (this.#wasAsked) return this.#owner.hear({ type: 'client.identified' });
    const answer = this.#owner.listener.identify(this.ip);
    if (answer.kind === 'admitted') {
      this.identified(answer.claim);
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
    if (answer.kind === 'admitted') this.keep(answer.claim);
    else this.#leaveQueue = () => answer.leave();
    if (this.#isReleased) {
      this.leaveQueue();
      return over;
    }
    this.#route = route;
    this.#routes.access.enter(route, this);
    return answer.kind === 'admitted' ? admitted : waits;
  }

  /** What the exchange that upgraded the connection used. */
  keep(claim: RouteClaim | null): void {
    if (this.#isReleased) claim?.release();
    else this.#claim = claim;
  }

  leaveQueue(): void {
    this.#leaveQueue?.();
    this.#leaveQueue = null;
  }

  release(): void {
    this.#isReleased = true;
    this.leaveQueue();
    if (this.#route !== null) this.#routes.access.leave(this.#route, this);
    this.#claim?.release();
    this.#address?.release();
  }

  granted(claim: RouteClaim): void {
    this.#leaveQueue = null;
    this.keep(claim);
    this.#owner.hear({ type: 'place.granted' });
  }

  lost(cause: string): void {
    this.#leaveQueue = null;
    this.#owner.explainBy(cause);
    this.#owner.hear({ type: 'place.lost', reason: 'refused.capacity' });
  }

  /** Who has not got through yet does not get through any more, however gently it goes with those who have. */
  banned(manner: 'drain' | 'kill', cause: string): void {
    this.#owner.banned(isThrough(this.#owner.chart.leaf) ? manner : 'kill', cause);
  }
}

function isThrough(leaf: string): boolean {
  return stateOf(leaf) === 'ESTABLISHED' || stateOf(leaf) === 'HALF_CLOSED';
}

const over: Placing = { kind: 'refused', reason: 'refused.capacity', cause: 'the connection is over' };
const admitted: Placing = { kind: 'admitted' };
const waits: Placing = { kind: 'waits' };
