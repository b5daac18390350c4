/**
 * RESP, the protocol of Redis and Valkey: a command as an array, `*<count> CR LF`.
 *
 * Decides by that line alone; every client library and redis-cli begin so. Two other beginnings are not claimed on
 * purpose: inline commands (`PING CR LF`, what a person types into telnet) look like any other line protocol, and the
 * remaining type bytes (`+ - : $ …`) only ever begin an answer.
 * @see https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
import { byteAt, undecided } from './bytes.ts';
import { anonymousMatch, type Detection, type Detector, noMatch } from './detector.ts';

export const resp: Detector = { name: 'redis', detect: detectResp };

/** True exactly when the prefix can only be a RESP command, so that `-ERR` may be answered. */
export function isSurelyResp(prefix: Uint8Array): boolean {
  return prefix.length >= 2 && detectResp(prefix, false).verdict !== 'noMatch';
}

/** Redis refuses counts above 1048576; seven digits. */
const digitsMax = 7;
const zero = 0x30;

function detectResp(prefix: Uint8Array, ended: boolean): Detection {
  if (prefix.length > 0 && byteAt(prefix, 0) !== 0x2a) return noMatch;
  let end = 1;
  while (end < prefix.length && byteAt(prefix, end) >= zero && byteAt(prefix, end) <= 0x39) {
    if (end > digitsMax || (end > 1 && byteAt(prefix, 1) === zero)) return noMatch;
    end += 1;
  }
  if (end >= prefix.length) return undecided(ended);
  if (end === 1 || byteAt(prefix, end) !== 0x0d) return noMatch;
  if (end + 1 === prefix.length) return undecided(ended);
  return byteAt(prefix, end + 1) === 0x0a ? anonymousMatch : noMatch;
}
