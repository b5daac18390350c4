/**
 * Held chunks: joining changes how bytes are kept, never which.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { heldChunksMax, joined } from '../../src/io/held-chunks.ts';
import { runs, seed } from '../support/fuzz.ts';

test('L03: joined chunks are the same bytes in the same order, and never more of them', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 5_000 }), { maxLength: 300 }), (chunks) => {
      const pieces = joined(chunks);
      expect(Buffer.concat(pieces).equals(Buffer.concat(chunks))).toBe(true);
      expect(pieces.length).toBeLessThanOrEqual(chunks.length);
    }),
    { seed: seed(), numRuns: runs(100) },
  );
});

test('L03: a trickle of 64 KiB, joined whenever it is due, is held in few chunks', () => {
  let held: Uint8Array[] = [];
  for (let count = 0; count < 65_536; count += 1) {
    held.push(Uint8Array.of(count % 251));
    if (held.length >= heldChunksMax) held = joined(held);
    expect(held.length).toBeLessThan(heldChunksMax);
  }
  expect(Buffer.concat(held).every((byte, index) => byte === index % 251)).toBe(true);
});
