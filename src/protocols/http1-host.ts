/**
 * Which host does a complete HTTP/1.x request head ask for?
 *
 * Decides from the one Host field and, where the target is absolute (`http://host/…`), that the two agree: whoever
 * forwards by one and serves by the other can be made to serve the wrong site.
 * Must never do: look at the path. Port and trailing dot are dropped, brackets of an IPv6 literal too.
 * @see RFC 9112 §3.2, RFC 9110 §4.2.4 and §7.2
 */
import { byteAt, malformed, type Malformed } from './bytes.ts';
import { anonymousMatch, type Detection } from './detector.ts';
import { ipv6Text, isIpv6Literal, readHostName } from './host-name.ts';

const missingHost = malformed('an HTTP/1.1 request has no Host field');
const wrongHost = malformed('the Host field is not a host name with an optional port');
const wrongTarget = malformed('the request target names no host with an optional port');
const otherHost = malformed('the request target and the Host field name different hosts');

/**
 * @param line where the request target starts and ends, and whether the version is 1.1.
 * @param host index after the colon of the Host field; 0 when there is none.
 * @param hostEnd index after its value.
 */
export function detectHost(
  head: Uint8Array,
  line: { readonly target: number; readonly targetEnd: number; readonly isMinorOne: boolean },
  host: number,
  hostEnd: number,
): Detection {
  if (host === 0 && line.isMinorOne) return missingHost;
  const named =
    host === 0 ? null : readAuthority(head, trimStart(head, host, hostEnd), trimEnd(head, host, hostEnd), wrongHost);
  if (isMalformed(named)) return named;
  const authority = startOfAuthority(head, line.target, line.targetEnd);
  if (authority === 0) return matchOf(named);
  const targeted = readAuthority(head, authority, endOfAuthority(head, authority, line.targetEnd), wrongTarget);
  if (isMalformed(targeted)) return targeted;
  if (targeted === null) return wrongTarget;
  return host !== 0 && targeted !== named ? otherHost : matchOf(targeted);
}

function isMalformed(value: string | null | Malformed): value is Malformed {
  return value !== null && typeof value !== 'string';
}

function matchOf(serverName: string | null): Detection {
  return serverName === null ? anonymousMatch : { verdict: 'match', preface: { serverName, alpn: [] } };
}

/** Host and optional port. Empty is legal for a request about no host in particular. */
function readAuthority(head: Uint8Array, start: number, end: number, problem: Malformed): string | null | Malformed {
  if (start >= end) return null;
  if (byteAt(head, start) === 0x5b) {
    const close = indexOfByte(head, 0x5d, start, end);
    const isLiteral = close < end && isIpv6Literal(head, start + 1, close) && isPort(head, close + 1, end);
    return isLiteral ? ipv6Text(head, start + 1, close) : problem;
  }
  const nameEnd = indexOfByte(head, 0x3a, start, end);
  return (isPort(head, nameEnd, end) ? readHostName(head, start, nameEnd) : null) ?? problem;
}

/** True exactly when the range is empty or a colon and at most five digits that make a port. */
function isPort(head: Uint8Array, start: number, end: number): boolean {
  if (start === end) return true;
  if (byteAt(head, start) !== 0x3a || end - start > 6) return false;
  let port = 0;
  for (let index = start + 1; index < end; index += 1) {
    const digit = byteAt(head, index) - 0x30;
    if (digit < 0 || digit > 9) return false;
    port = port * 10 + digit;
  }
  return port <= 65_535;
}

/** Index after `http://` or `https://`, in any case; 0 when the target begins otherwise. */
function startOfAuthority(head: Uint8Array, start: number, end: number): number {
  for (const scheme of ['http://', 'https://']) {
    let matched = 0;
    while (matched < scheme.length && start + matched < end) {
      const byte = byteAt(head, start + matched);
      const lowerCase = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
      if (lowerCase !== scheme.charCodeAt(matched)) break;
      matched += 1;
    }
    if (matched === scheme.length) return start + matched;
  }
  return 0;
}

/** The authority ends at the path, the query or a fragment. User information is not stepped over: it is an error. */
function endOfAuthority(head: Uint8Array, start: number, end: number): number {
  let index = start;
  while (index < end && byteAt(head, index) !== 0x2f && byteAt(head, index) !== 0x3f && byteAt(head, index) !== 0x23)
    index += 1;
  return index;
}

function indexOfByte(head: Uint8Array, byte: number, start: number, end: number): number {
  let index = start;
  while (index < end && byteAt(head, index) !== byte) index += 1;
  return index;
}

function isOptionalBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function trimStart(head: Uint8Array, start: number, end: number): number {
  let index = start;
  while (index < end && isOptionalBlank(byteAt(head, index))) index += 1;
  return index;
}

function trimEnd(head: Uint8Array, start: number, end: number): number {
  let index = end;
  while (index > start && isOptionalBlank(byteAt(head, index - 1))) index -= 1;
  return index;
}
