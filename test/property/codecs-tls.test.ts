/**
 * The ClientHello reader: against a writer that can lie, and against real clients.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Detection, sniffBytesMax } from '../../src/protocols/detector.ts';
import { isSurelyTls, tlsClientHello } from '../../src/protocols/tls-client-hello.ts';
import { runs, seed } from '../support/fuzz.ts';
import { peerPath, peerTest } from '../support/peers.ts';
import { captureNodeHello, captureOpensslHello } from '../support/tls-hello-capture.ts';
import {
  alpnExtension,
  bytesOf,
  clientHello,
  concat,
  handshakeBytes,
  helloMessage,
  type HelloOptions,
  inRecords,
  serverNameExtension,
} from '../support/tls-hello.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });
const detect = (bytes: Uint8Array): Detection => tlsClientHello.detect(bytes, false);
const match = (serverName: string | null, alpn: readonly string[] = []): Detection => ({ verdict: 'match', preface: { serverName, alpn } });

const label = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,12}[a-zA-Z0-9])?$/);
const serverName = fc.array(label, { minLength: 2, maxLength: 5 }).map((labels) => `x${labels.join('.')}`);
const alpn = fc.array(fc.string({ minLength: 1, maxLength: 12, unit: 'binary-ascii' }), { minLength: 1, maxLength: 5 });
/** Extension types that are neither SNI nor ALPN, GREASE values among them, each once. */
const otherExtensions = fc
  .uniqueArray(fc.oneof(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 17, max: 65_535 }), fc.constantFrom(0x0a0a, 0x7a7a, 0xfafa)), { maxLength: 12 })
  .chain((types) => fc.tuple(...types.map((type) => fc.uint8Array({ maxLength: 40 }).map((body) => [type, body] as const))));

const hello: fc.Arbitrary<HelloOptions> = fc.record(
  {
    serverName,
    alpn,
    extensionsBefore: otherExtensions.map((extensions) => extensions.filter(([type]) => type % 2 === 0)),
    extensionsAfter: otherExtensions.map((extensions) => extensions.filter(([type]) => type % 2 === 1)),
    version: fc.constantFrom(0x0300, 0x0301, 0x0302, 0x0303),
    sessionIdLength: fc.nat({ max: 32 }),
    ciphers: fc.array(fc.nat({ max: 65_535 }), { minLength: 1, maxLength: 40 }),
    compression: fc.constantFrom([0], [1, 0]),
  },
  { requiredKeys: [] },
);

function expected(options: HelloOptions): Detection {
  const name = typeof options.serverName === 'string' ? options.serverName.toLowerCase() : null;
  return match(name, options.alpn ?? []);
}

