/**
 * HTTP/2 on a client's leg: a server session of node:http2, each of its streams an exchange.
 *
 * Decides: when the session has had enough (`http2-guard.ts`), and what its end means for the connection. GOAWAY that the
 * proxy sends is gentle while streams run: first one that refuses nothing, the real one once the client has answered a
 * PING, so that a request on its way is still served. Must never do: own a timer, or end the leg before it is told.
 * Read first: `service.ts`, `http2-requester.ts`, docs/adr/0013-http2-by-nghttp2.md.
 */
import { constants, performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import { defaultHttpLimits } from '../../protocols/http1/reader.ts';
import type { Clock } from '../clock.ts';
import type { Leg, LegFact } from '../leg.ts';
import type { ExchangeSnapshot } from '../reports.ts';
import { contain } from './http2-contain.ts';
import { endDeafSession, goaway, streamIdMax } from './http2-goaway.ts';
import { Http2Guard, type GuardOwner } from './http2-guard.ts';
import { serverOptions } from './http2-options.ts';
import { readRequestHead } from './http2-request-head.ts';
import { type Http2Host, Http2Requester } from './http2-requester.ts';
import { Http2Transport, type TransportOwner } from './http2-transport.ts';
import type { ExchangeEnd } from './ports.ts';
import type { HttpService, OpenExchange, ServiceOwner } from './service.ts';

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

export class Http2Service implements HttpService, Http2Host, GuardOwner, TransportOwner {
  readonly leg: Leg;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #owner: ServiceOwner;
  readonly #open: OpenExchange;
  readonly #guard: Http2Guard;
  readonly #transport: Http2Transport;
  #session: ServerHttp2Session | null = null;
  readonly #live = new Map<number, Http2Requester>();
  /** Streams whose exchange is over and whose answer is still on its way, with the time until when it may be. */
  readonly #leaving = new Map<number, { readonly requester: Http2Requester; readonly untilMs: number }>();
  /** True exactly when nothing more is to be told but `flushed` and `clientEnded`. */
  #isOver = false;
  #isLast = false;
  /** Of the last exchange. */
  #lastStreamId = 0;
  #isEnding = false;
  /** True exactly when the leg is not this service's any more. */
  #isStopped = false;
  #isOutputOver = false;
  #hasEnded = false;
  /** The code of the client's GOAWAY; null until one comes. */
  #goaway: number | null = null;
  #failure: string | null = null;

  constructor(leg: Leg, owner: ServiceOwner, open: OpenExchange, clock: Pick<Clock, 'nowMs'>) {
    this.leg = leg;
    this.#clock = clock;
    this.#owner = owner;
    this.#open = open;
    this.#guard = new Http2Guard(clock, 'client', this);
    this.#transport = new Http2Transport(leg, this.#guard, this);
  }

  start(): void {
    const session = performServerHandshake(this.#transport, serverOptions);
    this.#session = session;
    session.on(
      'stream',
      contain(this, (stream: ServerHttp2Stream, _headers: unknown, flags: number, raw: readonly string[]) =>
        this.#began(stream, flags, raw),
      ),
    );
    session.on('goaway', (code: number) => {
      this.#goaway = code;
    });
    session.on('error', (error: Error) => {
      this.#failure ??= error.message;
    });
    session.on(
      'close',
      contain(this, () => this.#sessionOver()),
    );
    this.#transport.start();
  }

  last(): void {
    const session = this.#session;
    if (this.#isLast || session === null || session.closed || session.destroyed) return;
    this.#isLast = true;
    if (this.#hasEnded || !this.#transport.say(goaway(streamIdMax, NGHTTP2_NO_ERROR))) return session.close();
    session.ping(() => {
      if (!session.closed && !session.destroyed) session.close();
    });
    return undefined;
  }

  end(): void {
    this.#isOver = true;
    this.#isEnding = true;
    this.#session?.close();
    if (this.#isOutputOver) this.#finishLeg();
  }

  stop(reason: CloseReason): void {
    this.#isOver = true;
    this.#isStopped = true;
    for (const requester of this.#live.values()) requester.owner?.clientFailed(reason);
    this.#live.clear();
    this.#leaving.clear();
    this.#session?.destroy();
    this.#transport.detach();
  }

  told(fact: LegFact): void {
    if (fact.type === 'writable') return this.#transport.legWritable();
    if (fact.type === 'flushed' && this.#isEnding) {
      this.#owner.flushed();
      if (this.#hasEnded) this.#owner.clientEnded();
    }
    return undefined;
  }

  exchanges(): readonly ExchangeSnapshot[] {
    const snapshots: ExchangeSnapshot[] = [];
    for (const { owner } of this.#live.values()) {
      if (owner !== null) snapshots.push(owner.snapshot());
    }
    return snapshots;
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /** RST_STREAM is the client's; whatever else tears a stream down was provoked by it. */
  reasonFor(streamId: number): CloseReason {
    if (this.#guard.wasReset(streamId) || this.#goaway !== null) return 'downstream.reset';
    return 'downstream.malformed';
  }

  resetting(): void {
    this.#guard.forgive();
  }

  over(requester: Http2Requester, end: ExchangeEnd): void {
    const { streamId } = requester;
    if (!this.#live.delete(streamId)) return;
    if (end.isClean) this.#guard.reward();
    if (!requester.isGone) {
      const { halfClosed } = end.timeouts;
      this.#leaving.set(streamId, { requester, untilMs: this.nowMs() + (halfClosed ?? Infinity) });
    }
    if (this.#live.size > 0 || this.#isOver || this.#session?.destroyed === true) return;
    this.#owner.closed(end.timeouts);
  }

  gone(streamId: number): void {
    this.#leaving.delete(streamId);
  }

  /** What the client ends, node:http2 tells. */
  receivedEnd(): void {
    return undefined;
  }

  sentEnd(streamId: number): void {
    const requester = this.#live.get(streamId) ?? this.#leaving.get(streamId)?.requester;
    requester?.endSent();
  }

  sentGoaway(isFirst: boolean): void {
    endDeafSession(this.#session, isFirst);
  }

  exceeded(): void {
    this.#failure = this.#guard.excess;
    this.#transport.say(goaway(this.#lastStreamId, NGHTTP2_ENHANCE_YOUR_CALM));
    this.#fail();
  }

  inputEnded(): void {
    this.#hasEnded = true;
    for (const requester of this.#live.values()) requester.inputEnded();
    this.#owner.clientEnded();
  }

  /** Where the session ended well node:http2 now waits for FIN, which it does not get; where not, it says why later. */
  outputEnded(): void {
    this.#isOutputOver = true;
    if (this.#isEnding) this.#finishLeg();
    if (this.#session?.closed === true) this.#sessionOver();
  }

  broken(error: unknown): void {
    this.#owner.broken(error);
  }

  #began(stream: ServerHttp2Stream, flags: number, raw: readonly string[]): void {
    if (this.#isOver || stream.destroyed || stream.closed) return this.#refuse(stream);
    this.#hurry();
    if (this.#live.size === 0) this.#owner.opened();
    const requester = new Http2Requester(stream, this);
    this.#lastStreamId = requester.streamId;
    this.#live.set(requester.streamId, requester);
    requester.owner = this.#open(requester);
    const isComplete = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    return requester.start(readRequestHead(raw, isComplete, defaultHttpLimits));
  }

  /** It came too late, or was reset within the same read: it never was an exchange. */
  #refuse(stream: ServerHttp2Stream): void {
    stream.on('error', () => undefined);
    if (stream.destroyed || stream.closed) return;
    this.resetting();
    stream.close(NGHTTP2_REFUSED_STREAM);
  }

  /** Answers that a client has not taken for as long as an exchange would have waited for it are reset. */
  #hurry(): void {
    if (this.#leaving.size === 0) return;
    const nowMs = this.nowMs();
    for (const { requester, untilMs } of this.#leaving.values()) {
      if (untilMs < nowMs) requester.abandon();
    }
  }

  #sessionOver(): void {
    this.#isOutputOver = true;
    if (this.#isEnding) this.#finishLeg();
    if (this.#failure !== null && this.#goaway === null) {
      if (!this.#guard.hasSaidGoaway) this.#transport.say(goaway(this.#lastStreamId, NGHTTP2_PROTOCOL_ERROR));
      return this.#fail();
    }
    if (this.#isOver) return undefined;
    this.#isOver = true;
    return this.#owner.finished(
      this.#goaway === null || this.#goaway === NGHTTP2_NO_ERROR ? 'completed' : 'downstream.reset',
      this.#failure,
    );
  }

  /** GOAWAY has been said; FIN follows when the connection says so. */
  #fail(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isOutputOver = true;
    this.#transport.mute();
    for (const requester of this.#live.values()) requester.owner?.clientFailed('downstream.malformed');
    this.#session?.destroy();
    this.#owner.finished('downstream.malformed', this.#failure);
  }

  #finishLeg(): void {
    if (this.#isStopped) return;
    this.#transport.dropInput();
    this.leg.end();
  }
}
