/**
 * Law 12 of `src/io/leg.ts`, executable: bytes that are taken away before anybody takes them.
 *
 * Read first: `leg-laws.ts`, which asks this of every leg.
 */
import { expect, test } from 'vitest';
import { heldBytesMax, type Leg } from '../../src/io/leg.ts';
import { bytesOf, repeated, writeAll, Watch } from '../support/leg-watch.ts';
import { sharedIdentities, type Role } from '../support/secured-pairs.ts';
import type { LegPair } from '../support/sockets.ts';

const misuse: unknown = expect.objectContaining({ code: 'SALLYPORT_INVARIANT' });

function heldIn(leg: Leg): Buffer {
  return Buffer.concat(leg.held);
}

export function describeSkipping(make: () => Promise<LegPair>): void {
  test.each([1, 2, 3, 6, 7, 9])(
    'law 12: %i bytes that are skipped are seen by nobody, what follows is',
    async (bytes) => {
      await using pair = await make();
      const watch = new Watch(pair.near);
      for (const [at, text] of ['abc', 'def', 'ghi'].entries()) {
        pair.far.write(bytesOf(text), 'owned');
        await pair.until(() => pair.near.heldBytes === 3 * (at + 1));
      }
      pair.near.skip(bytes);
      pair.near.skip(0);
      const left = 'abcdefghi'.slice(bytes);
      expect([heldIn(pair.near).toString(), pair.near.heldBytes]).toEqual([left, left.length]);
      expect(pair.near.held.every(({ length }) => length > 0)).toBe(true);
      expect(pair.near.receivedBytes).toBe(9);
      pair.far.write(bytesOf('jkl'), 'owned');
      await pair.until(() => pair.near.heldBytes === left.length + 3);
      watch.take();
      await pair.until(() => watch.text === `${left}jkl`);
      expect(pair.near.receivedBytes).toBe(12);
    },
  );

  test.each(['before', 'after'] as const)(
    'laws 4, 12: FIN behind skipped bytes, come %s the skip, is told once',
    async (when) => {
      await using pair = await make();
      const watch = new Watch(pair.near);
      pair.far.write(bytesOf('header'), 'owned');
      await pair.until(() => pair.near.heldBytes === 6);
      if (when === 'after') pair.near.skip(6);
      pair.far.end();
      if (when === 'before') {
        await pair.until(() => watch.count('ended') === 1);
        pair.near.skip(2);
        expect(watch.log).toEqual(['held', 'ended 6']);
        pair.near.skip(4);
      }
      await pair.until(() => watch.log.at(-1) === 'ended 0');
      expect(watch.log.filter((entry) => entry === 'ended 0')).toHaveLength(1);
      watch.take();
      await pair.until(() => watch.isComplete);
      expect([watch.text, watch.log.filter((entry) => entry === 'ended 0').length]).toEqual(['', 1]);
    },
  );

  test('laws 4, 12: FIN behind skipped bytes tells what is left, and again when that was taken', async () => {
    await using pair = await make();
    const watch = new Watch(pair.near);
    pair.far.write(bytesOf('header and more'), 'owned');
    await pair.until(() => pair.near.heldBytes === 15);
    pair.near.skip(6);
    pair.far.end();
    await pair.until(() => watch.count('ended') === 1);
    expect(watch.log).toEqual(['held', 'ended 9']);
    watch.take();
    await pair.until(() => watch.isComplete);
    expect([watch.text, watch.log]).toEqual([' and more', ['held', 'ended 9', 'complete', 'ended 0']]);
  });

  test('laws 3, 12: a leg that held as much as it may reads on after a skip', async () => {
    await using pair = await make();
    const sent = repeated(1_048_576);
    const watch = new Watch(pair.near);
    const writing = writeAll(pair.far, sent);
    await pair.until(() => pair.near.heldBytes >= heldBytesMax);
    await pair.settle();
    const skipped = pair.near.heldBytes - 10;
    pair.near.skip(skipped);
    await pair.until(() => pair.near.heldBytes > 10);
    await pair.settle();
    expect(pair.near.heldBytes).toBeLessThanOrEqual(2 * heldBytesMax);
    watch.take();
    await pair.until(() => watch.bytes.length === sent.length - skipped);
    await writing;
    expect(watch.bytes.equals(sent.subarray(skipped))).toBe(true);
    expect(pair.near.receivedBytes).toBe(sent.length);
  });

  test('law 12: only what is held can be skipped, only before bytes$ is taken, and a leg let go has nothing', async () => {
    await using pair = await make();
    const watch = new Watch(pair.near);
    expect(() => pair.near.skip(1)).toThrow(misuse);
    pair.far.write(bytesOf('four'), 'owned');
    await pair.until(() => pair.near.heldBytes === 4);
    expect(() => pair.near.skip(5)).toThrow(misuse);
    expect(pair.near.heldBytes).toBe(4);
    watch.take();
    await pair.until(() => watch.text === 'four');
    expect(() => pair.near.skip(1)).toThrow(misuse);
    pair.near.release();
    pair.near.skip(1);
    await pair.until(() => watch.isOver);
  });
}

/** For legs that can carry TLS. */
export function describeSkippingFirst(make: () => Promise<LegPair>, role: Role): void {
  test('laws 11, 12: what is skipped before TLS begins is no part of it, and what follows is its first bytes', async () => {
    const how = (await sharedIdentities()).handshakes({});
    await using pair = await make();
    const [near, far] = [new Watch(pair.near), new Watch(pair.far)];
    pair.far.write(bytesOf('PROXY UNKNOWN\r\n'), 'owned');
    if (role === 'server') pair.far.secure(how.client);
    await pair.until(() => pair.near.heldBytes > (role === 'server' ? 15 : 14));
    pair.near.skip(15);
    pair.near.secure(role === 'server' ? how.server : how.client);
    if (role === 'client') {
      await pair.until(() => pair.far.heldBytes > 0);
      pair.far.secure(how.server);
    }
    await pair.until(() => near.count('secured') === 1 && far.count('secured') === 1);
    pair.far.write(bytesOf('inside'), 'owned');
    await pair.until(() => pair.near.heldBytes === 6);
    expect(near.take().text).toBe('inside');
    expect(pair.near.receivedBytes).toBe(6);
  });
}
