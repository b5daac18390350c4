/**
 * SOCKS 4, 4a and 5: the greeting of a client that takes us for a SOCKS server.
 *
 * Decides strictly, because both versions begin with one small binary number: every field of the greeting must be one
 * that the protocol knows. The destination in it is where the client wants to go, not the name it called us by, so it is
 * no server name. SOCKS 4: version, command, port, address, user NUL, and for 4a a host name NUL. SOCKS 5: version,
 * number of methods, methods.
 * @see RFC 1928 §3
 */
import { byteAt, undecided } from './bytes.ts';
import { anonymousMatch, type Detection, type Detector, noMatch } from './detector.ts';

export const socks: Detector = { name: 'socks', detect: detectSocks };

function detectSocks(prefix: Uint8Array, ended: boolean): Detection {
  if (prefix.length === 0) return undecided(ended);
  if (byteAt(prefix, 0) === 4) return detectSocks4(prefix, ended);
  return byteAt(prefix, 0) === 5 ? detectSocks5(prefix, ended) : noMatch;
}

const userEndMin = 8;
const textLengthMax = 255;

function detectSocks4(prefix: Uint8Array, ended: boolean): Detection {
  if (prefix.length > 1 && byteAt(prefix, 1) !== 1 && byteAt(prefix, 1) !== 2) return noMatch;
  if (prefix.length < userEndMin) return undecided(ended);
  const userEnd = endOfText(prefix, userEndMin);
  if (userEnd === broken) return noMatch;
  if (userEnd === unfinished) return undecided(ended);
  if (!namesHost(prefix)) return anonymousMatch;
  const hostEnd = endOfText(prefix, userEnd + 1);
  if (hostEnd === unfinished) return undecided(ended);
  return hostEnd === broken || hostEnd === userEnd + 1 ? noMatch : anonymousMatch;
}

/** SOCKS 4a says "a host name follows" with the address 0.0.0.x, x not 0. */
function namesHost(prefix: Uint8Array): boolean {
  return byteAt(prefix, 4) === 0 && byteAt(prefix, 5) === 0 && byteAt(prefix, 6) === 0 && byteAt(prefix, 7) !== 0;
}

const unfinished = -1;
const broken = -2;

/** Index of the NUL that ends printable text, or why there is none. */
function endOfText(prefix: Uint8Array, start: number): number {
  for (let index = start; index < prefix.length; index += 1) {
    const byte = byteAt(prefix, index);
    if (byte === 0) return index;
    if (byte < 0x20 || byte === 0x7f || index - start >= textLengthMax) return broken;
  }
  return unfinished;
}

function detectSocks5(prefix: Uint8Array, ended: boolean): Detection {
  if (prefix.length < 2) return undecided(ended);
  const count = byteAt(prefix, 1);
  if (count === 0) return noMatch;
  const available = Math.min(prefix.length, 2 + count);
  for (let index = 2; index < available; index += 1) {
    if (!isMethod(byteAt(prefix, index)) || prefix.indexOf(byteAt(prefix, index), 2) < index) return noMatch;
  }
  return available === 2 + count ? anonymousMatch : undecided(ended);
}

/** Registered (0 to 9) or reserved for private use; 255 is an answer, never an offer. */
function isMethod(byte: number): boolean {
  return byte <= 9 || (byte >= 0x80 && byte <= 0xfe);
}
