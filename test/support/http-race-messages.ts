/**
 * HTTP/1.1 as the far ends of the race read it: a second opinion on every byte that the proxy writes.
 *
 * Strict and small: what it does not understand is a fault of whoever wrote it. It shares no code with the proxy.
 * Read first: `http-race-peers.ts`.
 */
export interface Message {
  /** The first line, without its end. */
  readonly line: string;
  /** By lower-case name; several values joined by a comma. */
  readonly fields: ReadonlyMap<string, string>;
  body: string;
  /** The whole message has been read; of a message that ends with its connection: FIN has. */
  isComplete: boolean;
  /** The status of a response; 0 of a request. */
  readonly status: number;
}

/** What the next response is to be read as; null: nobody asked for one. */
export type MethodOf = (at: number) => string | null;

type Body =
  | { readonly kind: 'none' | 'untilClose' }
  | { readonly kind: 'length'; left: number }
  | { readonly kind: 'chunked'; left: number; isInTrailers: boolean };

export class MessageReader {
  readonly messages: Message[] = [];
  /** 1xx, which are no answers. */
  readonly interim: Message[] = [];
  /** What was wrong, and where nothing is read any more; null while all is well. */
  fault: string | null = null;
  /** What follows a 101, or a WebSocket request that was taken; null before. */
  tunnel: string | null = null;
  readonly #methodOf: MethodOf | null;
  #text = '';
  #open: { readonly message: Message; readonly body: Body } | null = null;

  /** @param methodOf null: requests are read. */
  constructor(methodOf: MethodOf | null) {
    this.#methodOf = methodOf;
  }

  get isBetween(): boolean {
    return this.#open === null && this.#text === '';
  }

  feed(text: string): void {
    if (this.tunnel !== null) {
      this.tunnel += text;
      return;
    }
    this.#text += text;
    while (this.fault === null && this.#advance());
  }

  /** FIN: what ends with its connection is complete. */
  ended(): void {
    if (this.#open?.body.kind !== 'untilClose') return;
    this.#open.message.isComplete = true;
    this.#open = null;
  }

  /** What is not read yet, and all that follows, belongs to another protocol. */
  switched(): void {
    this.tunnel ??= this.#text;
    this.#text = '';
  }

  #advance(): boolean {
    if (this.tunnel !== null) return false;
    return this.#open === null ? this.#head() : this.#body(this.#open.message, this.#open.body);
  }

  #head(): boolean {
    const end = this.#text.indexOf('\r\n\r\n');
    if (end === -1) return false;
    const [line = '', ...rest] = this.#text.slice(0, end).split('\r\n');
    this.#text = this.#text.slice(end + 4);
    const fields = new Map<string, string>();
    for (const one of rest) {
      const colon = one.indexOf(':');
      if (colon < 1) return this.#broken(`no field: ${one}`);
      const name = one.slice(0, colon).toLowerCase();
      const value = one.slice(colon + 1).trim();
      fields.set(name, fields.has(name) ? `${fields.get(name) ?? ''}, ${value}` : value);
    }
    return this.#methodOf === null ? this.#request(line, fields) : this.#response(line, fields, this.#methodOf);
  }

  #request(line: string, fields: ReadonlyMap<string, string>): boolean {
    if (!/^[A-Z]+ \/\S* HTTP\/1\.1$/.test(line)) return this.#broken(`no request line: ${line}`);
    return this.#opened(line, fields, 0, framingOf(fields) ?? { kind: 'none' });
  }

  #response(line: string, fields: ReadonlyMap<string, string>, methodOf: MethodOf): boolean {
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(line)?.[1]);
    if (!(status >= 100)) return this.#broken(`no status line: ${line}`);
    const method = methodOf(this.messages.length);
    if (method === null) return this.#broken(`an answer that nobody asked for: ${line}`);
    if (status === 101) {
      this.#opened(line, fields, status, { kind: 'none' });
      this.switched();
      return false;
    }
    if (status < 200) {
      this.interim.push({ line, fields, body: '', isComplete: true, status });
      return true;
    }
    const hasNone = method === 'HEAD' || status === 204 || status === 304;
    return this.#opened(
      line,
      fields,
      status,
      hasNone ? { kind: 'none' } : (framingOf(fields) ?? { kind: 'untilClose' }),
    );
  }

  #opened(line: string, fields: ReadonlyMap<string, string>, status: number, body: Body): boolean {
    const message: Message = { line, fields, body: '', isComplete: false, status };
    this.messages.push(message);
    if (body.kind === 'none' || (body.kind === 'length' && body.left === 0)) message.isComplete = true;
    else this.#open = { message, body };
    return true;
  }

  #body(message: Message, body: Body): boolean {
    switch (body.kind) {
      case 'length':
        message.body += this.#take(body.left);
        body.left -= this.#taken;
        return body.left > 0 ? false : this.#finished(message);
      case 'chunked':
        return this.#chunk(message, body);
      default:
        message.body += this.#take(this.#text.length);
        return false;
    }
  }

  #chunk(message: Message, body: Extract<Body, { kind: 'chunked' }>): boolean {
    if (body.left > 0) {
      message.body += this.#take(body.left);
      body.left -= this.#taken;
      return this.#taken > 0;
    }
    const end = this.#text.indexOf('\r\n');
    if (end === -1) return false;
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 2);
    if (body.isInTrailers) return line === '' ? this.#finished(message) : true;
    // The empty line behind a chunk.
    if (line === '') return true;
    if (!/^[\da-f]+$/i.test(line)) return this.#broken(`no chunk size: ${line}`);
    body.left = Number.parseInt(line, 16);
    if (body.left === 0) body.isInTrailers = true;
    return true;
  }

  #taken = 0;

  #take(count: number): string {
    const taken = this.#text.slice(0, count);
    this.#text = this.#text.slice(taken.length);
    this.#taken = taken.length;
    return taken;
  }

  #finished(message: Message): boolean {
    message.isComplete = true;
    this.#open = null;
    return true;
  }

  #broken(what: string): false {
    this.fault = what.slice(0, 200);
    return false;
  }
}

function framingOf(fields: ReadonlyMap<string, string>): Body | null {
  if (fields.get('transfer-encoding') === 'chunked') return { kind: 'chunked', left: 0, isInTrailers: false };
  const length = fields.get('content-length');
  return length === undefined ? null : { kind: 'length', left: Number(length) };
}
