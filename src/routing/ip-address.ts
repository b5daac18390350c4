/**
 * IP addresses as text, in one canonical form, so that a list cannot be passed by writing an address differently.
 *
 * Decides: IPv4 in four decimal numbers without leading zeros (some systems read 010 as eight); IPv6 as RFC 5952 writes
 * it; an IPv4 address mapped into IPv6 is that IPv4 address; a zone id is dropped, it only has a meaning on one machine.
 * Must never do: guess. What is not an address has no canonical form.
 */

/** @returns the canonical text; null when the text is not an IP address. */
export function canonicalAddress(text: string): string | null {
  if (!text.includes(':')) return parseIpv4(text) === null ? null : text;
  const groups = parseZoned(text);
  return groups === null ? null : formatGroups(groups);
}

/** The canonical text of the 16 bytes from `start` on. */
export function addressOfIpv6Bytes(bytes: Uint8Array, start: number): string {
  return formatGroups(
    Array.from({ length: 8 }, (_, group) => (at(bytes, start + 2 * group) << 8) | at(bytes, start + 2 * group + 1)),
  );
}

/** The canonical text of the four bytes from `start` on. */
export function addressOfIpv4Bytes(bytes: Uint8Array, start: number): string {
  return [0, 1, 2, 3].map((index) => at(bytes, start + index)).join('.');
}

/** Four bytes for an IPv4 address, also for one that is mapped into IPv6; 16 for any other; null when it is no address. */
export function addressBytes(text: string): Uint8Array | null {
  const ipv4 = text.includes(':') ? null : parseIpv4(text);
  if (ipv4 !== null) return Uint8Array.from(ipv4);
  const groups = text.includes(':') ? parseZoned(text) : null;
  if (groups === null) return null;
  const bytes = Uint8Array.from(groups.flatMap((group) => [group >>> 8, group & 255]));
  return isMapped(groups) ? bytes.subarray(12) : bytes;
}

/**
 * Whom an address belongs to, as far as addresses tell: an IPv4 address for itself, an IPv6 address for its /64, within
 * which any host takes as many addresses as it likes (RFC 4291 §2.5.4). What is no address stays as it is.
 */
export function holderOf(text: string): string {
  // IPv4 has no other canonical form than the one it is written in.
  if (!text.includes(':')) return text;
  const bytes = addressBytes(text);
  if (bytes === null) return text;
  if (bytes.length === 4) return addressOfIpv4Bytes(bytes, 0);
  return `${addressOfIpv6Bytes(
    bytes.map((byte, index) => (index < 8 ? byte : 0)),
    0,
  )}/64`;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

/** Eight groups, the zone dropped; null when the text is no IPv6 address or its zone is empty. */
function parseZoned(text: string): readonly number[] | null {
  const zone = text.indexOf('%');
  return zone === text.length - 1 ? null : parseIpv6(zone < 0 ? text : text.slice(0, zone));
}

function formatGroups(groups: readonly number[]): string {
  return isMapped(groups) ? mappedIpv4(groups) : formatIpv6(groups);
}

/** Four numbers of 0 to 255, or null. */
function parseIpv4(text: string): readonly number[] | null {
  if (text.length > 15) return null;
  const bytes: number[] = [];
  for (const part of text.split('.')) {
    if (!/^(?:0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    bytes.push(Number(part));
  }
  return bytes.length === 4 ? bytes : null;
}

/** Eight numbers of 16 bits, or null. */
function parseIpv6(text: string): readonly number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const [head, tail] = halves;
  const front = parseGroups(head ?? '', tail === undefined);
  if (tail === undefined) return front !== null && front.length === 8 ? front : null;
  const back = parseGroups(tail, true);
  if (front === null || back === null || front.length + back.length > 7) return null;
  return [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
}

/** Groups between colons; the last may be an IPv4 address where the text is the end of the whole. */
function parseGroups(text: string, isEnd: boolean): readonly number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const ipv4 = isEnd && index === parts.length - 1 && part.includes('.') ? parseIpv4(part) : null;
    if (ipv4 !== null) {
      const [first = 0, second = 0, third = 0, fourth = 0] = ipv4;
      groups.push(first * 256 + second, third * 256 + fourth);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return null;
    }
  }
  return groups;
}

function isMapped(groups: readonly number[]): boolean {
  return groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
}

function mappedIpv4(groups: readonly number[]): string {
  const [high = 0, low = 0] = groups.slice(6);
  return [high >>> 8, high & 255, low >>> 8, low & 255].join('.');
}

/** Lower case, no leading zeros, the longest run of two zero groups or more as `::`, the first of several. */
function formatIpv6(groups: readonly number[]): string {
  let runStart = 0;
  let runLength = 1;
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > runLength) {
      runStart = start;
      runLength = index + 1 - start;
    }
  }
  const written = groups.map((group) => group.toString(16));
  if (runLength === 1) return written.join(':');
  return `${written.slice(0, runStart).join(':')}::${written.slice(runStart + runLength).join(':')}`;
}
