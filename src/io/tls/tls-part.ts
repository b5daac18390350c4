/**
 * What a leg has more once TLS was begun on it: the socket inside, what that does not take yet, and who is believed.
 *
 * Decides: whether the other end of a finished handshake is believed, and when a writer has to wait. Large writes go in
 * pieces, because OpenSSL would encrypt all of one at once, in memory and in one turn.
 * Must never do: end anything. Read first: `tls-socket.ts`, `verification.ts`.
 */
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { ChunkLifetime, Handshake } from '../leg.ts';
import { pieceBytes, PieceQueue } from '../piece-queue.ts';
import type { Secured } from './identity.ts';
import { peerOf, securedBy } from './peer-certificate.ts';
import { keepSession, sessionFor, type KeptSession } from './sessions.ts';
import { beginHandshake, doneEvent } from './tls-socket.ts';
import { distrustOf, type Distrust } from './verification.ts';

export class TlsPart {
  readonly socket: TLSSocket;
  readonly #how: Handshake;
  readonly #queue = new PieceQueue();
  /** What is tried to be resumed. */
  readonly #kept: KeptSession | null;
  #secured: Secured | null = null;

  constructor(carrier: Duplex, how: Handshake) {
    this.#how = how;
    this.#kept = how.role === 'client' ? sessionFor(how) : null;
    this.socket = beginHandshake(carrier, how, this.#kept?.session ?? null);
  }

  get doneEvent(): 'secure' | 'secureConnect' {
    return doneEvent(this.#how);
  }

  /** Bytes accepted for writing that have not left this process. */
  get queuedBytes(): number {
    return this.#queue.bytes + this.socket.writableLength;
  }

  /** True exactly when `close_notify` can be sent at once. */
  get mayEnd(): boolean {
    return this.#secured !== null && this.queuedBytes === 0 && this.socket.writable;
  }

  /**
   * What came of the handshake; null where it was told already.
   * @param wallMs milliseconds since 1970, by which lives are judged that OpenSSL does not look at again
   */
  outcome(wallMs: number): Secured | Distrust | null {
    if (this.#secured !== null) return null;
    // Once only: before Node 26 a client that asks again is shown the next certificate of the chain, or none.
    const shown = this.socket.getPeerX509Certificate();
    const distrust = distrustOf(this.socket, shown, this.#how, wallMs);
    if (distrust !== null) return distrust;
    // A resumed handshake shows a client no certificate: it was the one of the session.
    const known = this.socket.isSessionReused() ? (this.#kept?.peer ?? null) : null;
    this.#secured = securedBy(this.socket, this.#how, shown === undefined ? known : peerOf(shown));
    return this.#secured ?? tooOld;
  }

  keep(session: Buffer): void {
    if (this.#how.role !== 'client' || this.#secured === null) return;
    keepSession(this.#how, { session, peer: this.#secured.peer });
  }

  /**
   * False when the writer should stop until `pump` has said true. What is written while nothing waits is encrypted, or
   * copied by Node, before the write returns (TLSWrap::DoWrite): a shared chunk need not be copied for it.
   */
  send(chunk: Uint8Array, lifetime: ChunkLifetime): boolean {
    const fits = chunk.length <= pieceBytes && this.#queue.bytes === 0 && !this.socket.writableNeedDrain;
    if (fits && this.socket.writableLength === 0) return this.socket.write(chunk);
    const bytes = lifetime === 'owned' ? chunk : Buffer.from(chunk);
    if (fits) return this.socket.write(bytes);
    this.#queue.push(bytes);
    return this.#queue.pump(this.socket);
  }

  /** True when everything was handed over, and more would be taken. */
  pump(): boolean {
    return this.#queue.pump(this.socket);
  }
}

/** A context that allows what nothing else here is made for. */
const tooOld: Distrust = {
  code: 'ERR_SSL_UNSUPPORTED_PROTOCOL',
  cause: 'the peer speaks no version of TLS from 1.2 on',
};
