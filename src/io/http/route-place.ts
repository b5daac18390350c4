/**
 * The place of one exchange on its route: claimed, waited for, kept by the connection that it upgrades; and that it hears of
 * it when the lists of the route turn against its client.
 *
 * Decides nothing: the route's admission does. Must never do: give a place back twice, or keep one when nobody goes on using
 * it. Read first: `../route-admission.ts`, `steering.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { ExchangeFact } from '../../machines/exchange/events.ts';
import { isUnlimited } from '../../routing/admission.ts';
import type { RoutePlan } from '../../routing/plan.ts';
import type { Guest } from '../../routing/route-access.ts';
import type { RouteClaim, RouteDemand, RouteRefusal, RouteWaiter } from '../route-admission.ts';
import type { ExchangeHolder, ExchangePorts } from './exchange-ports.ts';

/** The exchange, as its place knows it. */
export interface PlaceOwner {
  readonly holder: ExchangeHolder;
  readonly ports: ExchangePorts;
  cause: string | null;
  tell(fact: ExchangeFact): void;
  /** Nothing can be had to send the request on; the exchange waits for it. */
  claimFailed(reason: CloseReason, code: string | null, cause: string, retryable: boolean): void;
}

export class RoutePlace implements RouteWaiter, Guest {
  readonly #owner: PlaceOwner;
  #ip = '';
  #claim: RouteClaim | null = null;
  /** Gives up the place in the queue of the route; null while none is waited for. */
  #leaveQueue: (() => void) | null = null;
  #whenPlaced: (() => void) | null = null;
  #lost: string | null = null;
  /** The route whose changes of lists it hears of. */
  #watched: RoutePlan | null = null;
  /** True exactly when the connection goes on with what the exchange used. */
  #isHandedOver = false;

  constructor(owner: PlaceOwner) {
    this.#owner = owner;
  }

  /** Whose client it is: of its peer, or of a trusted proxy in front. */
  get ip(): string {
    return this.#ip;
  }

  /** True exactly when the exchange waits for its place; `whenPlaced` tells. */
  get isWaiting(): boolean {
    return this.#leaveQueue !== null;
  }

  /** Why the place in the queue was lost before the exchange had come to wait for it; null: it was not. */
  get lostBy(): string | null {
    return this.#lost;
  }

  /** Asks for a place where the route counts, and hears of its lists from then on; answers why there is none. */
  take(route: RoutePlan, clientIp: () => string): RouteRefusal | null {
    const isCounted = !isUnlimited(route.admission);
    if (!isCounted && route.onBan === 'keep') return null;
    this.#ip = clientIp();
    const refusal = isCounted ? this.#claimOn(route) : null;
    if (refusal !== null || route.onBan === 'keep') return refusal;
    this.#watched = route;
    this.#owner.ports.routeAdmission.access.enter(route, this);
    return null;
  }

  whenPlaced(tell: () => void): void {
    this.#whenPlaced = tell;
  }

  stopWaiting(): void {
    this.#whenPlaced = null;
    this.#leaveQueue?.();
    this.#leaveQueue = null;
  }

  /** What is used of the route, for the connection, which goes on using it. */
  handOver(): RouteClaim | null {
    const claim = this.#claim;
    this.#claim = null;
    this.#isHandedOver = true;
    return {
      release: () => {
        claim?.release();
        this.#unwatch();
      },
    };
  }

  /** The exchange is over. */
  letGo(): void {
    this.stopWaiting();
    this.#claim?.release();
    this.#claim = null;
    if (!this.#isHandedOver) this.#unwatch();
  }

  granted(claim: RouteClaim): void {
    this.#leaveQueue = null;
    this.#claim = claim;
    const tell = this.#whenPlaced;
    this.#whenPlaced = null;
    tell?.();
  }

  lost(cause: string): void {
    this.#leaveQueue = null;
    this.#lost = cause;
    const isWaitedFor = this.#whenPlaced !== null;
    this.#whenPlaced = null;
    if (isWaitedFor) this.#owner.claimFailed('refused.capacity', null, cause, false);
  }

  banned(manner: 'drain' | 'kill', cause: string): void {
    if (manner === 'drain' || this.#isHandedOver) return this.#owner.holder.banned(manner, cause);
    this.#owner.cause ??= cause;
    return this.#owner.tell({ type: 'kill.requested', reason: 'refused.address' });
  }

  #claimOn(route: RoutePlan): RouteRefusal | null {
    const { ports, holder } = this.#owner;
    const demand = this.#demandOn(route);
    // What is answered here needs no place for long, and nothing waits for it.
    const waiter = route.action.type === 'forward' || route.action.type === 'handler' ? this : null;
    const answer = ports.routeAdmission.claim(route, this.#ip, demand, waiter);
    if (answer.kind === 'refused') return answer;
    if (answer.kind === 'admitted') this.#claim = answer.claim;
    else this.#leaveQueue = () => answer.leave();
    if (demand === 'both') holder.routesUsed = (holder.routesUsed ?? new Set()).add(route);
    return null;
  }

  /** Where connections have a rate, the first exchange on the route is counted as one. */
  #demandOn(route: RoutePlan): RouteDemand {
    if (route.admission.rates.every(({ unit }) => unit === 'requests')) return 'request';
    return this.#owner.holder.routesUsed?.has(route) === true ? 'request' : 'both';
  }

  #unwatch(): void {
    if (this.#watched !== null) this.#owner.ports.routeAdmission.access.leave(this.#watched, this);
    this.#watched = null;
  }
}
