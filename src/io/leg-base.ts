/**
 * What every leg has in common, whatever carries it: telling facts, holding and replaying bytes, and the order of things.
 *
 * Decides: the laws of `leg.ts` that do not depend on a transport. A transport (`socket.ts`, `testing/memory-leg.ts`)
 * calls the methods that begin with `transport…` when something happened, and implements the abstract ones.
 * Must never do: own a timer, or keep anything per chunk but what is held. One object per leg, no closures but those of
 * its two subscriptions. Read first: `leg.ts` for the laws; below this class are `leg-telling.ts` and `leg-counts.ts`.
 */
import { Observable, type Subscriber } from 'rxjs';
import { ProxyError } from '../errors.ts';
import { heldChunksMax, joined, without } from './held-chunks.ts';
import type { LegSide } from './ledger.ts';
import { heldBytesMax, type Address, type ChunkLifetime, type Handshake, type Leg, type LegFact } from './leg.ts';
import type { LegPorts } from './leg-counts.ts';
import { LegTelling } from './leg-telling.ts';
import { closedSilently, codeSentence } from './os-codes.ts';
import type { Secured } from './tls/identity.ts';
import { endedInHandshake } from './tls/tls-codes.ts';

export type { LegPorts } from './leg-counts.ts';

export abstract class LegBase extends LegTelling implements Leg {
  abstract readonly remote: Address;
  abstract readonly local: Address;
  abstract readonly chunks: ChunkLifetime;
  readonly side: LegSide;
  heldBytes: number;
  /** Our FIN: not asked for, asked for, handed over. */
  protected outbound: 'open' | 'ending' | 'flushed';
  /** Their FIN: not come, come while bytes are held, told after the last of them. */
  protected inbound: 'open' | 'ending' | 'ended';
  private reader: 'holding' | 'taking' | 'discarding';
  private isPaused: boolean;
  /** True exactly when the transport has been asked to deliver. */
  private isReading: boolean;
  /** True exactly while held bytes are being replayed. */
  private isReplaying: boolean;
  /** True exactly when `write` has answered false and `writable` has not been told. */
  private owesWritable: boolean;
  /** Goes on only: TLS was not begun, its handshake is under way, it is done. */
  private tls: 'none' | 'handshaking' | 'secured';
  private heldChunks: Uint8Array[];
  private taker: Subscriber<Uint8Array> | null;

  constructor(side: LegSide, ports: LegPorts) {
    super(ports);
    this.side = side;
    this.heldBytes = 0;
    this.outbound = 'open';
    this.inbound = 'open';
    this.reader = 'holding';
    this.isPaused = false;
    this.isReading = true;
    this.isReplaying = false;
    this.owesWritable = false;
    this.tls = 'none';
    this.heldChunks = noChunks;
    this.taker = null;
    ports.ledger.enter(this);
  }

  /** The transport begins (true) or stops (false) to deliver bytes. Not told twice. */
  protected abstract setReading(isWanted: boolean): void;
  /** Hands bytes over; false when the writer should stop until `transportDrained`. */
  protected abstract send(chunk: Uint8Array, lifetime: ChunkLifetime): boolean;
  /** Sends FIN after everything sent; answered by `transportFlushed`. Called once. */
  protected abstract sendFin(): void;
  /** Sends RST and closes; answered by `transportClosed`. Harmless when the transport is closing already. */
  protected abstract abort(): void;
  /** Closes; answered by `transportClosed`. Harmless when the transport is closing already. */
  protected abstract close(): void;
  /** True exactly when the transport is closing or closed. */
  protected abstract isTransportGone(): boolean;

  get name(): string {
    const { host, port } = this.remote;
    return `${this.side} ${host}:${port}`;
  }

  /** A new one at each access, because it is subscribed only once and need not be kept. */
  get bytes$(): Observable<Uint8Array> {
    return new Observable((subscriber) => this.takeInto(subscriber));
  }

  get held(): readonly Uint8Array[] {
    return this.heldChunks;
  }

  get isGone(): boolean {
    return this.life === 'live' && !this.isDone() && this.isTransportGone();
  }

  /** A transport without half-close answers false. */
  get canHalfClose(): boolean {
    return true;
  }

  get isFlushed(): boolean {
    return this.outbound === 'flushed';
  }

  write(chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    if (this.life !== 'live' || this.outbound !== 'open') return true;
    if (chunk.length === 0) return !this.owesWritable;
    this.acceptedBytes += chunk.length;
    this.stamp();
    if (this.send(chunk, lifetime)) return true;
    this.hasQueueMoved();
    this.owesWritable = true;
    return false;
  }

  end(): void {
    if (this.life !== 'live' || this.outbound !== 'open') return;
    this.outbound = 'ending';
    this.hasQueueMoved();
    if (!this.isHandshaking) this.sendFin();
  }

