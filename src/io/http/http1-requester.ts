/**
 * The client's side of one HTTP/1.1 exchange: its request's body on the way in, its answer on the way out.
 *
 * Decides: the framing of the answer, and whether the connection may serve another request after it.
 * Must never do: own a timer. Read first: `ports.ts`, `http1-service.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { Timeouts } from '../../machines/connection/delays.ts';
import { hasBody, noFields, type Fields, type RequestHead, type ResponseHead } from '../../protocols/http/message.ts';
import {
  chunk as chunkOf,
  lastChunk,
  responseBytes,
  responseFraming,
  type ResponseWriting,
} from '../../protocols/http1/writer.ts';
import { heldChunksMax, joined } from '../held-chunks.ts';
import type { ChunkLifetime, Leg } from '../leg.ts';
import type { DetachedLeg, ExchangeEnd, Requester, RequesterOwner } from './ports.ts';

/** The service it belongs to. */
export interface RequesterHost {
  /** True exactly when no exchange may follow. */
  readonly isLast: boolean;
  /** True exactly while the reader is being fed. */
  readonly isFeeding: boolean;
  /** The client does not take what is written; its leg says `writable` once it does. */
  blocked(): void;
  over(end: ExchangeEnd): void;
  upgraded(upstream: DetachedLeg, timeouts: Timeouts): void;
}

/** Up to so many bytes of a body are copied behind their head: less than a second write costs. */
const gatheredMax = 16_384;

export class Http1Requester implements Requester {
  readonly canHandOver = true;
  protocol: 'http/1.0' | 'http/1.1' = 'http/1.1';
  owner: RequesterOwner | null = null;
  /** True exactly when nothing may follow on the connection, because the answer was left in the middle. */
  isCut = false;
  /** True exactly when it has stopped the leg, and is to resume it. */
  isHeldUp = false;
  readonly #leg: Leg;
  readonly #host: RequesterHost;
  #request: RequestHead | null = null;
  /** True exactly when the whole request has been read. */
  #isRequestOver = false;
  /** True exactly when what is left of the request is dropped, so that its end is not awaited. */
  #isGivenUp = false;
  /** True exactly when the answer said that another request may follow. */
  #isPersistent = false;
  #answer: 'none' | 'begun' | 'over' = 'none';
  #isChunked = false;
  /** How the answer is written; known once it has begun. */
  #manner: ResponseWriting | null = null;
  /** The head that waits for the first bytes of its body, or for `flush`. */
  #head: ResponseHead | null = null;
  /** Told by the reader before `resume`; null when nothing is kept back. */
  #early: Uint8Array[] | null = null;
  #earlyTrailers: Fields | null = null;
  #flow: 'held' | 'open' | 'dropped' = 'held';

  constructor(leg: Leg, host: RequesterHost) {
    this.#leg = leg;
    this.#host = host;
  }

  get lastByteAtMs(): number {
    return this.#leg.lastByteAtMs;
  }

  get isTelling(): boolean {
    return this.#host.isFeeding;
  }

  /** True exactly when the connection may serve another request. */
  get isReusable(): boolean {
    return this.#answer === 'over' && this.#isPersistent && this.#isRequestOver && !this.#host.isLast;
  }

  heard(head: RequestHead): void {
    this.#request = head;
    if (head.version === '1.0') this.protocol = 'http/1.0';
    if (!hasBody(head)) this.#isRequestOver = true;
  }

