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
import { namesProtocol } from './route-order.ts';

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
  /** @param offered the application protocols of the client. */
  takesAlpn(offered: readonly string[]): boolean;
  /** @param name normalised; null when the client named none. */
  takesHost(name: string | null): boolean;
  /** What HTTP shows: path, method, headers, query. */
  readonly http: HttpCriteria;
  /** Whether the route can be reached by such a request; a route that asks for TLS, or for another protocol, never is. */
  takesRequestsOf(protocol: 'http' | 'h2c', isWebSocket: boolean): boolean;
}

export function compileRouteMatch(route: RoutePlan): RouteMatcher {
  const { match } = route;
  const hosts = match.domains?.map((domain) => compileHostPattern(domain)) ?? null;
  const addresses = match.clientIp === null ? null : compileAddressList(match.clientIp);
  const protocols = protocolsOf(route);
  const alpn = match.alpn === null ? null : new Set(match.alpn);
  const asksForNames = hosts !== null || alpn !== null;
  return {
    route,
    hosts,
    protocols: protocols ?? [],
    needsBytes: protocols !== null,
    maySpeakFirst:
      route.enabled && !asksForNames && !route.needsHttp && !clientsSpeakFirst.has(route.match.protocol ?? 'tcp'),
    takesClient: (ip) => addresses === null || addresses.matches(ip),
    takesProtocol: (protocol) => protocols === null || (protocol !== null && protocols.includes(protocol)),
    takesAlpn: (offered) => alpn === null || offered.some((name) => alpn.has(name)),
    takesHost: (name) => hosts === null || (name !== null && hosts.some((host) => host.matches(name))),
    http: new HttpCriteria(match.http),
    takesRequestsOf: requestTest(route),
  };
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
  if (alpn !== null) return (namesProtocol(protocol) && protocol !== 'tls') || isOnlyHttp(route) ? [] : ['tls'];
  if (protocol === 'http' || protocol === 'websocket') return httpInClearText;
  if (namesProtocol(protocol)) return [protocol];
  if (isOnlyHttp(route)) return httpInClearText;
  if (domains === null) return null;
  return route.needsHttp ? ['tls', ...httpInClearText] : ['tls', 'http'];
}

const httpInClearText: readonly string[] = ['http', 'h2c'];

/** True exactly when nothing but a request in clear text can be the route's, although it names no protocol. */
function isOnlyHttp({ match, needsHttp, action, rewrite, authentication }: RoutePlan): boolean {
  if (!needsHttp) return false;
  const { path, methods, headers, query } = match.http;
  if (path !== null || methods !== null || headers.length > 0 || query.length > 0) return true;
  if (rewrite !== null || authentication !== null) return true;
  if (action.type === 'forward' && action.targets.some((target) => target.match !== null)) return true;
  if (action.type === 'handler') return action.kind === 'http';
  return action.type === 'redirect' || action.type === 'respond' || match.domains === null;
}

function requestTest({ match }: RoutePlan): RouteMatcher['takesRequestsOf'] {
  const { protocol, alpn } = match;
  if (alpn !== null) return () => false;
  if (!namesProtocol(protocol) || protocol === 'http') return () => true;
  if (protocol === 'h2c') return (spoken) => spoken === 'h2c';
  return protocol === 'websocket' ? (_, isWebSocket) => isWebSocket : () => false;
}
