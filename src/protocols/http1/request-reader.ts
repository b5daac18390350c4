/**
 * Reads the requests of one connection: strict, incremental, sans-IO.
 *
 * Decides where each request begins and ends, and that only clean ones are told. One empty line before a request is
 * skipped (RFC 9112 §2.2); the reader is idle before and after it.
 * Must never do: keep a chunk, throw, or tell anything after `malformed`. Not to be fed from within what it tells.
 * Read first: `reader.ts`, `../http/message.ts`. @see RFC 9112 (docs/adr/0012-own-http1-codec.md)
 */
import type { HttpProblem } from '../http/message.ts';
import { BodyReader } from './body-reader.ts';
import { carriageReturn, lineFeed } from './byte-kinds.ts';
import { ranOut, refused } from './field-scanner.ts';
import { HeadReader } from './head-reader.ts';
import { requestProblems } from './problems.ts';
import { defaultHttpLimits, type HttpLimits, type MessageReader, type RequestSink } from './reader.ts';
import { requestHeadOf } from './request-head.ts';
import { RequestLine } from './request-line.ts';
import { asBuffer } from './section.ts';

const phaseStart = 0;
/** After the CR of an empty line before the request. */
const phaseEmptyLine = 1;
const phaseHead = 2;
const phaseBody = 3;
const phaseMalformed = 4;

export class RequestReader implements MessageReader {
  readonly #sink: RequestSink;
  readonly #line = new RequestLine();
  readonly #head: HeadReader;
  readonly #body: BodyReader;
  #phase = phaseStart;
  #hasSkipped = false;

  constructor(sink: RequestSink, limits: HttpLimits = defaultHttpLimits) {
    this.#sink = sink;
    this.#head = new HeadReader(this.#line, requestProblems, limits);
    this.#body = new BodyReader(sink, requestProblems);
  }

  get isIdle(): boolean {
    // Half of an empty line belongs to no message either.
    const isBefore = this.#phase === phaseStart || this.#phase === phaseEmptyLine;
    return isBefore || (this.#phase === phaseBody && this.#body.isComplete);
  }

  read(chunk: Uint8Array, start: number): number {
    const bytes = asBuffer(chunk);
    let at = start;
    while (at < bytes.length) {
      if (this.#phase === phaseMalformed) return bytes.length;
      if (this.#phase === phaseHead) at = this.#readHead(bytes, at);
      else if (this.#phase === phaseBody) at = this.#body.read(bytes, at);
      else at = this.#readStart(bytes, at);
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
      this.#phase = phaseMalformed;
    } else if (this.#phase === phaseEmptyLine || this.#phase === phaseHead) {
      this.#fail(requestProblems.endedInHead);
    }
  }

  #readStart(bytes: Buffer, at: number): number {
    if (this.#phase === phaseEmptyLine) {
      if (bytes[at] !== lineFeed) return this.#fail(requestProblems.lineEnd, bytes.length);
      this.#hasSkipped = true;
      this.#phase = phaseStart;
      return at + 1;
    }
    if (bytes[at] === carriageReturn && !this.#hasSkipped) {
      this.#phase = phaseEmptyLine;
      return at + 1;
    }
    this.#hasSkipped = false;
    this.#head.begin();
    this.#phase = phaseHead;
    return at;
  }

  #readHead(bytes: Buffer, at: number): number {
    const reader = this.#head;
    const next = reader.read(bytes, at);
    if (next === ranOut) return bytes.length;
    if (next === refused) return this.#fail(reader.problem, bytes.length);
    const { methodEnd, targetEnd, isMinorOne } = this.#line;
    const { text, hasUnderscore } = reader;
    const method = methodOf(text, methodEnd);
    const target = text.slice(methodEnd + 1, targetEnd);
    const head = requestHeadOf({ method, target, isMinorOne, hasUnderscore }, reader.parts);
    if ('detail' in head) return this.#fail(head, bytes.length);
    this.#phase = phaseBody;
    this.#sink.requestHead(head);
    this.#body.begin(head.body);
    return next;
  }

  #fail(problem: HttpProblem, consumed = 0): number {
    this.#phase = phaseMalformed;
    this.#sink.malformed(problem);
    return consumed;
  }
}

function methodOf(text: string, end: number): string {
  return end === 3 && text.startsWith('GET') ? 'GET' : text.slice(0, end);
}
