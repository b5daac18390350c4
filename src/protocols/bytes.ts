/**
 * Reading bytes without surprises: what every detector of this folder shares.
 *
 * Must never do: throw, allocate, or look outside the range it was given. A byte beyond the end reads as 0, so callers
 * compare lengths first.
 */
import { type Detection, needsMore, noMatch } from './detector.ts';

/** The verdict on bytes that break their own protocol. */
export type Malformed = Extract<Detection, { readonly verdict: 'malformed' }>;

/** The byte at `index`, 0 outside the array. */
export function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

/** Big-endian 16 bits. */
export function uint16At(bytes: Uint8Array, index: number): number {
  return (byteAt(bytes, index) << 8) | byteAt(bytes, index + 1);
}

/** Big-endian 24 bits. */
export function uint24At(bytes: Uint8Array, index: number): number {
  return (byteAt(bytes, index) << 16) | uint16At(bytes, index + 1);
}

/** Big-endian 32 bits, unsigned. */
export function uint32At(bytes: Uint8Array, index: number): number {
  return uint16At(bytes, index) * 0x1_0000 + uint16At(bytes, index + 2);
}

/** How a stream's first bytes compare with a fixed text: all of it is there, it may still come, or it differs. */
export type TextComparison = 'equal' | 'partial' | 'different';

/** Compares `bytes` from `start` on with an ASCII text, as far as there are bytes. */
export function compareText(bytes: Uint8Array, start: number, text: string): TextComparison {
  const available = Math.min(text.length, bytes.length - start);
  for (let index = 0; index < available; index += 1) {
    if (byteAt(bytes, start + index) !== text.charCodeAt(index)) return 'different';
  }
  return available === text.length ? 'equal' : 'partial';
}

/** What a detector says that has run out of bytes before it could be sure. */
export function undecided(ended: boolean): Detection {
  return ended ? noMatch : needsMore;
}

/** A verdict made once per detail, when the module loads. */
export function malformed(detail: string): Malformed {
  return { verdict: 'malformed', detail };
}

/** The bytes from `start` to `end` as text, one character a byte, after a table of replacements (256 entries). */
export function textOf(bytes: Uint8Array, start: number, end: number, table: Uint8Array): string {
  let text = '';
  let index = start;
  for (; index + 8 <= end; index += 8) {
    text += String.fromCharCode(
      byteAt(table, byteAt(bytes, index)),
      byteAt(table, byteAt(bytes, index + 1)),
      byteAt(table, byteAt(bytes, index + 2)),
      byteAt(table, byteAt(bytes, index + 3)),
      byteAt(table, byteAt(bytes, index + 4)),
      byteAt(table, byteAt(bytes, index + 5)),
      byteAt(table, byteAt(bytes, index + 6)),
      byteAt(table, byteAt(bytes, index + 7)),
    );
  }
  for (; index < end; index += 1) text += String.fromCharCode(byteAt(table, byteAt(bytes, index)));
  return text;
}

/** The table that replaces nothing. */
export const unchanged: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => byte);
