/**
 * The smuggling corpus, part three: chunks, trailers and limits.
 */
import type { SmugglingCase } from './http1-smuggling-corpus.ts';
import {
  byteName,
  character,
  chunked,
  controls,
  cut,
  forwarded,
  get,
  head,
  hidden,
  host,
  plainChunks,
  refused,
} from './http1-smuggling-cases.ts';

const sized = (size: string) => chunked(`${size}\r\nhello\r\n0\r\n\r\n`);
const sizes: readonly SmugglingCase[] = [
  ...[
    '',
    ' 5',
    '\t5',
    '5 ',
    '5\t',
    '+5',
    '-5',
    '-0',
    '0x5',
    '0X5',
    'x5',
    '5h',
    'g',
    '5.0',
    '5,5',
    '5 5',
    '"5"',
    '5_',
    '00000000000005',
    '10000000000000',
    'fffffffffffffffb',
    '10000000000000005',
    'FFFFFFFFFFFFFFFFF',
    '5\x00',
    '\x005',
    '5\x0b',
    '\x0b5',
    '5\x80',
    '\xd9\xa5',
    '5\r',
    '5\n',
    '\r\n5',
    '\n5',
  ].map((size) => cut('chunk size', `the size ${JSON.stringify(size)}`, sized(size))),
  ...['5', '05', '0000000000005'].map((size) =>
    forwarded('chunk size', `the size ${size}`, sized(size), plainChunks('hello')),
  ),
  ...['a', 'A', '0a'].map((size) =>
    forwarded(
      'chunk size',
      `the size ${size} in hexadecimal`,
      chunked(`${size}\r\n0123456789\r\n0\r\n\r\n`),
      plainChunks('0123456789'),
    ),
  ),
  cut('chunk size', 'the largest size, and FIN', chunked('fffffffffffff\r\nhello')),
  cut('chunk size', 'too large by one hexadecimal digit, and FIN', chunked('10000000000000\r\nhello')),
  cut('chunk size', 'LF alone behind a size', chunked('5\nhello\r\n0\r\n\r\n')),
  cut('chunk size', 'CR alone behind a size', chunked('5\rhello\r\n0\r\n\r\n')),
  cut('chunk size', 'no digit for the last chunk', chunked('\r\n\r\n')),
  cut('chunk size', 'an extension without a size', chunked(';a\r\n\r\n')),
  cut('chunk size', 'CR and a letter behind a size', chunked('5\rXhello\r\n0\r\n\r\n')),
  cut('chunk size', 'CR and a letter behind the last size', chunked('0\rX\r\n')),
  cut('chunk size', 'FIN instead of chunks', chunked('')),
  cut('chunk size', 'FIN within a size', chunked('5')),
];

const ext = (text: string) => chunked(`5${text}\r\nhello\r\n0\r\n\r\n`);
const extensions: readonly SmugglingCase[] = [
  ...[
    ';',
    ';;',
    ';a;',
    '; a',
    ' ;a',
    ';a =b',
    ';a= b',
    ';a=',
    ';=b',
    ';a=b=c',
    ';a="b',
    ';a="b"c',
    ';a="b" ',
    ';a=b"c"',
    ';a b',
    ';a,b',
    ';a\xe4',
    ';a="\x00"',
    ';a="\x7f"',
    ';a="\\',
    ';a\n',
    ';a\r',
    ';a="\n"',
    ';a="b\r\nc"',
    ';a\n5;b',
    ';\n',
    ';\r',
    `;${'a'.repeat(255)}`,
    `;${'a'.repeat(256)}`,
    `;a="${'b'.repeat(252)}"`,
  ].map((text) =>
    cut('chunk extension', `the extension ${JSON.stringify(text.slice(0, 40))} of ${text.length}`, ext(text)),
  ),
  ...[';a', ';a=b', ';a="b"', ';a="b c;d=\\"e\\""', ';a="\xe4\t"', ';a;b=c;d="e"', `;${'a'.repeat(254)}`].map((text) =>
    forwarded(
      'chunk extension',
      `the extension ${JSON.stringify(text.slice(0, 40))} is dropped`,
      ext(text),
      plainChunks('hello'),
    ),
  ),
  ...controls.map((byte) => cut('chunk extension', `${byteName(byte)} in an extension`, ext(`;a${character(byte)}`))),
  forwarded(
    'chunk extension',
    'an extension of the last chunk is dropped',
    chunked('5\r\nhello\r\n0;a=b\r\n\r\n'),
    plainChunks('hello'),
  ),
];

