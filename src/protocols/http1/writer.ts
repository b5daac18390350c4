/**
 * Writes HTTP/1.1 messages from the model.
 *
 * Decides how a body is framed on the wire, and writes what nobody else may: Host, Content-Length, Transfer-Encoding,
 * Connection, Upgrade, Expect, TE. Always says HTTP/1.1, whatever version the message came in (RFC 9110 §2.5).
 * Must never do: write a control byte that is not its own line end. It looks at every byte of a head for that, because
 * it is the last one who can: models also come from HTTP/2, from handlers and from the configuration.
 * @see RFC 9112 §6 and §7, RFC 9110 §7.6.1
 */
import type { Fields, RequestHead, ResponseHead } from '../http/message.ts';
import { isHopByHop } from './field-kinds.ts';
import { Scratch, unwritable } from './scratch.ts';

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
export function responseFraming(
  head: ResponseHead,
  writing: Pick<ResponseWriting, 'clientVersion' | 'method'>,
): Framing {
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
  return requestBytes(head, writing, null, null);
}

/** The head alone. */
export function responseHeadBytes(head: ResponseHead, writing: ResponseWriting): Buffer {
  return responseBytes(head, writing, null, null);
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
  scratch.begin();
  putRequest(head, writing);
  return messageBytes(requestFraming(head), first, trailers);
}

/** See `requestBytes`. */
export function responseBytes(
  head: ResponseHead,
  writing: ResponseWriting,
  first: Uint8Array | null,
  trailers: Fields | null,
): Buffer {
  const framing = responseFraming(head, writing);
  scratch.begin();
  putResponse(head, writing, framing);
  return messageBytes(framing, first, trailers);
}

/** What is written before that many bytes of a chunk; `chunkEnd` goes behind them. A chunk is never empty. */
export function chunkHead(bytes: number): Buffer {
  return Buffer.from(chunkHeadText(bytes), 'latin1');
}

/** Shared: not to be changed. */
export const chunkEnd: Buffer = Buffer.from('\r\n', 'latin1');

/** A whole chunk in one piece; nothing for no bytes, because an empty chunk would end the body. */
export function chunk(bytes: Uint8Array): Buffer {
  if (bytes.length === 0) return Buffer.alloc(0);
  scratch.begin();
  return framed('chunked', bytes, null);
}

const lastChunkWithout: Buffer = Buffer.from('0\r\n\r\n', 'latin1');

/** The end of a chunked body. Shared where there are no trailers: not to be changed. */
export function lastChunk(trailers: Fields): Buffer {
  if (trailers.length === 0) return lastChunkWithout;
  scratch.begin();
  putLastChunk(trailers);
  return copied();
}

const scratch = new Scratch();
const noBytes = new Uint8Array(0);

function putRequest(head: RequestHead, writing: RequestWriting): void {
  if (head.method.includes(' ') || head.target.includes(' ') || head.target === '')
    throw unwritable('the request line');
  scratch.text(head.method);
  scratch.text(' ');
  scratch.text(head.target);
  scratch.text(' HTTP/1.1');
  scratch.lineEnd();
  scratch.line('Host', head.authority);
  putFields(head.fields);
  const { body } = head;
  if (body.kind === 'length') scratch.line('Content-Length', lengthText(body.bytes));
  else if (body.kind !== 'none') scratch.line('Transfer-Encoding', 'chunked');
  if (head.expectsContinue) scratch.line('Expect', '100-continue');
  if (head.upgrade !== null) scratch.line('Upgrade', head.upgrade);
  if (head.acceptsTrailers) scratch.line('TE', 'trailers');
  const options = requestOptions(head, writing);
  if (options !== '') scratch.line('Connection', options);
  scratch.lineEnd();
}

function requestOptions(head: RequestHead, writing: RequestWriting): string {
  // An upgrade keeps the connection, so it never says close.
  const first = head.upgrade === null ? (writing.keepAlive ? '' : 'close') : 'upgrade';
  if (!head.acceptsTrailers) return first;
  return first === '' ? 'TE' : `${first}, TE`;
}

function putResponse(head: ResponseHead, writing: ResponseWriting, framing: Framing): void {
  scratch.text('HTTP/1.1 ');
  scratch.text(statusText(head.status));
  scratch.text(' ');
  scratch.text(head.reason);
  scratch.lineEnd();
  putFields(head.fields);
  if (head.status === 101) {
    scratch.line('Connection', 'upgrade');
    if (head.upgrade !== null) scratch.line('Upgrade', head.upgrade);
  } else if (head.status >= 200) {
    putFraming(head, writing, framing);
  }
  scratch.lineEnd();
}

/** How the body of a final response ends, and what becomes of the connection then. */
function putFraming(head: ResponseHead, writing: ResponseWriting, framing: Framing): void {
  const length = responseLength(head, writing.method);
  if (framing === 'chunked') scratch.line('Transfer-Encoding', 'chunked');
  else if (framing !== 'untilClose' && length !== null) scratch.line('Content-Length', lengthText(length));
  if (!writing.keepAlive || framing === 'untilClose') scratch.line('Connection', 'close');
  else if (writing.clientVersion === '1.0') scratch.line('Connection', 'keep-alive');
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

function putLastChunk(trailers: Fields): void {
  scratch.text('0');
  scratch.lineEnd();
  putFields(trailers);
  scratch.lineEnd();
}

function putFields(fields: Fields): void {
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index] ?? '';
    if (name === '' || isHopByHop(name)) throw unwritable('a field that only the writer writes');
    scratch.line(name, fields[index + 1] ?? '');
  }
}

function messageBytes(framing: Framing, first: Uint8Array | null, trailers: Fields | null): Buffer {
  return first === null && trailers === null ? copied() : framed(framing, first ?? noBytes, trailers);
}

/** The head that is there, chunk head, bytes, chunk end and last chunk, as far as there are any, in one buffer. */
function framed(framing: Framing, bytes: Uint8Array, trailers: Fields | null): Buffer {
  const isChunked = framing === 'chunked';
  const hasChunk = isChunked && bytes.length > 0;
  if (hasChunk) {
    scratch.text(bytes.length.toString(16));
    scratch.lineEnd();
  }
  const before = scratch.length;
  if (hasChunk) scratch.lineEnd();
  if (isChunked && trailers !== null) putLastChunk(trailers);
  const buffer = Buffer.allocUnsafe(scratch.length + bytes.length);
  scratch.copyTo(buffer, 0, 0, before);
  buffer.set(bytes, before);
  if (scratch.length > before) scratch.copyTo(buffer, before + bytes.length, before, scratch.length);
  return buffer;
}

function chunkHeadText(bytes: number): string {
  if (bytes < 1) throw unwritable('an empty chunk');
  return `${bytes.toString(16)}\r\n`;
}

/** All of the scratch. */
function copied(): Buffer {
  const buffer = Buffer.allocUnsafe(scratch.length);
  scratch.copyTo(buffer, 0, 0, scratch.length);
  return buffer;
}
