/**
 * TLS: which host and which application protocols does a ClientHello ask for?
 *
 * Decides from the records alone, however TCP cut the stream and into however many records the hello was split. What the
 * first three bytes make a TLS handshake is TLS; from then on anything odd is `malformed`, never another protocol.
 * An SSLv2 hello, an alert or application data at the start is no match. Unknown extensions, GREASE values included, are
 * stepped over.
 * Must never do: wait for more than `sniffBytesMax`, or trust a length before it is checked against the one around it.
 * Read first: `detector.ts`, then `tls-extensions.ts`. @see RFC 8446 §4.1.2 and §5.1, RFC 8701
 */
import { byteAt, malformed, uint16At, uint24At, undecided } from './bytes.ts';
import { anonymousMatch, type Detection, type Detector, needsMore, noMatch, sniffBytesMax } from './detector.ts';
import { readExtensions } from './tls-extensions.ts';

export const tlsClientHello: Detector = { name: 'tls', detect: detectTls };

/** True exactly when the prefix can only be TLS, so that an alert may be sent. */
export function isSurelyTls(prefix: Uint8Array): boolean {
  return (
    prefix.length >= 3 && byteAt(prefix, 0) === handshakeRecord && byteAt(prefix, 1) === 3 && byteAt(prefix, 2) <= 4
  );
}

const handshakeRecord = 0x16;
const clientHello = 1;
const recordHeaderLength = 5;
const recordLengthMax = 16_384;
const messageHeaderLength = 4;

const wrongRecord = malformed('another record interrupts the client hello');
const wrongRecordLength = malformed('a record length is outside 1 to 16384');
const wrongMessage = malformed('the first handshake message is not a client hello');
const tooLong = malformed(`the client hello does not fit into ${sniffBytesMax} bytes`);
const trailing = malformed('bytes follow the client hello in its record');
const endedEarly = malformed('the client ended in the middle of its client hello');
const wrongVersion = malformed('the client hello names no known version');
const truncated = malformed('a length in the client hello exceeds what is there');
const wrongSessionId = malformed('the session id is longer than 32 bytes');
const wrongCiphers = malformed('the cipher suites are empty or odd');
const wrongCompression = malformed('the compression methods lack the null method');

function detectTls(prefix: Uint8Array, ended: boolean): Detection {
  if (isSurelyTls(prefix)) return detectRecords(prefix, ended);
  if (prefix.length >= 3) return noMatch;
  if (prefix.length > 0 && byteAt(prefix, 0) !== handshakeRecord) return noMatch;
  if (prefix.length > 1 && byteAt(prefix, 1) !== 3) return noMatch;
  return undecided(ended);
}

/** Follows the records until the hello is complete. `collected` counts handshake bytes, `needed` how many the hello has. */
function detectRecords(prefix: Uint8Array, ended: boolean): Detection {
  let needed = 0;
  let collected = 0;
  let start = 0;
  for (let records = 1; prefix.length >= start + recordHeaderLength; records += 1) {
    const content = start + recordHeaderLength;
    const length = uint16At(prefix, start + 3);
    const available = Math.min(length, prefix.length - content);
    const problem = problemOfRecord(prefix, start, collected === 0 && available > 0);
    if (problem !== null) return problem;
    if (needed === 0 && collected + available >= messageHeaderLength) needed = lengthOfHello(prefix, records);
    if (needed !== 0) {
      if (needed + records * recordHeaderLength > sniffBytesMax) return tooLong;
      if (collected + length > needed) return trailing;
      if (collected + available === needed)
        return records === 1 ? readHello(prefix, 9, 5 + needed) : readGathered(prefix, needed);
    }
    if (available < length) break;
    collected += length;
    start = content + length;
  }
  if (prefix.length >= sniffBytesMax) return tooLong;
  return ended ? endedEarly : needsMore;
}

/** `isFirst`: true exactly when the record holds the first byte of the message, which says what message it is. */
function problemOfRecord(prefix: Uint8Array, start: number, isFirst: boolean): Detection | null {
  if (byteAt(prefix, start) !== handshakeRecord || byteAt(prefix, start + 1) !== 3) return wrongRecord;
  const length = uint16At(prefix, start + 3);
  if (length === 0 || length > recordLengthMax) return wrongRecordLength;
  return isFirst && byteAt(prefix, start + recordHeaderLength) !== clientHello ? wrongMessage : null;
}

/** Header included. Only when the header is there, in one record or over several. */
function lengthOfHello(prefix: Uint8Array, records: number): number {
  if (records === 1) return messageHeaderLength + uint24At(prefix, recordHeaderLength + 1);
  return messageHeaderLength + uint24At(gather(prefix, messageHeaderLength), 1);
}

function readGathered(prefix: Uint8Array, needed: number): Detection {
  return readHello(gather(prefix, needed), messageHeaderLength, needed);
}

/** The first `length` handshake bytes without their record headers. Only for records that are checked and there. */
function gather(prefix: Uint8Array, length: number): Uint8Array {
  const gathered = new Uint8Array(length);
  let filled = 0;
  let start = 0;
  while (filled < length) {
    const content = start + recordHeaderLength;
    const recordLength = uint16At(prefix, start + 3);
    gathered.set(prefix.subarray(content, content + Math.min(recordLength, length - filled)), filled);
    filled += Math.min(recordLength, length - filled);
    start = content + recordLength;
  }
  return gathered;
}

/** The body of the message: version, random, session id, cipher suites, compression methods, extensions. */
function readHello(bytes: Uint8Array, start: number, end: number): Detection {
  const sessionId = start + 34;
  if (sessionId >= end) return truncated;
  if (byteAt(bytes, start) !== 3) return wrongVersion;
  if (byteAt(bytes, sessionId) > 32) return wrongSessionId;
  const ciphers = sessionId + 1 + byteAt(bytes, sessionId);
  if (ciphers + 2 > end) return truncated;
  const ciphersLength = uint16At(bytes, ciphers);
  if (ciphersLength === 0 || ciphersLength % 2 !== 0) return wrongCiphers;
  const compression = ciphers + 2 + ciphersLength;
  if (compression + 1 > end) return truncated;
  const extensions = compression + 1 + byteAt(bytes, compression);
  if (extensions > end) return truncated;
  if (!offersNoCompression(bytes, compression + 1, extensions)) return wrongCompression;
  if (extensions === end) return anonymousMatch;
  if (extensions + 2 > end || extensions + 2 + uint16At(bytes, extensions) !== end) return truncated;
  return readExtensions(bytes, extensions + 2, end);
}

function offersNoCompression(bytes: Uint8Array, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) {
    if (byteAt(bytes, index) === 0) return true;
  }
  return false;
}
