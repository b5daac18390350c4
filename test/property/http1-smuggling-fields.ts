/**
 * The smuggling corpus, part two: field names and values, codings, lengths, and fields about the connection.
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
  plainGet,
  plainPost,
  post,
  refused,
} from './http1-smuggling-cases.ts';

const lines: readonly SmugglingCase[] = [
  ...['\t', '\x80', '\xff', ...'"(),/;<=>?@[\\]{}'.split('')].map((mark) =>
    refused('field name', `${JSON.stringify(mark)} in a name`, 400, get(`X${mark}Y: z`)),
  ),
  ...controls.map((byte) => refused('field name', `${byteName(byte)} in a name`, 400, get(`X${character(byte)}Y: z`))),
  ...controls.map((byte) =>
    refused('field value', `${byteName(byte)} in a value`, 400, get(`X: y${character(byte)}z`)),
  ),
  ...[
    ['a blank before the colon', 'X : y'],
    ['a tab before the colon', 'X\t: y'],
    ['no colon', 'X'],
    ['no name', ': y'],
    ['a blank for a name', ' : y'],
    ['a blank within a name', 'X Y: z'],
    ['a request line for a field', 'GET /admin HTTP/1.1'],
    ['a quoted name', '"X": y'],
  ].map(([name, line]) => refused('field name', name ?? '', 400, get(line ?? ''))),
  ...[
    ['a blank', ' folded'],
    ['a tab', '\tfolded'],
    ['blanks only', '   '],
    ['a tab only', '\t'],
    ['a field', ' Transfer-Encoding: chunked'],
  ].map(([name, line]) =>
    refused('obs-fold', `a line that begins with ${name}`, 400, head('GET / HTTP/1.1', host, 'X: y', line ?? '')),
  ),
  refused('obs-fold', 'the first field line is folded', 400, head('GET / HTTP/1.1', ' X: y', host)),
  refused('obs-fold', 'a folded Content-Length', 400, post(['Content-Length:', ' 5'], 'hello')),
  refused('obs-fold', 'a folded Transfer-Encoding', 400, post(['Transfer-Encoding:', '\tchunked'], '0\r\n\r\n')),
  refused('obs-fold', 'a Content-Length that goes on', 400, post(['Content-Length: 5', ' 0'], 'hello')),
  forwarded('field value', 'an empty value', get('X:'), head('GET / HTTP/1.1', host, 'X: ')),
  forwarded('field value', 'blanks around a value', get('X: \t y z\t '), head('GET / HTTP/1.1', host, 'X: y z')),
  forwarded(
    'field value',
    'bytes above ASCII',
    get('X: \x80\xe4\xff'),
    head('GET / HTTP/1.1', host, 'X: \x80\xe4\xff'),
  ),
  forwarded('field value', 'a colon at once', get('X::y'), head('GET / HTTP/1.1', host, 'X: :y')),
  forwarded(
    'field name',
    'every mark of a token',
    get("!#$%&'*+-.^_`|~: y"),
    head('GET / HTTP/1.1', host, "!#$%&'*+-.^_`|~: y"),
  ),
  forwarded(
    'field name',
    'one name several times',
    get('X: 1\r\nx: 2\r\nX: 3'),
    head('GET / HTTP/1.1', host, 'X: 1', 'x: 2', 'X: 3'),
  ),
];

const underscores: readonly SmugglingCase[] = [
  ...[
    'Content_Length: 5',
    'content_length: 0',
    'Transfer_Encoding: chunked',
    'X_Forwarded_For: 127.0.0.1',
    'X-Forwarded_For: 127.0.0.1',
    'x_forwarded-proto: https',
    'X_FORWARDED_HOST: b.example',
    'X_Forwarded_Anything: 1',
    'X_Real_IP: 127.0.0.1',
    'X-Real_IP: 127.0.0.1',
    'Proxy_Connection: close',
    'Keep_Alive: 1',
  ].map((line) => refused('underscore', `the field ${line}`, 400, get(line))),
  ...['X_Y: z', 'Accept_Language: en', '_: z'].map((line) =>
    forwarded('underscore', `the field ${line}`, get(line), head('GET / HTTP/1.1', host, line)),
  ),
];

const coded = (value: string) => post([`Transfer-Encoding:${value}`], '0\r\n\r\n');
const codings: readonly SmugglingCase[] = [
  ...(
    [
      ['', 400],
      [' ', 400],
      [' gzip', 501],
      [' gzip, chunked', 501],
      [' chunked, gzip', 501],
      [' chunked, identity', 501],
      [' identity', 501],
      [' identity, chunked', 501],
      [' xchunked', 501],
      [' chunkedx', 501],
      [' x-chunked', 501],
      [' chunke', 501],
      [' compress', 501],
      [' deflate', 501],
      [' chunked, chunked', 400],
      [' chunked,', 400],
      [' ,chunked', 400],
      [',', 400],
      [' chunked;q=1', 400],
      [' chunked ;', 400],
      [' "chunked"', 400],
      [" 'chunked'", 501],
      [' [chunked]', 400],
      [' (chunked)', 400],
      [' chunked chunked', 400],
      [' chunk ed', 400],
      [': chunked', 400],
      ['\tchunked', 400],
      [' chunked\t', 400],
      [' \t chunked', 400],
      [' chunked\xa0', 400],
      [' \xa0chunked', 400],
      [' \x85chunked', 400],
      [' chunked\x00', 400],
      [' \x00chunked', 400],
      [' \x0bchunked', 400],
      [' chunked\x0b', 400],
      ['\x0cchunked', 400],
      [' chun\x08ked', 400],
      [' \xef\xbd\x83hunked', 400],
      [' chunked\r', 400],
      [' chunked\n', 400],
      ['\n chunked', 400],
      ['\r\n chunked', 400],
    ] as const
  ).map(([value, status]) => refused('TE.TE', `the coding ${JSON.stringify(value)}`, status, coded(value))),
  ...[' chunked', 'chunked', '   chunked  ', ' CHUNKED', ' cHuNkEd'].map((value) =>
    forwarded('TE.TE', `the coding ${JSON.stringify(value)}`, coded(value), plainChunks('')),
  ),
  ...['TRANSFER-ENCODING: chunked', 'transfer-encoding:chunked'].map((line) =>
    forwarded('TE.TE', `the field ${line}`, post([line], '0\r\n\r\n'), plainChunks('')),
  ),
  ...[
    'Transfer-Encoding : chunked',
    'Transfer-Encoding\t: chunked',
    ' Transfer-Encoding: chunked',
    'Transfer Encoding: chunked',
    'Transfer-Encoding\0: chunked',
    'Transfer-\x7fEncoding: chunked',
    'Transfer-Encoding\xa0: chunked',
    'Transfer-Encoding chunked',
    'Transfer-Encoding;: chunked',
  ].map((line) => refused('TE.TE', `the field ${JSON.stringify(line)}`, 400, post([line], '0\r\n\r\n'))),
  ...['chunked', 'identity', 'gzip', '', 'x'].map((second) =>
    refused(
      'TE.TE',
      `a second coding ${JSON.stringify(second)}`,
      400,
      post(['Transfer-Encoding: chunked', `Transfer-Encoding: ${second}`], '0\r\n\r\n'),
    ),
  ),
  refused(
    'TE.TE',
    'a coding behind another one',
    400,
    post(['Transfer-Encoding: identity', 'Transfer-encoding: chunked'], '0\r\n\r\n'),
  ),
  refused('TE.TE', 'a coding with HTTP/1.0', 400, head('POST / HTTP/1.0', host, 'Transfer-Encoding: chunked')),
  refused(
    'TE.TE',
    'a coding with HTTP/1.0 that persists',
    400,
    head('POST / HTTP/1.0', host, 'Connection: keep-alive', 'Transfer-Encoding: chunked'),
  ),
  ...[
    'X-Transfer-Encoding: chunked',
    'Transfer-Encodings: chunked',
    'TransferEncoding: chunked',
    'Accept-Transfer-Encoding: chunked',
  ].map((line) =>
    forwarded('TE.TE', `${line} frames nothing`, `${get(line)}${hidden}`, head('GET / HTTP/1.1', host, line), hidden),
  ),
  forwarded('TE.TE', 'TE frames nothing, and is not passed on', `${get('TE: chunked')}${hidden}`, plainGet, hidden),
];

const withLength = (value: string) => post([`Content-Length:${value}`], 'hello');
const lengths: readonly SmugglingCase[] = [
  ...[
    '',
    ' ',
    ' +5',
    ' -5',
    ' -0',
    ' +0',
    ' 0x5',
    ' 0X5',
    ' 0o5',
    ' 0b101',
    ' 1e1',
    ' 5e0',
    ' 5.0',
    ' 5.',
    ' .5',
    ' 5,5',
    ' 5, 5',
    ' 5,',
    ' ,5',
    ' 5 5',
    ' 5;',
    ' 5;x',
    ' 5 x',
    ' "5"',
    " '5'",
    ' 5\x00',
    ' \x005',
    ' \x0b5',
    ' 5\x0c',
    '\t5',
    ' 5\t',
    ' 5\xa0',
    ' \xd9\xa5',
    ' \xef\xbc\x95',
    ' 5_0',
    " 5'0",
    ' five',
    ' NaN',
    ' Infinity',
    ' null',
    ' 0000000000000005',
    ' 1000000000000000',
    ' 9007199254740993',
    ' 9223372036854775807',
    ' 18446744073709551621',
    ` ${'9'.repeat(400)}`,
    ` ${'0'.repeat(400)}5`,
  ].map((value) =>
    refused('length', `the length ${JSON.stringify(value.slice(0, 40))} of ${value.length}`, 400, withLength(value)),
  ),
  ...['5', ' 5', ' 5 ', ' 05', ' 000000000000005'].map((value) =>
    forwarded('length', `the length ${JSON.stringify(value)}`, withLength(value), plainPost('hello')),
  ),
  forwarded('length', 'a length of nothing', `${post(['Content-Length: 0'], '')}${hidden}`, plainPost(''), hidden),
  forwarded(
    'length',
    'what is behind a body is the next message',
    post(['content-LENGTH: 5'], `hello${hidden}`),
    plainPost('hello'),
    hidden,
  ),
  forwarded(
    'length',
    'a GET may have a body',
    `${head('GET / HTTP/1.1', host, 'Content-Length: 5')}hello`,
    `${head('GET / HTTP/1.1', host, 'Content-Length: 5')}hello`,
  ),
  forwarded(
    'length',
    'a POST without a length has no body',
    `${head('POST / HTTP/1.1', host)}${hidden}`,
    head('POST / HTTP/1.1', host),
    hidden,
  ),
  cut('length', 'FIN within a body', post(['Content-Length: 6'], 'hello')),
  cut('length', 'FIN within the largest body', post(['Content-Length: 999999999999999'], 'hello')),
  ...['Content-Length : 5', 'Content-Length\t: 5', 'Content Length: 5', 'Content-Length\0: 5', 'Content-Length 5'].map(
    (line) => refused('length', `the field ${JSON.stringify(line)}`, 400, post([line], 'hello')),
  ),
  ...(
    [
      ['5', '5'],
      ['5', '6'],
      ['0', '5'],
      ['5', ''],
      ['', '5'],
      ['5', 'x'],
    ] as const
  ).map(([first, second]) =>
    refused(
      'CL.CL',
      `lengths ${JSON.stringify(first)} and ${JSON.stringify(second)}`,
      400,
      post([`Content-Length: ${first}`, `Content-Length: ${second}`], 'hello'),
    ),
  ),
  refused(
    'CL.CL',
    'a second length at the end of the head',
    400,
    post(['Content-Length: 5', 'X: y', 'content-length: 5'], 'hello'),
  ),
  ...['X-Content-Length: 5', 'Content-Lengths: 5', 'ContentLength: 5'].map((line) =>
    forwarded('length', `${line} frames nothing`, `${get(line)}${hidden}`, head('GET / HTTP/1.1', host, line), hidden),
  ),
];

const both: readonly SmugglingCase[] = [
  ...['0', '4', '5', '999', '-1', 'x', ''].flatMap((length) =>
    ['chunked', 'Chunked', 'identity', 'xchunked', ''].flatMap((coding) => [
      refused(
        'CL.TE',
        `length ${JSON.stringify(length)}, then coding ${JSON.stringify(coding)}`,
        400,
        post([`Content-Length: ${length}`, `Transfer-Encoding: ${coding}`], `0\r\n\r\n${hidden}`),
      ),
      refused(
        'TE.CL',
        `coding ${JSON.stringify(coding)}, then length ${JSON.stringify(length)}`,
        400,
        post([`Transfer-Encoding: ${coding}`, `Content-Length: ${length}`], `0\r\n\r\n${hidden}`),
      ),
    ]),
  ),
  forwarded(
    'CL.TE',
    'a length within a chunk is data',
    chunked(`10\r\nContent-Length:x\r\n0\r\n\r\n`),
    plainChunks('Content-Length:x'),
  ),
];

export const fieldCases: readonly SmugglingCase[] = [...lines, ...underscores, ...codings, ...lengths, ...both];
