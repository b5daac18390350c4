/**
 * How memory legs misbehave, and that each fault is what it says: the race and simulation rings rest on it.
 */
import { describe, expect, test } from 'vitest';
import { releaseMs } from '../../src/io/ledger.ts';
import { bytesOf, repeated, Watch, writeAll } from '../support/leg-watch.ts';
import { memoryLegPair } from '../support/sockets.ts';

describe('memory legs', () => {
  test('whoever keeps a chunk is found out: it is scribbled over after the call', async () => {
    await using pair = memoryLegPair();
    const kept: Uint8Array[] = [];
    pair.near.bytes$.subscribe((chunk) => kept.push(chunk));
    const sent = bytesOf('secret');
    pair.far.write(sent, 'owned');
    await pair.settle();
    expect(kept.map((chunk) => Buffer.from(chunk).toString('hex'))).toEqual(['ee'.repeat(6)]);
    expect(Buffer.from(sent).toString()).toBe('secret');
  });

  test('deliveries take their latency, in order, and are not counted among the deadlines', async () => {
    let latencyMs = 30;
    await using pair = memoryLegPair({ latencyMs: () => latencyMs });
    const watch = new Watch(pair.near).take();
    pair.far.write(bytesOf('slow '), 'owned');
    latencyMs = 10;
    pair.far.write(bytesOf('quick'), 'owned');
    pair.far.end();
    expect(pair.clock.armedCount).toBe(0);
    pair.clock.advance(29);
    expect(watch.text).toBe('');
    pair.clock.advance(1);
    expect(watch.text).toBe('slow quick');
    expect(watch.isComplete).toBe(true);
    pair.near.end();
    pair.clock.advance(10);
  });

  test('a window that is full stops the writer until the reader reads', async () => {
    await using pair = memoryLegPair({ windowBytes: 1_000 });
    const near = new Watch(pair.near).take();
    const far = new Watch(pair.far);
    pair.near.pause();
    expect(pair.far.write(repeated(1_000), 'owned')).toBe(true);
    expect(pair.far.write(repeated(500), 'owned')).toBe(false);
    await pair.settle();
    expect([pair.far.sentBytes, near.bytes.length, far.log]).toEqual([1_000, 0, []]);
    pair.near.resume();
    await pair.settle();
    expect([pair.far.sentBytes, near.bytes.length, far.log]).toEqual([1_500, 1_500, ['writable']]);
  });

  test('RST behind a full window stays unseen by a reader that does not read, until it reads', async () => {
    await using pair = memoryLegPair({ windowBytes: 1_000 });
    const watch = new Watch(pair.near).take();
    pair.near.pause();
    pair.far.write(repeated(1_000), 'owned');
    await pair.settle();
    pair.far.reset();
    await pair.settle();
    expect([watch.log, pair.near.isGone]).toEqual([[], false]);
    pair.near.resume();
    await pair.settle();
    expect([watch.bytes.length, watch.log]).toEqual([1_000, ['failed ECONNRESET', 'released']]);
  });

  test('RST behind a full window is seen by writing', async () => {
    await using pair = memoryLegPair({ windowBytes: 1_000 });
    const watch = new Watch(pair.near).take();
    pair.near.pause();
    pair.far.write(repeated(1_000), 'owned');
    await pair.settle();
    pair.far.reset();
    await pair.settle();
    pair.near.write(bytesOf('x'), 'owned');
    expect(watch.log).toEqual([]);
    await pair.settle();
    expect(watch.log).toEqual(['failed ECONNRESET', 'released']);
  });

  test('RST after FIN is seen by writing only, as on every Node', async () => {
    await using pair = memoryLegPair();
    const watch = new Watch(pair.near).take();
    pair.far.end();
    await pair.settle();
    pair.far.reset();
    await pair.settle();
    expect(watch.log).toEqual(['complete', 'ended 0']);
    pair.near.write(bytesOf('x'), 'owned');
    await pair.settle();
    expect(watch.log).toEqual(['complete', 'ended 0', 'failed ECONNRESET', 'released']);
  });

  test('bytes for a released peer are answered with RST', async () => {
    await using pair = memoryLegPair();
    const watch = new Watch(pair.near).take();
    pair.far.release();
    await pair.settle();
    expect(watch.log).toEqual(['complete', 'ended 0']);
    pair.near.write(bytesOf('x'), 'owned');
    await pair.settle();
    expect(watch.log.slice(2)).toEqual(['failed ECONNRESET', 'released']);
  });

  test('readErrors: reading fails then, and the peer is reset', async () => {
    await using pair = memoryLegPair({ nearFaults: { readErrors: 40 } });
    const near = new Watch(pair.near).take();
    const far = new Watch(pair.far).take();
    pair.clock.advance(39);
    expect([near.log, far.log]).toEqual([[], []]);
    pair.clock.advance(1);
    expect([near.log, far.log]).toEqual([
      ['failed ECONNRESET', 'released'],
      ['failed ECONNRESET', 'released'],
    ]);
  });

  test('writesPartially: other chunks, many stops, the same bytes', async () => {
    await using pair = memoryLegPair({ nearFaults: { writesPartially: 7 } });
    const near = new Watch(pair.near);
    const far = new Watch(pair.far);
    const sizes: number[] = [];
    pair.far.bytes$.subscribe((chunk) => sizes.push(chunk.length));
    expect(pair.near.write(repeated(20), 'owned')).toBe(false);
    await pair.settle();
    expect([sizes, near.log, far.log]).toEqual([[7, 7, 6], ['writable'], []]);
  });

  test('endsLate: FIN comes so much after the last byte', async () => {
    await using pair = memoryLegPair({ nearFaults: { endsLate: 25 } });
    const watch = new Watch(pair.near).take();
    pair.far.write(bytesOf('x'), 'owned');
    pair.far.end();
    pair.clock.advance(24);
    expect([watch.text, watch.log]).toEqual(['x', []]);
    pair.clock.advance(1);
    expect(watch.log).toEqual(['complete', 'ended 0']);
  });

  test('dataAfterEnd: bytes after FIN are no bytes', async () => {
    await using pair = memoryLegPair({ nearFaults: { dataAfterEnd: 10 } });
    const watch = new Watch(pair.near);
    pair.far.write(bytesOf('x'), 'owned');
    pair.far.end();
    await pair.settle();
    watch.take();
    await pair.settle();
    expect([watch.text, pair.near.receivedBytes, watch.log]).toEqual([
      'x',
      1,
      ['held', 'ended 1', 'complete', 'ended 0'],
    ]);
  });

  test('closesWithoutEnd: a close that nothing announced is a failure first', async () => {
    await using pair = memoryLegPair({ nearFaults: { closesWithoutEnd: 5 } });
    const near = new Watch(pair.near).take();
    const far = new Watch(pair.far).take();
    pair.clock.advance(5);
    expect([near.log, far.log]).toEqual([
      ['failed SALLYPORT_CLOSED', 'released'],
      ['failed ECONNRESET', 'released'],
    ]);
  });

  test('L21: diesSilently: it is gone and says nothing until it is let go', async () => {
    await using pair = memoryLegPair({ nearFaults: { diesSilently: 5 } });
    const near = new Watch(pair.near).take();
    const far = new Watch(pair.far).take();
    pair.clock.advance(5);
    expect([near.log, pair.near.isGone, far.log]).toEqual([[], true, ['failed ECONNRESET', 'released']]);
    expect(pair.near.write(bytesOf('x'), 'owned')).toBe(false);
    await pair.settle();
    expect(near.log).toEqual([]);
    pair.near.release();
    await pair.settle();
    expect(near.log).toEqual(['released']);
  });

  test('closeNeverComes: the ledger reports it, counts it and lets go of it, so that a stop ends', async () => {
    await using pair = memoryLegPair({ nearFaults: { closeNeverComes: true } });
    const watch = new Watch(pair.near);
    pair.near.release();
    pair.far.reset();
    const quiescent = pair.ledger.quiescent();
    pair.clock.advance(releaseMs - 1);
    expect([pair.ledger.size, pair.troubles]).toEqual([1, []]);
    pair.clock.advance(1);
    await quiescent;
    expect([watch.log, pair.ledger.size]).toEqual([[], 0]);
    expect(pair.ledger.counts).toEqual({ entered: 2, left: 1, overdue: 1 });
    expect(pair.troubles).toEqual([expect.objectContaining({ event: 'release.overdue', connectionId: null })]);
  });

  test('two runs of the same history are the same to the last step', async () => {
    const run = async (): Promise<unknown> => {
      let turn = 0;
      await using pair = memoryLegPair({
        latencyMs: () => (turn = (turn * 7 + 3) % 11),
        nearFaults: { writesPartially: 1_013 },
        farFaults: { readErrors: 400 },
      });
      const near = new Watch(pair.near).take();
      const far = new Watch(pair.far).take();
      await writeAll(pair.near, repeated(200_000));
      await writeAll(pair.far, repeated(100_000));
      const steps: number[] = [];
      while (pair.clock.runNext()) steps.push(pair.clock.nowMs());
      return { steps, near: near.log, far: far.log, bytes: [near.bytes.length, far.bytes.length] };
    };
    expect(await run()).toEqual(await run());
  });
});
