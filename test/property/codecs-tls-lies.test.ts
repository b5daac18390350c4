/**
 * ClientHellos that lie: every length, every count, every name that must not be believed.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Detection } from '../../src/protocols/detector.ts';
import { isSurelyTls, tlsClientHello } from '../../src/protocols/tls-client-hello.ts';
import { runs, seed } from '../support/fuzz.ts';
import {
  alpnExtension,
  bytesOf,
  clientHello,
  concat,
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
  ['a port behind hexadecimal letters', named('cafe:443')],
  ['a port in the name', named('a.example:443')],
  ['an empty name', named('')],
  ['only a dot', named('.')],
  ['two trailing dots', named('a.example..')],
  ['a leading dot', named('.a.example')],
  ['an empty label', named('a..example')],
  ['a label of 64', named(`${'a'.repeat(64)}.example`)],
  ['a name of 254', named(`${'abcdefghi.'.repeat(25)}abcd`)],
  [
    'two host names',
    clientHello({
      extensionsBefore: [
        serverNameExtension([
          [0, 'a.example'],
          [0, 'b.example'],
        ]),
      ],
    }),
  ],
  [
    'the same host name twice',
    clientHello({
      extensionsBefore: [
        serverNameExtension([
          [0, 'a.example'],
          [0, 'a.example'],
        ]),
      ],
    }),
  ],
  [
    'two addresses as host names',
    clientHello({
      extensionsBefore: [
        serverNameExtension([
          [0, '10.0.0.1'],
          [0, '10.0.0.2'],
        ]),
      ],
    }),
  ],
  [
    'two server_name extensions',
    clientHello({ serverName: 'a.example', extensionsAfter: [serverNameExtension([[0, 'a.example']])] }),
  ],
  ['two ALPN extensions', clientHello({ alpn: ['h2'], extensionsAfter: [alpnExtension(['h2'])] })],
  [
    'an unknown extension twice',
    clientHello({
      extensionsBefore: [
        [0x1234, new Uint8Array(0)],
        [0x1234, new Uint8Array(2)],
      ],
    }),
  ],
  ['an empty server_name extension', clientHello({ extensionsBefore: [[0, new Uint8Array(0)]] })],
  ['an empty server name list', clientHello({ extensionsBefore: [[0, Uint8Array.of(0, 0)]] })],
  [
    'a server name list that is longer than its extension',
    clientHello({ extensionsBefore: [[0, bytesOf('\x00\x07\x00\x00\x03a.b')]] }),
  ],
  [
    'a server name list that is shorter than its extension',
    clientHello({ extensionsBefore: [[0, bytesOf('\x00\x05\x00\x00\x03a.b')]] }),
  ],
  [
    'a server name that is longer than its list',
    clientHello({ extensionsBefore: [[0, bytesOf('\x00\x06\x00\x00\x04a.b')]] }),
  ],
  [
    'bytes after the last server name',
    clientHello({ extensionsBefore: [[0, bytesOf('\x00\x08\x00\x00\x03a.b\x00\x00')]] }),
  ],
  ['an empty ALPN extension', clientHello({ extensionsBefore: [[16, new Uint8Array(0)]] })],
  ['an empty ALPN list', clientHello({ alpn: [] })],
  ['an empty protocol name', clientHello({ alpn: ['h2', ''] })],
  [
    'a protocol name that is longer than its list',
    clientHello({ extensionsBefore: [[16, bytesOf('\x00\x03\x03h2')]] }),
  ],
  [
    'an ALPN list that is shorter than its extension',
    clientHello({ extensionsBefore: [[16, bytesOf('\x00\x03\x02h2\x00')]] }),
  ],
  [
    'half an extension header',
    concat([
      Uint8Array.of(0x16, 3, 1, 0, 48),
      helloMessage({ hasExtensions: false, sessionIdLength: 0, ciphers: [1] }).with(3, 44),
      Uint8Array.of(0, 1, 9),
    ]),
  ],
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
  ['an unknown extension beyond the block', patched(86, 9, { extensionsBefore: [[0x1234, new Uint8Array(4)]] })],
  ['an extension beyond the block', patched(86, 0xff)],
  ['a message that is not a client hello', patched(0, 2)],
  ['an empty record', concat([Uint8Array.of(0x16, 3, 1, 0, 0), clientHello()])],
  [
    'an empty record in the middle',
    concat([inRecords(helloMessage(), [20]).subarray(0, 25), Uint8Array.of(0x16, 3, 1, 0, 0)]),
  ],
  ['a record of 16385', Uint8Array.of(0x16, 3, 1, 0x40, 1, 1, 0, 0x30, 0)],
  ['a message of 16 MiB', Uint8Array.of(0x16, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff)],
  [
    'bytes after the hello in its record',
    concat([
      Uint8Array.of(0x16, 3, 1, 0, helloMessage({ serverName: 'a.b' }).length + 1),
      helloMessage({ serverName: 'a.b' }),
      Uint8Array.of(0),
    ]),
  ],
  [
    'application data in the middle',
    concat([inRecords(helloMessage(), [20]).subarray(0, 25), Uint8Array.of(0x17, 3, 1, 0, 5)]),
  ],
  [
    'a record of another protocol in the middle',
    concat([inRecords(helloMessage(), [20]).subarray(0, 25), Uint8Array.of(0x16, 9, 1, 0, 5)]),
  ],
];

describe('a hello that is lied about', () => {
  test.each(lies)('M05: %s is malformed', (_name, bytes) => {
    const detection = detect(bytes);
    expect(detection.verdict).toBe('malformed');
    if (detection.verdict === 'malformed') expect(detection.detail).toMatch(/^[a-z][ -~]*[^.]$/);
  });

  test('M05: a message that claims to end anywhere inside itself is malformed, but for where extensions may be left out', () => {
    const message = helloMessage({ serverName: 'a.example', alpn: ['h2'], extensionsAfter: [[51, new Uint8Array(9)]] });
    const withoutExtensions = helloMessage({ serverName: 'a.example', hasExtensions: false }).length;
    for (let length = 4; length < message.length; length += 1) {
      const claimed = inRecords(
        message
          .slice(0, length)
          .with(2, 0)
          .with(3, length - 4),
        [],
      );
      const isWhole = length === withoutExtensions;
      expect(detect(claimed).verdict, `cut to ${length}`).toBe(isWhole ? 'match' : 'malformed');
      expect(detect(concat([claimed, new Uint8Array(64).fill(0xff)]))).toEqual(detect(claimed));
    }
  });

  test('M05: a name may have 253 characters and labels of 63, and no more', () => {
    const longest = `${'abcdefghi.'.repeat(25)}abc`;
    expect(detect(named(longest))).toEqual(match(longest));
    expect(detect(named(`${longest}.`))).toEqual(match(longest));
    expect(detect(named(`${'a'.repeat(63)}.${'b'.repeat(63)}`))).toEqual(match(`${'a'.repeat(63)}.${'b'.repeat(63)}`));
    expect(detect(named(`a.${'b'.repeat(64)}`)).verdict).toBe('malformed');
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
