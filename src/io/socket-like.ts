/**
 * What a Duplex of ours has so that node:http, node:http2 and the code of embedders take it for a socket.
 *
 * Decides nothing. Must never do: own a timer. `setTimeout` is a word that Node's own code says to every socket; here it
 * does nothing, because the deadlines of a connection are its chart's. `encrypted` is absent: that is what Node asks.
 * Read first: `handlers/in-process-pair.ts`, which is one.
 */
import { Duplex } from 'node:stream';
import type { Address } from './leg.ts';
import { codeSentence } from './os-codes.ts';
import { ipFamily } from './socket.ts';

/** Who is at the far end, and where it came in. */
export interface SocketNames {
  readonly remote: Address;
  readonly local: Address;
}

/** A listener that is a promise must not be able to end the process either, hence `captureRejections`. */
const options = { allowHalfOpen: true, highWaterMark: 65_536, captureRejections: true };

export class SocketLike extends Duplex {
  readonly connecting = false;
  readonly pending = false;
  readonly #names: SocketNames;

  constructor(names: SocketNames) {
    super(options);
    this.#names = names;
    // An error that nobody listens for must never end the process.
    this.on('error', ignore);
  }

  get remoteAddress(): string | undefined {
    return hostOf(this.#names.remote);
  }

  get remotePort(): number | undefined {
    return portOf(this.#names.remote);
  }

  get remoteFamily(): string | undefined {
    return familyOf(this.#names.remote);
  }

  get localAddress(): string | undefined {
    return hostOf(this.#names.local);
  }

  get localPort(): number | undefined {
    return portOf(this.#names.local);
  }

  get localFamily(): string | undefined {
    return familyOf(this.#names.local);
  }

  address(): { readonly address?: string; readonly family?: string; readonly port?: number } {
    const { localAddress: address, localFamily: family, localPort: port } = this;
    return address === undefined || family === undefined || port === undefined ? {} : { address, family, port };
  }

  /** Nothing: what is sent is not delayed. */
  setNoDelay(): this {
    return this;
  }

  /** Nothing: the leg probes its peer by itself. */
  setKeepAlive(): this {
    return this;
  }

  /** Nothing: deadlines are the chart's. */
  setTimeout(): this {
    return this;
  }

  /** Nothing: it holds no handle of the event loop. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Ends, and is gone once everything was handed over. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', destroyThis);
  }

  /** RST. */
  resetAndDestroy(): this {
    return this.destroy(codedError('ECONNRESET'));
  }
}

/** An error as Node's own sockets have them. */
export function codedError(code: string, message: string = codeSentence(code) ?? code): Error {
  return Object.assign(new Error(message), { code });
}

/** The chunks in one piece where that is cheap: a frame's head and its payload, a chunk's size and its bytes. */
export function gathered(chunks: readonly { readonly chunk: Uint8Array }[]): Uint8Array[] {
  const list = chunks.map(({ chunk }) => chunk);
  return list.reduce((sum, { length }) => sum + length, 0) <= gatheredBytesMax ? [Buffer.concat(list)] : list;
}

const gatheredBytesMax = 65_536;

function ignore(): void {}

function destroyThis(this: Duplex): void {
  this.destroy();
}

function hostOf({ host }: Address): string | undefined {
  return host === '' ? undefined : host;
}

function portOf({ host, port }: Address): number | undefined {
  return host === '' ? undefined : port;
}

function familyOf({ host }: Address): string | undefined {
  const family = ipFamily(host);
  return family === 0 ? undefined : `IPv${family}`;
}
