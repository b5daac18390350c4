/**
 * Two legs joined in memory: deterministic, obedient to the laws of `leg.ts`, and able to misbehave as networks do.
 *
 * Everything that arrives is a step of the clock it was given; nothing is told inside a call. Its chunks are `shared`, and
 * each one is scribbled over as soon as it was delivered, so that whoever keeps one is found out.
 * Read first: `memory-pipe.ts` for one direction.
 */
import type { Subscriber } from 'rxjs';
import type { Clock, Timer, TimerTarget } from '../io/clock.ts';
import type { LegSide } from '../io/ledger.ts';
import type { Address, ChunkLifetime, Handshake } from '../io/leg.ts';
import { LegBase, type LegPorts } from '../io/leg-base.ts';
import { codeSentence } from '../io/os-codes.ts';
import type { Secured } from '../io/tls/identity.ts';
import { alertFor, MemoryHandshake, type HandshakePlan } from './memory-handshake.ts';
import { Pipe, type PipeOptions, type PipeReader, type PipeWriter } from './memory-pipe.ts';

/** How a leg misbehaves. Milliseconds count from when it was joined; null and false are off. */
export interface LegFaults {
  /** Reading fails then, with ECONNRESET; the peer sees RST. */
  readonly readErrors: number | null;
  /** The kernel takes so many bytes per step, at least 1: `write` answers false often, and the peer sees other chunks. */
  readonly writesPartially: number | null;
  /** FIN arrives here so much later than the last byte. */
  readonly endsLate: number | null;
  /** So many bytes arrive here after FIN. */
  readonly dataAfterEnd: number | null;
  /** The transport is closed then, without FIN or error; the peer sees RST. */
  readonly closesWithoutEnd: number | null;
  /** The close that follows `reset` and `release` is never told. */
  readonly closeNeverComes: boolean;
  /** The transport is gone then, and nothing says so; the peer sees RST. */
  readonly diesSilently: number | null;
  /** The transport has no half-close: `end` closes it both ways. */
  readonly cannotHalfClose: boolean;
  /** What becomes of a handshake on this leg; null: it succeeds at once. Milliseconds count from when it could. */
  readonly handshake: HandshakePlan | null;
}

export const noFaults: LegFaults = {
  readErrors: null,
  writesPartially: null,
  endsLate: null,
  dataAfterEnd: null,
  closesWithoutEnd: null,
  closeNeverComes: false,
  diesSilently: null,
  cannotHalfClose: false,
  handshake: null,
};

export interface MemoryLegOptions {
  readonly side: LegSide;
  readonly ports: LegPorts;
  /** Runs the deliveries: `StepClock.network`, so that they are not taken for deadlines. */
  readonly network: Clock;
  readonly local?: Address;
  readonly remote?: Address;
  readonly faults?: Partial<LegFaults>;
}

export interface WireOptions {
  /** Bytes on their way per direction before the writer has to wait. Default 64 KiB. */
  readonly windowBytes?: number;
  /** Milliseconds from one end to the other; asked once per arrival. Default 0. */
  readonly latencyMs?: () => number;
}

const nowhere: Address = { host: '', port: 0 };
const atOnce: HandshakePlan = { type: 'succeeds', afterMs: 0 };
const closeSlot = 0;
const readErrorSlot = 1;
const closeWithoutEndSlot = 2;
const deathSlot = 3;
const handshakeSlot = 4;

export class MemoryLeg extends LegBase implements PipeReader, PipeWriter, TimerTarget {
  readonly chunks = 'shared';
  readonly local: Address;
  readonly remote: Address;
  readonly faults: LegFaults;
  readonly #network: Clock;
  #outgoing: Pipe | null = null;
  #incoming: Pipe | null = null;
  #wantsBytes = true;
  #faultTimers: Timer[] = [];
  /** What was sent before there was a peer, or before it was inside TLS: it goes out then. */
  #early: Uint8Array[] = [];
  /** How the leg parted before there was a peer. */
  #earlyEnd: 'none' | 'fin' | 'rst' = 'none';
  #transport: 'open' | 'closing' | 'closed' | 'dead' = 'open';
  #handshake: MemoryHandshake | null = null;
  /** Why the handshake cannot succeed. */
  #failure: string | null = null;

  /** A leg without a peer, as one is that is still connecting. */
  constructor({ side, ports, network, local = nowhere, remote = nowhere, faults = {} }: MemoryLegOptions) {
    super(side, ports);
    this.local = local;
    this.remote = remote;
    this.faults = { ...noFaults, ...faults };
    this.#network = network;
  }

  override get canHalfClose(): boolean {
    return !this.faults.cannotHalfClose;
  }

  get isOpen(): boolean {
    return this.#transport === 'open' && this.life === 'live';
  }

