/**
 * A leg over any Duplex of Node's: an HTTP/2 stream, the far end of an in-process pair, whatever an embedder brings.
 *
 * Decides nothing. It reads with `readable` and not with `data`, because a paused stream tells its end only that way.
 * Must never do: own a timer. A net.Socket has a better leg (`socket.ts`), which sees resets that Node shows as an end.
 * Read first: `leg.ts` for the laws, `leg-base.ts` for what all legs share.
 */
import type { Duplex } from 'node:stream';
import { plainHost } from './address-text.ts';
import type { LegSide } from './ledger.ts';
import type { Address, ChunkLifetime, Handshake } from './leg.ts';
import { LegBase, type LegPorts } from './leg-base.ts';
import { causeOf, codeOf } from './os-codes.ts';
import { pieceBytes, PieceQueue } from './piece-queue.ts';
import type { SocketNames } from './socket-like.ts';
import { TlsPart } from './tls/tls-part.ts';

/** What a stream says of its ends, where it is a socket; unknown where it does not say. */
export function namesOf(stream: object): SocketNames {
  return {
    remote: addressIn(stream, 'remoteAddress', 'remotePort'),
    local: addressIn(stream, 'localAddress', 'localPort'),
  };
}

function addressIn(stream: object, hostKey: string, portKey: string): Address {
  const host: unknown = Reflect.get(stream, hostKey);
  const port: unknown = Reflect.get(stream, portKey);
  return { host: typeof host === 'string' ? plainHost(host) : '', port: typeof port === 'number' ? port : 0 };
}

export class DuplexLeg extends LegBase {
  readonly chunks = 'owned';
  readonly remote: Address;
  readonly local: Address;
  /** What was brought: it is what is closed. */
  readonly #carrier: Duplex;
  readonly #queue = new PieceQueue();
  readonly #drained = (): void => this.#goOn();
  readonly #finished = (): void => this.#finish();
  readonly #ended = (): void => this.transportEnded();
  readonly #readable = (): void => this.#read();
  readonly #broke = (error: unknown): void => this.transportFailed(codeOf(error), causeOf(error));
  /** Where bytes come from and go to: the carrier, or TLS over it. */
  #duplex: Duplex;
  /** True exactly when a writer was told to stop. */
  #isHeldUp = false;
  #isEnding = false;
  #isWanted = true;
  #isReadingNow = false;

  /** @param duplex with `allowHalfOpen`, nobody else's from here on, and in bytes. Its `error` is listened to for good. */
  constructor(duplex: Duplex, side: LegSide, ports: LegPorts, { remote, local }: SocketNames) {
    super(side, ports);
    this.remote = remote;
    this.local = local;
    this.#carrier = duplex;
    this.#duplex = duplex;
    duplex.on('error', this.#broke);
    duplex.on('close', () => this.transportClosed());
    this.#attach();
    if (duplex.closed) process.nextTick(() => this.transportClosed());
    else if (duplex.readableEnded) process.nextTick(() => this.transportEnded());
  }

  protected setReading(isWanted: boolean): void {
    this.#isWanted = isWanted;
    if (isWanted) this.#read();
  }

  protected send(chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    this.#queue.push(lifetime === 'owned' ? chunk : Buffer.from(chunk));
    this.#isHeldUp = !this.#queue.pump(this.#duplex);
    return !this.#isHeldUp;
  }

  protected sendFin(): void {
    this.#isEnding = true;
    if (this.#queue.bytes === 0) this.#duplex.end();
  }

  /** What is held goes back in front of what the stream has buffered. */
  protected override beginTls(how: Handshake, first: readonly Uint8Array[]): void {
    const carrier = this.#carrier;
    for (const [event, listener] of this.#listeners()) carrier.off(event, listener);
    this.#queue.flush(carrier);
    carrier.pause();
    for (const chunk of first.toReversed()) carrier.unshift(chunk);
    const inside = new TlsPart(carrier, how);
    this.#duplex = inside.socket;
    inside.socket.on('error', this.#broke);
    inside.socket.on('_tlsError', this.#broke);
    inside.socket.on(inside.doneEvent, () => this.#handshook(inside));
    if (how.role === 'client') inside.socket.on('session', (session) => inside.keep(session));
    this.#attach();
  }

  protected abort(): void {
    try {
      if (canBeReset(this.#carrier)) return void this.#carrier.resetAndDestroy();
    } catch {
      // A TLSSocket throws that it cannot be reset.
    }
    return void this.#carrier.destroy();
  }

  /** A stream that is destroyed says nothing to its other end, so where nothing is queued or unread it ends first. */
  protected close(): void {
    const { destroyed, readableLength, writableLength, writableFinished, writable } = this.#duplex;
    const isQueued = this.#queue.bytes + writableLength > 0;
    const mayEnd = this.life === 'letGo' && !destroyed && readableLength === 0 && !isQueued;
    this.#queue.drop();
    if (!mayEnd || writableFinished || this.isHandshaking) this.#carrier.destroy();
    else if (writable) this.#duplex.end();
  }

  protected countSent(): number {
    return this.acceptedBytes - this.#queue.bytes - this.#duplex.writableLength;
  }

  protected isTransportGone(): boolean {
    return this.#carrier.destroyed || this.#duplex.destroyed;
  }

  #attach(): void {
    for (const [event, listener] of this.#listeners()) this.#duplex.on(event, listener);
  }

  #listeners(): readonly (readonly [event: string, listener: () => void])[] {
    return [
      ['end', this.#ended],
      ['drain', this.#drained],
      ['finish', this.#finished],
      ['readable', this.#readable],
    ];
  }

  #handshook(inside: TlsPart): void {
    const outcome = inside.outcome(this.ports.clock.wallMs());
    if (outcome === null) return;
    if ('code' in outcome) this.transportFailed(outcome.code, outcome.cause);
    else this.transportSecured(outcome);
  }

  #goOn(): void {
    if (!this.#queue.pump(this.#duplex)) return;
    if (this.#isEnding) this.#duplex.end();
    else if (this.#isHeldUp) {
      this.#isHeldUp = false;
      this.transportDrained();
    }
  }

  #finish(): void {
    if (this.life === 'letGo') this.#carrier.destroy();
    else this.transportFlushed();
  }

  /** Reads while it is wanted; at the end of the stream it reads nothing, which is what makes the stream tell it. */
  #read(): void {
    if (this.#isReadingNow) return;
    this.#isReadingNow = true;
    while (this.#isWanted && this.life === 'live' && this.#duplex.readableLength > 0) {
      const chunk: unknown = this.#duplex.read(Math.min(pieceBytes, this.#duplex.readableLength));
      if (!(chunk instanceof Uint8Array)) break;
      this.transportReceived(chunk);
    }
    this.#isReadingNow = false;
    if (this.#duplex.readableLength === 0) this.#duplex.read(0);
  }
}

/** Sockets have it, and what is made like them; other streams only know how to be destroyed. */
function canBeReset(duplex: Duplex): duplex is Duplex & { resetAndDestroy(): unknown } {
  return 'resetAndDestroy' in duplex && typeof duplex.resetAndDestroy === 'function';
}
