/**
 * Version 2 of the PROXY protocol: 16 fixed bytes, addresses, then values with type and length.
 *
 * Decides as soon as a byte is wrong for certain: version and command, family and transport, then the length against the
 * bound and against the addresses; the rest when all of it is there. `LOCAL` makes everything behind the length
 * meaningless, the family included. An unspecified family or transport leaves the addresses out; what follows an
 * unspecified family is read as values where it reads as values, and ignored otherwise, as it may be addresses.
 * Must never do: trust a length before it is checked against the one around it, or read behind the header.
 */
import { addressOfIpv4Bytes, addressOfIpv6Bytes } from '../../routing/ip-address.ts';
import { byteAt, uint16At } from '../bytes.ts';
import {
  addressLengths,
  fixedLength,
  noTlvs,
  pathLength,
  type ProxyFamily,
  type ProxyHeader,
  type ProxyTlvs,
} from './header.ts';
import { readTlvs } from './read-tlvs.ts';
import { endedEarly, malformedProxy, moreProxy, type MalformedProxy, type ProxyVerdict } from './verdict.ts';

const wrongVersion = malformedProxy('the PROXY header is not of version 2');
const wrongCommand = malformedProxy('the command of the PROXY header is neither LOCAL nor PROXY');
const wrongFamily = malformedProxy('the address family of the PROXY header is unknown');
const wrongTransport = malformedProxy('the transport protocol of the PROXY header is unknown');
const tooLong = malformedProxy('the PROXY header is longer than allowed');
const tooShort = malformedProxy('the PROXY header is too short for the addresses of its family');

/** @param prefix that begins with the signature. */
export function readBinary(prefix: Uint8Array, ended: boolean, bytesMax: number): ProxyVerdict {
  const problem = problemOfFixedPart(prefix, bytesMax);
  if (problem !== null) return problem;
  const end = fixedLength + uint16At(prefix, 14);
  if (prefix.length < fixedLength || prefix.length < end) return ended ? endedEarly : moreProxy;
  const header = isLocal(prefix) ? local : readPayload(prefix.subarray(0, end));
  return 'verdict' in header ? header : { verdict: 'header', header, consumed: end };
}

const families: readonly ProxyFamily[] = ['unspecified', 'inet', 'inet6', 'unix'];
const transports = ['unspecified', 'stream', 'dgram'] as const;

/** Looks at every byte that is there, in order. */
function problemOfFixedPart(prefix: Uint8Array, bytesMax: number): MalformedProxy | null {
  if (prefix.length < 13) return null;
  if (byteAt(prefix, 12) >>> 4 !== 2) return wrongVersion;
  if ((byteAt(prefix, 12) & 15) > 1) return wrongCommand;
  if (prefix.length < 14) return null;
  if (!isLocal(prefix)) {
    if (byteAt(prefix, 13) >>> 4 >= families.length) return wrongFamily;
    if ((byteAt(prefix, 13) & 15) >= transports.length) return wrongTransport;
  }
  if (prefix.length < fixedLength) return null;
  const length = uint16At(prefix, 14);
  if (fixedLength + length > bytesMax) return tooLong;
  return !isLocal(prefix) && length < addressLengths[shapeOf(prefix).family] ? tooShort : null;
}

function isLocal(prefix: Uint8Array): boolean {
  return (byteAt(prefix, 12) & 15) === 0;
}

/** What the 14th byte says; both parts unspecified where one is. */
function shapeOf(prefix: Uint8Array): Pick<ProxyHeader, 'family' | 'transport'> {
  const family = families[byteAt(prefix, 13) >>> 4] ?? 'unspecified';
  const transport = transports[byteAt(prefix, 13) & 15] ?? 'unspecified';
  return family === 'unspecified' || transport === 'unspecified' ? nowhere : { family, transport };
}

const nowhere = { family: 'unspecified', transport: 'unspecified' } as const;

const local: ProxyHeader = {
  version: 2,
  command: 'local',
  ...nowhere,
  source: null,
  destination: null,
  paths: null,
  tlvs: noTlvs,
};

/** @param bytes the whole header and nothing else. */
function readPayload(bytes: Uint8Array): ProxyHeader | MalformedProxy {
  const { family, transport } = shapeOf(bytes);
  const tlvs =
    family === 'unspecified' ? tlvsOfUnspecified(bytes) : readTlvs(bytes, fixedLength + addressLengths[family]);
  if ('verdict' in tlvs) return tlvs;
  const [source, destination] = addressesOf(bytes, family);
  return { version: 2, command: 'proxy', family, transport, source, destination, paths: pathsOf(bytes, family), tlvs };
}

/** Behind a family, or before addresses that cannot be told from values, only what reads as values is taken for them. */
function tlvsOfUnspecified(bytes: Uint8Array): ProxyTlvs {
  if (byteAt(bytes, 13) >>> 4 !== 0) return noTlvs;
  const tlvs = readTlvs(bytes, fixedLength);
  return 'verdict' in tlvs ? noTlvs : tlvs;
}

function addressesOf(bytes: Uint8Array, family: ProxyFamily): readonly [ProxyHeader['source'], ProxyHeader['source']] {
  if (family !== 'inet' && family !== 'inet6') return [null, null];
  const width = family === 'inet' ? 4 : 16;
  const addressAt = (end: 0 | 1) => {
    const start = fixedLength + end * width;
    const host = family === 'inet' ? addressOfIpv4Bytes(bytes, start) : addressOfIpv6Bytes(bytes, start);
    return { host, port: uint16At(bytes, fixedLength + 2 * width + 2 * end) };
  };
  return [addressAt(0), addressAt(1)];
}

function pathsOf(bytes: Uint8Array, family: ProxyFamily): ProxyHeader['paths'] {
  if (family !== 'unix') return null;
  return { source: pathAt(bytes, fixedLength), destination: pathAt(bytes, fixedLength + pathLength) };
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/** Up to the first NUL; where that is the first byte, it is an abstract name up to the NULs at its end. */
function pathAt(bytes: Uint8Array, start: number): string {
  const field = bytes.subarray(start, start + pathLength);
  let end = field.indexOf(0);
  if (end < 0) end = field.length;
  if (end === 0) {
    end = field.length;
    while (end > 0 && byteAt(field, end - 1) === 0) end -= 1;
  }
  return lenient.decode(field.subarray(0, end));
}
