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
import type { Address, ChunkLifetime } from './leg.ts';
import { LegBase, type LegPorts } from './leg-base.ts';
import { causeOf, codeOf } from './os-codes.ts';
import type { SocketNames } from './socket-like.ts';

/** Bytes per read and per write, so that what is on its way shows as it goes. */
const pieceBytes = 65_536;

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
  readonly #duplex: Duplex;
  /** What the stream does not take yet: kept here, because a stream shows nothing of a large write until all of it went. */
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
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
    this.#duplex = duplex;
    duplex.on('error', (error: unknown) => this.transportFailed(codeOf(error), causeOf(error)));
    duplex.on('close', () => this.transportClosed());
    duplex.on('end', () => this.transportEnded());
    duplex.on('drain', () => this.#drained());
    duplex.on('finish', () => this.#finished());
    duplex.on('readable', () => this.#read());
    if (duplex.closed) process.nextTick(() => this.transportClosed());
    else if (duplex.readableEnded) process.nextTick(() => this.transportEnded());
  }

  protected setReading(isWanted: boolean): void {
    this.#isWanted = isWanted;
    if (isWanted) this.#read();
  }

  protected send(chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    const bytes = lifetime === 'owned' ? chunk : Buffer.from(chunk);
    for (let at = 0; at < bytes.length; at += pieceBytes) this.#queue.push(bytes.subarray(at, at + pieceBytes));
    this.#queuedBytes += bytes.length;
    this.#isHeldUp = !this.#pump();
    return !this.#isHeldUp;
  }

  protected sendFin(): void {
    this.#isEnding = true;
    if (this.#queue.length === 0) this.#duplex.end();
  }

  protected abort(): void {
    if (canBeReset(this.#duplex)) this.#duplex.resetAndDestroy();
    else this.#duplex.destroy();
  }

  /** A stream that is destroyed says nothing to its other end, so where nothing is queued or unread it ends first. */
  protected close(): void {
    const { destroyed, readableLength, writableLength, writableFinished, writable } = this.#duplex;
    const isQueued = this.#queuedBytes + writableLength > 0;
    const mayEnd = this.life === 'letGo' && !destroyed && readableLength === 0 && !isQueued;
    this.#queue = [];
    if (!mayEnd || writableFinished) this.#duplex.destroy();
    else if (writable) this.#duplex.end();
  }

  protected countSent(): number {
    return this.acceptedBytes - this.#queuedBytes - this.#duplex.writableLength;
  }

  protected isTransportGone(): boolean {
    return this.#duplex.destroyed;
  }

  /** True when all of it was taken, and more would be. A stream that is gone takes nothing. */
  #pump(): boolean {
    while (!this.#duplex.destroyed) {
      if (this.#duplex.writableNeedDrain && this.#duplex.writableLength > 0) return false;
      const piece = this.#queue.shift();
      if (piece === undefined) return true;
      this.#queuedBytes -= piece.length;
      this.#duplex.write(piece);
    }
    return false;
  }

  #drained(): void {
    if (!this.#pump()) return;
    if (this.#isEnding) this.#duplex.end();
    else if (this.#isHeldUp) {
      this.#isHeldUp = false;
      this.transportDrained();
    }
  }

  #finished(): void {
    if (this.life === 'letGo') this.#duplex.destroy();
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
