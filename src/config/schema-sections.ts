/**
 * The schema of what counts for many connections at once: `limits`, `listeners` and `defaults`.
 *
 * Decides: the form of each. Whether a port has a route is decided by `check-routes.ts`, whether there is anything to wait
 * for by `check-admission.ts`. Read first: `schema-admission.ts`, `schema-proxy-header.ts`.
 */
import { z } from 'zod';

import { cap, queueSchema, rateLimitSchema } from './schema-admission.ts';
import { address, addressExpected } from './schema-match.ts';
import { acceptProxySchema } from './schema-proxy-header.ts';
import { timeoutsSchema } from './schema-timeouts.ts';
import { count, duration, label, oneOrMany } from './schema-values.ts';

const perIp = 'Connections at once of each client (IPv6: of each /64). Default: off.';

const listenerSchema = z.strictObject(
  {
    host: label('an address to bind')
      .meta({ description: 'The address to bind. Default: ::, which is IPv4 too.' })
      .optional(),
    maxConnections: count()
      .meta({ description: 'Connections at once on this listener; 0 refuses all. Default: only the global cap.' })
      .optional(),
    maxConnectionsPerIp: cap(perIp),
    rateLimit: rateLimitSchema('listener')
      .meta({ description: 'How many connections may begin in a time. Default: off.' })
      .optional(),
    waitingRoom: queueSchema
      .meta({ description: 'Who waits at the cap, for `admission`. Default: nobody.' })
      .optional(),
    timeouts: timeoutsSchema('listener').optional(),
    acceptProxyProtocol: acceptProxySchema
      .meta({ description: 'Whose PROXY headers are believed; true: everybody must send one. Default: false.' })
      .optional(),
  },
  { error: 'an object, such as { host: "127.0.0.1", maxConnections: 5000 }' },
);

const listenerKey = z.string().regex(/^(?:0|[1-9]\d{0,4})$/, { error: 'a port of a route' });

export const listenersSchema = z.record(listenerKey, listenerSchema, { error: 'an object whose keys are ports' });

export const limitsSchema = z.strictObject(
  {
    maxConnections: count()
      .meta({ description: 'Connections at once in the whole proxy; 0 refuses all. Default: 10000.' })
      .optional(),
    maxHoldTime: duration({ infinite: false, zero: false, trueMs: null })
      .meta({
        description: 'The longest a silent peer may hold a slot; a route that allows more is an error. Default: off.',
      })
      .optional(),
    maxConnectionsPerIp: cap(perIp),
    rateLimit: rateLimitSchema('proxy')
      .meta({ description: 'How many connections may begin in a time. Default: off.' })
      .optional(),
    waitingRoom: queueSchema
      .meta({ description: 'Who waits at the cap, for `admission`. Default: nobody.' })
      .optional(),
  },
  { error: 'an object, such as { maxConnections: 10000 }' },
);

export const defaultsSchema = z.strictObject(
  {
    ipAllowList: oneOrMany(address, addressExpected)
      .meta({ description: 'For every route without an ipAllowList of its own.' })
      .optional(),
    ipBlockList: oneOrMany(address, addressExpected)
      .meta({ description: 'For every route without an ipBlockList of its own.' })
      .optional(),
  },
  { error: 'an object, such as { ipAllowList: [10.0.0.0/8] }' },
);
