/**
 * From the parts of a request's head to the model, or to the reason why it is refused.
 *
 * Decides everything that takes the whole head: one Host, one way of framing, expectations, upgrades, persistence.
 * Must never do: repair. What two readers could understand differently is refused.
 * @see RFC 9112 §3.2, §6.1 to §6.3 and §9.3, RFC 9110 §7.8 and §10.1.1
 */
import { isAuthority } from '../http/authority.ts';
import { type Body, type HttpProblem, noBody, type RequestHead, streamBody } from '../http/message.ts';
import { methodProblem } from '../http/validate.ts';
import type { HeadParts } from './head-parts.ts';
import { isTokenList, listHas, onlyToken } from './list-elements.ts';
import { requestProblems } from './problems.ts';
import { isPlainTarget, takeApart } from './request-target.ts';

const missingHost: HttpProblem = { status: 400, detail: 'an HTTP/1.1 request has no Host field' };
const severalHosts: HttpProblem = { status: 400, detail: 'the request has several Host fields' };
const wrongHost: HttpProblem = { status: 400, detail: 'the Host field is not a host name with an optional port' };
const oldCoding: HttpProblem = { status: 400, detail: 'an HTTP/1.0 request has a Transfer-Encoding' };
const severalCodings: HttpProblem = { status: 400, detail: 'the request has several Transfer-Encoding fields' };
const unknownCoding: HttpProblem = { status: 501, detail: 'the request has a transfer coding other than chunked' };
const wrongCoding: HttpProblem = { status: 400, detail: 'the Transfer-Encoding is not exactly chunked' };
const otherExpectation: HttpProblem = { status: 417, detail: 'the request expects something other than 100-continue' };
const shadowName: HttpProblem = {
  status: 400,
  detail: 'a field name has an underscore where a field of the proxy has a hyphen',
};

export interface RequestLineParts {
  readonly method: string;
  readonly target: string;
  readonly isMinorOne: boolean;
  /** True exactly when a field name has an underscore. */
  readonly hasUnderscore: boolean;
}

export function requestHeadOf(line: RequestLineParts, parts: HeadParts): RequestHead | HttpProblem {
  const problem =
    methodProblem(line.method) ??
    hostProblem(line, parts) ??
    parts.problem(requestProblems) ??
    codingProblem(line, parts) ??
    (line.hasUnderscore ? shadowProblem(parts) : null);
  if (problem !== null) return problem;
  if (parts.expects > 0 && (parts.expects > 1 || parts.expect?.toLowerCase() !== '100-continue'))
    return otherExpectation;
  if (isPlainTarget(line.method, line.target)) return modelOf(line, parts, line.target, parts.host ?? '');
  const asked = takeApart(line.method, line.target, parts.host);
  return 'detail' in asked ? asked : modelOf(line, parts, asked.target, asked.authority);
}

function modelOf(line: RequestLineParts, parts: HeadParts, target: string, authority: string): RequestHead {
  const { connection, length } = parts;
  const isModern = line.isMinorOne;
  const body: Body = parts.codings > 0 ? streamBody : length < 0 ? noBody : { kind: 'length', bytes: length };
  const isOffered = parts.upgrades === 1 && connection.upgrade && isModern && body.kind === 'none';
  return {
    method: line.method,
    target,
    version: isModern ? '1.1' : '1.0',
    authority,
    fields: parts.fields,
    body,
    expectsContinue: parts.expects > 0 && isModern && (parts.codings > 0 || length > 0),
    upgrade: isOffered && parts.upgrade !== null ? onlyToken(parts.upgrade) : null,
    acceptsTrailers: parts.accepts !== null && listHas(parts.accepts, 'trailers'),
    isPersistent: !connection.close && (isModern || connection.keepAlive),
  };
}

function hostProblem(line: RequestLineParts, parts: HeadParts): HttpProblem | null {
  if (parts.hosts > 1) return severalHosts;
  if (parts.host === null) return line.isMinorOne ? missingHost : null;
  return isAuthority(parts.host) ? null : wrongHost;
}

function codingProblem(line: RequestLineParts, parts: HeadParts): HttpProblem | null {
  const { coding, codings } = parts;
  if (coding === null) return null;
  if (!line.isMinorOne) return oldCoding;
  if (codings > 1) return severalCodings;
  if (coding.toLowerCase() === 'chunked') return null;
  return isTokenList(coding) && coding.split(',').some((element) => !listHas(element, 'chunked'))
    ? unknownCoding
    : wrongCoding;
}

/** Names that a backend which reads `_` as `-` would take for one that frames, or that this proxy vouches for. */
const shadowed: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'proxy-connection',
  'keep-alive',
  'x-real-ip',
]);

function shadowProblem(parts: HeadParts): HttpProblem | null {
  for (let index = 0; index < parts.fields.length; index += 2) {
    const name = parts.fields[index] ?? '';
    if (name.includes('_') && isShadow(name.toLowerCase().replaceAll('_', '-'))) return shadowName;
  }
  return null;
}

/** @param hyphenated lower case. */
export function isShadow(hyphenated: string): boolean {
  return shadowed.has(hyphenated) || hyphenated.startsWith('x-forwarded-');
}
