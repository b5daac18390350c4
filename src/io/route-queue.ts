/**
 * The places of one route: who has one, and who waits for one.
 *
 * Decides: a place that is given back, also one in the queue, is somebody's again before anybody is told anything, so that
 * nobody who comes in between can take it. Whose own address is full waits for that alone, and holds up nobody.
 * Must never do: charge a rate for a refusal, tell a waiter twice, or tell one that has left.
 * Read first: `route-admission.ts`, `routing/fair-line.ts`.
 */
import { SlotCounter } from '../routing/admission.ts';
import { claimTogether, KeyedSlots, type SlotClaim } from '../routing/counted-limits.ts';
import { FairLine } from '../routing/fair-line.ts';
import { holderOf } from '../routing/ip-address.ts';
import type { RoutePlan } from '../routing/plan.ts';
import type { RateAnswer, RatePlan } from '../routing/rate.ts';
import { askTogether, Rates, takeTogether, type Charge } from '../routing/rates.ts';
import type { RouteAnswer, RouteClaim, RouteDemand, RouteRefusal, RouteWaiter } from './route-admission.ts';

export class RouteQueue {
  readonly #name: string;
  readonly #slots: SlotCounter;
  readonly #byAddress: KeyedSlots;
  readonly #rates: Rates;
  readonly #line: FairLine<Waiting>;
  /** False: a cap of 0 refuses everybody, and nobody waits for what never comes. */
  readonly #isOpen: boolean;
  /** Those that have a claim, or lost their place, and were not told of it yet. */
  readonly #due: Waiting[] = [];
  #isTelling = false;

  constructor({ name, admission }: RoutePlan) {
    const { maxConnections, maxConnectionsPerIp, rates, waitersMax } = admission;
    this.#name = name;
    this.#slots = new SlotCounter(maxConnections);
    this.#byAddress = new KeyedSlots(maxConnectionsPerIp);
    this.#rates = new Rates(rates);
    this.#line = new FairLine(waitersMax);
    this.#isOpen = maxConnections !== 0 && maxConnectionsPerIp !== 0;
  }

  claim(ip: string, demand: RouteDemand, waiter: RouteWaiter | null, nowMs: number): RouteAnswer {
    const holder = holderOf(ip.slice(0, addressLengthMax));
    const charges = this.#rates.chargesFor(unitsOf[demand], holder);
    const answer = this.#place(holder);
    if (answer.kind === 'full') return this.#wait(holder, charges, waiter, nowMs, answer.refusal);
    return this.#charged(answer.place, charges, nowMs);
  }

