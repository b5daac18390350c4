/**
 * The splice: two pumps that join the legs of a connection, with backpressure and the order of FINs.
 *
 * Decides nothing: which side to end, and when all is over, is the chart's. Bytes travel here and nowhere else, one
 * subscription per direction, no operators; a chunk is passed on within the call (src/io/leg.ts, law 9).
 * Buffered per direction: what the writing leg queues before it says stop, plus one read.
 */
import type { Tap } from './http/ports.ts';
import type { Leg } from './leg.ts';
import { Sink } from './sink.ts';

export type Side = 'downstream' | 'upstream';

/** What a splice tells the connection that owns it. */
export interface SpliceOwner {
  /** FIN from that side, after its last byte was written on. */
  sideEnded(side: Side): void;
  /** Both directions are done. */
  flushed(): void;
  /** Passing a chunk on threw: a bug of ours. */
  broken(error: unknown): void;
}

export class Splice {
  readonly #owner: SpliceOwner;
  readonly #downstream: Direction;
  readonly #upstream: Direction;
  /** True exactly when `flushed` has been told. */
  #isTold = false;

  constructor(downstream: Leg, upstream: Leg, owner: SpliceOwner) {
    this.#owner = owner;
    this.#downstream = new Direction('downstream', downstream, upstream, owner);
    this.#upstream = new Direction('upstream', upstream, downstream, owner);
  }

  /** Begins with what the client's leg holds. */
  start(): void {
    this.#downstream.start();
    this.#upstream.start();
  }

  /** As `start`, where somebody has been reading both legs and goes on reading them. */
  continueFrom(downstream: Tap, upstream: Tap): void {
    downstream.passTo(this.#downstream);
    upstream.passTo(this.#upstream);
  }

  /** The leg of that side takes bytes again. */
  writable(side: Side): void {
    this.#into(side).resume();
  }

  /** The leg of that side has handed its FIN over. */
  sideFlushed(side: Side): void {
    this.#into(side).isDelivered = true;
    this.settle();
  }

  /** What that side still sends has nobody to take it: its peer's leg is dead. */
  discard(side: Side): void {
    this.#from(side).discard();
    this.settle();
  }

  stop(): void {
    this.#downstream.unsubscribe();
    this.#upstream.unsubscribe();
  }

  /** Tells once that both directions are done. */
  settle(): void {
    if (this.#isTold || !this.#downstream.isDelivered || !this.#upstream.isDelivered) return;
    this.#isTold = true;
    this.#owner.flushed();
  }

  #from(side: Side): Direction {
    return side === 'downstream' ? this.#downstream : this.#upstream;
  }

  #into(side: Side): Direction {
    return side === 'downstream' ? this.#upstream : this.#downstream;
  }
}

/** One direction: writes the source's bytes to the sink.*/
class Direction extends Sink<Uint8Array> {
  /** True exactly when everything this direction will carry has been handed over, FIN included, or has nobody to take it. */
  isDelivered = false;
  readonly #side: Side;
  readonly #source: Leg;
  readonly #sink: Leg;
  readonly #owner: SpliceOwner;

  constructor(side: Side, source: Leg, sink: Leg, owner: SpliceOwner) {
    super();
    this.#side = side;
    this.#source = source;
    this.#sink = sink;
    this.#owner = owner;
  }

  start(): void {
    this.#source.bytes$.subscribe(this);
  }

  protected override _next(chunk: Uint8Array): void {
    if (!this.#sink.write(chunk, this.#source.chunks)) this.#source.pause();
  }

  protected override _complete(): void {
    this.#owner.sideEnded(this.#side);
  }

  protected override _error(error: unknown): void {
    this.#owner.broken(error);
  }

  resume(): void {
    this.#source.resume();
  }

  discard(): void {
    this.isDelivered = true;
    this.unsubscribe();
  }
}
