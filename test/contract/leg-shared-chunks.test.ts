/**
 * Dialled legs read into one memory and write shared chunks from one memory: nobody's bytes ever become another's.
 */
import { expect, test } from 'vitest';
import { dialledPair } from '../support/sockets.ts';

const size = 65_536;

test('a shared chunk that waits to be written is not changed by the next one', async () => {
  await using one = await dialledPair();
  const chunk = new Uint8Array(size);
  const count = 150;
  one.far.pause();
  for (let index = 0; index < count; index += 1) one.near.write(chunk.fill(index), 'shared');
  chunk.fill(255);
  expect(one.near.sentBytes, 'the kernel took everything, so nothing waited').toBeLessThan(count * size);
  let received = 0;
  let wrong = 0;
  one.far.bytes$.subscribe((bytes) => {
    for (const byte of bytes) {
      if (byte !== Math.floor(received / size)) wrong += 1;
      received += 1;
    }
  });
  one.far.resume();
  await one.until(() => received === count * size);
  expect(wrong).toBe(0);
});

test('what one leg holds is not changed by what another reads', async () => {
  await using one = await dialledPair();
  await using other = await dialledPair();
  one.far.write(new Uint8Array(1_000).fill(1), 'owned');
  await one.until(() => one.near.heldBytes === 1_000);
  other.far.write(new Uint8Array(1_000).fill(2), 'owned');
  await other.until(() => other.near.heldBytes === 1_000);
  expect(Buffer.concat(one.near.held)).toEqual(Buffer.alloc(1_000, 1));
  expect(Buffer.concat(other.near.held)).toEqual(Buffer.alloc(1_000, 2));
});
