/**
 * HTTP on real sockets: origins that answer what a test says, and clients that read whole responses, byte by byte where
 * it matters. What is asserted is what was on the wire, so nothing here understands more of HTTP than it has to.
 */
import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { dialPeer, Origin, type Peer } from './world.ts';

/** One response as a client read it. */
export interface Reply {
  readonly status: number;
  /** Lower-case names; several of one name joined by `, `. */
  readonly fields: Readonly<Record<string, string>>;
  readonly body: string;
  /** Bytes from the status line to the end of the body. */
  readonly bytes: number;
}

/** Reads the response that begins at `from`, as soon as all of it has come. HEAD has no body, whatever its fields say. */
export async function readReply(peer: Peer, from = 0, method = 'GET'): Promise<Reply> {
  for (let wanted = from + 1; ; wanted += 1) {
    const bytes = await peer.atLeast(wanted);
    const reply = replyIn(bytes.toString('latin1').slice(from), method);
    if (reply !== null) return reply;
    wanted = bytes.length;
  }
}

/**
 * Every complete response that the client has read, 1xx left out.
 * @param methods of the requests in order; GET where there are fewer.
 */
export function repliesIn({ text }: Peer, methods: readonly string[] = []): Reply[] {
  const replies: Reply[] = [];
  let at = 0;
  const next = (): Reply | null => replyIn(text.slice(at), methods[replies.length]);
  for (let reply = next(); reply !== null; reply = next()) {
    if (reply.status >= 200) replies.push(reply);
    at += reply.bytes;
  }
  return replies;
}

/** The first complete response in the text, or null. A body until close is not understood here. */
export function replyIn(text: string, method = 'GET'): Reply | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const [first = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(first.split(' ')[1]);
  const fields: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    fields[name] = fields[name] === undefined ? value : `${fields[name]}, ${value}`;
  }
  const body = bodyIn(text.slice(headEnd + 4), status, fields, method);
  return body === null ? null : { status, fields, body: body.text, bytes: headEnd + 4 + body.bytes };
}

interface BodyFound {
  readonly text: string;
  readonly bytes: number;
}

function bodyIn(
  text: string,
  status: number,
  fields: Readonly<Record<string, string>>,
  method: string,
): BodyFound | null {
  if (method === 'HEAD' || status === 204 || status === 304 || status < 200) return { text: '', bytes: 0 };
  if (fields['transfer-encoding'] === 'chunked') return chunkedIn(text);
  const length = Number(fields['content-length'] ?? 0);
  return text.length < length ? null : { text: text.slice(0, length), bytes: length };
}

function chunkedIn(text: string): BodyFound | null {
  let at = 0;
  let body = '';
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (size === 0) {
      const end = text.startsWith('\r\n', lineEnd + 2) ? lineEnd + 4 : text.indexOf('\r\n\r\n', lineEnd) + 4;
      return end < 4 || end > text.length ? null : { text: body, bytes: end };
    }
    if (text.length < lineEnd + 2 + size + 2) return null;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}

/** Sends one request on a connection of its own and reads its answer. */
export async function ask(port: number, request: string, method = 'GET'): Promise<Reply> {
  const client = await dialPeer(port);
  client.send(request);
  const reply = await readReply(client, 0, method);
  client.socket.destroy();
  return reply;
}

/** A request without a body. */
export function get(path: string, more = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: a.example\r\n${more}\r\n`;
}

/** What an origin saw of one request, as text: the head and, once it has come, the body. */
export interface Seen {
  readonly head: string;
  readonly body: string;
}

/**
 * An origin that reads requests byte by byte and answers each with the next of `answers`, the last one again and again.
 * It understands Content-Length and chunked, so that it notices a request that another origin would split differently.
 */
export class ScriptedOrigin implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly connections: Peer[] = [];
  readonly #origin: Origin;

  private constructor(origin: Origin) {
    this.#origin = origin;
  }

  /** @param answer the whole response for request number `count` (0 first) of the origin, or null: none. */
  static async start(answer: (seen: Seen, count: number, peer: Peer) => string | null): Promise<ScriptedOrigin> {
    const scripted = new ScriptedOrigin(await Origin.start((peer) => scripted.#serve(peer, answer)));
    return scripted;
  }

  get port(): number {
    return this.#origin.port;
  }

  #serve(peer: Peer, answer: (seen: Seen, count: number, peer: Peer) => string | null): void {
    this.connections.push(peer);
    let used = 0;
    peer.socket.on('data', () => {
      for (;;) {
        const request = requestIn(peer.text.slice(used));
        if (request === null) return;
        used += request.bytes;
        const seen = { head: request.head, body: request.body };
        this.seen.push(seen);
        const text = answer(seen, this.seen.length - 1, peer);
        if (text !== null) peer.send(text);
      }
    });
    peer.socket.on('end', () => peer.socket.end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#origin[Symbol.asyncDispose]();
  }
}

function requestIn(text: string): (Seen & { readonly bytes: number }) | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const head = text.slice(0, headEnd);
  const fields: Record<string, string> = {};
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const rest = text.slice(headEnd + 4);
  if (fields['transfer-encoding'] === 'chunked') {
    const found = chunkedIn(rest);
    return found === null ? null : { head, body: found.text, bytes: headEnd + 4 + found.bytes };
  }
  const length = Number(fields['content-length'] ?? 0);
  return rest.length < length ? null : { head, body: rest.slice(0, length), bytes: headEnd + 4 + length };
}

/** `HTTP/1.1 200 OK` with this body. */
export function ok(body: string, more = ''): string {
  return `HTTP/1.1 200 OK\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** An origin of Node's own. */
export class NodeOrigin implements AsyncDisposable {
  readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async start(
    handle: (request: IncomingMessage, response: ServerResponse) => void,
    options: ServerOptions = {},
  ): Promise<NodeOrigin> {
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, ...options }, handle);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new NodeOrigin(server);
  }

  get port(): number {
    const address: string | AddressInfo | null = this.server.address();
    if (address === null || typeof address === 'string') throw new Error('the origin is not listening on a port');
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
