/**
 * The laws of `src/io/leg.ts`, executable: the same suite for every leg there is.
 *
 * Read first: `src/io/leg.ts`. A law's number is in its title.
 */
import { describe, expect, test } from 'vitest';
import { heldBytesMax, type LegFact } from '../../src/io/leg.ts';
import { releaseMs } from '../../src/io/ledger.ts';
import type { LegPair } from '../support/sockets.ts';
import { bytesOf, repeated, writeAll, Watch } from '../support/leg-watch.ts';
import { describeActivity, describePausing, describeWriting } from './leg-flow-laws.ts';
import { describeSkipping } from './leg-skip-laws.ts';

const textOf = (fact: LegFact): string => (fact.type === 'ended' ? `ended ${fact.heldBytes}` : fact.type);

/** @param make a fresh pair, joined, silent, with nobody subscribed. */
export function describeLegLaws(name: string, make: () => Promise<LegPair>): void {
  describe(`the laws of a leg: ${name}`, () => {
    describeTelling(make);
    describeHolding(make);
    describeEnding(make);
    describeLettingGo(make);
    describeWriting(make);
    describePausing(make);
    describeActivity(make);
    describeSkipping(make);
  });
}

function describeTelling(make: () => Promise<LegPair>): void {
  test('law 1: facts that happened before the subscription are kept and told in order', async () => {
    await using pair = await make();
    pair.far.write(bytesOf('x'), 'owned');
    await pair.until(() => pair.near.heldBytes === 1);
    pair.far.end();
    await pair.settle();
    const told: string[] = [];
    pair.near.facts$.subscribe((fact) => told.push(textOf(fact)));
    expect(told).toEqual(['held', 'ended 1']);
  });

  test('law 1: facts$ and bytes$ have one subscriber each; a second one is refused', async () => {
    await using pair = await make();
    const errors: unknown[] = [];
    const refusal: unknown = expect.objectContaining({ code: 'SALLYPORT_INVARIANT' });
    const error = (refused: unknown): void => void errors.push(refused);
    pair.near.facts$.subscribe();
    pair.near.facts$.subscribe({ error });
    pair.near.bytes$.subscribe();
    pair.near.bytes$.subscribe({ error });
    expect(errors).toEqual([refusal, refusal]);
  });

  test.each(['both end', 'reset here', 'release here', 'reset there', 'destroyed by someone'] as const)(
    'law 2: released comes once and last (%s)',
    async (manner) => {
      await using pair = await make();
      const watch = new Watch(pair.near).take();
      const farWatch = new Watch(pair.far).take();
      pair.far.write(bytesOf('hello'), 'owned');
      await pair.until(() => watch.text === 'hello');
      if (manner === 'both end') {
        pair.far.end();
        pair.near.end();
      } else if (manner === 'reset here') pair.near.reset();
      else if (manner === 'release here') pair.near.release();
      else if (manner === 'reset there') pair.far.reset();
      else pair.destroyNear(false);
      if (manner !== 'destroyed by someone') await pair.until(() => watch.isOver);
      else {
        await pair.settle();
        if (!watch.isOver) pair.near.release();
        await pair.until(() => watch.isOver);
      }
      expect(watch.facts.filter(({ type }) => type === 'released')).toHaveLength(1);
      expect(watch.facts.at(-1)).toEqual({ type: 'released' });
      expect(pair.ledger.entries()).not.toContain(pair.near);
      await pair.settle();
      expect(farWatch.facts.filter(({ type }) => type === 'failed').length).toBeLessThanOrEqual(1);
    },
  );
}

