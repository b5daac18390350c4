/**
 * One request on an HTTP/2 upstream connection: a stream of node:http2, and what its exchange hears of it.
 *
 * Decides: when a response is complete, which is where END_STREAM came and its length was kept; everything else that ends a
 * stream is a failure. Must never do: own a timer, or tell anything after `release`.
 * Read first: `ports.ts`, `http2-upstream.ts`.
 */
import { constants, type ClientHttp2Stream } from 'node:http2';
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import { type Fields, noFields, type RequestHead, type ResponseHead } from '../../protocols/http/message.ts';
import type { Address, ChunkLifetime } from '../leg.ts';
import { contain } from './http2-contain.ts';
import { outgoing, readTrailers } from './http2-fields.ts';
import { readResponseHead } from './http2-response-head.ts';
import type { Upstream, UpstreamOwner } from './ports.ts';

/** The connection it runs on. */
export interface Http2UpstreamHost {
  readonly address: Address;
  readonly isGone: boolean;
  nowMs(): number;
  /** Null where the session takes no new stream any more. */
  open(stream: Http2UpstreamStream, head: RequestHead, waitForTrailers: boolean): ClientHttp2Stream | null;
  failureOf(streamId: number, code: number): { readonly reason: CloseReason; readonly detail: string };
  /** The stream is about to be reset for a reason of our own. */
  resetting(): void;
  /** The stream is no more. */
  gone(stream: Http2UpstreamStream, streamId: number, isClean: boolean): void;
  broken(error: unknown): void;
}

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM } = constants;
/** Interim responses to one request; as many as in HTTP/1.1. */
const interimsMax = 16;

export class Http2UpstreamStream implements Upstream {
  readonly isReused: boolean;
  lastByteAtMs: number;
  readonly #host: Http2UpstreamHost;
  #owner: UpstreamOwner | null;
  #stream: ClientHttp2Stream | null = null;
  #method = '';
  #isRequestOver = false;
  #requestTrailers: Fields | null = null;
  #response: ResponseHead | null = null;
  #interims = 0;
  #receivedBytes = 0;
  #trailers: Fields | string = noFields;
  /** True exactly when the upstream's END_STREAM came. */
  #hasReceivedEnd = false;
  #isResponseOver = false;
  #isGone = false;

  constructor(host: Http2UpstreamHost, owner: UpstreamOwner, isReused: boolean) {
    this.#host = host;
    this.#owner = owner;
    this.isReused = isReused;
    this.lastByteAtMs = host.nowMs();
  }

  get isGone(): boolean {
    return this.#host.isGone;
  }

  get address(): Address {
    return this.#host.address;
  }

  /** True exactly when nothing of a response has come. */
  get isSilent(): boolean {
    return this.#response === null && this.#interims === 0;
  }

