/**
 * Heads of HTTP/2: whatever list of names and values comes, what becomes of it can be written as HTTP/1.1 and be read the
 * same way; and what is written to HTTP/2 holds nothing that node:http2 would take apart differently.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readRequestHead } from '../../src/io/http/http2-request-head.ts';
import { readResponseHead, requestHeaders, responseHeaders } from '../../src/io/http/http2-response-head.ts';
import { outgoing, readTrailers } from '../../src/io/http/http2-fields.ts';
import { defaultHttpLimits } from '../../src/protocols/http1/reader.ts';
import { authorityProblem, fieldsProblem, methodProblem, targetProblem } from '../../src/protocols/http/validate.ts';
import { noBody, type RequestHead } from '../../src/protocols/http/message.ts';
import { seed, runs } from '../support/fuzz.ts';

const odd = fc.string({ unit: fc.constantFrom(...' \t\r\n\0:;,=/_-aA0é'.split(''), 'x', 'y'), maxLength: 8 });
const special = fc.constantFrom(
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'upgrade',
  'te',
  'expect',
  'cookie',
  'keep-alive',
  'x-forwarded_for',
  'sec-websocket-key',
  ':method',
  ':path',
  ':protocol',
  ':status',
);
const value = fc.oneof(
  odd,
  fc.constantFrom('trailers', '100-continue', '5', '0', 'chunked', 'a.test', 'websocket', '/'),
);
const line = fc.tuple(fc.oneof(odd, special), value);
const plain = ['GET', 'POST', 'HEAD', 'OPTIONS', 'CONNECT', 'TRACE', 'get'];

const request = fc
  .record({
    method: fc.oneof(fc.constantFrom(...plain), odd),
    path: fc.oneof(fc.constantFrom('/', '/a?b', '*', '/ x', 'a', '/#'), odd),
    scheme: fc.constantFrom('http', 'https', 'ftp', ''),
    authority: fc.oneof(fc.constantFrom('a.test', 'a.test:80', '[::1]', 'u@a', 'a.test:99999'), odd),
    lines: fc.array(line, { maxLength: 6 }),
  })
  .map(({ method, path, scheme, authority, lines }) => [
    ':method',
    method,
    ':path',
    path,
    ':scheme',
    scheme,
    ':authority',
    authority,
    ...lines.flat(),
  ]);

const plainRequest = [':method', 'GET', ':path', '/', ':scheme', 'http', ':authority', 'a.test'];

describe('request heads', () => {
  test('what is not refused is clean: method, target, authority and every field', () => {
    let clean = 0;
    fc.assert(
      fc.property(request, fc.boolean(), (raw, isComplete) => {
        const read = readRequestHead(raw, isComplete, defaultHttpLimits);
        if ('problem' in read) {
          expect(read.problem.status).toBeGreaterThanOrEqual(400);
          return;
        }
        clean += 1;
        const { head } = read;
        expect(methodProblem(head.method)).toBe(null);
        expect(targetProblem(head.method, head.target)).toBe(null);
        expect(authorityProblem(head.authority)).toBe(null);
        expect(fieldsProblem(head.fields)).toBe(null);
        if (isComplete) expect(head.body.kind).toBe('none');
        for (let index = 0; index < head.fields.length; index += 2) {
          expect(head.fields[index]).toBe(head.fields[index]?.toLowerCase());
        }
      }),
      { seed: seed(), numRuns: runs(2_000), examples: [[plainRequest, true]] },
    );
    expect(clean).toBeGreaterThan(0);
  });

  const start = [':method', 'POST', ':path', '/', ':scheme', 'http', ':authority', 'a.test'];

  test.each([
    ['a pseudo-header behind a field', ['x', 'y', ...start], 400],
    ['the same pseudo-header twice', [...start, ':path', '/b'], 400],
    [':status', [...start, ':status', '200'], 400],
    ['no method', start.slice(2), 400],
    ['no authority', start.slice(0, 6), 400],
    ['two Hosts', [...start, 'host', 'a.test', 'host', 'a.test'], 400],
    ['another Host', [...start, 'host', 'b.test'], 400],
    ['a line end in a value', [...start, 'x', 'a\r\nb: c'], 400],
    ['NUL in a name', [...start, 'x\0', 'a'], 400],
    ['a capital', [...start, 'X', 'a'], 400],
    ['blanks around a value', [...start, 'x', ' a'], 400],
    ['Connection', [...start, 'connection', 'x'], 400],
    ['Upgrade', [...start, 'upgrade', 'websocket'], 400],
    ['TE: gzip', [...start, 'te', 'gzip'], 400],
    ['a length twice', [...start, 'content-length', '1', 'content-length', '1'], 400],
    ['a length with a sign', [...start, 'content-length', '+1'], 400],
    ['a length of sixteen digits', [...start, 'content-length', '1'.repeat(16)], 400],
    ['a shadow of a field of the proxy', [...start, 'x_forwarded_for', '1'], 400],
    ['another expectation', [...start, 'expect', 'x'], 417],
    ['CONNECT', [':method', 'CONNECT', ...start.slice(2)], 405],
    ['trace', [':method', 'trace', ...start.slice(2)], 405],
    [':protocol without CONNECT', [...start, ':protocol', 'websocket'], 400],
    ['another protocol', [':method', 'CONNECT', ...start.slice(2), ':protocol', 'tcp'], 501],
    ['a path of 33 KiB', [...start.slice(0, 2), ':path', `/${'x'.repeat(33_000)}`, ...start.slice(4)], 414],
    ['33 KiB of fields', [...start, 'x', 'y'.repeat(33_000)], 431],
    ['101 fields', [...start, ...Array.from({ length: 101 }, () => ['x', 'y']).flat()], 431],
  ])('%s is refused', (_name, raw, status) => {
    const read = readRequestHead(raw, false, defaultHttpLimits);
    expect('problem' in read ? read.problem.status : null).toBe(status);
  });

  test('a length that no body follows is refused', () => {
    expect('problem' in readRequestHead([...start, 'content-length', '1'], true, defaultHttpLimits)).toBe(true);
    expect('problem' in readRequestHead([...start, 'content-length', '0'], true, defaultHttpLimits)).toBe(false);
  });

  test('M04: an extended CONNECT for a WebSocket is what GET with Upgrade is in HTTP/1.1', () => {
    const raw = [':method', 'CONNECT', ...start.slice(2), ':protocol', 'websocket', 'sec-websocket-version', '13'];
    expect(readRequestHead(raw, false, defaultHttpLimits)).toMatchObject({
      head: {
        method: 'GET',
        upgrade: 'websocket',
        body: noBody,
        fields: ['sec-websocket-version', '13', 'sec-websocket-key', expect.stringMatching(/^\S{22}==$/)],
      },
    });
  });
});

describe('response heads', () => {
  test('what is not refused is clean, and its body is what status and method allow', () => {
    const response = fc
      .tuple(fc.oneof(fc.constantFrom('200', '204', '304', '103', '101', '99', '600', '2e2'), odd), fc.array(line))
      .map(([status, lines]) => [':status', status, ...lines.flat()]);
    fc.assert(
      fc.property(response, fc.constantFrom('GET', 'HEAD'), fc.boolean(), (raw, method, isComplete) => {
        const read = readResponseHead(raw, method, isComplete);
        if ('problem' in read) {
          expect(read.problem.status).toBe(502);
          return;
        }
        const { head } = read;
        expect(head.status >= 100 && head.status < 600 && head.status !== 101).toBe(true);
        expect(fieldsProblem(head.fields)).toBe(null);
        const hasNone = isComplete || method === 'HEAD' || head.status < 200 || [204, 304].includes(head.status);
        expect(head.body.kind === 'none').toBe(hasNone);
      }),
      { seed: seed(), numRuns: runs(1_000) },
    );
  });

  test.each([
    ['no status', ['a', 'b']],
    ['two statuses', [':status', '200', ':status', '200']],
    ['another pseudo-header', [':status', '200', ':path', '/']],
    ['101', [':status', '101']],
    ['two lengths', [':status', '200', 'content-length', '1', 'content-length', '1']],
    ['a length that is none', [':status', '200', 'content-length', '1x']],
    ['a line end in a value', [':status', '200', 'x', 'a\r\n\r\nb']],
    ['Transfer-Encoding', [':status', '200', 'transfer-encoding', 'chunked']],
  ])('a response with %s is refused', (_name, raw) => {
    expect('problem' in readResponseHead(raw, 'GET', false)).toBe(true);
  });
});

describe('what is written', () => {
  test('no name or value has a character that ends a line or a field, and nothing holds a connection', () => {
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        for (const [name, values] of Object.entries(outgoing(lines.flat()))) {
          expect(name).toMatch(/^[a-z0-9!#$%&'*+.^_`|~-]+$/);
          expect(['connection', 'upgrade', 'transfer-encoding', 'host', 'content-length']).not.toContain(name);
          for (const one of [values].flat()) expect(/[\r\n\0]/.test(String(one))).toBe(false);
        }
      }),
      { seed: seed(), numRuns: runs(500) },
    );
  });

  test('fields of one name keep their order, and names of one value go once', () => {
    const fields = ['Set-Cookie', 'a=1', 'ETag', '"x"', 'Set-Cookie', 'b=2', 'etag', '"y"'];
    expect({ ...outgoing(fields) }).toEqual({ 'set-cookie': ['a=1', 'b=2'], etag: '"x"' });
  });

  test('a request says where it goes by pseudo-headers, and its length by its body', () => {
    const head: RequestHead = {
      method: 'PUT',
      target: '/a?b',
      version: '1.1',
      authority: '',
      fields: ['Accept', '*/*'],
      body: { kind: 'length', bytes: 7 },
      expectsContinue: true,
      upgrade: null,
      acceptsTrailers: true,
      isPersistent: true,
    };
    expect({ ...requestHeaders(head, '127.0.0.1:80') }).toEqual({
      ':method': 'PUT',
      ':scheme': 'http',
      ':authority': '127.0.0.1:80',
      ':path': '/a?b',
      accept: '*/*',
      'content-length': '7',
      te: 'trailers',
      expect: '100-continue',
    });
  });

  test('the answer to HEAD says the length of what it would have been', () => {
    const head = {
      status: 200,
      version: '1.1',
      reason: 'OK',
      fields: [],
      body: noBody,
      upgrade: null,
      announcedBytes: 12,
      isPersistent: true,
    } as const;
    expect({ ...responseHeaders(head) }).toEqual({ ':status': 200, 'content-length': '12' });
  });

  test('trailers that frame or route are not clean, and those that only mean something before a body are dropped', () => {
    expect(readTrailers(['grpc-status', '0', 'authorization', 'x'])).toEqual(['grpc-status', '0']);
    expect(readTrailers(['client-cert', ':AAAA:', 'client-cert-chain', ':AAAA:'])).toEqual([]);
    expect(typeof readTrailers(['content-length', '0'])).toBe('string');
    expect(typeof readTrailers([':path', '/'])).toBe('string');
    expect(typeof readTrailers(['x', 'a\nb'])).toBe('string');
  });
});
