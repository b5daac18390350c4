/**
 * The laws of the request reader beyond the smuggling corpus: what a head becomes, limits, idleness, the end.
 */
import { describe, expect, test } from 'vitest';
import type { RequestHead } from '../../src/protocols/http/message.ts';
import { RequestReader } from '../../src/protocols/http1/request-reader.ts';
import { readRequests, Recorder } from './http1-recorder.ts';
import { bytesOf } from './http1-smuggling-corpus.ts';

const lines = (...all: readonly string[]) => `${all.join('\r\n')}\r\n\r\n`;

function headOf(text: string): RequestHead {
  const { told } = readRequests(bytesOf(text), [], false);
  const [first] = told;
  if (first?.type !== 'request') throw new Error(JSON.stringify(told));
  return first.head;
}

describe('what a head becomes', () => {
  test('H01: everything about routing, framing and the connection is a part of its own, the rest are fields in order', () => {
    const text = lines(
      'PUT /a%20b?c=d HTTP/1.1',
      'X-First: 1',
      'host: A.example:8080',
      'Content-Length: 12',
      'expect: 100-Continue',
      'TE: gzip;q=0.5, Trailers',
      'connection: keep-alive, TE',
      'x-LAST:  two words\t',
    );
    expect(headOf(text)).toEqual({
      method: 'PUT',
      target: '/a%20b?c=d',
      version: '1.1',
      authority: 'A.example:8080',
      fields: ['X-First', '1', 'x-LAST', 'two words'],
      body: { kind: 'length', bytes: 12 },
      expectsContinue: true,
      upgrade: null,
      acceptsTrailers: true,
      isPersistent: true,
    });
  });

  test.each([
    ['1.1', [], true],
    ['1.1', ['Connection: close'], false],
    ['1.1', ['Connection: x, CLOSE'], false],
    ['1.1', ['Connection: close, keep-alive'], false],
    ['1.0', [], false],
    ['1.0', ['Connection: Keep-Alive'], true],
    ['1.0', ['Connection: x , keep-alive'], true],
    ['1.0', ['Connection: keep-alive', 'Connection: close'], false],
  ])('HTTP/%s with %j: the connection persists: %j', (version, more, isPersistent) => {
    expect(headOf(lines(`GET / HTTP/${version}`, 'Host: a', ...more)).isPersistent).toBe(isPersistent);
  });

  test.each([
    ['TE: trailers', true],
    ['TE: x, TRAILERS', true],
    ['TE: trailers;q=1', false],
    ['TE: xtrailers', false],
    ['Trailer: trailers', false],
  ])('%s: trailers are taken: %j', (line, acceptsTrailers) => {
    expect(headOf(lines('GET / HTTP/1.1', 'Host: a', line)).acceptsTrailers).toBe(acceptsTrailers);
  });
});

