/**
 * ★ The one place where a net.Socket is touched: the public leg.
 *
 * Decides nothing: it translates Node's events into facts and the leg's commands into Node's calls. Every listener is a
 * shared named function that finds its leg by one symbol, and all are attached in the constructor, before the socket can
 * say anything. The error listener stays for good: a late error must never end the process.
 * TLS is a second socket over the first one's handle: bytes go through it, and the first one stays what is closed.
 * Read first: `leg.ts` for the laws, `leg-base.ts` for what all legs share. The trials behind the odd corners are noted
 * where they are.
 */
import { plainHost } from './address-text.ts';
import { connect, isIP, Socket as NodeSocket, type SocketConstructorOpts, type TcpNetConnectOpts } from 'node:net';
import { chunkBytesMax, copied, giveAway, readInto } from './chunk-memory.ts';
import { byteHandleOf, writeDirectly, writeError, type ByteHandle, type Waiter } from './direct-handles.ts';
import type { LegSide } from './ledger.ts';
import type { Address, ChunkLifetime, Handshake } from './leg.ts';
import { LegBase, type LegPorts } from './leg-base.ts';
import { causeOf, closedSilently, codeOf, codeSentence } from './os-codes.ts';
import { bytesQueued, bytesTaken, canReset, hasHandle, isPeerGone } from './socket-handle.ts';
import { TlsPart } from './tls/tls-part.ts';
import { unixPathOf } from './unix-path.ts';

/** When an idle connection is probed for the first time: shorter than common NAT entries live. */
export const keepAliveProbeMs = 60_000;

/** Whoever waits for a socket to connect. Told once, one way or the other, unless the leg is let go first. */
export interface Opening {
  opened(leg: SocketLeg): void;
  failed(leg: SocketLeg, code: string, cause: string): void;
}

/** A socket that was made here, with `onread`: still connecting, and where to; or accepted. */
interface Made {
  readonly opening: Opening | null;
  readonly address: Address | null;
}

/**
 * A leg whose socket is still connecting. It is in the ledger from here on; `release` ends the attempt at once.
 * @param host an IP address, or `unix:` and a path: no name is ever looked up here.
 * @param sourceAddress what the socket is bound to first; null = the system's choice.
 */
export function openSocket(
  host: string,
  port: number,
  ports: LegPorts,
  opening: Opening,
  sourceAddress: string | null = null,
): SocketLeg {
  const path = unixPathOf(host);
  const socket =
    path === null
      ? connect({ ...tcpOptions(host, port, sourceAddress), onread })
      : connect({ path, allowHalfOpen: true, onread });
  const leg = new SocketLeg(socket, 'upstream', ports, { opening, address: { host: path ?? host, port } });
  return leg;
}

function tcpOptions(host: string, port: number, sourceAddress: string | null): TcpNetConnectOpts {
  return {
    host,
    port,
    ...(sourceAddress === null ? {} : { localAddress: sourceAddress }),
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveProbeMs,
    autoSelectFamily: false,
  };
}

/** The leg of a connection that was accepted as a handle (`acceptHandles`): it reads as dialled ones do. */
export function acceptSocket(handle: object, ports: LegPorts): SocketLeg {
  const options: SocketConstructorOpts & { readonly handle: object } = { handle, allowHalfOpen: true, onread };
  const socket = new NodeSocket(options);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, keepAliveProbeMs);
  const leg = new SocketLeg(socket, 'downstream', ports, { opening: null, address: null });
  return leg;
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

export class SocketLeg extends LegBase implements Waiter {
  /** Of the operating system's handle. */
  private readonly socket: NodeSocket;
  /** Where bytes come from and go to: the same, or TLS over it. */
  private stream: NodeSocket;
  private inside: TlsPart | null;
  private opening: Opening | null;
  /** Where it was dialled; null for an accepted socket. */
  private readonly dialled: Address | null;
  /** True exactly when RST waits for a FIN that is being handed over. */
  private isAborting: boolean;
  /** True exactly when one more chunk is taken before reading stops. */
  private isToPause: boolean;
  /** True exactly when the socket was made here: it reads by `onread`, and may be written past its stream. */
  private readonly isOurs: boolean;
  /** Where bytes are written past the stream; null where they go through it. */
  private handle: ByteHandle | null;
  /** Bytes of such writes that the kernel has not taken yet; FIN waits for them. */
  private waitingBytes: number;

