/**
 * Writes a PROXY protocol header, to be sent before anything else and in one piece.
 *
 * Decides the family: IPv4 where both addresses are, else IPv6 with an IPv4 address mapped into it, else UNIX paths where
 * they are given. Where one address is unknown, the header says nothing: `PROXY UNKNOWN` in version 1, `LOCAL` in version
 * 2, which every receiver must accept. Facts that a receiver would refuse (a text with control characters or of more than
 * 255 bytes, a unique id of more than 128) are left out, because they may come from a client.
 * Must never do: throw. Law: the reader reads what is written.
 */
import { addressBytes, addressOfIpv4Bytes, addressOfIpv6Bytes } from '../../routing/ip-address.ts';
import { byteAt } from '../bytes.ts';
import { crc32c } from './crc32c.ts';
import {
  familyNumbers,
  fixedLength,
  pathLength,
  signature,
  tlsFlags,
  tlvTypes,
  uniqueIdMax,
  type ProxyPaths,
  type ProxyTls,
} from './header.ts';
import { isPrintable } from './read-tlvs.ts';

/** Whose connection it is. Hosts in any spelling of an address; null, or anything else than an address, is unknown. */
export interface ProxyAddresses {
  readonly source: { readonly host: string; readonly port: number } | null;
  readonly destination: { readonly host: string; readonly port: number } | null;
  /** For a connection over a UNIX socket; looked at only where the addresses are unknown. Absent = none. */
  readonly paths?: ProxyPaths | null;
}

/** What version 2 tells beside the addresses; each may be left out. */
export interface ProxyFacts {
  /** One character a byte. */
  readonly alpn?: string | null;
  readonly authority?: string | null;
  readonly uniqueId?: Uint8Array | null;
  readonly tls?: Omit<ProxyTls, 'others'> | null;
  readonly hasChecksum?: boolean;
}

export function writeProxyText(addresses: ProxyAddresses): Uint8Array {
  const ends = endsOf(addresses);
  if (ends === null) return ascii('PROXY UNKNOWN\r\n');
  const { source, destination, isIpv4 } = ends;
  const texts = [source, destination].map((bytes) => (isIpv4 ? addressOfIpv4Bytes(bytes, 0) : ipv6Text(bytes)));
  return ascii(`PROXY ${isIpv4 ? 'TCP4' : 'TCP6'} ${texts.join(' ')} ${ends.ports.join(' ')}\r\n`);
}

/** @param facts not told where the addresses are unknown, because nothing behind `LOCAL` may be read. */
export function writeProxyBinary(addresses: ProxyAddresses, facts: ProxyFacts = {}): Uint8Array {
  const block = blockOf(addresses);
  if (block === null) return header(0, familyNumbers.unspecified, []);
  const checksum = facts.hasChecksum === true ? [tlv(tlvTypes.checksum, new Uint8Array(4))] : [];
  const written = header(1, block.family, [block.bytes, ...checksum, ...tlvsOf(facts)]);
  if (facts.hasChecksum === true) {
    const start = fixedLength + block.bytes.length + 3;
    written.set(uint32(crc32c(written, start)), start);
  }
  return written;
}

interface Ends {
  /** Four bytes each where both are IPv4, else 16. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly isIpv4: boolean;
  readonly ports: readonly [number, number];
}

function endsOf({ source, destination }: ProxyAddresses): Ends | null {
  if (source === null || destination === null || !isPort(source.port) || !isPort(destination.port)) return null;
  const [from, to] = [addressBytes(source.host), addressBytes(destination.host)];
  if (from === null || to === null) return null;
  const isIpv4 = from.length === 4 && to.length === 4;
  const ports = [source.port, destination.port] as const;
  return isIpv4
    ? { source: from, destination: to, isIpv4, ports }
    : { source: mapped(from), destination: mapped(to), isIpv4, ports };
}

function isPort(port: number): boolean {
  return Number.isInteger(port) && port >= 0 && port <= 65_535;
}

/** RFC 4291 §2.5.5.2 */
function mapped(address: Uint8Array): Uint8Array {
  if (address.length === 16) return address;
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0xff], 10);
  bytes.set(address, 12);
  return bytes;
}

