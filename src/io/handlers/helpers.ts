/**
 * Socket handlers ready made: answer what a client says with itself, a line, an HTTP response or a redirect.
 *
 * Decides nothing about a connection: each returns a handler like any an embedder writes. What a raw stream says is read
 * only where the answer needs it, and only up to a limit. To pass a connection on, a route has the action `forward`.
 * Read first: `socket-handler.ts`. RFC 9112 §3 for the request line.
 */
import type { Duplex } from 'node:stream';
import type { HandlerContext, SocketHandler } from '../../routing/http-plan.ts';

/** Sends everything back, FIN included. */
export function echo(): SocketHandler {
  return (socket) => {
    socket.pipe(socket);
  };
}

/** Says `text`, or nothing, and ends. */
export function block(text = ''): SocketHandler {
  return (socket) => conclude(socket, text);
}

/** Answers any HTTP/1.x client, whatever it asks, and ends. @param status 200 to 599. @param body plain text. */
export function httpRespond(status: number, body = ''): SocketHandler {
  const answer = response(status, [], body);
  return (socket) => conclude(socket, answer);
}

/**
 * Sends an HTTP/1.x client elsewhere.
 * @param template `{host}`, `{path}` and `{query}` are replaced: the name the client asked for, the path, and the query with
 * its question mark; anything else is literal.
 * @param status 301, 302, 303, 307 or 308.
 */
export function httpRedirect(template: string, status: 301 | 302 | 303 | 307 | 308 = 302): SocketHandler {
  return (socket, context) => {
    let line = '';
    socket.on('end', () => conclude(socket, ''));
    socket.on('data', function look(chunk: Buffer) {
      line += chunk.toString('latin1');
      const end = line.indexOf('\n');
      if (end < 0 && line.length < lineCharsMax) return;
      socket.off('data', look);
      const location = end < 0 ? null : locationOf(line.slice(0, end), template, context);
      conclude(socket, location === null ? badRequest : response(status, ['location', location], ''));
    });
  };
}

const lineCharsMax = 8_192;
/** Method, origin-form or absolute-form target, version; no other octet than visible ASCII can reach the field. */
const requestLine = /^[!-~]{1,32} (?:http:\/\/[!-.0-~]+)?(\/[!-"$->@-~]*)(\?[!-"$-~]*)? HTTP\/1\.[01]\r?$/;

function locationOf(line: string, template: string, { serverName }: HandlerContext): string | null {
  const [, path, query = ''] = requestLine.exec(line) ?? [];
  if (path === undefined || (serverName === null && template.includes('{host}'))) return null;
  // `//elsewhere` at the front of a reference would name another host.
  const values: Readonly<Record<string, string>> = {
    host: serverName ?? '',
    path: path.replace(/^[/\\]+/, '/'),
    query,
  };
  return template.replaceAll(/\{(host|path|query)\}/g, (_whole, name: string) => values[name] ?? '');
}

/** The answer, then FIN; what still comes is dropped, so that the client reads the answer and not a reset. */
function conclude(socket: Duplex, answer: string): void {
  if (socket.writableEnded) return;
  socket.end(answer, 'latin1');
  socket.resume();
}

function response(status: number, fields: readonly string[], body: string): string {
  const bytes = Buffer.from(body);
  const lines = [`HTTP/1.1 ${status} ${reasonPhrases[status] ?? ''}`];
  for (let at = 0; at + 1 < fields.length; at += 2) lines.push(`${fields[at] ?? ''}: ${fields[at + 1] ?? ''}`);
  const hasBody = status !== 204 && status !== 304;
  if (hasBody) lines.push('content-type: text/plain; charset=utf-8', `content-length: ${bytes.length}`);
  return `${[...lines, 'connection: close', '', ''].join('\r\n')}${hasBody ? bytes.toString('latin1') : ''}`;
}

const reasonPhrases: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  410: 'Gone',
  429: 'Too Many Requests',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

const badRequest = response(400, [], 'what you sent is no HTTP request');
