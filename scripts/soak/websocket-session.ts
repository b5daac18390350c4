/**
 * One WebSocket connection: random messages, fragments and pings, each compared with what comes back, and a random end.
 *
 * Must never do: hang. What has not come back in time is a problem, and the connection is cut.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { WebSocket, type RawData } from 'ws';
import { becomes, pick, whole, type SoakContext } from './report.ts';

/** What makes the server close, and how it then closes. */
export const serverClose = { ask: 'please close', code: 4321, reason: 'as you wish' };
/** What makes the server drop the connection without a close frame. */
export const serverCut = 'please cut';

const answerMaxMs = 60_000;

export interface SessionCounts {
  sessions: number;
  messages: number;
  bytes: number;
  fragments: number;
  pings: number;
  compressed: number;
  readonly ends: Record<string, number>;
}

interface Sent {
  readonly bytes: Buffer;
  readonly isBinary: boolean;
}

export class Session {
  readonly #context: SoakContext;
  readonly #counts: SessionCounts;
  readonly #transport: Socket;
  readonly #socket: WebSocket;
  readonly #messages: Sent[] = [];
  readonly #pings: Buffer[] = [];
  #end: { readonly code: number; readonly reason: string } | null = null;
  #error: string | null = null;

  constructor(port: number, context: SoakContext, counts: SessionCounts) {
    this.#context = context;
    this.#counts = counts;
    const transport = connect({ host: '127.0.0.1', port });
    this.#transport = transport;
    const perMessageDeflate = context.random() < 0.7 ? { threshold: 0 } : false;
    this.#socket = new WebSocket('ws://a.example/chat', { perMessageDeflate, createConnection: () => transport });
    this.#socket.on('error', (error) => (this.#error = error.message));
    this.#socket.on('message', (data, isBinary) => this.#echoed(bytesOf(data), isBinary));
    this.#socket.on('pong', (bytes) => this.#ponged(bytes));
    this.#socket.on('close', (code, reason) => (this.#end = { code, reason: reason.toString() }));
  }

  async run(): Promise<void> {
    this.#counts.sessions += 1;
    await Promise.race([once(this.#socket, 'open').catch(() => undefined), once(this.#socket, 'close')]);
    if (this.#socket.readyState !== WebSocket.OPEN)
      return this.#problem('a WebSocket was not opened', this.#error ?? '');
    if (this.#socket.extensions !== '') this.#counts.compressed += 1;
    for (let left = whole(this.#random, 1, 12); left > 0 && this.#end === null; left -= 1) {
      this.#say();
      if (this.#random() < 0.5) await this.#allEchoed();
    }
    const how = pick(this.#random, ['close', 'close', 'cut', 'reset', 'server closes', 'server cuts']);
    this.#counts.ends[how] = (this.#counts.ends[how] ?? 0) + 1;
    await this.#finish(how);
  }

  get #random(): () => number {
    return this.#context.random;
  }

  #say(): void {
    if (this.#random() < 0.25) this.#ping();
    const isBinary = this.#random() < 0.6;
    const bytes = isBinary ? randomBytes(this.#random) : randomText(this.#random);
    this.#messages.push({ bytes, isBinary });
    let rest = bytes;
    while (this.#random() < 0.3) {
      const part = rest.subarray(0, whole(this.#random, 0, rest.length));
      rest = rest.subarray(part.length);
      this.#counts.fragments += 1;
      this.#socket.send(part, { binary: isBinary, fin: false });
      if (this.#random() < 0.2) this.#ping();
    }
    this.#socket.send(rest, { binary: isBinary, compress: this.#random() < 0.8 });
  }

  #ping(): void {
    const bytes = randomBytes(this.#random).subarray(0, whole(this.#random, 1, 125));
    this.#pings.push(bytes);
    this.#socket.ping(bytes);
  }

  async #finish(how: string): Promise<void> {
    if (how === 'cut' || how === 'reset') {
      // What is under way is lost, and nobody may mind.
      if (how === 'cut') this.#socket.terminate();
      else this.#transport.resetAndDestroy();
      await becomes(() => this.#end !== null, answerMaxMs);
      return;
    }
    await this.#allEchoed();
    const code = whole(this.#random, 4000, 4999);
    if (how === 'close') this.#socket.close(code, 'enough');
    else this.#socket.send(how === 'server closes' ? serverClose.ask : serverCut);
    await becomes(() => this.#end !== null, answerMaxMs);
    const expected = expectedEnd(how, code);
    const heard = this.#end === null ? 'nothing' : `${this.#end.code} ${this.#end.reason}`;
    if (heard !== expected) this.#problem(`the end was not heard as it was (${how})`, `${heard}, not ${expected}`);
    this.#socket.terminate();
  }

  async #allEchoed(): Promise<void> {
    const isDone = () => (this.#messages.length === 0 && this.#pings.length === 0) || this.#end !== null;
    await becomes(isDone, answerMaxMs);
    const missing = `${this.#messages.length} messages, ${this.#pings.length} pongs`;
    if (this.#end !== null) this.#problem('the connection ended by itself', `${this.#end.code} ${this.#error}`);
    else if (!isDone()) this.#problem('something did not come back in time', missing);
    this.#messages.length = 0;
    this.#pings.length = 0;
  }

  #echoed(bytes: Buffer, isBinary: boolean): void {
    const sent = this.#messages.shift();
    if (sent === undefined || sent.isBinary !== isBinary || !sent.bytes.equals(bytes))
      return this.#problem('a message came back changed', `${sent?.bytes.length} bytes sent, ${bytes.length} read`);
    this.#counts.messages += 1;
    this.#counts.bytes += bytes.length;
  }

  #ponged(bytes: Buffer): void {
    const sent = this.#pings.shift();
    this.#counts.pings += 1;
    if (sent?.equals(bytes) !== true) this.#problem('a pong is not its ping’s', bytes.toString('hex'));
  }

  #problem(kind: string, detail: string): void {
    this.#context.report.problem(kind, detail);
    this.#socket.terminate();
  }
}

export function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

function expectedEnd(how: string, code: number): string {
  if (how === 'close') return `${code} enough`;
  // RFC 6455 §7.1.5: no close frame was read.
  return how === 'server closes' ? `${serverClose.code} ${serverClose.reason}` : '1006 ';
}

/** Around the sizes at which the length of a frame is written differently (RFC 6455 §5.2), and some that are large. */
function randomSize(random: () => number): number {
  const edge = pick(random, [0, 1, 124, 126, 1000, 65_534, 65_536, 200_000]);
  return random() < 0.03 ? whole(random, 0, 2_000_000) : whole(random, 0, 3) + edge;
}

/** Half of them repeat themselves, so that compression has something to do. */
function randomBytes(random: () => number): Buffer {
  const size = randomSize(random) + 1;
  const unit = Buffer.from(Array.from({ length: random() < 0.5 ? 7 : 4093 }, () => whole(random, 0, 255)));
  return Buffer.alloc(size, unit);
}

function randomText(random: () => number): Buffer {
  const letters = Array.from({ length: 31 }, () => pick(random, ['a', 'é', '中', '🙂', '\n', '0']));
  return Buffer.from(letters.join('').repeat(Math.ceil(randomSize(random) / 60)));
}