describe('a hello that is told the truth about', () => {
  test('M05: any hello in any records under any version yields exactly its name and its protocols', () => {
    fc.assert(
      fc.property(hello, fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 20 }), fc.integer({ min: 0x0300, max: 0x0304 }), (options, sizes, version) => {
        const bytes = inRecords(helloMessage(options), sizes, version);
        expect(detect(bytes)).toEqual(expected(options));
        expect(detect(concat([bytes, Uint8Array.of(0x14, 3, 3, 0, 1, 1)]))).toEqual(expected(options));
        expect(detect(bytes.subarray(0, -1))).toEqual({ verdict: 'needsMore' });
      }),
      settings(500),
    );
  });

  test('M05: a hello of any size up to the cap is read, and one byte more is malformed', () => {
    const withPadding = (length: number) => clientHello({ serverName: 'a.example', extensionsBefore: [[21, new Uint8Array(length)]] });
    const room = sniffBytesMax - withPadding(0).length;
    for (const padding of [1_800, 4_000, 9_000, room]) expect(detect(withPadding(padding))).toEqual(match('a.example'));
    expect(detect(withPadding(room + 1).subarray(0, 9)).verdict).toBe('malformed');
    const inMany = inRecords(handshakeBytes(withPadding(room)), [5_000]);
    expect(inMany.length).toBe(sniffBytesMax + 5);
    expect(detect(inMany.subarray(0, sniffBytesMax)).verdict).toBe('malformed');
  });

  test('M05: names are normalised: case, one trailing dot', () => {
    expect(detect(clientHello({ serverName: 'WWW.Example.COM.' }))).toEqual(match('www.example.com'));
    expect(detect(clientHello({ serverName: 'under_score.example' }))).toEqual(match('under_score.example'));
    expect(detect(clientHello({ serverName: 'xn--bcher-kva.example' }))).toEqual(match('xn--bcher-kva.example'));
  });

  test.each(['127.0.0.1', '10.0.0.1', '::1', '2001:db8::1', '::ffff:10.0.0.1'])('M05: the address %s as a name counts as no name', (address) => {
    expect(detect(clientHello({ serverName: address, alpn: ['h2'] }))).toEqual(match(null, ['h2']));
  });

  test('M05: a name of another type is stepped over', () => {
    expect(detect(clientHello({ extensionsBefore: [serverNameExtension([[7, 'x'], [0, 'a.example']])] }))).toEqual(match('a.example'));
    expect(detect(clientHello({ extensionsBefore: [serverNameExtension([[7, 'x']])] }))).toEqual(match(null));
  });

  test('M05: a protocol name is opaque: every byte of it comes through', () => {
    expect(detect(clientHello({ alpn: ['\x8a\x8a', 'h2'] }))).toEqual(match(null, ['\x8a\x8a', 'h2']));
  });

  test('M05: what was seen in one hello is forgotten in the next, malformed or not', () => {
    const twice = clientHello({ extensionsBefore: [[0x4469, new Uint8Array(3)], [0x4469, new Uint8Array(1)]] });
    const once = clientHello({ serverName: 'a.example', extensionsBefore: [[0x4469, new Uint8Array(3)]] });
    for (let round = 0; round < 3; round += 1) {
      expect(detect(twice).verdict).toBe('malformed');
      expect(detect(once)).toEqual(match('a.example'));
    }
  });
});

const named = (name: string | Uint8Array) => clientHello({ serverName: name });
/** A hello whose byte at an offset into the message is replaced. */
function patched(offset: number, byte: number, options: HelloOptions = { serverName: 'a.example' }): Uint8Array {
  const bytes = clientHello(options);
  bytes[5 + offset] = byte;
  return bytes;
}

