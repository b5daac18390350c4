/**
 * One route's match criteria, compiled into questions that can be asked one by one.
 *
 * Decides per criterion, never in sum; order and outcome are the table's. Must never do: look at the action.
 * Read first: `plan.ts`.
 */
import { compileAddressList } from './access.ts';
import { compileHostPattern, type HostPattern } from './match-host.ts';
import { HttpCriteria } from './match-request.ts';
import type { RoutePlan } from './plan.ts';
import type { TlsSubject } from './route-decision.ts';
import { namesProtocol, type Where } from './route-order.ts';

export interface RouteMatcher {
  readonly route: RoutePlan;
  readonly hosts: readonly HostPattern[] | null;
  /** The protocols the route can be reached by; empty = by anything, known or not. */
  readonly protocols: readonly string[];
  /** True exactly when a criterion is about what the client sends. */
  readonly needsBytes: boolean;
  /** True exactly when a silent client may be the route's: it asks for no name, and for no protocol whose clients speak first. */
  readonly maySpeakFirst: boolean;
  takesClient(ip: string): boolean;
  /** @param protocol null when no detector knew the bytes. */
  takesProtocol(protocol: string | null): boolean;
  /** @param offered the application protocols of the client; inside of TLS the one that was agreed on. */
  takesAlpn(offered: readonly string[]): boolean;
  /** Inside of TLS: whether the agreed version is one that the route asks for. On the wire it is not known yet. */
  takesVersion(tls: TlsSubject | null): boolean;
  /** Inside of TLS: whether the handshake was made by the route's own policy. */
  takesPolicy(tls: TlsSubject | null): boolean;
  /** @param name normalised; null when the client named none. */
  takesHost(name: string | null): boolean;
  /** What HTTP shows: path, method, headers, query. */
  readonly http: HttpCriteria;
  /** Whether the route can be reached by such a request; a route that asks for TLS, or for another protocol, never is. */
  takesRequestsOf(protocol: 'http' | 'h2c', isWebSocket: boolean): boolean;
}

export function compileRouteMatch(route: RoutePlan, where: Where = 'wire'): RouteMatcher {
  const { match } = route;
  const hosts = match.domains?.map((domain) => compileHostPattern(domain)) ?? null;
  const addresses = match.clientIp === null ? null : compileAddressList(match.clientIp);
  const protocols = where === 'inside' ? protocolsInside(route) : protocolsOf(route);
  const alpn = match.alpn === null ? null : new Set(match.alpn);
  const versions = match.tlsVersion === null ? null : new Set(match.tlsVersion);
  const isInside = where === 'inside';
  return {
    route,
    hosts,
    protocols: protocols ?? [],
    // Inside of TLS a route may take anything and still serve HTTP request by request.
    needsBytes: protocols !== null || (isInside && route.needsHttp),
    maySpeakFirst: route.enabled && (isInside ? maySpeakFirstInside(route, protocols) : maySpeakFirst(route)),
    takesClient: (ip) => addresses === null || addresses.matches(ip),
    takesProtocol: (protocol) => protocols === null || (protocol !== null && protocols.includes(protocol)),
    takesAlpn: (offered) => alpn === null || offered.some((name) => alpn.has(name)),
    takesHost: (name) => hosts === null || (name !== null && hosts.some((host) => host.matches(name))),
    takesVersion: (tls) => !isInside || versions === null || (tls !== null && versions.has(tls.version)),
    takesPolicy: (tls) => !isInside || (tls !== null && tls.policy === route.tls?.policy),
    http: new HttpCriteria(match.http),
    takesRequestsOf: requestTest(route, where),
  };
}

/** A silent client in clear text has told no name. */
function maySpeakFirst({ match, needsHttp, tls }: RoutePlan): boolean {
  if (tls !== null || match.domains !== null || match.alpn !== null || needsHttp) return false;
  return !clientsSpeakFirst.has(match.protocol ?? 'tcp');
}

/** After a handshake names are known; a route that serves whatever comes may still be one whose server greets. */
function maySpeakFirstInside({ match }: RoutePlan, protocols: readonly string[] | null): boolean {
  return protocols === null || !clientsSpeakFirst.has(match.protocol ?? 'http');
}

/** In these a client that says nothing is not waiting for a banner. */
export const clientsSpeakFirst: ReadonlySet<string> = new Set([
  'tls',
  'http',
  'h2c',
  'websocket',
  'redis',
  'postgres',
  'socks',
]);

/** What the first bytes may be. Null: anything. Empty: nothing, because the criteria contradict each other (ALPN of something that is not TLS). */
function protocolsOf(route: RoutePlan): readonly string[] | null {
  const { protocol, alpn, domains } = route.match;
  if (route.tls !== null) return onlyTls;
  if (alpn !== null) return (namesProtocol(protocol) && protocol !== 'tls') || isOnlyHttp(route) ? [] : ['tls'];
  if (protocol === 'http' || protocol === 'websocket') return httpInClearText;
  if (namesProtocol(protocol)) return [protocol];
  if (isOnlyHttp(route)) return httpInClearText;
  if (domains === null) return null;
  return route.needsHttp ? ['tls', ...httpInClearText] : ['tls', 'http'];
}

/** What may be spoken inside of the TLS that the route terminates: names and ALPN are known, and narrow nothing. */
function protocolsInside(route: RoutePlan): readonly string[] | null {
  const { protocol } = route.match;
  if (protocol === 'http' || protocol === 'websocket') return httpInClearText;
  if (namesProtocol(protocol)) return [protocol];
  return route.needsHttp && asksForHttp(route) ? httpInClearText : null;
}

const onlyTls: readonly string[] = ['tls'];
const httpInClearText: readonly string[] = ['http', 'h2c'];

/** True exactly when nothing but a request in clear text can be the route's, although it names no protocol. */
function isOnlyHttp(route: RoutePlan): boolean {
  return route.needsHttp && (asksForHttp(route) || route.match.domains === null);
}

/** True exactly when the route asks for, or does, something that only a request has. */
function asksForHttp({ match, action, rewrite, authentication }: RoutePlan): boolean {
  const { path, methods, headers, query } = match.http;
  if (path !== null || methods !== null || headers.length > 0 || query.length > 0) return true;
  if (rewrite !== null || authentication !== null) return true;
  if (action.type === 'forward' && action.targets.some((target) => target.match !== null)) return true;
  if (action.type === 'handler') return action.kind === 'http';
  return action.type === 'redirect' || action.type === 'respond';
}

function requestTest({ match, tls }: RoutePlan, where: Where): RouteMatcher['takesRequestsOf'] {
  const { protocol, alpn } = match;
  if (where === 'wire' && (alpn !== null || tls !== null)) return () => false;
  if (!namesProtocol(protocol) || protocol === 'http') return () => true;
  if (protocol === 'h2c') return (spoken) => spoken === 'h2c';
  return protocol === 'websocket' ? (_, isWebSocket) => isWebSocket : () => false;
}
