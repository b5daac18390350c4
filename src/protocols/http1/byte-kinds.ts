/**
 * What a byte may be part of: one table for every scanner of this folder, so that they cannot disagree.
 *
 * Decides nothing beyond RFC 9110 §5.5 and §5.6.2. A byte beyond the end reads as 0, which is part of nothing.
 */

/** Part of a token: methods, field names, options. */
export const inToken = 1;
/** Part of a field value or reason phrase: HTAB, blank, anything visible, and bytes above ASCII. */
export const inValue = 2;
/** Part of a request target: visible ASCII but `#`, because a fragment never travels. */
export const inTarget = 4;
/** Part of a token, and not `_`, which some backends read as `-`. */
export const inPlainName = 8;
/** Part of a host name: a letter, a digit, `-`, `_`. Dots separate. */
export const inHostLabel = 16;
export const isHexDigit = 32;
export const isDigit = 64;

export const horizontalTab = 0x09;
export const lineFeed = 0x0a;
export const carriageReturn = 0x0d;
export const blank = 0x20;
export const doubleQuote = 0x22;
export const slash = 0x2f;
export const colon = 0x3a;
export const semicolon = 0x3b;
export const equalsSign = 0x3d;
export const backslash = 0x5c;
export const underscore = 0x5f;

/** Whether a byte is of a kind, asked once for each of them when the module loads. */
const rules: readonly (readonly [kind: number, holds: (byte: number, character: string) => boolean])[] = [
  [inToken, (_, character) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(character)],
  [inPlainName, (_, character) => /[!#$%&'*+\-.^`|~0-9A-Za-z]/.test(character)],
  [inValue, (byte) => byte === horizontalTab || (byte >= blank && byte !== 0x7f)],
  [inTarget, (byte, character) => byte > blank && byte < 0x7f && character !== '#'],
  [inHostLabel, (_, character) => /[-_0-9A-Za-z]/.test(character)],
  [isHexDigit, (_, character) => /[0-9A-Fa-f]/.test(character)],
  [isDigit, (_, character) => /[0-9]/.test(character)],
];

export const kinds: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  rules.reduce((all, [kind, holds]) => (holds(byte, String.fromCharCode(byte)) ? all | kind : all), 0),
);

/** The kinds of a byte of a buffer; 0 outside of it. */
export function kindAt(bytes: Uint8Array, index: number): number {
  return kinds[bytes[index] ?? 0] ?? 0;
}

/** The kinds of a character of a string; 0 outside of it, and for every character that is not one byte. */
export function kindOf(text: string, index: number): number {
  const code = text.charCodeAt(index);
  return code < 256 ? (kinds[code] ?? 0) : 0;
}

/** True exactly when every character is of the kind, and there is one. */
export function isAll(text: string, kind: number): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if ((kindOf(text, index) & kind) === 0) return false;
  }
  return text !== '';
}
