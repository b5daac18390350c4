/**
 * Is this a host with an optional port, as Host and :authority carry it?
 *
 * Decides strictly, because routing, virtual hosting and caches must read the same name: labels of letters, digits, `-`
 * and `_`, an IPv4 address is one of these; or an IPv6 literal in brackets. No user information, no empty port, no zone.
 * @see RFC 9110 §4.2 and §7.2, RFC 3986 §3.2.2
 */
import { colon, inHostLabel, isDigit, isHexDigit, kindOf } from '../http1/byte-kinds.ts';

const nameLengthMax = 253;
const labelLengthMax = 63;
const dot = 0x2e;

/** True exactly when the text is `host`, `host:port`, `[ipv6]` or `[ipv6]:port`. */
export function isAuthority(text: string): boolean {
  if (text.charCodeAt(0) === 0x5b) {
    const close = text.indexOf(']');
    return close > 0 && isIpv6(text.slice(1, close)) && isPortAt(text, close + 1);
  }
  const end = text.indexOf(':');
  return end < 0 ? isName(text, text.length) : isName(text, end) && isPortAt(text, end);
}

/** Nothing, or a colon and 1 to 5 digits that make at most 65535. */
function isPortAt(text: string, start: number): boolean {
  const digits = text.length - start - 1;
  if (digits < 0) return true;
  if (text.charCodeAt(start) !== colon || digits === 0 || digits > 5) return false;
  let port = 0;
  for (let index = start + 1; index < text.length; index += 1) {
    if ((kindOf(text, index) & isDigit) === 0) return false;
    port = port * 10 + text.charCodeAt(index) - 0x30;
  }
  return port <= 65_535;
}

/** Labels of 1 to 63, a dot behind the last one is allowed. */
function isName(text: string, end: number): boolean {
  if (end > nameLengthMax + 1) return false;
  let labelLength = 0;
  for (let index = 0; index < end; index += 1) {
    if ((kindOf(text, index) & inHostLabel) !== 0) {
      labelLength += 1;
      if (labelLength > labelLengthMax) return false;
    } else {
      if (text.charCodeAt(index) !== dot || labelLength === 0) return false;
      labelLength = 0;
    }
  }
  return end > 0 && (labelLength > 0 ? end <= nameLengthMax : true);
}

/** Eight groups of 1 to 4 digits, `::` at most once for one group or more, an IPv4 address for the last two. */
function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.map((half, index) => groupsIn(half, index === halves.length - 1));
  if (groups.some((count) => count < 0)) return false;
  const total = groups.reduce((sum, count) => sum + count, 0);
  return halves.length === 1 ? total === 8 : total < 8;
}

/** How many groups, -1 when something is none. */
function groupsIn(half: string, isLast: boolean): number {
  if (half === '') return 0;
  const parts = half.split(':');
  let count = 0;
  for (const [index, part] of parts.entries()) {
    if (isLast && index === parts.length - 1 && part.includes('.')) {
      if (!isIpv4(part)) return -1;
      count += 2;
    } else {
      if (!isGroup(part)) return -1;
      count += 1;
    }
  }
  return count;
}

function isGroup(part: string): boolean {
  if (part.length < 1 || part.length > 4) return false;
  for (let index = 0; index < part.length; index += 1) {
    if ((kindOf(part, index) & isHexDigit) === 0) return false;
  }
  return true;
}

function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}
