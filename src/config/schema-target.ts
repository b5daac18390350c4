/**
 * The schema of places to connect to: a host and a port, or the path of a UNIX socket; in code also a function.
 *
 * Decides: the form of each part. Which parts go together is decided by `check-upstream.ts`, so that all that is missing is
 * told at once. Read first: `../routing/plan.ts` (Target).
 */
import { z } from 'zod';

import type { TargetFunction } from '../routing/pool-plan.ts';
import { targetMatchSchema } from './schema-http-match.ts';
import { wholeNumber } from './schema-values.ts';

type Asked = { readonly input: unknown };

const functionsInstead = 'the whole target is a function: target: (context) => ({ host, port })';

const hostExpected = 'a host name or an address, without port and scheme';
export const hostSchema = z
  .string({ error: ({ input }: Asked) => (typeof input === 'function' ? `text; ${functionsInstead}` : hostExpected) })
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

const portExpected = 'a port, 1 to 65535';
export const portSchema = wholeNumber(1, 65_535, portExpected);

/** The port that the client came to. */
const preserved = 0;
const portOrPreserve = z.union([portSchema, z.literal('preserve').transform((): number => preserved)], {
  error: ({ input }: Asked) =>
    typeof input === 'function' ? `${portExpected}, or preserve; ${functionsInstead}` : `${portExpected}, or preserve`,
});

/** What a socket's address has room for on Linux (unix(7)), its terminating zero apart. */
const unixPathBytesMax = 107;

const unixExpected = 'the path of a UNIX socket';
export const unixSchema = z.string({ error: unixExpected }).transform((text, context) => {
  const path = text.trim().replace(/^unix:/, '');
  const isLong = new TextEncoder().encode(path).length > unixPathBytesMax;
  if (path !== '' && !/\p{Cc}/u.test(path) && !isLong) return path;
  const message = isLong ? `a socket's path has at most ${unixPathBytesMax} bytes` : 'this is not a path';
  context.addIssue({ code: 'custom', message, params: { expected: unixExpected } });
  return z.NEVER;
});

const targetShape = {
  host: hostSchema.meta({ description: 'A host name, or an address without brackets.' }).optional(),
  port: portOrPreserve.meta({ description: '1 to 65535, or preserve: the port that the client came to.' }).optional(),
  unix: unixSchema.meta({ description: 'The path of a UNIX socket, instead of host and port.' }).optional(),
};

const targetExpected = 'an object { host, port } or { unix }';
const targetFunction = z.custom<TargetFunction>((value) => typeof value === 'function', {
  error: targetExpected,
});
export const targetSchema = z.union([z.strictObject(targetShape, { error: targetExpected }), targetFunction], {
  error: `${targetExpected}; in code also a function (context) => target`,
});

export const listedTargetSchema = z.strictObject(
  {
    ...targetShape,
    match: targetMatchSchema
      .meta({ description: 'The requests this target takes; HTTP only. Default: all.' })
      .optional(),
  },
  {
    error: ({ input }: Asked) =>
      typeof input === 'function'
        ? `${targetExpected}; a function is a target of its own: target: (context) => …`
        : targetExpected,
  },
);

export type ListedTargetInput = z.output<typeof listedTargetSchema>;

/** A name of letters, digits, dots and hyphens, or an address; colons only as IPv6 has them. */
function isHost(text: string): boolean {
  if (text.length === 0 || text.length > 253) return false;
  return text.includes(':')
    ? /^[\da-f:.]+(%[\w.-]+)?$/i.test(text) && text.split(':').length > 2
    : /^[\p{L}\d_]([\p{L}\d_.-]*[\p{L}\d_.])?$/u.test(text);
}

/** `http://127.0.0.1:3000`, `127.0.0.1:3000` and `unix:/path` as a target. */
function splitTarget(text: string): string | null {
  if (text.startsWith('unix:')) return `unix: ${text.slice('unix:'.length)}`;
  const [, name, port] = /^(?:[a-z]+:\/\/)?([^\s/:]+)(?::(\d{1,5}))?\/?$/i.exec(text) ?? [];
  if (name === undefined || !isHost(name)) return null;
  return port === undefined ? `host: ${name}` : `{ host: ${name}, port: ${port} }`;
}
