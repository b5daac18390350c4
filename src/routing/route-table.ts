/**
 * The routes of one listener as a table: which one takes this client?
 *
 * Decides from match criteria only; what security says comes after. The first candidate in the order of `route-order.ts`
 * that takes the client wins, and a route that is switched off refuses what it wins. Where the first candidate for an
 * address asks for nothing that is in the bytes, the answer is there at accept, before any byte.
 * Which criteria ask for what: `domains` for a server name (SNI in TLS, Host in HTTP), `alpn` for TLS, `protocol` for that
 * protocol; null and `tcp` for nothing. Where HTTP is served, `decideRequest` answers for each request (`request-table.ts`);
 * `decide` is for everything else, and looks at no path, method, header or query.
 * Must never do: read bytes, resolve, or keep anything about a client. Read first: `plan.ts`, `route-order.ts`.
 */
import type { Detector } from '../protocols/detector.ts';
import { explainListener, type MatchExplanation, type MatchQuery } from './explain-match.ts';
import { HostIndex, RankedList } from './host-index.ts';
import type { DetectorPlan, ListenerPlan, RoutePlan } from './plan.ts';
import { asksForPort } from './port-range.ts';
import { orderCandidates } from './route-order.ts';
import { type RequestCandidate, RequestTable } from './request-table.ts';
import type { Client, RequestDecision, RequestSubject, RouteDecision, RouteSubject } from './route-decision.ts';
import { compileRouteMatch, type RouteMatcher } from './route-match.ts';

export type { CandidateExplanation, MatchExplanation, MatchQuery } from './explain-match.ts';
export type { Client, RequestDecision, RequestSubject, RouteDecision, RouteSubject } from './route-decision.ts';
export { orderRoutes } from './route-order.ts';

export interface RouteTable {
  /** What to ask about the first bytes, in order. Empty exactly when no route of the listener looks at bytes. */
  readonly detectors: readonly Detector[];
  /** Milliseconds a client may stay silent before `serverFirst` is asked: the least that such a route, or the listener, declares; null = for ever. */
  readonly serverFirstMs: number | null;
  /** The answer that needs no byte; null when bytes are needed. */
  withoutBytes(client: Client): RouteDecision | null;
  decide(subject: RouteSubject): RouteDecision;
  /** True exactly when HTTP connections of this listener are served request by request (`RoutePlan.needsHttp`). */
  readonly servesHttp: boolean;
  /** The route of one request. A forward action none of whose targets takes the request is no match. */
  decideRequest(subject: RequestSubject): RequestDecision;
  /** The route of a client that stays silent because its protocol lets the server speak first; null = there is none. */
  serverFirst(client: Client): RoutePlan | null;
  explain(query: MatchQuery): MatchExplanation;
}

/** @param detectors all of the proxy's, in the order they are asked. */
export function compileListener(plan: ListenerPlan, detectors: readonly DetectorPlan[]): RouteTable {
  return new CompiledTable(plan, detectors);
}

/** One candidate of `route-order.ts`, ready to be asked. */
interface Entry extends RequestCandidate {
  readonly decision: RouteDecision;
}

const refusedRoute: RouteDecision = { kind: 'refused', reason: 'refused.route' };
const refusedProtocol: RouteDecision = { kind: 'refused', reason: 'refused.protocol' };

class CompiledTable implements RouteTable {
  readonly detectors: readonly Detector[];
  readonly serverFirstMs: number | null;
  readonly servesHttp: boolean;
  readonly #port: number;
  /** Each route once, best first. */
  readonly #matchers: readonly RouteMatcher[];
  readonly #entries: readonly Entry[];
  readonly #hostless: readonly Entry[];
  readonly #hosts = new HostIndex<Entry, RouteSubject>(() => new RankedList(accepts));
  readonly #requests: RequestTable;
  readonly #switchedOff: ReadonlySet<string>;
  readonly #serverFirst: readonly RouteMatcher[];

