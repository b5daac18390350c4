/**
 * The schema of `action.rewrite`.
 *
 * Decides: the form of each part. What a template may hold is decided by `routing/rewrite.ts`, together with `match.path`.
 */
import { z } from 'zod';

import { parsePathPattern } from '../routing/match-path.ts';
import { fieldRewriteSchema } from './schema-fields.ts';

const prefixExpected = 'the beginning of a path, such as /v1';
const stripPrefix = z.string({ error: prefixExpected }).transform((text, context) => {
  const bare = text.length > 1 && text.endsWith('/') ? text.slice(0, -1) : text;
  const isPath = /^(?:\/[^/?#*:\s]+)+$/.test(bare) && parsePathPattern(bare) === null;
  if (isPath) return bare;
  context.addIssue({
    code: 'custom',
    message: 'this is not the beginning of a path',
    params: { expected: prefixExpected },
  });
  return z.NEVER;
});

const templateExpected = 'a path such as /users/:id or /files/*';
const pathTemplate = z.string({ error: templateExpected }).min(1, { error: templateExpected });

export const rewriteSchema = z.strictObject(
  {
    stripPrefix: stripPrefix
      .meta({ description: 'Taken off the front of the path, where it stands there as whole segments.' })
      .optional(),
    path: pathTemplate
      .meta({ description: 'The whole path: :params of match.path, and * for what its * took. The query is kept.' })
      .optional(),
    headers: fieldRewriteSchema('setRequest')
      .meta({ description: 'Header fields of the request; set.host rewrites the authority.' })
      .optional(),
    response: z
      .strictObject(
        { headers: fieldRewriteSchema('setResponse').optional() },
        { error: 'an object { headers: { set, remove } }' },
      )
      .meta({ description: 'Header fields of the response.' })
      .optional(),
  },
  { error: 'an object, such as { stripPrefix: /v1 }' },
);

export type RewriteInput = z.output<typeof rewriteSchema>;
