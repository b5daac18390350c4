/**
 * Rates: how often somebody may do something, decided at once and without a timer (GCRA, a leaky bucket as a meter).
 *
 * Decides whether one more is granted, or when it would be. Each key is one number: the time at which its bucket is empty
 * again. Buckets that are empty are let go; where there are more keys than may be kept, one that was not used lately is,
 * and whoever is not kept counts as being in debt as much as the worst that was let go that way. So nobody gets rid
 * of a debt by making others forget it: a key is granted never more, at worst less for as long as a flood of keys lasts.
 * Must never do: read a clock, draw by chance, or charge for what was not granted.
 * @see ITU-T I.371 annex A
 */
import { ProxyError } from '../errors.ts';
import { holderOf } from './ip-address.ts';

/** `amount` in each `perMs`, evenly, and up to `burst` at once where there was a pause. */
export interface Rate {
  /** A whole number, at least 1. */
  readonly amount: number;
  /** Whole milliseconds, at least 1. */
  readonly perMs: number;
  /** A whole number, at least 1. */
  readonly burst: number;
}

/** What is counted, and for whom: the resolved `rateLimit` of a configuration. */
export interface RatePlan extends Rate {
  readonly unit: 'connections' | 'requests';
  readonly by: 'ip' | 'route';
}

/** The key under which a client is counted by the limiter of one plan: itself (IPv6: its /64), or everybody together. */
export function rateKeyOf(by: RatePlan['by'], clientAddress: string): string {
  return by === 'ip' ? holderOf(clientAddress) : '';
}

export type RateAnswer =
  | { readonly granted: true }
  /** `retryAfterMs`: when it would be granted if nobody else asked, at least 1; Infinity where it costs more than a burst. */
  | { readonly granted: false; readonly retryAfterMs: number };

/** The port: a limiter of this process, or the share that this process was given of a larger one. */
export interface RateLimiter {
  /**
   * @param key a client's address, a route's name, or both.
   * @param nowMs of a clock that does not go back.
   * @param cost a whole number, 0 or more; 0 asks without taking.
   */
  take(key: string, nowMs: number, cost?: number): RateAnswer;
}

/** How many keys a limiter keeps: about 10 MB of debts at most. */
export const rateKeysMax = 65_536;

/** @throws ProxyError SALLYPORT_INVARIANT when the rate is not made of whole numbers. */
export function rateLimiter(rate: Rate, keysMax: number = rateKeysMax): BucketLimiter {
  return new BucketLimiter(rate, keysMax);
}

/** A key that is in debt. */
interface Bucket {
  readonly key: string;
  /** In ticks: the time at which it is empty. */
  emptyAt: number;
  /** True exactly when it was used since it was last at the head of the queue. */
  isUsed: boolean;
  /** Behind it in the queue. */
  next: Bucket | null;
}

/** How many buckets that were used lately are spared, one after another, before one is let go all the same. */
const sparedMax = 8;

const granted: RateAnswer = { granted: true };

/**
 * Time is counted in ticks of 1/`amount` ms, so that one unit costs exactly `perMs` ticks and nothing is rounded but the
 * time of day, downwards, at each question. Ticks are exact up to 2^53: 285 years at a thousand a second.
 */
export class BucketLimiter implements RateLimiter {
  readonly #rate: Rate;
  readonly #keysMax: number;
  readonly #burstTicks: number;
  readonly #buckets = new Map<string, Bucket>();
  /** A queue in the order of arrival; whoever was used meanwhile goes to its end once more instead of out. */
  #head: Bucket | null = null;
  #tail: Bucket | null = null;
  /** The worst debt that was let go before it was paid: how whoever is not kept begins. */
  #floor = 0;

  constructor(rate: Rate, keysMax: number) {
    if (![rate.amount, rate.perMs, rate.burst, keysMax].every((one) => Number.isSafeInteger(one) && one >= 1)) {
      throw new ProxyError('SALLYPORT_INVARIANT', 'a rate is made of whole numbers from 1 on');
    }
    this.#rate = rate;
    this.#keysMax = keysMax;
    this.#burstTicks = rate.burst * rate.perMs;
  }

  /** How many keys are kept. */
  get keys(): number {
    return this.#buckets.size;
  }

  take(key: string, nowMs: number, cost = 1): RateAnswer {
    return this.#answer(key, nowMs, cost, true);
  }

  /** What `take` would answer. */
  ask(key: string, nowMs: number, cost = 1): RateAnswer {
    return this.#answer(key, nowMs, cost, false);
  }

  #answer(key: string, nowMs: number, cost: number, takes: boolean): RateAnswer {
    const now = Math.floor(nowMs * this.#rate.amount);
    const bucket = this.#buckets.get(key);
    const emptyAt = bucket === undefined ? this.#floor : bucket.emptyAt;
    const next = (emptyAt > now ? emptyAt : now) + cost * this.#rate.perMs;
    const excess = next - now - this.#burstTicks;
    if (bucket !== undefined) bucket.isUsed = true;
    if (excess > 0) return this.#refusal(excess, cost);
    if (!takes) return granted;
    if (bucket !== undefined) bucket.emptyAt = next;
    else if (next > now) this.#keep(key, next, now);
    return granted;
  }

  #refusal(excess: number, cost: number): RateAnswer {
    const retryAfterMs = cost > this.#rate.burst ? Infinity : Math.ceil(excess / this.#rate.amount);
    return { granted: false, retryAfterMs };
  }

  /** Each newcomer looks at two, so that what is kept shrinks when the traffic does. */
  #keep(key: string, emptyAt: number, now: number): void {
    for (let left = 2; left > 0; left -= 1) this.#lookAtHead(now);
    if (this.#buckets.size >= this.#keysMax) this.#makeRoom();
    const bucket: Bucket = { key, emptyAt, isUsed: false, next: null };
    this.#append(bucket);
    this.#buckets.set(key, bucket);
  }

  #lookAtHead(now: number): void {
    const head = this.#head;
    if (head === null) return;
    if (head.emptyAt <= now) this.#letGo(head);
    else if (head.isUsed) this.#spare(head);
  }

  #makeRoom(): void {
    for (let left = sparedMax; left > 0 && this.#head?.isUsed === true; left -= 1) this.#spare(this.#head);
    if (this.#head === null) return;
    this.#floor = Math.max(this.#floor, this.#head.emptyAt);
    this.#letGo(this.#head);
  }

  #letGo(head: Bucket): void {
    this.#head = head.next;
    if (head.next === null) this.#tail = null;
    this.#buckets.delete(head.key);
  }

  #spare(head: Bucket): void {
    const it = head;
    it.isUsed = false;
    if (it.next === null) return;
    this.#head = it.next;
    it.next = null;
    this.#append(it);
  }

  #append(bucket: Bucket): void {
    if (this.#tail === null) this.#head = bucket;
    else this.#tail.next = bucket;
    this.#tail = bucket;
  }
}
