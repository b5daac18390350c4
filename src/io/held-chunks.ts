/**
 * What a leg holds, kept from weighing more than it says: a chunk costs some 400 bytes beside its own, so a client that
 * sends its bytes one by one would hold a hundred times what is counted.
 *
 * Pure. Must never do: change the order of bytes, or write into a chunk.
 */

/** From so many chunks on they are joined. */
export const heldChunksMax = 256;
const joinedBytesMax = 4_096;

/** The same bytes in fewer chunks: neighbours are joined up to 4 KiB. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let run: Uint8Array[] = [];
  let runBytes = 0;
  for (const chunk of chunks) {
    if (runBytes + chunk.length > joinedBytesMax && run.length > 0) {
      pieces.push(Buffer.concat(run));
      run = [];
      runBytes = 0;
    }
    run.push(chunk);
    runBytes += chunk.length;
  }
  if (run.length > 0) pieces.push(Buffer.concat(run));
  return pieces;
}

/** What is left behind the first so many bytes. */
export function without(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  return chunks.flatMap((chunk) => {
    const cut = Math.min(left, chunk.length);
    left -= cut;
    return cut === chunk.length ? [] : [cut === 0 ? chunk : chunk.subarray(cut)];
  });
}
