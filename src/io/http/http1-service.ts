/**
 * HTTP/1.1 on a client's leg: requests one after the other, each an exchange, their answers in the same order.
 *
 * Decides: whether the connection may serve another request; it may exactly when request and answer were complete and
 * both said so. A request that comes before the answer to the one before it was given, and taken as far as the system has
 * room, waits unread. Must never do: own a timer, keep a body, or feed the reader anything after a message that was not
 * clean.
 * Read first: `service.ts`, `ports.ts`, `protocols/http1/reader.ts`.
 */
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { Timeouts } from '../../machines/connection/delays.ts';
import type { Fields, HttpProblem, RequestHead } from '../../protocols/http/message.ts';
import type { RequestSink } from '../../protocols/http1/reader.ts';
import { RequestReader } from '../../protocols/http1/request-reader.ts';
import type { Leg, LegFact } from '../leg.ts';
import type { ExchangeSnapshot } from '../reports.ts';
import { Sink } from '../sink.ts';
import { Http1Requester, type RequesterHost } from './http1-requester.ts';
import type { ByteTaker, DetachedLeg, ExchangeEnd, Tap } from './ports.ts';
import type { ExchangeHandle, HttpService, OpenExchange, ServiceOwner } from './service.ts';

export class Http1Service extends Sink<Uint8Array> implements HttpService, RequestSink, RequesterHost {
  readonly leg: Leg;
  /** True exactly when no exchange may follow those that are live. */
  isLast = false;
  /** True exactly while the reader is being fed. */
  isFeeding = false;
  readonly #owner: ServiceOwner;
  readonly #open: OpenExchange;
  readonly #reader = new RequestReader(this);
  #requester: Http1Requester | null = null;
  #exchange: ExchangeHandle | null = null;
  /** Read and not yet fed: what follows a request whose answer is not complete. */
  #rest: Uint8Array | null = null;
  /** True exactly when the client does not take what was written: it gets no further answer to queue up behind it. */
  #isBlocked = false;
  /** True exactly when the client's FIN came, after every byte. */
  #hasEnded = false;
  /** True exactly when no byte is looked at any more. */
  #isOver = false;
  /** True exactly when `end` was asked for. */
  #isEnding = false;
  #taker: ByteTaker | null = null;

  constructor(leg: Leg, owner: ServiceOwner, open: OpenExchange) {
    super();
    this.leg = leg;
    this.#owner = owner;
    this.#open = open;
  }

  start(): void {
    this.leg.bytes$.subscribe(this);
  }

  last(): void {
    this.isLast = true;
  }

  end(): void {
    this.#isOver = true;
    this.#isEnding = true;
    this.#rest = null;
    // From here on the leg drops what comes, and it counts as no activity: only what is still to be written does.
    this.unsubscribe();
    this.leg.end();
  }

