/**
 * Host names and patterns of host names as people write them, in the one form the routes compare.
 *
 * Read first: `../routing/match-host.ts`, which says what a pattern is.
 */
import { hostPatternProblem, normaliseHost } from '../routing/match-host.ts';

export type DomainResult =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly message: string };

/** Lower case, ASCII, without port and trailing dot; or what is wrong with it. */
export function readDomain(text: string): DomainResult {
  const name = normaliseHost(text).split('.').map(asciiLabel).join('.');
  const problem = hostPatternProblem(name);
  return problem === null ? { ok: true, name } : { ok: false, message: `this ${problem}` };
}

/** Clients send international names in their ASCII form (RFC 5891), so they are compared in it; a glob has no such form. */
function asciiLabel(label: string): string {
  const isInternational = /[^\p{ASCII}]/u.test(label) && !/[*?]/.test(label);
  return !isInternational
    ? label
    : (URL.parse(`http://${label}.example/`)?.hostname.replace(/\.example$/, '') ?? label);
}
