/**
 * Writes HTTP/1.1 messages from the model.
 *
 * Decides how a body is framed on the wire, and writes what nobody else may: Host, Content-Length, Transfer-Encoding,
 * Connection, Upgrade, Expect, TE. Always says HTTP/1.1, whatever version the message came in (RFC 9110 §2.5).
 * Must never do: write a control byte that is not its own line end. It looks at every byte of a head for that, because
 * it is the last one who can: models also come from HTTP/2, from handlers and from the configuration.
 * @see RFC 9112 §6 and §7, RFC 9110 §7.6.1
 */
import { ProxyError } from '../../errors.ts';
import type { Fields, RequestHead, ResponseHead } from '../http/message.ts';
import { isHopByHop } from './field-kinds.ts';

export interface RequestWriting {
  /** False: the upstream is told to close after its answer. */
  readonly keepAlive: boolean;
}

export interface ResponseWriting {
  /** What the client speaks. */
  readonly clientVersion: '1.0' | '1.1';
  /** False: the client is told that this is the last response. Body until close is the last one in any case. */
  readonly keepAlive: boolean;
  /** Of the request: a response to HEAD has no body and must not claim a length of 0. */
  readonly method: string;
}

/** How a body travels on an HTTP/1.1 connection. */
export type Framing = 'none' | 'length' | 'chunked' | 'untilClose';

/** A body of unknown length is chunked for a client that knows chunks, and ends with the connection for one that does not. */
export function responseFraming(head: ResponseHead, writing: ResponseWriting): Framing {
  if (hasNoBody(head.status, writing.method)) return 'none';
  return head.body.kind === 'none' || head.body.kind === 'length' ? head.body.kind : whereOpen(writing.clientVersion);
}

function whereOpen(version: '1.0' | '1.1'): Framing {
  return version === '1.1' ? 'chunked' : 'untilClose';
}

export function requestFraming(head: RequestHead): Framing {
  return head.body.kind === 'stream' || head.body.kind === 'untilClose' ? 'chunked' : head.body.kind;
}

/** The head alone. */
export function requestHeadBytes(head: RequestHead, writing: RequestWriting): Buffer {
  return messageBytes(requestText(head, writing), requestFraming(head), null, null);
}

/** The head alone. */
export function responseHeadBytes(head: ResponseHead, writing: ResponseWriting): Buffer {
  return messageBytes(responseText(head, writing), responseFraming(head, writing), null, null);
}

/**
 * The head and the first bytes of the body in one piece, so that they need one write.
 * @param trailers null: more of the body follows. Otherwise the message is complete with these.
 */
export function requestBytes(
  head: RequestHead,
  writing: RequestWriting,
  first: Uint8Array | null,
  trailers: Fields | null,
): Buffer {
  return messageBytes(requestText(head, writing), requestFraming(head), first, trailers);
}

/** See `requestBytes`. */
export function responseBytes(
  head: ResponseHead,
  writing: ResponseWriting,
  first: Uint8Array | null,
  trailers: Fields | null,
): Buffer {
  return messageBytes(responseText(head, writing), responseFraming(head, writing), first, trailers);
}

/** What is written before that many bytes of a chunk; `chunkEnd` goes behind them. A chunk is never empty. */
export function chunkHead(bytes: number): Buffer {
  return Buffer.from(chunkHeadText(bytes), 'latin1');
}

/** Shared: not to be changed. */
export const chunkEnd: Buffer = Buffer.from('\r\n', 'latin1');

/** A whole chunk in one piece; nothing for no bytes, because an empty chunk would end the body. */
export function chunk(bytes: Uint8Array): Buffer {
  return bytes.length === 0 ? Buffer.alloc(0) : framed(null, 'chunked', bytes, null);
}

const lastChunkWithout: Buffer = Buffer.from('0\r\n\r\n', 'latin1');

/** The end of a chunked body. Shared where there are no trailers: not to be changed. */
export function lastChunk(trailers: Fields): Buffer {
  return trailers.length === 0 ? lastChunkWithout : written(trailerText(trailers));
}

/** Text of lines, and how many CR LF it has if nobody smuggled one in. */
interface Lines {
  text: string;
  count: number;
}

function requestText(head: RequestHead, writing: RequestWriting): Lines {
  if (head.method.includes(' ') || head.target.includes(' ') || head.target === '')
    throw unwritable('the request line');
  const lines: Lines = { text: `${head.method} ${head.target} HTTP/1.1\r\nHost: ${head.authority}\r\n`, count: 2 };
  addFields(lines, head.fields);
  const { body } = head;
  if (body.kind === 'length') addLine(lines, 'Content-Length', lengthText(body.bytes));
  else if (body.kind !== 'none') addLine(lines, 'Transfer-Encoding', 'chunked');
  if (head.expectsContinue) addLine(lines, 'Expect', '100-continue');
  if (head.upgrade !== null) addLine(lines, 'Upgrade', head.upgrade);
  if (head.acceptsTrailers) addLine(lines, 'TE', 'trailers');
  const options = requestOptions(head, writing);
  if (options !== '') addLine(lines, 'Connection', options);
  return finish(lines);
}

