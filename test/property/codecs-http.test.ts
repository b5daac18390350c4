/**
 * HTTP/1.x at the start of a connection: what is claimed, what is malformed, and which host is asked for.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Detection, sniffBytesMax } from '../../src/protocols/detector.ts';
import { http1, isSurelyHttp } from '../../src/protocols/http1.ts';
import { runs, seed } from '../support/fuzz.ts';
import { bytesOf } from '../support/tls-hello.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });
const detect = (text: string, ended = false): Detection => http1.detect(bytesOf(text), ended);
const match = (serverName: string | null): Detection => ({ verdict: 'match', preface: { serverName, alpn: [] } });
const withHost = (value: string): string => `GET / HTTP/1.1\r\nHost:${value}\r\n\r\n`;

describe('which host', () => {
  test.each([
    [' a.example', 'a.example'],
    ['a.example', 'a.example'],
    ['\t A.Example \t', 'a.example'],
    [' a.example.', 'a.example'],
    [' a.example:8080', 'a.example'],
    [' a.example.:8080', 'a.example'],
    [' a.example:', 'a.example'],
    [' localhost', 'localhost'],
    [' under_score', 'under_score'],
    [' 127.0.0.1:3000', '127.0.0.1'],
    [' [::1]', '::1'],
    [' [2001:DB8::7]:443', '2001:db8::7'],
    [' [::ffff:10.0.0.1]', '::ffff:10.0.0.1'],
    ['', null],
    ['  ', null],
  ])('M01: Host:%j asks for %j', (value, serverName) => {
    expect(detect(withHost(value))).toEqual(match(serverName));
  });

  test.each([
    ' a b',
    ' *.example',
    ' a,b',
    ' a.example:8a',
    ' a.example:65536',
    ' a.example:000080',
    ' :80',
    ' a..b',
    ' .a',
    ' ..',
    ' user@a.example',
    ' a.example/x',
    ' http://a.example',
    ' b\xfccher.example',
    ' ::1',
    ' [::1',
    ' [::1]x',
    ' [::1%25eth0]',
    ' [a.example]',
    ' []',
    ` ${'a'.repeat(64)}.example`,
    ` ${'abcdefghi.'.repeat(25)}abcd`,
  ])('M01: Host:%j is malformed', (value) => {
    expect(detect(withHost(value)).verdict).toBe('malformed');
  });

  test('M01: the field name is compared without case, and as a whole', () => {
    expect(detect('GET / HTTP/1.1\r\nhOsT: a\r\n\r\n')).toEqual(match('a'));
    expect(detect('GET / HTTP/1.1\r\nX-Host: b\r\nHost: a\r\nHosts: c\r\nHos: d\r\n\r\n')).toEqual(match('a'));
    expect(detect('GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n').verdict).toBe('malformed');
  });

  test('M01: HTTP/1.1 must name its host, HTTP/1.0 need not', () => {
    expect(detect('GET / HTTP/1.0\r\n\r\n')).toEqual(match(null));
    expect(detect('GET / HTTP/1.0\r\nHost: a\r\n\r\n')).toEqual(match('a'));
    expect(detect('GET / HTTP/1.1\r\nX: a\r\n\r\n').verdict).toBe('malformed');
  });

  test.each([
    ['GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n', match('a.example')],
    ['GET HTTPS://A.Example:80/x HTTP/1.1\r\nHost: a.example.\r\n\r\n', match('a.example')],
    ['GET http://[::1]:80 HTTP/1.1\r\nHost: [::1]\r\n\r\n', match('::1')],
    ['GET http://a.example?x HTTP/1.0\r\n\r\n', match('a.example')],
    ['CONNECT b.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n', match('a.example')],
    ['OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n', match('a.example')],
    ['GET /http://b.example HTTP/1.1\r\nHost: a.example\r\n\r\n', match('a.example')],
    ['GET /\xc3\xbc HTTP/1.1\r\nHost: a.example\r\n\r\n', match('a.example')],
  ])('M01: %j asks for one host', (text, wanted) => {
    expect(detect(text)).toEqual(wanted);
  });

  test.each([
    'GET http://b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n',
    'GET http://b.example/ HTTP/1.1\r\nHost:\r\n\r\n',
    'GET http:/// HTTP/1.1\r\nHost: a.example\r\n\r\n',
    'GET http://a.example@b.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n',
    'GET http://a.example:x/ HTTP/1.1\r\nHost: a.example\r\n\r\n',
  ])('M01: %j names two hosts or a broken one, and is malformed', (text) => {
    expect(detect(text).verdict).toBe('malformed');
  });
});

describe('what a request is', () => {
  test.each([
    '\r\nGET / HTTP/1.1\r\n',
    ' GET / HTTP/1.1\r\n',
    'GET\t/ HTTP/1.1\r\n',
    'GET\r\n',
    'G(T',
    'GET  / HTTP/1.1\r\n',
    'GET /\r\n',
    'GET /\n',
    'GET / \r\n',
    'GET / HTTP/2.0\r\n',
    'GET / HTTP/0.9\r\n',
    'GET / http/1.1\r\n',
    'GET / x HTTP/1.1\r\n',
    'GET /\x7f',
    'GET /\x00',
    'PRI ',
    'PRI * HTTP/1.1\r\n',
    'HELO mail.example\r\n',
    'USER joe\r\n',
    `${'M'.repeat(33)} / HTTP/1.1\r\n`,
  ])('M01: %j is not HTTP/1.x', (text) => {
    expect(detect(text)).toEqual({ verdict: 'noMatch' });
  });

  test.each([
    '',
    'G',
    'GET',
    'GET ',
    'GET /x',
    'GET /x ',
    'GET /x HTTP/1',
    'GET /x HTTP/1.1',
    'GET /x HTTP/1.1\r',
    'PRIX /',
    'M-SEARCH',
  ])('M01: %j may still become a request', (text) => {
    expect(detect(text)).toEqual({ verdict: 'needsMore' });
  });

  test.each([
    'GET / HTTP/1.2\r\n',
    'GET / HTTP/1.1 \r\n',
    'GET / HTTP/1.1\n',
    'GET / HTTP/1.1\rX',
    'GET / HTTP/1.1\r\n X: folded\r\n',
    'GET / HTTP/1.1\r\nX : y\r\n',
    'GET / HTTP/1.1\r\n: y\r\n',
    'GET / HTTP/1.1\r\nX\r\n',
    'GET / HTTP/1.1\r\nX: y\n',
    'GET / HTTP/1.1\r\nX: y\r\n\n',
    'GET / HTTP/1.1\r\nX: y\rZ: z\r\n',
    'GET / HTTP/1.1\r\nHost: a\r\nX: y\rZY: z\r\n\r\n',
    'GET / HTTP/1.1\r\nX: y\r\n\rX',
    'GET / HTTP/1.1\r\nX: \x00\r\n',
    'GET / HTTP/1.1\r\nX: \x0b\r\n',
    'GET / HTTP/1.1\r\nX: a\r\n b\r\n',
    'GET / HTTP/1.1\r\n\xdc: y\r\n',
  ])('M01: %j is HTTP and malformed', (text) => {
    const detection = detect(text);
    expect(detection.verdict).toBe('malformed');
    if (detection.verdict === 'malformed') expect(detection.detail).toMatch(/^[a-z][ -~]*[^.]$/);
  });

  test('M01: FIN in the middle of a head is malformed once it is surely a request, and no match before', () => {
    const head = withHost(' a.example');
    for (let length = 0; length < head.length; length += 1) {
      const prefix = head.slice(0, length);
      expect(isSurelyHttp(bytesOf(prefix))).toBe(length >= 4);
      expect(detect(prefix, true).verdict).toBe(length >= 4 ? 'malformed' : 'noMatch');
    }
    expect(detect(head, true)).toEqual(match('a.example'));
  });

  test.each(['hello', 'x!#$%&', 'Get / HTTP/1.1', 'quit'])(
    'M01: %j is no request: methods are capital letters and hyphens',
    (text) => {
      expect(detect(text)).toEqual({ verdict: 'noMatch' });
    },
  );

  test('M01: an unusual method is surely HTTP only once the version begins', () => {
    const surely = (text: string) => isSurelyHttp(bytesOf(text));
    expect(surely('EHLO mail.example')).toBe(false);
    expect(surely('M-SEARCH * HTTP/')).toBe(false);
    expect(surely('M-SEARCH * HTTP/1.')).toBe(true);
    expect(surely('GET')).toBe(false);
    expect(surely('GET/x HTTP/1.')).toBe(false);
    expect(surely('X  HTTP/1.')).toBe(false);
    expect(surely('')).toBe(false);
  });

  test('X06: a head is read up to the cap, and one that does not fit is malformed', () => {
    const head = (length: number) => `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(length - 32)}\r\n\r\n`;
    expect(head(sniffBytesMax)).toHaveLength(sniffBytesMax);
    expect(detect(head(sniffBytesMax))).toEqual(match('a'));
    expect(detect(head(sniffBytesMax + 1).slice(0, sniffBytesMax)).verdict).toBe('malformed');
    expect(detect('x'.repeat(sniffBytesMax))).toEqual({ verdict: 'noMatch' });
  });
});

describe('written and read', () => {
  const token = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
  const field = fc.tuple(
    token.filter((name) => name.toLowerCase() !== 'host'),
    fc.stringMatching(/^[\t -~\x80-\xff]{0,30}$/),
  );
  const host = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}(\.[a-zA-Z0-9_-]{1,20}){0,3}$/);
  const target = fc.stringMatching(/^\/[!-~]{0,30}$/);
  const method = fc.stringMatching(/^[A-Z-]{1,12}$/).filter((name) => name !== 'PRI');

  test('M01: any well-formed head yields its host, wherever the Host field stands and whatever follows the head', () => {
    const parts = fc.record({
      method,
      target,
      host,
      port: fc.option(fc.nat({ max: 65_535 })),
      before: fc.array(field, { maxLength: 4 }),
      after: fc.array(field, { maxLength: 4 }),
      body: fc.string(),
    });
    fc.assert(
      fc.property(parts, (request) => {
        const authority = request.port === null ? request.host : `${request.host}:${request.port}`;
        const fields = [...request.before, ['Host', ` ${authority}`] as const, ...request.after].map(
          ([name, value]) => `${name}:${value}\r\n`,
        );
        const head = `${request.method} ${request.target} HTTP/1.1\r\n${fields.join('')}\r\n`;
        expect(detect(head + request.body)).toEqual(match(request.host.toLowerCase()));
        expect(detect(head.slice(0, -1))).toEqual({ verdict: 'needsMore' });
        const second = head.replace(/\r\n\r\n$/, `\r\nhost: ${authority}\r\n\r\n`);
        expect(detect(second).verdict).toBe('malformed');
      }),
      settings(1_000),
    );
  });
});
