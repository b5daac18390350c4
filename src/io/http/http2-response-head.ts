/**
 * The head of an HTTP/2 response into the model, and heads of the model into what node:http2 takes.
 *
 * Decides: whether an upstream's head is clean, because it may be written as HTTP/1.1, where a line end in a value is
 * another response. Pure. Must never do: pass on what only holds a connection.
 * @see RFC 9113 §8.3.2, RFC 8441 §5
 */
import type { OutgoingHttpHeaders } from 'node:http2';
import {
  type Body,
  type HttpProblem,
  noBody,
  type RequestHead,
  type ResponseHead,
  streamBody,
} from '../../protocols/http/message.ts';
import { fieldProblem, outgoing, readLength, withLength } from './http2-fields.ts';

export type ReadResponse = { readonly head: ResponseHead } | { readonly problem: HttpProblem };

const toHead = 'HEAD';

/**
 * @param method of the request.
 * @param isComplete true exactly when no body and no trailers follow.
 */
export function readResponseHead(raw: readonly string[], method: string, isComplete: boolean): ReadResponse {
  const draft = new Draft();
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const problem = draft.add(raw[index] ?? '', raw[index + 1] ?? '');
    if (problem !== null) return { problem };
  }
  const { status, length, fields } = draft;
  if (status === null || status === 101) return { problem: wrongStatus };
  const isBodiless = hasNoBody(method, status);
  if (isComplete && !isBodiless && (length ?? 0) > 0) return { problem: tooShort };
  const body = isComplete || isBodiless ? noBody : bodyOf(length);
  const announcedBytes = isAnnouncement(method, status) ? length : null;
  return {
    head: { status, version: '2', reason: '', fields, body, upgrade: null, announcedBytes, isPersistent: true },
  };
}

function isAnnouncement(method: string, status: number): boolean {
  return status === 304 || (method === toHead && status >= 200 && status !== 204);
}

function hasNoBody(method: string, status: number): boolean {
  return method === toHead || status < 200 || status === 204 || status === 304;
}

class Draft {
  status: number | null = null;
  length: number | null = null;
  readonly fields: string[] = [];

  add(name: string, value: string): HttpProblem | null {
    if (name.startsWith(':')) return this.#addPseudo(name, value);
    const problem = fieldProblem(name, value);
    if (problem !== null) return bad(problem);
    if (name === 'content-length') return this.#addLength(value);
    if (!dropped.has(name)) this.fields.push(name, value);
    return null;
  }

  #addPseudo(name: string, value: string): HttpProblem | null {
    if (name !== ':status' || this.status !== null || !/^[1-5][0-9][0-9]$/.test(value)) return wrongStatus;
    this.status = Number(value);
    return null;
  }

  #addLength(value: string): HttpProblem | null {
    const isFirst = this.length === null;
    this.length = readLength(value);
    return isFirst && this.length !== null ? null : wrongLength;
  }
}

/** A request's head for an upstream. `authority`: where the request has none. */
export function requestHeaders(head: RequestHead, authority: string): OutgoingHttpHeaders {
  const headers = withLength(outgoing(head.fields), head.body);
  headers[':method'] = head.method;
  headers[':scheme'] = 'http';
  headers[':authority'] = head.authority === '' ? authority : head.authority;
  headers[':path'] = head.target;
  if (head.acceptsTrailers) headers['te'] = 'trailers';
  if (head.expectsContinue) headers['expect'] = '100-continue';
  return headers;
}

/** A response's head for a client. */
export function responseHeaders(head: ResponseHead): OutgoingHttpHeaders {
  const headers = withLength(outgoing(head.fields), head.body);
  if (head.body.kind === 'none' && head.announcedBytes !== null)
    headers['content-length'] = String(head.announcedBytes);
  headers[':status'] = head.status;
  return headers;
}

const dropped: ReadonlySet<string> = new Set(['http2-settings', 'te', 'expect', 'host']);

function bad(detail: string): HttpProblem {
  return { status: 502, detail };
}

const wrongStatus = bad('the status is not one number from 100 to 599 other than 101');
const wrongLength = bad('the Content-Length is not one number of 1 to 15 digits');
const tooShort = bad('the body is shorter than its Content-Length');

function bodyOf(length: number | null): Body {
  return length === null ? streamBody : { kind: 'length', bytes: length };
}
