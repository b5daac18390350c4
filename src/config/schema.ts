/**
 * The schema of a whole configuration: every key of the language, built or not.
 *
 * Decides: the form of each value, its unit and its default in words. An unknown key is refused, and so is a key that
 * belongs to a later part; nothing is ignored. What takes more than one value to judge is in the `check-*.ts` files.
 * Read first: `schema-values.ts` for the conventions.
 */
import { z } from 'zod';

import type { Detect } from '../protocols/detector.ts';
import { acmeSchema } from './schema-acme.ts';
import { address, addressExpected } from './schema-match.ts';
import { poolsSchema } from './schema-pool.ts';
import { interpreterSchema, routeSchema } from './schema-route.ts';
import { defaultsSchema, limitsSchema, listenersSchema } from './schema-sections.ts';
import { timeoutsSchema } from './schema-timeouts.ts';
import { count, listOf, toggle } from './schema-values.ts';

type Asked = { readonly input: unknown };

function isSize(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value));
}

const detect = z.custom<Detect>((value) => typeof value === 'function', { error: 'a function' });
const detectorsError = 'false to switch a built-in detector off; in code also a function (prefix, ended) => detection';
const detectorsSchema = z.record(
  z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, { error: 'a name of lower-case letters, digits and hyphens' }),
  z.union([toggle(), detect], { error: detectorsError }),
  { error: 'an object of detectors, such as { redis: false }' },
);

const storeExpected = 'text such as file:./.sallyport';
const fraction = z.union([z.number().min(0).max(1), z.string().regex(/^(?:0(?:\.\d{1,9})?|1(?:\.0{1,9})?)$/)], {
  error: 'a number from 0 to 1',
});

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;

/** Nobody may be said, too. */
const trustedProxiesSchema = z.union(
  [address.transform((one) => [one]), listOf(z.array(address, { error: addressExpected }))],
  { error: addressExpected },
);

const sections = {
  $schema: z.string({ error: 'text' }).meta({ description: 'For editors; not read.' }).optional(),
  listeners: listenersSchema.optional(),
  limits: limitsSchema.optional(),
  defaults: defaultsSchema.meta({ description: 'What routes have that do not say otherwise, key by key.' }).optional(),
  timeouts: timeoutsSchema('proxy')
    .meta({ description: 'Deadlines of every route that does not set its own.' })
    .optional(),
  detectors: detectorsSchema.optional(),
  interpreter: interpreterSchema.optional(),
  log: z
    .strictObject(
      {
        level: z
          .enum(logLevels, { error: logLevels.join(', ') })
          .meta({ description: 'Default: info.' })
          .optional(),
      },
      { error: 'an object, such as { level: info }' },
    )
    .optional(),
  workers: z
    .literal([1, '1'], {
      error: ({ input }: Asked) =>
        input === 'auto' || isSize(input) ? `workers: ${String(input)} is not built yet` : '1',
    })
    .optional(),
  store: z
    .string({ error: storeExpected })
    .regex(/^file:./, {
      error: ({ input }: Asked) =>
        typeof input === 'string' && /^rediss?:/.test(input) ? 'a Redis store is not built yet' : storeExpected,
    })
    .meta({
      description: 'Where accounts and certificates are kept. Default: file:./.sallyport, beside the configuration.',
    })
    .optional(),
  admin: z
    .strictObject(
      {
        listen: z.string({ error: 'unix:/path or host:port' }).optional(),
        token: z.string({ error: 'text' }).optional(),
      },
      { error: 'an object, such as { listen: "unix:./sallyport.sock" }' },
    )
    .optional(),
  trace: z
    .strictObject(
      { sample: fraction.optional(), keep: count().optional() },
      { error: 'an object, such as { sample: 0, keep: 1000 }' },
    )
    .optional(),
  pools: poolsSchema.meta({ description: 'Endpoints that routes share, by name.' }).optional(),
  trustedProxies: trustedProxiesSchema
    .meta({ description: 'Proxies in front of this one, whose X-Forwarded-* and Forwarded fields are believed.' })
    .optional(),
  acme: acmeSchema
    .meta({ description: 'How certificates are ordered for routes of certificate: auto; a route may say otherwise.' })
    .optional(),
};

const rootError = { error: 'an object with routes' };

export const configSchema = z.strictObject(
  {
    routes: listOf(z.array(routeSchema, { error: 'a list of routes' }).min(1, { error: 'at least one route' })),
    ...sections,
  },
  rootError,
);

/** A configuration without its routes, for checking what is left when some parts are wrong. */
export const sectionsSchema = z.strictObject(sections, rootError);

export type ConfigInput = z.output<typeof configSchema>;
export type Sections = z.output<typeof sectionsSchema>;
