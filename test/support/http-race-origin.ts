/**
 * One connection at an origin of the HTTP races: the requests it got, and what it answered to each.
 *
 * Every answer has a serial number that no other has, in `x-answer` and throughout its body.
 * Read first: `http-race-messages.ts`.
 */
import type { MemoryLeg } from '../../src/testing/memory-leg.ts';
import { MessageReader, type Message } from './http-race-messages.ts';
import { patternOf } from './http-race-pattern.ts';

export const framings = ['length', 'chunked', 'untilClose', 'empty', 'closes'] as const;
export type Framing = (typeof framings)[number];

export interface Answer {
  readonly serial: number;
  readonly id: string;
  readonly body: string;
  readonly origin: HttpOrigin;
  /** Every byte of it was sent, FIN as well where that is its end. */
  isSent: boolean;
  /** It ends with its connection, which was closed over what was still queued: nobody can tell that there was more. */
  mayBeShort: boolean;
}

export class HttpOrigin {
  readonly leg: MemoryLeg;
  readonly host: string;
  readonly reader = new MessageReader(null);
  /** One for each request, in order, as far as they were begun. */
  readonly answers: Answer[] = [];
  /** Said in the protocol that was changed to. */
  spoken = '';
  hasEnded = false;
  hasLetGo = false;
  /** It has sent what nobody asked for, at a moment when it may be taken for an answer. */
  isRogue = false;
  /** How many requests it may get: null for any, otherwise those before it said more than was asked, in one piece. */
  requestsMax: number | null = null;
  isNews = false;
  readonly #all: Answer[];
  /** Of the last answer: what is not sent yet. */
  #rest = '';
  #isLastUntilClose = false;
  /** What it does by itself with a whole request. */
  onRequest = (): void => undefined;

  /** @param all every answer of the world, by serial number. */
  constructor(leg: MemoryLeg, host: string, all: Answer[]) {
    this.leg = leg;
    this.host = host;
    this.#all = all;
    leg.bytes$.subscribe((chunk) => {
      this.isNews = true;
      this.reader.feed(Buffer.from(chunk).toString('latin1'));
      if (this.unanswered?.isComplete === true) this.onRequest();
    });
    leg.facts$.subscribe(() => undefined);
  }

  /** The first request without an answer; null when there is none. */
  get unanswered(): Message | null {
    return this.reader.messages[this.answers.length] ?? null;
  }

  get isOpen(): boolean {
    return this.leg.isOpen && !this.hasLetGo && !this.hasEnded;
  }

  answer(framing: Framing, bytes: number, isWhole: boolean): void {
    const request = this.unanswered;
    if (request === null || this.#rest !== '' || this.#isLastUntilClose || !this.isOpen) return;
    const answer = this.#begin(request, framing === 'empty' ? 0 : bytes);
    const isHead = request.line.startsWith('HEAD ');
    const text = headOf(answer.serial, framing, bytes) + (isHead ? '' : bodyOf(answer.body, framing));
    this.#isLastUntilClose = framing === 'untilClose' && !isHead;
    const first = isWhole ? text.length : Math.ceil(text.length * 0.7);
    this.#rest = text.slice(first);
    this.#put(text.slice(0, first));
    this.#settle();
  }

  /** What is left of the answer. */
  goOn(): void {
    if (this.#rest === '' || !this.isOpen) return;
    const rest = this.#rest;
    this.#rest = '';
    this.#put(rest);
    this.#settle();
  }

  inform(status: 100 | 103): void {
    const request = this.unanswered;
    if (request === null || !this.#isFree()) return;
    this.#put(`HTTP/1.1 ${status} x\r\nX-For: ${request.fields.get('x-id') ?? ''}\r\n\r\n`);
  }

  garbage(): void {
    if (!this.#isFree()) return;
    if (this.unanswered !== null) this.#begin(this.unanswered, 0);
    this.isRogue = true;
    this.#put('NOPE / 200\r\n\r\n');
  }

  /** An answer nobody asked for. */
  extra(): void {
    if (!this.#isFree()) return;
    this.isRogue = true;
    this.#put('HTTP/1.1 200 OK\r\nX-Answer: rogue\r\nContent-Length: 5\r\n\r\nrogue');
  }

  /** A whole answer with another behind it, in one piece. */
  answerTwice(bytes: number): void {
    const request = this.unanswered;
    if (request === null || !this.#isFree()) return;
    const answer = this.#begin(request, bytes);
    const body = request.line.startsWith('HEAD ') ? '' : answer.body;
    const head = `HTTP/1.1 200 OK\r\nX-Answer: o${answer.serial}\r\nContent-Length: ${bytes}\r\n\r\n`;
    this.#put(`${head}${body}HTTP/1.1 200 OK\r\nX-Answer: stolen\r\nContent-Length: 6\r\n\r\nstolen`);
    this.requestsMax = this.reader.messages.length;
    this.#settle();
  }

  switchProtocols(bytes: number): void {
    const request = this.unanswered;
    if (request === null || !this.#isFree()) return;
    const answer = this.#begin(request, 0);
    const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nX-Answer: o${answer.serial}\r\n\r\n`;
    if (request.fields.get('upgrade') === 'websocket') this.reader.switched();
    const first = patternOf(`w${answer.serial}`, bytes);
    this.spoken += first;
    this.#put(head + first);
    this.#settle();
  }

  speak(bytes: number): void {
    if (this.reader.tunnel === null || !this.isOpen) return;
    const text = patternOf(`w${this.answers.length}`, bytes);
    this.spoken += text;
    this.#put(text);
  }

  end(): void {
    if (!this.isOpen) return;
    this.hasEnded = true;
    this.leg.end();
    this.#settle();
  }

  reset(): void {
    if (!this.leg.isOpen) return;
    this.hasLetGo = true;
    this.leg.reset();
  }

  close(): void {
    if (!this.leg.isOpen) return;
    this.hasLetGo = true;
    const last = this.answers.at(-1);
    if (last !== undefined && this.#isLastUntilClose) {
      last.isSent = true;
      last.mayBeShort = true;
    }
    this.leg.release();
  }

  #isFree(): boolean {
    return this.#rest === '' && !this.#isLastUntilClose && this.isOpen && this.reader.tunnel === null;
  }

  #begin(request: Message, bytes: number): Answer {
    const serial = this.#all.length;
    const body = patternOf(`o${serial}`, bytes);
    const answer = {
      serial,
      id: request.fields.get('x-id') ?? '',
      body,
      origin: this,
      isSent: false,
      mayBeShort: false,
    };
    this.#all.push(answer);
    this.answers.push(answer);
    return answer;
  }

  #settle(): void {
    const last = this.answers.at(-1);
    if (last !== undefined && this.#rest === '') last.isSent = !this.#isLastUntilClose || this.hasEnded;
  }

  #put(text: string): void {
    if (text !== '') this.leg.write(Buffer.from(text, 'latin1'), 'owned');
  }
}

function headOf(serial: number, framing: Framing, bytes: number): string {
  const lines = [`HTTP/1.1 ${framing === 'empty' ? '204 No Content' : '200 OK'}`, `X-Answer: o${serial}`];
  if (framing === 'closes') lines.push('Connection: close');
  if (framing === 'chunked') lines.push('Transfer-Encoding: chunked');
  if (framing === 'length' || framing === 'closes') lines.push(`Content-Length: ${bytes}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function bodyOf(body: string, framing: Framing): string {
  if (framing !== 'chunked') return body;
  return body === '' ? '0\r\n\r\n' : `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}
