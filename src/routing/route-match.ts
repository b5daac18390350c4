/**
 * One route's match criteria, compiled into questions that can be asked one by one.
 *
 * Decides per criterion, never in sum; order and outcome are the table's. Must never do: look at the action.
 * Read first: `plan.ts`.
 */
import { compileAddressList } from './access.ts';
import { compileHostPattern, type HostPattern } from './match-host.ts';
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
    maySpeakFirst: route.enabled && !asksForNames && !clientsSpeakFirst.has(route.match.protocol ?? 'tcp'),
    takesClient: (ip) => addresses === null || addresses.matches(ip),
    takesProtocol: (protocol) => protocols === null || (protocol !== null && protocols.includes(protocol)),
    takesAlpn: (offered) => alpn === null || offered.some((name) => alpn.has(name)),
    takesHost: (name) => hosts === null || (name !== null && hosts.some((host) => host.matches(name))),
  };
}

/** In these a client that says nothing is not waiting for a banner. */
export const clientsSpeakFirst: ReadonlySet<string> = new Set(['tls', 'http', 'h2c', 'redis', 'postgres', 'socks']);

/** Null: any. Empty: none, because the criteria contradict each other (ALPN of something that is not TLS). */
function protocolsOf({ match }: RoutePlan): readonly string[] | null {
  const { protocol } = match;
  if (match.alpn !== null) return namesProtocol(protocol) && protocol !== 'tls' ? [] : ['tls'];
  if (namesProtocol(protocol)) return [protocol];
  return match.domains === null ? null : ['tls', 'http'];
}
