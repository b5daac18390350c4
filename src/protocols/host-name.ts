/**
 * One host name, as TLS (SNI) and HTTP (Host) carry it, in one normalised form: lower case, no trailing dot.
 *
 * Decides: which bytes are a name at all. Letters, digits, `-` and `_` in labels of 1 to 63, at most 253 in all; so no NUL,
 * no `*`, nothing beyond ASCII (international names travel in their xn-- form).
 * Must never do: resolve, guess, or accept what a certificate or a log could not carry.
 */
import { byteAt, textOf, unchanged } from './bytes.ts';

const nameLengthMax = 253;
const labelLengthMax = 63;
const dot = 0x2e;

/**
 * @param start index of the name's first byte.
 * @param end index after its last byte.
 * @returns the normalised name; null when the bytes are not a host name. `127.0.0.1` is one here.
 * @see RFC 1123 §2.1, RFC 6066 §3
 */
export function readHostName(bytes: Uint8Array, start: number, end: number): string | null {
  const last = byteAt(bytes, end - 1) === dot ? end - 1 : end;
  if (last <= start || last - start > nameLengthMax) return null;
  let labelLength = 0;
  for (let index = start; index < last; index += 1) {
    const byte = byteAt(lowered, byteAt(bytes, index));
    if (byte === 0) return null;
    if (byte !== dot) {
      labelLength += 1;
    } else {
      if (labelLength === 0 || labelLength > labelLengthMax) return null;
      labelLength = 0;
    }
  }
  if (labelLength === 0 || labelLength > labelLengthMax) return null;
  return textOf(bytes, start, last, lowered);
}

/** True exactly when the name is written like an IPv4 address: four labels of digits. */
export function isIpv4Literal(bytes: Uint8Array, start: number, end: number): boolean {
  let dots = 0;
  for (let index = start; index < end; index += 1) {
    const byte = byteAt(bytes, index);
    if (byte === dot) dots += 1;
    else if (byte < 0x30 || byte > 0x39) return false;
  }
  return dots === 3;
}

/** True exactly when the bytes can only be meant as an IPv6 address: hexadecimal digits and dots around two colons or more. */
export function isIpv6Literal(bytes: Uint8Array, start: number, end: number): boolean {
  let colons = 0;
  for (let index = start; index < end; index += 1) {
    const byte = byteAt(bytes, index);
    if (byte === 0x3a) colons += 1;
    else if (byte !== dot && !isHexadecimal(byte)) return false;
  }
  return colons >= 2 && end - start <= 45;
}

/** An IPv6 literal as text, lower case. Call it only for bytes that are one. */
export function ipv6Text(bytes: Uint8Array, start: number, end: number): string {
  return textOf(bytes, start, end, unchanged).toLowerCase();
}

function isHexadecimal(byte: number): boolean {
  const letter = byte | 0x20;
  return (byte >= 0x30 && byte <= 0x39) || (letter >= 0x61 && letter <= 0x66);
}

/** Per byte: its lower-case form where a name may contain it, 0 elsewhere. */
const lowered: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  if (/[a-z0-9._-]/.test(character)) return byte;
  return /[A-Z]/.test(character) ? byte + 0x20 : 0;
});
