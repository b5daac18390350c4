/**
 * Why a client, or a request, would or would not be taken by each route of a listener: what `proxy.match()` and
 * `sallyport explain` show.
 *
 * Decides nothing of its own: the decision is the table's, this only says which criterion failed first and in words.
 * A query that names no protocol is taken as what its other parts suggest: ALPN means TLS; a path, method, header or query
 * means HTTP; a host means TLS or HTTP, whichever finds a route. Where HTTP is served, what is not said of a request is
 * `GET /` without fields.
 * Must never do: run on a connection's path; it is for people.
 */
import { type ImaginedClient, sentenceOf, whatFailed, whyNotFirst } from './explain-words.ts';
import { normaliseHost } from './match-host.ts';
import { RequestView } from './match-request.ts';
import { escapeBeyondAscii, normalisePath } from './path.ts';
import type { RoutePlan } from './plan.ts';
import { asksForPort } from './port-range.ts';
import { hasTargetFor } from './request-table.ts';
import type { Client, RequestDecision, RequestSubject, RouteDecision, RouteSubject } from './route-decision.ts';
import type { RouteMatcher } from './route-match.ts';
import type { RouteTable } from './route-table.ts';

/** What is known about a client that is only imagined. */
export interface MatchQuery {
  readonly port: number;
  readonly host?: string;
  /** A detector's name, or `websocket`. */
  readonly protocol?: string;
  readonly alpn?: readonly string[];
  readonly clientIp?: string;
  /** With a query or without, as in a URL; looked at where HTTP is served, like everything below. */
  readonly path?: string;
  /** Added to what the path brings; not escaped. */
  readonly query?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

export type MatchCriterion =
  | 'ports'
  | 'clientIp'
  | 'protocol'
  | 'domains'
  | 'alpn'
  | 'path'
  | 'method'
  | 'headers'
  | 'query'
  | 'targets';

export interface CandidateExplanation {
  readonly route: RoutePlan;
  /** True exactly when every criterion holds; the first such candidate is the one that decides. */
  readonly matched: boolean;
  /** The first criterion that does not hold; null when all do. */
  readonly failed: MatchCriterion | null;
  /** One sentence without a full stop, to follow the route's name. */
  readonly says: string;
}

export interface MatchExplanation {
  /** With what the path found, where it is about a request. */
  readonly decision: RouteDecision | RequestDecision;
  /** What the client was taken to speak; null = nothing that is known. */
  readonly protocol: string | null;
  /** One sentence without a full stop. */
  readonly says: string;
  /** In the order they are tried. */
  readonly candidates: readonly CandidateExplanation[];
}

/** What the table lends for an explanation. */
export interface ExplainedTable {
  readonly query: MatchQuery;
  /** The listener's; 0 when the system chose it. */
  readonly port: number;
  readonly matchers: readonly RouteMatcher[];
  readonly switchedOff: ReadonlySet<string>;
  readonly withoutBytes: (client: Client) => RouteDecision | null;
  readonly decide: (subject: RouteSubject) => RouteDecision;
  /** Null where HTTP is not served request by request. */
  readonly decideRequest: ((subject: RequestSubject) => RequestDecision) | null;
}

/** @param tables by port, those of every listener. */
export function explainMatch(tables: ReadonlyMap<number, RouteTable>, query: MatchQuery): MatchExplanation {
  const table = tables.get(query.port);
  if (table !== undefined) return table.explain(query);
  const decision: RouteDecision = { kind: 'refused', reason: 'refused.route' };
  return {
    decision,
    protocol: null,
    says: `refused: nothing listens on port ${query.port}`,
    candidates: [],
  };
}

/** The explanation of one listener. */
export function explainListener(table: ExplainedTable): MatchExplanation {
  const asked = subjectsOf(table.query).map((client) => ask(client, table));
  const answer = asked.find(({ decision }) => decision.kind === 'route') ?? asked[0];
  const { client, decision, isEarly } = answer ?? ask(unknownClient(table.query), table);
  return {
    decision,
    protocol: client.spoken,
    says: sentenceOf(decision, client, isEarly, table.switchedOff),
    candidates: table.matchers.map((matcher) => explainCandidate(matcher, client, table, decision)),
  };
}

interface Answer {
  readonly client: ImaginedClient;
  readonly decision: RouteDecision | RequestDecision;
  /** True exactly when no byte was needed. */
  readonly isEarly: boolean;
}

function ask(client: ImaginedClient, table: ExplainedTable): Answer {
  const early = table.withoutBytes(client.bytes);
  if (early !== null) return { client, decision: early, isEarly: true };
  const decision =
    client.request !== null && table.decideRequest !== null
      ? table.decideRequest(client.request)
      : table.decide(client.bytes);
  return { client, decision, isEarly: false };
}

function subjectsOf(query: MatchQuery): readonly ImaginedClient[] {
  if (query.protocol === 'tcp') return [unknownClient(query)];
  if (query.protocol !== undefined) return [clientOf(query, query.protocol)];
  if (query.alpn !== undefined && query.alpn.length > 0) return [clientOf(query, 'tls')];
  if ([query.path, query.query, query.method, query.headers].some((part) => part !== undefined)) {
    return [clientOf(query, 'http')];
  }
  return query.host === undefined ? [unknownClient(query)] : [clientOf(query, 'tls'), clientOf(query, 'http')];
}

function unknownClient({ clientIp }: MatchQuery): ImaginedClient {
  return { spoken: null, bytes: { ip: clientIp ?? '', protocol: null, preface: null }, request: null };
}

function clientOf(query: MatchQuery, spoken: string): ImaginedClient {
  const serverName = query.host === undefined ? null : normaliseHost(query.host);
  const isWebSocket = spoken === 'websocket';
  const protocol = isWebSocket ? 'http' : spoken;
  const bytes = { ip: query.clientIp ?? '', protocol, preface: { serverName, alpn: query.alpn ?? [] } };
  if (protocol !== 'http' && protocol !== 'h2c') return { spoken, bytes, request: null };
  const request: RequestSubject = {
    ip: bytes.ip,
    protocol,
    isWebSocket,
    host: serverName,
    method: query.method ?? 'GET',
    target: targetOf(query),
    fields: Object.entries(query.headers ?? {}).flatMap(([name, values]) =>
      (typeof values === 'string' ? [values] : values).flatMap((value) => [name, value]),
    ),
  };
  return { spoken, bytes, request };
}

function targetOf({ path = '/', query = {} }: MatchQuery): string {
  const target = escapeBeyondAscii(path);
  const pairs = Object.entries(query).map((pair) => pair.map(encodeURIComponent).join('='));
  if (pairs.length === 0) return target;
  return `${target}${target.includes('?') ? '&' : '?'}${pairs.join('&')}`;
}

function explainCandidate(
  matcher: RouteMatcher,
  client: ImaginedClient,
  table: ExplainedTable,
  decision: MatchExplanation['decision'],
): CandidateExplanation {
  const failed = firstFailure(matcher, client, table);
  return {
    route: matcher.route,
    matched: failed === null,
    failed,
    says: failed === null ? whyNotFirst(matcher.route, decision) : whatFailed(matcher, client, table.query, failed),
  };
}

function firstFailure(matcher: RouteMatcher, client: ImaginedClient, table: ExplainedTable): MatchCriterion | null {
  const { bytes, request } = client;
  if (!asksForPort(matcher.route.match.ports, table.port)) return 'ports';
  if (!matcher.takesClient(bytes.ip)) return 'clientIp';
  if (request !== null && table.decideRequest !== null) return requestFailure(matcher, request);
  if (!matcher.takesProtocol(bytes.protocol)) return 'protocol';
  if (!matcher.takesHost(bytes.preface?.serverName ?? null)) return 'domains';
  return matcher.takesAlpn(bytes.preface?.alpn ?? []) ? null : 'alpn';
}

function requestFailure(matcher: RouteMatcher, request: RequestSubject): MatchCriterion | null {
  if (!matcher.takesRequestsOf(request.protocol, request.isWebSocket)) return 'protocol';
  if (!matcher.takesHost(request.host)) return 'domains';
  const normal = normalisePath(request.target);
  if (normal.malformed !== null) return matcher.http.path === null ? null : 'path';
  const view = new RequestView(request, normal.path, normal.query);
  return matcher.http.failure(view) ?? (hasTargetFor(matcher.route, view) ? null : 'targets');
}
