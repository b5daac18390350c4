/**
 * GOAWAY frames of our own: for what node:http2 can not say, or says too late.
 *
 * With nghttp2's own GOAWAY of the highest id new streams would be dropped without a word; and a session that is destroyed
 * while a write is under way does not get its GOAWAY out. Pure. @see RFC 9113 §6.8
 */
const goawayBytes = 17;
const goawayType = 7;

/** The highest id there is: nothing is refused yet. */
export const streamIdMax = 2 ** 31 - 1;

export function goaway(lastStreamId: number, code: number): Uint8Array {
  const frame = Buffer.alloc(goawayBytes);
  frame[2] = 8;
  frame[3] = goawayType;
  frame.writeUInt32BE(lastStreamId, 9);
  frame.writeUInt32BE(code, 13);
  return frame;
}
