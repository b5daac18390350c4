/**
 * CRC-32C (Castagnoli), the checksum of a PROXY protocol header.
 *
 * Decides nothing. The polynomial 0x1EDC6F41 reflected, one table of 256 entries made when the module loads.
 * @see RFC 9260 appendix A, RFC 3720 §B.4
 */

const reflectedPolynomial = 0x82f63b78;

const table: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit += 1) remainder = (remainder >>> 1) ^ ((remainder & 1) * reflectedPolynomial);
  return remainder >>> 0;
});

/** @param zeros the index of four bytes that count as 0, where the checksum itself stands; -1 = none. */
export function crc32c(bytes: Uint8Array, zeros: number): number {
  let remainder = 0xffffffff;
  for (const [index, byte] of bytes.entries()) {
    const counted = zeros >= 0 && index >= zeros && index < zeros + 4 ? 0 : byte;
    remainder = (remainder >>> 8) ^ (table[(remainder ^ counted) & 255] ?? 0);
  }
  return ~remainder >>> 0;
}
