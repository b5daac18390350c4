/**
 * The laws of the response reader: framing by status, method and fields, and what is no clean response.
 */
import { describe, expect, test } from 'vitest';
import type { ResponseHead } from '../../src/protocols/http/message.ts';
import { ResponseReader } from '../../src/protocols/http1/response-reader.ts';
import { type Reading, readResponses, Recorder } from './http1-recorder.ts';
import { bytesOf } from './http1-smuggling-corpus.ts';

function answer(text: string, method = 'GET', isEnded = false): Reading {
  return readResponses(bytesOf(text), [], isEnded, [method]);
}

/** The final head. */
function headOf({ told }: Reading): ResponseHead {
  const found = told.find((event) => event.type === 'response');
  if (found?.type !== 'response') throw new Error(JSON.stringify(told));
  return found.head;
}

function typesOf({ told }: Reading): readonly string[] {
  return told.map(({ type }) => type);
}

const response = (...lines: readonly string[]) => `${lines.join('\r\n')}\r\n\r\n`;
const ok = 'HTTP/1.1 200 OK';

describe('how a body is framed', () => {
  test('by its length, and what follows belongs to the next response', () => {
    const reading = answer(`${response(ok, 'Content-Length: 5')}hello`);
    expect(headOf(reading)).toEqual({
      status: 200,
      version: '1.1',
      reason: 'OK',
      fields: [],
      body: { kind: 'length', bytes: 5 },
      upgrade: null,
      announcedBytes: null,
      isPersistent: true,
    });
    expect(typesOf(reading)).toEqual(['response', 'body', 'ended']);
  });

  test('in chunks, whose trailers are told', () => {
    const reading = answer(`${response(ok, 'transfer-encoding: Chunked')}5\r\nhello\r\n0\r\nX: y\r\n\r\n`);
    expect(headOf(reading).body).toEqual({ kind: 'stream' });
    expect(reading.told.slice(1)).toEqual([
      { type: 'body', text: 'hello' },
      { type: 'ended', trailers: ['X', 'y'] },
    ]);
  });

  test('until close where nothing is said, and then the connection is not used again', () => {
    const reading = answer(`${response(ok)}hello`, 'GET', true);
    expect(headOf(reading)).toMatchObject({ body: { kind: 'untilClose' }, isPersistent: false });
    expect(reading.told.slice(1)).toEqual([
      { type: 'body', text: 'hello' },
      { type: 'ended', trailers: [] },
    ]);
    expect(typesOf(answer(response(ok)))).toEqual(['response']);
  });

  test.each([
    ['HEAD', 'HTTP/1.1 200 OK', 5],
    ['GET', 'HTTP/1.1 304 Not Modified', 5],
    ['HEAD', 'HTTP/1.1 404 Not Found', 5],
  ])('a response to %s with %s has no body, and its length is only announced', (method, line, bytes) => {
    const reading = answer(response(line, `Content-Length: ${bytes}`), method);
    expect(headOf(reading)).toMatchObject({ body: { kind: 'none' }, announcedBytes: bytes, isPersistent: true });
    expect(typesOf(reading)).toEqual(['response', 'ended']);
  });

  test('chunks are announced to HEAD without being there', () => {
    const reading = answer(response(ok, 'Transfer-Encoding: chunked'), 'HEAD');
    expect(headOf(reading)).toMatchObject({ body: { kind: 'none' }, announcedBytes: null });
    expect(typesOf(reading)).toEqual(['response', 'ended']);
  });

  test('204 has no body, with a length of 0 or without one', () => {
    for (const lines of [[], ['Content-Length: 0']]) {
      const reading = answer(response('HTTP/1.1 204 No Content', ...lines));
      expect(headOf(reading)).toMatchObject({ body: { kind: 'none' }, announcedBytes: null, isPersistent: true });
    }
  });

  test.each(['HTTP/1.1 204 No Content', 'HTTP/1.1 100 Continue', 'HTTP/1.1 103 Early Hints'])(
    'a body announced with %s is malformed',
    (line) => {
      for (const field of ['Content-Length: 5', 'Transfer-Encoding: chunked'])
        expect(typesOf(answer(response(line, field)))).toEqual(['malformed']);
    },
  );
});

