/**
 * HTTP/1.0 and HTTP/1.1: whose request is this?
 *
 * Decides in two steps. Until `METHOD target HTTP/1.` is there, any other byte is no match (so HTTP/0.9, HTTP/2 and line
 * protocols such as SMTP are not claimed). From then on it is HTTP, and what breaks RFC 9112 is malformed: a bare LF, a
 * folded field, blank before a colon, control characters, no Host or several. The match waits for the whole head,
 * because a second Host may be its last line; a head that does not fit into `sniffBytesMax` is malformed.
 * An upgrade to WebSocket is HTTP here. Must never do: read a body, or forgive what another parser may read differently.
 * Read first: `detector.ts`, then `http1-host.ts`. @see RFC 9112 §3 and §5
 */
import { byteAt, compareText, malformed, undecided } from './bytes.ts';
import { type Detection, type Detector, needsMore, noMatch, sniffBytesMax } from './detector.ts';
import { detectHost } from './http1-host.ts';

export const http1: Detector = { name: 'http', detect: detectHttp };

/**
 * True exactly when a prefix that does not decide yet is a request nonetheless, so that a status may be answered: a
 * common method and its blank, or any method and target with `HTTP/1.` behind.
 */
export function isSurelyHttp(prefix: Uint8Array): boolean {
  for (const method of commonMethods) {
    if (compareText(prefix, 0, method) === 'equal') return true;
  }
  const methodEnd = endOfMethod(prefix);
  if (methodEnd === 0 || byteAt(prefix, methodEnd) !== blank) return false;
  const targetEnd = endOfTarget(prefix, methodEnd + 1);
  return targetEnd > methodEnd + 1 && compareText(prefix, targetEnd, versionStart) === 'equal';
}

/**
 * True exactly when a request may begin like this, if only one that is answered with an error: after empty lines, a token
 * that a blank or the end of the line follows, as far as the bytes go. For ports on which nothing but HTTP is served. @see RFC 9112 §2.2
 */
export function mayBeginRequest(prefix: Uint8Array): boolean {
  let start = 0;
  while (start < prefix.length && isLineEnd(prefix, start)) start += 1;
  const end = endOfToken(prefix, start, prefix.length);
  return end === prefix.length || (end > start && (byteAt(prefix, end) === blank || isLineEnd(prefix, end)));
}

function isLineEnd(prefix: Uint8Array, index: number): boolean {
  return byteAt(prefix, index) === carriageReturn || byteAt(prefix, index) === lineFeed;
}

const commonMethods = ['GET ', 'HEAD ', 'POST ', 'PUT ', 'PATCH ', 'DELETE ', 'OPTIONS ', 'CONNECT ', 'TRACE '];
const versionStart = ' HTTP/1.';
/** Longer than any registered method; a longer first word is some other protocol's. */
const methodLengthMax = 32;
const blank = 0x20;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const colon = 0x3a;

const endedEarly = malformed('the client ended in the middle of a request head');
const tooLong = malformed(`the request head is longer than ${sniffBytesMax} bytes`);
const wrongVersion = malformed('the request names neither HTTP/1.0 nor HTTP/1.1');
const wrongLineEnd = malformed('a line of the request head does not end with CR LF');
const wrongName = malformed('a field name is not a token followed by a colon');
const wrongValue = malformed('a field value has a control character');
const severalHosts = malformed('the request has several Host fields');

function detectHttp(prefix: Uint8Array, ended: boolean): Detection {
  const methodEnd = endOfMethod(prefix);
  if (methodEnd > methodLengthMax) return noMatch;
  if (methodEnd === prefix.length) return ranOut(prefix, ended);
  if (methodEnd === 0 || byteAt(prefix, methodEnd) !== blank || compareText(prefix, 0, 'PRI ') === 'equal')
    return noMatch;
  const target = methodEnd + 1;
  const targetEnd = endOfTarget(prefix, target);
  if (targetEnd === prefix.length) return ranOut(prefix, ended);
  if (targetEnd === target) return noMatch;
  const comparison = compareText(prefix, targetEnd, versionStart);
  if (comparison === 'different') return noMatch;
  if (comparison === 'partial') return ranOut(prefix, ended);
  return detectHead(prefix, ended, target, targetEnd);
}

