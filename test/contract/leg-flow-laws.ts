/**
 * The laws of `src/io/leg.ts` about bytes on their way: writing, pausing, and what counts as activity.
 *
 * Read first: `leg-laws.ts`, which makes these part of the one suite.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { heldBytesMax } from '../../src/io/leg.ts';
import { bytesOf, repeated, writeAll, Watch } from '../support/leg-watch.ts';
import type { LegPair } from '../support/sockets.ts';

export function describeWriting(make: () => Promise<LegPair>): void {
  test('law 6: each false is followed by writable once, and what is queued stays bounded for a writer that listens', async () => {
    await using pair = await make();
    const near = new Watch(pair.near);
    const far = new Watch(pair.far);
    const piece = repeated(32_768);
    let written = 0;
    let refusals = 0;
    let queuedMax = 0;
    const pump = (): void => {
      while (written < 8_388_608) {
        const isWelcome = pair.near.write(piece, 'shared');
        written += piece.length;
        queuedMax = Math.max(queuedMax, written - pair.near.sentBytes);
        if (isWelcome) continue;
        refusals += 1;
        return;
      }
    };
    near.onFact = (fact) => fact.type === 'writable' && pump();
    pump();
    await pair.until(() => far.leg.heldBytes >= heldBytesMax);
    await pair.settle();
    expect(queuedMax).toBeGreaterThan(0);
    expect(queuedMax).toBeLessThanOrEqual(2 * heldBytesMax);
    expect(refusals - near.count('writable')).toBe(1);
    far.take();
    await pair.until(() => far.bytes.length === 8_388_608);
    await pair.settle();
    expect(near.count('writable')).toBe(refusals);
    expect(pair.near.sentBytes).toBe(8_388_608);
  });

  test('law 6: what is written after the end, a reset or a release is dropped and answered true', async () => {
    for (const letGo of ['end', 'reset', 'release'] as const) {
      await using pair = await make();
      const far = new Watch(pair.far).take();
      pair.near[letGo]();
      expect(pair.near.write(repeated(200_000), 'owned')).toBe(true);
      await pair.settle();
      expect(far.bytes.length).toBe(0);
      expect(pair.near.sentBytes).toBe(0);
    }
  });

  test('law 7: FIN follows everything that was written, flushed comes once, and an owed writable comes before it', async () => {
    await using pair = await make();
    const near = new Watch(pair.near);
    const far = new Watch(pair.far);
    const sent = repeated(8_388_608);
    expect(pair.near.write(sent, 'shared')).toBe(false);
    pair.near.end();
    pair.near.end();
    await pair.until(() => far.leg.heldBytes >= heldBytesMax);
    await pair.settle();
    expect(near.log).toEqual([]);
    expect(pair.near.isFlushed).toBe(false);
    far.take();
    await pair.until(() => far.isComplete && pair.near.isFlushed);
    expect(far.bytes.equals(sent)).toBe(true);
    expect(near.log).toEqual(['writable', 'flushed']);
  });

  test('law 7: flushed is never told within the call', async () => {
    await using pair = await make();
    const near = new Watch(pair.near);
    pair.near.end();
    expect(near.log).toEqual([]);
    await pair.until(() => near.count('flushed') === 1);
  });

  test('law 9: a shared chunk may be changed as soon as write returns', async () => {
    await using pair = await make();
    const near = new Watch(pair.near);
    const far = new Watch(pair.far);
    const scratch = new Uint8Array(400_000);
    const expected: Buffer[] = [];
    for (let count = 0; count < 40; count += 1) {
      scratch.fill(count);
      expected.push(Buffer.from(scratch));
      pair.near.write(scratch, 'shared');
      scratch.fill(0xff);
    }
    pair.near.end();
    far.take();
    await pair.until(() => far.isComplete && near.count('flushed') === 1);
    expect(far.bytes.equals(Buffer.concat(expected))).toBe(true);
  });

  test('law 9: a chunk that is called owned stays what it was', async () => {
    await using pair = await make();
    const kept: Uint8Array[] = [];
    pair.near.bytes$.subscribe((chunk) => kept.push(pair.near.chunks === 'owned' ? chunk : Buffer.from(chunk)));
    const sent = repeated(400_000);
    await writeAll(pair.far, sent);
    await pair.until(() => kept.reduce((sum, { length }) => sum + length, 0) === sent.length);
    expect(Buffer.concat(kept).equals(sent)).toBe(true);
  });

  test('as an Observer: next writes, complete ends, error resets', async () => {
    await using pair = await make();
    const far = new Watch(pair.far).take();
    pair.near.next(bytesOf('ab'));
    pair.near.complete();
    await pair.until(() => far.isComplete);
    expect(far.text).toBe('ab');
    await using other = await make();
    const otherFar = new Watch(other.far).take();
    other.near.error(new Error('cut'));
    await other.until(() => otherFar.isOver);
    expect(otherFar.log).toEqual(['failed ECONNRESET', 'released']);
  });
}

export function describePausing(make: () => Promise<LegPair>): void {
  test('law 10: after pause no chunk is delivered until resume, also in the middle of a replay', async () => {
    await using pair = await make();
    const { near, far } = pair;
    for (const letter of 'abc') {
      far.write(bytesOf(letter), 'owned');
      await pair.settle();
    }
    const seen: string[] = [];
    near.bytes$.subscribe((chunk) => {
      seen.push(Buffer.from(chunk).toString());
      near.pause();
    });
    far.write(bytesOf('d'), 'owned');
    await pair.settle();
    const first = seen.length;
    expect(first).toBe(1);
    while (seen.join('') !== 'abcd') {
      const before = seen.length;
      near.resume();
      await pair.until(() => seen.length > before);
      await pair.settle();
      expect(seen.length).toBe(before + 1);
    }
  });

  test('law 10: a paused leg that is taken from only then delivers nothing before resume', async () => {
    await using pair = await make();
    pair.far.write(bytesOf('early'), 'owned');
    await pair.until(() => pair.near.heldBytes === 5);
    pair.near.pause();
    const watch = new Watch(pair.near).take();
    await pair.settle();
    expect(watch.text).toBe('');
    pair.near.resume();
    await pair.until(() => watch.text === 'early');
  });
}

export function describeActivity(make: () => Promise<LegPair>): void {
  test('the stamps of the last byte rise with every movement', async () => {
    await using pair = await make();
    const far = new Watch(pair.far).take();
    const before = pair.near.lastByteAtMs;
    expect(before).toBeLessThanOrEqual(pair.clock.nowMs());
    pair.near.write(bytesOf('x'), 'owned');
    expect(pair.near.lastByteAtMs).toBeGreaterThanOrEqual(before);
    await pair.until(() => far.text === 'x');
    expect(pair.far.lastByteAtMs).toBeGreaterThanOrEqual(before);
    await pair.until(() => pair.near.sentBytes === 1);
    expect(pair.far.receivedBytes).toBe(1);
  });

  test('what the kernel took at once is no activity later', async () => {
    await using pair = await make();
    const far = new Watch(pair.far).take();
    pair.near.write(bytesOf('x'), 'owned');
    await pair.until(() => far.text === 'x');
    pair.clock.advance(1_000);
    expect([pair.near.lastByteAtMs, pair.near.lastByteAtMs]).toEqual([0, 0]);
  });

  test.each(['looked at', 'never looked at', 'ending'] as const)(
    'a reader that takes only part of what is queued counts as activity (%s)',
    async (queue) => {
      await using pair = await make();
      const near = new Watch(pair.near);
      expect(pair.near.write(repeated(33_554_432), 'owned')).toBe(false);
      if (queue === 'ending') pair.near.end();
      await pair.until(() => pair.far.heldBytes >= heldBytesMax);
      await pair.settle();
      if (queue !== 'never looked at') expect(pair.near.lastByteAtMs).toBe(0);
      pair.clock.advance(1_000);
      const before = pair.near.sentBytes;
      if (queue !== 'never looked at') expect(pair.near.lastByteAtMs).toBe(0);
      let taken = 0;
      pair.far.bytes$.subscribe((chunk) => {
        taken += chunk.length;
        if (taken > 8_388_608) pair.far.pause();
      });
      await pair.until(() => taken > 8_388_608);
      await pair.settle();
      expect(pair.near.sentBytes).toBeGreaterThan(before);
      expect([pair.near.lastByteAtMs, near.log]).toEqual([1_000, []]);
      pair.clock.advance(1_000);
      expect(pair.near.lastByteAtMs).toBe(1_000);
    },
  );

  test('any order of writing, pausing and taking delivers exactly what was written, both ways', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('write' as const),
        far: fc.boolean(),
        size: fc.oneof(fc.nat({ max: 64 }), fc.nat({ max: 200_000 })),
      }),
      fc.record({
        kind: fc.constantFrom('pause' as const, 'resume' as const, 'take' as const),
        far: fc.boolean(),
        size: fc.constant(0),
      }),
      fc.record({ kind: fc.constant('settle' as const), far: fc.boolean(), size: fc.constant(0) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        await using pair = await make();
        const ends = [pair.near, pair.far].map((leg) => ({ leg, watch: new Watch(leg), sent: new Array<Buffer>() }));
        const [near, far] = ends;
        if (near === undefined || far === undefined) return;
        for (const { kind, far: isFar, size } of steps) {
          const end = isFar ? far : near;
          if (kind === 'settle') await pair.settle();
          else if (kind === 'take') end.watch.take();
          else if (kind === 'write') {
            const chunk = repeated(size);
            end.sent.push(chunk);
            end.leg.write(chunk, 'owned');
          } else end.leg[kind]();
        }
        for (const { leg, watch } of ends) {
          leg.end();
          watch.take();
          leg.resume();
        }
        await pair.until(() => ends.every(({ watch }) => watch.isOver));
        expect(near.watch.bytes.equals(Buffer.concat(far.sent))).toBe(true);
        expect(far.watch.bytes.equals(Buffer.concat(near.sent))).toBe(true);
        for (const { leg, watch, sent } of ends) {
          expect(leg.sentBytes).toBe(sent.reduce((sum, { length }) => sum + length, 0));
          expect([watch.count('flushed'), watch.count('failed'), watch.count('released')]).toEqual([1, 0, 1]);
        }
      }),
      { numRuns: 40 },
    );
  });
}
