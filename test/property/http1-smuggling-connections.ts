/**
 * The smuggling corpus, part four: Connection and what it nominates, upgrades, expectations.
 */
import type { SmugglingCase } from './http1-smuggling-corpus.ts';
import { forwarded, get, head, host, plainChunks, plainGet, post, refused } from './http1-smuggling-cases.ts';

const secret = 'Authorization: Basic eA==';
const nominated = (option: string, ...lines: readonly string[]) =>
  head('GET / HTTP/1.1', host, ...lines, `Connection: ${option}`);
export const connectionCases: readonly SmugglingCase[] = [
  ...['Authorization', 'authorization', 'AUTHORIZATION', 'close, Authorization', 'Authorization , keep-alive'].map(
    (option) =>
      forwarded(
        'connection',
        `${option} does not take the credentials away`,
        nominated(option, secret),
        head('GET / HTTP/1.1', host, secret),
      ),
  ),
  ...[
    'Cookie: a=b',
    'X-Forwarded-For: 192.0.2.1',
    'X-Forwarded-Host: a.example',
    'Forwarded: for=192.0.2.1',
    'X-Real-IP: 192.0.2.1',
    'Via: 1.1 other',
    'Cache-Control: no-store',
    'Content-Type: text/plain',
    'Origin: https://a.example',
    'If-Match: "x"',
    'Sec-Fetch-Site: cross-site',
  ].map((line) =>
    forwarded(
      'connection',
      `a nomination does not take ${line} away`,
      nominated(line.split(':')[0] ?? '', line),
      head('GET / HTTP/1.1', host, line),
    ),
  ),
  ...['X', 'x', 'keep-alive, X', 'X, X', ',X,', '\tX\t'].map((option) =>
    forwarded(
      'connection',
      `${JSON.stringify(option)} takes X away`,
      nominated(option, 'X: 1', 'Y: 2', 'x: 3'),
      head('GET / HTTP/1.1', host, 'Y: 2'),
    ),
  ),
  forwarded(
    'connection',
    'a nomination before the field',
    head('GET / HTTP/1.1', 'Connection: X', host, 'X: 1'),
    plainGet,
  ),
  forwarded(
    'connection',
    'nominations in several fields',
    head('GET / HTTP/1.1', host, 'Connection: X', 'X: 1', 'Y: 2', 'connection: Y'),
    plainGet,
  ),
  ...['Host', 'Content-Length', 'Transfer-Encoding'].map((option) =>
    forwarded(
      'connection',
      `${option} is not taken away`,
      post(['Content-Length: 5', `Connection: ${option}`], 'hello'),
      `${head('POST / HTTP/1.1', host, 'Content-Length: 5')}hello`,
    ),
  ),
  forwarded(
    'connection',
    'a nominated Transfer-Encoding frames on',
    post(['Transfer-Encoding: chunked', 'Connection: Transfer-Encoding'], '0\r\n\r\n'),
    plainChunks(''),
  ),
  ...['"X"', 'X;', 'X Y', 'X=1', 'X\xe4', 'close;', '(x)', 'a/b'].map((option) =>
    refused('connection', `the option ${JSON.stringify(option)}`, 400, nominated(option)),
  ),
  ...[
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'HTTP2-Settings: AAMAAABk',
    'TE: gzip',
    'Upgrade: h2c',
    'Connection:',
    'Connection: ,',
  ].map((line) => forwarded('connection', `${line} is not passed on`, get(line), plainGet)),
  forwarded(
    'upgrade',
    'h2c is offered and told',
    head('GET / HTTP/1.1', host, 'Connection: upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk'),
    head('GET / HTTP/1.1', host, 'Upgrade: h2c', 'Connection: upgrade'),
  ),
  forwarded(
    'upgrade',
    'websocket is offered and told',
    head('GET / HTTP/1.1', host, 'Connection: keep-alive, Upgrade', 'Upgrade: WebSocket'),
    head('GET / HTTP/1.1', host, 'Upgrade: websocket', 'Connection: upgrade'),
  ),
  ...[
    ['two offers', ['Connection: upgrade', 'Upgrade: websocket, h2c']],
    ['two fields', ['Connection: upgrade', 'Upgrade: websocket', 'Upgrade: h2c']],
    ['a version', ['Connection: upgrade', 'Upgrade: websocket/13']],
    ['no offer', ['Connection: upgrade']],
    ['an empty offer', ['Connection: upgrade', 'Upgrade:']],
    ['no nomination', ['Upgrade: websocket']],
  ].map(([name, lines]) =>
    forwarded(
      'upgrade',
      `${String(name)} is no upgrade`,
      head('GET / HTTP/1.1', host, ...(Array.isArray(lines) ? lines : [])),
      plainGet,
    ),
  ),
  forwarded(
    'upgrade',
    'an offer with HTTP/1.0 is none',
    head('GET / HTTP/1.0', host, 'Connection: upgrade', 'Upgrade: websocket'),
    plainGet,
  ),
  forwarded(
    'upgrade',
    'an offer with a body is none',
    `${head('GET / HTTP/1.1', host, 'Content-Length: 5', 'Connection: upgrade', 'Upgrade: websocket')}hello`,
    `${head('GET / HTTP/1.1', host, 'Content-Length: 5')}hello`,
  ),
  ...[
    '100-Continue2',
    '100-continue, 100-continue',
    '100-continue;x',
    '',
    'x',
    '"100-continue"',
    '101-continue',
    '100',
  ].map((value) =>
    refused(
      'expect',
      `the expectation ${JSON.stringify(value)}`,
      417,
      post([`Expect: ${value}`, 'Content-Length: 5'], 'hello'),
    ),
  ),
  refused(
    'expect',
    'two expectations',
    417,
    post(['Expect: 100-continue', 'Expect: 100-continue', 'Content-Length: 5'], 'hello'),
  ),
  refused('expect', 'another expectation without a body', 417, get('Expect: x')),
  ...['100-continue', '100-Continue', ' 100-CONTINUE '].map((value) =>
    forwarded(
      'expect',
      `the expectation ${JSON.stringify(value)}`,
      post([`Expect: ${value}`, 'Content-Length: 5'], 'hello'),
      `${head('POST / HTTP/1.1', host, 'Content-Length: 5', 'Expect: 100-continue')}hello`,
    ),
  ),
  forwarded('expect', 'without a body nothing is expected', get('Expect: 100-continue'), plainGet),
  forwarded(
    'expect',
    'with HTTP/1.0 nothing is expected',
    `${head('POST / HTTP/1.0', host, 'Expect: 100-continue', 'Content-Length: 5')}hello`,
    `${head('POST / HTTP/1.1', host, 'Content-Length: 5')}hello`,
  ),
];
