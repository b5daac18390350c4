/**
 * What can be wrong between routes whose handshakes look alike: a client hello shows a name, ALPN and an address, and nothing
 * of what is asked for inside.
 *
 * Decides: of routes that one client hello fits alike, the first one makes the handshake. What another one wants of it would
 * be ignored, so it is refused. Read first: `check-routes.ts`, `check-tls.ts`.
 */
import type { Draft, DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import { askedProtocol } from './http-needs.ts';
import { routesByPort } from './ports.ts';
import { terminates, tlsMode, tlsOf, tlsPath } from './tls-needs.ts';

export function checkHandshakes({ routes }: Draft): readonly Finding[] {
  const findings = new Map<number, Finding>();
  for (const [port, candidates] of routesByPort(routes, ({ route }) => route.match?.ports ?? [])) {
    const overTls = candidates.filter((draft) => terminates(draft.raw) || askedProtocol(draft) === 'tls');
    for (const [at, later] of overTls.entries()) {
      const earlier = overTls.slice(0, at).find((one) => looksTheSame(one, later));
      if (earlier === undefined || findings.has(later.index)) continue;
      const finding = conflict(earlier, later, port);
      if (finding !== null) findings.set(later.index, finding);
    }
  }
  return [...findings.values()];
}

/** Whether two routes would share a handshake and want different certificates for it; a warning's matter. */
export function certificatesDiffer(left: DraftRoute, right: DraftRoute): boolean {
  return looksTheSame(left, right) && certificateText(left) !== certificateText(right);
}

function certificateText({ route }: DraftRoute): string {
  const certificate = tlsOf(route)?.certificate;
  return typeof certificate === 'function' ? 'function' : JSON.stringify(certificate ?? null);
}

/** True exactly when no client hello can tell the routes apart: one name in common, and nothing else to go by. */
function looksTheSame(left: DraftRoute, right: DraftRoute): boolean {
  const [one, other] = [left.route.match, right.route.match];
  if (one === undefined || other === undefined || (left.route.priority ?? 0) !== (right.route.priority ?? 0))
    return false;
  const shares =
    one.domains === undefined || other.domains === undefined
      ? one.domains === other.domains
      : one.domains.some((name) => other.domains?.includes(name));
  return shares && sameList(one.alpn, other.alpn) && sameList(one.clientIp, other.clientIp);
}

function sameList(left: readonly string[] | undefined, right: readonly string[] | undefined): boolean {
  return JSON.stringify(left?.toSorted()) === JSON.stringify(right?.toSorted());
}

function conflict(earlier: DraftRoute, later: DraftRoute, port: number): Finding | null {
  const path = ['routes', later.index, ...tlsPath(later.raw)];
  const isOpened = terminates(later.raw);
  if (isOpened !== terminates(earlier.raw)) {
    const [opened, passed] = isOpened ? [later, earlier] : [earlier, later];
    return {
      path: [...path, ...(tlsMode(later.raw) === null ? [] : ['mode'])],
      message: `on port ${port} routes[${opened.index}] terminates the TLS that routes[${passed.index}] passes through, and no client hello tells them apart`,
      part: 'key',
    };
  }
  if (!isOpened || wants(earlier) === wants(later)) return null;
  return {
    path,
    message: `this can never be agreed on: on port ${port} the handshake is over before routes[${earlier.index}] and this route can be told apart, and they want different versions, ciphers or client certificates`,
    part: 'key',
  };
}

/** Everything that goes into the policy of a handshake. */
function wants({ route }: DraftRoute): string {
  const { minVersion = 'TLSv1.2', maxVersion = null, ciphers = null, clientAuth = null } = tlsOf(route) ?? {};
  const auth = clientAuth === null ? null : [clientAuth.ca, clientAuth.require ?? true];
  return JSON.stringify([minVersion, maxVersion, ciphers, auth]);
}
