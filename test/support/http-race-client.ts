/**
 * A client of the HTTP races: what it asks, how much of that it has sent, and what it has read of the answers.
 *
 * Every request carries an id of its own, in its target, in `x-id` and throughout its body, so that whatever arrives
 * anywhere says whose it is. Read first: `http-race-messages.ts`.
 */
import type { MemoryLeg } from '../../src/testing/memory-leg.ts';
import { MessageReader } from './http-race-messages.ts';
import { patternOf } from './http-race-pattern.ts';
import type { WayName } from './http-race-plan.ts';

export const shapes = [
  'get',
  'get',
  'head',
  'delete',
  'post',
  'chunked',
  'expects',
  'closes',
  'old',
  'upgrade',
  'negotiates',
  'smuggles',
  'garbled',
  'endless',
] as const;
export type Shape = (typeof shapes)[number];

export interface Asked {
  readonly id: string;
  readonly way: WayName;
  readonly method: string;
  readonly shape: Shape;
  readonly body: string;
  /** In the client's stream: its first byte, the end of its head, its end. */
  readonly from: number;
  readonly headEnd: number;
  readonly end: number;
  /** False: no proxy may pass it on, nor anything after it. */
  readonly isClean: boolean;
}

const methods: Partial<Record<Shape, string>> = {
  head: 'HEAD',
  delete: 'DELETE',
  post: 'POST',
  chunked: 'PUT',
  expects: 'POST',
  smuggles: 'POST',
  endless: 'POST',
};

export class HttpClient {
  readonly name: string;
  readonly leg: MemoryLeg;
  readonly isHttp: boolean;
  readonly asked: Asked[] = [];
  readonly reader: MessageReader;
  sentBytes = 0;
  /** Everything that it wrote, or will. */
  stream = '';
  received = '';
  hasEnded = false;
  hasLetGo = false;
  sawEnd = false;
  sawFailure: string | null = null;
  /** True exactly when something has come since the laws looked. */
  isNews = false;

  constructor(name: string, leg: MemoryLeg, isHttp: boolean) {
    this.name = name;
    this.leg = leg;
    this.isHttp = isHttp;
    this.reader = new MessageReader((at) => {
      const asked = this.asked[at];
      return asked !== undefined && asked.from < this.sentBytes ? asked.method : null;
    });
    leg.bytes$.subscribe((chunk) => this.#heard(Buffer.from(chunk).toString('latin1')));
    leg.facts$.subscribe((fact) => {
      this.isNews = true;
      if (fact.type === 'failed') this.sawFailure = fact.code;
      if (fact.type !== 'ended') return;
      this.sawEnd = true;
      this.reader.ended();
    });
  }

  /** True exactly when what it sends next is no request: it asked for another protocol. */
  get isUpgrading(): boolean {
    const last = this.asked.at(-1);
    return last?.shape === 'upgrade' && this.reader.messages.length < this.asked.length;
  }

  ask(way: WayName, shape: Shape, bytes: number): void {
    if (!this.isHttp || this.reader.tunnel !== null || this.isUpgrading) return;
    const id = `${this.name}r${this.asked.length}`;
    const method = methods[shape] ?? 'GET';
    const hasBody = method === 'POST' || method === 'PUT';
    const body = hasBody ? patternOf(id, bytes) : '';
    const from = this.stream.length;
    const head = headOf(id, way, method, shape, body);
    const sent = shape === 'chunked' ? chunkedOf(body) : body;
    this.stream += head + sent;
    const headEnd = from + head.length;
    const isClean = shape !== 'smuggles' && shape !== 'garbled' && shape !== 'endless';
    this.asked.push({ id, way, method, shape, body, from, headEnd, end: this.stream.length, isClean });
  }

  /** Bytes of a protocol that is not HTTP. Where the upgrade is refused they are a request that is no request. */
  speak(bytes: number): void {
    const isOther = !this.isHttp || this.reader.tunnel !== null;
    if (!isOther && !this.isUpgrading) return;
    const from = this.stream.length;
    this.stream += patternOf(this.isHttp ? `\u0001${this.name}` : `${handlerSays(this.name)}${this.name}`, bytes);
    const end = this.stream.length;
    if (!isOther) {
      const none = { method: 'GET', shape: 'garbled', body: '', isClean: false } as const;
      this.asked.push({ id: `${this.name}-`, way: 'one', from, headEnd: end, end, ...none });
    }
    this.send(Infinity);
  }

  /** The next so many bytes of its stream. */
  send(bytes: number): void {
    if (this.hasEnded || this.hasLetGo || !this.leg.isOpen) return;
    const text = this.stream.slice(this.sentBytes, this.sentBytes + Math.max(0, bytes));
    if (text === '') return;
    this.sentBytes += text.length;
    this.leg.write(Buffer.from(text, 'latin1'), 'owned');
  }

  /** As `send`, up to the end of the last head. */
  sendHead(): void {
    this.send((this.asked.at(-1)?.headEnd ?? 0) - this.sentBytes);
  }

  end(): void {
    if (this.hasEnded || this.hasLetGo || !this.leg.isOpen) return;
    this.hasEnded = true;
    this.leg.end();
  }

  reset(): void {
    if (!this.leg.isOpen) return;
    this.hasLetGo = true;
    this.leg.reset();
  }

  close(): void {
    if (!this.leg.isOpen) return;
    this.hasLetGo = true;
    this.leg.release();
  }

  #heard(text: string): void {
    this.isNews = true;
    this.received += text;
    if (this.isHttp) this.reader.feed(text);
  }
}

/** Which manner of the socket handler a client asks for. */
function handlerSays(name: string): string {
  return ['e', 't', 's', 'd', 'e'][Number(name.slice(1)) % 5] ?? 'e';
}

function headOf(id: string, way: WayName, method: string, shape: Shape, body: string): string {
  const version = shape === 'old' ? '1.0' : '1.1';
  if (shape === 'garbled') return `GET /${way}/${id} HTTP/1.1\r\nHost: a.test\r\nX-Id : ${id}\r\n\r\n`;
  const lines = [`${method} /${way}/${id} HTTP/${version}`, 'Host: a.test', `X-Id: ${id}`];
  if (shape === 'chunked' || shape === 'smuggles') lines.push('Transfer-Encoding: chunked');
  if (shape === 'endless') lines.push('Transfer-Encoding: chunked, gzip');
  else if (shape !== 'chunked' && (method === 'POST' || body !== '')) lines.push(`Content-Length: ${body.length}`);
  if (shape === 'expects') lines.push('Expect: 100-continue');
  if (shape === 'closes') lines.push('Connection: close');
  if (shape === 'negotiates') lines.push('Authorization: Negotiate YII=');
  if (shape === 'upgrade') {
    lines.push('Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13');
    lines.push('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==');
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function chunkedOf(body: string): string {
  let text = '';
  const size = Math.max(1, Math.ceil(body.length / 3));
  for (let at = 0; at < body.length; at += size) {
    const piece = body.slice(at, at + size);
    text += `${piece.length.toString(16)}\r\n${piece}\r\n`;
  }
  return `${text}0\r\n\r\n`;
}
