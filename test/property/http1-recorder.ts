/**
 * Feeds a reader and writes down what it tells, with body bytes joined, so that two ways of feeding can be compared.
 *
 * Decides nothing. It holds the reader to its contract on the way: indices within the chunk, nothing after `malformed`,
 * every message ended or malformed, views that lie within what was fed.
 */
import type { Fields, HttpProblem, RequestHead, ResponseHead } from '../../src/protocols/http/message.ts';
import type { HttpLimits, MessageReader, RequestSink, ResponseSink } from '../../src/protocols/http1/reader.ts';
import { RequestReader } from '../../src/protocols/http1/request-reader.ts';
import { ResponseReader } from '../../src/protocols/http1/response-reader.ts';

export type Told =
  | { readonly type: 'request'; readonly head: RequestHead }
  | { readonly type: 'response'; readonly head: ResponseHead }
  | { readonly type: 'interim'; readonly head: ResponseHead }
  | { readonly type: 'body'; readonly text: string }
  | { readonly type: 'ended'; readonly trailers: Fields }
  | { readonly type: 'malformed'; readonly problem: HttpProblem };

export class Recorder implements RequestSink, ResponseSink {
  readonly told: Told[] = [];

  requestHead(head: RequestHead): void {
    this.#tell({ type: 'request', head });
  }

  responseHead(head: ResponseHead): void {
    this.#tell({ type: 'response', head });
  }

  interim(head: ResponseHead): void {
    this.#tell({ type: 'interim', head });
  }

  body(bytes: Uint8Array): void {
    if (bytes.length === 0) throw new Error('a body of no bytes was told');
    const text = Buffer.from(bytes).toString('latin1');
    const last = this.told.at(-1);
    if (last?.type === 'body') this.told[this.told.length - 1] = { type: 'body', text: last.text + text };
    else this.#tell({ type: 'body', text });
  }

  ended(trailers: Fields): void {
    this.#tell({ type: 'ended', trailers });
  }

  malformed(problem: HttpProblem): void {
    this.#tell({ type: 'malformed', problem });
  }

  #tell(told: Told): void {
    if (this.told.at(-1)?.type === 'malformed') throw new Error(`${told.type} was told after malformed`);
    this.told.push(told);
  }
}

/** What came of a stream: what was told, and the bytes that belong to what follows the messages read. */
export interface Reading {
  readonly told: readonly Told[];
  readonly rest: string;
}

/** @param cuts where the stream is cut, in any order. @param isEnded whether FIN follows. */
export function readRequests(bytes: Buffer, cuts: readonly number[], isEnded: boolean, limits?: HttpLimits): Reading {
  const recorder = new Recorder();
  const reader = limits === undefined ? new RequestReader(recorder) : new RequestReader(recorder, limits);
  return read(recorder, reader, bytes, cuts, isEnded, () => true);
}

/** Reads one message and leaves the rest. */
export function readOneRequest(bytes: Buffer, cuts: readonly number[], isEnded: boolean): Reading {
  const recorder = new Recorder();
  return read(
    recorder,
    new RequestReader(recorder),
    bytes,
    cuts,
    isEnded,
    () => recorder.told.at(-1)?.type !== 'ended',
  );
}

/** @param methods of the requests that were sent, in order. */
export function readResponses(
  bytes: Buffer,
  cuts: readonly number[],
  isEnded: boolean,
  methods: readonly string[],
  limits?: HttpLimits,
): Reading {
  const recorder = new Recorder();
  const reader = limits === undefined ? new ResponseReader(recorder) : new ResponseReader(recorder, limits);
  const waiting = [...methods];
  const expectNext = () => {
    if (reader.isAwaiting || !reader.isIdle) return true;
    const method = waiting.shift();
    if (method !== undefined) reader.expect(method);
    return true;
  };
  expectNext();
  return read(recorder, reader, bytes, cuts, isEnded, expectNext);
}

function read(
  recorder: Recorder,
  reader: MessageReader,
  bytes: Buffer,
  cuts: readonly number[],
  isEnded: boolean,
  goOn: () => boolean,
): Reading {
  const places = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))].toSorted((a, b) => a - b);
  let start = 0;
  for (const place of [...places, bytes.length]) {
    // A copy that is overwritten afterwards, as a shared read buffer is.
    const chunk = Buffer.from(bytes.subarray(start, place));
    const used = feed(reader, chunk, goOn);
    chunk.fill(0x21);
    if (used < chunk.length) return { told: recorder.told, rest: bytes.toString('latin1', start + used) };
    start = place;
  }
  if (isEnded) reader.end();
  return { told: recorder.told, rest: '' };
}

/** @returns how much was used: all of it, unless the reader or the caller stopped. */
function feed(reader: MessageReader, chunk: Buffer, goOn: () => boolean): number {
  let at = 0;
  while (at < chunk.length) {
    if (!goOn()) return at;
    const next = reader.read(chunk, at);
    if (next < at || next > chunk.length) throw new Error(`an index outside of the chunk: ${next}`);
    if (next === at && !reader.isIdle) return at;
    if (next === at) throw new Error('an idle reader took nothing');
    at = next;
  }
  goOn();
  return at;
}
