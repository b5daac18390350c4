/**
 * What can be wrong with certificates that are ordered: names that no order can hold, nobody to write to, ways of proof that
 * cannot be gone, keys that would be ignored.
 *
 * Read first: `schema-acme.ts`, `acme-effective.ts`.
 */
import { compileHostPattern } from '../routing/match-host.ts';
import { type AcmeDraft, challengesOf, effectiveAcme } from './acme-effective.ts';
import type { DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';
import { ownValue, valueAt } from './plain.ts';
import { tlsOf, tlsPath } from './tls-needs.ts';

/** Of an `acme` by itself: the route's, or the top level's. */
export function checkAcme(acme: AcmeDraft | undefined, path: Path): readonly Finding[] {
  if (acme === undefined) return [];
  const findings: Finding[] = [];
  const { directory, useProduction, challenges, dns, challengePort } = acme;
  const said = useProduction === true ? 'letsencrypt' : 'letsencrypt-staging';
  if (useProduction !== undefined && directory !== undefined && directory !== said)
    findings.push({
      path: [...path, 'useProduction'],
      message: `useProduction: ${useProduction} means directory: ${said}, and directory says otherwise; keep one of them`,
      part: 'key',
    });
  if (dns !== undefined && challenges !== undefined && !challenges.includes('dns-01'))
    findings.push({
      path: [...path, 'dns'],
      message: 'dns cannot be enforced here: dns-01 is not among the challenges',
      part: 'key',
    });
  if (challengePort !== undefined && challenges !== undefined && !challenges.includes('http-01'))
    findings.push({
      path: [...path, 'challengePort'],
      message: 'challengePort cannot be enforced here: http-01 is not among the challenges',
      part: 'key',
    });
  return findings;
}

/** The top level's `acme`. */
export interface TopAcme {
  readonly read: AcmeDraft | undefined;
  readonly written: unknown;
}

/** Of a route whose certificate is ordered. */
export function checkOrders(draft: DraftRoute, top: TopAcme): readonly Finding[] {
  const base: Path = ['routes', draft.index, ...tlsPath(draft.raw)];
  const own = tlsOf(draft.route)?.acme;
  const acme = effectiveAcme(own, top.read);
  const ownPath = [...base, 'acme'];
  const isWritten = (key: string) => valueAt(draft.raw, [...tlsPath(draft.raw), 'acme', key]) !== undefined;
  const at = (key: string): Path => (isWritten(key) ? [...ownPath, key] : ['acme', key]);
  const findings = [...checkAcme(own, ownPath), ...checkNames(draft, acme, base)];
  // An address that could not be read is told about where it stands.
  if (acme.email === undefined && !isWritten('email') && ownValue(top.written, 'email') === undefined)
    findings.push({
      path: [...base, 'certificate'],
      message: 'certificate: auto needs an e-mail address that the authority can write to, and there is none',
      expected: 'acme: { email: you@example.com }, at the top level or here',
      part: 'key',
    });
  if (acme.challenges?.includes('dns-01') === true && acme.dns === undefined)
    findings.push({
      path: at('challenges'),
      message: 'dns-01 cannot be gone without dns, which is a pair of functions in TypeScript or JavaScript',
      expected: 'dns: { publish, withdraw }, or other challenges',
    });
  return findings;
}

function checkNames({ index, raw, route }: DraftRoute, acme: AcmeDraft, base: Path): readonly Finding[] {
  const { domains } = route.match ?? {};
  const written = valueAt(raw, ['match', 'domains']);
  if (domains === undefined) {
    if (written !== undefined || acme.ask !== undefined) return [];
    return [
      {
        path: [...base, 'certificate'],
        message: 'certificate: auto needs to know for which names: match.domains is missing',
        expected: 'match.domains: [a.example], or in code acme.ask for names that come by',
        part: 'key',
      },
    ];
  }
  const isOrderable = acme.ask !== undefined || orderableNames(domains, acme).length > 0;
  return domains.flatMap((name, position): readonly Finding[] => {
    const problem = nameProblem(name, acme);
    // Beside names that are ordered a wildcard loads with a warning: what is below it may have a certificate elsewhere.
    if (problem === null || acme.ask !== undefined || (problem === needsDns && isOrderable)) return [];
    const path: Path = ['routes', index, 'match', 'domains', ...(Array.isArray(written) ? [position] : [])];
    return [{ path, message: problem, expected: 'names one by one, or a certificate of your own' }];
  });
}

/** Wildcards of a route that no order can hold, beside names that one can. */
export function unorderedWildcards(domains: readonly string[] | undefined, acme: AcmeDraft): readonly string[] {
  return acme.ask === undefined ? (domains ?? []).filter((name) => nameProblem(name, acme) === needsDns) : [];
}

/** Why no order can hold the name; null where one can. */
function nameProblem(name: string, acme: AcmeDraft): string | null {
  if (isAddress(name)) return 'certificate: auto orders for names, and clients never ask for an address by SNI';
  const { kind } = compileHostPattern(name);
  if (kind === 'exact') return null;
  if (kind !== 'wildcard') return 'no certificate can be ordered for such a pattern';
  return challengesOf(acme).includes('dns-01') && acme.dns !== undefined ? null : needsDns;
}

const needsDns = 'a certificate for a wildcard is given for dns-01 only, which needs acme.dns (in code)';

function isAddress(name: string): boolean {
  return name.includes(':') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(name);
}

/** The names of a route that an order can hold. */
export function orderableNames(domains: readonly string[] | null | undefined, acme: AcmeDraft): readonly string[] {
  return (domains ?? []).filter((name) => nameProblem(name, acme) === null);
}