describe('pipelined requests and idleness', () => {
  const two = lines('GET /1 HTTP/1.1', 'Host: a') + lines('GET /2 HTTP/1.1', 'Host: a');

  test('a reader stops after each message, and is idle there', () => {
    const recorder = new Recorder();
    const reader = new RequestReader(recorder);
    const bytes = bytesOf(two);
    expect(reader.isIdle).toBe(true);
    const used = reader.read(bytes, 0);
    expect([used, reader.isIdle, recorder.told.length]).toEqual([two.length / 2, true, 2]);
    expect(reader.read(bytes, used)).toBe(two.length);
    expect(recorder.told.map(({ type }) => type)).toEqual(['request', 'ended', 'request', 'ended']);
  });

  test('it is idle when the end is told, and not before', () => {
    const idle: boolean[] = [];
    const note = () => idle.push(reader.isIdle);
    const reader = new RequestReader({ requestHead: note, body: note, ended: note, malformed: note });
    reader.read(bytesOf(`${lines('POST / HTTP/1.1', 'Host: a', 'Content-Length: 2')}ab`), 0);
    expect(idle).toEqual([false, false, true]);
  });

  test('an empty line before a request leaves it idle, FIN there is an end, and there is only one', () => {
    const recorder = new Recorder();
    const reader = new RequestReader(recorder);
    // Half of an empty line belongs to no message either.
    reader.read(bytesOf('\r'), 0);
    expect(reader.isIdle).toBe(true);
    reader.read(bytesOf('\n'), 0);
    expect(reader.isIdle).toBe(true);
    reader.end();
    expect(recorder.told).toEqual([]);
    reader.read(bytesOf('\r'), 0);
    expect(recorder.told.map(({ type }) => type)).toEqual(['malformed']);
  });

  test('an empty line is skipped before each request', () => {
    const one = `\r\n${lines('GET / HTTP/1.1', 'Host: a')}`;
    expect(readRequests(bytesOf(one.repeat(3)), [], true).told.map(({ type }) => type)).toEqual(
      Array.from({ length: 3 }, () => ['request', 'ended']).flat(),
    );
  });

  test('FIN between messages says nothing; after a malformed one neither does anything else', () => {
    const recorder = new Recorder();
    const reader = new RequestReader(recorder);
    reader.end();
    reader.read(bytesOf(' '), 0);
    reader.end();
    expect(reader.read(bytesOf(two), 0)).toBe(two.length);
    expect(recorder.told.map(({ type }) => type)).toEqual(['malformed']);
    expect(reader.isIdle).toBe(false);
  });

  test('a request of any Uint8Array is read like one of a Buffer', () => {
    const recorder = new Recorder();
    const bytes = new Uint8Array([0, 0, ...bytesOf(two)]).subarray(2);
    new RequestReader(recorder).read(bytes, 0);
    expect(recorder.told.length).toBe(2);
  });

  test('two readers that take turns do not see each other', () => {
    const texts = ['X', 'Longer'].map((name) =>
      lines('GET / HTTP/1.1', 'Host: a', ...Array.from({ length: 20 }, (_, index) => `${name}-${index}: ${name}`)),
    );
    const recorders = texts.map(() => new Recorder());
    const readers = recorders.map((recorder) => new RequestReader(recorder));
    for (let at = 0; at < Math.max(...texts.map(({ length }) => length)); at += 7) {
      for (const [index, text] of texts.entries()) readers[index]?.read(bytesOf(text.slice(at, at + 7)), 0);
    }
    for (const [index, recorder] of recorders.entries())
      expect(recorder.told).toEqual(readRequests(bytesOf(texts[index] ?? ''), [], false).told);
  });
});

describe('oversized head: memory is bounded', () => {
  const limits = { headBytesMax: 100, fieldsMax: 3 };
  const start = 'GET / HTTP/1.1\r\nHost: a\r\n';
  const statusOf = (text: string) => {
    const last = readRequests(bytesOf(text), [], false, limits).told.at(-1);
    return last?.type === 'malformed' ? last.problem.status : last?.type;
  };

  test('a head has as many bytes as the limit says, and not one more', () => {
    const fill = (bytes: number) => `${start}X: ${'y'.repeat(bytes - start.length - 7)}\r\n\r\n`;
    expect([fill(100).length, statusOf(fill(100)), statusOf(fill(101))]).toEqual([100, 'ended', 431]);
  });

  test('as many fields, and not one more', () => {
    expect(statusOf(`${start}X: 1\r\nX: 2\r\n\r\n`)).toBe('ended');
    expect(statusOf(`${start}X: 1\r\nX: 2\r\nX: 3\r\n\r\n`)).toBe(431);
  });

  test('a first line that is too long is 414, wherever it is cut', () => {
    const text = `GET /${'x'.repeat(200)} HTTP/1.1\r\n\r\n`;
    expect(statusOf(text)).toBe(414);
    expect(statusOf(text.slice(0, 100))).toBe(414);
    expect(statusOf(text.slice(0, 99))).toBe(undefined);
  });

  test('more fields than usual may be allowed', () => {
    const many = lines('GET / HTTP/1.1', 'Host: a', ...Array.from({ length: 400 }, (_, index) => `X-${index}: y`));
    const wide = { headBytesMax: 32_768, fieldsMax: 500 };
    for (const cuts of [[], [2_000]])
      expect(readRequests(bytesOf(many), cuts, false, wide).told.at(-1)?.type).toBe('ended');
    // A reader with the usual limits is none the worse for it.
    expect(readRequests(bytesOf(many), [], false).told.at(-1)?.type).toBe('malformed');
  });
});
