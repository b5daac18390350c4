/**
 * Why a client, or a request, would or would not be taken by each route of a listener: what `proxy.match()` and
 * `sallyport explain` show.
 *
 * Decides nothing of its own: the decision is the table's, this only says which criterion failed first and in words.
 * Who is imagined is told by `imagined-client.ts`. Where a route terminates TLS, the answer is that of the inside.
 * Must never do: run on a connection's path; it is for people.
 */
import { sentenceOf, whatFailed, whyNotFirst } from './explain-words.ts';
import { type ImaginedClient, imagineClients, unknownClient } from './imagined-client.ts';
import { RequestView } from './match-request.ts';
import { normalisePath } from './path.ts';
import type { RoutePlan } from './plan.ts';
import { asksForPort } from './port-range.ts';
import { agreedAlpn, hasTargetFor, takesAgreed } from './request-table.ts';
import type { Client, RequestDecision, RequestSubject, RouteDecision, RouteSubject } from './route-decision.ts';
import type { RouteMatcher } from './route-match.ts';
import type { RouteTable } from './route-table.ts';
import type { TlsVersion } from './tls-plan.ts';

/** What is known about a client that is only imagined. */
export interface MatchQuery {
  readonly port: number;
  /** The name that is asked for by SNI, and by Host. */
  readonly host?: string;
  /** A detector's name, or `websocket`. */
  readonly protocol?: string;
  /** True: TLS comes first, and `protocol` is what is spoken inside of it. Not said: whichever finds a route. */
  readonly tls?: boolean;
  /** The SNI where it is not `host`. */
  readonly serverName?: string;
  /** Default: the newest that the route speaks. */
  readonly tlsVersion?: TlsVersion;
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
  | 'tlsVersion'
  | 'tls'
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
  /** What the client was taken to speak, inside of TLS where that is terminated; null = nothing that is known. */
  readonly protocol: string | null;
  /** The route whose TLS the client was taken through; null where none is terminated for it. */
  readonly handshake: RoutePlan | null;
  /** One sentence without a full stop. */
  readonly says: string;
  /** In the order they are tried. */
  readonly candidates: readonly CandidateExplanation[];
}

/** What a table lends for an explanation. */
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
  readonly offeredAlpn: (subject: RouteSubject, route: RoutePlan) => readonly string[];
}

/** @param tables by port, those of every listener. */
export function explainMatch(tables: ReadonlyMap<number, RouteTable>, query: MatchQuery): MatchExplanation {
  const table = tables.get(query.port);
  if (table !== undefined) return table.explain(query);
  const decision: RouteDecision = { kind: 'refused', reason: 'refused.route' };
  return {
    decision,
    protocol: null,
    handshake: null,
    says: `refused: nothing listens on port ${query.port}`,
    candidates: [],
  };
}

/** The explanation of one listener. @param inside the table behind the TLS that its routes terminate. */
export function explainListener(wire: ExplainedTable, inside: ExplainedTable | null): MatchExplanation {
  const clients = imagineClients(wire.query, inside === null ? 'none' : inside.decideRequest === null ? 'raw' : 'http');
  const asked = clients.map((client) => askThrough(client, wire, inside));
  const answer =
    asked.find(({ decision }) => decision.kind === 'route') ?? asked[0] ?? ask(unknownClient(wire.query), wire);
  const { client, decision, table, before } = answer;
  const here = table.matchers.map((matcher) => explainCandidate(matcher, answer));
  // Behind a handshake the routes that terminate nothing are out of reach; why, was decided by the client hello.
  const outside = before === null ? [] : wire.matchers.filter(({ route }) => route.tls === null);
  return {
    decision,
    protocol: client.spoken,
    handshake: before === null ? null : routeOf(before.decision),
    says: sentenceOf(answer, before === null ? null : routeOf(before.decision), table.switchedOff),
    candidates: [...here, ...outside.map((matcher) => explainCandidate(matcher, before ?? answer))],
  };
}

interface Answer {
  readonly client: ImaginedClient;
  readonly decision: RouteDecision | RequestDecision;
  /** True exactly when no byte was needed. */
  readonly isEarly: boolean;
  readonly table: ExplainedTable;
  /** What was decided about the handshake; null where none was needed. */
  readonly before: Answer | null;
}

/** Asks the wire, and behind a handshake the inside. */
function askThrough(client: ImaginedClient, wire: ExplainedTable, inside: ExplainedTable | null): Answer {
  const answer = ask(client, wire);
  const route = routeOf(answer.decision);
  if (inside === null || client.inside === null || route === null || route.tls === null) return answer;
  return { ...ask(client.inside(route.tls, wire.offeredAlpn(client.bytes, route)), inside), before: answer };
}

function ask(client: ImaginedClient, table: ExplainedTable): Answer {
  const early = table.withoutBytes(client.bytes);
  if (early !== null) return { client, decision: early, isEarly: true, table, before: null };
  const decision =
    client.request !== null && table.decideRequest !== null
      ? table.decideRequest(client.request)
      : table.decide(client.bytes);
  return { client, decision, isEarly: false, table, before: null };
}

function routeOf(decision: MatchExplanation['decision']): RoutePlan | null {
  return decision.kind === 'route' ? decision.route : null;
}

function explainCandidate(matcher: RouteMatcher, { client, table, decision }: Answer): CandidateExplanation {
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
  if (!matcher.takesVersion(bytes.tls)) return 'tlsVersion';
  if (request !== null && table.decideRequest !== null) return requestFailure(matcher, request);
  if (!matcher.takesPolicy(bytes.tls)) return 'tls';
  if (!matcher.takesProtocol(bytes.protocol)) return 'protocol';
  return namesFailure(matcher, bytes);
}

/** Behind a handshake by what it settled, on the wire by what the client hello says. */
function namesFailure(matcher: RouteMatcher, { tls, preface }: RouteSubject): MatchCriterion | null {
  if (!matcher.takesHost((tls ?? preface)?.serverName ?? null)) return 'domains';
  return matcher.takesAlpn(tls === null ? (preface?.alpn ?? []) : agreedAlpn(tls)) ? null : 'alpn';
}

function requestFailure(matcher: RouteMatcher, request: RequestSubject): MatchCriterion | null {
  if (!matcher.takesRequestsOf(request.protocol, request.isWebSocket)) return 'protocol';
  if (!matcher.takesHost(request.host)) return 'domains';
  if (!takesAgreed(matcher, request)) return 'alpn';
  const normal = normalisePath(request.target);
  if (normal.malformed !== null) return matcher.http.path === null ? null : 'path';
  const view = new RequestView(request, normal.path, normal.query);
  return matcher.http.failure(view) ?? (hasTargetFor(matcher.route, view) ? null : 'targets');
}
