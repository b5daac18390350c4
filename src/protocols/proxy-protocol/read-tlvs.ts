/**
 * The values behind the addresses of a version 2 header, each with a type and a length.
 *
 * Decides strictly, because a value that two readers take differently is a way around the second: every length must fit
 * exactly into the one around it, what is known may stand there once, texts are printable UTF-8, and a checksum must be
 * right. Types that are not known are kept as they are; padding is dropped.
 * Must never do: keep a view of the bytes it was given. @see proxy-protocol.txt §2.2
 */
import { byteAt, textOf, uint16At, uint32At, unchanged } from '../bytes.ts';
import { crc32c } from './crc32c.ts';
import { noTlvs, tlsFlags, tlvTypes, uniqueIdMax, type ProxyTls, type ProxyTlv, type ProxyTlvs } from './header.ts';
import { malformedProxy, type MalformedProxy } from './verdict.ts';

const wrongLength = malformedProxy('a value of the PROXY header does not end where the header ends');
const twice = malformedProxy('a value of the PROXY header stands there twice');
const wrongChecksumLength = malformedProxy('the checksum of the PROXY header is not four bytes long');
const wrongChecksum = malformedProxy('the checksum of the PROXY header is wrong');
const longUniqueId = malformedProxy(`the unique id of the PROXY header is longer than ${uniqueIdMax} bytes`);
const unprintable = malformedProxy('a text of the PROXY header is not printable UTF-8');
const shortTls = malformedProxy('the TLS value of the PROXY header is too short');

/** A value, where it lies. */
interface Place {
  readonly type: number;
  readonly start: number;
  readonly end: number;
}

/** @param bytes the whole header and nothing else. @param start where its values begin. */
export function readTlvs(bytes: Uint8Array, start: number): ProxyTlvs | MalformedProxy {
  if (start === bytes.length) return noTlvs;
  const places = placesIn(bytes, start, bytes.length, isSingle);
  if ('verdict' in places) return places;
  const checksum = places.find(({ type }) => type === tlvTypes.checksum);
  if (checksum !== undefined) {
    if (checksum.end - checksum.start !== 4) return wrongChecksumLength;
    if (crc32c(bytes, checksum.start) !== uint32At(bytes, checksum.start)) return wrongChecksum;
  }
  return valuesOf(bytes, places, checksum !== undefined);
}

function valuesOf(bytes: Uint8Array, places: readonly Place[], hasChecksum: boolean): ProxyTlvs | MalformedProxy {
  const find = (wanted: number): Place | null => places.find(({ type }) => type === wanted) ?? null;
  const [alpn, uniqueId] = [find(tlvTypes.alpn), find(tlvTypes.uniqueId)];
  if (uniqueId !== null && uniqueId.end - uniqueId.start > uniqueIdMax) return longUniqueId;
  const authority = printable(bytes, find(tlvTypes.authority));
  const namespace = printable(bytes, find(tlvTypes.namespace));
  if (authority === false || namespace === false) return unprintable;
  const tls = readTls(bytes, find(tlvTypes.tls));
  if (tls !== null && 'verdict' in tls) return tls;
  return {
    alpn: alpn === null ? null : textOf(bytes, alpn.start, alpn.end, unchanged),
    authority,
    uniqueId: uniqueId === null ? null : copyOf(bytes, uniqueId),
    tls,
    namespace,
    hasChecksum,
    others: othersOf(bytes, places, isKnown),
  };
}

function readTls(bytes: Uint8Array, place: Place | null): ProxyTls | MalformedProxy | null {
  if (place === null) return null;
  if (place.end - place.start < 5) return shortTls;
  const places = placesIn(bytes, place.start + 5, place.end, isKnownOfTls);
  if ('verdict' in places) return places;
  const text = (wanted: number) => printable(bytes, places.find(({ type }) => type === wanted) ?? null);
  const [version, commonName, cipher] = [text(tlvTypes.tlsVersion), text(tlvTypes.commonName), text(tlvTypes.cipher)];
  const [signatureAlgorithm, keyAlgorithm] = [text(tlvTypes.signatureAlgorithm), text(tlvTypes.keyAlgorithm)];
  if (version === false || commonName === false || cipher === false) return unprintable;
  if (signatureAlgorithm === false || keyAlgorithm === false) return unprintable;
  const flags = byteAt(bytes, place.start);
  return {
    isSecured: (flags & tlsFlags.isSecured) !== 0,
    hasCertificate: (flags & tlsFlags.hasCertificate) !== 0,
    hadCertificate: (flags & tlsFlags.hadCertificate) !== 0,
    verifyResult: uint32At(bytes, place.start + 1),
    version,
    commonName,
    cipher,
    signatureAlgorithm,
    keyAlgorithm,
    others: othersOf(bytes, places, isKnownOfTls),
  };
}

/** Every value from `start` to `end`, which they must fill exactly. `isOnce`: the types that may stand there once. */
function placesIn(
  bytes: Uint8Array,
  start: number,
  end: number,
  isOnce: (type: number) => boolean,
): readonly Place[] | MalformedProxy {
  const places: Place[] = [];
  const seen = new Set<number>();
  let next = start;
  while (next < end) {
    const [type, valueStart] = [byteAt(bytes, next), next + 3];
    if (valueStart + uint16At(bytes, next + 1) > end) return wrongLength;
    next = valueStart + uint16At(bytes, next + 1);
    if (isOnce(type) && seen.has(type)) return twice;
    seen.add(type);
    places.push({ type, start: valueStart, end: next });
  }
  return places;
}

const known: ReadonlySet<number> = new Set([
  tlvTypes.alpn,
  tlvTypes.authority,
  tlvTypes.checksum,
  tlvTypes.padding,
  tlvTypes.uniqueId,
  tlvTypes.tls,
  tlvTypes.namespace,
]);

const knownOfTls: ReadonlySet<number> = new Set([
  tlvTypes.tlsVersion,
  tlvTypes.commonName,
  tlvTypes.cipher,
  tlvTypes.signatureAlgorithm,
  tlvTypes.keyAlgorithm,
]);

function isKnown(type: number): boolean {
  return known.has(type);
}

function isSingle(type: number): boolean {
  return known.has(type) && type !== tlvTypes.padding;
}

function isKnownOfTls(type: number): boolean {
  return knownOfTls.has(type);
}

function othersOf(
  bytes: Uint8Array,
  places: readonly Place[],
  isTaken: (type: number) => boolean,
): readonly ProxyTlv[] {
  return places
    .filter(({ type }) => !isTaken(type))
    .map((place) => ({ type: place.type, value: copyOf(bytes, place) }));
}

/** `slice` would be a view where the bytes are a Buffer. */
function copyOf(bytes: Uint8Array, { start, end }: Place): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Null where there is none, false where it is no text that may be shown. */
function printable(bytes: Uint8Array, place: Place | null): string | null | false {
  if (place === null) return null;
  const text = decoded(bytes.subarray(place.start, place.end));
  return text !== null && isPrintable(text) ? text : false;
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** True exactly when the text has no control character (U+0000 to U+001F, U+007F to U+009F). */
export function isPrintable(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}
