/**
 * However a stream is cut, the readers tell the same; whatever the bytes are, they keep to their contract.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RequestHead, ResponseHead } from '../../src/protocols/http/message.ts';
import { runs, seed } from '../support/fuzz.ts';
import { type Reading, readRequests, readResponses, type Told } from './http1-recorder.ts';
import { responseSamples } from './http1-responses.ts';
import { bytesOf, smugglingCorpus } from './http1-smuggling-corpus.ts';

const settings = (usual: number) => ({ seed: seed(), numRuns: runs(usual) });

/** Changes of single bytes, and bytes that mean something put in between: the ground where parsers lose their footing. */
const edits = fc.array(
  fc.record({
    at: fc.nat(),
    text: fc.oneof(
      fc.constantFrom(
        '\r',
        '\n',
        '\r\n',
        ' ',
        '\t',
        ':',
        '0',
        '5',
        ';',
        '"',
        '\0',
        ',',
        '/',
        'HTTP/1.1',
        '\r\n\r\n',
        '_',
        '%',
        '\x80',
      ),
      fc.nat({ max: 255 }).map((byte) => String.fromCharCode(byte)),
    ),
    removed: fc.nat({ max: 3 }),
  }),
  { maxLength: 4 },
);

function edited(text: string, changes: readonly { at: number; text: string; removed: number }[]): string {
  return changes.reduce((now, { at, text: put, removed }) => {
    const place = at % (now.length + 1);
    return now.slice(0, place) + put + now.slice(place + removed);
  }, text);
}

const short = smugglingCorpus.map(({ text }) => text).filter((text) => text.length < 1_000);
const requestStreams = fc
  .tuple(fc.array(fc.constantFrom(...short), { minLength: 1, maxLength: 3 }), edits)
  .map(([texts, changes]) => edited(texts.join(''), changes));
const responseStreams = fc
  .tuple(fc.array(fc.constantFrom(...responseSamples), { minLength: 1, maxLength: 3 }), edits)
  .map(([texts, changes]) => edited(texts.join(''), changes));
const cuts = fc.array(fc.nat({ max: 400 }), { maxLength: 12 });

/** In order: each head before its body, each message ended before the next. */
function orderOf(told: readonly Told[]): string {
  return told
    .map(({ type }) => ({ request: 'h', response: 'h', interim: 'i', body: 'b', ended: 'e', malformed: 'm' })[type])
    .join('');
}

describe('every split of every stream', () => {
  test('M01: a request is told in the same way wherever its bytes are cut', () => {
    const property = fc.property(requestStreams, cuts, fc.boolean(), (text, places, isEnded) => {
      const bytes = bytesOf(text);
      const whole = readRequests(bytes, [], isEnded);
      const everywhere = Array.from({ length: bytes.length }, (_, index) => index);
      expect(readRequests(bytes, places, isEnded).told).toEqual(whole.told);
      expect(readRequests(bytes, everywhere, isEnded).told).toEqual(whole.told);
      expect(orderOf(whole.told)).toMatch(/^(?:hb?e)*(?:hb?)?m?$/);
    });
    fc.assert(property, settings(1_500));
  });

  test('M01: a response is told in the same way wherever its bytes are cut', () => {
    const methods = fc.array(fc.constantFrom('GET', 'HEAD', 'POST'), { minLength: 1, maxLength: 4 });
    const property = fc.property(responseStreams, cuts, fc.boolean(), methods, (text, places, isEnded, asked) => {
      const bytes = bytesOf(text);
      const whole = readResponses(bytes, [], isEnded, asked);
      const everywhere = Array.from({ length: bytes.length }, (_, index) => index);
      const same = (reading: Reading) => expect(reading.told).toEqual(whole.told);
      same(readResponses(bytes, places, isEnded, asked));
      same(readResponses(bytes, everywhere, isEnded, asked));
      expect(orderOf(whole.told)).toMatch(/^(?:i*hb?e)*i*(?:hb?)?m?$/);
    });
    fc.assert(property, settings(1_500));
  });

  test('no message leaves anything behind: each is read as the first one would be', () => {
    const clean = smugglingCorpus.flatMap(({ outcome, text }) =>
      outcome.kind === 'forwarded' && outcome.rest === '' && text.length < 1_000 ? [text] : [],
    );
    const answers = responseSamples.filter(
      (text) => readResponses(bytesOf(text), [], false, ['GET']).told.at(-1)?.type === 'ended',
    );
    const requests = fc.array(fc.constantFrom(...clean), { minLength: 2, maxLength: 4 });
    const responses = fc.array(fc.constantFrom(...answers), { minLength: 2, maxLength: 4 });
    const property = fc.property(requests, responses, cuts, (asked, answered, places) => {
      const alone = asked.flatMap((text) => readRequests(bytesOf(text), [], false).told);
      expect(readRequests(bytesOf(asked.join('')), places, false).told).toEqual(alone);
      const get = (texts: readonly string[], at: readonly number[]) =>
        readResponses(
          bytesOf(texts.join('')),
          at,
          false,
          texts.map(() => 'GET'),
        ).told;
      expect(get(answered, places)).toEqual(answered.flatMap((text) => get([text], [])));
    });
    fc.assert(property, settings(1_000));
  });

  test('arbitrary bytes are read without an error, and never as a message', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (bytes, places) => {
      const stream = Buffer.from(bytes);
      const kinds = [...readRequests(stream, places, true).told, ...readResponses(stream, places, true, ['GET']).told];
      expect(kinds.filter(({ type }) => type !== 'malformed')).toEqual([]);
    });
    fc.assert(property, settings(500));
  });
});

describe('what is told keeps to the model', () => {
  const headsOf = (told: readonly Told[]): readonly (RequestHead | ResponseHead)[] =>
    told.flatMap((event) => ('head' in event ? [event.head] : []));
  const reserved =
    /^(?:host|content-length|transfer-encoding|connection|keep-alive|proxy-connection|te|upgrade|http2-settings|expect)$/i;

  test('no field frames, routes or holds the connection; names are tokens, values hold no control byte', () => {
    const property = fc.property(requestStreams, responseStreams, (requests, responses) => {
      const told = [
        ...readRequests(bytesOf(requests), [], true).told,
        ...readResponses(bytesOf(responses), [], true, ['GET', 'GET']).told,
      ];
      for (const { fields } of headsOf(told)) {
        for (const [index, text] of fields.entries()) {
          expect(text).toMatch(index % 2 === 0 ? /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/ : /^[\t\x20-\x7e\x80-\xff]*$/);
          if (index % 2 === 0) expect(text).not.toMatch(reserved);
          else expect(text).not.toMatch(/^[ \t]|[ \t]$/);
        }
      }
    });
    fc.assert(property, settings(500));
  });
});