function detectHead(prefix: Uint8Array, ended: boolean, target: number, targetEnd: number): Detection {
  const minor = targetEnd + versionStart.length;
  const fields = minor + 3;
  if (minor < prefix.length && !isKnownMinor(byteAt(prefix, minor))) return wrongVersion;
  if (differs(prefix, minor + 1, carriageReturn) || differs(prefix, minor + 2, lineFeed)) return wrongLineEnd;
  if (fields > prefix.length) return ranOut(prefix, ended);
  return detectFields(prefix, ended, { target, targetEnd, isMinorOne: byteAt(prefix, minor) === 0x31, fields });
}

interface RequestLine {
  readonly target: number;
  readonly targetEnd: number;
  /** True exactly for HTTP/1.1, which must name its host. */
  readonly isMinorOne: boolean;
  /** Index of the first field. */
  readonly fields: number;
}

function detectFields(prefix: Uint8Array, ended: boolean, line: RequestLine): Detection {
  let host = 0;
  let hostEnd = 0;
  let start = line.fields;
  while (start < prefix.length) {
    if (byteAt(prefix, start) === carriageReturn) {
      if (start + 1 === prefix.length) break;
      if (byteAt(prefix, start + 1) !== lineFeed) return wrongLineEnd;
      return detectHost(prefix, line, host, hostEnd);
    }
    const nameEnd = endOfToken(prefix, start, prefix.length);
    if (nameEnd === prefix.length) break;
    if (nameEnd === start || byteAt(prefix, nameEnd) !== colon) return wrongName;
    const valueEnd = endOfValue(prefix, nameEnd + 1);
    if (valueEnd === prefix.length) break;
    if (byteAt(prefix, valueEnd) !== carriageReturn)
      return byteAt(prefix, valueEnd) === lineFeed ? wrongLineEnd : wrongValue;
    if (valueEnd + 1 === prefix.length) break;
    if (byteAt(prefix, valueEnd + 1) !== lineFeed) return wrongLineEnd;
    if (isHostField(prefix, start, nameEnd)) {
      if (host !== 0) return severalHosts;
      host = nameEnd + 1;
      hostEnd = valueEnd;
    }
    start = valueEnd + 2;
  }
  return ranOut(prefix, ended);
}

/** The prefix is over and nothing is decided: wait, unless nothing more can come or be looked at. */
function ranOut(prefix: Uint8Array, ended: boolean): Detection {
  const isFull = prefix.length >= sniffBytesMax;
  if (!ended && !isFull) return needsMore;
  if (isSurelyHttp(prefix)) return isFull ? tooLong : endedEarly;
  return undecided(ended);
}

function endOfMethod(prefix: Uint8Array): number {
  const end = Math.min(prefix.length, methodLengthMax + 1);
  let index = 0;
  while (index < end && isMethodByte(byteAt(prefix, index))) index += 1;
  return index;
}

/** A capital letter or a hyphen: every registered method is made of these, and a word in small letters is not kept waiting. */
function isMethodByte(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || byte === 0x2d;
}

function endOfToken(prefix: Uint8Array, start: number, end: number): number {
  let index = start;
  while (index < end && byteAt(kinds, byteAt(prefix, index)) === tokenKind) index += 1;
  return index;
}

/** A target is anything visible. Bytes above ASCII do not belong there but are sent by common clients, and harm nobody. */
function endOfTarget(prefix: Uint8Array, start: number): number {
  let index = start;
  while (index < prefix.length && byteAt(prefix, index) > blank && byteAt(prefix, index) !== 0x7f) index += 1;
  return index;
}

function endOfValue(prefix: Uint8Array, start: number): number {
  let index = start;
  while (index < prefix.length && byteAt(kinds, byteAt(prefix, index)) !== controlKind) index += 1;
  return index;
}

function isKnownMinor(byte: number): boolean {
  return byte === 0x30 || byte === 0x31;
}

/** True exactly when there is a byte and it is another one. */
function differs(prefix: Uint8Array, index: number, byte: number): boolean {
  return index < prefix.length && byteAt(prefix, index) !== byte;
}

function isHostField(prefix: Uint8Array, start: number, end: number): boolean {
  return (
    end - start === 4 &&
    (byteAt(prefix, start) | 0x20) === 0x68 &&
    (byteAt(prefix, start + 1) | 0x20) === 0x6f &&
    (byteAt(prefix, start + 2) | 0x20) === 0x73 &&
    (byteAt(prefix, start + 3) | 0x20) === 0x74
  );
}

const controlKind = 1;
const tokenKind = 2;

/** Per byte: part of a token, a control character that no value may hold, or neither (blank, TAB, punctuation, non-ASCII). */
const kinds: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (/[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte))) return tokenKind;
  return (byte < blank && byte !== 0x09) || byte === 0x7f ? controlKind : 0;
});
