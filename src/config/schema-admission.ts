/**
 * The schema of caps, rates and queues: what the proxy, a listener, a route and a pool have of each.
 *
 * Decides: the form of each, and that only a route counts requests, because only there it is known what a request is.
 * Whether there is anything to wait for is decided by `check-admission.ts`.
 * Read first: `../routing/plan.ts` (AdmissionPlan), `../routing/rate.ts`.
 */
import { z } from 'zod';

import { duration, refused, wholeNumber } from './schema-values.ts';

/** Who waits holds a socket, so that a queue is no place to keep the world in. */
const waitersMax = 65_536;
/** A rate counts in ticks of a millisecond divided by this; with more of them they would not be exact. */
const amountMax = 1_000_000;

/** A queue, or a waiting room. */
export const queueSchema = z.strictObject(
  {
    size: wholeNumber(0, waitersMax, `a number from 0 to ${waitersMax}`).meta({
      description: 'How many may wait for a place; 0: refused at once.',
    }),
  },
  { error: 'an object { size: 100 }' },
);

/** A cap; 0 refuses all. */
export function cap(description: string) {
  return wholeNumber(0, 1_000_000_000, 'a number of connections, 0 or more').meta({ description }).optional();
}

const amount = wholeNumber(1, amountMax, `a whole number from 1 to ${amountMax}`);

/** @param together what everybody who comes that way is counted as, where they are not counted one by one. */
export function rateLimitSchema(together: 'route' | 'listener' | 'proxy') {
  return z.strictObject(
    {
      connections: amount.meta({ description: 'So many connections may begin in each `per`.' }).optional(),
      requests:
        together === 'route'
          ? amount.meta({ description: 'So many requests may begin in each `per`; HTTP only.' }).optional()
          : refused('requests cannot be enforced here: what a request is, is known on a route; set it in its security'),
      per: duration({ infinite: false, zero: false, trueMs: null }).meta({ description: 'Default: 1s.' }).optional(),
      by: z
        .enum(['ip', together], { error: `ip or ${together}` })
        .meta({ description: `For each client (IPv6: each /64), or for the ${together} as a whole. Default: ip.` })
        .optional(),
      burst: amount
        .meta({ description: 'So many at once after a pause. Default: what may begin in each `per`.' })
        .optional(),
    },
    { error: 'an object, such as { connections: 100, per: 1s, by: ip }' },
  );
}
