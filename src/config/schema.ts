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
import { interpreterSchema, routeSchema } from './schema-route.ts';
import { timeoutsSchema } from './schema-timeouts.ts';
import { count, duration, label, notBuilt, offUntilBuilt, toggle } from './schema-values.ts';

type Asked = { readonly input: unknown };

const noWaitingRoom = z
  .strictObject(
    {
      size: z.literal([0, '0'], {
        error: ({ input }: Asked) => (isSize(input) ? 'a waiting room is not built yet' : '0'),
      }),
    },
    { error: 'an object { size: 0 }' },
  )
  .optional();

function isSize(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value));
}

const listenerSchema = z.strictObject(
  {
    host: label('an address to bind')
      .meta({ description: 'The address to bind. Default: ::, which is IPv4 too.' })
      .optional(),
    maxConnections: count()
      .meta({ description: 'Connections at once on this listener; 0 refuses all. Default: only the global cap.' })
      .optional(),
    timeouts: timeoutsSchema('listener').optional(),
    acceptProxyProtocol: offUntilBuilt('acceptProxyProtocol'),
    waitingRoom: noWaitingRoom,
  },
  { error: 'an object, such as { host: "127.0.0.1", maxConnections: 5000 }' },
);

const listenerKey = z.string().regex(/^(?:0|[1-9]\d{0,4})$/, { error: 'a port of a route' });

const limitsSchema = z.strictObject(
  {
    maxConnections: count()
      .meta({ description: 'Connections at once in the whole proxy; 0 refuses all. Default: 10000.' })
      .optional(),
    maxHoldTime: duration({ infinite: false, zero: false, trueMs: null })
      .meta({
        description: 'The longest a silent peer may hold a slot; a route that allows more is an error. Default: off.',
      })
      .optional(),
    maxConnectionsPerIp: notBuilt('limits.maxConnectionsPerIp'),
    rateLimit: notBuilt('limits.rateLimit'),
    waitingRoom: noWaitingRoom,
  },
  { error: 'an object, such as { maxConnections: 10000 }' },
);

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
  [address.transform((one) => [one]), z.array(address, { error: addressExpected }).readonly()],
  { error: addressExpected },
);

const sections = {
  $schema: z.string({ error: 'text' }).meta({ description: 'For editors; not read.' }).optional(),
  listeners: z.record(listenerKey, listenerSchema, { error: 'an object whose keys are ports' }).optional(),
  limits: limitsSchema.optional(),
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
  pools: notBuilt('pools'),
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
    routes: z.array(routeSchema, { error: 'a list of routes' }).min(1, { error: 'at least one route' }).readonly(),
    ...sections,
  },
  rootError,
);

/** A configuration without its routes, for checking what is left when some parts are wrong. */
export const sectionsSchema = z.strictObject(sections, rootError);

export type ConfigInput = z.output<typeof configSchema>;
export type Sections = z.output<typeof sectionsSchema>;
