/**
 * The protocols that say who they are in a few bytes: HTTP/2, RESP, SSH, SOCKS and PostgreSQL.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinDetectors } from '../../src/protocols/builtin-detectors.ts';
import { classify } from '../../src/protocols/classify.ts';
import { anonymousMatch, type Detector, needsMore, noMatch } from '../../src/protocols/detector.ts';
import { h2c } from '../../src/protocols/h2c.ts';
import { postgres } from '../../src/protocols/postgres.ts';
import { isSurelyResp, resp } from '../../src/protocols/resp.ts';
import { socks } from '../../src/protocols/socks.ts';
import { ssh } from '../../src/protocols/ssh.ts';
import { runs, seed } from '../support/fuzz.ts';
import { peerPath, peerTest } from '../support/peers.ts';
import { bytesOf, concat } from '../support/tls-hello.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });
const words = { match: anonymousMatch, needsMore, noMatch };

function assertTable(detector: Detector, rows: readonly (readonly [string, keyof typeof words])[]): void {
  for (const [text, verdict] of rows)
    expect(detector.detect(bytesOf(text), false), `${detector.name}: ${JSON.stringify(text)}`).toEqual(words[verdict]);
}

describe('what is claimed', () => {
  test('M01: every name a route may use is the name of one detector', () => {
    expect(builtinDetectors.map((detector) => detector.name).toSorted()).toEqual([
      'h2c',
      'http',
      'postgres',
      'redis',
      'socks',
      'ssh',
      'tls',
    ]);
  });

  test('M01: HTTP/2 is its whole preface and nothing less', () => {
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    for (let length = 0; length <= preface.length; length += 1) {
      assertTable(h2c, [[preface.slice(0, length), length === preface.length ? 'match' : 'needsMore']]);
      if (length < preface.length) assertTable(h2c, [[`${preface.slice(0, length)}x`, 'noMatch']]);
    }
  });

  test('M01, M02: RESP is an array’s count; answers and inline commands are not claimed', () => {
    assertTable(resp, [
      ['*', 'needsMore'],
      ['*1', 'needsMore'],
      ['*1\r', 'needsMore'],
      ['*1\r\n', 'match'],
      ['*0\r\n', 'match'],
      ['*9\r\n', 'match'],
      ['*90\r\n', 'match'],
      ['*1048576\r\n$', 'match'],
      ['*3\r\n$3\r\nSET', 'match'],
      ['*12345678', 'noMatch'],
      ['*\r\n', 'noMatch'],
      ['*-1\r\n', 'noMatch'],
      ['*1\n', 'noMatch'],
      ['*1\rx', 'noMatch'],
      ['*00', 'noMatch'],
      ['*1a', 'noMatch'],
      ['$3\r\n', 'noMatch'],
      ['+OK\r\n', 'noMatch'],
      [':1\r\n', 'noMatch'],
      ['PING\r\n', 'noMatch'],
    ]);
    expect(isSurelyResp(bytesOf('*'))).toBe(false);
    expect(isSurelyResp(bytesOf('*1'))).toBe(true);
    expect(isSurelyResp(bytesOf('* '))).toBe(false);
  });

  test('M01: SSH is its version', () => {
    assertTable(ssh, [
      ['S', 'needsMore'],
      ['SSH-', 'needsMore'],
      ['SSH-2.0', 'needsMore'],
      ['SSH-2.0-', 'match'],
      ['SSH-1.99-x', 'match'],
      ['SSH-1.5-', 'noMatch'],
      ['SSH-2.1', 'noMatch'],
      ['SSL', 'noMatch'],
      ['ssh-2.0-', 'noMatch'],
    ]);
  });

  test('M01: SOCKS is a whole greeting whose every field makes sense', () => {
    assertTable(socks, [
      ['\x05', 'needsMore'],
      ['\x05\x01', 'needsMore'],
      ['\x05\x01\x00', 'match'],
      ['\x05\x03\x00\x01', 'needsMore'],
      ['\x05\x03\x00\x01\x80', 'match'],
      ['\x05\x02\x02\x05\x05', 'match'],
      ['\x05\x00', 'noMatch'],
      ['\x05\x01\xff', 'noMatch'],
      ['\x05\x01\xfe', 'match'],
      ['\x05\x01\x09', 'match'],
      ['\x05\x01\x0a', 'noMatch'],
      ['\x05\x01\x7f', 'noMatch'],
      ['\x05\x01\x20', 'noMatch'],
      ['\x05\x02\x01\x01', 'noMatch'],
      ['\x04', 'needsMore'],
      ['\x04\x01\x00\x50\x7f\x00\x00\x01', 'needsMore'],
      ['\x04\x01\x00\x50\x7f\x00\x00\x01\x00', 'match'],
      ['\x04\x02\x00\x50\x7f\x00\x00\x01joe\x00', 'match'],
      ['\x04\x01\x00\x50\x00\x00\x00\x01\x00', 'needsMore'],
      ['\x04\x01\x00\x50\x00\x00\x00\x01\x00a', 'needsMore'],
      ['\x04\x01\x00\x50\x00\x00\x00\x01\x00a.b\x00', 'match'],
      ['\x04\x01\x00\x50\x00\x00\x00\x01\x00\x00', 'noMatch'],
      ['\x04\x01\x00\x50\x00\x00\x00\x00\x00', 'match'],
      ['\x04\x03', 'noMatch'],
      ['\x04\x01\x00\x50\x7f\x00\x00\x01\x01', 'noMatch'],
      [`\x04\x01\x00\x50\x7f\x00\x00\x01${'u'.repeat(255)}`, 'needsMore'],
      [`\x04\x01\x00\x50\x7f\x00\x00\x01${'u'.repeat(256)}`, 'noMatch'],
      ['\x03', 'noMatch'],
      ['\x06', 'noMatch'],
    ]);
  });

  test('M01: PostgreSQL is a first packet the server would accept', () => {
    assertTable(postgres, [
      ['\x00\x00\x00', 'needsMore'],
      ['\x00\x00\x00\x09\x00\x03\x00', 'needsMore'],
      ['\x00\x00\x00\x09\x00\x03\x00\x00', 'match'],
      ['\x00\x00\x00\x09\x00\x03\x00\x02', 'match'],
      ['\x00\x00\x27\x10\x00\x03\x00\x00', 'match'],
      ['\x00\x00\x27\x11', 'noMatch'],
      ['\x00\x00\x00\x07', 'noMatch'],
      ['\x00\x00\x00\x08\x00\x03\x00\x00', 'noMatch'],
      ['\x00\x00\x00\x29\x00\x04\x00\x00', 'noMatch'],
      ['\x00\x00\x00\x08\x04\xd2\x16\x2f', 'match'],
      ['\x00\x00\x00\x08\x04\xd2\x16\x30', 'match'],
      ['\x00\x00\x00\x09\x04\xd2\x16\x2f', 'noMatch'],
      ['\x00\x00\x00\x10\x04\xd2\x16\x2e', 'match'],
      ['\x00\x00\x01\x0c\x04\xd2\x16\x2e', 'match'],
      ['\x00\x00\x01\x0d\x04\xd2\x16\x2e', 'noMatch'],
      ['\x00\x00\x00\x08\x04\xd2\x16\x31', 'noMatch'],
      ['\x00\x01', 'noMatch'],
      ['\x01', 'noMatch'],
    ]);
  });

  test('M01: one byte is enough to say no to a text or to another binary protocol', () => {
    for (const detector of builtinDetectors) {
      const firsts = {
        tls: '\x16',
        postgres: '\x00',
        socks: '\x04\x05',
        redis: '*',
        ssh: 'S',
        h2c: 'P',
        http: 'PSGAZ-',
      };
      for (const [owner, bytes] of Object.entries(firsts)) {
        for (const first of bytes) {
          const isPossible = Object.entries(firsts).some(
            ([name, own]) => name === detector.name && own.includes(first),
          );
          const isText = detector.name === 'http' && /[A-Z-]/.test(first);
          const wanted = isPossible || isText ? needsMore : noMatch;
          expect(detector.detect(bytesOf(first), false), `${detector.name} of ${owner}`).toEqual(wanted);
        }
      }
    }
  });

  test('M01: FIN before the preface is whole is no match', () => {
    const halves = [
      [h2c, 'PRI '],
      [resp, '*1'],
      [ssh, 'SSH-'],
      [socks, '\x05\x01'],
      [postgres, '\x00\x00\x00\x08'],
    ] as const;
    for (const [detector, half] of halves) {
      expect(detector.detect(bytesOf(half), false)).toEqual(needsMore);
      expect(detector.detect(bytesOf(half), true)).toEqual(noMatch);
      expect(detector.detect(new Uint8Array(0), true)).toEqual(noMatch);
    }
  });

  test('M02: hardly any random bytes are taken for a protocol', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        if (classify(builtinDetectors, bytes, true).kind !== 'unknown') taken += 1;
      }),
      { seed: seed(), numRuns: 20_000 },
    );
    expect(taken).toBeLessThan(40);
  });
});

/** What a client sends at first, to a server that never answers; ends when `until` is satisfied. */
async function firstBytes(
  program: string,
  args: (port: number) => readonly string[],
  until: (bytes: Uint8Array) => boolean,
): Promise<Uint8Array> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  const server = createServer((socket) => {
    let received: Uint8Array = new Uint8Array(0);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => {
      received = concat([received, chunk]);
      if (until(received)) resolve(received);
    });
    socket.on('end', () => resolve(received));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const client = execFile(program, [...args(address === null || typeof address === 'string' ? 0 : address.port)], () =>
    resolve(new Uint8Array(0)),
  );
  client.stdin?.end();
  try {
    return await promise;
  } finally {
    client.kill();
    server.close();
  }
}