const lies: readonly (readonly [string, Uint8Array])[] = [
  ['NUL in the name', named('a.example\0.evil.example')],
  ['a space in the name', named('a example')],
  ['a star in the name', named('*.example')],
  ['letters beyond ASCII', named('b\xfccher.example')],
  ['a port in the name', named('a.example:443')],
  ['an empty name', named('')],
  ['only a dot', named('.')],
  ['two trailing dots', named('a.example..')],
  ['a leading dot', named('.a.example')],
  ['an empty label', named('a..example')],
  ['a label of 64', named(`${'a'.repeat(64)}.example`)],
  ['a name of 254', named(`${'abcdefghi.'.repeat(25)}abcd`)],
  ['two host names', clientHello({ extensionsBefore: [serverNameExtension([[0, 'a.example'], [0, 'b.example']])] })],
  ['the same host name twice', clientHello({ extensionsBefore: [serverNameExtension([[0, 'a.example'], [0, 'a.example']])] })],
  ['two addresses as host names', clientHello({ extensionsBefore: [serverNameExtension([[0, '10.0.0.1'], [0, '10.0.0.2']])] })],
  ['two server_name extensions', clientHello({ serverName: 'a.example', extensionsAfter: [serverNameExtension([[0, 'a.example']])] })],
  ['two ALPN extensions', clientHello({ alpn: ['h2'], extensionsAfter: [alpnExtension(['h2'])] })],
  ['an unknown extension twice', clientHello({ extensionsBefore: [[0x1234, new Uint8Array(0)], [0x1234, new Uint8Array(2)]] })],
  ['an empty server_name extension', clientHello({ extensionsBefore: [[0, new Uint8Array(0)]] })],
  ['an empty server name list', clientHello({ extensionsBefore: [[0, Uint8Array.of(0, 0)]] })],
  ['a server name list that is longer than its extension', clientHello({ extensionsBefore: [[0, bytesOf('\x00\x07\x00\x00\x03a.b')]] })],
  ['a server name list that is shorter than its extension', clientHello({ extensionsBefore: [[0, bytesOf('\x00\x05\x00\x00\x03a.b')]] })],
  ['a server name that is longer than its list', clientHello({ extensionsBefore: [[0, bytesOf('\x00\x06\x00\x00\x04a.b')]] })],
  ['bytes after the last server name', clientHello({ extensionsBefore: [[0, bytesOf('\x00\x08\x00\x00\x03a.b\x00\x00')]] })],
  ['an empty ALPN extension', clientHello({ extensionsBefore: [[16, new Uint8Array(0)]] })],
  ['an empty ALPN list', clientHello({ alpn: [] })],
  ['an empty protocol name', clientHello({ alpn: ['h2', ''] })],
  ['a protocol name that is longer than its list', clientHello({ extensionsBefore: [[16, bytesOf('\x00\x03\x03h2')]] })],
  ['an ALPN list that is shorter than its extension', clientHello({ extensionsBefore: [[16, bytesOf('\x00\x03\x02h2\x00')]] })],
  ['half an extension header', concat([Uint8Array.of(0x16, 3, 1, 0, 48), ...[helloMessage({ hasExtensions: false, sessionIdLength: 0, ciphers: [1] }).with(3, 44)], Uint8Array.of(0, 1, 9)])],
  ['an SSL 2 version', patched(4, 2)],
  ['a session id of 33', clientHello({ sessionIdLength: 33 })],
  ['a session id beyond the message', patched(38, 255)],
  ['no ciphers', clientHello({ ciphers: [] })],
  ['an odd number of cipher bytes', patched(72, 5)],
  ['ciphers beyond the message', patched(71, 0xff)],
  ['no compression method', clientHello({ compression: [] })],
  ['no null compression', clientHello({ compression: [1, 64] })],
  ['compression methods beyond the message', patched(79, 0xff)],
  ['an extension block that is shorter than the message', patched(82, 1)],
  ['an extension beyond the block', patched(86, 0xff)],
  ['a message that is not a client hello', patched(0, 2)],
  ['an empty record', concat([Uint8Array.of(0x16, 3, 1, 0, 0), clientHello()])],
  ['an empty record in the middle', concat([inRecords(helloMessage(), [20]).subarray(0, 25), Uint8Array.of(0x16, 3, 1, 0, 0)])],
  ['a record of 16385', Uint8Array.of(0x16, 3, 1, 0x40, 1, 1, 0, 0x30, 0)],
  ['a message of 16 MiB', Uint8Array.of(0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff)],
  ['bytes after the hello in its record', concat([Uint8Array.of(0x16, 3, 1, 0, helloMessage({ serverName: 'a.b' }).length + 1), helloMessage({ serverName: 'a.b' }), Uint8Array.of(0)])],
  ['application data in the middle', concat([inRecords(helloMessage(), [20]).subarray(0, 25), Uint8Array.of(0x17, 3, 1, 0, 5)])],
  ['a record of another protocol in the middle', concat([inRecords(helloMessage(), [20]).subarray(0, 25), Uint8Array.of(0x16, 9, 1, 0, 5)])],
];