  /**
   * @param socket with `allowHalfOpen`; connected, unless it is an attempt.
   * @param made null: somebody else's socket.
   */
  constructor(socket: NodeSocket, side: LegSide, ports: LegPorts, made: Made | null = null) {
    super(side, ports);
    this.socket = socket;
    this.stream = socket;
    this.inside = null;
    this.opening = made?.opening ?? null;
    this.dialled = made?.address ?? null;
    this.isAborting = false;
    this.isToPause = false;
    this.isOurs = made !== null;
    this.handle = null;
    this.waitingBytes = 0;
    socket[legOf] = this;
    socket.on('error', onError);
    socket.on('close', onClose);
    if (this.opening === null) this.attach();
    else socket.on('connect', onConnect);
  }

  get chunks(): ChunkLifetime {
    return this.isReadDirectly ? 'shared' : 'owned';
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
    const isOneMore = this.isToPause || this.side === 'upstream';
    this.transportReceived(chunk);
    if (!this.isToPause || (!isOneMore && this.heldBytes === 0)) return;
    this.isToPause = false;
    this.stream.pause();
  }

  /** @internal Before Node 26 a reset that comes with data looks like an end; the kernel knows better. */
  ended(): void {
    if (this.outbound === 'open' && isPeerGone(this.socket))
      this.transportFailed('ECONNRESET', codeSentence('ECONNRESET') ?? '');
    else this.transportEnded();
  }

  /** @internal */
  drained(): void {
    if (this.inside !== null && !this.inside.pump()) return;
    if (this.inside !== null && this.outbound === 'ending') this.stream.end();
    else this.transportDrained();
  }

  /** @internal Of a write past the stream. */
  written(bytes: number, error: Error | null): void {
    this.waitingBytes -= bytes;
    if (error !== null) this.socket.destroy(error);
    else if (this.waitingBytes > 0 || this.inside !== null) return;
    else if (this.outbound === 'ending') this.stream.end();
    else this.transportDrained();
  }

  /** @internal */
  finished(): void {
    if (this.isAborting) this.resetNow();
    else this.transportFlushed();
  }

  /** @internal The handshake is done, as far as Node is concerned. */
  handshook(): void {
    const outcome = this.inside?.outcome(this.ports.clock.wallMs()) ?? null;
    if (outcome === null) return;
    if ('code' in outcome) this.transportFailed(outcome.code, outcome.cause);
    else this.transportSecured(outcome);
  }

