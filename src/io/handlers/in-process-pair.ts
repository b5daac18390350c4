/**
 * A leg and a socket joined inside the process: the leg is the connection's, the socket is the handler's.
 *
 * Decides: what the leg fails with when the handler is at fault (`SALLYPORT_HANDLER_FAILED`) or has left without an end
 * (`SALLYPORT_HANDLER_LEFT`). Obeys the laws of `leg.ts`: FIN and backpressure both ways, at most 64 KiB on their way.
 * Must never do: own a timer, lose a byte, or let what the handler throws get past the socket.
 * Chunks are `shared`, because a handler may use its buffer again as soon as the callback of its write has come.
 */
import type { Subscriber } from 'rxjs';
import type { Address, ChunkLifetime } from '../leg.ts';
import { LegBase, type LegPorts } from '../leg-base.ts';
import { causeOf, codeOf, isKnownCode } from '../os-codes.ts';
import { codedError, gathered, SocketLike, type SocketNames } from '../socket-like.ts';
import { handlerFailed, handlerLeft, HandlerFailure } from './failure.ts';

export interface PairOptions {
  /** What the ledger and the record call the leg's far end: `handler echo`. */
  readonly name: string;
  /** What the socket says: who the client is, and where it came in. */
  readonly socket: SocketNames;
}

/** Who hears what happens between the two. */
export interface PairOwner {
  /** The handler is at fault: a listener of its threw, or it destroyed the socket with an error of its own. */
  failed(error: unknown): void;
  /** The leg is gone: let go, failed, or both sides have ended. Once. */
  over(): void;
}

export interface InProcessPair {
  readonly leg: InProcessLeg;
  readonly socket: InProcessSocket;
}

/** In the ledger from here on, as the upstream leg of its connection. */
export function inProcessPair(options: PairOptions, ports: LegPorts, owner: PairOwner): InProcessPair {
  const leg = new InProcessLeg(options, ports, owner);
  return { leg, socket: leg.socket };
}

type Done = (error?: Error | null) => void;

/** Bytes per chunk at most, either way. */
const pieceBytes = 65_536;

export class InProcessLeg extends LegBase {
  readonly chunks = 'shared';
  readonly remote: Address;
  readonly local: Address;
  readonly socket: InProcessSocket;
  readonly #owner: PairOwner;
  /** To the handler: what its socket does not take yet. */
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isRoom = true;
  /** True exactly when a writer was told to stop. */
  #isHeldUp = false;
  #isPumping = false;
  #fin: 'open' | 'asked' | 'sent' = 'open';
  /** From the handler: what it has written and the leg does not want yet, and whom to tell when it is taken. */
  #offered: Uint8Array[] = [];
  #offeredAt = 0;
  #done: Done | null = null;
  #isWanted = true;
  #isTaking = false;
  #isDelivering = false;
  #isClosing = false;

  constructor(options: PairOptions, ports: LegPorts, owner: PairOwner) {
    super('upstream', ports);
    this.remote = { host: options.name, port: 0 };
    this.local = nowhere;
    this.#owner = owner;
    this.socket = new InProcessSocket(this, options.socket);
  }

  override get name(): string {
    return `${this.side} ${this.remote.host}`;
  }