/** In hexadecimal groups, also where it is a mapped address: the specification knows no other form. */
function ipv6Text(bytes: Uint8Array): string {
  const text = addressOfIpv6Bytes(bytes, 0);
  if (text.includes(':')) return text;
  const group = (start: number) => ((byteAt(bytes, start) << 8) | byteAt(bytes, start + 1)).toString(16);
  return `::ffff:${group(12)}:${group(14)}`;
}

interface Block {
  readonly family: number;
  readonly bytes: Uint8Array;
}

function blockOf(addresses: ProxyAddresses): Block | null {
  const ends = endsOf(addresses);
  if (ends !== null) {
    const ports = ends.ports.map((port) => Uint8Array.of(port >>> 8, port & 255));
    const family = ends.isIpv4 ? familyNumbers.inet : familyNumbers.inet6;
    return { family, bytes: concat([ends.source, ends.destination, ...ports]) };
  }
  const paths = addresses.paths ?? null;
  if (paths === null) return null;
  const [source, destination] = [pathBytes(paths.source), pathBytes(paths.destination)];
  if (source === null || destination === null) return null;
  return { family: familyNumbers.unix, bytes: concat([source, destination]) };
}

/** Null where it does not fit. */
function pathBytes(path: string): Uint8Array | null {
  const text = encoder.encode(path);
  if (text.length > pathLength) return null;
  const bytes = new Uint8Array(pathLength);
  bytes.set(text);
  return bytes;
}

function tlvsOf({ alpn = null, authority = null, uniqueId = null, tls = null }: ProxyFacts): readonly Uint8Array[] {
  return [
    alpn === null || alpn.length > textBytesMax || /[^\0-\xff]/.test(alpn) ? null : tlv(tlvTypes.alpn, ascii(alpn)),
    textTlv(tlvTypes.authority, authority),
    uniqueId === null || uniqueId.length > uniqueIdMax ? null : tlv(tlvTypes.uniqueId, uniqueId),
    tls === null ? null : tlv(tlvTypes.tls, tlsValue(tls)),
  ].filter((one) => one !== null);
}

function tlsValue(tls: Omit<ProxyTls, 'others'>): Uint8Array {
  const flags =
    (tls.isSecured ? tlsFlags.isSecured : 0) |
    (tls.hasCertificate ? tlsFlags.hasCertificate : 0) |
    (tls.hadCertificate ? tlsFlags.hadCertificate : 0);
  const texts = [
    textTlv(tlvTypes.tlsVersion, tls.version),
    textTlv(tlvTypes.commonName, tls.commonName),
    textTlv(tlvTypes.cipher, tls.cipher),
    textTlv(tlvTypes.signatureAlgorithm, tls.signatureAlgorithm),
    textTlv(tlvTypes.keyAlgorithm, tls.keyAlgorithm),
  ].filter((one) => one !== null);
  return concat([Uint8Array.of(flags), uint32(tls.verifyResult), ...texts]);
}

const textBytesMax = 255;
const encoder = new TextEncoder();

function textTlv(type: number, text: string | null): Uint8Array | null {
  if (text === null || !isPrintable(text)) return null;
  const bytes = encoder.encode(text);
  return bytes.length > textBytesMax ? null : tlv(type, bytes);
}

function tlv(type: number, value: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(type, value.length >>> 8, value.length & 255), value]);
}

/** Over a stream: what is forwarded came over one. */
function header(command: 0 | 1, family: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const transport = family === familyNumbers.unspecified ? 0 : 1;
  return concat([
    ascii(signature),
    Uint8Array.of(0x20 | command, (family << 4) | transport, length >>> 8, length & 255),
    ...parts,
  ]);
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let start = 0;
  for (const part of parts) {
    whole.set(part, start);
    start += part.length;
  }
  return whole;
}