function describeHolding(make: () => Promise<LegPair>): void {
  test('law 3: a leg nobody takes from holds one read more than its limit at most, and then nothing is lost', async () => {
    await using pair = await make();
    const sent = repeated(1_048_576);
    const watch = new Watch(pair.near);
    const writing = writeAll(pair.far, sent);
    await pair.until(() => pair.near.heldBytes >= heldBytesMax);
    await pair.settle();
    expect(pair.near.heldBytes).toBeLessThanOrEqual(2 * heldBytesMax);
    expect(watch.count('held')).toBe(pair.near.held.length);
    expect(pair.near.held.reduce((sum, { length }) => sum + length, 0)).toBe(pair.near.heldBytes);
    const heldBefore = watch.count('held');
    watch.take();
    await pair.until(() => watch.bytes.length === sent.length);
    await writing;
    expect(watch.bytes.equals(sent)).toBe(true);
    expect(pair.near.receivedBytes).toBe(sent.length);
    expect(watch.count('held')).toBe(heldBefore);
    expect(pair.near.heldBytes).toBe(0);
  });

  test.each([5, 61_440, 1_048_576])(
    'laws 3, 4: %i bytes and FIN while holding are all there for a late taker',
    async (size) => {
      await using pair = await make();
      const sent = repeated(size);
      const watch = new Watch(pair.near);
      void writeAll(pair.far, sent).then(() => pair.far.end());
      await pair.until(() => pair.near.heldBytes >= Math.min(size, heldBytesMax));
      await pair.settle();
      watch.take();
      await pair.until(() => watch.isComplete);
      expect(watch.bytes.equals(sent)).toBe(true);
      expect(watch.log.slice(-2)).toEqual(['complete', 'ended 0']);
    },
  );

  test('laws 3, 5: RST while less than the limit is held is told at once', async () => {
    await using pair = await make();
    const watch = new Watch(pair.near);
    await writeAll(pair.far, repeated(50_000));
    await pair.until(() => pair.near.heldBytes === 50_000);
    pair.far.reset();
    await pair.until(() => watch.isOver);
    expect(watch.log.filter((entry) => entry !== 'held')).toEqual(['failed ECONNRESET', 'released']);
    expect(pair.near.heldBytes).toBe(0);
  });

  test('law 3: who stops taking gets nothing more, and FIN is told all the same', async () => {
    await using pair = await make();
    const watch = new Watch(pair.near).take();
    await writeAll(pair.far, repeated(100));
    await pair.until(() => watch.bytes.length === 100);
    pair.near.pause();
    watch.leave();
    await writeAll(pair.far, repeated(300_000));
    pair.far.end();
    await pair.until(() => watch.count('ended') === 1);
    expect(watch.bytes.length).toBe(100);
    expect(pair.near.heldBytes).toBe(0);
    expect(pair.near.receivedBytes).toBe(300_100);
  });
}

function describeEnding(make: () => Promise<LegPair>): void {
  test('law 4: FIN with held bytes says how many, and is told again with 0 after they were taken', async () => {
    await using pair = await make();
    const watch = new Watch(pair.near);
    pair.far.write(bytesOf('four'), 'owned');
    pair.far.end();
    await pair.until(() => watch.count('ended') === 1);
    expect(watch.log).toEqual(['held', 'ended 4']);
    watch.take();
    await pair.until(() => watch.isComplete);
    expect(watch.text).toBe('four');
    expect(watch.log).toEqual(['held', 'ended 4', 'complete', 'ended 0']);
  });

  test('law 4, L06: FIN never ends the writing side, in either direction', async () => {
    await using pair = await make();
    const near = new Watch(pair.near).take();
    const far = new Watch(pair.far).take();
    pair.far.end();
    await pair.until(() => near.isComplete && far.count('flushed') === 1);
    const late = repeated(300_000);
    await writeAll(pair.near, late);
    await pair.until(() => far.bytes.length === late.length);
    expect(far.bytes.equals(late)).toBe(true);
    pair.near.end();
    await pair.until(() => far.isOver && near.isOver);
    expect(far.log).toEqual(['flushed', 'complete', 'ended 0', 'released']);
    expect(near.log.filter((entry) => entry !== 'writable')).toEqual(['complete', 'ended 0', 'flushed', 'released']);
  });

  test('law 4: FIN while paused is told once nothing is unread', async () => {
    await using pair = await make();
    const watch = new Watch(pair.near).take();
    pair.near.pause();
    pair.far.end();
    await pair.until(() => watch.isComplete);
    expect(watch.log).toEqual(['complete', 'ended 0']);
  });

  test('law 5: bytes and RST in one read are a reset, never an end', async () => {
    await using pair = await make();
    const watch = new Watch(pair.near).take();
    pair.far.write(bytesOf('partial'), 'owned');
    pair.far.reset();
    await pair.until(() => watch.isOver);
    expect(watch.log).toEqual(['failed ECONNRESET', 'released']);
    expect('partial'.startsWith(watch.text)).toBe(true);
  });

  test('law 5: nothing but released follows failed', async () => {
    await using pair = await make();
    const watch = new Watch(pair.near).take();
    const far = new Watch(pair.far);
    void writeAll(pair.near, repeated(16_777_216));
    await pair.until(() => far.count('held') > 0);
    pair.near.end();
    pair.far.reset();
    await pair.until(() => watch.isOver);
    expect(watch.log.filter((entry) => entry !== 'writable')).toEqual(['failed ECONNRESET', 'released']);
    expect(watch.log.at(-2)).toBe('failed ECONNRESET');
    pair.near.reset();
    pair.near.release();
    pair.near.end();
    expect(pair.near.write(bytesOf('late'), 'owned')).toBe(true);
    await pair.settle();
    expect(watch.log.at(-1)).toBe('released');
  });
}

