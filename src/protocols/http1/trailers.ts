/**
 * Which trailers are passed on.
 *
 * Decides: a trailer that frames, routes or holds the connection makes the message unclean, for parsers are in use that
 * act on `Connection` even there; one that only means something before the body is dropped; the rest is told.
 * @see RFC 9110 §6.5.1
 */
import type { Fields } from '../http/message.ts';
import { noFields } from '../http/message.ts';
import { endToEnd } from './field-kinds.ts';
import { type FieldScanner, offsetsPerField } from './field-scanner.ts';

/** What a recipient must have known before the body: who asks, from where, on which terms. */
const dropped: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'client-cert',
  'client-cert-chain',
  'content-encoding',
  'content-range',
  'content-type',
  'cookie',
  'forwarded',
  'max-forwards',
  'proxy-authenticate',
  'proxy-authorization',
  'range',
  'set-cookie',
  'trailer',
  'via',
  'www-authenticate',
  'x-real-ip',
]);

/** True exactly when a trailer of this name is passed on, whichever version of HTTP it came in. */
export function isTrailerAllowed(name: string): boolean {
  const lower = name.toLowerCase();
  return !dropped.has(lower) && !lower.startsWith('x-forwarded-') && !lower.startsWith('if-');
}

/** @returns null when one of them frames, routes or holds the connection. */
export function readTrailers(bytes: Buffer, base: number, end: number, scanner: FieldScanner): Fields | null {
  if (scanner.count === 0) return noFields;
  const text = bytes.toString('latin1', base, end);
  const { offsets } = scanner;
  const fields: string[] = [];
  for (let index = 0; index < scanner.count; index += 1) {
    const offset = index * offsetsPerField;
    if (offsets[offset + 4] !== endToEnd) return null;
    const name = text.slice(offsets[offset], offsets[offset + 1]);
    if (isTrailerAllowed(name)) fields.push(name, text.slice(offsets[offset + 2], offsets[offset + 3]));
  }
  return fields;
}
