/**
 * PROXY protocol headers, right and wrong, with what each must be taken for; and a second reader to compare with.
 *
 * The second reader is written for whole headers only, with other means: regular expressions, `node:net`, `Buffer`.
 * @see https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt §2
 */
import { isIPv4, isIPv6 } from 'node:net';
import type { ProxyHeader } from '../../src/protocols/proxy-protocol/header.ts';
import { readProxyHeader } from '../../src/protocols/proxy-protocol/reader.ts';
import { concat } from '../support/tls-hello.ts';

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

const signature = ascii('\r\n\r\n\0\r\nQUIT\n');

/** Version 2 with these two bytes after the signature, and the length of what follows unless it is to lie. */
export function binary(command: number, family: number, parts: readonly Uint8Array[], lie?: number): Uint8Array {
  const payload = concat(parts);
  const length = lie ?? payload.length;
  return concat([signature, Uint8Array.of(command, family, length >>> 8, length & 255), payload]);
}

export function tlv(type: number, value: Uint8Array | string, lie?: number): Uint8Array {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  const length = lie ?? bytes.length;
  return concat([Uint8Array.of(type, length >>> 8, length & 255), bytes]);
}

/** 192.0.2.7:51000 to 198.51.100.1:443 */
export const inet = Uint8Array.of(192, 0, 2, 7, 198, 51, 100, 1, 0xc7, 0x38, 1, 0xbb);
/** 2001:db8::7, port 51000, to 2001:db8::1, port 443 */
export const inet6 = concat([
  Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7),
  Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
  Uint8Array.of(0xc7, 0x38, 1, 0xbb),
]);
const mapped = concat([
  Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7),
  inet6.subarray(16, 32),
  inet6.subarray(32),
]);

export function path(text: string): Uint8Array {
  const bytes = new Uint8Array(108);
  bytes.set(new TextEncoder().encode(text));
  return bytes;
}

const tlsBytes = (flags: number, ...parts: readonly Uint8Array[]) =>
  concat([Uint8Array.of(flags, 0, 0, 0, 0), ...parts]);

export interface ProxySample {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The client's address as `host port`, `-` for none; or what else it is. */
  readonly is: string;
  /** A part of why it is refused. */
  readonly why?: string;
}

const line = (name: string, text: string, is: string, why?: string): ProxySample => ({
  name: `v1 ${name}`,
  bytes: ascii(text),
  is,
  ...(why === undefined ? {} : { why }),
});
const bad = (name: string, text: string, why: string) => line(name, text, 'malformed', why);
const two = (name: string, bytes: Uint8Array, is: string, why?: string): ProxySample => ({
  name: `v2 ${name}`,
  bytes,
  is,
  ...(why === undefined ? {} : { why }),
});
const worse = (name: string, bytes: Uint8Array, why: string) => two(name, bytes, 'malformed', why);
const withTlvs = (...parts: readonly Uint8Array[]) => binary(0x21, 0x11, [inet, ...parts]);

const client = '192.0.2.7 51000';
const client6 = '2001:db8::7 51000';
const long = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
const unknown105 = `PROXY UNKNOWN ${'x'.repeat(91)}`;