  /** @internal The socket takes more. */
  asked(): void {
    this.#isRoom = true;
    this.#pump();
    if (!this.#isHeldUp || !this.#isRoom || this.#queue.length > 0) return;
    this.#isHeldUp = false;
    this.transportDrained();
  }

  /** @internal The handler writes. */
  offered(chunks: Uint8Array[], done: Done): void {
    this.#offered = chunks;
    this.#offeredAt = 0;
    this.#done = done;
    this.#deliverOffered();
  }

  /** @internal The handler's FIN. */
  ended(): void {
    this.transportEnded();
    this.#closeWhenDone();
  }

  /** @internal The socket is destroyed. Told in the next tick, and by whoever looks before. */
  left(reason: Error | null): void {
    if (this.#isClosing) return;
    // Node's word for a reader that wants no more, be it by a signal or by leaving a loop.
    const error = reason !== null && codeOf(reason) === 'ABORT_ERR' ? null : reason;
    if (error !== null && isOwnFault(error)) this.threw(error);
    process.nextTick(() => this.#lost(error));
  }

  /** @internal A listener of the handler's threw, or the handler did. */
  threw(error: unknown): void {
    if (this.life !== 'live') return;
    if (!(error instanceof HandlerFailure)) this.#owner.failed(error);
  }

  protected override deliver(taker: Subscriber<Uint8Array>, chunk: Uint8Array): void {
    this.#isTaking = true;
    taker.next(chunk);
  }

  protected setReading(isWanted: boolean): void {
    this.#isWanted = isWanted;
    if (isWanted) this.#deliverOffered();
  }

  protected send(chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    const bytes = lifetime === 'owned' ? chunk : Buffer.from(chunk);
    for (let at = 0; at < bytes.length; at += pieceBytes) this.#queue.push(bytes.subarray(at, at + pieceBytes));
    this.#queuedBytes += bytes.length;
    this.#pump();
    this.#isHeldUp = !this.#isRoom || this.#queue.length > 0;
    return !this.#isHeldUp;
  }

  protected sendFin(): void {
    this.#fin = 'asked';
    this.#pump();
  }

  protected abort(): void {
    this.#leave();
    this.socket.destroy(codedError('ECONNRESET'));
  }

  /** FIN, after the handler was told of the write it may be in; a handler that writes on is told that nobody takes it. */
  protected close(): void {
    this.#leave();
    if (this.#fin !== 'sent') setImmediate(() => !this.socket.destroyed && this.socket.push(null));
    this.#fin = 'sent';
    if (!this.#isDelivering) this.#refuseOffered();
  }

  protected countSent(): number {
    return this.acceptedBytes - this.#queuedBytes - this.socket.readableLength;
  }

  protected isTransportGone(): boolean {
    return this.#isClosing || this.socket.destroyed;
  }

  /** Hands the socket what it takes. Pushing may run the handler, which may ask for more. */
  #pump(): void {
    if (this.#isPumping || this.socket.destroyed) return;
    this.#isPumping = true;
    while (this.#isRoom) {
      const piece = this.#queue.shift();
      if (piece === undefined) break;
      this.#queuedBytes -= piece.length;
      this.#isRoom = false;
      if (this.socket.push(piece)) this.#isRoom = true;
    }
    this.#isPumping = false;
    if (this.#fin !== 'asked' || this.#queue.length > 0) return;
    this.#fin = 'sent';
    this.socket.push(null);
    process.nextTick(() => this.#flushed());
  }

  #flushed(): void {
    this.transportFlushed();
    this.#closeWhenDone();
  }

  #deliverOffered(): void {
    if (this.#isDelivering || this.#done === null) return;
    this.#isDelivering = true;
    while (this.#isWanted && this.life === 'live') {
      const piece = this.#nextOffered();
      if (piece === null) break;
      // What is held is kept beyond the call, and the handler's memory is not ours to keep.
      const isPassedOn = this.#isTaking && this.heldBytes === 0;
      this.transportReceived(isPassedOn ? piece : Buffer.from(piece));
    }
    this.#isDelivering = false;
    // What ended the connection was taken all the same.
    if (this.#offered.length === 0) this.#accepted();
    else if (this.life !== 'live') this.#refuseOffered();
  }

  #nextOffered(): Uint8Array | null {
    const [chunk] = this.#offered;
    if (chunk === undefined) return null;
    const piece = chunk.subarray(this.#offeredAt, this.#offeredAt + pieceBytes);
    this.#offeredAt += piece.length;
    if (this.#offeredAt < chunk.length) return piece;
    this.#offered.shift();
    this.#offeredAt = 0;
    return piece;
  }

  #accepted(): void {
    const done = this.#done;
    this.#done = null;
    done?.();
  }

  #refuseOffered(): void {
    const done = this.#done;
    this.#done = null;
    this.#offered = [];
    done?.(codedError('EPIPE'));
  }

  /** The socket was destroyed by the handler: a failure, unless both sides had ended. */
  #lost(error: Error | null): void {
    if (this.inbound !== 'open' && this.outbound === 'flushed' && error === null) return this.#closeWhenDone();
    const code = error === null ? handlerLeft : codeOf(error);
    if (error === null) this.transportFailed(code, 'the handler left without an end');
    else if (isOwnFault(error)) this.transportFailed(handlerFailed, error.message);
    else this.transportFailed(code, causeOf(error));
  }

  /** Both sides have ended, and nothing waits for whether the handler reads what it was given. */
  #closeWhenDone(): void {
    if (this.life === 'live' && this.inbound !== 'open' && this.outbound === 'flushed') this.#leave();
  }

  #leave(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    process.nextTick(() => {
      this.transportClosed();
      this.#owner.over();
    });
  }
}

/** The handler's end. Whatever one of its listeners throws ends this connection and nothing else. */
export class InProcessSocket extends SocketLike {
  readonly #leg: InProcessLeg;

  constructor(leg: InProcessLeg, names: SocketNames) {
    super(names);
    this.#leg = leg;
  }

  /** A loop that has read everything may answer: Node's own iterator would destroy both directions. */
  override [Symbol.asyncIterator](): ReturnType<SocketLike['iterator']> {
    return this.iterator({ destroyOnReturn: false });
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    try {
      return super.emit(event, ...values);
    } catch (error) {
      this.#leg.threw(error);
      this.destroy(new HandlerFailure(error));
      return true;
    }
  }

  override _read(): void {
    this.#leg.asked();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: Done): void {
    this.#leg.offered([chunk], done);
  }

  override _writev(chunks: { readonly chunk: Uint8Array }[], done: Done): void {
    this.#leg.offered(gathered(chunks), done);
  }

  override _final(done: Done): void {
    this.#leg.ended();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#leg.left(error);
    done(error);
  }
}

/** An error of the system's is passed on as it is: a handler that dialled somewhere itself often says so. */
function isOwnFault(error: Error): boolean {
  return codeOf(error) === handlerFailed || !isKnownCode(codeOf(error));
}

const nowhere: Address = { host: '', port: 0 };
