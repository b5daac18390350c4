/**
 * The PROXY protocol, written: what is written is read, and what a receiver would refuse is not written.
 *
 * Read first: `proxy-protocol-corpus.ts`.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readProxyHeader } from '../../src/protocols/proxy-protocol/reader.ts';
import {
  writeProxyBinary,
  writeProxyText,
  type ProxyAddresses,
  type ProxyFacts,
} from '../../src/protocols/proxy-protocol/writer.ts';
import { canonicalAddress } from '../../src/routing/ip-address.ts';
import { runs, seed } from '../support/fuzz.ts';
import { concat } from '../support/tls-hello.ts';
import { clientOf, headerIn, secondOpinion } from './proxy-protocol-corpus.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

describe('the writer', () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4().map((text) => `::ffff:${text}`),
  );
  const end = fc.record({ host, port: fc.nat({ max: 65_535 }) });
  const text = fc.option(fc.string({ unit: 'grapheme', maxLength: 40 }), { nil: null });
  const facts: fc.Arbitrary<ProxyFacts> = fc.record({
    alpn: fc.option(fc.constantFrom('h2', 'http/1.1', 'ÿ\0'), { nil: null }),
    authority: text,
    uniqueId: fc.option(fc.uint8Array({ maxLength: 128 }), { nil: null }),
    hasChecksum: fc.boolean(),
    tls: fc.option(
      fc.record({
        isSecured: fc.boolean(),
        hasCertificate: fc.boolean(),
        hadCertificate: fc.boolean(),
        verifyResult: fc.nat({ max: 0xffffffff }),
        version: text,
        commonName: text,
        cipher: text,
        signatureAlgorithm: text,
        keyAlgorithm: text,
      }),
      { nil: null },
    ),
  });
  const canonical = (one: { readonly host: string; readonly port: number }) => ({
    host: canonicalAddress(one.host),
    port: one.port,
  });

  test('P01, P02: what is written is read, version 1 and 2, every family and every mix of them', () => {
    fc.assert(
      fc.property(end, end, facts, fc.uint8Array({ maxLength: 5 }), (source, destination, told, tail) => {
        const expected = { source: canonical(source), destination: canonical(destination) };
        const isIpv4 = [expected.source, expected.destination].every((one) => one.host?.includes(':') === false);
        for (const written of [
          writeProxyText({ source, destination }),
          writeProxyBinary({ source, destination }, told),
        ]) {
          const read = readProxyHeader(concat([written, tail]), false);
          expect(read).toMatchObject({ verdict: 'header', consumed: written.length });
          const header = headerIn(written);
          expect(header).toMatchObject({ ...expected, family: isIpv4 ? 'inet' : 'inet6', transport: 'stream' });
          expect(secondOpinion(written)).toBe(clientOf(header));
          if (header.version === 2) expect(header.tlvs).toEqual(expectedTlvs(told));
        }
      }),
      settings(400),
    );
  });

  test('P01: a UNIX connection is told by its paths, in version 2', () => {
    const addresses: ProxyAddresses = {
      source: null,
      destination: null,
      paths: { source: '', destination: '/run/ä.sock' },
    };
    expect(headerIn(writeProxyBinary(addresses))).toMatchObject({
      family: 'unix',
      paths: addresses.paths,
      source: null,
    });
    expect(Buffer.from(writeProxyText(addresses)).toString()).toBe('PROXY UNKNOWN\r\n');
    const long = { source: null, destination: null, paths: { source: 'ä'.repeat(55), destination: '' } };
    expect(headerIn(writeProxyBinary(long))).toMatchObject({ command: 'local', paths: null });
  });

  test('P01: an address that is not known is not told', () => {
    const one = { host: '192.0.2.7', port: 1 };
    const unknowns: readonly ProxyAddresses[] = [
      { source: null, destination: one },
      { source: one, destination: null },
      { source: { host: 'localhost', port: 1 }, destination: one },
      { source: { host: '192.0.2.7\r\n', port: 1 }, destination: one },
      { source: one, destination: { host: '::1', port: 65_536 } },
      { source: { host: '::1', port: 1.5 }, destination: one },
    ];
    for (const addresses of unknowns) {
      expect(Buffer.from(writeProxyText(addresses)).toString()).toBe('PROXY UNKNOWN\r\n');
      const written = writeProxyBinary(addresses, { authority: 'a.example', hasChecksum: true });
      expect(headerIn(written)).toMatchObject({ command: 'local', source: null });
      expect(written.length).toBe(16);
    }
  });

  test('P01: what a receiver would refuse is left out, and the header stays within what a receiver waits for', () => {
    const long = 'ä'.repeat(127);
    const addresses = { source: { host: '::1', port: 1 }, destination: { host: '1.2.3.4', port: 2 } };
    const tls = { isSecured: true, hasCertificate: true, hadCertificate: true, verifyResult: 0xffffffff };
    const texts = { version: long, commonName: long, cipher: long, signatureAlgorithm: long, keyAlgorithm: long };
    const most = { alpn: 'x'.repeat(255), authority: long, uniqueId: new Uint8Array(128), hasChecksum: true };
    expect(headerIn(writeProxyBinary(addresses, { ...most, tls: { ...tls, ...texts } })).tlvs.tls?.cipher).toBe(long);
    expect(writeProxyBinary(addresses, { ...most, tls: { ...tls, ...texts } }).length).toBeLessThan(2_300);
    const refused: ProxyFacts = {
      alpn: 'x'.repeat(256),
      authority: 'a\r\nb',
      uniqueId: new Uint8Array(129),
      tls: { ...tls, ...texts, commonName: 'ä'.repeat(128), cipher: '\u0085' },
    };
    expect(headerIn(writeProxyBinary(addresses, refused)).tlvs).toMatchObject({
      alpn: null,
      authority: null,
      uniqueId: null,
      tls: { commonName: null, cipher: null, version: long },
    });
    expect(headerIn(writeProxyBinary(addresses, { alpn: '€' })).tlvs.alpn).toBe(null);
  });
});

/** What is left of these facts on the wire. */
function expectedTlvs(told: ProxyFacts): unknown {
  const shown = (text: string | null | undefined) =>
    text === null || text === undefined || /\p{Cc}/u.test(text) || Buffer.byteLength(text) > 255
      ? null
      : Buffer.from(text).toString();
  const { tls = null } = told;
  return {
    alpn: told.alpn ?? null,
    authority: shown(told.authority),
    uniqueId: told.uniqueId ?? null,
    hasChecksum: told.hasChecksum ?? false,
    namespace: null,
    others: [],
    tls:
      tls === null
        ? null
        : {
            ...tls,
            version: shown(tls.version),
            commonName: shown(tls.commonName),
            cipher: shown(tls.cipher),
            signatureAlgorithm: shown(tls.signatureAlgorithm),
            keyAlgorithm: shown(tls.keyAlgorithm),
            others: [],
          },
  };
}
