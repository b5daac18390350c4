/**
 * Version 1 of the PROXY protocol: one line of text.
 *
 * Decides strictly and from left to right, so that the first problem is the same however the line was cut: exactly one
 * space between fields, decimal numbers without leading zeros, addresses of the family that was announced, CR LF within
 * 107 bytes. `UNKNOWN` may be followed by anything, which is ignored.
 * Must never do: take a lone CR or LF for the end of the line, or a zone id for part of an address.
 */
import { canonicalAddress } from '../../routing/ip-address.ts';
import { byteAt, compareText, textOf, unchanged } from '../bytes.ts';
import { noTlvs, type ProxyHeader } from './header.ts';
import { endedEarly, malformedProxy, moreProxy, type MalformedProxy, type ProxyVerdict } from './verdict.ts';

/** CR LF included (§2.1). */
const lineLengthMax = 107;
const preface = 'PROXY';
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/** True exactly when the bytes can only be version 1. */
export function isTextPreface(prefix: Uint8Array): boolean {
  return compareText(prefix, 0, preface) === 'equal';
}

const wrongPreface = malformedProxy('PROXY is not followed by one space');
const tooLong = malformedProxy(`the PROXY line is longer than ${lineLengthMax} bytes`);
const wrongEnd = malformedProxy('the PROXY line does not end with CR LF');
const endsTooSoon = malformedProxy('the PROXY line lacks a field');
const wrongProtocol = malformedProxy('the protocol of the PROXY line is not TCP4, TCP6 or UNKNOWN');
const tooMany = malformedProxy('a field follows the destination port of the PROXY line');

/** @param prefix that begins with `PROXY`. */
export function readText(prefix: Uint8Array, ended: boolean): ProxyVerdict {
  if (prefix.length > preface.length && byteAt(prefix, preface.length) !== 0x20) return wrongPreface;
  const end = endOfText(prefix);
  const fields = textOf(prefix, preface.length + 1, end, unchanged).split(' ');
  const isComplete = end < prefix.length && end < lineLengthMax - 1;
  const read = readFields(fields, isComplete);
  if ('verdict' in read) return read;
  if (end === lineLengthMax - 1) return tooLong;
  if (!isComplete) return ended ? endedEarly : moreProxy;
  if (byteAt(prefix, end) !== carriageReturn) return wrongEnd;
  if (prefix.length === end + 1) return ended ? endedEarly : moreProxy;
  if (byteAt(prefix, end + 1) !== lineFeed) return wrongEnd;
  const header = headerOf(read);
  return header === null ? endsTooSoon : { verdict: 'header', header, consumed: end + 2 };
}

/** The index of the first CR or LF, or of the first byte that is not there or where CR may not be any more. */
function endOfText(prefix: Uint8Array): number {
  const most = Math.min(prefix.length, lineLengthMax - 1);
  for (let index = preface.length + 1; index < most; index += 1) {
    const byte = byteAt(prefix, index);
    if (byte === carriageReturn || byte === lineFeed) return index;
  }
  return Math.max(most, preface.length + 1);
}

interface TextFields {
  readonly isKnown: boolean;
  readonly texts: readonly string[];
}

/** Judges every field, the last one only as far as it goes unless the line is complete. */
function readFields(fields: readonly string[], isComplete: boolean): TextFields | MalformedProxy {
  const [protocol = '', ...texts] = fields;
  const isWhole = isComplete || texts.length > 0;
  if (!protocols.some((name) => (isWhole ? name === protocol : name.startsWith(protocol)))) return wrongProtocol;
  if (!isWhole || protocol === 'UNKNOWN') return { isKnown: false, texts };
  const kinds = protocol === 'TCP4' ? fieldsOfTcp4 : fieldsOfTcp6;
  for (const [index, text] of texts.entries()) {
    const kind = kinds[index];
    if (kind === undefined) return tooMany;
    const isRight = isComplete || index < texts.length - 1 ? kind.isWhole(text) : kind.mayBecome(text);
    if (!isRight) return kind.problem;
  }
  return isComplete && texts.length < kinds.length ? endsTooSoon : { isKnown: true, texts };
}

const protocols: readonly string[] = ['TCP4', 'TCP6', 'UNKNOWN'];

interface FieldKind {
  isWhole(text: string): boolean;
  /** True for every beginning of a field that is right. */
  mayBecome(text: string): boolean;
  readonly problem: MalformedProxy;
}

const byteNumber = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const ipv4 = new RegExp(String.raw`^(?:${byteNumber}\.){3}${byteNumber}$`);
const ipv4Beginning = new RegExp(String.raw`^(?:${byteNumber}\.){0,3}(?:${byteNumber})?$`);
/** 45 characters: six groups and a dotted IPv4 address. */
const ipv6Beginning = /^[0-9a-f:.]{0,45}$/i;
const portBeginning = /^(?:0|[1-9]\d{0,4})?$/;

function address(which: string, family: 4 | 6): FieldKind {
  return {
    isWhole: (text) =>
      family === 4
        ? ipv4.test(text)
        : ipv6Beginning.test(text) && text.includes(':') && canonicalAddress(text) !== null,
    mayBecome: (text) => (family === 4 ? ipv4Beginning : ipv6Beginning).test(text),
    problem: malformedProxy(`the ${which} address of the PROXY line is not an IPv${family} address`),
  };
}

function port(which: string): FieldKind {
  const mayBecome = (text: string): boolean => portBeginning.test(text) && Number(text) <= 65_535;
  return {
    isWhole: (text) => text !== '' && mayBecome(text),
    mayBecome,
    problem: malformedProxy(`the ${which} port of the PROXY line is not a number from 0 to 65535`),
  };
}

function fieldsOf(family: 4 | 6): readonly FieldKind[] {
  return [address('source', family), address('destination', family), port('source'), port('destination')];
}

const fieldsOfTcp4 = fieldsOf(4);
const fieldsOfTcp6 = fieldsOf(6);

const nothingKnown: ProxyHeader = {
  version: 1,
  command: 'proxy',
  family: 'unspecified',
  transport: 'unspecified',
  source: null,
  destination: null,
  paths: null,
  tlvs: noTlvs,
};

/** Null where a field is missing. */
function headerOf({ isKnown, texts }: TextFields): ProxyHeader | null {
  if (!isKnown) return nothingKnown;
  const [sourceText = '', destinationText = '', sourcePort = '', destinationPort = ''] = texts;
  const [source, destination] = [canonicalAddress(sourceText), canonicalAddress(destinationText)];
  if (source === null || destination === null) return null;
  return {
    ...nothingKnown,
    family: sourceText.includes(':') ? 'inet6' : 'inet',
    transport: 'stream',
    source: { host: source, port: Number(sourcePort) },
    destination: { host: destination, port: Number(destinationPort) },
  };
}
