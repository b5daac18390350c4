/**
 * Walks over the frames of one direction of an HTTP/2 connection: the nine bytes of each header, nothing of its payload.
 *
 * Decides nothing: it tells what kinds of frames pass, so that they can be counted. Whether a frame is allowed where it
 * stands, and what it says, is nghttp2's matter. Sans-IO; any cut of the bytes gives the same frames.
 * Must never do: keep a chunk, or allocate per frame.
 * @see RFC 9113 §4.1
 */
export const dataFrame = 0;
export const headersFrame = 1;
export const priorityFrame = 2;
export const resetFrame = 3;
export const settingsFrame = 4;
export const pingFrame = 6;
export const goawayFrame = 7;
export const windowFrame = 8;
export const continuationFrame = 9;

/** END_STREAM on DATA and HEADERS; ACK on SETTINGS and PING. */
export const endStreamFlag = 0x1;
export const ackFlag = 0x1;
export const endHeadersFlag = 0x4;
export const paddedFlag = 0x8;

export interface FrameSink {
  /** A whole header has passed. `length`: bytes of payload that follow. */
  frame(type: number, flags: number, length: number, streamId: number): void;
}

const headerBytes = 9;

export class FrameWalker {
  readonly #sink: FrameSink;
  /** Bytes to pass over before the next header: the rest of a payload, or of the client's preface. */
  #skip: number;
  /** How many bytes of the header have been seen, and what they said. */
  #seen = 0;
  #length = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  #hasBegun = false;

  /** @param prefaceBytes what comes before the first frame: 24 from a client, 0 from a server. */
  constructor(sink: FrameSink, prefaceBytes: number) {
    this.#sink = sink;
    this.#skip = prefaceBytes;
  }

  /** True exactly when the bytes so far are whole frames, and at least one. */
  get isBetweenFrames(): boolean {
    return this.#hasBegun && this.#skip === 0 && this.#seen === 0;
  }

  walk(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const passed = Math.min(this.#skip, chunk.length - at);
        this.#skip -= passed;
        at += passed;
      } else {
        this.#read(chunk[at] ?? 0);
        at += 1;
      }
    }
  }

  #read(byte: number): void {
    const index = this.#seen;
    this.#seen += 1;
    if (index < 3) this.#length = this.#length * 256 + byte;
    else if (index === 3) this.#type = byte;
    else if (index === 4) this.#flags = byte;
    else this.#streamId = index === 5 ? byte & 0x7f : this.#streamId * 256 + byte;
    if (this.#seen === headerBytes) this.#finish();
  }

  #finish(): void {
    const length = this.#length;
    this.#seen = 0;
    this.#hasBegun = true;
    this.#length = 0;
    this.#skip = length;
    this.#sink.frame(this.#type, this.#flags, length, this.#streamId);
  }
}
