/**
 * What a stream of Node's does not take yet, in pieces: a stream shows nothing of a large write until all of it went.
 *
 * Decides: how large a piece is, and that one is handed over only when the stream wants it. Must never do: copy.
 * Read first: `duplex-leg.ts`, and `socket.ts` for TLS.
 */
import type { Writable } from 'node:stream';

/** Bytes per write at most, so that what is on its way shows as it goes. */
export const pieceBytes = 65_536;

export class PieceQueue {
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  /** Not handed over yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The bytes are the queue's to keep. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += pieceBytes) this.#pieces.push(bytes.subarray(at, at + pieceBytes));
    this.#bytes += bytes.length;
  }

  /** True when all of it was taken, and more would be. A stream that is gone takes nothing. */
  pump(into: Writable): boolean {
    while (!into.destroyed) {
      if (into.writableNeedDrain && into.writableLength > 0) return false;
      const piece = this.#pieces.shift();
      if (piece === undefined) return true;
      this.#bytes -= piece.length;
      into.write(piece);
    }
    return false;
  }

  /** All of it now, wanted or not. */
  flush(into: Writable): void {
    for (const piece of this.#pieces) into.write(piece);
    this.#pieces = [];
    this.#bytes = 0;
  }

  /** Nobody will take them any more; they stay counted. */
  drop(): void {
    this.#pieces = [];
  }
}
