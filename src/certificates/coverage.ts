/**
 * Whether certificates cover what their routes ask for: a route whose names nobody has a certificate for refuses every
 * client that asks for them.
 *
 * Decides: what of that deserves a sentence. Pure. Must never do: refuse anything; a certificate may be replaced in time.
 * Read first: `book.ts`, which looks for a certificate in the same order.
 */
import { isCovered } from '../routing/certificate-cover.ts';
import { compileHostPattern } from '../routing/match-host.ts';
import type { ProxyPlan } from '../routing/plan.ts';
import type { TlsPlan } from '../routing/tls-plan.ts';
import { normalName, type NameIndex } from './names.ts';

/** For each plan the patterns of its routes; absent where a route takes every name. */
export type WantedNames = ReadonlyMap<TlsPlan, readonly string[]>;

export function wantedNames({ routes }: Pick<ProxyPlan, 'routes'>): WantedNames {
  const wanted = new Map<TlsPlan, readonly string[]>();
  const open = new Set<TlsPlan>();
  for (const { tls, match, enabled } of routes) {
    if (tls === null || !enabled) continue;
    if (match.domains === null) open.add(tls);
    else wanted.set(tls, [...(wanted.get(tls) ?? []), ...match.domains]);
  }
  for (const tls of open) wanted.delete(tls);
  return wanted;
}

/**
 * One clause; null where somebody's certificate covers every name.
 * @param names of the plan's own certificate
 * @param all of every certificate that is given, as handshakes look for them
 */
export function uncovered(wanted: readonly string[], names: readonly string[], all: NameIndex): string | null {
  const left = wanted.filter((pattern) => !isWithin(pattern, names) && all.find(normalName(pattern)) === null);
  if (left.length === 0) return null;
  const what = left.length === wanted.length ? 'covers none of the names of its route' : 'does not cover';
  return `it ${what} (${listed(left)}), only ${listed(names)}: whoever asks for the others is refused`;
}

/** True where the certificate has, or may have, a name that the pattern takes. */
function isWithin(pattern: string, names: readonly string[]): boolean {
  if (isCovered(names, normalName(pattern))) return true;
  const asked = compileHostPattern(pattern);
  // `*.a.example` stands for one of the names that it covers.
  return asked.kind !== 'exact' && names.some((name) => asked.matches(name.replace(/^\*\./, 'x.')));
}

const listedMax = 5;

function listed(names: readonly string[]): string {
  const shown = names.slice(0, listedMax).join(', ');
  return names.length > listedMax ? `${shown} and ${names.length - listedMax} more` : shown;
}
