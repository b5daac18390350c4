/**
 * The first bytes of a client that asks for the answer to an HTTP-01 validation, told without reading HTTP.
 *
 * Decides only whether the request line is such a one; whether the token is known is not its matter. For ports whose
 * routes have nothing to do with HTTP: whatever else comes must be told from it at its first byte that differs.
 * Read first: `bytes.ts`. @see RFC 8555 §8.3
 */
import { byteAt, compareText } from './bytes.ts';

/** Where an authority asks for the answer; the token is behind it. */
export const validationPath = '/.well-known/acme-challenge/';

const method = 'GET /';
const start = `GET ${validationPath}`;
/** Twice what any authority sends. */
const tokenLengthMax = 256;
const blank = 0x20;

/** The token that is asked for; '' where the request line has not come to its end; null where it is anything else. */
export function validationTokenIn(prefix: Uint8Array): string | null {
  // Less is not worth waiting for: one letter may be all that a client of another protocol has to say.
  if (compareText(prefix, 0, method) !== 'equal') return null;
  const comparison = compareText(prefix, 0, start);
  if (comparison !== 'equal') return comparison === 'partial' ? '' : null;
  let end = start.length;
  while (isOfToken(byteAt(prefix, end))) end += 1;
  if (end - start.length > tokenLengthMax) return null;
  if (end === prefix.length) return '';
  const token = String.fromCharCode(...prefix.subarray(start.length, end));
  return token !== '' && byteAt(prefix, end) === blank ? token : null;
}

/** base64url without padding. */
function isOfToken(byte: number): boolean {
  const letter = byte | 0x20;
  return (letter >= 0x61 && letter <= 0x7a) || (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x5f;
}