  secure(how: Handshake): void {
    if (this.life !== 'live') return;
    if (this.tls !== 'none' || this.reader !== 'holding' || this.outbound !== 'open')
      throw new ProxyError(
        'SALLYPORT_INVARIANT',
        'TLS begins once, on a leg that nobody takes from and that is not ended',
      );
    if (this.inbound !== 'open') return this.transportFailed(endedInHandshake, codeSentence(endedInHandshake) ?? '');
    this.tls = 'handshaking';
    if (!this.isReading) {
      this.isReading = true;
      this.setReading(true);
    }
    const first = this.heldChunks;
    this.dropHeld();
    this.countAnew();
    this.beginTls(how, first);
  }

  skip(bytes: number): void {
    if (this.life !== 'live' || bytes === 0) return;
    if (this.reader !== 'holding' || bytes > this.heldBytes)
      throw new ProxyError('SALLYPORT_INVARIANT', 'only what is held can be skipped');
    this.heldChunks = without(this.heldChunks, bytes);
    this.heldBytes -= bytes;
    if (this.heldBytes === 0 && this.inbound === 'ending') this.concludeInbound();
    else this.settleReading();
  }

  reset(): void {
    if (this.letGo()) this.abort();
  }

  release(): void {
    if (this.letGo()) this.close();
  }

  pause(): void {
    this.isPaused = true;
    this.settleReading();
  }

  resume(): void {
    // Asked after every exchange, when there is nearly always nothing to do.
    if (!this.isPaused && this.heldBytes === 0 && this.isReading) return;
    this.isPaused = false;
    this.replay();
  }

  next(chunk: Uint8Array): void {
    this.write(chunk, 'shared');
  }

  complete(): void {
    this.end();
  }

  error(): void {
    this.reset();
  }

  /** True exactly when TLS was begun and `secured` has not been told. */
  protected get isHandshaking(): boolean {
    return this.tls === 'handshaking';
  }

  /**
   * Begins the handshake on the transport, whose plaintext comes by `transportReceived` from then on; answered by
   * `transportSecured` or `transportFailed`. Called once, while the transport reads.
   * @param first what is held: the first bytes of the handshake, in order.
   */
  protected beginTls(_how: Handshake, _first: readonly Uint8Array[]): void {
    throw new ProxyError('SALLYPORT_INVARIANT', `${this.name} cannot begin TLS`);
  }

  /** Passes a chunk on. A transport whose chunks are shared takes them back here. */
  protected deliver(taker: Subscriber<Uint8Array>, chunk: Uint8Array): void {
    taker.next(chunk);
  }

  /** What is held outlives the call: a transport that will use the chunk's memory again answers a copy. */
  protected holdable(chunk: Uint8Array): Uint8Array {
    return chunk;
  }

  /** Bytes arrived. What arrives after FIN is dropped. */
  protected transportReceived(chunk: Uint8Array): void {
    if (this.life !== 'live' || this.inbound !== 'open') return;
    this.receivedBytes += chunk.length;
    if (this.reader === 'discarding') return;
    this.stamp();
    if (this.taker !== null && !this.isPaused && this.heldBytes === 0) return this.deliver(this.taker, chunk);
    this.hold(this.holdable(chunk));
  }

  /** FIN arrived, after every byte. */
  protected transportEnded(): void {
    if (this.life !== 'live' || this.inbound !== 'open') return;
    if (this.isHandshaking) return this.transportFailed(endedInHandshake, codeSentence(endedInHandshake) ?? '');
    if (this.heldBytes === 0) return this.concludeInbound();
    this.inbound = 'ending';
    this.tell({ type: 'ended', heldBytes: this.heldBytes });
  }

  /** The connection is broken. The transport is closed here, if it does not close by itself. */
  protected transportFailed(code: string, cause: string): void {
    if (this.life !== 'live') return;
    this.stopLiving('failed');
    if (codeSentence(code) === null) {
      this.ports.report({ event: 'code.unmapped', connectionId: null, message: `${this.name}: ${code} (${cause})` });
    }
    this.close();
    this.announce({ type: 'failed', code, cause });
  }

  /** The handshake is done. What came early, and what was asked for meanwhile, takes its course now. */
  protected transportSecured(by: Secured): void {
    if (this.life !== 'live' || !this.isHandshaking) return;
    this.tls = 'secured';
    this.stamp();
    this.tell({ type: 'secured', by });
    this.transportDrained();
    if (this.heldBytes > 0 && this.reader === 'holding') this.tell(held);
    if (this.life === 'live' && this.outbound === 'ending') this.sendFin();
    if (this.taker === null) this.settleReading();
    else this.replay();
  }

