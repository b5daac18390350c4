/**
 * GOAWAY frames of our own, for what node:http2 can not say, or says too late; and those of nghttp2 that it does not hear.
 *
 * With nghttp2's own GOAWAY of the highest id new streams would be dropped without a word; and a session that is destroyed
 * while a write is under way does not get its GOAWAY out. @see RFC 9113 §6.8
 */
import type { Http2Session } from 'node:http2';

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

/**
 * Called for each GOAWAY of node:http2's. One that nobody asked for is nghttp2's last word: the peer broke the protocol, and
 * no further byte is looked at. Before Node 26 node:http2 is not told of some breaches (DATA on an idle stream, a frame
 * too long): its session would stay, deaf, until a deadline. So it is destroyed here, a tick later, when the frame is out.
 * A session that was asked to close says one GOAWAY for that.
 */
export function endDeafSession(session: Http2Session | null, isFirst: boolean): void {
  if (session === null || session.destroyed || (session.closed && isFirst)) return;
  process.nextTick(() => {
    if (!session.destroyed) session.destroy(new Error('Protocol error'));
  });
}