function describeLettingGo(make: () => Promise<LegPair>): void {
  test('law 8: reset is RST to the peer, and silences everything but released', async () => {
    await using pair = await make();
    const near = new Watch(pair.near);
    const far = new Watch(pair.far).take();
    pair.far.write(bytesOf('x'), 'owned');
    await pair.until(() => near.count('held') === 1);
    pair.near.reset();
    pair.near.reset();
    pair.near.release();
    await pair.until(() => far.isOver && near.isOver);
    expect(near.log).toEqual(['held', 'released']);
    expect(far.log).toEqual(['failed ECONNRESET', 'released']);
    expect(pair.near.isGone).toBe(false);
  });

  test('law 8: release is FIN to the peer where nothing is unread, and silences everything but released', async () => {
    await using pair = await make();
    const near = new Watch(pair.near);
    const far = new Watch(pair.far).take();
    pair.near.release();
    pair.near.release();
    pair.near.reset();
    await pair.until(() => far.isComplete && near.isOver);
    expect(near.log).toEqual(['released']);
    expect(far.log).toEqual(['complete', 'ended 0']);
  });

  test.each(['nothing queued', 'bytes queued'] as const)(
    'law 8: a reset in the same turn as end is a reset, and the handle is closed (%s)',
    async (queue) => {
      await using pair = await make();
      const near = new Watch(pair.near);
      const far = new Watch(pair.far);
      if (queue === 'bytes queued') pair.near.write(repeated(8_388_608), 'shared');
      pair.near.end();
      pair.near.reset();
      await pair.until(() => near.isOver);
      expect(near.log).toEqual(['released']);
      far.take();
      await pair.settle();
      if (queue === 'bytes queued') {
        await pair.until(() => far.isOver);
        expect(far.log.filter((entry) => entry !== 'held')).toEqual(['failed ECONNRESET', 'released']);
      }
    },
  );

  test('law 8: facts kept for nobody are dropped when the leg is let go', async () => {
    await using pair = await make();
    pair.far.write(bytesOf('x'), 'owned');
    await pair.until(() => pair.near.heldBytes === 1);
    pair.near.release();
    const watch = new Watch(pair.near);
    await pair.until(() => watch.isOver);
    expect(watch.log).toEqual(['released']);
  });

  test.each([false, true])(
    'L21: a transport that someone else destroyed is gone or failed, never silently alive (events lost: %s)',
    async (quietly) => {
      await using pair = await make();
      const watch = new Watch(pair.near).take();
      expect(pair.near.isGone).toBe(false);
      pair.destroyNear(quietly);
      expect(pair.near.isGone).toBe(true);
      await pair.settle();
      if (watch.isOver) {
        expect(watch.log).toEqual(['failed SALLYPORT_CLOSED', 'released']);
        expect(pair.near.isGone).toBe(false);
        return;
      }
      expect(watch.log).toEqual([]);
      expect(pair.near.isGone).toBe(true);
      pair.near.release();
      expect(pair.near.isGone).toBe(false);
      await pair.settle();
      if (!watch.isOver) {
        // Nobody will tell of its close any more: the ledger strikes it off, loudly.
        expect(pair.ledger.entries()).toContain(pair.near);
        pair.clock.advance(releaseMs);
        expect(pair.troubles).toEqual([expect.objectContaining({ event: 'release.overdue' })]);
      }
      expect(pair.ledger.entries()).not.toContain(pair.near);
    },
  );

  test('a reset leg frees its peer and the ledger, whatever was queued', async () => {
    await using pair = await make();
    void writeAll(pair.near, repeated(2_000_000));
    void writeAll(pair.far, repeated(2_000_000));
    await pair.settle();
    pair.near.reset();
    pair.far.release();
    await pair.until(() => pair.ledger.size === 0);
    expect(pair.ledger.counts).toEqual({ entered: 2, left: 2, overdue: 0 });
  });
}
