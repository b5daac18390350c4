/**
 * The PROXY protocol, read: every malformed vector of the specification, every split, changed and random bytes. Read first: `proxy-protocol-corpus.ts`.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../../src/protocols/proxy-protocol/crc32c.ts';
import { isClientVerified } from '../../src/protocols/proxy-protocol/header.ts';
import { readProxyHeader } from '../../src/protocols/proxy-protocol/reader.ts';
import type { ProxyVerdict } from '../../src/protocols/proxy-protocol/verdict.ts';
import { runs, seed } from '../support/fuzz.ts';
import { concat } from '../support/tls-hello.ts';
import {
  ascii,
  binary,
  clientOf,
  headerIn,
  inet,
  proxyCorpus,
  secondOpinion,
  tlv,
  type ProxySample,
} from './proxy-protocol-corpus.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });
const named = proxyCorpus.map((sample) => [sample.name, sample] as const);

/** With the right checksum in place of the one that is there. */
function checked(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  const sum = crc32c(copy, 31);
  copy.set([sum >>> 24, sum >>> 16, sum >>> 8, sum], 31);
  return copy;
}

describe('the vectors of the specification', () => {
  test.each(named)('P02, P03, X07: %s is taken for what it is', (_name, { bytes, is, why }: ProxySample) => {
    const read = readProxyHeader(is === 'checksum' ? checked(bytes) : bytes, false);
    if (is === 'malformed') {
      expect(read.verdict === 'malformed' ? read.detail : read.verdict).toContain(why);
    } else if (is === 'none') {
      expect(read).toEqual({ verdict: 'none' });
    } else {
      expect(read.verdict === 'header' ? clientOf(read.header) : read).toBe(is === 'checksum' ? '192.0.2.7 51000' : is);
    }
  });

  test.each(named)('P03: no split of %s changes the answer, and what is certain is said at once', (_name, sample) => {
    assertMonotone(sample.bytes);
    const whole = readProxyHeader(sample.bytes, true);
    expect(whole.verdict).not.toBe('needsMore');
    if (whole.verdict === 'header') {
      for (let length = 0; length < whole.consumed; length += length < 400 ? 1 : 97) {
        expect(readProxyHeader(sample.bytes.subarray(0, length), false).verdict).toBe('needsMore');
        const ended = readProxyHeader(sample.bytes.subarray(0, length), true);
        expect(ended.verdict).toBe(isSurely(sample.bytes, length) ? 'malformed' : 'none');
      }
      expect(readProxyHeader(sample.bytes.subarray(0, whole.consumed), false)).toEqual(whole);
    }
  });

  test('X07: a line is refused at the byte that breaks it, not at its end', () => {
    const breaks: readonly (readonly [string, number])[] = [
      ['PROXYx', 6],
      ['PROXY TCP5', 10],
      ['PROXY TCP4 1.2.3.256', 20],
      ['PROXY TCP4 1.2.3.4.', 19],
      ['PROXY TCP4 1.01', 15],
      ['PROXY TCP6 g', 12],
      ['PROXY TCP4 1.2.3.4 5.6.7.8 65536', 32],
      ['PROXY TCP4 1.2.3.4 5.6.7.8 1 2 ', 31],
      ['PROXY TCP4 1.2.3.4\r', 19],
    ];
    for (const [text, length] of breaks) {
      expect(readProxyHeader(ascii(text).subarray(0, length - 1), false).verdict, `after ${text}`).toBe('needsMore');
      expect(readProxyHeader(ascii(text), false).verdict, `after ${text}`).toBe('malformed');
    }
    const lengths: readonly (readonly [number, number, number])[] = [
      [12, 0x31, 13],
      [12, 0x2f, 13],
      [13, 0x41, 14],
      [13, 0x13, 14],
      [14, 0xff, 16],
      [15, 11, 16],
    ];
    for (const [at, value, length] of lengths) {
      const bytes = binary(0x21, 0x11, [inet]);
      bytes[at] = value;
      expect(readProxyHeader(bytes.subarray(0, length - 1), false).verdict).toBe('needsMore');
      expect(readProxyHeader(bytes.subarray(0, length), false).verdict).toBe('malformed');
    }
  });

  test('P02: what a header tells beside the addresses', () => {
    const tls = concat([Uint8Array.of(5, 0, 0, 0, 0), tlv(0x21, 'TLSv1.3'), tlv(0x22, 'Zoë'), tlv(0x2f, 'x')]);
    const parts = [tlv(1, 'h2'), tlv(2, 'a.example'), tlv(4, 'pad'), tlv(5, Uint8Array.of(0, 255))];
    const bytes = binary(0x21, 0x11, [inet, ...parts, tlv(0x20, tls), tlv(0x30, 'blue'), tlv(0xe1, 'mine')]);
    // A Buffer, because its `slice` makes views.
    const buffer = Buffer.from(bytes);
    const header = headerIn(buffer);
    expect(header).toEqual({
      version: 2,
      command: 'proxy',
      family: 'inet',
      transport: 'stream',
      source: { host: '192.0.2.7', port: 51_000 },
      destination: { host: '198.51.100.1', port: 443 },
      paths: null,
      tlvs: {
        alpn: 'h2',
        authority: 'a.example',
        uniqueId: Uint8Array.of(0, 255),
        tls: {
          isSecured: true,
          hasCertificate: false,
          hadCertificate: true,
          verifyResult: 0,
          version: 'TLSv1.3',
          commonName: 'Zoë',
          cipher: null,
          signatureAlgorithm: null,
          keyAlgorithm: null,
          others: [{ type: 0x2f, value: ascii('x') }],
        },
        namespace: 'blue',
        hasChecksum: false,
        others: [{ type: 0xe1, value: ascii('mine') }],
      },
    });
    buffer.fill(0);
    expect([...(header.tlvs.uniqueId ?? [])]).toEqual([0, 255]);
    expect(header.tlvs.others[0]?.value).toEqual(ascii('mine'));
  });

  test('P02: UNIX paths are read up to their NUL, abstract names from theirs, and LOCAL tells nothing', () => {
    const paths = (bytes: Uint8Array) => headerIn(bytes).paths;
    const unix = (one: string, other: string) => binary(0x21, 0x31, [pathField(one), pathField(other)]);
    expect(paths(unix('/run/ä', ''))).toEqual({ source: '/run/ä', destination: '' });
    expect(paths(unix('\0name', '/x\0rest'))).toEqual({ source: '\0name', destination: '/x' });
    expect(paths(unix('a'.repeat(108), 'b'))?.source).toBe('a'.repeat(108));
    const local = headerIn(binary(0x20, 0x11, [inet, tlv(2, 'a.example')]));
    expect(local).toMatchObject({ command: 'local', family: 'unspecified', source: null, tlvs: { authority: null } });
    expect(headerIn(binary(0x21, 0, [tlv(5, 'id')])).tlvs.uniqueId).toEqual(ascii('id'));
    expect(headerIn(binary(0x21, 0x10, [tlv(5, 'id')])).tlvs.uniqueId).toBe(null);
  });

  test('P02: a client is verified only where it showed a certificate that was found good', () => {
    const verified = (flags: number, result: number) => {
      const { tls } = headerIn(binary(0x21, 0x11, [inet, tlv(0x20, Uint8Array.of(flags, 0, 0, 0, result))])).tlvs;
      return tls !== null && isClientVerified(tls);
    };
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((flags) => verified(flags, 0))).toEqual([
      false,
      false,
      false,
      true,
      false,
      true,
      false,
      true,
    ]);
    expect([1, 3, 5, 7].map((flags) => verified(flags, 18))).toEqual([false, false, false, false]);
  });

  test('P02: the checksum is CRC-32C', () => {
    expect(crc32c(ascii('123456789'), -1)).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32), -1)).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff), -1)).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.of(9, 9, 9, 9), 0)).toBe(crc32c(new Uint8Array(4), -1));
  });
});

