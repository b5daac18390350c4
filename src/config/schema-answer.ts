/**
 * The schema of what a route does itself: redirect, respond, handler.
 *
 * Decides: the form of each option. Which of them belong to which type is decided by `check-action.ts`; what a
 * template may hold, by `routing/rewrite.ts`.
 */
import { z } from 'zod';

import type { FetchHandler, NodeHandler, SocketHandler } from '../routing/http-plan.ts';
import { fieldsSchema } from './schema-fields.ts';
import { wholeNumber } from './schema-values.ts';

export const redirectStatuses = [301, 302, 303, 307, 308] as const;

/** Statuses whose responses have no content (RFC 9110 §15.3.5, §15.3.6, §15.4.5). */
export const bodylessStatuses: ReadonlySet<number> = new Set([204, 205, 304]);

const toExpected = 'a URL or a path; {scheme}, {host}, {port}, {path}, {query} and {param:name} are replaced';
const to = z.string({ error: toExpected }).min(1, { error: toExpected });

const functionsInCode = 'is a function, so it can stand in a configuration in TypeScript or JavaScript only';

const socketHandler = z.custom<SocketHandler>((value) => typeof value === 'function', {
  error: `a socket handler ${functionsInCode}`,
  params: { expected: '(socket, context) => …' },
});

const nodeOrFetch = z.custom<NodeHandler | FetchHandler>((value) => typeof value === 'function', {
  error: `an HTTP handler ${functionsInCode}`,
  params: { expected: '(request, response) => …, (request) => Response, or { fetch: (request, context) => Response }' },
});
const fetchOnly = z.custom<FetchHandler>((value) => typeof value === 'function', {
  error: `an HTTP handler ${functionsInCode}`,
  params: { expected: '(request, context) => Response' },
});
const httpHandler = z.union([z.strictObject({ fetch: fetchOnly }, { error: 'an object { fetch }' }), nodeOrFetch]);

export const answerShape = {
  to: to
    .meta({ description: 'redirect: where to. {scheme}, {host}, {port}, {path}, {query}, {param:name} are replaced.' })
    .optional(),
  status: wholeNumber(200, 599, 'a status, 200 to 599')
    .meta({ description: 'respond: the status, 200 by default. redirect: 301, 302, 303, 307 or 308, 308 by default.' })
    .optional(),
  body: z.string({ error: 'text' }).meta({ description: 'respond: the body. Default: empty.' }).optional(),
  headers: fieldsSchema('setResponse')
    .meta({ description: 'respond: header fields. content-type is text/plain; charset=utf-8 unless set.' })
    .optional(),
  socketHandler: socketHandler
    .meta({ description: 'handler, in code only: gets the client’s stream with every byte unread.' })
    .optional(),
  httpHandler: httpHandler.meta({ description: 'handler, in code only: answers HTTP requests.' }).optional(),
  handler: socketHandler
    .meta({ description: 'An older name of socketHandler; with type socket-handler only.' })
    .optional(),
};
