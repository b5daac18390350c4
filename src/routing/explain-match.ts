/**
 * Why a client would, or would not, be taken by each route of a listener: what `proxy.match()` and `sallyport explain` show.
 *
 * Decides nothing of its own: the decision is the table's, this only says which criterion failed first and in words.
 * A query that names no protocol is taken as what its other parts suggest: ALPN means TLS; a host means TLS or HTTP,
 * whichever finds a route.
 * Must never do: run on a connection's path; it is for people.
 */
import { normaliseHost } from './match-host.ts';
import type { RoutePlan } from './plan.ts';
import type { RouteMatcher } from './route-match.ts';
import type { Client, RouteDecision, RouteSubject } from './route-decision.ts';
import type { RouteTable } from './route-table.ts';

/** What is known about a client that is only imagined. */
export interface MatchQuery {
  readonly port: number;
  readonly host?: string;
  /** A detector's name. */
  readonly protocol?: string;
  readonly alpn?: readonly string[];
  readonly clientIp?: string;
  /** Taken, and not looked at before HTTP routing is built. */
  readonly path?: string;
}

export type MatchCriterion = 'ports' | 'clientIp' | 'protocol' | 'domains' | 'alpn';

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
  readonly decision: RouteDecision;
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
}

/** @param tables by port, those of every listener. */
export function explainMatch(tables: ReadonlyMap<number, RouteTable>, query: MatchQuery): MatchExplanation {
  const table = tables.get(query.port);
  if (table !== undefined) return table.explain(query);
  const decision: RouteDecision = { kind: 'refused', reason: 'refused.route' };
  return { decision, protocol: null, says: `refused: nothing listens on port ${query.port}`, candidates: [] };
}

/** The explanation of one listener. */
export function explainListener(table: ExplainedTable): MatchExplanation {
  const subjects = subjectsOf(table.query);
  const [fallback] = subjects;
  const subject = subjects.find((each) => table.decide(each).kind === 'route') ?? fallback;
  const early = table.withoutBytes(subject);
  const decision = early ?? table.decide(subject);
  return {
    decision,
    protocol: subject.protocol,
    says: sentenceOf(decision, subject, early !== null, table.switchedOff),
    candidates: table.matchers.map((matcher) => explainCandidate(matcher, subject, table, decision)),
  };
}

function subjectsOf(query: MatchQuery): readonly [RouteSubject, ...RouteSubject[]] {
  const serverName = query.host === undefined ? null : normaliseHost(query.host);
  const preface = { serverName, alpn: query.alpn ?? [] };
  const ip = query.clientIp ?? '';
  if (query.protocol === 'tcp') return [{ ip, protocol: null, preface: null }];
  if (query.protocol !== undefined) return [{ ip, protocol: query.protocol, preface }];
  if (preface.alpn.length > 0) return [{ ip, protocol: 'tls', preface }];
  if (serverName === null) return [{ ip, protocol: null, preface: null }];
  return [
    { ip, protocol: 'tls', preface },
    { ip, protocol: 'http', preface },
  ];
}

function sentenceOf(
  decision: RouteDecision,
  subject: RouteSubject,
  isEarly: boolean,
  off: ReadonlySet<string>,
): string {
  if (decision.kind === 'route') {
    return isEarly ? `taken by ${decision.route.name} before any byte is read` : `taken by ${decision.route.name}`;
  }
  if (subject.protocol !== null && off.has(subject.protocol) && !isEarly)
    return `refused: ${subject.protocol} is switched off`;
  return decision.reason === 'refused.protocol'
    ? `refused: no route takes ${subject.protocol ?? 'bytes of an unknown protocol'}`
    : 'refused: no route matches';
}

function explainCandidate(
  matcher: RouteMatcher,
  subject: RouteSubject,
  table: ExplainedTable,
  decision: RouteDecision,
): CandidateExplanation {
  const failed = firstFailure(matcher, subject, table);
  return {
    route: matcher.route,
    matched: failed === null,
    failed,
    says: wordsFor(matcher, subject, table, failed, decision),
  };
}

function firstFailure(
  matcher: RouteMatcher,
  subject: RouteSubject,
  { query, port }: ExplainedTable,
): MatchCriterion | null {
  const { ports } = matcher.route.match;
  if (port !== 0 && !ports.some(({ from, to }) => from <= query.port && query.port <= to)) return 'ports';
  if (!matcher.takesClient(subject.ip)) return 'clientIp';
  if (!matcher.takesProtocol(subject.protocol)) return 'protocol';
  if (!matcher.takesHost(subject.preface?.serverName ?? null)) return 'domains';
  return matcher.takesAlpn(subject.preface?.alpn ?? []) ? null : 'alpn';
}

function wordsFor(
  { route, protocols }: RouteMatcher,
  subject: RouteSubject,
  { query }: ExplainedTable,
  failed: MatchCriterion | null,
  decision: RouteDecision,
): string {
  switch (failed) {
    case 'ports':
      return `asks for other ports than ${query.port}`;
    case 'clientIp':
      return `asks for a client in ${list(route.match.clientIp)}; the client is ${query.clientIp ?? 'not given'}`;
    case 'protocol':
      return `asks for ${list(protocols)}; the client speaks ${subject.protocol ?? 'nothing that is known'}`;
    case 'domains':
      return `asks for ${list(route.match.domains)}; the client names ${subject.preface?.serverName ?? 'no host'}`;
    case 'alpn':
      return `asks for ALPN ${list(route.match.alpn)}; the client offers ${list(subject.preface?.alpn ?? [])}`;
    case null:
      break;
  }
  if (decision.kind === 'route' && decision.route === route) return 'matches and is the one that is taken';
  return route.enabled
    ? 'matches, but something that comes first decides'
    : 'matches and is switched off, so it refuses';
}

function list(values: readonly string[] | null): string {
  return values === null || values.length === 0 ? 'none' : values.join(', ');
}
