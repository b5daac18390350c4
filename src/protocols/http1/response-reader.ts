/**
 * Reads the responses on one upstream connection: strict, incremental, sans-IO.
 *
 * Decides where each response ends, which takes the method of its request: call `expect` before. Bytes that come when
 * nobody expects a response are malformed, because they would be taken for the answer to the next request.
 * Must never do: keep a chunk, throw, or tell anything after `malformed`. Not to be fed from within what it tells.
 * Read first: `reader.ts`, `../http/message.ts`. @see RFC 9112 §4, §6.3 and §9.2
 */
import type { HttpProblem } from '../http/message.ts';
import { BodyReader } from './body-reader.ts';
import { ranOut, refused } from './field-scanner.ts';
import { HeadReader } from './head-reader.ts';
import { responseProblems } from './problems.ts';
import { defaultHttpLimits, type HttpLimits, type MessageReader, type ResponseSink } from './reader.ts';
import { responseHeadOf } from './response-head.ts';
import { asBuffer } from './section.ts';
import { StatusLine } from './status-line.ts';

const interimsMax = 16;

const notExpected: HttpProblem = { status: 502, detail: 'the upstream sent bytes that answer no request' };
const noAnswer: HttpProblem = { status: 502, detail: 'the upstream ended before it answered' };
const tooManyInterims: HttpProblem = {
  status: 502,
  detail: `the upstream sent more than ${interimsMax} interim responses`,
};

const phaseStart = 0;
const phaseHead = 1;
const phaseBody = 2;
const phaseMalformed = 3;
/** After 101: the bytes belong to somebody else. */
const phaseSwitched = 4;

export class ResponseReader implements MessageReader {
  readonly #sink: ResponseSink;
  readonly #line = new StatusLine();
  readonly #head: HeadReader;
  readonly #body: BodyReader;
  #phase = phaseStart;
  /** Of the request that is to be answered; null when there is none. */
  #method: string | null = null;
  #interims = 0;

  constructor(sink: ResponseSink, limits: HttpLimits = defaultHttpLimits) {
    this.#sink = sink;
    this.#head = new HeadReader(this.#line, responseProblems, limits);
    this.#body = new BodyReader(sink, responseProblems);
  }

  get isIdle(): boolean {
    return (this.#phase === phaseStart && this.#interims === 0) || (this.#phase === phaseBody && this.#body.isComplete);
  }

  /** True exactly from `expect` until the final head is told. */
  get isAwaiting(): boolean {
    return this.#method !== null;
  }

  /** @param method of the request that the next final response answers. */
  expect(method: string): void {
    this.#method = method;
  }

  read(chunk: Uint8Array, start: number): number {
    const bytes = asBuffer(chunk);
    let at = start;
    while (at < bytes.length) {
      if (this.#phase === phaseMalformed) return bytes.length;
      if (this.#phase === phaseSwitched) return at;
      if (this.#phase === phaseStart) this.#begin();
      else if (this.#phase === phaseHead) at = this.#readHead(bytes, at);
      else at = this.#body.read(bytes, at);
      if (this.#phase === phaseBody && this.#body.isOver) {
        this.#phase = this.#body.isComplete ? phaseStart : phaseMalformed;
        return at;
      }
    }
    return at;
  }

  end(): void {
    if (this.#phase === phaseBody) {
      this.#body.finish();
      this.#phase = this.#body.isComplete ? phaseStart : phaseMalformed;
    } else if (this.#phase === phaseHead || (this.#phase === phaseStart && this.#interims > 0)) {
      this.#fail(responseProblems.endedInHead);
    } else if (this.#phase === phaseStart && this.#method !== null) {
      this.#fail(noAnswer);
    }
  }

  #begin(): void {
    if (this.#method === null) {
      this.#fail(notExpected);
      return;
    }
    this.#head.begin();
    this.#phase = phaseHead;
  }

  #readHead(bytes: Buffer, at: number): number {
    const reader = this.#head;
    const next = reader.read(bytes, at);
    if (next === ranOut) return bytes.length;
    if (next === refused) return this.#fail(reader.problem, bytes.length);
    const { status, isMinorOne, reasonStart, reasonEnd } = this.#line;
    const reason = reader.text.slice(reasonStart, reasonEnd);
    const head = responseHeadOf({ status, reason, isMinorOne }, reader.parts, this.#method ?? '');
    if ('detail' in head) return this.#fail(head, bytes.length);
    if (status < 200 && status !== 101) {
      this.#interims += 1;
      if (this.#interims > interimsMax) return this.#fail(tooManyInterims, bytes.length);
      this.#phase = phaseStart;
      this.#sink.interim(head);
      return next;
    }
    this.#method = null;
    this.#interims = 0;
    this.#phase = status === 101 ? phaseSwitched : phaseBody;
    this.#sink.responseHead(head);
    if (this.#phase === phaseBody) this.#body.begin(head.body);
    return next;
  }

  #fail(problem: HttpProblem, consumed = 0): number {
    this.#phase = phaseMalformed;
    this.#sink.malformed(problem);
    return consumed;
  }
}