function requestOptions(head: RequestHead, writing: RequestWriting): string {
  // An upgrade keeps the connection, so it never says close.
  const first = head.upgrade === null ? (writing.keepAlive ? '' : 'close') : 'upgrade';
  if (!head.acceptsTrailers) return first;
  return first === '' ? 'TE' : `${first}, TE`;
}

function responseText(head: ResponseHead, writing: ResponseWriting): Lines {
  const lines: Lines = { text: `HTTP/1.1 ${statusText(head.status)} ${head.reason}\r\n`, count: 1 };
  addFields(lines, head.fields);
  if (head.status === 101) {
    addLine(lines, 'Connection', 'upgrade');
    if (head.upgrade !== null) addLine(lines, 'Upgrade', head.upgrade);
    return finish(lines);
  }
  if (head.status < 200) return finish(lines);
  const framing = responseFraming(head, writing);
  const length = responseLength(head, writing.method);
  if (framing === 'chunked') addLine(lines, 'Transfer-Encoding', 'chunked');
  else if (framing !== 'untilClose' && length !== null) addLine(lines, 'Content-Length', lengthText(length));
  if (!writing.keepAlive || framing === 'untilClose') addLine(lines, 'Connection', 'close');
  else if (writing.clientVersion === '1.0') addLine(lines, 'Connection', 'keep-alive');
  return finish(lines);
}

/** What Content-Length says; null: nothing. */
function responseLength(head: ResponseHead, method: string): number | null {
  if (head.status === 204) return null;
  if (head.body.kind === 'length') return head.body.bytes;
  if (hasNoBody(head.status, method)) return head.announcedBytes;
  return head.body.kind === 'none' ? 0 : null;
}

function hasNoBody(status: number, method: string): boolean {
  return method === 'HEAD' || status < 200 || status === 204 || status === 304;
}

function statusText(status: number): string {
  if (!Number.isInteger(status) || status < 100 || status > 999) throw unwritable('a status');
  return String(status);
}

function lengthText(bytes: number): string {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw unwritable('a length');
  return String(bytes);
}

function trailerText(trailers: Fields): Lines {
  const lines: Lines = { text: '0\r\n', count: 1 };
  addFields(lines, trailers);
  return finish(lines);
}

function addFields(lines: Lines, fields: Fields): void {
  let { text } = lines;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (name === '' || isHopByHop(name)) throw unwritable('a field that only the writer writes');
    text += `${name}: ${fields[index + 1] ?? ''}\r\n`;
  }
  lines.text = text;
  lines.count += fields.length >> 1;
}

function addLine(lines: Lines, name: string, value: string): void {
  lines.text += `${name}: ${value}\r\n`;
  lines.count += 1;
}

function finish(lines: Lines): Lines {
  lines.text += '\r\n';
  lines.count += 1;
  return lines;
}

function messageBytes(head: Lines, framing: Framing, first: Uint8Array | null, trailers: Fields | null): Buffer {
  return first === null && trailers === null
    ? written(head)
    : framed(head, framing, first ?? chunkEnd.subarray(2), trailers);
}

/** Head, chunk head, bytes, chunk end and last chunk, as far as there are any, in one buffer. */
function framed(head: Lines | null, framing: Framing, bytes: Uint8Array, trailers: Fields | null): Buffer {
  const isChunked = framing === 'chunked';
  const before = isChunked && bytes.length > 0 ? chunkHeadText(bytes.length) : '';
  const after = before === '' ? '' : '\r\n';
  const last = isChunked && trailers !== null ? trailerText(trailers) : null;
  const headBytes = head?.text.length ?? 0;
  const lastBytes = last?.text.length ?? 0;
  const buffer = Buffer.allocUnsafe(headBytes + before.length + bytes.length + after.length + lastBytes);
  if (head !== null) writeLines(buffer, 0, head);
  let at = headBytes + buffer.write(before, headBytes, 'latin1');
  buffer.set(bytes, at);
  at += bytes.length;
  at += buffer.write(after, at, 'latin1');
  if (last !== null) writeLines(buffer, at, last);
  return buffer;
}

function chunkHeadText(bytes: number): string {
  if (bytes < 1) throw unwritable('an empty chunk');
  return `${bytes.toString(16)}\r\n`;
}

function written(lines: Lines): Buffer {
  const buffer = Buffer.allocUnsafe(lines.text.length);
  writeLines(buffer, 0, lines);
  return buffer;
}

/** 1 for a control byte other than HTAB. */
const controls: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte < 0x20 && byte !== 0x09) || byte === 0x7f ? 1 : 0,
);

/** Writes, and counts: two control bytes a line are ours, one more is an attack or a bug. */
function writeLines(buffer: Buffer, start: number, { text, count }: Lines): void {
  buffer.write(text, start, 'latin1');
  const end = start + text.length;
  let found = 0;
  for (let at = start; at < end; at += 1) found += controls[buffer[at] ?? 0] ?? 0;
  if (found !== count * 2) throw unwritable('a control byte');
}

function unwritable(what: string): ProxyError {
  return new ProxyError('SALLYPORT_INVARIANT', `a head was to be written with ${what} that may not be in one`);
}
