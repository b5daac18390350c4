/**
 * The client's side of one HTTP/2 exchange: a stream of node:http2, its request on the way in, its answer on the way out.
 *
 * Decides: how an answer of the model is said on a stream, and with which code a stream is reset. What is left of a request
 * whose answer is complete is dropped; once our END_STREAM is on its way the stream is reset without error.
 * Must never do: own a timer, or touch the stream after it is gone.
 * Read first: `ports.ts`, `http2-service.ts`.
 */
import { constants, type ServerHttp2Stream } from 'node:http2';
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import { type Fields, noFields, type RequestHead, type ResponseHead } from '../../protocols/http/message.ts';
import type { ChunkLifetime } from '../leg.ts';
import { contain } from './http2-contain.ts';
import { outgoing, readTrailers } from './http2-fields.ts';
import type { ReadHead } from './http2-request-head.ts';
import { responseHeaders } from './http2-response-head.ts';
import type { ExchangeEnd, Requester } from './ports.ts';
import type { ExchangeHandle } from './service.ts';

/** The service it belongs to. */
export interface Http2Host {
  nowMs(): number;
  /** Why a stream is gone that did not end. */
  reasonFor(streamId: number): CloseReason;
  /** The stream is about to be reset for a reason of our own. */
  resetting(): void;
  /** The stream is no more. */
  gone(streamId: number): void;
  over(requester: Http2Requester, end: ExchangeEnd): void;
  broken(error: unknown): void;
}

const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_PROTOCOL_ERROR } = constants;

export class Http2Requester implements Requester {
  readonly protocol = 'h2';
  readonly canHandOver = false;
  readonly isTelling = false;
  readonly streamId: number;
  owner: ExchangeHandle | null = null;
  lastByteAtMs: number;
  readonly #stream: ServerHttp2Stream;
  readonly #host: Http2Host;
  #request: RequestHead | null = null;
  /** Bytes of the body so far. */
  #receivedBytes = 0;
  #requestTrailers: Fields | string = noFields;
  /** True exactly when the whole request was told, or nobody wants to hear of it. */
  #isRequestOver = false;
  #answer: 'none' | 'begun' | 'over' = 'none';
  /** The head that waits for the first bytes of its body, or for `flush`. */
  #head: ResponseHead | null = null;
  /** What to say behind the body; null where nothing can be. */
  #trailers: Fields | null = null;
  #isOver = false;
  /** True exactly when the stream was reset by our own doing. */
  #isCut = false;
  #hasSentEnd = false;
  /** What the client is told about a request that was not read to its end. */
  #restCode: number = NGHTTP2_NO_ERROR;

  constructor(stream: ServerHttp2Stream, host: Http2Host) {
    this.#stream = stream;
    this.#host = host;
    this.streamId = stream.id ?? 0;
    this.lastByteAtMs = host.nowMs();
  }

  get isGone(): boolean {
    return this.#stream.destroyed;
  }

  /** The client does not take what is left of the answer. */
  abandon(): void {
    this.#close(NGHTTP2_CANCEL);
  }

