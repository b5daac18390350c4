/**
 * Where a WebSocket's frames begin and end, for whoever wants to put a frame of its own between two of them.
 *
 * Decides, by headers alone, whether the next byte begins a frame. One direction only: from the server to the client, whose
 * frames are not masked. Must never do: keep or change a byte, look at a payload, or guess: what does not follow RFC 6455 is
 * lost for good, and nothing is put into it any more.
 * Cheap: a payload is skipped by its length, so a chunk inside of one costs a subtraction.
 * @see RFC 6455 §5.2 (framing), §5.4 (control frames may stand between fragments), §5.5
 */

/** A Ping without a payload, as a server sends it: the Pong that answers it has none either. @see RFC 6455 §5.5.2 */
export const pingFrame: Uint8Array = Uint8Array.of(0x89, 0x00);

const opcodeClose = 0x8;
const opcodePing = 0x9;
const isFinal = 0x80;
const isMasked = 0x80;
const controlBytesMax = 125;

/** What of a frame comes next. */
type Next = 'first' | 'length' | 'longLength' | 'payload';

export class FrameBoundary {
  /** True exactly when the last whole frame was a Ping. */
  isPinged = false;
  /** True exactly when nothing may follow, because a Close frame has begun (§5.5.1). */
  isClosing = false;
  /** True exactly when a frame was none of RFC 6455: from there on nothing is known. */
  isLost = false;
  #next: Next = 'first';
  #opcode = 0;
  /** Bytes of the long length, or of the payload, that are still to come. */
  #left = 0;
  #length = 0;

  /** True exactly when a control frame may be put before the next byte. */
  get mayInsert(): boolean {
    return this.#next === 'first' && !this.isClosing && !this.isLost;
  }

  /** The bytes that follow those of the call before. */
  read(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.isLost) {
      if (this.#next === 'payload') {
        const taken = Math.min(this.#left, bytes.length - at);
        this.#left -= taken;
        at += taken;
        if (this.#left === 0) this.#endFrame();
      } else {
        this.#readHeader(bytes[at] ?? 0);
        at += 1;
      }
    }
  }

  #readHeader(byte: number): void {
    switch (this.#next) {
      case 'first':
        return this.#begin(byte);
      case 'length':
        return this.#measure(byte);
      default:
        return this.#measureLong(byte);
    }
  }

  /** Reserved opcodes mean nothing, and a control frame is never a fragment (§5.2, §5.5). */
  #begin(byte: number): void {
    this.#opcode = byte & 0x0f;
    const isControl = this.#isControl();
    if ((isControl ? this.#opcode > 0xa : this.#opcode > 0x2) || (isControl && (byte & isFinal) === 0))
      this.isLost = true;
    this.isPinged = false;
    if (this.#opcode === opcodeClose) this.isClosing = true;
    this.#next = 'length';
  }

  #measure(byte: number): void {
    const short = byte & 0x7f;
    if ((byte & isMasked) !== 0 || (this.#isControl() && short > controlBytesMax)) this.isLost = true;
    this.#length = 0;
    this.#left = short === 126 ? 2 : 8;
    if (short < 126) this.#beginPayload(short);
    else this.#next = 'longLength';
  }

  /** The highest bit of eight bytes is none (§5.2), and no frame is longer than can be counted. */
  #measureLong(byte: number): void {
    this.#length = this.#length * 256 + byte;
    this.#left -= 1;
    if (this.#length > Number.MAX_SAFE_INTEGER) this.isLost = true;
    if (this.#left === 0) this.#beginPayload(this.#length);
  }

  #beginPayload(length: number): void {
    this.#left = length;
    this.#next = 'payload';
    if (length === 0) this.#endFrame();
  }

  #endFrame(): void {
    this.#next = 'first';
    this.isPinged = this.#opcode === opcodePing;
  }

  #isControl(): boolean {
    return this.#opcode >= opcodeClose;
  }
}