  constructor(plan: ListenerPlan, detectors: readonly DetectorPlan[]) {
    const compiled = new Map(plan.routes.map((route) => [route, compileRouteMatch(route)]));
    this.#entries = orderCandidates(plan.routes).map(({ route, host }, rank) => {
      const matcher = compiled.get(route) ?? compileRouteMatch(route);
      const entry = { rank, matcher, route, host, decision: decisionOf(route) };
      if (host !== null) this.#hosts.add(host, entry);
      return entry;
    });
    this.#port = plan.port;
    this.servesHttp = plan.routes.some((route) => route.needsHttp);
    this.#matchers = [...new Set(this.#entries.map((entry) => entry.matcher))];
    this.#hostless = this.#entries.filter((entry) => entry.matcher.hosts === null);
    this.#switchedOff = new Set(detectors.filter((each) => !each.enabled).map((each) => each.detector.name));
    this.#requests = new RequestTable(
      this.#entries.filter(({ route }) => asksForPort(route.match.ports, plan.port)),
      this.#switchedOff,
    );
    this.detectors = this.#detectorsToAsk(detectors);
    const silenceOf = ({ route }: RouteMatcher) =>
      route.timeouts.values.serverFirst ?? plan.timeouts.values.serverFirst;
    this.#serverFirst = this.#matchers.filter((matcher) => matcher.maySpeakFirst && silenceOf(matcher) !== null);
    const silences = this.#serverFirst.flatMap((matcher) => silenceOf(matcher) ?? []);
    this.serverFirstMs = silences.length === 0 ? null : Math.min(...silences);
  }

  withoutBytes(client: Client): RouteDecision | null {
    for (const entry of this.#entries) {
      if (entry.matcher.takesClient(client.ip)) return entry.matcher.needsBytes ? null : entry.decision;
    }
    return refusedRoute;
  }

  decide(subject: RouteSubject): RouteDecision {
    if (subject.protocol !== null && this.#switchedOff.has(subject.protocol)) return refusedProtocol;
    const name = subject.preface?.serverName ?? null;
    const hostless = this.#hostless.find((entry) => accepts(entry, subject)) ?? null;
    const best = name === null ? hostless : this.#hosts.find(name, subject, hostless);
    if (best !== null) return best.decision;
    const takers = this.#matchers.filter((matcher) => matcher.takesProtocol(subject.protocol));
    return takers.some((matcher) => matcher.route.enabled) || this.#matchers.length === 0
      ? refusedRoute
      : refusedProtocol;
  }

  decideRequest(subject: RequestSubject): RequestDecision {
    return this.#requests.decide(subject);
  }

  serverFirst(client: Client): RoutePlan | null {
    return this.#serverFirst.find((matcher) => matcher.takesClient(client.ip))?.route ?? null;
  }

  explain(query: MatchQuery): MatchExplanation {
    return explainListener({
      query,
      port: this.#port,
      matchers: this.#matchers,
      switchedOff: this.#switchedOff,
      withoutBytes: (client) => this.withoutBytes(client),
      decide: (subject) => this.decide(subject),
      decideRequest: this.servesHttp ? (subject) => this.decideRequest(subject) : null,
    });
  }

  /** On a port that looks at bytes: what its routes ask for, and what is switched off, so that it can be refused. */
  #detectorsToAsk(detectors: readonly DetectorPlan[]): readonly Detector[] {
    if (!this.#matchers.some((matcher) => matcher.needsBytes)) return [];
    const asked = new Set(this.#matchers.flatMap((matcher) => matcher.protocols));
    if (this.servesHttp) asked.add('http').add('h2c');
    return detectors.filter((each) => !each.enabled || asked.has(each.detector.name)).map((each) => each.detector);
  }
}

function decisionOf(route: RoutePlan): RouteDecision {
  return route.enabled ? { kind: 'route', route } : refusedProtocol;
}

/** Everything but the host, which led to the entry. */
function accepts(entry: Entry, subject: RouteSubject): boolean {
  const { matcher } = entry;
  return (
    matcher.takesProtocol(subject.protocol) &&
    matcher.takesAlpn(subject.preface?.alpn ?? []) &&
    matcher.takesClient(subject.ip)
  );
}
