/**
 * HTTP/2 on an upstream leg: a client session of node:http2 that carries many requests at once for a pool.
 *
 * Decides: whether another request may begin. It may while the upstream has said no GOAWAY and takes another stream.
 * What runs at GOAWAY runs on; what the upstream says it never looked at fails silently, so that it may be sent again.
 * Protocols are never switched here: a WebSocket always gets an HTTP/1.1 connection. Must never do: own a timer, send a
 * PING, or let go of the leg.
 * Read first: `carrier.ts`, `http2-upstream-stream.ts`, docs/adr/0013-http2-by-nghttp2.md.
 */
import { connect, constants, type ClientHttp2Session, type ClientHttp2Stream, type Settings } from 'node:http2';
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { RequestHead } from '../../protocols/http/message.ts';
import type { Clock } from '../clock.ts';
import type { Address, Leg, LegFact } from '../leg.ts';
import type { Carrier, CarrierOwner } from './carrier.ts';
import { contain } from './http2-contain.ts';
import { endDeafSession, goaway } from './http2-goaway.ts';
import { type GuardOwner, Http2Guard } from './http2-guard.ts';
import { clientOptions, concurrentStreamsMax, upstreamConnectionWindowBytes } from './http2-options.ts';
import { requestHeaders } from './http2-response-head.ts';
import { Http2Transport, type TransportOwner } from './http2-transport.ts';
import { type Http2UpstreamHost, Http2UpstreamStream } from './http2-upstream-stream.ts';
import type { Upstream, UpstreamOwner } from './ports.ts';

