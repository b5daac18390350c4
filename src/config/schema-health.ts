/**
 * The schema of `health`: what is asked of the endpoints of a pool, and how often.
 *
 * Decides: the form of each option, and what a text that is sent or expected means in bytes. Which options belong to which
 * type is decided by `check-pool.ts`. Read first: `../routing/pool-plan.ts` (CheckPlan).
 */
import { z } from 'zod';

import { isAuthority } from '../protocols/http/authority.ts';
import { expressionProblem } from '../routing/linear-expression.ts';
import { byteText, readEscapedBytes } from './escaped-bytes.ts';
import { duration, oneOrMany, wholeNumber } from './schema-values.ts';

const checkTypes = ['tcp', 'http', 'exchange', 'send-expect'] as const;

const interval = duration({ infinite: false, zero: false, trueMs: null });
const inARow = wholeNumber(1, 1_000, 'a whole number from 1 to 1000');

const pathExpected = 'a path such as /health, with a query where it needs one';
const path = z.string({ error: pathExpected }).regex(/^\/[!-~]{0,2047}$/, { error: pathExpected });

const hostExpected = 'the Host of the request: a name or an address, with a port where it needs one';
const host = z
  .string({ error: hostExpected })
  .refine((text) => text !== '' && isAuthority(text), { error: hostExpected, params: { expected: hostExpected } });

export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

const statusExpected = 'a status, a range such as 200-399, or a list of them';
const oneStatus = wholeNumber(200, 599, statusExpected).transform((status): StatusRange => ({
  from: status,
  to: status,
}));
const statusRange = z.string({ error: statusExpected }).transform((text, context): StatusRange => {
  const [, first, last] = /^\s*([2-5]\d\d)\s*-\s*([2-5]\d\d)\s*$/.exec(text) ?? [];
  const range = { from: Number(first), to: Number(last) };
  if (range.from <= range.to) return range;
  const [, digit] = /^([2-5])xx$/i.exec(text.trim()) ?? [];
  context.addIssue({
    code: 'custom',
    message: first === undefined ? 'this is not a status' : 'a range of statuses begins with its smaller end',
    params: { expected: statusExpected, suggestion: digit === undefined ? null : `${digit}00-${digit}99` },
  });
  return z.NEVER;
});
const status = oneOrMany(z.union([oneStatus, statusRange], { error: statusExpected }), statusExpected);

const sendExpected = 'text, in which \\r, \\n, \\t, \\0, \\\\ and \\xHH stand for their bytes; in code also bytes';
/** The largest thing a check says or is told to look for. */
const checkBytesMax = 4_096;
const sendText = z.string({ error: sendExpected }).transform((text, context): Uint8Array => {
  const read = readEscapedBytes(text);
  if (read.ok && isSendable(read.bytes)) return read.bytes;
  const message = read.ok ? `a check sends 1 to ${checkBytesMax} bytes` : `this ${read.problem}`;
  context.addIssue({ code: 'custom', message, params: { expected: sendExpected } });
  return z.NEVER;
});
const sendBytes = z.custom<Uint8Array>((value) => value instanceof Uint8Array && isSendable(value), {
  error: sendExpected,
});

function isSendable({ length }: Uint8Array): boolean {
  return length > 0 && length <= checkBytesMax;
}

const send = z.union([sendText, sendBytes], { error: sendExpected });

const expectExpected = 'text that the answer holds, with the escapes of send, or /a regular expression/';
const expect = z.string({ error: expectExpected }).transform((text, context) => {
  const read = readExpectation(text);
  if (read.ok) return read.text;
  context.addIssue({ code: 'custom', message: `this ${read.problem}`, params: { expected: expectExpected } });
  return z.NEVER;
});

type ExpectationRead = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

/** An expression between slashes stays as it is; text becomes what it stands for, one character a byte. */
function readExpectation(written: string): ExpectationRead {
  if (written.length > checkBytesMax) return { ok: false, problem: `is longer than ${checkBytesMax} characters` };
  const [, source, flags = ''] = /^\/(.+)\/([a-z]*)$/s.exec(written) ?? [];
  if (source !== undefined) {
    const problem = flags === '' ? expressionProblem(source) : `reads as a regular expression with the flags ${flags}`;
    return problem === null ? { ok: true, text: written } : { ok: false, problem };
  }
  const read = readEscapedBytes(written);
  if (!read.ok) return read;
  if (read.bytes.length === 0) return { ok: false, problem: 'is empty; leave it out where any byte will do' };
  return { ok: true, text: byteText(read.bytes) };
}

export const healthSchema = z.strictObject(
  {
    type: z
      .enum(checkTypes, { error: 'tcp, http or exchange' })
      .meta({
        description:
          'tcp: connects. http: asks for a path. exchange (send-expect is accepted too): sends, and wants to read something. Default: tcp.',
      })
      .optional(),
    interval: interval.meta({ description: 'Between two checks. Default: 5s.' }).optional(),
    timeout: interval.meta({ description: 'How long one check may take. Default: 2s.' }).optional(),
    rise: inARow.meta({ description: 'So many in a row bring an endpoint up. Default: 2.' }).optional(),
    fall: inARow.meta({ description: 'So many in a row bring it down. Default: 3.' }).optional(),
    path: path.meta({ description: 'http: what is asked for. Default: /.' }).optional(),
    host: host.meta({ description: 'http: the Host field. Default: the endpoint.' }).optional(),
    method: z
      .enum(['GET', 'HEAD', 'OPTIONS'], { error: 'GET, HEAD or OPTIONS' })
      .meta({ description: 'http. Default: GET.' })
      .optional(),
    status: status.meta({ description: 'http: what is well. Default: 200-399.' }).optional(),
    send: send.meta({ description: 'exchange: what is sent. Default: nothing.' }).optional(),
    expect: expect.meta({ description: 'exchange: what the answer must hold. Default: any byte.' }).optional(),
  },
  { error: 'an object, such as { type: http, path: /health, interval: 5s }' },
);

export type HealthInput = z.output<typeof healthSchema>;
