/**
 * Where a message is put together, byte by byte, before it is copied out in one piece.
 *
 * Decides that no control byte gets in but the line ends that are put here on purpose: it looks at every character while
 * it copies it. One scratch serves the whole process, because nothing else is written while a message is.
 * Must never do: hand out its own memory, or be used from within itself. Read first: `writer.ts`.
 */
import { ProxyError } from '../../errors.ts';
import { carriageReturn, colon, blank, lineFeed } from './byte-kinds.ts';

/** From so many characters on, the runtime's own copy is faster than a loop, although it is looked at once more. */
const longText = 40;

/** 1 for a control byte other than HTAB. */
const controls: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte < 0x20 && byte !== 0x09) || byte === 0x7f ? 1 : 0,
);

export class Scratch {
  length = 0;
  #bytes: Buffer = Buffer.allocUnsafeSlow(4_096);

  /** Forgets what is there. */
  begin(): void {
    this.length = 0;
  }

  /** @throws ProxyError when there is a control byte in it */
  text(text: string): void {
    const end = this.length + text.length;
    if (end > this.#bytes.length) this.#grow(end);
    if (text.length < longText) this.#copyShort(text);
    else this.#copyLong(text);
    this.length = end;
  }

  /** A field line. */
  line(name: string, value: string): void {
    this.text(name);
    this.#pair(colon, blank);
    this.text(value);
    this.lineEnd();
  }

  lineEnd(): void {
    this.#pair(carriageReturn, lineFeed);
  }

  /** Copies from one position up to another. */
  copyTo(target: Buffer, at: number, from: number, to: number): void {
    this.#bytes.copy(target, at, from, to);
  }

  #pair(one: number, other: number): void {
    const at = this.length;
    if (at + 2 > this.#bytes.length) this.#grow(at + 2);
    this.#bytes[at] = one;
    this.#bytes[at + 1] = other;
    this.length = at + 2;
  }

  #copyShort(text: string): void {
    const bytes = this.#bytes;
    let at = this.length;
    let found = 0;
    for (let index = 0; index < text.length; index += 1) {
      // As the runtime writes latin1: what does not fit loses its upper bits, and is judged by what is left.
      const byte = text.charCodeAt(index) & 0xff;
      found |= controls[byte] ?? 0;
      bytes[at] = byte;
      at += 1;
    }
    if (found !== 0) throw unwritable('a control byte');
  }

  #copyLong(text: string): void {
    const bytes = this.#bytes;
    const end = this.length + text.length;
    bytes.write(text, this.length, 'latin1');
    let found = 0;
    for (let at = this.length; at < end; at += 1) found |= controls[bytes[at] ?? 0] ?? 0;
    if (found !== 0) throw unwritable('a control byte');
  }

  #grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(bytes, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.length);
    this.#bytes = grown;
  }
}

export function unwritable(what: string): ProxyError {
  return new ProxyError('SALLYPORT_INVARIANT', `a head was to be written with ${what} that may not be in one`);
}