  body(bytes: Uint8Array): void {
    if (this.#flow === 'dropped') return;
    if (this.#flow === 'open') {
      if (this.owner?.requestBody(bytes, this.#leg.chunks) === false) this.#stopReading();
      return;
    }
    this.#early ??= [];
    if (this.#early.length >= heldChunksMax) this.#early = joined(this.#early);
    this.#early.push(this.#leg.chunks === 'owned' ? bytes : new Uint8Array(bytes));
    this.#stopReading();
  }

  ended(trailers: Fields): void {
    if (this.#request === null || !hasBody(this.#request)) return;
    this.#isRequestOver = true;
    if (this.#flow === 'held') this.#earlyTrailers = trailers;
    else this.owner?.requestEnded(trailers);
  }

  inform(head: ResponseHead): void {
    if (this.protocol === 'http/1.0' || this.#answer !== 'none') return;
    this.#put(responseBytes(head, this.#writing(true), null, null), 'owned');
  }

  respond(head: ResponseHead): void {
    if (this.#answer !== 'none') return;
    const mayFollow = this.#request?.isPersistent === true && !this.#host.isLast && !this.#isGivenUp;
    const writing = this.#writing(mayFollow);
    const framing = responseFraming(head, writing);
    this.#isPersistent = mayFollow && framing !== 'untilClose';
    this.#isChunked = framing === 'chunked';
    this.#manner = writing;
    this.#head = head;
    this.#answer = 'begun';
  }

  write(bytes: Uint8Array, lifetime: ChunkLifetime): boolean {
    if (this.#answer !== 'begun' || bytes.length === 0) return true;
    const head = this.#takeHead();
    if (head !== null) {
      if (this.#isChunked || bytes.length <= gatheredMax) return this.#put(this.#bytesOf(head, bytes, null), 'owned');
      this.#put(this.#bytesOf(head, null, null), 'owned');
    }
    return this.#isChunked ? this.#put(chunkOf(bytes), 'owned') : this.#put(bytes, lifetime);
  }

  end(trailers: Fields): void {
    if (this.#answer !== 'begun') return;
    this.#answer = 'over';
    const passed = this.#request?.acceptsTrailers === true ? trailers : noFields;
    const head = this.#takeHead();
    if (head !== null) this.#put(this.#bytesOf(head, null, passed), 'owned');
    else if (this.#isChunked) this.#put(lastChunk(passed), 'owned');
  }

  flush(): void {
    const head = this.#takeHead();
    if (head !== null) this.#put(this.#bytesOf(head, null, null), 'owned');
  }

  cut(_reason: CloseReason, manner: 'reset' | 'end'): void {
    if (manner === 'reset' && this.#answer !== 'over') this.isCut = true;
    this.#head = null;
  }

  handOver(head: ResponseHead, upstream: DetachedLeg, timeouts: Timeouts): void {
    this.#answer = 'over';
    this.#put(responseBytes(head, this.#writing(true), null, null), 'owned');
    this.#host.upgraded(upstream, timeouts);
  }

  over(end: ExchangeEnd): void {
    this.owner = null;
    this.#flow = 'dropped';
    this.#host.over(end);
  }

  pause(): void {
    if (this.#flow === 'open' && !this.#isRequestOver) this.#stopReading();
  }

  resume(): void {
    if (this.#flow === 'dropped') return undefined;
    if (this.#flow === 'open') return this.#isRequestOver ? undefined : this.#goOnReading();
    this.#flow = 'open';
    const early = this.#early;
    const trailers = this.#earlyTrailers;
    this.#early = null;
    this.#earlyTrailers = null;
    let hasRoom = true;
    for (const bytes of early ?? []) hasRoom = this.owner?.requestBody(bytes, 'owned') !== false && hasRoom;
    if (trailers !== null) this.owner?.requestEnded(trailers);
    else if (hasRoom && !this.#isRequestOver) this.#goOnReading();
    return undefined;
  }

  /** A request that is not complete by now never will be, for the one that follows it. */
  discard(): void {
    if (!this.#isRequestOver) this.#isGivenUp = true;
    const trailers = this.#earlyTrailers;
    this.#flow = 'dropped';
    this.#early = null;
    this.#earlyTrailers = null;
    if (trailers !== null) this.owner?.requestEnded(trailers);
    else if (!this.#isRequestOver) this.#goOnReading();
  }

  #stopReading(): void {
    this.isHeldUp = true;
    this.#leg.pause();
  }

  #goOnReading(): void {
    this.isHeldUp = false;
    this.#leg.resume();
  }

  #writing(keepAlive: boolean): ResponseWriting {
    const clientVersion = this.protocol === 'http/1.0' ? '1.0' : '1.1';
    return { clientVersion, keepAlive, method: this.#request?.method ?? 'GET' };
  }

  #bytesOf(head: ResponseHead, first: Uint8Array | null, trailers: Fields | null): Uint8Array {
    return responseBytes(head, this.#manner ?? this.#writing(this.#isPersistent), first, trailers);
  }

  #put(bytes: Uint8Array, lifetime: ChunkLifetime): boolean {
    const hasRoom = this.#leg.write(bytes, lifetime);
    if (!hasRoom) this.#host.blocked();
    return hasRoom;
  }

  #takeHead(): ResponseHead | null {
    const head = this.#head;
    this.#head = null;
    return head;
  }
}
