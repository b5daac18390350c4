/**
 * How cases of the smuggling corpus are written: one request around the part that is odd.
 *
 * Decides nothing. Must never do: compute what is expected from the code that is judged.
 */
import type { SmugglingCase } from './http1-smuggling-corpus.ts';

/** A byte as it is named in titles. */
export function byteName(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`;
}

export function character(byte: number): string {
  return String.fromCharCode(byte);
}

/** Refused with nothing of it forwarded. */
export function refused(family: string, name: string, status: number, text: string): SmugglingCase {
  return { family, name, text, outcome: { kind: 'refused', status, forwarded: 'nothing' } };
}

/** Refused when its head was told already. */
export function cut(family: string, name: string, text: string, status = 400): SmugglingCase {
  return { family, name, text, outcome: { kind: 'refused', status, forwarded: 'head' } };
}

export function forwarded(family: string, name: string, text: string, canonical: string, rest = ''): SmugglingCase {
  return { family, name, text, outcome: { kind: 'forwarded', canonical, rest } };
}

/** Lines joined and ended with CR LF, and an empty line. */
export function head(...lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`;
}

export const host = 'Host: a.example';

/** GET with one more field line, as it is. */
export function get(line: string): string {
  return head('GET / HTTP/1.1', host, line);
}

/** POST with more field lines and a body. */
export function post(lines: readonly string[], body: string): string {
  return `${head('POST / HTTP/1.1', host, ...lines)}${body}`;
}

/** A POST in chunks. */
export function chunked(body: string): string {
  return post(['Transfer-Encoding: chunked'], body);
}

/** A request that an attacker would hide behind another one. */
export const hidden = head('GET /admin HTTP/1.1', host);

/** What the proxy writes for `get` and `post` where nothing is odd. */
export const plainGet = head('GET / HTTP/1.1', host);
export function plainPost(body: string): string {
  return `${head('POST / HTTP/1.1', host, `Content-Length: ${body.length}`)}${body}`;
}

/** What the proxy writes for a body of chunks: one chunk for all of it. */
export function plainChunks(body: string, ...trailers: readonly string[]): string {
  const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
  const last = ['0', ...trailers, '', ''].join('\r\n');
  return `${head('POST / HTTP/1.1', host, 'Transfer-Encoding: chunked')}${chunk}${last}`;
}

/** Control bytes that may be nowhere in a head but as a line's end. */
export const controls: readonly number[] = [
  ...Array.from({ length: 32 }, (_, byte) => byte).filter((byte) => ![0x09, 0x0a, 0x0d].includes(byte)),
  0x7f,
];
