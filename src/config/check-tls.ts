/**
 * What can be wrong with a route's `tls`: options that the mode, the match, the action or each other make meaningless.
 *
 * The law: an option that is declared and cannot be enforced is an error, and says why.
 * Read first: `schema-tls.ts`; `check-acme.ts` for certificates that are ordered, `check-handshakes.ts` for several routes.
 */
import { checkOrders, type TopAcme } from './check-acme.ts';
import type { DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import type { Path } from './path.ts';
import { isRecord, ownValue, valueAt } from './plain.ts';
import { terminates, tlsMode, tlsOf, tlsPath } from './tls-needs.ts';

export function checkTls(draft: DraftRoute, top: TopAcme): readonly Finding[] {
  const asked = askedOf(draft);
  if (!terminates(draft.raw)) return [...checkVersionMatch(asked), ...checkPassthrough(asked)];
  return [
    ...checkInside(asked),
    ...checkVersions(asked),
    ...checkCertificate(asked),
    ...checkUpstream(asked),
    ...(ownValue(asked.tls, 'certificate') === 'auto' ? checkOrders(draft, top) : []),
  ];
}

interface Asked {
  readonly draft: DraftRoute;
  /** As written. */
  readonly tls: unknown;
  readonly at: (...rest: Path) => Path;
}

function askedOf(draft: DraftRoute): Asked {
  const base = tlsPath(draft.raw);
  return { draft, tls: valueAt(draft.raw, base), at: (...rest) => ['routes', draft.index, ...base, ...rest] };
}

const onlyTerminated = [
  'certificate',
  'acme',
  'minVersion',
  'maxVersion',
  'ciphers',
  'clientAuth',
  'upstream',
] as const;

function checkPassthrough({ draft, tls, at }: Asked): readonly Finding[] {
  if (tlsMode(draft.raw) !== 'passthrough') return [];
  return onlyTerminated
    .filter((key) => ownValue(tls, key) !== undefined)
    .map((key) => ({
      path: at(key),
      message: `tls.${key} cannot be enforced here: on passthrough the handshake is between the client and the upstream`,
      part: 'key',
    }));
}

function checkVersionMatch({ draft: { raw, index } }: Asked): readonly Finding[] {
  if (valueAt(raw, ['match', 'tlsVersion']) === undefined) return [];
  return [
    {
      path: ['routes', index, 'match', 'tlsVersion'],
      message: 'tlsVersion cannot be enforced here: which version is agreed on is known only where TLS is terminated',
      part: 'key',
    },
  ];
}

function checkInside({ draft: { index, route } }: Asked): readonly Finding[] {
  if (route.match?.protocol !== 'tls') return [];
  return [
    {
      path: ['routes', index, 'match', 'protocol'],
      message: 'where TLS is terminated, protocol is what is spoken inside of it',
      expected: 'http, tcp or another protocol of the inside, or no protocol, which is anything',
    },
  ];
}

const versions = ['TLSv1.2', 'TLSv1.3'] as const;

function checkVersions({ draft: { index, route }, at }: Asked): readonly Finding[] {
  const { minVersion = 'TLSv1.2', maxVersion = 'TLSv1.3', ciphers } = tlsOf(route) ?? {};
  const spoken = versions.filter((one) => one >= minVersion && one <= maxVersion);
  if (spoken.length === 0)
    return [{ path: at('maxVersion'), message: `no version is left between ${minVersion} and ${maxVersion}` }];
  const findings: Finding[] = [];
  const wanted = route.match?.tlsVersion;
  if (wanted !== undefined && !wanted.some((one) => spoken.includes(one)))
    findings.push({
      path: ['routes', index, 'match', 'tlsVersion'],
      message: `this can never be agreed on here, where ${spoken.join(' and ')} is spoken`,
    });
  return ciphers === undefined ? findings : [...findings, ...checkSuites(ciphers, spoken, at)];
}

/** Names of TLS 1.2 say nothing about TLS 1.3, and the reverse: a list without any of the one leaves it as by default. */
function checkSuites(ciphers: string, spoken: readonly string[], at: Asked['at']): readonly Finding[] {
  const suites = ciphers.split(':');
  const isFor13 = (suite: string): boolean => suite.startsWith('TLS_');
  if (!spoken.includes('TLSv1.2') && !suites.some(isFor13))
    return [{ path: at('ciphers'), message: 'none of these is a suite of TLS 1.3, and nothing older is spoken' }];
  if (!spoken.includes('TLSv1.3') && suites.every(isFor13))
    return [{ path: at('ciphers'), message: 'all of these are suites of TLS 1.3, which is not spoken' }];
  return [];
}

const certificateExpected =
  'certificate: auto, { cert: ./cert.pem, key: ./key.pem }, or { pfx: ./both.pfx, passphrase }';

function checkCertificate({ tls, at }: Asked): readonly Finding[] {
  const certificate = ownValue(tls, 'certificate');
  const findings: Finding[] = [];
  if (certificate === undefined)
    findings.push({ path: at(), message: 'certificate is missing', expected: certificateExpected, part: 'key' });
  if (isRecord(certificate)) findings.push(...checkPair(certificate, at));
  if (
    certificate !== undefined &&
    certificate !== 'auto' &&
    certificate !== 'development' &&
    ownValue(tls, 'acme') !== undefined
  )
    findings.push({
      path: at('acme'),
      message: 'acme cannot be enforced here: only certificate: auto is ordered',
      part: 'key',
    });
  return findings;
}

function checkPair(certificate: Record<string, unknown>, at: Asked['at']): readonly Finding[] {
  const has = (key: string): boolean => ownValue(certificate, key) !== undefined;
  const path = at('certificate');
  if (has('pfx')) {
    return ['cert', 'key'].filter(has).map((key) => ({
      path: [...path, key],
      message: `${key} stands beside pfx, which holds both; keep one of them`,
      part: 'key',
    }));
  }
  const missing = ['cert', 'key'].filter((key) => !has(key));
  if (missing.length > 0)
    return [{ path, message: `${missing.join(' and ')} is missing`, expected: certificateExpected, part: 'key' }];
  if (!has('passphrase')) return [];
  return [
    { path: [...path, 'passphrase'], message: 'passphrase belongs to pfx and cannot be enforced here', part: 'key' },
  ];
}

function checkUpstream({ draft, tls, at }: Asked): readonly Finding[] {
  const upstream = ownValue(tls, 'upstream');
  if (tlsMode(draft.raw) === 'terminate') {
    if (upstream === undefined) return [];
    const message = 'upstream cannot be enforced here: mode terminate speaks to the upstream in clear text';
    return [{ path: at('upstream'), message, suggestion: 'mode: terminate-and-reencrypt', part: 'key' }];
  }
  const findings: Finding[] = [];
  const type = valueAt(draft.raw, ['action', 'type']);
  if (typeof type === 'string' && type !== 'forward')
    findings.push({
      path: at('mode'),
      message: 'terminate-and-reencrypt cannot be enforced here: nothing is forwarded',
      suggestion: 'terminate',
    });
  const { cert, key, verify, ca } = tlsOf(draft.route)?.upstream ?? {};
  const written = (name: string): boolean => ownValue(upstream, name) !== undefined;
  if (written('cert') !== written('key'))
    findings.push({
      path: at('upstream'),
      message: `${cert === undefined && key !== undefined ? 'cert' : 'key'} is missing: cert and key go together`,
      part: 'key',
    });
  if (verify === false && ca !== undefined)
    findings.push({
      path: at('upstream', 'ca'),
      message: 'ca cannot be enforced here: verify: false believes anybody',
      part: 'key',
    });
  return findings;
}