describe('backend: what is no clean response', () => {
  test.each([
    ['length and coding', response(ok, 'Content-Length: 5', 'Transfer-Encoding: chunked')],
    ['two lengths', response(ok, 'Content-Length: 5', 'Content-Length: 6')],
    ['the same length twice', response(ok, 'Content-Length: 5', 'Content-Length: 5')],
    ['a list of lengths', response(ok, 'Content-Length: 5, 5')],
    ['a length that is no number', response(ok, 'Content-Length: x')],
    ['another coding', response(ok, 'Transfer-Encoding: gzip')],
    ['a coding more', response(ok, 'Transfer-Encoding: gzip, chunked')],
    ['an empty coding', response(ok, 'Transfer-Encoding:')],
    ['a coding twice', response(ok, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked')],
    ['a coding with HTTP/1.0', response('HTTP/1.0 200 OK', 'Transfer-Encoding: chunked')],
    ['another version', response('HTTP/1.2 200 OK')],
    ['HTTP/2', response('HTTP/2 200')],
    ['HTTP/0.9', '<html>'],
    ['a status of two digits', response('HTTP/1.1 20')],
    ['a status of four digits', response('HTTP/1.1 2000')],
    ['a status below 100', response('HTTP/1.1 099 x')],
    ['a status of 600', response('HTTP/1.1 600 x')],
    ['a negative status', response('HTTP/1.1 -20 x')],
    ['two blanks before the status', response('HTTP/1.1  200 OK')],
    ['a tab before the status', response('HTTP/1.1\t200 OK')],
    ['a control byte in the reason', response('HTTP/1.1 200 O\0K')],
    ['LF alone', 'HTTP/1.1 200 OK\n\n'],
    ['CR alone', 'HTTP/1.1 200 OK\rX: y\r\n\r\n'],
    ['an empty line before it', `\r\n${response(ok)}`],
    ['a folded field', response(ok, 'X: y', ' z')],
    ['a blank before a colon', response(ok, 'X : y')],
    ['NUL in a value', response(ok, 'X: \0')],
    ['101 without a protocol', response('HTTP/1.1 101 Switching Protocols', 'Connection: upgrade')],
    ['101 without a nomination', response('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket')],
    ['101 with two protocols', response('HTTP/1.1 101 x', 'Connection: upgrade', 'Upgrade: a, b')],
    ['too many fields', response(ok, ...Array.from({ length: 101 }, (_, index) => `X-${index}: y`))],
    ['a head that is too long', response(ok, `X: ${'y'.repeat(33_000)}`)],
    ['a reason that is too long', `HTTP/1.1 200 ${'y'.repeat(33_000)}`],
  ])('%s is malformed with 502', (_name, text) => {
    const { told } = answer(text);
    expect(told).toMatchObject([{ type: 'malformed', problem: { status: 502 } }]);
  });

  test.each([
    ['a body', `${response(ok, 'Content-Length: 6')}hello`, ['response', 'body', 'malformed']],
    ['a chunk', `${response(ok, 'Transfer-Encoding: chunked')}6\r\nhello`, ['response', 'body', 'malformed']],
    ['the last chunk', `${response(ok, 'Transfer-Encoding: chunked')}0\r\n`, ['response', 'malformed']],
    ['a head', 'HTTP/1.1 200 OK\r\n', ['malformed']],
    ['an interim response', 'HTTP/1.1 100 x\r\n', ['malformed']],
    ['nothing, after an interim response', response('HTTP/1.1 100 x'), ['interim', 'malformed']],
  ])('FIN in the middle of %s is malformed, and says so', (_name, text, types) => {
    const reading = answer(text, 'GET', true);
    expect(typesOf(reading)).toEqual(types);
    expect(JSON.stringify(reading.told.at(-1))).toMatch(/"status":502,"detail":"the upstream ended in the middle/);
  });

  test('FIN instead of an answer is malformed; without a question it is an end', () => {
    expect(typesOf(answer('', 'GET', true))).toEqual(['malformed']);
    expect(readResponses(bytesOf(''), [], true, []).told).toEqual([]);
  });

  test('bytes that answer nothing are malformed, behind a response too', () => {
    expect(typesOf(readResponses(bytesOf(response(ok)), [], false, []))).toEqual(['malformed']);
    const two = `${response(ok, 'Content-Length: 0')}${response(ok, 'Content-Length: 0')}`;
    expect(typesOf(answer(two))).toEqual(['response', 'ended', 'malformed']);
    expect(typesOf(readResponses(bytesOf(two), [], false, ['GET', 'GET']))).toEqual([
      'response',
      'ended',
      'response',
      'ended',
    ]);
  });

  test('16 interim responses are told, one more is malformed', () => {
    const interim = response('HTTP/1.1 103 Early Hints');
    const told = answer(`${interim.repeat(16)}${response(ok, 'Content-Length: 0')}`);
    expect(typesOf(told)).toEqual([...Array.from({ length: 16 }, () => 'interim'), 'response', 'ended']);
    expect(typesOf(answer(interim.repeat(17))).at(-1)).toBe('malformed');
    // Each response has its own.
    const twice = `${interim.repeat(16)}${response(ok, 'Content-Length: 0')}`.repeat(2);
    expect(typesOf(readResponses(bytesOf(twice), [], false, ['GET', 'GET'])).at(-1)).toBe('ended');
  });
});

describe('what a response says about its connection', () => {
  test.each([
    ['HTTP/1.1', [], true],
    ['HTTP/1.1', ['Connection: close'], false],
    ['HTTP/1.1', ['Connection: X, Close'], false],
    ['HTTP/1.0', [], false],
    ['HTTP/1.0', ['Connection: Keep-Alive'], true],
    ['HTTP/1.0', ['Connection: keep-alive, close'], false],
  ])('%s with %j: it may be used again: %j', (version, lines, isPersistent) => {
    expect(headOf(answer(response(`${version} 200 OK`, 'Content-Length: 0', ...lines))).isPersistent).toBe(
      isPersistent,
    );
  });

  test('a reason may be missing, empty, or beyond ASCII', () => {
    for (const [line, reason] of [
      ['HTTP/1.1 200', ''],
      ['HTTP/1.1 200 ', ''],
      ['HTTP/1.1 200 \xe4 b', '\xe4 b'],
    ] as const)
      expect(headOf(answer(response(line, 'Content-Length: 0'))).reason).toBe(reason);
  });

  test('nominated fields and those about the connection are not told', () => {
    const reading = answer(
      response(ok, 'Connection: X', 'X: 1', 'Y: 2', 'Keep-Alive: 1', 'Upgrade: h2', 'Content-Length: 0'),
    );
    expect(headOf(reading).fields).toEqual(['Y', '2']);
  });

  test('after 101 nothing more is consumed', () => {
    const recorder = new Recorder();
    const reader = new ResponseReader(recorder);
    reader.expect('GET');
    const bytes = bytesOf(`${response('HTTP/1.1 101 x', 'Connection: Upgrade', 'Upgrade: WebSocket')}\x81\x05hello`);
    const used = reader.read(bytes, 0);
    expect(bytes.toString('latin1', used)).toBe('\x81\x05hello');
    expect(reader.read(bytes, used)).toBe(used);
    reader.end();
    expect(recorder.told).toMatchObject([
      { type: 'response', head: { status: 101, upgrade: 'websocket', isPersistent: false } },
    ]);
  });

  test('a reader is idle between responses, and awaits from the question to the head', () => {
    const reader = new ResponseReader(new Recorder());
    expect([reader.isIdle, reader.isAwaiting]).toEqual([true, false]);
    reader.expect('GET');
    expect([reader.isIdle, reader.isAwaiting]).toEqual([true, true]);
    reader.read(bytesOf('HTTP/1.1 100 x\r\n\r\n'), 0);
    expect([reader.isIdle, reader.isAwaiting]).toEqual([false, true]);
    reader.read(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n'), 0);
    expect([reader.isIdle, reader.isAwaiting]).toEqual([false, false]);
    reader.read(bytesOf('x'), 0);
    expect([reader.isIdle, reader.isAwaiting]).toEqual([true, false]);
  });
});
