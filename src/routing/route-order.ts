/**
 * The order in which routes are tried: priority first, then how specific they are, then their place in the configuration.
 *
 * Decides specificity, most important first:
 * host, path, method, headers, query, protocol, ALPN, TLS version, client address, ports (`orderOf` says how each is
 * compared). Before a handshake, what only the inside of TLS shows has no weight in a route that terminates it.
 * A route with several host patterns is tried once for each of them, at the place that pattern gives it; listed once, it
 * stands where its most specific pattern puts it.
 * Must never do: look at anything but match criteria; what a route does, and whether it is switched on, is no matter here.
 */
import { addressSpecificity } from './access.ts';
import type { HttpMatch } from './http-plan.ts';
import { compileHostPattern, type HostPattern } from './match-host.ts';
import { compilePathPattern } from './match-path.ts';
import type { RoutePlan } from './plan.ts';

/** Sorts; the argument is left alone. @param where as for `orderCandidates` */
export function orderRoutes(routes: readonly RoutePlan[], where: Where | null = null): RoutePlan[] {
  const placed = new Set<RoutePlan>();
  for (const { route } of orderCandidates(routes, where)) placed.add(route);
  return [...placed];
}

/** One way a route can be reached: through one of its host patterns, or without a host. */
export interface Candidate {
  readonly route: RoutePlan;
  /** Null where the route asks for no host. */
  readonly host: HostPattern | null;
}

/** What a table looks at: what comes over the wire, or what is inside of the TLS that its routes terminate. */
export type Where = 'wire' | 'inside';

/**
 * Every way to every route, best first.
 * @param where null: for people, who are shown one list of both.
 */
export function orderCandidates(routes: readonly RoutePlan[], where: Where | null = null): readonly Candidate[] {
  return routes
    .flatMap(candidatesOf)
    .map((candidate) => ({ candidate, key: orderOf(candidate, where) }))
    .toSorted((one, other) => compareKeys(one.key, other.key))
    .map(({ candidate }) => candidate);
}

function candidatesOf(route: RoutePlan): readonly Candidate[] {
  if (route.match.domains === null) return [{ route, host: null }];
  return route.match.domains.map((domain) => ({ route, host: compileHostPattern(domain) }));
}

/** Numbers to compare from the left; the higher one comes first. What asks for nothing comes last. */
function orderOf({ route, host }: Candidate, where: Where | null): readonly number[] {
  const { match } = where === 'wire' && route.tls !== null ? onTheWire(route) : route;
  return [
    route.priority,
    // Exact, longer wildcard, shorter wildcard, TLD pattern, other glob (`match-host.ts`).
    host?.specificity ?? 0,
    // Exact, with `:names`, with `*`; within a kind more segments, more fixed segments, more fixed characters.
    ...(match.http.path === null ? noPath : compilePathPattern(match.http.path).specificity),
    // Fewer methods, more fields, more parameters.
    -(match.http.methods?.length ?? Number.MAX_SAFE_INTEGER),
    match.http.headers.length,
    match.http.query.length,
    // A named protocol (`tcp` is none, ALPN names TLS), then a named ALPN.
    namesProtocol(match.protocol) || match.alpn !== null ? 1 : 0,
    match.alpn === null ? 0 : 1,
    match.tlsVersion === null ? 0 : 1,
    // The widest pattern of the list counts; narrower first. Then fewer ports.
    match.clientIp === null ? -1 : Math.min(...match.clientIp.map(addressSpecificity)),
    -match.ports.reduce((total, { from, to }) => total + to - from + 1, 0),
    -route.index,
  ];
}

/** A client hello names a host and offers ALPN, and nothing else of what a terminating route asks for. */
function onTheWire({ match }: RoutePlan): Pick<RoutePlan, 'match'> {
  return { match: { ...match, protocol: 'tls', tlsVersion: null, http: noHttp } };
}

const noHttp: HttpMatch = { path: null, methods: null, headers: [], query: [] };
const noPath = [0, 0, 0, 0] as const;

function compareKeys(one: readonly number[], other: readonly number[]): number {
  for (const [position, value] of one.entries()) {
    const difference = (other[position] ?? 0) - value;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** True exactly when the name is a protocol that has to be recognised: `tcp` and null ask for nothing. */
export function namesProtocol(protocol: string | null): protocol is string {
  return protocol !== null && protocol !== 'tcp';
}
