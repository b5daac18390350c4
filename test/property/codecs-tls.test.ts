/**
 * The ClientHello reader: against a writer of our own, and against real clients.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Detection, sniffBytesMax } from '../../src/protocols/detector.ts';
import { tlsClientHello } from '../../src/protocols/tls-client-hello.ts';
import { runs, seed } from '../support/fuzz.ts';
import { peerPath, peerTest } from '../support/peers.ts';
import { captureNodeHello, captureOpensslHello } from '../support/tls-hello-capture.ts';
import {
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
const match = (serverName: string | null, alpn: readonly string[] = []): Detection => ({
  verdict: 'match',
  preface: { serverName, alpn },
});

const label = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,12}[a-zA-Z0-9])?$/);
const serverName = fc.array(label, { minLength: 2, maxLength: 5 }).map((labels) => `x${labels.join('.')}`);
const alpn = fc.array(fc.string({ minLength: 1, maxLength: 12, unit: 'binary-ascii' }), { minLength: 1, maxLength: 5 });
/** Extension types that are neither SNI nor ALPN, GREASE values among them, each once. */
const otherExtensions = fc
  .uniqueArray(
    fc.oneof(
      fc.integer({ min: 1, max: 15 }),
      fc.integer({ min: 17, max: 65_535 }),
      fc.constantFrom(0x0a0a, 0x7a7a, 0xfafa),
    ),
    { maxLength: 12 },
  )
  .chain((types) =>
    fc.tuple(...types.map((type) => fc.uint8Array({ maxLength: 40 }).map((body) => [type, body] as const))),
  );

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
      fc.property(
        hello,
        fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 20 }),
        fc.integer({ min: 0x0300, max: 0x0304 }),
        (options, sizes, version) => {
          const bytes = inRecords(helloMessage(options), sizes, version);
          expect(detect(bytes)).toEqual(expected(options));
          expect(detect(concat([bytes, Uint8Array.of(0x14, 3, 3, 0, 1, 1)]))).toEqual(expected(options));
          expect(detect(bytes.subarray(0, -1))).toEqual({ verdict: 'needsMore' });
        },
      ),
      settings(500),
    );
  });

  test('M05: a hello of any size up to the cap is read, and one byte more is malformed', () => {
    const withPadding = (length: number) =>
      clientHello({ serverName: 'a.example', extensionsBefore: [[21, new Uint8Array(length)]] });
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

  test.each(['127.0.0.1', '10.0.0.1', '::1', '2001:db8::1', '::ffff:10.0.0.1'])(
    'M05: the address %s as a name counts as no name',
    (address) => {
      expect(detect(clientHello({ serverName: address, alpn: ['h2'] }))).toEqual(match(null, ['h2']));
    },
  );

  test('M05: a name of another type is stepped over', () => {
    expect(
      detect(
        clientHello({
          extensionsBefore: [
            serverNameExtension([
              [7, 'x'],
              [0, 'a.example'],
            ]),
          ],
        }),
      ),
    ).toEqual(match('a.example'));
    expect(detect(clientHello({ extensionsBefore: [serverNameExtension([[7, 'x']])] }))).toEqual(match(null));
  });

  test('M05: a protocol name is opaque: every byte of it comes through', () => {
    expect(detect(clientHello({ alpn: ['\x8a\x8a', 'h2'] }))).toEqual(match(null, ['\x8a\x8a', 'h2']));
  });

  test('M05: what was seen in one hello is forgotten in the next, malformed or not', () => {
    const twice = clientHello({
      extensionsBefore: [
        [0x4469, new Uint8Array(3)],
        [0x4469, new Uint8Array(1)],
      ],
    });
    const once = clientHello({ serverName: 'a.example', extensionsBefore: [[0x4469, new Uint8Array(3)]] });
    for (let round = 0; round < 3; round += 1) {
      expect(detect(twice).verdict).toBe('malformed');
      expect(detect(once)).toEqual(match('a.example'));
    }
  });
});

/** What any split of a captured flight must still say. */
function assertReadable(flight: Uint8Array, wanted: Detection): void {
  expect(detect(flight)).toEqual(wanted);
  for (const size of [1, 7, 100, 1_000]) {
    const message = handshakeBytes(flight);
    const bytes = inRecords(message, Array<number>(Math.ceil(message.length / size)).fill(size));
    const isTooLarge = bytes.length > sniffBytesMax;
    expect(detect(bytes.subarray(0, sniffBytesMax))).toEqual(
      isTooLarge ? expect.objectContaining({ verdict: 'malformed' }) : wanted,
    );
  }
}

describe('real clients', () => {
  test.each([
    [
      'with a name and protocols',
      { servername: 'Node.Example', ALPNProtocols: ['h2', 'http/1.1'] },
      match('node.example', ['h2', 'http/1.1']),
    ],
    ['without a name', {}, match(null)],
    ['of TLS 1.2 only', { servername: 'old.example', maxVersion: 'TLSv1.2' }, match('old.example')],
    ['with classic groups only', { servername: 'small.example', ecdhCurve: 'X25519' }, match('small.example')],
  ] as const)('M05: Node’s hello %s is read', async (_name, options, wanted) => {
    assertReadable(
      await captureNodeHello({
        ...options,
        ALPNProtocols: 'ALPNProtocols' in options ? [...options.ALPNProtocols] : [],
      }),
      wanted,
    );
  });

  const opensslRuns: readonly (readonly [string, readonly string[], Detection])[] = [
    ['with a name', ['-servername', 'OpenSSL.example'], match('openssl.example')],
    [
      'with protocols',
      ['-servername', 'a.example', '-alpn', 'h2,http/1.1,acme-tls/1'],
      match('a.example', ['h2', 'http/1.1', 'acme-tls/1']),
    ],
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

  peerTest(
    'openssl',
    'M05: a post-quantum hello is read, from openssl where it knows the group and from Node',
    async () => {
      const fromOpenssl = await captureOpensslHello(peerPath('openssl'), [
        '-servername',
        'pq.example',
        '-groups',
        'X25519MLKEM768',
      ]);
      if (fromOpenssl !== null) assertReadable(fromOpenssl, match('pq.example'));
      const fromNode = await captureNodeHello({ servername: 'pq.example' });
      assertReadable(fromNode, match('pq.example'));
      const isPostQuantum =
        Number(process.versions.openssl.split('.')[0]) > 3 || /^3\.([5-9]|\d\d)/.test(process.versions.openssl);
      if (isPostQuantum) expect(fromNode.length).toBeGreaterThan(1_216);
    },
  );
});
