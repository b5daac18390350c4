/**
 * The memory that bytes of sockets pass through: one chunk of it for all reads, one for all writes.
 *
 * Decides: what is used again, and when. Memory of its own for each read would be outside the heap, and under load that makes
 * the collector mark everything several times a second.
 * Must never do: keep a chunk beyond the call. Read first: `leg.ts`, law 9.
 */

/** The longest read. */
export const chunkBytesMax = 65_536;

/** What sockets are read into, all of them: a chunk is used up before the next one is read. */
export const readInto = Buffer.allocUnsafeSlow(chunkBytesMax);

/** What a shared chunk is copied to before it is written; used again as long as the kernel takes all of it at once. */
let spare = Buffer.allocUnsafeSlow(chunkBytesMax);

/** A copy that stays what it is until the next call, or for good with `giveAway`. */
export function copied(chunk: Uint8Array): Buffer {
  if (chunk.length > chunkBytesMax) return Buffer.from(chunk);
  spare.set(chunk);
  return spare.subarray(0, chunk.length);
}

/** What was copied last waits to be written: its memory is no longer ours. */
export function giveAway(): void {
  spare = Buffer.allocUnsafeSlow(chunkBytesMax);
}
