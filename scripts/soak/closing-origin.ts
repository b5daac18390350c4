/**
 * An origin whose idle connections end at bad moments: with the answer, or some milliseconds after it, by FIN or by RST.
 *
 * It understands just enough of HTTP to know where a request ends. A request that comes behind the origin's FIN is noted
 * and never answered.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { pick, whole } from './report.ts';

/** Told of every request that arrived, whether it will be answered or not. */
export type Arrived = (id: string, method: string) => void;

export const idleMaxMs = 40;

export function closingOrigin(random: () => number, arrived: Arrived): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const connection = new ClosingConnection(socket, random, arrived);
    connection.start();
  });
}

class ClosingConnection {
  readonly #socket: Socket;
  readonly #random: () => number;
  readonly #arrived: Arrived;
  #text = '';
  #hasEnded = false;
  #closing: ReturnType<typeof setTimeout> | undefined;

  constructor(socket: Socket, random: () => number, arrived: Arrived) {
    this.#socket = socket;
    this.#random = random;
    this.#arrived = arrived;
  }

  start(): void {
    const socket = this.#socket;
    socket.on('error', () => undefined);
    socket.on('close', () => clearTimeout(this.#closing));
    socket.on('end', () => socket.end());
    socket.on('data', (bytes: Buffer) => this.#read(bytes.toString('latin1')));
  }

  #read(text: string): void {
    clearTimeout(this.#closing);
    this.#text += text;
    for (let request = requestIn(this.#text); request !== null; request = requestIn(this.#text)) {
      this.#text = this.#text.slice(request.length);
      this.#arrived(request.id, request.method);
      if (!this.#hasEnded) this.#answer(request);
    }
    // Not by RST: libuv refuses that after FIN, and Node would then forget the descriptor.
    if (this.#hasEnded) this.#socket.destroy();
  }

  #answer({ id, method }: Request): void {
    const how = pick(this.#random, ['stay', 'stay', 'end at once', 'end later', 'end later', 'reset later']);
    const body = method === 'HEAD' ? '' : id;
    this.#socket.write(`HTTP/1.1 200 OK\r\nx-id: ${id}\r\nContent-Length: ${id.length}\r\n\r\n${body}`);
    if (how === 'end at once') this.#end();
    if (how === 'stay' || how === 'end at once') return;
    const close = how === 'end later' ? () => this.#end() : () => this.#socket.resetAndDestroy();
    this.#closing = setTimeout(close, whole(this.#random, 0, idleMaxMs));
  }

  #end(): void {
    this.#hasEnded = true;
    this.#socket.end();
  }
}

interface Request {
  readonly id: string;
  readonly method: string;
  readonly length: number;
}

function requestIn(text: string): Request | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const head = text.slice(0, headEnd);
  const length = headEnd + 4 + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  if (text.length < length) return null;
  return { id: /^x-id: *(\S+)/im.exec(head)?.[1] ?? '', method: head.slice(0, head.indexOf(' ')), length };
}