describe('changed and random bytes', () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.constantFrom('set', 'remove', 'insert')), {
    minLength: 1,
    maxLength: 3,
  });
  const mutated = fc
    .record({ sample: fc.constantFrom(...proxyCorpus), edits, tail: fc.uint8Array({ maxLength: 8 }) })
    .map(({ sample, edits: changes, tail }) => {
      let bytes = sample.bytes.subarray(0, 300);
      for (const [where, value, deed] of changes) {
        const at = where % Math.min(bytes.length + 1, 60);
        const added = deed === 'remove' ? new Uint8Array(0) : Uint8Array.of(value);
        bytes = concat([bytes.subarray(0, at), added, bytes.subarray(deed === 'insert' ? at : at + 1)]);
      }
      return concat([bytes, tail]);
    });
  /** Right headers in which characters that may stand in an address, or any bytes of one, stand where they like. */
  const twisted = fc
    .record({
      sample: fc.constantFrom(...proxyCorpus.filter(({ is }) => is.includes(' '))),
      changes: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...ascii('0123456789abcdef:. ')), fc.nat({ max: 255 })), {
        minLength: 1,
        maxLength: 3,
      }),
    })
    .map(({ sample, changes }) => {
      const bytes = sample.bytes.slice();
      const isText = bytes[0] === 0x50;
      for (const [where, character, value] of changes) {
        bytes[(isText ? 11 : 16) + (where % (isText ? 40 : 12))] = isText ? character : value;
      }
      return bytes;
    });
  const prefixed = fc
    .tuple(
      fc.constantFrom(
        ascii('PROXY '),
        ascii('PROXY TCP4 '),
        ascii('PROXY TCP6 '),
        binary(0x21, 0x11, []).subarray(0, 12),
      ),
      fc.uint8Array({ maxLength: 80 }),
    )
    .map(concat);

  test('P03, X07: 10,000 random byte strings never crash the reader, make it wait for ever, or yield a wrong address', () => {
    let told = 0;
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), prefixed, mutated, twisted, twisted), (bytes) => {
        const read = readProxyHeader(bytes, true);
        expect(read.verdict).not.toBe('needsMore');
        if (read.verdict !== 'header') return;
        expect(read.consumed).toBeLessThanOrEqual(bytes.length);
        if (read.header.source !== null) {
          told += 1;
          expect(clientOf(read.header)).toBe(secondOpinion(bytes));
        } else if (read.header.version === 1) expect(secondOpinion(bytes)).toBe(null);
      }),
      settings(10_000),
    );
    // Otherwise nothing was compared.
    expect(told).toBeGreaterThan(runs(1_500));
  });

  test('P03: no split of any bytes changes the answer', () => {
    fc.assert(
      fc.property(fc.oneof(mutated, prefixed), (bytes) => assertMonotone(bytes)),
      settings(400),
    );
  });

  test('P03: nothing is waited for beyond the bound, whatever the length says', () => {
    const full = new Uint8Array(5_000);
    fc.assert(
      fc.property(prefixed, fc.integer({ min: 16, max: 4_096 }), (bytes, bytesMax) => {
        full.fill(0x20);
        full.set(bytes);
        const read = readProxyHeader(full, false, bytesMax);
        expect(read.verdict).not.toBe('needsMore');
        if (read.verdict === 'header') expect(read.consumed).toBeLessThanOrEqual(Math.max(bytesMax, 107));
      }),
      settings(500),
    );
  });

  test('P03: the reader sees nothing but its prefix, and leaves it as it was', () => {
    fc.assert(
      fc.property(mutated, fc.nat({ max: 40 }), fc.nat({ max: 255 }), (bytes, offset, poison) => {
        const around = new Uint8Array(offset + bytes.length + 64).fill(poison);
        around.set(bytes, offset);
        const before = around.slice();
        const prefix = around.subarray(offset, offset + bytes.length);
        for (const ended of [false, true]) {
          expect(readProxyHeader(prefix, ended)).toEqual(readProxyHeader(bytes.slice(), ended));
        }
        expect(around).toEqual(before);
      }),
      settings(1_000),
    );
  });
});

/** True exactly when so many bytes can only be a PROXY header. */
function isSurely(bytes: Uint8Array, length: number): boolean {
  return length >= (bytes[0] === 0x50 ? 5 : 12);
}

function pathField(text: string): Uint8Array {
  const field = new Uint8Array(108);
  field.set(new TextEncoder().encode(text));
  return field;
}

/** A decision stands when bytes follow; until it falls, every length waits, and an end decides. */
function assertMonotone(bytes: Uint8Array): void {
  let decided: ProxyVerdict | null = null;
  for (let length = 0; length <= bytes.length; length += length < 400 ? 1 : 97) {
    const prefix = bytes.subarray(0, length);
    const read = readProxyHeader(prefix, false);
    const ended = readProxyHeader(prefix, true);
    if (decided !== null) expect(read, `at ${length}`).toEqual(decided);
    if (read.verdict === 'needsMore') {
      expect(['none', 'malformed'], `at ${length}, ended`).toContain(ended.verdict);
    } else {
      decided ??= read;
      expect(ended, `at ${length}, ended`).toEqual(read);
    }
  }
}