  /** Everything that `send` took has been handed over. */
  protected transportDrained(): void {
    if (this.life !== 'live') return;
    this.stamp();
    this.hasQueueMoved();
    if (!this.owesWritable) return;
    this.owesWritable = false;
    this.tell(writable);
  }

  /** FIN has been handed over. */
  protected transportFlushed(): void {
    if (this.life !== 'live' || this.outbound !== 'ending') return;
    this.transportDrained();
    this.outbound = 'flushed';
    this.tell(flushed);
    if (this.canHalfClose || this.life !== 'live' || this.inbound === 'ended') return;
    this.dropHeld();
    this.concludeInbound();
  }

  /** The operating system has closed the handle. A close that nothing announced is a failure first. */
  protected transportClosed(): void {
    if (this.life === 'released') return;
    if (this.life === 'live' && !this.isDone()) {
      this.transportFailed(closedSilently, codeSentence(closedSilently) ?? closedSilently);
    }
    if (this.life === 'live') this.finalSentBytes = this.countSent();
    this.life = 'released';
    this.ports.ledger.leave(this);
    this.announceLast(released);
  }

  /** Both FINs have passed: the transport closes by itself, and that is no failure. */
  private isDone(): boolean {
    return this.inbound !== 'open' && this.outbound === 'flushed';
  }

  /** False when there is nothing left to let go. */
  private letGo(): boolean {
    if (this.life !== 'live') return false;
    this.stopLiving('letGo');
    this.forgetKept();
    return true;
  }

  private stopLiving(life: 'failed' | 'letGo'): void {
    this.finalSentBytes = this.countSent();
    this.life = life;
    this.dropHeld();
    this.taker = null;
    this.ports.ledger.letGo(this);
  }

  private tell(fact: LegFact): void {
    if (this.life === 'live') this.announce(fact);
  }

  private takeInto(subscriber: Subscriber<Uint8Array>): () => void {
    if (this.reader !== 'holding')
      throw new ProxyError('SALLYPORT_INVARIANT', 'bytes$ of a leg has one subscriber, and has had it');
    this.reader = 'taking';
    if (this.inbound === 'ended') {
      subscriber.complete();
    } else {
      this.taker = subscriber;
      this.replay();
    }
    return () => this.discard();
  }

  private hold(chunk: Uint8Array): void {
    if (this.heldChunks === noChunks) this.heldChunks = [chunk];
    else this.heldChunks.push(chunk);
    this.heldBytes += chunk.length;
    if (this.heldChunks.length >= heldChunksMax && !this.isReplaying) this.heldChunks = joined(this.heldChunks);
    this.settleReading();
    if (this.reader === 'holding' && !this.isHandshaking) this.tell(held);
  }

  /** Hands over what is held, as far as the taker allows, and then goes on live. */
  private replay(): void {
    if (this.isReplaying) return;
    this.isReplaying = true;
    const chunks = this.heldChunks;
    let count = 0;
    // Letting go replaces the list.
    while (this.taker !== null && !this.taker.closed && !this.isPaused && this.heldChunks === chunks) {
      const chunk = chunks[count];
      if (chunk === undefined) break;
      count += 1;
      this.heldBytes -= chunk.length;
      this.deliver(this.taker, chunk);
    }
    if (count > 0) chunks.splice(0, count);
    this.isReplaying = false;
    if (this.taker !== null && this.heldBytes === 0 && this.inbound === 'ending') this.concludeInbound();
    else this.settleReading();
  }

  /** The taker is gone: nothing is kept any more, and FIN is still awaited. */
  private discard(): void {
    this.reader = 'discarding';
    this.taker = null;
    this.dropHeld();
    this.isPaused = false;
    if (this.inbound === 'ending') this.concludeInbound();
    else this.settleReading();
  }

  private concludeInbound(): void {
    this.inbound = 'ended';
    const taker = this.taker;
    this.taker = null;
    taker?.complete();
    this.tell(ended);
  }

  private settleReading(): void {
    if (this.life !== 'live' || this.inbound !== 'open' || this.isHandshaking) return;
    const hasRoom = this.reader === 'holding' ? this.heldBytes < heldBytesMax : this.heldBytes === 0;
    const isWanted = hasRoom && !this.isPaused;
    if (isWanted === this.isReading) return;
    this.isReading = isWanted;
    this.setReading(isWanted);
  }

  private dropHeld(): void {
    this.heldChunks = noChunks;
    this.heldBytes = 0;
  }
}

/** Shared and never written to: what most legs hold most of the time. */
const noChunks: Uint8Array[] = [];

const held: LegFact = { type: 'held' };
const ended: LegFact = { type: 'ended', heldBytes: 0 };
const writable: LegFact = { type: 'writable' };
const flushed: LegFact = { type: 'flushed' };
const released: LegFact = { type: 'released' };
