/**
 * The words of an explanation: what a route asked for, and what there was instead.
 *
 * Decides nothing. Sentences have no full stop and follow the route's name. Must never do: say more than one thing at once.
 * Read first: `explain-match.ts`.
 */
import type { MatchCriterion, MatchExplanation, MatchQuery } from './explain-match.ts';
import type { ValueCriterion } from './http-plan.ts';
import type { RoutePlan } from './plan.ts';
import type { RequestSubject, RouteSubject } from './route-decision.ts';
import type { RouteMatcher } from './route-match.ts';

/** Someone who is imagined to connect. */
export interface ImaginedClient {
  /** What people call it; `websocket` too. */
  readonly spoken: string | null;
  readonly bytes: RouteSubject;
  /** Null where it does not speak HTTP. */
  readonly request: RequestSubject | null;
}

/** What becomes of the client. */
export function sentenceOf(
  decision: MatchExplanation['decision'],
  { spoken, bytes }: ImaginedClient,
  isEarly: boolean,
  off: ReadonlySet<string>,
): string {
  if (decision.kind === 'route') {
    return isEarly ? `taken by ${decision.route.name} before any byte is read` : `taken by ${decision.route.name}`;
  }
  if (decision.kind === 'malformed') return `refused: ${decision.detail}`;
  if (bytes.protocol !== null && off.has(bytes.protocol) && !isEarly)
    return `refused: ${bytes.protocol} is switched off`;
  return decision.reason === 'refused.protocol'
    ? `refused: no route takes ${spoken ?? 'bytes of an unknown protocol'}`
    : 'refused: no route matches';
}

/** For a candidate that does not take the client. */
export function whatFailed(
  { route, protocols }: RouteMatcher,
  { spoken, bytes, request }: ImaginedClient,
  query: MatchQuery,
  failed: MatchCriterion,
): string {
  const { http, ...match } = route.match;
  const name = bytes.preface?.serverName ?? 'no host';
  const words: Readonly<Record<MatchCriterion, () => string>> = {
    ports: () => `asks for other ports than ${query.port}`,
    clientIp: () => `asks for a client in ${list(match.clientIp)}; the client is ${query.clientIp ?? 'not given'}`,
    protocol: () => {
      const wanted = match.protocol === 'http' || match.protocol === 'websocket' ? [match.protocol] : protocols;
      return `asks for ${list(wanted)}; the client speaks ${spoken ?? 'nothing that is known'}`;
    },
    domains: () => `asks for ${list(match.domains)}; the client names ${name}`,
    alpn: () => `asks for ALPN ${list(match.alpn)}; the client offers ${list(bytes.preface?.alpn ?? [])}`,
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