const { NGHTTP2_ENHANCE_YOUR_CALM, NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = constants;

export class Http2Upstream implements Carrier, Http2UpstreamHost, GuardOwner, TransportOwner {
  readonly #leg: Leg;
  readonly #owner: CarrierOwner;
  readonly #clock: Pick<Clock, 'nowMs'>;
  readonly #guard: Http2Guard;
  readonly #transport: Http2Transport;
  #session: ClientHttp2Session | null = null;
  readonly #streams = new Set<Http2UpstreamStream>();
  readonly #byId = new Map<number, Http2UpstreamStream>();
  #streamsMax = concurrentStreamsMax;
  /** True exactly when a request was begun on this connection before. */
  #hasServed = false;
  #isLeaving = false;
  /** The code of the upstream's GOAWAY; null until one comes. */
  #goaway: number | null = null;
  #isOver = false;

  constructor(leg: Leg, owner: CarrierOwner, clock: Pick<Clock, 'nowMs'>) {
    this.#leg = leg;
    this.#owner = owner;
    this.#clock = clock;
    this.#guard = new Http2Guard(clock, 'server', this);
    this.#transport = new Http2Transport(leg, this.#guard, this);
  }

  get canLend(): boolean {
    return !this.#isOver && !this.#isLeaving && this.#streams.size < this.#streamsMax;
  }

  get isClean(): boolean {
    return !this.#isOver && this.#streams.size === 0;
  }

  get address(): Address {
    return this.#leg.remote;
  }

  get isGone(): boolean {
    return this.#leg.isGone;
  }

  start(): void {
    const session = connect('http://upstream.invalid', { ...clientOptions, createConnection: () => this.#transport });
    this.#session = session;
    session.on(
      'remoteSettings',
      contain(this, (settings: Settings) => this.#agreed(settings)),
    );
    session.on(
      'goaway',
      contain(this, (code: number) => this.#left(code)),
    );
    session.on('error', () => undefined);
    session.on(
      'close',
      contain(this, () => this.#sessionOver()),
    );
    session.setLocalWindowSize(upstreamConnectionWindowBytes);
    this.#transport.start();
  }

  request(owner: UpstreamOwner): Upstream {
    const stream = new Http2UpstreamStream(this, owner, this.#hasServed);
    this.#hasServed = true;
    this.#streams.add(stream);
    return stream;
  }

  close(): void {
    if (!this.#isOver) this.#transport.say(goaway(0, NGHTTP2_NO_ERROR));
    this.#detach();
  }

  abort(): void {
    this.failed('upstream.reset', 'the connection was given up');
  }

  told(fact: LegFact): void {
    if (fact.type === 'writable') this.#transport.legWritable();
  }

  failed(reason: CloseReason, detail: string): void {
    this.#isOver = true;
    for (const stream of this.#streams) stream.fail(reason, detail);
    this.#detach();
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  open(stream: Http2UpstreamStream, head: RequestHead, waitForTrailers: boolean): ClientHttp2Stream | null {
    const session = this.#session;
    if (session === null || session.closed || session.destroyed) return null;
    const { host, port } = this.#leg.remote;
    const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
    const endStream = head.body.kind === 'none';
    const opened = session.request(requestHeaders(head, authority), { endStream, waitForTrailers });
    if (opened.id !== undefined) this.#byId.set(opened.id, stream);
    return opened;
  }

  /** What tore a stream down that the exchange had not let go of. */
  failureOf(streamId: number, code: number): { readonly reason: CloseReason; readonly detail: string } {
    if (code === NGHTTP2_REFUSED_STREAM) return { reason: 'upstream.reset', detail: 'the upstream refused the stream' };
    if (this.#goaway !== null && this.#goaway !== NGHTTP2_NO_ERROR) {
      return { reason: 'upstream.reset', detail: `the upstream ended the session with code ${this.#goaway}` };
    }
    if (this.#guard.wasReset(streamId)) {
      return { reason: 'upstream.reset', detail: `the upstream reset the stream with code ${code}` };
    }
    return { reason: 'upstream.malformed', detail: `the upstream broke HTTP/2, code ${code}` };
  }

  resetting(): void {
    this.#guard.forgive();
  }

  gone(stream: Http2UpstreamStream, streamId: number, isClean: boolean): void {
    this.#byId.delete(streamId);
    if (!this.#streams.delete(stream)) return;
    if (isClean) this.#guard.reward();
    if (this.#isOver) return;
    if (this.#streams.size === 0) this.#owner.idle();
    else if (this.canLend) this.#owner.lendable();
  }

  sentEnd(): void {
    return undefined;
  }

  receivedEnd(streamId: number): void {
    this.#byId.get(streamId)?.receivedEnd();
  }

  sentGoaway(isFirst: boolean): void {
    endDeafSession(this.#session, isFirst);
  }

  exceeded(): void {
    const detail = this.#guard.excess ?? '';
    this.#transport.say(goaway(0, NGHTTP2_ENHANCE_YOUR_CALM));
    this.#spoil('upstream.malformed', detail);
  }

  /** FIN: whatever still runs can not end. */
  inputEnded(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stream of this.#streams) {
      const reason = stream.isSilent ? 'upstream.reset' : 'upstream.truncated';
      stream.fail(reason, 'the upstream ended the connection');
    }
    this.#owner.ended();
  }

  outputEnded(): void {
    return undefined;
  }

  broken(error: unknown): void {
    this.#owner.broken(error);
  }

  #agreed(settings: Settings): void {
    const before = this.#streamsMax;
    this.#streamsMax = Math.min(concurrentStreamsMax, settings.maxConcurrentStreams ?? concurrentStreamsMax);
    if (this.#streamsMax > before && this.canLend) this.#owner.lendable();
  }

  #left(code: number): void {
    this.#goaway = code;
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    this.#owner.leaving();
  }

  #sessionOver(): void {
    this.#spoil('upstream.malformed', 'the session with the upstream ended');
  }

  #spoil(reason: CloseReason, detail: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stream of this.#streams) stream.fail(reason, detail);
    this.#transport.mute();
    this.#session?.destroy();
    this.#owner.spoilt();
  }

  #detach(): void {
    this.#isOver = true;
    this.#transport.mute();
    this.#session?.destroy();
    this.#transport.detach();
  }
}