export const proxyCorpus: readonly ProxySample[] = [
  line('TCP4', 'PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\n', client),
  line('TCP4 and payload', 'PROXY TCP4 192.0.2.7 198.51.100.1 51000 443\r\nGET / HTTP/1.1\r\n', client),
  line('the longest TCP4', 'PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n', '255.255.255.255 65535'),
  line('the least TCP4', 'PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n', '0.0.0.0 0'),
  line('TCP6', 'PROXY TCP6 2001:db8::7 2001:db8::1 51000 443\r\n', client6),
  line('TCP6 in full and in capitals', 'PROXY TCP6 2001:0DB8:0:0:0:0:0:0007 ::1 51000 443\r\n', client6),
  line('the longest TCP6', `PROXY TCP6 ${long} ${long} 65535 65535\r\n`, `${long} 65535`),
  line('a mapped address', 'PROXY TCP6 ::ffff:c000:207 ::1 51000 443\r\n', client),
  line('a mapped address with dots', 'PROXY TCP6 ::FFFF:192.0.2.7 ::1 51000 443\r\n', client),
  line('UNKNOWN', 'PROXY UNKNOWN\r\n', '-'),
  line('UNKNOWN and addresses', `PROXY UNKNOWN ${long} ${long} 65535 65535\r\n`, '-'),
  line('UNKNOWN and anything', 'PROXY UNKNOWN  \0 1.2.3.4 TCP4\tPROXY\r\n', '-'),
  line('UNKNOWN of 107 bytes', `${unknown105}\r\n`, '-'),
  bad('UNKNOWN of 108 bytes', `${unknown105}x\r\n`, 'longer than 107'),
  bad('UNKNOWN without an end', `${unknown105}xxxxxxxxxxxxxxxxxxx`, 'longer than 107'),
  bad('UNKNOWN with a lone LF', 'PROXY UNKNOWN a\nb\r\n', 'CR LF'),
  bad('UNKNOWN with a lone CR', 'PROXY UNKNOWN a\rb\r\n', 'CR LF'),
  bad('UNKNOWNS', 'PROXY UNKNOWNS\r\n', 'not TCP4'),
  bad('no protocol', 'PROXY \r\n', 'not TCP4'),
  bad('no space', 'PROXYTCP4 1.1.1.1', 'one space'),
  bad('a tab', 'PROXY\tTCP4 1.1.1.1 2.2.2.2 1 2\r\n', 'one space'),
  bad('nothing', 'PROXY\r\n', 'one space'),
  bad('UDP4', 'PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n', 'not TCP4'),
  bad('lower case', 'PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n', 'not TCP4'),
  bad('two spaces before the protocol', 'PROXY  TCP4 1.1.1.1 2.2.2.2 1 2\r\n', 'not TCP4'),
  bad('two spaces before the source', 'PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n', 'source address'),
  bad('two spaces before the port', 'PROXY TCP4 1.1.1.1 2.2.2.2  1 2\r\n', 'source port'),
  bad('a space at the end', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n', 'follows'),
  bad('a fifth field', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n', 'follows'),
  bad('no destination', 'PROXY TCP4 1.1.1.1\r\n', 'lacks'),
  bad('no destination port', 'PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n', 'lacks'),
  bad('an empty destination port', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 \r\n', 'destination port'),
  bad('no fields', 'PROXY TCP4\r\n', 'lacks'),
  bad('a lone LF', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n', 'CR LF'),
  bad('a lone CR', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 2\rG', 'CR LF'),
  bad('a NUL', 'PROXY TCP4 1.1.1.1\0 2.2.2.2 1 2\r\n', 'source address'),
  bad('256', 'PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n', 'source address'),
  bad('a leading zero', 'PROXY TCP4 1.1.1.01 2.2.2.2 1 2\r\n', 'source address'),
  bad('three numbers', 'PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n', 'source address'),
  bad('five numbers', 'PROXY TCP4 1.1.1.1.1 2.2.2.2 1 2\r\n', 'source address'),
  bad('hexadecimal', 'PROXY TCP4 0x1.1.1.1 2.2.2.2 1 2\r\n', 'source address'),
  bad('a wrong destination', 'PROXY TCP4 1.1.1.1 2.2.2.256 1 2\r\n', 'destination address'),
  bad('IPv6 in TCP4', 'PROXY TCP4 ::1 2.2.2.2 1 2\r\n', 'source address'),
  bad('IPv4 in TCP6', 'PROXY TCP6 1.1.1.1 ::1 1 2\r\n', 'source address'),
  bad('IPv4 as the destination in TCP6', 'PROXY TCP6 ::1 1.1.1.1 1 2\r\n', 'destination address'),
  bad('a zone', 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n', 'source address'),
  bad('a zone of digits', 'PROXY TCP6 fe80::1%1 ::1 1 2\r\n', 'source address'),
  bad('brackets', 'PROXY TCP6 [::1] ::1 1 2\r\n', 'source address'),
  bad('three colons', 'PROXY TCP6 1:::2 ::1 1 2\r\n', 'source address'),
  bad('two double colons', 'PROXY TCP6 1::2::3 ::1 1 2\r\n', 'source address'),
  bad('seven groups', 'PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n', 'source address'),
  bad('nine groups', 'PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n', 'source address'),
  bad('five digits', 'PROXY TCP6 12345::1 ::1 1 2\r\n', 'source address'),
  bad('a mapped address with a leading zero', 'PROXY TCP6 ::ffff:1.2.3.04 ::1 1 2\r\n', 'source address'),
  bad('port 65536', 'PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n', 'source port'),
  bad('port 00', 'PROXY TCP4 1.1.1.1 2.2.2.2 00 2\r\n', 'source port'),
  bad('port 080', 'PROXY TCP4 1.1.1.1 2.2.2.2 1 080\r\n', 'destination port'),
  bad('a negative port', 'PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n', 'source port'),
  bad('a port with a sign', 'PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n', 'source port'),
  bad('a port of 60 digits', `PROXY TCP4 1.1.1.1 2.2.2.2 ${'1'.repeat(60)} 2\r\n`, 'source port'),
  line('HTTP', 'GET / HTTP/1.1\r\n\r\n', 'none'),
  line('POST', 'POST / HTTP/1.1\r\n\r\n', 'none'),
  line('proxy', 'proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n', 'none'),
  line('an empty line first', '\r\nPROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n', 'none'),

  two('TCP over IPv4', binary(0x21, 0x11, [inet]), client),
  two('and payload', concat([binary(0x21, 0x11, [inet]), ascii('GET /')]), client),
  two('UDP over IPv4', binary(0x21, 0x12, [inet]), client),
  two('TCP over IPv6', binary(0x21, 0x21, [inet6]), client6),
  two('UDP over IPv6', binary(0x21, 0x22, [inet6]), client6),
  two('a mapped address', binary(0x21, 0x21, [mapped]), client),
  two('UNIX', binary(0x21, 0x31, [path('/run/a'), path('/run/b')]), '-'),
  two('UNIX, abstract and unnamed', binary(0x21, 0x32, [path('\0abstract'), path('')]), '-'),
  two('LOCAL', binary(0x20, 0, []), '-'),
  two('LOCAL with addresses', binary(0x20, 0x11, [inet]), '-'),
  two('LOCAL of IPv4 without addresses', binary(0x20, 0x11, []), '-'),
  two('LOCAL with a family that does not exist', binary(0x20, 0xff, [Uint8Array.of(1, 2, 3)]), '-'),
  two('PROXY of an unspecified family', binary(0x21, 0, []), '-'),
  two('PROXY of an unspecified family with bytes', binary(0x21, 0, [Uint8Array.of(9, 9, 9, 9)]), '-'),
  two('IPv4 over an unspecified transport', binary(0x21, 0x10, [inet, Uint8Array.of(9)]), '-'),
  two('known values', withTlvs(tlv(1, 'h2'), tlv(2, 'a.example'), tlv(5, 'id'), tlv(0x30, 'blue')), client),
  two('unknown values', withTlvs(tlv(0xe0, 'x'), tlv(0xe0, 'y'), tlv(4, 'pad'), tlv(4, '')), client),
  two('TLS', withTlvs(tlv(0x20, tlsBytes(7, tlv(0x21, 'TLSv1.3'), tlv(0x22, 'Zoë'), tlv(0x2f, 'x')))), client),
  two('a checksum', withTlvs(tlv(3, Uint8Array.of(0x1c, 0x1f, 0xc9, 0x5c))), 'checksum'),
  two('a unique id of 128 bytes', withTlvs(tlv(5, new Uint8Array(128))), client),
  worse('version 1', binary(0x11, 0x11, [inet]), 'version 2'),
  worse('version 3', binary(0x31, 0x11, [inet]), 'version 2'),
  worse('command 2', binary(0x22, 0x11, [inet]), 'neither LOCAL'),
  worse('family 4', binary(0x21, 0x41, [inet]), 'family'),
  worse('transport 3', binary(0x21, 0x13, [inet]), 'transport'),
  worse('too short for IPv4', binary(0x21, 0x11, [inet.subarray(1)]), 'too short'),
  worse('too short for IPv6', binary(0x21, 0x21, [inet6.subarray(1)]), 'too short'),
  worse('too short for UNIX', binary(0x21, 0x31, [path('a')]), 'too short'),
  worse('no addresses', binary(0x21, 0x11, []), 'too short'),
  worse('4097 bytes', binary(0x21, 0x11, [inet, tlv(4, new Uint8Array(4_066))]), 'longer than allowed'),
  two('4096 bytes', binary(0x21, 0x11, [inet, tlv(4, new Uint8Array(4_065))]), client),
  worse('64 KiB announced', binary(0x21, 0x11, [inet], 65_535), 'longer than allowed'),
  worse('LOCAL of 64 KiB', binary(0x20, 0, [], 65_535), 'longer than allowed'),
  worse('one byte behind the addresses', withTlvs(Uint8Array.of(1)), 'does not end'),
  worse('two bytes behind the addresses', withTlvs(Uint8Array.of(1, 0)), 'does not end'),
  worse('a value that is too long', withTlvs(tlv(0xe0, 'abc', 4)), 'does not end'),
  worse('a value of 64 KiB', withTlvs(tlv(1, 'abc', 65_535)), 'does not end'),
  worse('a wrong checksum', withTlvs(tlv(3, Uint8Array.of(0, 0, 0, 0))), 'checksum of the PROXY header is wrong'),
  worse('a checksum of three bytes', withTlvs(tlv(3, Uint8Array.of(0, 0, 0))), 'four bytes'),
  worse('a checksum of five bytes', withTlvs(tlv(3, new Uint8Array(5))), 'four bytes'),
  worse('two checksums', withTlvs(tlv(3, new Uint8Array(4)), tlv(3, new Uint8Array(4))), 'twice'),
  worse('two host names', withTlvs(tlv(2, 'a.example'), tlv(2, 'b.example')), 'twice'),
  worse('a unique id of 129 bytes', withTlvs(tlv(5, new Uint8Array(129))), '128'),
  worse('a host name with a line feed', withTlvs(tlv(2, 'a\nb')), 'printable'),
  worse('a host name that is not UTF-8', withTlvs(tlv(2, Uint8Array.of(0xc3, 0x28))), 'printable'),
  worse('a TLS value of four bytes', withTlvs(tlv(0x20, new Uint8Array(4))), 'too short'),
  worse('a value inside TLS that is too long', withTlvs(tlv(0x20, tlsBytes(1, tlv(0x21, 'a', 2)))), 'does not end'),
  worse(
    'a value inside TLS that reaches into the next',
    withTlvs(tlv(0x20, tlsBytes(1, tlv(0x21, 'a', 2))), tlv(4, 'pad')),
    'does not end',
  ),
  worse('two TLS versions', withTlvs(tlv(0x20, tlsBytes(1, tlv(0x21, 'a'), tlv(0x21, 'b')))), 'twice'),
  worse('a common name with an escape', withTlvs(tlv(0x20, tlsBytes(1, tlv(0x22, '\u001b[2J')))), 'printable'),
  two('half a signature and more', ascii('\r\n\r\n\0\r\nQUIX\n!!!!!'), 'none'),
];

/** The header at the start of these bytes, which is there. */
export function headerIn(bytes: Uint8Array): ProxyHeader {
  const read = readProxyHeader(bytes, false);
  if (read.verdict !== 'header') throw new Error(`no header: ${JSON.stringify(read)}`);
  return read.header;
}

/** `host port`, `-` for none. */
export function clientOf({ source }: ProxyHeader): string {
  return source === null ? '-' : `${source.host} ${source.port}`;
}

/** The client's address as the second reader finds it in a whole header; null where it finds none to believe. */
export function secondOpinion(bytes: Uint8Array): string | null {
  return bytes[0] === 0x50 ? secondText(bytes) : secondBinary(Buffer.from(bytes));
}

function secondText(bytes: Uint8Array): string | null {
  const text = Buffer.from(bytes.subarray(0, 107)).toString('latin1');
  const found = /^PROXY (TCP4|TCP6) ([^ ]+) ([^ ]+) (\d{1,5}) (\d{1,5})\r\n/.exec(text);
  if (found === null) return null;
  const [, kind, source = '', destination = '', ...ports] = found;
  const isAddress = kind === 'TCP4' ? isIPv4 : isIPv6;
  if (!isAddress(source) || !isAddress(destination) || /%/.test(source + destination)) return null;
  if (ports.some((port) => String(Number(port)) !== port || Number(port) > 65_535)) return null;
  return `${kind === 'TCP4' ? source : secondIpv6(source)} ${ports[0]}`;
}

function secondBinary(bytes: Buffer): string | null {
  if (bytes.length < 28 || bytes.subarray(0, 12).compare(signature) !== 0 || bytes[12] !== 0x21) return null;
  const family = bytes[13] ?? 0;
  const width = family === 0x11 || family === 0x12 ? 4 : family === 0x21 || family === 0x22 ? 16 : 0;
  if (width === 0 || bytes.length < 16 + 2 * width + 4) return null;
  const address = bytes.subarray(16, 16 + width);
  const groups = (address.toString('hex').match(/.{4}/g) ?? []).join(':');
  return `${width === 4 ? address.join('.') : secondIpv6(groups)} ${bytes.readUInt16BE(16 + 2 * width)}`;
}

/** The WHATWG parser writes IPv6 as RFC 5952 does; a mapped address is written as the IPv4 address it is. */
function secondIpv6(text: string): string {
  const written = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const found = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(written);
  if (found === null) return written;
  return found
    .slice(1)
    .flatMap((group) => [Number.parseInt(group, 16) >>> 8, Number.parseInt(group, 16) & 255])
    .join('.');
}
