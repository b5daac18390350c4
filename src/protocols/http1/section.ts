/**
 * A head or a trailer section while it arrives: looked at where it lies if one chunk has it all, else copied together.
 *
 * Decides nothing about HTTP. Must never do: keep a chunk, or copy more than the section may have.
 */

/** The bytes as a Buffer: the same object, or a view of the same memory. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

const nothing: Buffer = Buffer.alloc(0);

export class Section {
  /** Where the section lies: between `base` and `end`, which is never beyond `bytesMax`. Valid from `open` on. */
  bytes: Buffer = nothing;
  base = 0;
  end = 0;
  readonly #bytesMax: number;
  #kept: Buffer | null = null;
  #keptBytes = 0;
  /** Bytes kept before this call. */
  #before = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** True exactly when nothing is kept from earlier chunks. */
  get isEmpty(): boolean {
    return this.#keptBytes === 0;
  }

  /** True exactly when the section may have no byte beyond `end`. */
  get isFull(): boolean {
    return this.end - this.base === this.#bytesMax;
  }

  /** Puts the bytes of a chunk behind what is kept. */
  open(chunk: Buffer, start: number): void {
    this.#before = this.#keptBytes;
    if (this.#kept === null) {
      this.bytes = chunk;
      this.base = start;
      this.end = Math.min(chunk.length, start + this.#bytesMax);
      return;
    }
    this.#append(this.#kept, chunk, start);
  }

  /** The section goes on in the next chunk. */
  keep(): void {
    if (this.#kept !== null) return;
    this.#keptBytes = this.end - this.base;
    this.#kept = Buffer.allocUnsafeSlow(Math.min(this.#bytesMax, Math.max(1_024, this.#keptBytes)));
    this.bytes.copy(this.#kept, 0, this.base, this.end);
    this.bytes = nothing;
  }

  /** The index in the chunk that was opened at `start` for an index in `bytes`. */
  indexInChunk(start: number, index: number): number {
    return start + index - this.base - this.#before;
  }

  /** Forgets everything. */
  close(): void {
    this.bytes = nothing;
    this.#kept = null;
    this.#keptBytes = 0;
  }

  #append(kept: Buffer, chunk: Buffer, start: number): void {
    const taken = Math.min(chunk.length - start, this.#bytesMax - this.#keptBytes);
    const total = this.#keptBytes + taken;
    let room = kept;
    if (total > kept.length) {
      room = Buffer.allocUnsafeSlow(Math.min(this.#bytesMax, Math.max(total, kept.length * 2)));
      kept.copy(room, 0, 0, this.#keptBytes);
      this.#kept = room;
    }
    chunk.copy(room, this.#keptBytes, start, start + taken);
    this.#keptBytes = total;
    this.bytes = room;
    this.base = 0;
    this.end = total;
  }
}
