/**
 * A strict second reader agrees: whatever our reader takes for a request, Node's takes for the same one.
 *
 * Node's reader is more lenient in places and knows fewer methods; so the law goes one way, for methods that it knows.
 */
import { METHODS } from 'node:http';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Body, noBody, type RequestHead, streamBody } from '../../src/protocols/http/message.ts';
import { requestBytes } from '../../src/protocols/http1/writer.ts';
import { runs, seed } from '../support/fuzz.ts';
import { readByNode, type Understood } from './http1-llhttp.ts';
import { readOneRequest } from './http1-recorder.ts';
import { bytesOf, smugglingCorpus } from './http1-smuggling-corpus.ts';

/**
 * The complete requests at the front of a stream, up to one after which its connection ends: what they are, and how many
 * bytes. What is behind them is kept from Node's server, which drops answers that are under way when it finds an error.
 */
function accepted(bytes: Buffer): { readonly requests: readonly Understood[]; readonly used: number } {
  const requests: Understood[] = [];
  let used = 0;
  for (;;) {
    const { told, rest } = readOneRequest(bytes.subarray(used), [], false);
    const [first, ...others] = told;
    const last = told.at(-1);
    if (first?.type !== 'request' || last?.type !== 'ended') return { requests, used };
    const { method, target, version, isPersistent } = first.head;
    const body = others.flatMap((event) => (event.type === 'body' ? [event.text] : [])).join('');
    requests.push({ method, target, version, body, trailers: last.trailers });
    const message = bytes.toString('latin1', used, bytes.length - rest.length);
    used = bytes.length - rest.length;
    // Behind any offer of an upgrade Node's parser takes the bytes for those of another protocol.
    if (!isPersistent || /^upgrade:/im.test(message)) return { requests, used };
  }
}

const known = new Set(METHODS);

/** @returns whether there was anything to compare. */
async function assertAgreed(bytes: Buffer): Promise<boolean> {
  const { requests, used } = accepted(bytes);
  if (requests.length === 0 || requests.some(({ method }) => !known.has(method))) return false;
  const node = await readByNode(bytes.subarray(0, used));
  expect(node.isRefused, `refused: ${JSON.stringify(bytes.toString('latin1', 0, used))}`).toBe(false);
  // Absolute targets are taken apart by us and left whole by Node; trailers are told by us only where they are allowed.
  const facts = ({ method, version, body }: Understood) => ({ method, version, body });
  expect(node.requests.map(facts)).toEqual(requests.map(facts));
  for (const [index, { target, trailers }] of requests.entries()) {
    const other = node.requests[index];
    if (other !== undefined && !/^http:/i.test(other.target)) expect(other.target).toBe(target);
    expect(other?.trailers).toEqual(expect.arrayContaining([...trailers]));
  }
  return true;
}

const samples = smugglingCorpus
  .map(({ text }) => text)
  .filter((text) => text.length < 1_000)
  .map((text) => text.slice(0, 1_000));

describe('a strict second reader agrees', () => {
  test('M06: on every request of the smuggling corpus that is accepted', async () => {
    let compared = 0;
    for (const { text } of smugglingCorpus) compared += (await assertAgreed(bytesOf(text))) ? 1 : 0;
    expect(compared).toBeGreaterThan(100);
  });

  test('M06: on what is written for it', async () => {
    for (const { outcome } of smugglingCorpus) {
      if (outcome.kind === 'forwarded' && !outcome.canonical.includes('Host: \r\n'))
        await assertAgreed(bytesOf(outcome.canonical));
    }
  });

  test('M06: on streams that were changed in a few places', async () => {
    const mark = fc.constantFrom(
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
      '\r\n\r\n',
      '_',
      '%',
      '\x80',
      '',
    );
    const change = fc.record({ at: fc.nat(), put: mark, removed: fc.nat({ max: 2 }) });
    const streams = fc
      .tuple(fc.array(fc.constantFrom(...samples), { minLength: 1, maxLength: 2 }), fc.array(change, { maxLength: 2 }))
      .map(([texts, changes]) =>
        changes.reduce((text, { at, put, removed }) => {
          const place = at % (text.length + 1);
          return text.slice(0, place) + put + text.slice(place + removed);
        }, texts.join('')),
      );
    const property = fc.asyncProperty(streams, async (text) => {
      await assertAgreed(bytesOf(text));
    });
    await fc.assert(property, { seed: seed(), numRuns: runs(1_500) });
  });

  test('M06: on requests made of ordinary parts', async () => {
    const token = fc.stringMatching(/^[!#$%&'*+.^`|~0-9A-Za-z-]{1,12}$/);
    const value = fc.stringMatching(/^(?:[!-~](?:[\t -~\x80-\xff]{0,20}[!-~\x80-\xff])?)?$/);
    const heads = fc.record({
      method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND'),
      target: fc.stringMatching(/^\/[!"$-~]{0,20}$/),
      fields: fc
        .array(
          fc.tuple(
            token.map((name) => `X-${name}`),
            value,
          ),
          { maxLength: 5 },
        )
        .map((pairs) => pairs.flat()),
      body: fc.option(fc.uint8Array({ minLength: 1, maxLength: 40 }), { nil: null }),
      isChunked: fc.boolean(),
    });
    const property = fc.asyncProperty(heads, async ({ method, target, fields, body, isChunked }) => {
      const framed: Body = isChunked ? streamBody : { kind: 'length', bytes: body?.length ?? 0 };
      const head: RequestHead = {
        method,
        target,
        version: '1.1',
        authority: 'a.example',
        fields,
        body: body === null ? noBody : framed,
        expectsContinue: false,
        upgrade: null,
        acceptsTrailers: false,
        isPersistent: true,
      };
      expect(await assertAgreed(requestBytes(head, { keepAlive: true }, body, []))).toBe(true);
    });
    await fc.assert(property, { seed: seed(), numRuns: runs(300) });
  });
});
