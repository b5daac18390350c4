/**
 * No request is understood in two ways: the smuggling corpus, whole and in pieces.
 */
import { describe, expect, test } from 'vitest';
import { noFields } from '../../src/protocols/http/message.ts';
import { requestBytes } from '../../src/protocols/http1/writer.ts';
import { type Reading, readOneRequest } from './http1-recorder.ts';
import { bytesOf, type SmugglingCase, smugglingCorpus } from './http1-smuggling-corpus.ts';

/** What would go upstream for a clean request: the writer's bytes for what the reader told. */
function canonicalOf({ told }: Reading): string {
  const [first, ...others] = told;
  if (first?.type !== 'request') throw new Error('no request was told');
  const body = others.flatMap((event) => (event.type === 'body' ? [event.text] : [])).join('');
  const trailers = others.flatMap((event) => (event.type === 'ended' ? event.trailers : noFields));
  return requestBytes(first.head, { keepAlive: true }, bytesOf(body), trailers).toString('latin1');
}

function check(one: SmugglingCase, reading: Reading): void {
  const { outcome } = one;
  if (outcome.kind === 'forwarded') {
    expect(reading.told.at(-1)).toMatchObject({ type: 'ended' });
    expect(canonicalOf(reading)).toBe(outcome.canonical);
    expect(reading.rest).toBe(outcome.rest);
  } else {
    expect(reading.told.at(-1)).toMatchObject({ type: 'malformed', problem: { status: outcome.status } });
    expect(reading.told.some(({ type }) => type === 'ended')).toBe(false);
    expect(reading.told.some(({ type }) => type === 'request')).toBe(outcome.forwarded === 'head');
  }
}

describe('the smuggling corpus', () => {
  test('has at least 300 cases, no two alike', () => {
    const titles = smugglingCorpus.map(({ family, name }) => `${family}: ${name}`);
    expect(titles.length).toBeGreaterThanOrEqual(300);
    expect(titles.filter((title, index) => titles.indexOf(title) !== index)).toEqual([]);
    const texts = smugglingCorpus.map(({ text }) => text);
    expect(texts.filter((text, index) => texts.indexOf(text) !== index)).toEqual([]);
  });

  test.each(smugglingCorpus.map((one) => [one.family, one.name, one] as const))(
    'H01: %s: %s',
    (_family, _name, one) => {
      const bytes = bytesOf(one.text);
      const whole = readOneRequest(bytes, [], true);
      check(one, whole);
      // FIN is only looked at where a request is under way, so a clean one is the same without it.
      if (one.outcome.kind === 'forwarded') expect(readOneRequest(bytes, [], false)).toEqual(whole);
      const everywhere = Array.from({ length: bytes.length }, (_, index) => index);
      const pieces = readOneRequest(bytes, everywhere, true);
      expect(pieces.told).toEqual(whole.told);
      if (one.outcome.kind === 'forwarded') expect(one.outcome.rest).toBe(pieces.rest);
      for (const cut of everywhere.filter((place) => place < 400 || place % 1_009 === 0)) {
        const halves = readOneRequest(bytes, [cut], true);
        if (JSON.stringify(halves.told) !== JSON.stringify(whole.told))
          expect(halves.told, `cut at ${cut}`).toEqual(whole.told);
      }
    },
  );

  test('what was accepted is understood in the same way once it is written again', () => {
    for (const { name, outcome } of smugglingCorpus) {
      if (outcome.kind !== 'forwarded' || outcome.canonical.includes('Host: \r\n')) continue;
      const again = readOneRequest(bytesOf(outcome.canonical), [], true);
      expect(again.rest, `rest of ${name}`).toBe('');
      expect(canonicalOf(again), `bytes of ${name}`).toBe(outcome.canonical);
    }
  });
});