  stop(reason: CloseReason): void {
    this.#isOver = true;
    this.#exchange?.clientFailed(reason);
    if (this.#taker === null) this.unsubscribe();
  }

  told(fact: LegFact): void {
    if (fact.type === 'writable') return this.#writable();
    if (!this.#isEnding) return undefined;
    if (fact.type === 'ended') this.#hasEnded = true;
    if (fact.type === 'flushed') this.#owner.flushed();
    if (this.#hasEnded && (fact.type === 'ended' || fact.type === 'flushed')) this.#owner.clientEnded();
    return undefined;
  }

  exchanges(): readonly ExchangeSnapshot[] {
    return this.#exchange === null ? [] : [this.#exchange.snapshot()];
  }

  requestHead(head: RequestHead): void {
    if (this.#isOver) return;
    const exchange = this.#begin();
    this.#requester?.heard(head);
    exchange.requestHead(head);
  }

  body(bytes: Uint8Array): void {
    this.#requester?.body(bytes);
  }

  ended(trailers: Fields): void {
    this.#requester?.ended(trailers);
  }

  malformed(problem: HttpProblem): void {
    if (this.#isOver) return;
    const exchange = this.#begin();
    this.#isOver = true;
    this.isLast = true;
    exchange.requestFailed('downstream.malformed', problem);
  }

  blocked(): void {
    this.#isBlocked = true;
  }

  over(end: ExchangeEnd): void {
    const requester = this.#requester;
    this.#exchange = null;
    this.#requester = null;
    if (requester === null || this.#taker !== null) return;
    if (requester.isCut) {
      // Said before the connection hears of it, which may be later: not a byte more of the same read is a request.
      this.#isOver = true;
      return this.#owner.failed(end.reason, end.cause);
    }
    if (!requester.isReusable || this.#isOver) {
      this.#isOver = true;
      return end.isClean ? this.#owner.finished('completed', null) : this.#owner.finished(end.reason, end.cause);
    }
    this.#owner.closed(end.timeouts);
    if (!this.isFeeding) this.#goOn();
  }

  upgraded(upstream: DetachedLeg, timeouts: Timeouts): void {
    this.#isOver = true;
    const client: Tap = { leg: this.leg, passTo: (taker) => this.#passTo(taker) };
    this.#owner.upgraded(client, upstream, timeouts);
  }

  protected override _next(chunk: Uint8Array): void {
    if (this.#taker !== null) return this.#taker.next(chunk);
    if (this.#isOver) return undefined;
    try {
      return this.#feed(chunk);
    } catch (error) {
      return this.#owner.broken(error);
    }
  }

  /** A FIN behind a complete request does not take its answer away. */
  protected override _complete(): void {
    this.#hasEnded = true;
    if (this.#taker !== null) return this.#taker.complete();
    if (this.#rest === null) this.#concludeInput();
    return undefined;
  }

  protected override _error(error: unknown): void {
    this.#owner.broken(error);
  }

  #writable(): void {
    this.#isBlocked = false;
    if (this.#exchange !== null) return this.#exchange.responseWritable();
    if (this.#rest !== null && !this.#isOver) this.#goOn();
    return undefined;
  }

  /** Feeds message after message, until the bytes are used up or an exchange has to be waited for. */
  #feed(chunk: Uint8Array): void {
    this.isFeeding = true;
    let position = 0;
    for (;;) {
      position = this.#feedUntilHeldUp(chunk, position);
      // What waited for the end of the read may end its exchange, and then the next message is fed.
      this.#exchange?.requestSettled();
      if (position === chunk.length || this.#isOver || this.#isWaiting()) break;
    }
    this.isFeeding = false;
    if (position < chunk.length) {
      if (this.#taker !== null) return this.#taker.next(chunk.subarray(position));
      if (this.#isOver) return undefined;
      this.#rest = this.#kept(chunk.subarray(position));
      return this.leg.pause();
    }
    if (this.#exchange === null && !this.#isOver) this.leg.resume();
    return undefined;
  }

  /** @returns how far it came */
  #feedUntilHeldUp(chunk: Uint8Array, start: number): number {
    let position = start;
    while (position < chunk.length && !this.#isOver && !this.#isWaiting()) {
      position = this.#reader.read(chunk, position);
      if (this.#exchange === null && !this.#isOver && !this.#reader.isIdle) this.#begin();
    }
    return position;
  }

  /** No byte will follow: a request in the middle is no request. */
  #concludeInput(): void {
    if (!this.#isOver && !this.#reader.isIdle) this.#reader.end();
    this.#owner.clientEnded();
  }

  /** The exchange is over: what waited is fed, and the leg goes on. */
  #goOn(): void {
    const rest = this.#rest;
    if (rest !== null && this.#isBlocked) return undefined;
    this.#rest = null;
    if (rest === null) return this.leg.resume();
    this.#feed(rest);
    if (this.#rest !== null) return undefined;
    if (this.#hasEnded) return this.#concludeInput();
    // What was fed was the beginning of a request: the leg, stopped since the one before, has the rest of it.
    if (this.#taker === null && !this.#isOver && this.#requester?.isHeldUp === false) this.leg.resume();
    return undefined;
  }

  #isWaiting(): boolean {
    return (this.#exchange !== null || this.#isBlocked) && this.#reader.isIdle;
  }

  #begin(): ExchangeHandle {
    if (this.#exchange !== null) return this.#exchange;
    this.#owner.opened();
    const requester = new Http1Requester(this.leg, this);
    this.#requester = requester;
    const exchange = this.#open(requester);
    requester.owner = exchange;
    this.#exchange = exchange;
    return exchange;
  }

  #kept(bytes: Uint8Array): Uint8Array {
    return this.leg.chunks === 'owned' ? bytes : new Uint8Array(bytes);
  }

  #passTo(taker: ByteTaker): void {
    this.#taker = taker;
    const rest = this.#rest;
    this.#rest = null;
    if (rest !== null) taker.next(rest);
    if (this.#hasEnded) taker.complete();
    else this.leg.resume();
  }
}
