/**
 * A second reader of requests for the wire tests, as strict as RFC 9112 allows, and an origin that reads with it.
 *
 * It shares no code with what it judges. Whatever it does not understand is a finding (`problems`): what a proxy sends must
 * never leave room for two readings. It keeps every byte, so that a test may compare them.
 */
import { Origin, type Peer } from './world.ts';

/** One whole request, with the bytes it took. */
export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  /** The head's lines behind the request line, as they came. */
  readonly lines: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
  /** Every byte of it. */
  readonly text: string;
}

const requestLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e]+) HTTP\/1\.1$/;
const fieldLine =
  /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: (?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/;

/** The values of a field, by lower-case name. */
export function valuesOf(lines: readonly string[], name: string): readonly string[] {
  return lines
    .filter((line) => line.slice(0, line.indexOf(':')).toLowerCase() === name)
    .map((line) => line.slice(name.length + 2));
}

/**
 * The request that begins the text, or null while it is not whole.
 * @throws Error when it can be no clean request.
 */
export function strictRequestIn(text: string): StrictRequest | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const [first = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const [, method, target] = requestLine.exec(first) ?? [];
  if (method === undefined || target === undefined) throw new Error(`a request line: ${JSON.stringify(first)}`);
  for (const line of lines) if (!fieldLine.test(line)) throw new Error(`a field line: ${JSON.stringify(line)}`);
  if (valuesOf(lines, 'host').length !== 1) throw new Error('not exactly one Host');
  const body = bodyIn(text, headEnd + 4, lines);
  if (body === null) return null;
  return { method, target, lines, body: body.text, trailers: body.trailers, text: text.slice(0, body.end) };
}

interface BodyFound {
  readonly text: string;
  readonly trailers: readonly string[];
  readonly end: number;
}

function bodyIn(text: string, start: number, lines: readonly string[]): BodyFound | null {
  const lengths = valuesOf(lines, 'content-length');
  const codings = valuesOf(lines, 'transfer-encoding');
  if (lengths.length + codings.length > 1) throw new Error('framed more than once');
  const [length] = lengths;
  if (length !== undefined) {
    if (!/^\d{1,15}$/.test(length)) throw new Error(`a length: ${JSON.stringify(length)}`);
    const end = start + Number(length);
    return text.length < end ? null : { text: text.slice(start, end), trailers: [], end };
  }
  if (codings.length === 0) return { text: '', trailers: [], end: start };
  if (codings[0] !== 'chunked') throw new Error(`a coding: ${JSON.stringify(codings[0])}`);
  return chunksIn(text, start);
}

function chunksIn(text: string, start: number): BodyFound | null {
  let body = '';
  for (let at = start; ;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const size = text.slice(at, lineEnd);
    if (!/^[0-9a-f]{1,13}$/.test(size)) throw new Error(`a chunk size: ${JSON.stringify(size)}`);
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) return trailersIn(text, lineEnd, body);
    const end = lineEnd + 2 + bytes;
    if (text.length < end + 2) return null;
    if (text.slice(end, end + 2) !== '\r\n') throw new Error('no line end behind a chunk');
    body += text.slice(lineEnd + 2, end);
    at = end + 2;
  }
}

function trailersIn(text: string, lineEnd: number, body: string): BodyFound | null {
  const end = text.indexOf('\r\n\r\n', lineEnd);
  if (end === -1) return null;
  const lines = end === lineEnd ? [] : text.slice(lineEnd + 2, end).split('\r\n');
  for (const line of lines) if (!fieldLine.test(line)) throw new Error(`a trailer: ${JSON.stringify(line)}`);
  return { text: body, trailers: lines, end: end + 4 };
}

/** One connection to the strict origin. */
export interface StrictConnection {
  readonly peer: Peer;
  /** Whole requests, in order. */
  readonly requests: StrictRequest[];
  /** What has come of a request that is not whole. */
  rest: string;
}

/** Answers each whole request once, with what the test says. */
export class StrictOrigin implements AsyncDisposable {
  readonly connections: StrictConnection[] = [];
  /** Of all connections, in the order in which they became whole. */
  readonly requests: StrictRequest[] = [];
  readonly problems: string[] = [];
  readonly #origin: Origin;

  private constructor(origin: Origin) {
    this.#origin = origin;
  }

  static async start(
    answer: (request: StrictRequest, connection: StrictConnection) => string | null,
  ): Promise<StrictOrigin> {
    const strict: StrictOrigin = new StrictOrigin(await Origin.start((peer) => strict.#serve(peer, answer)));
    return strict;
  }

  get port(): number {
    return this.#origin.port;
  }

  #serve(peer: Peer, answer: (request: StrictRequest, connection: StrictConnection) => string | null): void {
    const connection: StrictConnection = { peer, requests: [], rest: '' };
    this.connections.push(connection);
    peer.socket.on('data', (chunk: Buffer) => {
      connection.rest += chunk.toString('latin1');
      for (let request = this.#next(connection); request !== null; request = this.#next(connection)) {
        connection.requests.push(request);
        this.requests.push(request);
        const text = answer(request, connection);
        if (text !== null) peer.send(text);
      }
    });
    peer.socket.on('end', () => peer.socket.end());
  }

  #next(connection: StrictConnection): StrictRequest | null {
    try {
      const request = strictRequestIn(connection.rest);
      if (request !== null) connection.rest = connection.rest.slice(request.text.length);
      return request;
    } catch (error) {
      this.problems.push(`${String(error)} in ${JSON.stringify(connection.rest)}`);
      connection.peer.reset();
      connection.rest = '';
      return null;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#origin[Symbol.asyncDispose]();
  }
}
