/**
 * The fetch form of an HTTP handler, `(Request) => Response`, as the form Node's server calls.
 *
 * Decides: which fields belong to one hop and are neither shown nor sent; that an answer to HEAD and a 204, 205 or 304 has
 * no body. Bodies stream both ways, as fast as their readers take them, and a body that is not wanted any more is
 * cancelled. Must never do: buffer a body, or swallow a fault: what throws here is the caller's to report.
 * Read first: `http-handler.ts`. WHATWG Fetch for `Request`, `Response` and `duplex: 'half'`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FetchHandler, HandlerContext, NodeHandler } from '../../routing/http-plan.ts';

export function nodeFormOf(handle: FetchHandler): NodeHandler {
  return async (incoming, outgoing, context) => {
    const answer: unknown = await handle(requestOf(incoming, context), context);
    if (!isResponse(answer)) throw new TypeError('the handler answered something that is no Response');
    await send(answer, incoming.method ?? '', outgoing);
  };
}

/** Of one hop (RFC 9110 §7.6.1): the proxy's matter, not the handler's. */
const hopFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function requestOf(incoming: IncomingMessage, context: HandlerContext): Request {
  const { method = 'GET', url = '/', rawHeaders, headers } = incoming;
  const fields = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!hopFields.has(name.toLowerCase())) fields.append(name, rawHeaders[at + 1] ?? '');
  }
  // Written by the proxy itself, whatever the client said.
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  const target = url.startsWith('/') ? url : '/';
  const init = { method, headers: fields, signal: context.signal };
  const address = `${scheme}://${headers.host ?? context.serverName ?? 'localhost'}${target}`;
  if (method === 'GET' || method === 'HEAD') return new Request(address, init);
  return new Request(address, { ...init, body: streamOf(incoming), duplex: 'half' });
}

/** One chunk ahead of its reader at most. Chunks are copies: whoever has one may hand it to another thread. */
function streamOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  let isOver = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      incoming.on('data', (chunk: Uint8Array) => {
        if (isOver) return;
        controller.enqueue(new Uint8Array(chunk));
        if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
      });
      incoming.on('end', () => {
        if (!isOver) controller.close();
        isOver = true;
      });
      incoming.on('close', () => {
        if (!isOver) controller.error(new Error('the client left in the middle of its request'));
        isOver = true;
      });
      incoming.pause();
    },
    pull() {
      incoming.resume();
    },
    cancel() {
      isOver = true;
      incoming.resume();
    },
  });
}

async function send(answer: Response, method: string, outgoing: ServerResponse): Promise<void> {
  const { status, statusText, headers, body } = answer;
  const reader = body === null ? null : readerOf(body);
  const fields: string[] = [];
  // Each Set-Cookie comes by itself.
  for (const [name, value] of headers) if (!hopFields.has(name)) fields.push(name, value);
  if (statusText === '') outgoing.writeHead(status, fields);
  else outgoing.writeHead(status, statusText, fields);
  if (reader === null || method === 'HEAD' || status === 204 || status === 205 || status === 304) {
    outgoing.end();
    await reader?.cancel();
    return;
  }
  await sendBody(reader, outgoing);
}

/** What is read of a body: bytes, if its maker kept to the contract. */
interface BodyReader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
  cancel(): Promise<unknown>;
}

function readerOf(body: { getReader(): BodyReader }): BodyReader {
  return body.getReader();
}

async function sendBody(reader: BodyReader, outgoing: ServerResponse): Promise<void> {
  // The head goes with the first bytes where these are there at once, and alone where they let wait.
  const headAlone = setImmediate(() => outgoing.flushHeaders());
  outgoing.on('close', () => {
    clearImmediate(headAlone);
    reader.cancel().catch(ignore);
  });
  for (;;) {
    const { done, value } = await reader.read();
    clearImmediate(headAlone);
    if (outgoing.destroyed) return;
    if (done) break;
    if (!(value instanceof Uint8Array)) throw new TypeError('the body of the Response is not made of bytes');
    if (!outgoing.write(value)) await writable(outgoing);
  }
  outgoing.end();
}

/** When the response takes more, or is gone. */
function writable(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      outgoing.off('drain', settle);
      outgoing.off('close', settle);
      resolve();
    };
    outgoing.on('drain', settle);
    outgoing.on('close', settle);
  });
}

/** Node's own, or one of another implementation of fetch. */
function isResponse(value: unknown): value is Response {
  if (value instanceof Response) return true;
  return typeof value === 'object' && value !== null && 'status' in value && 'headers' in value && 'body' in value;
}

function ignore(): void {}
