/**
 * The schema of one route.
 *
 * Read first: `schema-match.ts` and `schema-action.ts`.
 */
import { z } from 'zod';

import { actionSchema } from './schema-action.ts';
import { queueSchema } from './schema-admission.ts';
import { matchSchema } from './schema-match.ts';
import { securitySchema } from './schema-security.ts';
import { tlsSchema } from './schema-tls.ts';
import { timeoutsSchema } from './schema-timeouts.ts';
import { label, notBuilt, oneOrMany, toggle, wholeNumber } from './schema-values.ts';

export const interpreterSchema = z.enum(['compiled', 'xstate'], { error: 'compiled or xstate' }).meta({
  description: 'How the chart of a connection is run: as a compiled table, or as an XState actor. Default: compiled.',
});

const routeShape = {
  name: label('a name').meta({ description: 'Unique; shown in logs, metrics and explanations.' }),
  description: z.string({ error: 'text' }).optional(),
  tags: oneOrMany(label('a tag'), 'a tag or a list of them').optional(),
  enabled: toggle()
    .meta({ description: 'false: what the route matches is refused (refused.protocol). Default: true.' })
    .optional(),
  match: matchSchema,
  priority: wholeNumber(-1_000_000_000, 1_000_000_000, 'a whole number')
    .meta({ description: 'Higher first; then specificity; then order. Default: 0.' })
    .optional(),
  action: actionSchema,
  tls: tlsSchema.meta({ description: 'Also accepted as action.tls, never both.' }).optional(),
  security: securitySchema
    .meta({ description: 'Who may pass. Also accepted as action.security, never both.' })
    .optional(),
  timeouts: timeoutsSchema('route').optional(),
  queue: queueSchema
    .meta({ description: 'Who waits at maxConnections of security, for `queue` at most. Default: nobody.' })
    .optional(),
  onReload: notBuilt('onReload'),
  interpreter: interpreterSchema.optional(),
  keepHalfOpen: toggle()
    .meta({
      description:
        'true: a client that sent FIN and nothing else before the dial completed is still connected. Default: false.',
    })
    .optional(),
};

export const routeSchema = z.strictObject(routeShape, { error: 'an object with name, match and action' });

/** What is left of a route when its wrong parts are taken out, for the checks that look at several parts at once. */
export const routeDraftSchema = z
  .strictObject({
    ...routeShape,
    match: matchSchema.partial(),
    action: actionSchema.partial(),
    tls: tlsSchema.partial().optional(),
  })
  .partial();

export type RouteInput = z.output<typeof routeSchema>;
export type RouteDraft = z.output<typeof routeDraftSchema>;
