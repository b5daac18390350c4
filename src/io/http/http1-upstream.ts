/**
 * HTTP/1.1 on an upstream leg: one request at a time, written from the model, its response read into the model.
 *
 * Decides: whether the connection may serve another request. It may exactly when both messages were complete, both said
 * so, and not a byte more came. Must never do: own a timer, or give bytes of one response to another exchange.
 * Read first: `carrier.ts`, `ports.ts`, `protocols/http1/reader.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import {
  hasBody,
  noFields,
  type Fields,
  type HttpProblem,
  type RequestHead,
  type ResponseHead,
} from '../../protocols/http/message.ts';
import type { ResponseSink } from '../../protocols/http1/reader.ts';
import { ResponseReader } from '../../protocols/http1/response-reader.ts';
import { chunk as chunkOf, lastChunk, requestBytes } from '../../protocols/http1/writer.ts';
import type { Address, ChunkLifetime, Leg, LegFact } from '../leg.ts';
import { Sink } from '../sink.ts';
import type { Carrier, CarrierOwner } from './carrier.ts';
import type { ByteTaker, DetachedLeg, Pinned, Upstream, UpstreamOwner } from './ports.ts';

const keptAlive = { keepAlive: true } as const;

export class Http1Upstream extends Sink<Uint8Array> implements Carrier, Upstream, Pinned, ResponseSink {
  readonly address: Address;
  isReused = false;
  readonly #leg: Leg;
  readonly #carrierOwner: CarrierOwner;
  readonly #reader = new ResponseReader(this);
  /** Whose request is under way; null between requests. */
  #owner: UpstreamOwner | null = null;
  /** The head that waits for the first bytes of its body, or for `flush`. */
  #head: RequestHead | null = null;
  #request: 'none' | 'sending' | 'sent' = 'none';
  #response: 'none' | 'begun' | 'over' = 'none';
  /** True exactly when the body is sent in chunks. */
  #isChunked = false;
  /** True exactly when both messages so far allow another request on this connection. */
  #isPersistent = true;
  /** True exactly when a message was not complete when its exchange ended. */
  #isLeftInTheMiddle = false;
  /** True exactly when it is one client's alone. */
  #isPinned = false;
  /** Told by the reader, told on once the chunk has been looked at to its end. */
  #trailers: Fields | null = null;
  #problem: HttpProblem | null = null;
  /** Where every byte goes once the protocol has changed; null until then. */
  #taker: ByteTaker | null = null;
  /** Bytes behind a 101 that nobody has taken yet, and whether FIN came behind them. */
  #rest: Uint8Array | null = null;
  #hasEnded = false;

  constructor(leg: Leg, owner: CarrierOwner) {
    super();
    this.#leg = leg;
    this.address = leg.remote;
    this.#carrierOwner = owner;
  }

  get canLend(): boolean {
    return this.#owner === null && this.#isPersistent && this.#taker === null;
  }

  get isClean(): boolean {
    return this.#owner === null && !this.#isLeftInTheMiddle;
  }

  get lastByteAtMs(): number {
    return this.#leg.lastByteAtMs;
  }

  get isGone(): boolean {
    return this.#leg.isGone;
  }

  start(): void {
    this.#leg.bytes$.subscribe(this);
  }

  request(owner: UpstreamOwner): Upstream {
    this.#owner = owner;
    this.#request = 'none';
    this.#response = 'none';
    return this;
  }

  send(head: RequestHead): void {
    this.#reader.expect(head.method);
    this.#head = head;
    this.#isChunked = head.body.kind === 'stream';
    this.#request = hasBody(head) ? 'sending' : 'sent';
  }

  write(bytes: Uint8Array, lifetime: ChunkLifetime): boolean {
    if (this.#owner === null || bytes.length === 0) return true;
    const head = this.#takeHead();
    if (head !== null) return this.#leg.write(requestBytes(head, keptAlive, bytes, null), 'owned');
    return this.#isChunked ? this.#leg.write(chunkOf(bytes), 'owned') : this.#leg.write(bytes, lifetime);
  }

  end(trailers: Fields): void {
    if (this.#owner === null || this.#request === 'sent') return;
    this.#request = 'sent';
    if (this.#taker !== null) return this.#leg.end();
    const head = this.#takeHead();
    if (head !== null) this.#leg.write(requestBytes(head, keptAlive, null, trailers), 'owned');
    else if (this.#isChunked) this.#leg.write(lastChunk(trailers), 'owned');
    return undefined;
  }

  flush(): void {
    const head = this.#takeHead();
    if (head !== null) this.#leg.write(requestBytes(head, keptAlive, null, null), 'owned');
  }

  pause(): void {
    this.#leg.pause();
  }

  resume(): void {
    this.#leg.resume();
  }

  release(): void {
    if (this.#owner === null) return;
    this.#owner = null;
    const isComplete = this.#request === 'sent' && this.#response === 'over' && this.#head === null;
    if (!isComplete) {
      this.#isPersistent = false;
      this.#isLeftInTheMiddle = true;
    }
    if (!this.#isPersistent || this.#taker !== null) return this.#carrierOwner.spoilt();
    this.isReused = true;
    // The client may have stopped it at the very end; FIN has to be seen from now on, and the next answer.
    this.#leg.resume();
    if (!this.#isPinned) this.#carrierOwner.idle();
  }

  detach(): DetachedLeg {
    this.#owner = null;
    return {
      leg: this.#leg,
      passTo: (taker) => this.#passTo(taker),
      tellTo: (told) => this.#carrierOwner.detached(told),
    };
  }

  openTunnel(): void {
    const owner = this.#owner;
    if (owner === null) return;
    this.#request = 'sending';
    this.#isChunked = false;
    this.#passTo({
      next: (chunk) => this.#ownerTook(owner.responseBody(chunk, this.#leg.chunks)),
      complete: () => owner.responseEnded(noFields),
      error: (error) => this.#carrierOwner.broken(error),
    });
  }

  pin(): Pinned {
    this.#isPinned = true;
    return this;
  }

  lend(owner: UpstreamOwner): Upstream {
    return this.request(owner);
  }

  letGo(): void {
    this.#isPinned = false;
    this.#isPersistent = false;
    if (this.#owner === null) this.#carrierOwner.spoilt();
  }

  close(): void {
    return undefined;
  }

  /** Whoever has a request here has been told, or has let go itself. */
  abort(): void {
    this.#owner = null;
  }

  told(fact: LegFact): void {
    if (fact.type === 'writable') this.#owner?.requestWritable();
  }

  failed(reason: CloseReason, detail: string): void {
    const owner = this.#owner;
    this.#isPersistent = false;
    if (owner === null) return;
    this.#owner = null;
    owner.upstreamFailed(reason, detail, this.#response === 'none' && this.#reader.isIdle);
  }

  interim(head: ResponseHead): void {
    this.#owner?.responseInformed(head);
  }

  responseHead(head: ResponseHead): void {
    this.#response = 'begun';
    if (!head.isPersistent) this.#isPersistent = false;
    this.#owner?.responseHead(head);
  }

  body(bytes: Uint8Array): void {
    if (this.#owner !== null) this.#ownerTook(this.#owner.responseBody(bytes, this.#leg.chunks));
  }

  ended(trailers: Fields): void {
    this.#response = 'over';
    this.#trailers = trailers;
  }

  malformed(problem: HttpProblem): void {
    this.#problem = problem;
  }

  protected override _next(chunk: Uint8Array): void {
    if (this.#taker !== null) return this.#taker.next(chunk);
    if (this.#owner === null || this.#response === 'over') return this.#unasked();
    try {
      return this.#taken(chunk, this.#reader.read(chunk, 0));
    } catch (error) {
      return this.#carrierOwner.broken(error);
    }
  }

  /** @param end how far the response went; what is behind it belongs to nobody, unless the protocol has changed. */
  #taken(chunk: Uint8Array, end: number): void {
    if (end < chunk.length) {
      this.#isPersistent = false;
      if (this.#response === 'begun') return this.#keepRest(chunk.subarray(end));
    }
    return this.#settle();
  }

  protected override _complete(): void {
    this.#hasEnded = true;
    if (this.#taker !== null) return this.#taker.complete();
    this.#isPersistent = false;
    if (this.#owner === null) return this.#carrierOwner.ended();
    if (this.#response === 'none' && this.#reader.isIdle) {
      this.failed('upstream.reset', 'the upstream ended the connection before it answered');
      return this.#carrierOwner.spoilt();
    }
    if (this.#rest !== null) return undefined;
    this.#reader.end();
    return this.#settle();
  }

  protected override _error(error: unknown): void {
    this.#carrierOwner.broken(error);
  }

  /** What the reader told, told on. The exchange may let go of this connection, or lend it anew, within any of these. */
  #settle(): void {
    const owner = this.#owner;
    const problem = this.#problem;
    if (owner === null) return;
    if (problem !== null) {
      this.#owner = null;
      this.#isPersistent = false;
      this.#isLeftInTheMiddle = true;
      const reason = this.#hasEnded ? 'upstream.truncated' : 'upstream.malformed';
      owner.upstreamFailed(reason, problem.detail, false);
      return this.#carrierOwner.spoilt();
    }
    const trailers = this.#trailers;
    this.#trailers = null;
    if (trailers !== null) owner.responseEnded(trailers);
    owner.responseSettled();
  }

  /** Bytes behind a 101: the new protocol's. Behind anything else they belong to nobody. */
  #keepRest(rest: Uint8Array): void {
    if (this.#taker !== null) return this.#taker.next(rest);
    this.#rest = this.#leg.chunks === 'owned' ? rest : new Uint8Array(rest);
    this.#leg.pause();
    this.#owner?.responseSettled();
  }

  #passTo(taker: ByteTaker): void {
    this.#taker = taker;
    const rest = this.#rest;
    this.#rest = null;
    if (rest !== null) taker.next(rest);
    if (this.#hasEnded) taker.complete();
    else if (rest !== null) this.#leg.resume();
  }

  #unasked(): void {
    this.#isPersistent = false;
    if (this.#owner === null) this.#carrierOwner.spoilt();
  }

  #takeHead(): RequestHead | null {
    const head = this.#head;
    this.#head = null;
    return head;
  }

  #ownerTook(hasRoom: boolean): void {
    if (!hasRoom) this.#leg.pause();
  }
}
