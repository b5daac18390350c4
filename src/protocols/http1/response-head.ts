/**
 * From the parts of a response's head to the model, or to the reason why it is no clean response.
 *
 * Decides how the body is framed, which depends on the method of the request too, and whether the connection may go on.
 * A length on a response that has no body is believed where it can only be read one way: `Content-Length: 0` with 204 is
 * common and harmless, anything else there is unclean.
 * @see RFC 9112 §6.3 and §9.3, RFC 9110 §6.4.1, §7.8 and §15.2
 */
import { type Body, bodyUntilClose, type HttpProblem, noBody, type ResponseHead, streamBody } from '../http/message.ts';
import type { HeadParts } from './head-parts.ts';
import { onlyToken } from './list-elements.ts';
import { responseProblems } from './problems.ts';

const oldCoding: HttpProblem = { status: 502, detail: 'an HTTP/1.0 response has a Transfer-Encoding' };
const wrongCoding: HttpProblem = {
  status: 502,
  detail: 'the Transfer-Encoding of the response is not exactly chunked',
};
const bodyWhereNone: HttpProblem = { status: 502, detail: 'the response announces a body that its status cannot have' };
const wrongSwitch: HttpProblem = { status: 502, detail: 'the response switches protocols without naming one' };

export interface StatusLineParts {
  readonly status: number;
  readonly reason: string;
  readonly isMinorOne: boolean;
}

/** @param method of the request that is answered. */
export function responseHeadOf(line: StatusLineParts, parts: HeadParts, method: string): ResponseHead | HttpProblem {
  const { status } = line;
  const hasNoContent = status < 200 || status === 204;
  const problem = parts.problem(responseProblems) ?? codingProblem(line, parts) ?? contentProblem(hasNoContent, parts);
  if (problem !== null) return problem;
  const upgrade = status === 101 ? switchedTo(parts) : null;
  if (status === 101 && upgrade === null) return wrongSwitch;
  const isSilent = hasNoContent || status === 304 || method === 'HEAD';
  const body = isSilent ? noBody : bodyOf(parts);
  return {
    status,
    version: line.isMinorOne ? '1.1' : '1.0',
    reason: line.reason,
    fields: parts.fields,
    body,
    upgrade,
    announcedBytes: isSilent ? announced(parts, hasNoContent) : null,
    isPersistent: upgrade === null && mayPersist(line, parts, body),
  };
}

function mayPersist(line: StatusLineParts, { connection }: HeadParts, body: Body): boolean {
  return body.kind !== 'untilClose' && !connection.close && (line.isMinorOne || connection.keepAlive);
}

function announced(parts: HeadParts, hasNoContent: boolean): number | null {
  return hasNoContent || parts.length < 0 ? null : parts.length;
}

function bodyOf(parts: HeadParts): Body {
  const { length } = parts;
  if (parts.codings > 0) return streamBody;
  return length < 0 ? bodyUntilClose : { kind: 'length', bytes: length };
}

function switchedTo(parts: HeadParts): string | null {
  if (parts.upgrades !== 1 || parts.upgrade === null || !parts.connection.upgrade) return null;
  return onlyToken(parts.upgrade);
}

function codingProblem(line: StatusLineParts, parts: HeadParts): HttpProblem | null {
  if (parts.coding === null) return null;
  if (!line.isMinorOne) return oldCoding;
  return parts.codings === 1 && parts.coding.toLowerCase() === 'chunked' ? null : wrongCoding;
}

function contentProblem(hasNoContent: boolean, parts: HeadParts): HttpProblem | null {
  return hasNoContent && (parts.codings > 0 || parts.length > 0) ? bodyWhereNone : null;
}
