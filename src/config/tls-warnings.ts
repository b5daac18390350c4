/**
 * What of TLS loads and still deserves a second look: one sentence each, with its place.
 *
 * Read first: `warnings.ts`, `check-tls.ts`.
 */
import { type AcmeDraft, directoryUrl, effectiveAcme, isLetsEncrypt } from './acme-effective.ts';
import { unorderedWildcards } from './check-acme.ts';
import { certificatesDiffer } from './check-handshakes.ts';
import type { Draft, DraftRoute } from './draft.ts';
import type { Path } from './path.ts';
import type { Places } from './places.ts';
import { routesByPort } from './ports.ts';
import { terminates, tlsOf, tlsPath } from './tls-needs.ts';

export function tlsWarnings(draft: Draft, places: Places): readonly string[] {
  const terminating = draft.routes.filter(({ raw }) => terminates(raw));
  const ordering = terminating.filter(({ route }) => tlsOf(route)?.certificate === 'auto');
  return [
    ...unusedAcme(draft, terminating, places),
    ...ordering.flatMap((route) => ofOrders(route, draft, places)),
    ...unverified(terminating, places),
    ...deaf(draft, terminating, places),
    ...otherCertificates(terminating, places),
  ];
}

const within = ({ index, raw }: DraftRoute, ...rest: Path): Path => ['routes', index, ...tlsPath(raw), ...rest];

function unusedAcme({ sections }: Draft, terminating: readonly DraftRoute[], places: Places): readonly string[] {
  const uses = terminating.map(({ route }) => tlsOf(route));
  const top =
    sections.acme === undefined || uses.some((tls) => tls?.certificate === 'auto')
      ? []
      : [`${places.describe(['acme'], 'key')}: has no effect, because no route has certificate: auto`];
  const own = terminating
    .filter(({ route }) => tlsOf(route)?.certificate === 'development' && tlsOf(route)?.acme !== undefined)
    .map((route) => `${places.describe(within(route, 'acme'), 'key')}: has no effect beside a development certificate`);
  return [...top, ...own];
}

function ofOrders(route: DraftRoute, { sections }: Draft, places: Places): readonly string[] {
  const acme = effectiveAcme(tlsOf(route.route)?.acme, sections.acme);
  const place = places.describe(within(route, 'certificate'), 'key');
  const left = unorderedWildcards(route.route.match?.domains, acme).map(
    (name) =>
      `${place}: ${name} is not ordered, because a wildcard needs acme.dns (in code); clients that ask below it find no certificate`,
  );
  return [...left, ...ofLetsEncrypt(route, acme, place)];
}

function ofLetsEncrypt(route: DraftRoute, acme: AcmeDraft, place: string): readonly string[] {
  if (!isLetsEncrypt(acme)) return [];
  const isChosen = acme.directory !== undefined || acme.useProduction !== undefined;
  const staging = `${place}: ordered at ${directoryUrl(acme)}, whose certificates no client believes; acme.useProduction: true orders real ones`;
  const unknown = (route.route.match?.domains ?? []).filter((name) => isReserved(name));
  return [
    ...(isChosen ? [] : [staging]),
    ...unknown.map(
      (name) =>
        `${place}: no public authority gives a certificate for ${name}; certificate: development (--dev-tls) does`,
    ),
  ];
}

/** Names that lead nowhere in public (RFC 2606, RFC 6761, RFC 6762, and those without a dot). */
function isReserved(name: string): boolean {
  return (
    !name.includes('.') || /(?:^|\.)(?:test|example|invalid|localhost|local|internal|onion|home\.arpa)$/.test(name)
  );
}

function unverified(terminating: readonly DraftRoute[], places: Places): readonly string[] {
  return terminating
    .filter(({ route }) => tlsOf(route)?.upstream?.verify === false)
    .map((route) => {
      const place = places.describe(within(route, 'upstream', 'verify'));
      const isPinned = tlsOf(route.route)?.upstream?.pins !== undefined;
      return isPinned
        ? `${place}: the certificate of the upstream is not verified, only its key is compared`
        : `${place}: the upstream is not verified, so whoever stands in between can read and change everything`;
    });
}

function deaf(
  { sections: { detectors = {} } }: Draft,
  terminating: readonly DraftRoute[],
  places: Places,
): readonly string[] {
  if (detectors['tls'] !== false) return [];
  return terminating.map(
    (route) =>
      `${places.describe(within(route), 'key')}: the tls detector is switched off, so such clients are refused (refused.protocol)`,
  );
}

function otherCertificates(terminating: readonly DraftRoute[], places: Places): readonly string[] {
  const sentences = new Map<number, string>();
  for (const [port, candidates] of routesByPort(terminating, ({ route }) => route.match?.ports ?? [])) {
    for (const [at, later] of candidates.entries()) {
      const earlier = candidates.slice(0, at).find((one) => certificatesDiffer(one, later));
      if (earlier === undefined || sentences.has(later.index)) continue;
      sentences.set(
        later.index,
        `${places.describe(within(later, 'certificate'), 'key')}: one client hello fits this route and routes[${earlier.index}] on port ${port}, and only one of their certificates is shown`,
      );
    }
  }
  return [...sentences.values()];
}