describe('a hello that is lied about', () => {
  test.each(lies)('M05: %s is malformed', (_name, bytes) => {
    const detection = detect(bytes);
    expect(detection.verdict).toBe('malformed');
    if (detection.verdict === 'malformed') expect(detection.detail).toMatch(/^[a-z][ -~]*[^.]$/);
  });

  test('M05: a hello cut short by FIN is malformed once it is surely TLS, and no match before', () => {
    const bytes = clientHello({ serverName: 'a.example' });
    for (let length = 0; length < bytes.length; length += 1) {
      const prefix = bytes.subarray(0, length);
      expect(isSurelyTls(prefix)).toBe(length >= 3);
      expect(tlsClientHello.detect(prefix, true).verdict).toBe(length >= 3 ? 'malformed' : 'noMatch');
    }
    expect(tlsClientHello.detect(bytes, true)).toEqual(match('a.example'));
  });

  test.each([
    ['an alert', [0x15, 3, 1, 0, 2, 2, 40]],
    ['application data', [0x17, 3, 3]],
    ['an SSLv2 hello', [0x80, 0x2e, 1, 0, 2]],
    ['another major version', [0x16, 4, 1]],
    ['a version of the far future', [0x16, 3, 5]],
  ])('M05: %s at the start is no match', (_name, bytes) => {
    expect(detect(Uint8Array.from(bytes))).toEqual({ verdict: 'noMatch' });
  });

  test('M05: changing any single byte of a hello never reads a name that is not a host name', () => {
    const bytes = clientHello({ serverName: 'a.example', alpn: ['h2'], extensionsAfter: [[51, new Uint8Array(30)]] });
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (index, value) => {
        const detection = detect(bytes.with(index, value));
        if (detection.verdict === 'match') expect(detection.preface.serverName ?? 'none').toMatch(/^[a-z0-9._-]+$/);
      }),
      settings(3_000),
    );
  });
});

/** What any split of a captured flight must still say. */
function assertReadable(flight: Uint8Array, wanted: Detection): void {
  expect(detect(flight)).toEqual(wanted);
  for (const size of [1, 7, 100, 1_000]) {
    const message = handshakeBytes(flight);
    const bytes = inRecords(message, Array<number>(Math.ceil(message.length / size)).fill(size));
    const isTooLarge = bytes.length > sniffBytesMax;
    expect(detect(bytes.subarray(0, sniffBytesMax))).toEqual(isTooLarge ? expect.objectContaining({ verdict: 'malformed' }) : wanted);
  }
}

describe('real clients', () => {
  test.each([
    ['with a name and protocols', { servername: 'Node.Example', ALPNProtocols: ['h2', 'http/1.1'] }, match('node.example', ['h2', 'http/1.1'])],
    ['without a name', {}, match(null)],
    ['of TLS 1.2 only', { servername: 'old.example', maxVersion: 'TLSv1.2' }, match('old.example')],
    ['with classic groups only', { servername: 'small.example', ecdhCurve: 'X25519' }, match('small.example')],
  ] as const)('M05: Node’s hello %s is read', async (_name, options, wanted) => {
    assertReadable(await captureNodeHello({ ...options, ALPNProtocols: 'ALPNProtocols' in options ? [...options.ALPNProtocols] : [] }), wanted);
  });

  const opensslRuns: readonly (readonly [string, readonly string[], Detection])[] = [
    ['with a name', ['-servername', 'OpenSSL.example'], match('openssl.example')],
    ['with protocols', ['-servername', 'a.example', '-alpn', 'h2,http/1.1,acme-tls/1'], match('a.example', ['h2', 'http/1.1', 'acme-tls/1'])],
    ['without a name', ['-noservername'], match(null)],
    ['of TLS 1.2 only', ['-servername', 'a.example', '-tls1_2'], match('a.example')],
  ];
  for (const [name, args, wanted] of opensslRuns) {
    peerTest('openssl', `M05: openssl’s hello ${name} is read`, async () => {
      const flight = await captureOpensslHello(peerPath('openssl'), args);
      expect(flight).not.toBeNull();
      if (flight !== null) assertReadable(flight, wanted);
    });
  }

  peerTest('openssl', 'M05: a post-quantum hello is read, from openssl where it knows the group and from Node', async () => {
    const fromOpenssl = await captureOpensslHello(peerPath('openssl'), ['-servername', 'pq.example', '-groups', 'X25519MLKEM768']);
    if (fromOpenssl !== null) assertReadable(fromOpenssl, match('pq.example'));
    const fromNode = await captureNodeHello({ servername: 'pq.example' });
    assertReadable(fromNode, match('pq.example'));
    const isPostQuantum = Number(process.versions.openssl.split('.')[0]) > 3 || /^3\.([5-9]|\d\d)/.test(process.versions.openssl);
    if (isPostQuantum) expect(fromNode.length).toBeGreaterThan(1_216);
  });
});
