/**
 * Counting frames: any cut of the bytes gives the same frames, and what is counted is what was sent.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget } from '../../src/io/http/http2-budget.ts';
import { FrameWalker } from '../../src/io/http/http2-frame-walker.ts';
import { continuationsMax, Http2Guard, idleFrames, tornStreams } from '../../src/io/http/http2-guard.ts';
import { seed, runs } from '../support/fuzz.ts';
import { block, data, frame, get, opening, ping, reset, types } from '../support/http2-frames.ts';

type Seen = readonly [type: number, flags: number, length: number, streamId: number];

const frames = fc.array(
  fc.record({
    type: fc.nat(12),
    flags: fc.nat(255),
    streamId: fc.nat(2 ** 31 - 1),
    payload: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 12 },
);

/** Every chunk in its own memory, scribbled over once it was walked. */
function walk(bytes: Uint8Array, cuts: readonly number[], prefaceBytes: number): readonly Seen[] {
  const seen: Seen[] = [];
  const walker = new FrameWalker(
    { frame: (type, flags, length, streamId) => void seen.push([type, flags, length, streamId]) },
    prefaceBytes,
  );
  const ends = [...new Set(cuts.map((cut) => cut % (bytes.length + 1))), bytes.length].toSorted((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    const chunk = bytes.slice(start, end);
    walker.walk(chunk);
    chunk.fill(0xee);
    start = end;
  }
  expect(walker.isBetweenFrames).toBe(seen.length > 0);
  return seen;
}

function guard(): Http2Guard {
  const nobody = { sentEnd: () => undefined, receivedEnd: () => undefined, sentGoaway: () => undefined };
  return new Http2Guard({ nowMs: () => 0 }, 'client', nobody);
}

function many(count: number, one: (index: number) => Uint8Array): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => one(index)));
}

describe('frames', () => {
  test('any cut of the bytes gives the same frames, preface or not', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat()), fc.constantFrom(0, 24), (sent, cuts, prefaceBytes) => {
        const written = sent.map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload));
        const bytes = Buffer.concat([Buffer.alloc(prefaceBytes, 0x50), ...written]);
        const expected = sent.map(({ type, flags, streamId, payload }) => [type, flags, payload.length, streamId]);
        expect(walk(bytes, cuts, prefaceBytes)).toEqual(expected);
      }),
      { seed: seed(), numRuns: runs(300) },
    );
  });

  test('the reserved bit of a stream id is no part of it', () => {
    const bytes = reset(5, 8);
    bytes.writeUInt8(0x80, 5);
    expect(walk(bytes, [], 0)).toEqual([[types.reset, 0, 4, 5]]);
  });

  test('a preface and the frames of an ordinary page are no excess', () => {
    const one = guard();
    expect(one.received(opening())).toBe(true);
    for (let count = 0; count < 500; count += 1) {
      expect(one.received(Buffer.concat([frame(types.headers, 0x5, count * 2 + 1, block(get)), ping()]))).toBe(true);
      one.reward();
    }
  });

  test('exactly one frame more than the budget is too many', () => {
    const one = guard();
    one.received(opening());
    // SETTINGS of the preface was one.
    expect(one.received(many(idleFrames.burst - 1, () => ping()))).toBe(true);
    expect(one.received(ping())).toBe(false);
    expect(one.excess).toBe('too many PING frames');
  });

  test('exactly one stream more than the budget is too many, and the proxy’s own resets do not count', () => {
    const one = guard();
    one.received(opening());
    for (let count = 0; count < tornStreams.burst * 2; count += 1) {
      one.forgive();
      one.sent(reset(1, 8));
    }
    expect(one.received(many(tornStreams.burst - 1, (index) => reset(index * 2 + 1, 8)))).toBe(true);
    one.sent(reset(1, 1));
    expect(one.received(data(1, 'x'))).toBe(true);
    one.sent(reset(3, 1));
    expect(one.received(data(1, 'x'))).toBe(false);
  });

  test('a header block may go on as often as it is allowed to, and no more', () => {
    const go = (count: number): boolean =>
      guard().received(
        Buffer.concat([
          opening(),
          frame(types.headers, 0, 1, block(get)),
          many(count, () => frame(types.continuation, 0, 1)),
        ]),
      );
    expect(go(continuationsMax)).toBe(true);
    expect(go(continuationsMax + 1)).toBe(false);
  });

  test('the peer’s own resets are known by their stream, once', () => {
    const one = guard();
    one.received(Buffer.concat([opening(), reset(5, 8)]));
    expect([one.wasReset(3), one.wasReset(5), one.wasReset(5)]).toEqual([false, true, false]);
  });
});

describe('budgets', () => {
  test('what is taken never exceeds the burst and what time and work have given', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('take'), amount: fc.constant(1) }),
      fc.record({ kind: fc.constant('wait'), amount: fc.nat(2_000) }),
      fc.record({ kind: fc.constant('give'), amount: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        let nowMs = 0;
        let given = 0;
        let taken = 0;
        const budget = new Budget({ nowMs: () => nowMs }, { burst: 10, perSecond: 5 });
        for (const { kind, amount } of steps) {
          if (kind === 'wait') nowMs += amount;
          else if (kind === 'take') taken += budget.take() ? 1 : 0;
          else {
            budget.give(amount);
            given += amount;
          }
          expect(taken).toBeLessThanOrEqual(10 + (nowMs / 1_000) * 5 + given);
        }
      }),
      { seed: seed(), numRuns: runs(300) },
    );
  });

  test('an exhausted budget is good again after a while', () => {
    let nowMs = 0;
    const budget = new Budget({ nowMs: () => nowMs }, { burst: 2, perSecond: 1 });
    expect([budget.take(), budget.take(), budget.take()]).toEqual([true, true, false]);
    nowMs = 5_000;
    expect(budget.take()).toBe(true);
  });
});
