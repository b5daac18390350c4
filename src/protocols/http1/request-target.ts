/**
 * What a request target asks for, and of whom.
 *
 * Decides which forms are served: a path, `*` with OPTIONS, and `http://authority/path` whose authority is the Host.
 * Must never do: choose between two hosts. @see RFC 9112 §3.2
 */
import { isAuthority } from '../http/authority.ts';
import type { HttpProblem } from '../http/message.ts';
import { slash } from './byte-kinds.ts';

const otherScheme: HttpProblem = { status: 400, detail: 'the request target has a scheme that is not served here' };
const wrongForm: HttpProblem = { status: 400, detail: 'the request target is neither a path nor an absolute URL' };
const wrongAuthority: HttpProblem = { status: 400, detail: 'the request target names no host with an optional port' };
const otherAuthority: HttpProblem = {
  status: 400,
  detail: 'the request target and the Host field name different hosts',
};

/** A target that was taken apart; `authority` is null where it names none. */
export interface AbsoluteTarget {
  readonly target: string;
  readonly authority: string;
}

/** True exactly when the target needs no more than to be forwarded. */
export function isPlainTarget(method: string, target: string): boolean {
  return target.charCodeAt(0) === slash || (target === '*' && method === 'OPTIONS');
}

/** @param host the Host field as it came; null when there is none. */
export function takeApart(method: string, target: string, host: string | null): AbsoluteTarget | HttpProblem {
  const scheme = target.slice(0, 7).toLowerCase();
  if (scheme !== 'http://') return /^[a-z][a-z0-9+.-]*:\/\//i.test(target) ? otherScheme : wrongForm;
  let end = 7;
  while (end < target.length && target[end] !== '/' && target[end] !== '?') end += 1;
  const authority = target.slice(7, end);
  if (!isAuthority(authority)) return wrongAuthority;
  if (host !== null && host.toLowerCase() !== authority.toLowerCase()) return otherAuthority;
  if (end === target.length) return { target: method === 'OPTIONS' ? '*' : '/', authority: host ?? authority };
  const rest = target.slice(end);
  return { target: rest.startsWith('/') ? rest : `/${rest}`, authority: host ?? authority };
}