const chunks: readonly SmugglingCase[] = [
  ...(
    [
      ['no line end behind a chunk', '5\r\nhello0\r\n\r\n'],
      ['LF alone behind a chunk', '5\r\nhello\n0\r\n\r\n'],
      ['CR alone behind a chunk', '5\r\nhello\r0\r\n\r\n'],
      ['two bytes that are no line end', '5\r\nhelloXX0\r\n\r\n'],
      ['a chunk longer than its size', '4\r\nhello\r\n0\r\n\r\n'],
      ['a chunk shorter than its size', '6\r\nhello\r\n0\r\n\r\n'],
      ['an empty line more behind a chunk', '5\r\nhello\r\n\r\n0\r\n\r\n'],
      ['LF alone at the end', '5\r\nhello\r\n0\r\n\n'],
      ['LF alone behind the last size', '5\r\nhello\r\n0\n\r\n'],
      ['LF LF at the end', '5\r\nhello\r\n0\n\n'],
      ['FIN before the last chunk', '5\r\nhello\r\n'],
      ['FIN behind the last size', '5\r\nhello\r\n0\r\n'],
      ['FIN within the last line end', '5\r\nhello\r\n0\r\n\r'],
      ['CR and something else at the end', '5\r\nhello\r\n0\r\n\rX'],
      ['a request instead of a size', hidden],
    ] as const
  ).map(([name, body]) => cut('chunks', name, chunked(body))),
  forwarded('chunks', 'several chunks are one body', chunked('1\r\nh\r\n4\r\nello\r\n0\r\n\r\n'), plainChunks('hello')),
  forwarded('chunks', 'many zeros are a last chunk', chunked('5\r\nhello\r\n0000\r\n\r\n'), plainChunks('hello')),
  forwarded(
    'chunks',
    'line ends in a chunk are data',
    chunked('7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n'),
    plainChunks('\r\n0\r\n\r\n'),
  ),
  forwarded(
    'chunks',
    'what is behind the last chunk is the next message',
    chunked(`0\r\n\r\n${hidden}`),
    plainChunks(''),
    hidden,
  ),
  forwarded(
    'chunks',
    'bytes behind the last chunk are the next message',
    chunked('0\r\n\r\n5\r\nhello'),
    plainChunks(''),
    '5\r\nhello',
  ),
];

const withTrailer = (...lines: readonly string[]) => chunked(`0\r\n${head(...lines)}`);
const trailers: readonly SmugglingCase[] = [
  ...[
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'Host: b.example',
    'content-length: 0',
    'Connection: close',
    'Keep-Alive: 1',
    'TE: trailers',
    'Upgrade: websocket',
    'Expect: 100-continue',
  ].map((line) => cut('trailers', `the trailer ${line}`, withTrailer(line))),
  ...[' X: y', 'X : y', 'X', ': y', 'X\0: y', 'X: \0', 'X: y\n', 'X: y\rZ: 1', 'GET /admin HTTP/1.1'].map((line) =>
    cut('trailers', `the trailer ${JSON.stringify(line)}`, withTrailer(line)),
  ),
  cut('trailers', '33 trailers', withTrailer(...Array.from({ length: 33 }, (_, index) => `X-${index}: y`)), 431),
  cut('trailers', 'trailers of more than 8 KiB', withTrailer(`X: ${'y'.repeat(8_192)}`), 431),
  cut('trailers', 'FIN within the trailers', chunked('0\r\nX: y\r\n')),
  ...[
    'Authorization: Basic eA==',
    'Cookie: a=b',
    'Set-Cookie: a=b',
    'Trailer: X',
    'Forwarded: for=127.0.0.1',
    'X-Forwarded-For: 127.0.0.1',
    'X-Real-IP: 127.0.0.1',
    'Content-Type: text/html',
    'Content-Encoding: gzip',
    'If-Match: "x"',
  ].map((line) => forwarded('trailers', `the trailer ${line} is dropped`, withTrailer(line), plainChunks(''))),
  forwarded(
    'trailers',
    'other trailers are passed on',
    withTrailer('X-Checksum: 1', 'grpc-status:0 '),
    plainChunks('', 'X-Checksum: 1', 'grpc-status: 0'),
  ),
  forwarded(
    'trailers',
    'what is behind the trailers is the next message',
    `${withTrailer('X: y')}${hidden}`,
    plainChunks('', 'X: y'),
    hidden,
  ),
];

const manyFields = (count: number) => Array.from({ length: count }, (_, index) => `X-${index}: y`);
const limits: readonly SmugglingCase[] = [
  forwarded(
    'limits',
    '100 fields',
    head('GET / HTTP/1.1', host, ...manyFields(99)),
    head('GET / HTTP/1.1', host, ...manyFields(99)),
  ),
  refused('limits', '101 fields', 431, head('GET / HTTP/1.1', host, ...manyFields(100))),
  forwarded(
    'limits',
    'a head of 32 KiB',
    get(`X: ${'y'.repeat(32_728)}`),
    head('GET / HTTP/1.1', host, `X: ${'y'.repeat(32_728)}`),
  ),
  refused('limits', 'a head of 32 KiB and one byte', 431, get(`X: ${'y'.repeat(32_729)}`)),
  refused('limits', 'a field name without an end', 431, `${head('GET / HTTP/1.1').slice(0, -2)}${'x'.repeat(40_000)}`),
  refused('limits', 'a target without an end', 414, `GET /${'x'.repeat(40_000)}`),
  refused('limits', 'a method without an end', 400, 'x'.repeat(40_000)),
  refused('limits', 'FIN within the request line', 400, 'GET / HT'),
  refused('limits', 'FIN within a field', 400, 'GET / HTTP/1.1\r\nHost: a'),
  refused('limits', 'FIN before the empty line', 400, 'GET / HTTP/1.1\r\nHost: a.example\r\n'),
  refused('limits', 'FIN within the empty line', 400, 'GET / HTTP/1.1\r\nHost: a.example\r\n\r'),
];

export const bodyCases: readonly SmugglingCase[] = [...sizes, ...extensions, ...chunks, ...trailers, ...limits];
