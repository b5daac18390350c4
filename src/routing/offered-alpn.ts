/**
 * Which application protocols a handshake may agree to, before anybody knows what will be said inside.
 *
 * Decides: what the routes behind the handshake can speak, theirs that ask for it first, then HTTP/2 before HTTP/1.1; of it
 * only what the client offers. Where nothing is in common, nothing is negotiated if a route takes anything, and otherwise
 * everything is offered, so that the handshake fails by its own alert (RFC 7301 §3.2).
 * Read first: `route-table.ts`.
 */
import type { RouteMatcher } from './route-match.ts';

export interface OfferRules {
  /** What the best route itself asks for, best first. */
  readonly own: readonly string[];
  readonly switchedOff: ReadonlySet<string>;
}

/**
 * Best first; empty: nothing is negotiated.
 * @param behind the routes, best first.
 * @param offered by the client.
 */
export function offeredAlpn(
  behind: readonly RouteMatcher[],
  offered: readonly string[],
  { own, switchedOff }: OfferRules,
): readonly string[] {
  const spoken = new Set(own);
  for (const { route } of behind) for (const name of route.match.alpn ?? []) spoken.add(name);
  const isServed = ({ route }: RouteMatcher) => route.match.alpn === null && route.needsHttp;
  if (behind.some((matcher) => isServed(matcher) && matcher.route.match.protocol !== 'h2c'))
    addHttp(spoken, switchedOff);
  else if (behind.some(isServed) && !switchedOff.has('h2c')) spoken.add('h2');
  const common = [...spoken].filter((name) => offered.includes(name));
  if (common.length > 0 || offered.length === 0) return common;
  return behind.some(({ route, protocols }) => route.match.alpn === null && !isHttpOnly(protocols)) ? [] : [...spoken];
}

function addHttp(spoken: Set<string>, switchedOff: ReadonlySet<string>): void {
  if (!switchedOff.has('h2c')) spoken.add('h2');
  if (!switchedOff.has('http')) spoken.add('http/1.1');
}

function isHttpOnly(protocols: readonly string[]): boolean {
  return protocols.length > 0 && protocols.every((name) => name === 'http' || name === 'h2c');
}
