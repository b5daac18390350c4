/**
 * The law of every detector, and of the classification on top of them: however a stream is cut, it is taken for the same.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinDetectors } from '../../src/protocols/builtin-detectors.ts';
import { classify, type Classification } from '../../src/protocols/classify.ts';
import { type Detector, sniffBytesMax } from '../../src/protocols/detector.ts';
import { runs, seed } from '../support/fuzz.ts';
import { concat } from '../support/tls-hello.ts';
import { corpus, type Sample } from './codecs-corpus.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

/** Small samples at every length; large ones where something changes and at some lengths between. */
function lengthsOf(bytes: Uint8Array): readonly number[] {
  const all = Array.from({ length: Math.min(bytes.length, sniffBytesMax) + 1 }, (_, length) => length);
  return all.filter((length) => length < 400 || length % 509 === 0 || length + 3 > all.length);
}

/** The first decision that growing prefixes lead to, as the sniffer would see it. */
function feed(bytes: Uint8Array, lengths: readonly number[], isEnded: boolean): Classification {
  for (const length of lengths) {
    const found = classify(builtinDetectors, bytes.subarray(0, length), false);
    if (found.kind !== 'needsMore') return found;
  }
  return classify(builtinDetectors, bytes, isEnded);
}

/** Bytes of a sample, changed a little: the ground where parsers lose their footing. */
const mutated: fc.Arbitrary<Uint8Array> = fc
  .record({
    sample: fc.constantFrom(...corpus),
    edits: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.constantFrom('set', 'remove', 'insert')), {
      maxLength: 4,
    }),
    keep: fc.nat(),
    tail: fc.uint8Array({ maxLength: 20 }),
  })
  .map(({ sample, edits, keep, tail }) => {
    let bytes = sample.bytes.subarray(0, 3_000);
    for (const [where, value, deed] of edits) {
      const at = where % Math.min(bytes.length + 1, 120);
      const after = deed === 'insert' ? at : at + 1;
      bytes = concat([
        bytes.subarray(0, at),
        deed === 'remove' ? new Uint8Array(0) : Uint8Array.of(value),
        bytes.subarray(after),
      ]);
    }
    return keep % 3 === 0 ? concat([bytes.subarray(0, keep % (bytes.length + 1)), tail]) : concat([bytes, tail]);
  });

function assertMonotone(detector: Detector, bytes: Uint8Array, lengths: readonly number[]): void {
  let decided: string | null = null;
  for (const length of lengths) {
    const prefix = bytes.subarray(0, length);
    const detection = detector.detect(prefix, false);
    const ended = detector.detect(prefix, true);
    if (decided !== null) expect(JSON.stringify(detection), `${detector.name} at ${length}`).toBe(decided);
    if (detection.verdict !== 'needsMore') {
      decided ??= JSON.stringify(detection);
      expect(ended, `${detector.name} at ${length}, ended`).toEqual(detection);
    } else {
      expect(ended.verdict, `${detector.name} at ${length}, ended`).not.toBe('needsMore');
    }
  }
}

describe('the corpus', () => {
  test.each(corpus.map((sample) => [sample.name, sample] as const))(
    'M01: %s is taken for what it is',
    (_name, sample: Sample) => {
      const found = classify(builtinDetectors, sample.bytes, false);
      expect(found.kind).toBe(sample.kind);
      if (found.kind === 'recognised') {
        expect(found.protocol).toBe(sample.protocol);
        expect(found.preface).toEqual({ serverName: sample.serverName ?? null, alpn: sample.alpn ?? [] });
      }
      if (found.kind === 'malformed') expect(found.protocol).toBe(sample.protocol);
      if (found.kind === 'needsMore') expect(found.suspected).toBe(sample.protocol);
    },
  );

  test.each(corpus.map((sample) => [sample.name, sample] as const))(
    'M02: no split changes what %s is taken for',
    (_name, sample: Sample) => {
      const lengths = lengthsOf(sample.bytes);
      for (const detector of builtinDetectors) assertMonotone(detector, sample.bytes, lengths);
      for (const isEnded of [false, true]) {
        const whole = classify(builtinDetectors, sample.bytes, isEnded);
        for (const length of lengths) expect(feed(sample.bytes, [length], isEnded)).toEqual(whole);
      }
    },
  );
});