  /** @internal A session to resume with next time. */
  gotSession(session: Buffer): void {
    this.inside?.keep(session);
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

  /**
   * A socket with `onread` would not see FIN while it is paused: it is paused when the next chunk has come, and is held. An
   * upstream that the chunk itself has stopped is paused at once: nobody waits for its FIN before its bytes are taken. So is
   * whoever has something held already.
   */
  protected setReading(isWanted: boolean): void {
    this.isToPause = !isWanted && this.isReadDirectly;
    if (isWanted) this.stream.resume();
    else if (!this.isToPause) this.stream.pause();
  }

  protected send(chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    if (this.inside !== null) return this.inside.send(chunk, lifetime);
    if (this.handle !== null) return this.sendDirectly(this.handle, chunk, lifetime);
    const hasRoom = this.socket.write(lifetime === 'owned' ? chunk : copied(chunk));
    if (this.socket.writableLength === 0) return true;
    if (lifetime === 'shared') giveAway();
    if (!hasRoom) this.countSent();
    return hasRoom;
  }

  protected override holdable(chunk: Uint8Array): Uint8Array {
    return this.isReadDirectly ? Buffer.from(chunk) : chunk;
  }

  protected sendFin(): void {
    this.stream.on('finish', onFinish);
    if (this.inside === null ? this.waitingBytes === 0 : this.inside.pump()) this.stream.end();
  }

  /** What is held goes back in front of what the socket has buffered; a socket that flows would lose it. */
  protected override beginTls(how: Handshake, first: readonly Uint8Array[]): void {
    const { socket } = this;
    socket.off('data', onData);
    socket.off('end', onEnd);
    socket.off('drain', onDrain);
    socket.pause();
    for (const chunk of first.toReversed()) socket.unshift(chunk);
    const inside = new TlsPart(socket, how);
    this.inside = inside;
    this.stream = inside.socket;
    inside.socket[legOf] = this;
    inside.socket.on('error', onError);
    inside.socket.on('_tlsError', onError);
    inside.socket.on(inside.doneEvent, onHandshake);
    if (how.role === 'client') inside.socket.on('session', onSession);
    this.attach();
  }

  /**
   * While a FIN is being handed over, which takes one turn of the loop, libuv refuses to reset and Node then forgets the
   * handle without closing it (tried on 20 and 26): so RST waits for that turn. `close_notify` goes before FIN, and may
   * wait for a peer that does not read: that one is not waited for.
   */
  protected abort(): void {
    const { writableEnded, writableFinished, writableLength } = this.stream;
    const isEnding = writableEnded && !writableFinished && writableLength === 0;
    if (this.socket.destroyed || (isEnding && this.inside !== null && bytesQueued(this.socket) !== 0)) this.close();
    else if (isEnding) this.isAborting = true;
    else this.resetNow();
  }

  /** A secured leg that is released says so inside TLS first, or its FIN would look like a cut. */
  protected close(): void {
    this.opening = null;
    if (this.inside === null || this.life !== 'letGo' || !this.inside.mayEnd) {
      this.socket.destroy();
      return;
    }
    this.stream.end();
    setImmediate(() => this.socket.destroy());
  }

  protected countSent(): number {
    if (this.inside !== null) return this.acceptedBytes - this.inside.queuedBytes;
    return bytesTaken(this.socket) ?? this.acceptedBytes - this.socket.writableLength - this.waitingBytes;
  }

  protected isTransportGone(): boolean {
    if (this.opening !== null) return this.socket.destroyed;
    // A socket that is destroyed has let go of its handle. Asked for every request that goes out on a kept connection.
    return !hasHandle(this.socket) || (this.inside !== null && this.stream.destroyed);
  }

  /** True exactly when chunks come by `onread`. */
  private get isReadDirectly(): boolean {
    return this.isOurs && this.inside === null;
  }

  /** Attaching `data` sets a socket flowing, from the next turn of the loop on. One of ours is told by `onread`. */
  private attach(): void {
    if (this.isReadDirectly) this.handle = byteHandleOf(this.socket);
    else this.stream.on('data', onData);
    this.stream.on('end', onEnd);
    this.stream.on('drain', onDrain);
  }

  /** What the kernel does not take at once has to stay what it is, so a shared chunk is copied first. */
  private sendDirectly(handle: ByteHandle, chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    const answer = writeDirectly(handle, lifetime === 'owned' ? chunk : copied(chunk), this);
    if (answer < 0) this.socket.destroy(writeError(answer));
    if (answer <= 0) return true;
    if (lifetime === 'shared') giveAway();
    this.waitingBytes += chunk.length;
    return this.waitingBytes < chunkBytesMax;
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

/** Of all sockets that are made here. Node calls it as the socket's own. */
const onread = { buffer: readInto, callback: onRead };

function onRead(this: NodeSocket, count: number): boolean {
  this[legOf]?.received(readInto.subarray(0, count));
  return true;
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

function onHandshake(this: NodeSocket): void {
  this[legOf]?.handshook();
}

function onSession(this: NodeSocket, session: Buffer): void {
  this[legOf]?.gotSession(session);
}

function onError(this: NodeSocket, error: Error): void {
  this[legOf]?.broke(error);
}

function onClose(this: NodeSocket): void {
  this[legOf]?.closed();
}
