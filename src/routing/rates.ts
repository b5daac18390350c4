/**
 * The rates of one place (the proxy, a listener, a route), and rates of several places taken together: all or none.
 *
 * Decides whether all that have a say grant one more; where one does not, nobody is charged, and the answer says when all
 * of them would. Must never do: read a clock. Read first: `rate.ts`.
 */
import { type BucketLimiter, rateKeyOf, rateLimiter, type RateAnswer, type RatePlan } from './rate.ts';

/** What one more costs at one limiter. */
export interface Charge {
  readonly limiter: BucketLimiter;
  readonly key: string;
}

export class Rates {
  readonly #rates: readonly { readonly plan: RatePlan; readonly limiter: BucketLimiter }[];

  constructor(plans: readonly RatePlan[]) {
    this.#rates = plans.map((plan) => ({ plan, limiter: rateLimiter(plan) }));
  }

  /** @param units what one more is counted as. @param ip '' where there is no address, which no rate by address counts. */
  chargesFor(units: readonly RatePlan['unit'][], ip: string): readonly Charge[] {
    if (this.#rates.length === 0) return nothing;
    return this.#rates
      .filter(({ plan: { unit, by } }) => units.includes(unit) && (by !== 'ip' || ip !== ''))
      .map(({ plan, limiter }) => ({ limiter, key: rateKeyOf(plan.by, ip) }));
  }
}

const nothing: readonly Charge[] = [];
const granted: RateAnswer = { granted: true };

/** Whether all would grant; nobody is charged. */
export function askTogether(charges: readonly Charge[], nowMs: number): RateAnswer {
  let retryAfterMs = 0;
  for (const { limiter, key } of charges) {
    const answer = limiter.ask(key, nowMs);
    if (!answer.granted) retryAfterMs = Math.max(retryAfterMs, answer.retryAfterMs);
  }
  return retryAfterMs === 0 ? granted : { granted: false, retryAfterMs };
}

/** Each limiter stands there once. */
export function takeTogether(charges: readonly Charge[], nowMs: number): RateAnswer {
  const answer = askTogether(charges, nowMs);
  if (answer.granted) for (const { limiter, key } of charges) limiter.take(key, nowMs);
  return answer;
}
