/**
 * Ring 3: the boundaries of a WebSocket's frames, by every split of what a server may send, and by what it may not.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameBoundary, pingFrame } from '../../src/protocols/websocket/frame-boundary.ts';
import { runs, seed } from '../support/fuzz.ts';

interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly payload: Uint8Array;
  /** How the length is written; a longer form than it needs is read as well. */
  readonly form: 'short' | 'two' | 'eight';
}

function bytesOf({ opcode, isFinal, payload, form }: Frame): Uint8Array {
  const first = (isFinal ? 0x80 : 0) | opcode;
  if (form === 'short' && payload.length < 126) return Buffer.concat([Uint8Array.of(first, payload.length), payload]);
  if (form !== 'eight' && payload.length < 65_536) {
    const header = Buffer.of(first, 126, 0, 0);
    header.writeUInt16BE(payload.length, 2);
    return Buffer.concat([header, payload]);
  }
  const header = Buffer.of(first, 127, 0, 0, 0, 0, 0, 0, 0, 0);
  header.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([header, payload]);
}

const data = fc.record({
  opcode: fc.constantFrom(0, 1, 2),
  isFinal: fc.boolean(),
  payload: fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    fc.constantFrom(125, 126, 127, 300, 65_535, 65_536).map((length) => new Uint8Array(length).fill(0x88)),
  ),
  form: fc.constantFrom('short' as const, 'two' as const, 'eight' as const),
});
const control = fc.record({
  opcode: fc.constantFrom(8, 9, 9, 9, 10, 10),
  isFinal: fc.constant(true),
  payload: fc.uint8Array({ maxLength: 125 }),
  form: fc.constant('short' as const),
});
const frames = fc.array(fc.oneof(data, control), { minLength: 1, maxLength: 6 });

/** What a reader of the whole would say of every position: may a frame of ours begin here, and was the last one a Ping? */
function truth(list: readonly Frame[]) {
  const begins = new Map<number, { readonly isPinged: boolean }>([[0, { isPinged: false }]]);
  let at = 0;
  for (const frame of list) {
    if (frame.opcode === 8) break;
    at += bytesOf(frame).length;
    begins.set(at, { isPinged: frame.opcode === 9 });
  }
  return begins;
}

describe('where a frame begins', () => {
  test('H03: is known at every position, whatever the split', () => {
    let whole = 0;
    fc.assert(
      fc.property(
        frames,
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 }),
        (list, sizes) => {
          const bytes = Buffer.concat(list.map(bytesOf));
          const begins = truth(list);
          const boundary = new FrameBoundary();
          expect(boundary.mayInsert).toBe(true);
          let at = 0;
          for (let turn = 0; at < bytes.length; turn += 1) {
            const end = Math.min(bytes.length, at + (turn < sizes.length ? (sizes[turn] ?? 1) : bytes.length));
            boundary.read(bytes.subarray(at, end));
            at = end;
            const expected = begins.get(at);
            expect([at, boundary.mayInsert]).toEqual([at, expected !== undefined]);
            if (expected !== undefined) expect([at, boundary.isPinged]).toEqual([at, expected.isPinged]);
            if (expected !== undefined) whole += 1;
          }
          expect(boundary.isLost).toBe(false);
        },
      ),
      { seed: seed(), numRuns: runs(300) },
    );
    expect(whole).toBeGreaterThan(runs(300) / 4);
  });

  test('H03: is known byte by byte', () => {
    fc.assert(
      fc.property(frames, (list) => {
        const small = list.map((frame) => ({ ...frame, payload: frame.payload.subarray(0, 130) }));
        const bytes = Buffer.concat(small.map(bytesOf));
        const begins = truth(small);
        const boundary = new FrameBoundary();
        for (const [at, byte] of bytes.entries()) {
          boundary.read(Uint8Array.of(byte));
          expect([at, boundary.mayInsert]).toEqual([at, begins.has(at + 1)]);
        }
      }),
      { seed: seed(), numRuns: runs(200) },
    );
  });

  test('H03: nothing may follow a Close, from its first byte on', () => {
    const boundary = new FrameBoundary();
    boundary.read(Uint8Array.of(0x88));
    expect([boundary.mayInsert, boundary.isClosing]).toEqual([false, true]);
    boundary.read(Uint8Array.of(0x02, 0x03, 0xe8));
    expect(boundary.mayInsert).toBe(false);
    boundary.read(pingFrame);
    expect(boundary.mayInsert).toBe(false);
  });

  test.each([
    ['a masked frame, which only clients send', [0x81, 0x80]],
    ['a reserved opcode of data', [0x83]],
    ['a reserved opcode of control', [0x8b]],
    ['a fragment of a control frame', [0x09]],
    ['a long control frame', [0x89, 126]],
    ['a length with its highest bit set', [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]],
    ['an answer in another protocol', [...Buffer.from('HTTP/1.1 200 OK')]],
  ])('H03: after %s nothing is known any more, for good', (_name, bytes) => {
    const boundary = new FrameBoundary();
    boundary.read(Uint8Array.from(bytes));
    expect([boundary.isLost, boundary.mayInsert]).toEqual([true, false]);
    boundary.read(Uint8Array.of(0x81, 0x00));
    expect(boundary.mayInsert).toBe(false);
  });

  test('H03: a Ping of ours is one: final, not masked, without a payload', () => {
    const boundary = new FrameBoundary();
    boundary.read(pingFrame);
    expect([boundary.mayInsert, boundary.isPinged]).toEqual([true, true]);
    expect([...pingFrame]).toEqual([0x89, 0]);
  });
});
