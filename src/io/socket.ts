/**
 * ★ The one place where a net.Socket is touched: the public leg.
 *
 * Decides nothing: it translates Node's events into facts and the leg's commands into Node's calls. Every listener is a
 * shared named function that finds its leg by one symbol, and all are attached in the constructor, before the socket can
 * say anything. The error listener stays for good: a late error must never end the process.
 * Read first: `leg.ts` for the laws, `leg-base.ts` for what all legs share. The trials behind the odd corners are noted
 * where they are.
 */
import { plainHost } from './address-text.ts';
import { connect, isIP, type Socket as NodeSocket } from 'node:net';
import type { LegSide } from './ledger.ts';
import type { Address, ChunkLifetime } from './leg.ts';
import { LegBase, type LegPorts } from './leg-base.ts';
import { causeOf, closedSilently, codeOf, codeSentence } from './os-codes.ts';
import { bytesTaken, canReset, hasHandle, isPeerGone } from './socket-handle.ts';

/** When an idle connection is probed for the first time: shorter than common NAT entries live. */
export const keepAliveProbeMs = 60_000;

/** Whoever waits for a socket to connect. Told once, one way or the other, unless the leg is let go first. */
export interface Opening {
  opened(leg: SocketLeg): void;
  failed(leg: SocketLeg, code: string, cause: string): void;
}

/** A socket that is still connecting, and where to. */
interface Attempt {
  readonly opening: Opening;
  readonly address: Address;
}

/**
 * A leg whose socket is still connecting. It is in the ledger from here on; `release` ends the attempt at once.
 * @param host an IP address: no name is ever looked up here.
 */
export function openSocket(host: string, port: number, ports: LegPorts, opening: Opening): SocketLeg {
  const socket = connect({
    host,
    port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveProbeMs,
    autoSelectFamily: false,
  });
  return new SocketLeg(socket, 'upstream', ports, { opening, address: { host, port } });
}

/** 4, 6, or 0 for what is not an IP address. */
export function ipFamily(host: string): number {
  return isIP(host);
}

const legOf: unique symbol = Symbol('leg');

declare module 'net' {
  interface Socket {
    [legOf]?: SocketLeg;
  }
}

export class SocketLeg extends LegBase {
  readonly chunks = 'owned';
  private readonly socket: NodeSocket;
  private opening: Opening | null;
  /** Where it was dialled; null for an accepted socket. */
  private readonly dialled: Address | null;
  /** True exactly when RST waits for a FIN that is being handed over. */
  private isAborting: boolean;

  /** @param socket with `allowHalfOpen`; connected, unless it is an `attempt`. */
  constructor(socket: NodeSocket, side: LegSide, ports: LegPorts, attempt: Attempt | null = null) {
    super(side, ports);
    this.socket = socket;
    this.opening = attempt?.opening ?? null;
    this.dialled = attempt?.address ?? null;
    this.isAborting = false;
    socket[legOf] = this;
    socket.on('error', onError);
    socket.on('close', onClose);
    if (attempt === null) this.attach();
    else socket.on('connect', onConnect);
  }

  get remote(): Address {
    return this.dialled ?? { host: plainHost(this.socket.remoteAddress), port: this.socket.remotePort ?? 0 };
  }

  get local(): Address {
    return { host: plainHost(this.socket.localAddress), port: this.socket.localPort ?? 0 };
  }

  /** @internal The socket's own events. */
  connected(): void {
    const { opening } = this;
    this.opening = null;
    if (opening === null || this.life !== 'live') return;
    this.attach();
    opening.opened(this);
  }

  /** @internal */
  received(chunk: Uint8Array): void {
    this.transportReceived(chunk);
  }

  /** @internal Before Node 26 a reset that comes with data looks like an end; the kernel knows better. */
  ended(): void {
    if (this.outbound === 'open' && isPeerGone(this.socket))
      this.transportFailed('ECONNRESET', codeSentence('ECONNRESET') ?? '');
    else this.transportEnded();
  }

  /** @internal */
  drained(): void {
    this.transportDrained();
  }

  /** @internal */
  finished(): void {
    if (this.isAborting) this.resetNow();
    else this.transportFlushed();
  }

  /** @internal */
  broke(error: Error): void {
    if (this.opening === null) this.transportFailed(codeOf(error), causeOf(error));
    else this.openingFailed(codeOf(error), causeOf(error));
  }

  /** @internal */
  closed(): void {
    if (this.opening !== null) this.openingFailed(closedSilently, codeSentence(closedSilently) ?? '');
    this.transportClosed();
  }

  protected setReading(isWanted: boolean): void {
    if (isWanted) this.socket.resume();
    else this.socket.pause();
  }

  protected send(chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    if (this.socket.write(lifetime === 'owned' ? chunk : Buffer.from(chunk)) || this.socket.writableLength === 0)
      return true;
    this.countSent();
    return false;
  }

  protected sendFin(): void {
    this.socket.on('finish', onFinish);
    this.socket.end();
  }

  /**
   * While a FIN is being handed over, which takes one turn of the loop, libuv refuses to reset and Node then forgets the
   * handle without closing it (tried on 20 and 26): so RST waits for that turn.
   */
  protected abort(): void {
    const { writableEnded, writableFinished, writableLength, destroyed } = this.socket;
    if (destroyed) this.close();
    else if (writableEnded && !writableFinished && writableLength === 0) this.isAborting = true;
    else this.resetNow();
  }

  protected close(): void {
    this.opening = null;
    this.socket.destroy();
  }

  protected countSent(): number {
    return bytesTaken(this.socket) ?? this.acceptedBytes - this.socket.writableLength;
  }

  protected isTransportGone(): boolean {
    return this.socket.destroyed || (!this.socket.connecting && !hasHandle(this.socket));
  }

  /** Attaching `data` sets the socket flowing, from the next turn of the loop on. */
  private attach(): void {
    this.socket.on('data', onData);
    this.socket.on('end', onEnd);
    this.socket.on('drain', onDrain);
  }

  private resetNow(): void {
    if (!this.socket.connecting && canReset(this.socket)) this.socket.resetAndDestroy();
    else this.socket.destroy();
  }

  private openingFailed(code: string, cause: string): void {
    const { opening } = this;
    this.release();
    opening?.failed(this, code, cause);
  }
}

function onConnect(this: NodeSocket): void {
  this[legOf]?.connected();
}

function onData(this: NodeSocket, chunk: Buffer): void {
  this[legOf]?.received(chunk);
}

function onEnd(this: NodeSocket): void {
  this[legOf]?.ended();
}

function onDrain(this: NodeSocket): void {
  this[legOf]?.drained();
}

function onFinish(this: NodeSocket): void {
  this[legOf]?.finished();
}

function onError(this: NodeSocket, error: Error): void {
  this[legOf]?.broke(error);
}

function onClose(this: NodeSocket): void {
  this[legOf]?.closed();
}
