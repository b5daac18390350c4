/**
 * The schema of `pools`: endpoints, how one of them is chosen, and how they are looked after.
 *
 * Decides: the form of each option. Which of them fit together is decided by `check-pool.ts`, whether the routes that use a
 * pool have what it asks for by `check-upstream.ts`. Read first: `../routing/pool-plan.ts`.
 */
import { z } from 'zod';

import type { HashKey } from '../routing/pool-plan.ts';
import { hashExpected, readHashKey } from './hash-by.ts';
import { queueSchema } from './schema-admission.ts';
import { dialerSchema } from './schema-dialer.ts';
import { healthSchema } from './schema-health.ts';
import { hostSchema, portSchema, unixSchema } from './schema-target.ts';
import { duration, listOf, wholeNumber } from './schema-values.ts';

/** More are looked through at every dial than anybody wants to wait for. */
const endpointsMax = 1_024;
const retriesMax = 100;

const time = duration({ infinite: false, zero: false, trueMs: null });

const endpointExpected = 'an object { host, port }, { srv } or { unix }';
const endpointSchema = z.strictObject(
  {
    host: hostSchema
      .meta({ description: 'A name, which stands for as many endpoints as it has addresses; or an address.' })
      .optional(),
    port: portSchema.optional(),
    srv: hostSchema
      .meta({ description: 'A name with SRV records, which say host, port and weight: _mysql._tcp.example.internal' })
      .optional(),
    unix: unixSchema.meta({ description: 'The path of a UNIX socket.' }).optional(),
    weight: wholeNumber(1, 65_535, 'a whole number from 1 to 65535')
      .meta({ description: 'Twice the weight is twice the connections. Default: 1.' })
      .optional(),
    maxConnections: wholeNumber(0, 1_000_000_000, 'a number of connections, 0 or more')
      .meta({ description: 'Connections (HTTP: exchanges) at once; 0: none. Default: no cap.' })
      .optional(),
  },
  { error: endpointExpected },
);

const breakerExpected = 'false, or an object, such as { failures: 5, openFor: 10s }';
const breakerSchema = z.strictObject(
  {
    failures: wholeNumber(1, 1_000, 'a whole number from 1 to 1000')
      .meta({ description: 'So many failed dials in a row take an endpoint out. Default: 5.' })
      .optional(),
    openFor: time.meta({ description: 'For how long, the first time; then twice as long. Default: 10s.' }).optional(),
    openForMax: time
      .meta({ description: 'The longest. Default: ten times openFor, but at most 5m, and at least openFor.' })
      .optional(),
  },
  { error: breakerExpected },
);

const hashBy = z.string({ error: hashExpected }).transform((text, context): HashKey => {
  const read = readHashKey(text);
  if (read.ok) return read.key;
  const params = { expected: hashExpected, suggestion: read.suggestion };
  context.addIssue({ code: 'custom', message: read.message, params });
  return z.NEVER;
});

const endpointsExpected = 'a list of { host, port }, { srv } or { unix }';

const poolSchema = z.strictObject(
  {
    endpoints: listOf(
      z
        .array(endpointSchema, { error: endpointsExpected })
        .min(1, { error: `${endpointsExpected}, at least one` })
        .max(endpointsMax, { error: `${endpointsExpected}, at most ${endpointsMax}` }),
    ).meta({ description: 'Where connections and requests may go.' }),
    balance: z
      .enum(['round-robin', 'least-connections', 'random-two', 'hash'], {
        error: 'round-robin, least-connections, random-two or hash',
      })
      .meta({ description: 'How one of them is chosen. Default: round-robin.' })
      .optional(),
    hashBy: hashBy
      .meta({ description: `balance hash: what leads to the same endpoint again: ${hashExpected}. Default: ip.` })
      .optional(),
    health: healthSchema.meta({ description: 'Active checks. Default: none; dials alone tell.' }).optional(),
    breaker: z
      .union([z.literal([false, 'false']).transform((): false => false), breakerSchema], { error: breakerExpected })
      .meta({
        description:
          'Takes out an endpoint that cannot be dialled. Default: {} where there are several endpoints, else false.',
      })
      .optional(),
    slowStart: time
      .meta({ description: 'How long the weight of an endpoint grows after it came up. Default: it counts at once.' })
      .optional(),
    drain: time
      .meta({
        description:
          'How long the connections of an endpoint may last once it is wanted no more. Default: as long as they like.',
      })
      .optional(),
    retries: wholeNumber(0, retriesMax, `a whole number from 0 to ${retriesMax}`)
      .meta({
        description:
          'Other endpoints that a failed dial goes on to, within dialBudget. Default: 1 where there are several.',
      })
      .optional(),
    onEndpointDown: z
      .enum(['keep', 'drain', 'kill'], { error: 'keep, drain or kill' })
      .meta({ description: 'What becomes of the connections of an endpoint whose checks fail. Default: keep.' })
      .optional(),
    queue: queueSchema
      .meta({ description: 'Who waits where every endpoint is at its cap. Default: nobody.' })
      .optional(),
    dialer: dialerSchema.meta({ description: 'How the endpoints are reached. Default: { type: direct }.' }).optional(),
  },
  { error: 'an object, such as { endpoints: [{ host: 127.0.0.1, port: 3000 }] }' },
);

const poolNameExpected = 'a name of letters, digits, dots, hyphens and underscores';
/** A name that environment variables can have, too. */
export const poolsSchema = z.record(
  z.string().regex(/^[A-Za-z\d][\w.-]{0,127}$/, { error: poolNameExpected }),
  poolSchema,
  { error: 'an object of pools, such as { db: { endpoints: [{ host: 127.0.0.1, port: 5432 }] } }' },
);

export type PoolInput = z.output<typeof poolSchema>;
export type EndpointInput = PoolInput['endpoints'][number];