  /** Once `owner` is set. */
  start(read: ReadHead): void {
    const stream = this.#stream;
    const host = this.#host;
    stream.on('error', noteNothing);
    stream.on(
      'aborted',
      contain(host, () => this.#lost()),
    );
    stream.on(
      'close',
      contain(host, () => {
        this.#lost();
        host.gone(this.streamId);
      }),
    );
    stream.on(
      'drain',
      contain(host, () => {
        this.lastByteAtMs = host.nowMs();
        this.owner?.responseWritable();
      }),
    );
    stream.on(
      'wantTrailers',
      contain(host, () => this.#sendTrailers()),
    );
    if ('problem' in read) {
      this.#isRequestOver = true;
      this.#restCode = NGHTTP2_PROTOCOL_ERROR;
      stream.resume();
      this.owner?.requestFailed('downstream.malformed', read.problem);
      return;
    }
    const { head } = read;
    this.#request = head;
    const isWithoutBody = head.body.kind === 'none' && head.upgrade === null;
    if (isWithoutBody) {
      this.#isRequestOver = true;
      stream.resume();
    } else {
      stream.pause();
      stream.on(
        'data',
        contain(host, (chunk: Uint8Array) => this.#heard(chunk)),
      );
      stream.on('trailers', (_headers: unknown, _flags: number, raw?: readonly string[]) => {
        this.#requestTrailers = readTrailers(raw ?? []);
      });
      stream.on(
        'end',
        contain(host, () => this.#ended()),
      );
    }
    this.owner?.requestHead(head);
    this.owner?.requestSettled();
  }

  /** Our END_STREAM is on its way: what the client still sends of its request has nobody to take it. */
  endSent(): void {
    this.#hasSentEnd = true;
    if (this.#isOver) this.#closeRest();
  }

  inform(head: ResponseHead): void {
    if (!this.#isWritable() || this.#answer !== 'none' || head.status === 101) return;
    this.#stream.additionalHeaders(responseHeaders(head));
  }

  respond(head: ResponseHead): void {
    if (!this.#isWritable() || this.#answer !== 'none') return;
    this.#answer = 'begun';
    this.lastByteAtMs = this.#host.nowMs();
    this.#head = head;
    if (head.body.kind !== 'length') this.#sendHead(0);
  }

  write(bytes: Uint8Array, lifetime: ChunkLifetime): boolean {
    if (!this.#isWritable() || this.#answer !== 'begun' || bytes.length === 0) return true;
    this.lastByteAtMs = this.#host.nowMs();
    this.#sendHead(bytes.length);
    if (this.#stream.writableEnded) return true;
    return this.#stream.write(lifetime === 'owned' ? bytes : Buffer.from(bytes));
  }

  end(trailers: Fields): void {
    if (this.#answer !== 'begun') return;
    this.#sendHead(0);
    this.#answer = 'over';
    if (this.#trailers !== null) this.#trailers = trailers;
    if (this.#isWritable() && !this.#stream.writableEnded) this.#stream.end();
  }

  /** node:http2 puts together what is given in one tick. */
  flush(): void {
    if (this.#isWritable()) this.#sendHead(0);
  }

  cut(reason: CloseReason): void {
    if (this.#answer === 'over') return undefined;
    if (this.#restCode !== NGHTTP2_NO_ERROR) return this.#close(this.#restCode);
    return this.#close(reason.startsWith('downstream.') ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR);
  }

  handOver(): void {
    return undefined;
  }

  over(end: ExchangeEnd): void {
    this.#isOver = true;
    this.owner = null;
    if (!this.#stream.destroyed) this.#stream.resume();
    if (this.#hasSentEnd) this.#closeRest();
    this.#host.over(this, end);
  }

  pause(): void {
    if (this.owner !== null) this.#stream.pause();
  }

  resume(): void {
    if (!this.#stream.destroyed) this.#stream.resume();
  }

  discard(): void {
    if (this.#isRequestOver) return;
    this.#isRequestOver = true;
    this.#stream.resume();
  }

  /** The client has sent FIN: a request in the middle stays there. */
  inputEnded(): void {
    if (this.#isRequestOver || this.#stream.readableEnded) return;
    this.#fail('the client ended in the middle of a request body');
  }

  /**
   * The head, once it is known whether the body comes with it as a whole. node:http2 ends what it resets: a stream that is
   * cut would look complete, were it not made to wait for trailers, which then never come.
   */
  #sendHead(bytes: number): void {
    const head = this.#head;
    if (head === null) return;
    this.#head = null;
    const { body } = head;
    const isTunnel = head.status === 101;
    const endStream = body.kind === 'none' && !isTunnel;
    const isWhole = body.kind === 'length' && body.bytes === bytes && head.version !== '2';
    const options = { endStream, waitForTrailers: !endStream && !isWhole, sendDate: false };
    if (options.waitForTrailers) this.#trailers = noFields;
    this.#stream.respond(responseHeaders(head), options);
  }

  #isWritable(): boolean {
    return !this.#isOver && !this.#stream.destroyed && !this.#stream.closed;
  }

  #heard(chunk: Uint8Array): void {
    this.lastByteAtMs = this.#host.nowMs();
    this.#receivedBytes += chunk.length;
    const { owner } = this;
    if (this.#isRequestOver || owner === null) return;
    const body = this.#request?.body;
    if (body?.kind === 'length' && this.#receivedBytes > body.bytes) {
      return this.#fail('the body is longer than its Content-Length');
    }
    const hasRoom = owner.requestBody(chunk, 'owned');
    owner.requestSettled();
    if (!hasRoom) this.pause();
    return undefined;
  }

  /** Also comes where the stream was torn down: then it is no end, and `close` says what it is. */
  #ended(): void {
    const stream = this.#stream;
    if (this.#isRequestOver || stream.closed || stream.destroyed) return undefined;
    const body = this.#request?.body;
    if (body?.kind === 'length' && this.#receivedBytes < body.bytes) {
      return this.#fail('the body is shorter than its Content-Length');
    }
    const trailers = this.#requestTrailers;
    if (typeof trailers === 'string') return this.#fail(trailers);
    this.#isRequestOver = true;
    this.owner?.requestEnded(trailers);
    this.owner?.requestSettled();
    return undefined;
  }

  #fail(detail: string): void {
    this.#isRequestOver = true;
    this.#restCode = NGHTTP2_PROTOCOL_ERROR;
    this.owner?.requestFailed('downstream.malformed', { status: 400, detail });
  }

  #sendTrailers(): void {
    if (!this.#stream.destroyed && !this.#stream.closed)
      this.#stream.sendTrailers(outgoing(this.#trailers ?? noFields));
  }

  /** On the next tick, because node:http2 may be writing; where both sides have ended there is nothing left to close. */
  #closeRest(): void {
    process.nextTick(() => this.#close(this.#restCode));
  }

  #close(code: number): void {
    const stream = this.#stream;
    if (stream.closed || stream.destroyed) return;
    this.#isCut = true;
    this.#host.resetting();
    stream.close(code);
  }

  /** Where the answer is complete nobody misses the rest of the request. */
  #lost(): void {
    const { owner } = this;
    if (owner === null || this.#isCut) return;
    if (this.#answer === 'over' && !this.#isRequestOver) {
      this.#isRequestOver = true;
      owner.requestEnded(noFields);
    }
    this.owner?.clientFailed(this.#host.reasonFor(this.streamId));
  }
}

/** `close` follows every error of a stream, and says as much. */
function noteNothing(): void {
  return undefined;
}
