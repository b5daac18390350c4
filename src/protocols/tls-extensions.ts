/**
 * The extensions of a ClientHello: server name (SNI) and application protocols (ALPN); the rest is only stepped over.
 *
 * Decides: what a complete block of extensions asks for, or what is wrong with it. A name that is an IP address counts as
 * no name; two names, or an extension that comes twice, are a lie.
 * Must never do: keep anything from one call to the next. @see RFC 8446 §4.2, RFC 6066 §3, RFC 7301 §3.1
 */
import { byteAt, compareText, malformed, type Malformed, textOf, uint16At, unchanged } from './bytes.ts';
import { anonymousMatch, type Detection } from './detector.ts';
import { isIpv4Literal, isIpv6Literal, readHostName } from './host-name.ts';

const serverNameExtension = 0;
const alpnExtension = 16;
const hostNameType = 0;
const nothingOffered: readonly string[] = [];

const truncated = malformed('an extension is longer than what is there');
const duplicate = malformed('an extension comes twice');
const wrongNameList = malformed('the server name list does not add up');
const severalNames = malformed('the client hello names several servers');
const illegalName = malformed('the server name is not a host name');
const wrongAlpn = malformed('the application protocols do not add up');

/**
 * @param start index of the first extension.
 * @param end index after the last one, which is the end of the message.
 */
export function readExtensions(bytes: Uint8Array, start: number, end: number): Detection {
  let serverName: string | null = null;
  let alpn = nothingOffered;
  let problem: Malformed | null = null;
  let next = start;
  while (next < end && problem === null) {
    const body = next + 4;
    const bodyEnd = body + uint16At(bytes, next + 2);
    if (bodyEnd > end) {
      problem = truncated;
      break;
    }
    const type = uint16At(bytes, next);
    if (wasSeen(type)) {
      problem = duplicate;
      break;
    }
    toggleSeen(type);
    if (type === serverNameExtension) {
      const name = readServerName(bytes, body, bodyEnd);
      if (name === null || typeof name === 'string') serverName = name;
      else problem = name;
    } else if (type === alpnExtension) {
      const names = readAlpn(bytes, body, bodyEnd);
      if ('verdict' in names) problem = names;
      else alpn = names;
    }
    next = bodyEnd;
  }
  forgetSeen(bytes, start, next);
  if (problem !== null) return problem;
  return serverName === null && alpn === nothingOffered
    ? anonymousMatch
    : { verdict: 'match', preface: { serverName, alpn } };
}

/** A set of extension types as one bit each: room for all of them without allocating. Empty between two calls. */
const seen = new Uint32Array(2048);

function wasSeen(type: number): boolean {
  return ((seen[type >>> 5] ?? 0) & (1 << (type & 31))) !== 0;
}

function toggleSeen(type: number): void {
  seen[type >>> 5] = (seen[type >>> 5] ?? 0) ^ (1 << (type & 31));
}

/** Takes the types of the extensions from `start` up to `end` out of the set again. */
function forgetSeen(bytes: Uint8Array, start: number, end: number): void {
  for (let next = start; next < end; next += 4 + uint16At(bytes, next + 2)) toggleSeen(uint16At(bytes, next));
}

/** The one host name of the list; null when it is an IP address or the list has names of other kinds only. */
function readServerName(bytes: Uint8Array, start: number, end: number): string | null | Malformed {
  const first = start + 2;
  if (first >= end || uint16At(bytes, start) !== end - first) return wrongNameList;
  let serverName: string | null = null;
  let isNamed = false;
  let next = first;
  while (next < end) {
    const name = next + 3;
    const nameEnd = name + uint16At(bytes, next + 1);
    if (nameEnd > end) return wrongNameList;
    if (byteAt(bytes, next) === hostNameType) {
      if (isNamed) return severalNames;
      isNamed = true;
      if (!isIpv4Literal(bytes, name, nameEnd) && !isIpv6Literal(bytes, name, nameEnd)) {
        serverName = readHostName(bytes, name, nameEnd);
        if (serverName === null) return illegalName;
      }
    }
    next = nameEnd;
  }
  return serverName;
}

function readAlpn(bytes: Uint8Array, start: number, end: number): readonly string[] | Malformed {
  const first = start + 2;
  if (first >= end || uint16At(bytes, start) !== end - first) return wrongAlpn;
  const names: string[] = [];
  let next = first;
  while (next < end) {
    const length = byteAt(bytes, next);
    const name = next + 1;
    if (length === 0 || name + length > end) return wrongAlpn;
    names.push(protocolName(bytes, name, name + length));
    next = name + length;
  }
  return names;
}

/** The two common names without building a string. Others are opaque bytes: one character each. */
function protocolName(bytes: Uint8Array, start: number, end: number): string {
  if (end - start === 2 && compareText(bytes, start, 'h2') === 'equal') return 'h2';
  if (end - start === 8 && compareText(bytes, start, 'http/1.1') === 'equal') return 'http/1.1';
  return textOf(bytes, start, end, unchanged);
}
