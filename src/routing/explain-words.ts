/**
 * The words of an explanation: what a route asked for, and what there was instead.
 *
 * Decides nothing. Sentences have no full stop and follow the route's name. Must never do: say more than one thing at once.
 * Read first: `explain-match.ts`.
 */
import type { MatchCriterion, MatchExplanation, MatchQuery } from './explain-match.ts';
import type { ValueCriterion } from './http-plan.ts';
import type { ImaginedClient } from './imagined-client.ts';
import type { RoutePlan } from './plan.ts';
import type { RouteMatcher } from './route-match.ts';

/**
 * What becomes of the client.
 * @param handshake the route whose TLS it came through.
 */
export function sentenceOf(
  { decision, client: { spoken, bytes }, isEarly }: Answered,
  handshake: RoutePlan | null,
  off: ReadonlySet<string>,
): string {
  const through = handshake === null ? '' : ` inside of the TLS that ${handshake.name} terminates`;
  if (decision.kind === 'route') {
    const taken = `taken by ${decision.route.name}${decision.route === handshake ? ' after its handshake' : through}`;
    return isEarly ? `${taken} before any byte${handshake === null ? '' : ' of the inside'} is read` : taken;
  }
  if (decision.kind === 'misdirected')
    return `misdirected (421): the request is for ${decision.route.name}, whose TLS is agreed on otherwise than that of ${handshake?.name ?? 'its connection'}`;
  if (decision.kind === 'malformed') return `refused${through}: ${decision.detail}`;
  if (bytes.protocol !== null && off.has(bytes.protocol) && !isEarly)
    return `refused${through}: ${bytes.protocol} is switched off`;
  return decision.reason === 'refused.protocol'
    ? `refused${through}: no route takes ${spoken ?? 'bytes of an unknown protocol'}`
    : `refused${through}: no route matches`;
}

interface Answered {
  readonly decision: MatchExplanation['decision'];
  readonly client: ImaginedClient;
  readonly isEarly: boolean;
}

/** For a candidate that does not take the client. */
export function whatFailed(
  { route, protocols }: RouteMatcher,
  { spoken, bytes, request }: ImaginedClient,
  query: MatchQuery,
  failed: MatchCriterion,
): string {
  const { http, ...match } = route.match;
  const name = request?.host ?? (bytes.tls ?? bytes.preface)?.serverName ?? 'no host';
  const alpn = bytes.tls === null ? list(bytes.preface?.alpn ?? []) : (bytes.tls.alpn ?? 'none');
  const words: Readonly<Record<MatchCriterion, () => string>> = {
    ports: () => `asks for other ports than ${query.port}`,
    clientIp: () => `asks for a client in ${list(match.clientIp)}; the client is ${query.clientIp ?? 'not given'}`,
    protocol: () => {
      const isNamed = protocols.includes('http') && (match.protocol === 'http' || match.protocol === 'websocket');
      const wanted = isNamed ? [match.protocol ?? ''] : protocols;
      return `asks for ${list(wanted)}; the client speaks ${spoken ?? 'nothing that is known'}`;
    },
    domains: () => `asks for ${list(match.domains)}; the client names ${name}`,
    alpn: () => `asks for ALPN ${list(match.alpn)}; ${bytes.tls === null ? 'the client offers' : 'agreed is'} ${alpn}`,
    tlsVersion: () => `asks for ${list(match.tlsVersion)}; agreed is ${bytes.tls?.version ?? 'none'}`,
    tls: () => 'agrees on TLS otherwise than the route that took the handshake',
    path: () => `asks for the path ${http.path ?? '/*'}; the request is for ${request?.target ?? 'none'}`,
    method: () => `asks for ${list(http.methods)}; the method is ${request?.method ?? 'none'}`,
    headers: () => `asks for the headers ${criteria(http.headers, ': ')}, and they do not all hold`,
    query: () => `asks for the query ${criteria(http.query, '=')}, and not all of it holds`,
    targets: () => 'asks for nothing else, but none of its targets takes the request',
  };
  return words[failed]();
}

/** For a candidate that would. */
export function whyNotFirst(route: RoutePlan, decision: MatchExplanation['decision']): string {
  if (decision.kind === 'malformed') return 'matches, but the request is malformed';
  if (decision.kind === 'misdirected' && decision.route === route)
    return 'matches, but its TLS is agreed on otherwise, so the request belongs on another connection';
  if (decision.kind === 'route' && decision.route === route) return 'matches and is the one that is taken';
  return route.enabled
    ? 'matches, but something that comes first decides'
    : 'matches and is switched off, so it refuses';
}

function criteria(wanted: readonly ValueCriterion[], between: string): string {
  return wanted.map(({ name, pattern }) => `${name}${between}${pattern}`).join(', ');
}

function list(values: readonly string[] | null): string {
  return values === null || values.length === 0 ? 'none' : values.join(', ');
}
