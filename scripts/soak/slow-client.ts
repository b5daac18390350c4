/**
 * One client that takes its time: with the first line of a head, with its fields, or with a body.
 *
 * It writes a byte whenever it is told to, until it has read an answer or its connection is gone.
 */
import { connect, type Socket } from 'node:net';

/** `slow body` comes steadily and is complete in the end; the others never complete anything. */
export const slowKinds = ['slow first line', 'slow head', 'stalled body', 'slow body'] as const;
export type SlowKind = (typeof slowKinds)[number];

/** Bytes of a slow body, one each tick: longer than the deadline, with gaps that are shorter. */
const bodyBytes = 20;

const upload = (path: string, bytes: number) =>
  `POST ${path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: ${bytes}\r\nConnection: close\r\n\r\n`;

/** What it sends at once, and what byte by byte. */
const scripts: Readonly<Record<SlowKind, readonly [atOnce: string, slowly: string]>> = {
  'slow first line': ['', `GET /${'a'.repeat(1000)}`],
  'slow head': ['GET /slow HTTP/1.1\r\nHost: a.example\r\nX-Slow: ', 'a'.repeat(1000)],
  'stalled body': [`${upload('/stalled', 1000)}a`, ''],
  'slow body': [upload('/slow', bodyBytes), 'a'.repeat(bodyBytes)],
};

export class SlowClient {
  readonly kind: SlowKind;
  isClosed = false;
  /** From the client's first byte until its connection was gone. */
  tookMs = 0;
  readonly #socket: Socket;
  #startMs = Infinity;
  #slowly: string;
  #read = '';

  constructor(port: number, kind: SlowKind) {
    this.kind = kind;
    const [atOnce, slowly] = scripts[kind];
    this.#slowly = slowly;
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('error', () => undefined);
    this.#socket.on('data', (bytes: Buffer) => (this.#read += bytes.toString('latin1')));
    this.#socket.on('close', () => {
      this.isClosed = true;
      this.tookMs = Math.max(0, performance.now() - this.#startMs);
    });
    this.#socket.on('connect', () => {
      this.#startMs = performance.now();
      if (atOnce !== '') this.#socket.write(atOnce);
    });
  }

  /** Null until there is an answer. */
  get status(): number | null {
    const digits = /^HTTP\/1\.1 (\d{3}) /.exec(this.#read)?.[1];
    return digits === undefined ? null : Number(digits);
  }

  tick(): void {
    if (this.#read !== '' || this.#slowly === '' || this.#startMs === Infinity || !this.#socket.writable) return;
    this.#socket.write(this.#slowly.slice(0, 1));
    this.#slowly = this.#slowly.slice(1);
  }

  cut(): void {
    this.#socket.destroy();
  }
}