  get wantsBytes(): boolean {
    return this.#wantsBytes;
  }

  /** Once. */
  join(peer: MemoryLeg, { windowBytes = 65_536, latencyMs = () => 0 }: WireOptions = {}): void {
    const outgoing = new Pipe(this.#network, this, peer, pipeOptions(this, peer));
    const incoming = new Pipe(this.#network, peer, this, pipeOptions(peer, this));
    this.#connect(outgoing, incoming);
    peer.#connect(incoming, outgoing);

    function pipeOptions(writer: MemoryLeg, reader: MemoryLeg): PipeOptions {
      return {
        windowBytes,
        latencyMs,
        stepBytes: writer.faults.writesPartially,
        finDelayMs: reader.faults.endsLate ?? 0,
        bytesAfterFin: reader.faults.dataAfterEnd ?? 0,
      };
    }
  }

  /** Now: reading fails, as by the fault `readErrors`. */
  failReading(code = 'ECONNRESET'): void {
    if (this.isOpen) this.transportFailed(code, codeSentence(code) ?? code);
  }

  /** Now: the transport is closed without FIN or error, as by the fault `closesWithoutEnd`. */
  closeWithoutEnd(): void {
    if (!this.isOpen) return;
    this.#part(true);
    this.#transport = 'closed';
    this.transportClosed();
  }

  /** Now: the transport is gone and says nothing, as by the fault `diesSilently`. */
  die(): void {
    if (!this.isOpen) return;
    this.#part(true);
    this.#transport = 'dead';
  }

  /** What `secure` asked for; null where it was not called. */
  get handshake(): Handshake | null {
    return this.#handshake?.how ?? null;
  }

  /** Now: the handshake goes on, as far as this side is concerned. Once all the bytes for it are there. */
  completeHandshake(by: Partial<Secured> = {}): void {
    const handshake = this.#handshake;
    if (handshake === null || !handshake.isReady || !this.isHandshaking || !this.isOpen) return;
    this.#outgoing?.write(handshake.proceed(by));
    this.#advance(handshake);
  }

  /** Now: the handshake fails on this side, and the other is told by an alert. */
  failHandshake(code: string): void {
    if (!this.isHandshaking || !this.isOpen) return;
    this.#outgoing?.write(alertFor(code));
    this.transportFailed(code, codeSentence(code) ?? code);
  }

  pipeArrived(chunk: Uint8Array): void {
    if (this.#handshake === null || !this.isHandshaking) return this.transportReceived(chunk);
    this.#handshake.keep(chunk);
    if (this.#failure === null) this.#advance(this.#handshake);
    return undefined;
  }

  pipeEnded(): void {
    this.transportEnded();
    this.#closeWhenDone();
  }

  /** After FIN nobody looks any more: a later RST is only seen by writing. */
  pipeReset(): void {
    if (this.inbound === 'open') this.failReading();
  }

  pipeDrained(): void {
    this.transportDrained();
  }

  pipeFlushed(): void {
    this.transportFlushed();
    this.#closeWhenDone();
  }

  pipeBroke(): void {
    this.failReading();
  }

  onTimer(slot: number): void {
    if (slot === readErrorSlot) this.failReading();
    else if (slot === closeWithoutEndSlot) this.closeWithoutEnd();
    else if (slot === deathSlot) this.die();
    else if (slot === handshakeSlot) this.#settleHandshake();
    else if (slot === closeSlot) this.#closed();
  }

  protected override deliver(taker: Subscriber<Uint8Array>, chunk: Uint8Array): void {
    taker.next(chunk);
    chunk.fill(0xee);
  }

  protected setReading(isWanted: boolean): void {
    this.#wantsBytes = isWanted;
    this.#incoming?.settle();
  }

  /** What nobody takes is answered as a destroyed socket answers: stop. */
  protected send(chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    if (this.#transport !== 'open') return false;
    const kept = lifetime === 'owned' ? chunk : new Uint8Array(chunk);
    if (this.#outgoing !== null && !this.isHandshaking) return this.#outgoing.write(kept);
    this.#early.push(kept);
    return true;
  }

  protected sendFin(): void {
    if (this.#transport === 'open') this.#outgoing?.end();
  }

  protected abort(): void {
    this.#leave(true);
  }

  /** As a kernel: RST where something was not read, or where the connection had failed. */
  protected close(): void {
    this.#leave(this.life === 'failed' || (this.#incoming?.unreadBytes ?? 0) > 0);
  }

  /** The queue may hold bytes of a handshake, which nobody wrote. */
  protected countSent(): number {
    const earlyBytes = this.#early.reduce((sum, { length }) => sum + length, 0);
    return Math.max(0, this.acceptedBytes - earlyBytes - (this.#outgoing?.queuedBytes ?? 0));
  }

  protected isTransportGone(): boolean {
    return this.#transport !== 'open';
  }

  protected override beginTls(how: Handshake, first: readonly Uint8Array[]): void {
    const handshake = new MemoryHandshake(how);
    this.#handshake = handshake;
    if (handshake.opening !== null) this.#outgoing?.write(handshake.opening);
    for (const chunk of first) handshake.keep(chunk);
    this.#advance(handshake);
  }

  #advance(handshake: MemoryHandshake): void {
    if (handshake.isReady) return;
    const state = handshake.state();
    if (state === 'needsMore') return;
    if (state === 'done') this.#secured(handshake);
    else if (state === 'ready') this.#armHandshake();
    else {
      this.#failure = state.code;
      this.#armFault(0, handshakeSlot);
    }
  }

  #armHandshake(): void {
    const plan = this.faults.handshake ?? atOnce;
    if (plan.type !== 'hangs') this.#armFault(plan.afterMs, handshakeSlot);
  }

  /** What was written meanwhile goes first. */
  #secured(handshake: MemoryHandshake): void {
    this.#sendEarly();
    this.transportSecured(handshake.secured());
    if (handshake.rest().length > 0) this.transportReceived(handshake.rest());
  }

  #sendEarly(): void {
    for (const chunk of this.#early) this.#outgoing?.write(chunk);
    this.#early = [];
  }

  /** Never within a call: a step of the clock after all the bytes were there. */
  #settleHandshake(): void {
    const plan = this.faults.handshake ?? atOnce;
    if (this.#failure !== null) this.failHandshake(this.#failure);
    else if (plan.type === 'fails') this.failHandshake(plan.code);
    else if (plan.type === 'succeeds') this.completeHandshake(plan.by);
  }

  #connect(outgoing: Pipe, incoming: Pipe): void {
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    const opening = this.isHandshaking ? this.#handshake?.opening : null;
    if (opening) outgoing.write(opening);
    if (!this.isHandshaking) this.#sendEarly();
    if (this.#earlyEnd === 'rst') outgoing.cut();
    else if (this.#earlyEnd === 'fin') outgoing.close();
    else if (this.outbound === 'ending' && !this.isHandshaking) outgoing.end();
    if (this.#transport !== 'open') return;
    const { readErrors, closesWithoutEnd, diesSilently } = this.faults;
    this.#armFault(readErrors, readErrorSlot);
    this.#armFault(closesWithoutEnd, closeWithoutEndSlot);
    this.#armFault(diesSilently, deathSlot);
  }

  #armFault(afterMs: number | null, slot: number): void {
    if (afterMs !== null) this.#faultTimers.push(this.#network.arm(afterMs, this, slot));
  }

  /** Both FINs have passed, so Node would close the socket. */
  #closeWhenDone(): void {
    if (this.life === 'live' && this.inbound !== 'open' && this.outbound === 'flushed') this.#leave(false);
  }

  #leave(withReset: boolean): void {
    if (this.#transport === 'closing' || this.#transport === 'closed') return;
    if (this.#transport === 'open') this.#part(withReset);
    this.#transport = 'closing';
    if (!this.faults.closeNeverComes) this.#network.arm(0, this, closeSlot);
  }

  /** Tells the peer, and hears no more of it. */
  #part(withReset: boolean): void {
    for (const timer of this.#faultTimers) this.#network.cancel(timer);
    this.#faultTimers = [];
    this.#earlyEnd = withReset ? 'rst' : 'fin';
    if (withReset) this.#outgoing?.cut();
    else this.#outgoing?.close();
    this.#incoming?.settle();
  }

  #closed(): void {
    this.#transport = 'closed';
    this.transportClosed();
  }
}

export interface MemoryPairOptions extends WireOptions {
  readonly ports: LegPorts;
  /** Where the far leg is written down. Default: where the near one is. */
  readonly farPorts?: LegPorts;
  readonly network: Clock;
  readonly side?: LegSide;
  readonly nearFaults?: Partial<LegFaults>;
  readonly farFaults?: Partial<LegFaults>;
}

/** Two joined legs: `near` for the code under test, `far` for the world. */
export function memoryPair(options: MemoryPairOptions): { readonly near: MemoryLeg; readonly far: MemoryLeg } {
  const { ports, farPorts = ports, network, side = 'downstream', nearFaults = {}, farFaults = {} } = options;
  const near = new MemoryLeg({ side, ports, network, local: here, remote: there, faults: nearFaults });
  const far = new MemoryLeg({ side, ports: farPorts, network, local: there, remote: here, faults: farFaults });
  near.join(far, options);
  return { near, far };
}

const here: Address = { host: '192.0.2.1', port: 1 };
const there: Address = { host: '192.0.2.2', port: 2 };
