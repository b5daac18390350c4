/**
 * The place of one exchange on its route: claimed, waited for, kept by the connection that it upgrades; and that it hears of
 * it when the lists of the route turn against its client.
 *
 * Decides nothing: the route's admission does. Must never do: give a place back twice, or keep one when nobody goes on using
 * it. Read first: `../route-admission.ts`, `steering.ts`.
 */
import { stateOf } from '../../machines/chart/chart.ts';
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
  readonly chart: { readonly leaf: string };
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
  /** The exchange is over; it may come to that while it is being placed, and then nothing is kept. */
  #isOver = false;

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
    if (isCounted || route.onBan !== 'keep') this.#ip = clientIp();
    const refusal = isCounted ? this.#claimOn(route) : null;
    if (refusal !== null) return refusal;
    this.#owner.holder.settled();
    if (route.onBan === 'keep') return null;
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
    this.#isOver = true;
    this.stopWaiting();
    this.#claim?.release();
    this.#claim = null;
    if (!this.#isHandedOver) this.#unwatch();
  }

  granted(claim: RouteClaim): void {
    this.#leaveQueue = null;
    this.#keep(claim);
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

  /** A request that was not sent yet is not sent any more, however gently it goes with those that were. */
  banned(manner: 'drain' | 'kill', cause: string): void {
    if (this.#isHandedOver) return this.#owner.holder.banned(manner, cause);
    if (manner === 'drain') {
      this.#owner.holder.banned(manner, cause);
      const { leaf } = this.#owner.chart;
      if (!isUnsent(leaf)) return undefined;
      if (mayBeAnswered.has(leaf)) return this.#owner.claimFailed('refused.address', null, cause, false);
    }
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
    if (answer.kind === 'admitted') this.#keep(answer.claim);
    else this.#leaveQueue = () => answer.leave();
    if (this.#isOver) {
      this.stopWaiting();
      return over;
    }
    if (demand === 'both') holder.routesUsed = (holder.routesUsed ?? new Set()).add(route);
    return null;
  }

  #keep(claim: RouteClaim): void {
    if (this.#isOver) claim.release();
    else this.#claim = claim;
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

function isUnsent(leaf: string): boolean {
  return stateOf(leaf) === 'SNIFFING' || stateOf(leaf) === 'DIALING';
}

/** Where the exchange waits for what it is sent on, and hears that there is nothing. */
const mayBeAnswered: ReadonlySet<string> = new Set(['DIALING.QUEUED', 'DIALING.ATTEMPTING']);

const over: RouteRefusal = {
  kind: 'refused',
  reason: 'refused.capacity',
  cause: 'the exchange is over',
  retryAfterMs: null,
};