  send(head: RequestHead): void {
    if (head.upgrade !== null) throw new Error('an upgrade was asked of an HTTP/2 upstream');
    // Also where no trailers can come: a request that is left in the middle must not end on its way to being reset.
    const waitForTrailers = head.body.kind !== 'none';
    this.#method = head.method;
    this.#isRequestOver = head.body.kind === 'none';
    const stream = this.#host.open(this, head, waitForTrailers);
    if (stream === null) {
      process.nextTick(contain(this.#host, () => this.fail('upstream.reset', 'the upstream was leaving')));
      return;
    }
    if (waitForTrailers) this.#requestTrailers = noFields;
    this.#stream = stream;
    type Raw = readonly string[] | undefined;
    stream.on('error', noteNothing);
    const host = this.#host;
    stream.on(
      'headers',
      contain(host, (_headers: unknown, _flags: number, raw: Raw) => this.#informed(raw ?? [])),
    );
    stream.on(
      'response',
      contain(host, (_headers: unknown, flags: number, raw: Raw) => this.#responded(raw ?? [], flags)),
    );
    stream.on('trailers', (_headers: unknown, _flags: number, raw: Raw) => {
      this.#trailers = readTrailers(raw ?? []);
    });
    stream.on(
      'drain',
      contain(host, () => {
        this.lastByteAtMs = host.nowMs();
        this.#owner?.requestWritable();
      }),
    );
    stream.on(
      'wantTrailers',
      contain(host, () => this.#sendTrailers()),
    );
    stream.on(
      'close',
      contain(host, () => this.#closed()),
    );
  }

  write(bytes: Uint8Array, lifetime: ChunkLifetime): boolean {
    const stream = this.#usable();
    if (stream === null || this.#isRequestOver || bytes.length === 0) return true;
    this.lastByteAtMs = this.#host.nowMs();
    return stream.write(lifetime === 'owned' ? bytes : Buffer.from(bytes));
  }

  end(trailers: Fields): void {
    const stream = this.#usable();
    if (stream === null || this.#isRequestOver) return;
    this.#isRequestOver = true;
    if (this.#requestTrailers !== null) this.#requestTrailers = trailers;
    stream.end();
  }

  /** node:http2 puts together what is given in one tick. */
  flush(): void {
    return undefined;
  }

  /** Also where both sides have ended: what was read before that is still the exchange's. */
  pause(): void {
    if (this.#stream?.destroyed === false) this.#stream.pause();
  }

  resume(): void {
    if (this.#stream?.destroyed === false) this.#stream.resume();
  }

  release(): void {
    this.#owner = null;
    const stream = this.#usable();
    if (this.#stream === null) return this.#leave(0);
    if (stream !== null && (!this.#isRequestOver || !this.#isResponseOver)) {
      this.#host.resetting();
      stream.close(NGHTTP2_CANCEL);
    }
    return this.resume();
  }

  detach(): null {
    return null;
  }

  pin(): null {
    return null;
  }

  openTunnel(): void {
    return undefined;
  }

  receivedEnd(): void {
    this.#hasReceivedEnd = true;
  }

  /** The exchange hears of it once, and the stream is reset if there still is one. */
  fail(reason: CloseReason, detail: string): void {
    const owner = this.#owner;
    if (owner === null) return;
    const { isSilent } = this;
    this.release();
    owner.upstreamFailed(reason, detail, isSilent);
  }

  #informed(raw: readonly string[]): void {
    if (this.#owner === null) return undefined;
    this.lastByteAtMs = this.#host.nowMs();
    const read = readResponseHead(raw, this.#method, false);
    this.#interims += 1;
    if ('problem' in read) return this.fail('upstream.malformed', read.problem.detail);
    if (this.#interims > interimsMax) return this.fail('upstream.malformed', 'too many interim responses');
    this.#owner.responseInformed(read.head);
    return this.#owner?.responseSettled();
  }

  #responded(raw: readonly string[], flags: number): void {
    const stream = this.#stream;
    if (this.#owner === null || stream === null) return undefined;
    this.lastByteAtMs = this.#host.nowMs();
    const read = readResponseHead(raw, this.#method, (flags & NGHTTP2_FLAG_END_STREAM) !== 0);
    if ('problem' in read) return this.fail('upstream.malformed', read.problem.detail);
    this.#response = read.head;
    this.#owner.responseHead(read.head);
    // Not before the head was told: node:http2 tells heads a tick late, and data at once.
    stream.on(
      'data',
      contain(this.#host, (chunk: Uint8Array) => this.#heard(chunk)),
    );
    stream.on(
      'end',
      contain(this.#host, () => this.#ended()),
    );
    return this.#owner?.responseSettled();
  }

  #heard(chunk: Uint8Array): void {
    const owner = this.#owner;
    if (owner === null) return undefined;
    this.lastByteAtMs = this.#host.nowMs();
    this.#receivedBytes += chunk.length;
    const body = this.#response?.body;
    if (body?.kind === 'none') return this.fail('upstream.malformed', 'a body follows where none may be');
    if (body?.kind === 'length' && this.#receivedBytes > body.bytes) {
      return this.fail('upstream.malformed', 'the body is longer than its Content-Length');
    }
    if (!owner.responseBody(chunk, 'owned')) this.pause();
    return owner.responseSettled();
  }

  #ended(): void {
    const owner = this.#owner;
    const trailers = this.#trailers;
    if (owner === null || this.#isResponseOver) return undefined;
    // A stream that was torn down ends too.
    if (!this.#hasReceivedEnd) return this.#torn();
    const body = this.#response?.body;
    if (body?.kind === 'length' && this.#receivedBytes < body.bytes) {
      return this.fail('upstream.truncated', 'the body is shorter than its Content-Length');
    }
    if (typeof trailers === 'string') return this.fail('upstream.malformed', trailers);
    this.#isResponseOver = true;
    owner.responseEnded(trailers);
    return owner.responseSettled();
  }

  #closed(): void {
    const stream = this.#stream;
    this.#torn();
    this.#leave(stream?.id ?? 0);
  }

  #torn(): void {
    const stream = this.#stream;
    if (this.#isResponseOver || stream === null) return;
    const { reason, detail } = this.#host.failureOf(stream.id ?? 0, stream.rstCode);
    this.fail(reason, detail);
  }

  #leave(streamId: number): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#host.gone(this, streamId, this.#isRequestOver && this.#isResponseOver);
  }

  #sendTrailers(): void {
    this.#usable()?.sendTrailers(outgoing(this.#requestTrailers ?? noFields));
  }

  #usable(): ClientHttp2Stream | null {
    const stream = this.#stream;
    return stream === null || stream.destroyed || stream.closed ? null : stream;
  }
}

/** `close` follows every error of a stream, and says as much. */
function noteNothing(): void {
  return undefined;
}
