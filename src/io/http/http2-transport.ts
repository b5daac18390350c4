/**
 * A leg as the Duplex that node:http2 wants. It has the leg's bytes, and nothing of its life.
 *
 * FIN does not pass: node:http2 takes the end of its input for the end of everything, and running streams would lose their
 * answers. The owner hears of FIN when every byte before it was taken. Closing it lets go of nothing but the bytes; FIN to
 * the peer, reset and release are the owner's to order. Both directions are shown to a guard on the way.
 * Must never do: own a timer, or give node:http2 a byte that the guard has refused.
 * Read first: `../leg.ts`, `http2-guard.ts`.
 */
import { Duplex } from 'node:stream';
import type { Leg } from '../leg.ts';
import { Sink } from '../sink.ts';
import { contain } from './http2-contain.ts';
import type { Http2Guard } from './http2-guard.ts';

export interface TransportOwner {
  /** The guard has had enough: nothing more is read. */
  exceeded(): void;
  /** FIN came, and everything before it was taken. */
  inputEnded(): void;
  /** node:http2 will write nothing more. */
  outputEnded(): void;
  broken(error: unknown): void;
}

type Written = (error?: Error | null) => void;

export class Http2Transport extends Duplex {
  readonly #leg: Leg;
  readonly #guard: Http2Guard;
  readonly #owner: TransportOwner;
  readonly #sink: TransportSink;
  /** Called when the leg takes bytes again; null while it does. */
  #written: Written | null = null;
  #untakenBytes = 0;
  #hasInputEnded = false;
  /** True exactly when node:http2 has been given more than it wanted. */
  #isFull = false;
  #isDropping = false;
  #isMute = false;

  constructor(leg: Leg, guard: Http2Guard, owner: TransportOwner) {
    super({ allowHalfOpen: true, emitClose: true });
    this.#leg = leg;
    this.#guard = guard;
    this.#owner = owner;
    this.#sink = new TransportSink(this);
  }

  /** Once node:http2 has its listeners in place, so that this one hears of a chunk when it has been taken. */
  start(): void {
    this.on('data', (chunk: Uint8Array) => this.#taken(chunk.length));
    this.#leg.bytes$.subscribe(this.#sink);
  }

  /** The leg takes bytes again. */
  legWritable(): void {
    const written = this.#written;
    this.#written = null;
    this.#settle();
    written?.();
  }

  /**
   * A frame of our own, between those of node:http2.
   * @returns false where there is no such place now.
   */
  say(frame: Uint8Array): boolean {
    if (!this.#guard.isBetweenFrames || this.#isMute) return false;
    this.#leg.write(frame, 'owned');
    return true;
  }

  /** Nothing more of node:http2 is sent. */
  mute(): void {
    this.#isMute = true;
  }

  /** What still arrives is dropped. */
  dropInput(): void {
    this.#isDropping = true;
    this.#settle();
  }

  /** The leg belongs to whoever releases it. */
  detach(): void {
    this.#sink.unsubscribe();
    this.destroy();
  }

  arrived(chunk: Uint8Array): void {
    if (this.#isDropping || this.destroyed) return;
    if (!this.#guard.received(chunk)) {
      this.#isDropping = true;
      this.#owner.exceeded();
      return;
    }
    this.#untakenBytes += chunk.length;
    const owned = this.#leg.chunks === 'owned' ? chunk : Buffer.from(chunk);
    if (this.push(owned)) return;
    this.#isFull = true;
    this.#settle();
  }

  ended(): void {
    this.#hasInputEnded = true;
    if (this.#untakenBytes === 0 || this.#isDropping) this.#tellEnd();
  }

  broken(error: unknown): void {
    this.#owner.broken(error);
  }

  override _read(): void {
    this.#isFull = false;
    this.#settle();
  }

  override _write(chunk: Uint8Array, _encoding: string, written: Written): void {
    this.#send(chunk, written);
  }

  override _writev(chunks: readonly { readonly chunk: Uint8Array }[], written: Written): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), written);
  }

  override _final(done: Written): void {
    done();
    this.#owner.outputEnded();
  }

  override _destroy(_error: Error | null, done: Written): void {
    this.#isDropping = true;
    this.#written = null;
    done();
  }

  #send(bytes: Uint8Array, written: Written): void {
    if (this.#isMute) return written();
    this.#guard.sent(bytes);
    if (this.#leg.write(bytes, 'owned')) return written();
    this.#written = written;
    return this.#settle();
  }

  /**
   * Who does not read is not read: node:http2 would take frame after frame, and keep its answers to them while it can not
   * write. What is dropped anyway is read on.
   */
  #settle(): void {
    if (!this.#isDropping && (this.#isFull || this.#written !== null)) this.#leg.pause();
    else this.#leg.resume();
  }

  #taken(bytes: number): void {
    this.#untakenBytes -= bytes;
    if (this.#hasInputEnded && this.#untakenBytes === 0) this.#tellEnd();
  }

  /** Behind the streams of the last bytes, which node:http2 tells on the next tick. */
  #tellEnd(): void {
    process.nextTick(contain(this.#owner, () => this.#owner.inputEnded()));
  }
}

class TransportSink extends Sink<Uint8Array> {
  readonly #transport: Http2Transport;

  constructor(transport: Http2Transport) {
    super();
    this.#transport = transport;
  }

  protected override _next(chunk: Uint8Array): void {
    this.#transport.arrived(chunk);
  }

  protected override _complete(): void {
    this.#transport.ended();
  }

  protected override _error(error: unknown): void {
    this.#transport.broken(error);
  }
}
