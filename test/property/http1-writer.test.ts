/**
 * What is written is read back as it was; what may not be in a head is never written.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProxyError } from '../../src/errors.ts';
import {
  type Body,
  bodyUntilClose,
  noBody,
  noFields,
  type RequestHead,
  type ResponseHead,
  streamBody,
} from '../../src/protocols/http/message.ts';
import {
  chunk,
  chunkEnd,
  chunkHead,
  lastChunk,
  requestBytes,
  requestHeadBytes,
  responseBytes,
  responseHeadBytes,
} from '../../src/protocols/http1/writer.ts';
import { runs, seed } from '../support/fuzz.ts';
import { readRequests, readResponses } from './http1-recorder.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

const request: RequestHead = {
  method: 'GET',
  target: '/',
  version: '1.1',
  authority: 'a.example',
  fields: noFields,
  body: noBody,
  expectsContinue: false,
  upgrade: null,
  acceptsTrailers: false,
  isPersistent: true,
};
const response: ResponseHead = {
  status: 200,
  version: '1.1',
  reason: 'OK',
  fields: noFields,
  body: noBody,
  upgrade: null,
  announcedBytes: null,
  isPersistent: true,
};
const kept = { keepAlive: true } as const;
const toGet = { clientVersion: '1.1', keepAlive: true, method: 'GET' } as const;

const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,15}$/);
const value = fc.stringMatching(/^(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,30}[!-~\x80-\xff])?)?$/);
const fields = fc
  .array(
    fc.tuple(
      token.map((name) => `x-${name.replaceAll('_', '.')}`),
      value,
    ),
    { maxLength: 8 },
  )
  .map((pairs) => pairs.flat());
const bodyBytes = fc.uint8Array({ minLength: 1, maxLength: 60 });

const requests: fc.Arbitrary<RequestHead> = fc
  .record({
    method: token.filter((method) => !/^(?:connect|trace)$/i.test(method)),
    target: fc.stringMatching(/^\/[!"$-~]{0,30}$/),
    authority: fc.constantFrom('a', 'a.example:80', '[::1]:8080', 'A_b.'),
    fields,
    body: fc.oneof(
      fc.constant<Body>(noBody),
      fc.constant<Body>(streamBody),
      fc.nat({ max: 60 }).map((bytes): Body => ({ kind: 'length', bytes })),
    ),
    upgrade: fc.constantFrom('websocket', null),
    acceptsTrailers: fc.boolean(),
    isPersistent: fc.boolean(),
    wantsContinue: fc.boolean(),
  })
  .map(({ wantsContinue, upgrade, isPersistent, ...head }) => {
    const hasBody = head.body.kind === 'stream' || (head.body.kind === 'length' && head.body.bytes > 0);
    const offered = head.body.kind === 'none' ? upgrade : null;
    return {
      ...head,
      version: '1.1',
      expectsContinue: wantsContinue && hasBody,
      upgrade: offered,
      isPersistent: isPersistent || offered !== null,
    };
  });

describe('a round trip', () => {
  test('a request is read back as it was written', () => {
    const property = fc.property(requests, bodyBytes, fields, (head, bytes, trailers) => {
      const length = head.body.kind === 'length' ? head.body.bytes : bytes.length;
      const body = head.body.kind === 'none' ? Buffer.alloc(0) : Buffer.alloc(length, bytes);
      const sent = head.body.kind === 'stream' ? trailers : noFields;
      const text = body.toString('latin1');
      const written = requestBytes(head, { keepAlive: head.isPersistent }, body, sent);
      const { told, rest } = readRequests(written, [], true);
      expect(rest).toBe('');
      expect(told).toEqual([
        { type: 'request', head },
        ...(text === '' ? [] : [{ type: 'body', text }]),
        { type: 'ended', trailers: sent },
      ]);
    });
    fc.assert(property, settings(500));
  });

  test('a response is read back as it was written', () => {
    const heads = fc.record({
      status: fc.integer({ min: 200, max: 599 }),
      reason: value,
      fields,
      body: fc.constantFrom<Body>(streamBody, { kind: 'length', bytes: 0 }, { kind: 'length', bytes: 60 }),
      method: fc.constantFrom('GET', 'HEAD', 'POST'),
      announced: fc.option(fc.nat({ max: 999_999_999_999_999 }), { nil: null }),
      isPersistent: fc.boolean(),
    });
    const property = fc.property(heads, fields, ({ method, announced, ...parts }, trailers) => {
      const isSilent = method === 'HEAD' || parts.status === 204 || parts.status === 304;
      const announcedBytes = isSilent && parts.status !== 204 ? announced : null;
      const head: ResponseHead = {
        ...parts,
        version: '1.1',
        upgrade: null,
        announcedBytes,
        body: isSilent ? noBody : parts.body,
      };
      const length = head.body.kind === 'length' ? head.body.bytes : head.body.kind === 'stream' ? 10 : 0;
      const sent = head.body.kind === 'stream' ? trailers : noFields;
      const written = responseBytes(
        head,
        { clientVersion: '1.1', keepAlive: head.isPersistent, method },
        Buffer.alloc(length, 'x'),
        sent,
      );
      const { told } = readResponses(written, [], true, [method]);
      expect(told).toEqual([
        { type: 'response', head },
        ...(length === 0 ? [] : [{ type: 'body', text: 'x'.repeat(length) }]),
        { type: 'ended', trailers: sent },
      ]);
    });
    fc.assert(property, settings(500));
  });

  test('head, chunks and end are the same in one piece and in several', () => {
    const head = { ...request, method: 'POST', body: streamBody };
    const body = Buffer.from('hello');
    const pieces = [requestHeadBytes(head, kept), chunkHead(5), body, chunkEnd, lastChunk(['X', 'y'])];
    expect(requestBytes(head, kept, body, ['X', 'y'])).toEqual(Buffer.concat(pieces));
    expect(Buffer.concat([chunkHead(5), body, chunkEnd])).toEqual(chunk(body));
    expect(requestBytes(head, kept, body, null)).toEqual(Buffer.concat(pieces.slice(0, 4)));
    expect(requestBytes(head, kept, null, null)).toEqual(pieces[0]);
    expect(requestBytes(head, kept, null, [])).toEqual(Buffer.concat([requestHeadBytes(head, kept), lastChunk([])]));
    expect(chunk(Buffer.alloc(0))).toHaveLength(0);
  });
});

describe('what the writer alone decides', () => {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

  test('a request says HTTP/1.1 and Host, and close where it is to be the last', () => {
    expect(text(requestHeadBytes({ ...request, version: '2', authority: 'b:1' }, { keepAlive: false }))).toBe(
      'GET / HTTP/1.1\r\nHost: b:1\r\nConnection: close\r\n\r\n',
    );
    expect(
      text(requestHeadBytes({ ...request, acceptsTrailers: true, upgrade: 'websocket' }, { keepAlive: false })),
    ).toBe(
      'GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\nTE: trailers\r\nConnection: upgrade, TE\r\n\r\n',
    );
  });

  test.each([
    ['a body of unknown length, to HTTP/1.1', { body: streamBody }, toGet, 'Transfer-Encoding: chunked\r\n'],
    ['a body until close, to HTTP/1.1', { body: bodyUntilClose }, toGet, 'Transfer-Encoding: chunked\r\n'],
    [
      'a body of unknown length, to HTTP/1.0',
      { body: streamBody },
      { ...toGet, clientVersion: '1.0' },
      'Connection: close\r\n',
    ],
    [
      'a body until close, to HTTP/1.0',
      { body: bodyUntilClose },
      { ...toGet, clientVersion: '1.0' },
      'Connection: close\r\n',
    ],
    [
      'a length, to HTTP/1.0',
      { body: { kind: 'length', bytes: 5 } },
      { ...toGet, clientVersion: '1.0' },
      'Content-Length: 5\r\nConnection: keep-alive\r\n',
    ],
    ['no body', {}, toGet, 'Content-Length: 0\r\n'],
    ['no body, to HEAD', {}, { ...toGet, method: 'HEAD' }, ''],
    ['an announced length, to HEAD', { announcedBytes: 5 }, { ...toGet, method: 'HEAD' }, 'Content-Length: 5\r\n'],
    [
      'a length, to HEAD',
      { body: { kind: 'length', bytes: 5 } },
      { ...toGet, method: 'HEAD' },
      'Content-Length: 5\r\n',
    ],
    ['a stream, to HEAD', { body: streamBody }, { ...toGet, method: 'HEAD' }, ''],
    ['the last response', {}, { ...toGet, keepAlive: false }, 'Content-Length: 0\r\nConnection: close\r\n'],
  ] as const)('%s', (_name, parts, writing, lines) => {
    expect(text(responseHeadBytes({ ...response, ...parts }, writing))).toBe(`HTTP/1.1 200 OK\r\n${lines}\r\n`);
  });

  test('204 and 304 announce no body, interim responses and 101 say nothing about framing', () => {
    expect(text(responseHeadBytes({ ...response, status: 204, reason: '' }, toGet))).toBe('HTTP/1.1 204 \r\n\r\n');
    expect(text(responseHeadBytes({ ...response, status: 204, body: { kind: 'length', bytes: 0 } }, toGet))).toBe(
      'HTTP/1.1 204 OK\r\n\r\n',
    );
    expect(text(responseHeadBytes({ ...response, status: 304, announcedBytes: 7 }, toGet))).toBe(
      'HTTP/1.1 304 OK\r\nContent-Length: 7\r\n\r\n',
    );
    expect(text(responseHeadBytes({ ...response, status: 103 }, { ...toGet, keepAlive: false }))).toBe(
      'HTTP/1.1 103 OK\r\n\r\n',
    );
    expect(text(responseHeadBytes({ ...response, status: 101, upgrade: 'websocket' }, toGet))).toBe(
      'HTTP/1.1 101 OK\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    );
  });

  test('no body is written where none may follow', () => {
    expect(text(responseBytes({ ...response, body: streamBody }, { ...toGet, method: 'HEAD' }, null, []))).toBe(
      'HTTP/1.1 200 OK\r\n\r\n',
    );
  });
});

describe('h2 to h1 downgrade: what may not be in a head is never written', () => {
  const bad = [
    '\r\n',
    '\r',
    '\n',
    '\0',
    '\x0b',
    '\x7f',
    '\u010a',
    '\u010d',
    '\u0100',
    '\r\nTransfer-Encoding: chunked',
  ];
  const places: readonly (readonly [string, (text: string) => unknown])[] = [
    ['a method', (text) => requestHeadBytes({ ...request, method: `G${text}` }, kept)],
    ['a target', (text) => requestHeadBytes({ ...request, target: `/${text}` }, kept)],
    ['an authority', (text) => requestHeadBytes({ ...request, authority: `a${text}` }, kept)],
    ['a name', (text) => requestHeadBytes({ ...request, fields: [`X${text}`, 'y'] }, kept)],
    ['a value', (text) => requestHeadBytes({ ...request, fields: ['X', `y${text}`] }, kept)],
    ['an upgrade', (text) => requestHeadBytes({ ...request, upgrade: `w${text}` }, kept)],
    ['a reason', (text) => responseHeadBytes({ ...response, reason: `O${text}` }, toGet)],
    ['a value of a response', (text) => responseHeadBytes({ ...response, fields: ['X', `y${text}`] }, toGet)],
    ['a trailer', (text) => lastChunk(['X', `y${text}`])],
    ['a trailer in one piece', (text) => requestBytes({ ...request, body: streamBody }, kept, null, ['X', `y${text}`])],
  ];

  test.each(places)('no control byte in %s', (_name, write) => {
    for (const text of bad) expect(() => write(text), `with ${JSON.stringify(text)}`).toThrow(ProxyError);
    expect(() => write('~')).not.toThrow();
  });

  test.each([
    'Host',
    'content-length',
    'Transfer-Encoding',
    'CONNECTION',
    'Keep-Alive',
    'TE',
    'upgrade',
    'Expect',
    'Proxy-Connection',
    'HTTP2-Settings',
    '',
  ])('no field %j, which a part of the head stands for', (name) => {
    expect(() => requestHeadBytes({ ...request, fields: ['X', 'y', name, '1'] }, kept)).toThrow(ProxyError);
    expect(() => responseHeadBytes({ ...response, fields: [name, '1'] }, toGet)).toThrow(ProxyError);
    expect(() => lastChunk([name, '1'])).toThrow(ProxyError);
  });

  test('no second blank in a request line, no odd status, no odd length, no empty chunk', () => {
    for (const parts of [
      { method: 'GET /x' },
      { target: '/ HTTP/1.1' },
      { target: '' },
      { body: { kind: 'length', bytes: -1 } as const },
      { body: { kind: 'length', bytes: 0.5 } as const },
    ])
      expect(() => requestHeadBytes({ ...request, ...parts }, kept)).toThrow(ProxyError);
    for (const status of [99, 1_000, 200.5, Number.NaN])
      expect(() => responseHeadBytes({ ...response, status }, toGet)).toThrow(ProxyError);
    expect(() => chunkHead(0)).toThrow(ProxyError);
  });
});
