/**
 * The schema of a route's `action`.
 *
 * Decides: the form of each option of forward and block, and which options belong to later parts. Whether they fit each
 * other and the match is decided by `check-action.ts`. Read first: `schema-answer.ts` for the other types.
 */
import { z } from 'zod';

import { answerShape } from './schema-answer.ts';
import { targetMatchSchema } from './schema-http-match.ts';
import { rewriteSchema } from './schema-rewrite.ts';
import { securitySchema } from './schema-security.ts';
import { tlsSchema } from './schema-tls.ts';
import { duration, notBuilt, offUntilBuilt, oneOrMany, wholeNumber } from './schema-values.ts';

type Asked = { readonly input: unknown };

const hostExpected = 'a host name or an address, without port and scheme';
const host = z
  .string({
    error: ({ input }: Asked) =>
      typeof input === 'function' ? 'a target host that is a function is not built yet' : hostExpected,
  })
  .transform((text, context) => {
    const bare = /^\[(.*)\]$/.exec(text.trim())?.[1] ?? text.trim();
    if (isHost(bare)) return bare;
    context.addIssue({
      code: 'custom',
      message: 'this is not a host',
      params: { expected: hostExpected, suggestion: splitTarget(bare) },
    });
    return z.NEVER;
  });

const targetPort = wholeNumber(1, 65_535, 'a port, 1 to 65535');
const targetPortOrLater = z.union(
  [
    targetPort,
    z.literal('preserve').transform((_, context) => {
      context.addIssue({ code: 'custom', message: 'port: preserve is not built yet', params: {} });
      return z.NEVER;
    }),
  ],
  {
    error: ({ input }: Asked) =>
      typeof input === 'function' ? 'a target port that is a function is not built yet' : 'a port, 1 to 65535',
  },
);

function targetError({ input }: Asked): string {
  if (typeof input === 'function') return 'a target function is not built yet';
  return 'an object { host, port }';
}

const targetShape = { host, port: targetPortOrLater, unix: notBuilt('a UNIX socket as a target') };
const target = z.strictObject(targetShape, { error: targetError });
const targetInList = z.strictObject(
  {
    ...targetShape,
    match: targetMatchSchema
      .meta({ description: 'The requests this target takes; HTTP only. Default: all.' })
      .optional(),
  },
  { error: targetError },
);

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
    target: target.meta({ description: 'Where to connect to.' }).optional(),
    targets: oneOrMany(targetInList, 'a list of { host, port }')
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
    pool: notBuilt('action.pool'),
    dialer: notBuilt('action.dialer'),
    upstreamProtocol: z
      .enum(['http1', 'h2'], { error: 'http1 or h2' })
      .meta({
        description:
          'forward: what HTTP requests are sent to the upstream in. Default: http1, and h2 where protocol is h2c.',
      })
      .optional(),
    websocket: websocket.meta({ description: 'forward: what is done for WebSockets.' }).optional(),
    sendProxyProtocol: offUntilBuilt('action.sendProxyProtocol'),
    preserveSourceIP: offUntilBuilt('action.preserveSourceIP'),
    rewrite: rewriteSchema.meta({ description: 'What of a request and its response is changed.' }).optional(),
    ...answerShape,
  },
  { error: 'an object, such as { type: forward, target: { host: 127.0.0.1, port: 3000 } }' },
);

export type ActionInput = z.output<typeof actionSchema>;

/** A name of letters, digits, dots and hyphens, or an address; colons only as IPv6 has them. */
function isHost(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false;
  return text.includes(':')
    ? /^[\da-f:.]+(%[\w.-]+)?$/i.test(text) && text.split(':').length > 2
    : /^[\p{L}\d_]([\p{L}\d_.-]*[\p{L}\d_.])?$/u.test(text);
}

/** `http://127.0.0.1:3000` and `127.0.0.1:3000` as a target. */
function splitTarget(text: string): string | null {
  const [, name, port] = /^(?:[a-z]+:\/\/)?([^\s/:]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  if (name === undefined || !isHost(name)) return null;
  return port === undefined ? `host: ${name}` : `{ host: ${name}, port: ${port} }`;
}
