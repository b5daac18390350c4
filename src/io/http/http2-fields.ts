/**
 * Fields of HTTP/2 messages: read from the flat list that node:http2 gives, and written into the object that it takes.
 *
 * Decides: which names and values may be in a message at all, whoever sent it; nghttp2 looks at most of this too, and this
 * does not lean on it. What only frames or holds a connection makes an HTTP/2 message malformed.
 * Must never do: pass a character on that HTTP/1.1 would read as the end of a line.
 * @see RFC 9113 §8.2
 */
import type { OutgoingHttpHeaders } from 'node:http2';
import type { Body, Fields } from '../../protocols/http/message.ts';
import { nameProblem, valueProblem } from '../../protocols/http/validate.ts';
import { isHopByHop } from '../../protocols/http1/field-kinds.ts';
import { isTrailerAllowed } from '../../protocols/http1/trailers.ts';

const lengthDigitsMax = 15;

const forbidden: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** What is wrong with a field that is no pseudo-header; null when nothing is. */
export function fieldProblem(name: string, value: string): string | null {
  const problem = nameProblem(name) ?? valueProblem(value);
  if (problem !== null) return problem.detail;
  if (name.toLowerCase() !== name) return 'a field name has a capital';
  return forbidden.has(name) ? 'a field of HTTP/1.1 connections is in a message of HTTP/2' : null;
}

/** 1 to 15 digits; null for everything else. */
export function readLength(value: string): number | null {
  return value.length <= lengthDigitsMax && /^[0-9]+$/.test(value) ? Number(value) : null;
}

/** The trailers that are passed on; a clause where they are not clean. */
export function readTrailers(raw: readonly string[]): Fields | string {
  const fields: string[] = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index] ?? '';
    const value = raw[index + 1] ?? '';
    if (name.startsWith(':')) return 'a pseudo-header is among the trailers';
    const problem = fieldProblem(name, value);
    if (problem !== null) return problem;
    if (name === 'content-length' || name === 'host')
      return 'a trailer would change how the message is framed or routed';
    if (!isHopByHop(name) && isTrailerAllowed(name)) fields.push(name, value);
  }
  return fields;
}

/**
 * Fields as node:http2 takes them, in lower case. node:http2 puts NUL between names and values, so a field that is not
 * clean is left out here, whatever was checked before. Where RFC 9110 has one value for a name the first one counts.
 */
export function outgoing(fields: Fields): OutgoingHttpHeaders {
  const values = new Map<string, string | string[]>();
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = (fields[index] ?? '').toLowerCase();
    const value = fields[index + 1] ?? '';
    if (fieldProblem(name, value) !== null || isHopByHop(name)) continue;
    const known = values.get(name);
    if (known === undefined) values.set(name, value);
    else if (Array.isArray(known)) known.push(value);
    else if (!single.has(name)) values.set(name, [known, value]);
  }
  return Object.fromEntries(values);
}

/** Adds `content-length` where the body has one. */
export function withLength(headers: OutgoingHttpHeaders, body: Body): OutgoingHttpHeaders {
  if (body.kind === 'length') headers['content-length'] = String(body.bytes);
  return headers;
}

/** The names of which node:http2 takes one value only. */
const single: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'age',
  'authorization',
  'content-encoding',
  'content-language',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'dnt',
  'etag',
  'expires',
  'from',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-modified',
  'location',
  'max-forwards',
  'proxy-authorization',
  'range',
  'referer',
  'retry-after',
  'tk',
  'upgrade-insecure-requests',
  'user-agent',
  'x-content-type-options',
]);
