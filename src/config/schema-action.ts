/**
 * The schema of a route's `action`.
 *
 * Decides: the form of each option of forward and block, and which options belong to later parts. Whether they fit each
 * other and the match is decided by `check-action.ts` and `check-upstream.ts`.
 * Read first: `schema-answer.ts` for the other types, `schema-target.ts` for places to connect to.
 */
import { z } from 'zod';

import { answerShape } from './schema-answer.ts';
import { dialerSchema } from './schema-dialer.ts';
import { sendProxySchema } from './schema-proxy-header.ts';
import { rewriteSchema } from './schema-rewrite.ts';
import { securitySchema } from './schema-security.ts';
import { listedTargetSchema, targetSchema } from './schema-target.ts';
import { tlsSchema } from './schema-tls.ts';
import { duration, label, oneOrMany, toggle } from './schema-values.ts';

const actionTypes = ['forward', 'redirect', 'respond', 'block', 'handler', 'socket-handler'] as const;

const engine = z
  .enum(['node'], { error: ({ input }) => (input === 'nftables' ? 'engine nftables is not built yet' : 'node') })
  .meta({ description: 'Who moves the bytes. Default: node.' })
  .optional();

const websocket = z.strictObject(
  {
    ping: duration({ infinite: false, zero: false, trueMs: null })
      .meta({
        description:
          'The silence after which the client of a WebSocket is pinged; at most half of idle, which ends one that does not answer. Default: never.',
      })
      .optional(),
  },
  { error: 'an object, such as { ping: 30s }' },
);

export const actionSchema = z.strictObject(
  {
    type: z.enum(actionTypes, { error: 'forward, redirect, respond, block or handler' }).meta({
      description:
        'forward: connect to a target and carry bytes or requests. redirect, respond: answer HTTP requests. block: let the client go. handler: a function of yours (socket-handler is accepted too).',
    }),
    target: targetSchema
      .meta({ description: 'Where to connect to: { host, port } or { unix }; in code also (context) => target.' })
      .optional(),
    targets: oneOrMany(listedTargetSchema, 'a list of { host, port } or { unix }')
      .meta({ description: 'Several places, taken in turn.' })
      .optional(),
    how: z
      .enum(['reset', 'fin', 'reply'], { error: 'reset, fin or reply' })
      .meta({
        description:
          "block only. reset: RST. fin: FIN. reply: the refusal of the client's own protocol, then FIN. Default: reset.",
      })
      .optional(),
    engine,
    forwardingEngine: engine,
    tls: tlsSchema.meta({ description: 'As tls of the route, never both.' }).optional(),
    security: securitySchema.meta({ description: 'As security of the route, never both.' }).optional(),
    pool: label('the name of a pool').meta({ description: 'A pool of `pools`, instead of target.' }).optional(),
    dialer: dialerSchema
      .meta({ description: 'How the target is reached; a pool has its own. Default: { type: direct }.' })
      .optional(),
    upstreamProtocol: z
      .enum(['http1', 'h2'], { error: 'http1 or h2' })
      .meta({
        description:
          'forward: what HTTP requests are sent to the upstream in. Default: http1, and h2 where protocol is h2c.',
      })
      .optional(),
    websocket: websocket.meta({ description: 'forward: what is done for WebSockets.' }).optional(),
    sendProxyProtocol: sendProxySchema
      .meta({ description: 'The PROXY header that an upstream sees first; true is v1. Default: false.' })
      .optional(),
    preserveSourceIP: toggle()
      .meta({ description: 'true: upstreams see the address of the client as the source (Linux). Default: false.' })
      .optional(),
    rewrite: rewriteSchema.meta({ description: 'What of a request and its response is changed.' }).optional(),
    ...answerShape,
  },
  { error: 'an object, such as { type: forward, target: { host: 127.0.0.1, port: 3000 } }' },
);

export type ActionInput = z.output<typeof actionSchema>;