describe('real clients', () => {
  peerTest('redis-cli', 'M02: what redis-cli says first is RESP', async () => {
    const bytes = await firstBytes(
      peerPath('redis-cli'),
      (port) => ['-h', '127.0.0.1', '-p', String(port), 'PING'],
      (received) => received.includes(0x0a),
    );
    expect(classify(builtinDetectors, bytes, false)).toMatchObject({ kind: 'recognised', protocol: 'redis' });
  });

  const curls: readonly (readonly [string, (port: number) => readonly string[], string, number])[] = [
    ['a plain request', (port) => [`http://127.0.0.1:${port}/`], 'http', 40],
    ['HTTP/2 with prior knowledge', (port) => ['--http2-prior-knowledge', `http://127.0.0.1:${port}/`], 'h2c', 24],
    ['SOCKS 5', (port) => ['--socks5', `127.0.0.1:${port}`, 'http://127.0.0.1:9/'], 'socks', 3],
    ['SOCKS 4', (port) => ['--socks4', `127.0.0.1:${port}`, 'http://127.0.0.1:9/'], 'socks', 9],
    ['SOCKS 4a', (port) => ['--socks4a', `127.0.0.1:${port}`, 'http://a.invalid:9/'], 'socks', 19],
    [
      'TLS',
      (port) => ['--insecure', `https://localhost:${port}/`, '--resolve', `localhost:${port}:127.0.0.1`],
      'tls',
      200,
    ],
  ];
  for (const [name, args, protocol, length] of curls) {
    peerTest('curl', `M01: curl with ${name} is recognised`, async () => {
      const bytes = await firstBytes(
        peerPath('curl'),
        (port) => ['-sS', '--noproxy', '', ...args(port)],
        (received) => received.length >= length,
      );
      expect(classify(builtinDetectors, bytes, false)).toMatchObject({ kind: 'recognised', protocol });
    });
  }
});

test('M02: a PostgreSQL start-up packet of any length within bounds is recognised by its first eight bytes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 9, max: 10_000 }), fc.nat({ max: 65_535 }), (length, minor) => {
      const packet = Uint8Array.of(0, 0, length >>> 8, length & 255, 0, 3, minor >>> 8, minor & 255);
      expect(postgres.detect(packet, false)).toEqual(anonymousMatch);
    }),
    settings(200),
  );
});