describe('changed bytes', () => {
  test('M02: no detector takes a verdict back when the prefix grows', () => {
    fc.assert(
      fc.property(mutated, (bytes) => {
        for (const detector of builtinDetectors) assertMonotone(detector, bytes, lengthsOf(bytes));
      }),
      settings(300),
    );
  });

  test('M02: any chunking of any stream is classified like the whole', () => {
    fc.assert(
      fc.property(mutated, fc.array(fc.nat({ max: 3_100 }), { maxLength: 8 }), fc.boolean(), (bytes, cuts, isEnded) => {
        const lengths = cuts.map((cut) => Math.min(cut, bytes.length)).toSorted((one, other) => one - other);
        expect(feed(bytes, lengths, isEnded)).toEqual(classify(builtinDetectors, bytes, isEnded));
      }),
      settings(2_000),
    );
  });

  test('M02: the order of the detectors makes no difference, because no two of them take the same bytes', () => {
    fc.assert(
      fc.property(
        mutated,
        fc.shuffledSubarray([...builtinDetectors], { minLength: builtinDetectors.length }),
        (bytes, shuffled) => {
          const verdicts = builtinDetectors.map((detector) => detector.detect(bytes, false).verdict);
          const claims = verdicts.filter((verdict) => verdict === 'match' || verdict === 'malformed');
          expect(claims.length).toBeLessThanOrEqual(1);
          expect(classify(shuffled, bytes, true)).toEqual(classify(builtinDetectors, bytes, true));
        },
      ),
      settings(2_000),
    );
  });

  test('X06: random bytes never make a detector throw, and at the cap or the end nobody waits', () => {
    const bytes = fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated);
    const first = fc.constantFrom(
      ...[0x16, 0x04, 0x05, 0x00, 0x2a, 0x47, 0x53, 0x50].map((byte) => Uint8Array.of(byte)),
      new Uint8Array(0),
    );
    fc.assert(
      fc.property(first, bytes, (start, rest) => {
        const prefix = concat([start, rest]);
        expect(classify(builtinDetectors, prefix, true).kind).not.toBe('needsMore');
        const full = new Uint8Array(sniffBytesMax + 10).fill(0x61);
        full.set(prefix.subarray(0, sniffBytesMax));
        expect(classify(builtinDetectors, full, false).kind).not.toBe('needsMore');
        expect(classify(builtinDetectors, full, false)).toEqual(
          classify(builtinDetectors, full.subarray(0, sniffBytesMax), false),
        );
      }),
      settings(2_000),
    );
  });

  test('M02: a detector sees nothing but its prefix, and leaves it as it was', () => {
    fc.assert(
      fc.property(mutated, fc.nat({ max: 40 }), fc.nat({ max: 255 }), (bytes, offset, poison) => {
        const surrounded = new Uint8Array(offset + bytes.length + 64).fill(poison);
        surrounded.set(bytes, offset);
        const prefix = surrounded.subarray(offset, offset + bytes.length);
        const before = surrounded.slice();
        for (const detector of builtinDetectors) {
          expect(detector.detect(prefix, false)).toEqual(detector.detect(bytes.slice(), false));
          expect(detector.detect(prefix, true)).toEqual(detector.detect(bytes.slice(), true));
        }
        expect(surrounded).toEqual(before);
      }),
      settings(1_000),
    );
  });
});

describe('classification', () => {
  const never: Detector = { name: 'never', detect: () => ({ verdict: 'noMatch' }) };
  const hungry: Detector = { name: 'hungry', detect: () => ({ verdict: 'needsMore' }) };
  const sure: Detector = {
    name: 'sure',
    detect: () => ({ verdict: 'match', preface: { serverName: null, alpn: [] } }),
  };

  test('M02: the first detector that does not say no decides, and one that waits holds the later ones back', () => {
    const bytes = Uint8Array.of(1);
    expect(classify([never, sure], bytes, false)).toMatchObject({ kind: 'recognised', protocol: 'sure' });
    expect(classify([hungry, sure], bytes, false)).toEqual({ kind: 'needsMore', suspected: null });
    expect(classify([never], bytes, false)).toEqual({ kind: 'unknown' });
    expect(classify([], bytes, false)).toEqual({ kind: 'unknown' });
  });

  test('M02, X06: who still waits at the end or at the cap has said no', () => {
    expect(classify([hungry, sure], Uint8Array.of(1), true)).toMatchObject({ kind: 'recognised', protocol: 'sure' });
    expect(classify([hungry], new Uint8Array(sniffBytesMax), false)).toEqual({ kind: 'unknown' });
    expect(classify([hungry], new Uint8Array(sniffBytesMax - 1), false)).toEqual({
      kind: 'needsMore',
      suspected: null,
    });
  });

  test('M02: what a custom detector throws reaches the caller', () => {
    const broken: Detector = {
      name: 'broken',
      detect: () => {
        throw new RangeError('mine');
      },
    };
    expect(() => classify([broken], Uint8Array.of(1), false)).toThrow(RangeError);
  });
});