  /** A place is granted only together with what it costs. */
  #charged(place: Place, charges: readonly Charge[], nowMs: number): RouteAnswer {
    const rate = takeTogether(charges, nowMs);
    if (rate.granted) return { kind: 'admitted', claim: place };
    place.release();
    return this.#tooOften(rate);
  }

  #wait(
    holder: string,
    charges: readonly Charge[],
    waiter: RouteWaiter | null,
    nowMs: number,
    refusal: RouteRefusal,
  ): RouteAnswer {
    if (waiter === null || !this.#isOpen) return refusal;
    const rate = askTogether(charges, nowMs);
    if (!rate.granted) return this.#tooOften(rate);
    const victim = this.#line.isFull ? this.#line.victimFor(holder) : null;
    if (this.#line.isFull && victim === null) return refusal;
    const taken = takeTogether(charges, nowMs);
    if (!taken.granted) return this.#tooOften(taken);
    if (victim !== null) this.#line.leave(victim);
    const waiting = new Waiting(waiter);
    this.#line.join(holder, waiting, this.#hasRoomFor(holder));
    if (victim !== null) this.#sendAway(victim);
    return waiting.answer(() => this.#leave(waiting));
  }

  /** Its place is another's by now, whatever it does when it is told. */
  #sendAway(victim: Waiting): void {
    victim.lost(`the queue of ${this.#name} is full, and others have fewer places in it`);
    this.#due.push(victim);
    this.#tell();
  }

  #leave(waiting: Waiting): void {
    this.#line.leave(waiting);
    waiting.leave();
  }

  #place(
    holder: string,
  ): { readonly kind: 'placed'; readonly place: Place } | { readonly kind: 'full'; readonly refusal: RouteRefusal } {
    const answer = claimTogether(holder === '' ? [this.#slots] : [this.#slots, this.#byAddress.at(holder)]);
    if (answer.claimed) return { kind: 'placed', place: new Place(answer.claim, () => this.#freed(holder)) };
    const cause = answer.full === 0 ? `${this.#name} is full` : `${this.#name} is full for this address`;
    return { kind: 'full', refusal: { kind: 'refused', reason: 'refused.capacity', cause, retryAfterMs: null } };
  }

  #hasRoomFor(holder: string): boolean {
    const { max } = this.#byAddress;
    return max === null || holder === '' || this.#byAddress.held(holder) < max;
  }

  #freed(holder: string): void {
    if (this.#line.length === 0) return;
    this.#line.ready(holder);
    this.#assign();
    this.#tell();
  }

  /** Gives away what is free; nobody is told yet. */
  #assign(): void {
    for (let holder = this.#line.next; holder !== null; holder = this.#line.next) {
      if (!this.#hasRoomFor(holder)) {
        this.#line.passOver(holder);
        continue;
      }
      const answer = this.#place(holder);
      if (answer.kind === 'full') return;
      const waiting = this.#line.take(holder);
      if (waiting === null) throw new Error('a holder without a waiter had its turn');
      waiting.granted(answer.place);
      this.#due.push(waiting);
    }
  }

  /** One after the other, however many are granted by what the first one does. */
  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let waiting = this.#due.shift(); waiting !== undefined; waiting = this.#due.shift()) waiting.tell();
    } finally {
      this.#isTelling = false;
    }
  }

  #tooOften(answer: RateAnswer): RouteRefusal {
    const retryAfterMs = answer.granted ? null : answer.retryAfterMs;
    return { kind: 'refused', reason: 'refused.rate', cause: `the rate of ${this.#name} is used up`, retryAfterMs };
  }
}

/** Longer than any address. What a header says instead of one may be long, and is not worth keeping. */
const addressLengthMax = 64;

const unitsOf: Readonly<Record<RouteDemand, readonly RatePlan['unit'][]>> = {
  connection: ['connections'],
  request: ['requests'],
  both: ['connections', 'requests'],
};

/** A place that somebody has. */
class Place implements RouteClaim {
  readonly #claim: SlotClaim;
  readonly #freed: () => void;

  constructor(claim: SlotClaim, freed: () => void) {
    this.#claim = claim;
    this.#freed = freed;
  }

  release(): void {
    if (!this.#claim.isHeld) return;
    this.#claim.release();
    this.#freed();
  }
}

/** Somebody who waits, until told or gone. */
class Waiting {
  readonly #waiter: RouteWaiter;
  /** What it will be told; null once it was, and where there is nothing. */
  #news: { readonly claim: RouteClaim } | { readonly cause: string } | null = null;
  /** False while it is still to be answered whether it waits at all: until then it hears nothing. */
  #isAnswered = false;

  constructor(waiter: RouteWaiter) {
    this.#waiter = waiter;
  }

  granted(claim: RouteClaim): void {
    this.#news = { claim };
  }

  lost(cause: string): void {
    this.#news = { cause };
  }

  /** What has happened to it while others were told. */
  answer(leave: () => void): RouteAnswer {
    this.#isAnswered = true;
    const news = this.#news;
    this.#news = null;
    if (news === null) return { kind: 'waits', leave };
    if ('claim' in news) return { kind: 'admitted', claim: news.claim };
    return { kind: 'refused', reason: 'refused.capacity', cause: news.cause, retryAfterMs: null };
  }

  tell(): void {
    const news = this.#news;
    if (news === null || !this.#isAnswered) return;
    this.#news = null;
    if ('claim' in news) this.#waiter.granted(news.claim);
    else this.#waiter.lost(news.cause);
  }

  leave(): void {
    const news = this.#news;
    this.#news = null;
    if (news !== null && 'claim' in news) news.claim.release();
  }
}
