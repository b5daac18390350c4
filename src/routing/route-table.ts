/**
 * The routes of one listener as a table: which one takes this client?
 *
 * Decides from match criteria only; what security says comes after, but for addresses that no route lets pass (`shutsOut`).
 * The first candidate in the order of `route-order.ts` that takes the client wins; one that is switched off refuses what it
 * wins. Where it asks for nothing that is in the bytes, the answer is there at accept.
 * Which criteria ask for what: `domains` for a server name (SNI in TLS, Host in HTTP), `alpn` for TLS, `protocol` for that
 * protocol; null and `tcp` for nothing. Where HTTP is served, `decideRequest` answers for each request (`request-table.ts`);
 * `decide` is for everything else, and looks at no path, method, header or query.
 * A route that terminates TLS is two things. On the wire it is TLS, matched by what a client hello shows. Inside, in a table
 * of its own, it is what it says, and names are the SNI's unless a request brings its Host.
 * Must never do: read bytes, resolve, or keep anything about a client. Read first: `plan.ts`, `route-order.ts`.
 */
import type { Detector } from '../protocols/detector.ts';
import { type ExplainedTable, explainListener, type MatchExplanation, type MatchQuery } from './explain-match.ts';
import { HostIndex, RankedList } from './host-index.ts';
import type { HostPattern } from './match-host.ts';
import type { DetectorPlan, ListenerPlan, RoutePlan, Validations } from './plan.ts';
import { asksForPort } from './port-range.ts';
import { offeredAlpn } from './offered-alpn.ts';
import { orderCandidates, type Where } from './route-order.ts';
import { type RequestCandidate, RequestTable, takesAgreed } from './request-table.ts';
import type { Client, RequestDecision, RequestSubject, RouteDecision, RouteSubject } from './route-decision.ts';
import { RouteAccess } from './route-access.ts';
import { compileRouteMatch, type RouteMatcher } from './route-match.ts';
import { ShuttingOut, type ShutOut } from './shut-out.ts';

export type { CandidateExplanation, MatchExplanation, MatchQuery } from './explain-match.ts';
export type {
  Client,
  RequestDecision,
  RequestSubject,
  RouteDecision,
  RouteSubject,
  TlsSubject,
} from './route-decision.ts';
export { orderRoutes } from './route-order.ts';

export interface RouteTable {
  /** What to ask about the first bytes, in order. Empty exactly when no route of the listener looks at bytes. */
  readonly detectors: readonly Detector[];
  /** Milliseconds a client may stay silent before `serverFirst` is asked: the least that such a route, or the listener, declares; null = for ever. */
  readonly serverFirstMs: number | null;
  /** The answer that needs no byte; null when bytes are needed. */
  withoutBytes(client: Client): RouteDecision | null;
  /** Whether the lists of every route are against the address, so that no byte can help it; on the wire only. */
  shutsOut(client: Client): ShutOut | null;
  decide(subject: RouteSubject): RouteDecision;
  /** Validations that may come before any route is asked; on the wire only. */
  readonly validations: Validations;
  /** True exactly when HTTP connections of this listener are served request by request (`RoutePlan.needsHttp`). */
  readonly servesHttp: boolean;
  /** The route of one request. A forward action none of whose targets takes the request is no match. */
  decideRequest(subject: RequestSubject): RequestDecision;
  /** Whether the lists of a route that was chosen let that address pass, as they are now. */
  admits(route: RoutePlan, ip: string): boolean;
  /** False: the route has no lists. */
  restricts(route: RoutePlan): boolean;
  /** The route of a client that stays silent because its protocol lets the server speak first; null = there is none. */
  serverFirst(client: Client): RoutePlan | null;
  /**
   * The routes that terminate TLS, as the table of what is spoken inside: nothing of it is asked before a handshake. Its
   * candidates are those whose handshake policy is the subject's; null exactly when no route terminates.
   */
  readonly inside: RouteTable | null;
  /**
   * What to agree to, best first, in a handshake for that client hello whose best route is `route`: of the protocols that
   * routes behind the same policy and name can speak. Empty: nothing is negotiated.
   */
  offeredAlpn(subject: RouteSubject, route: RoutePlan): readonly string[];
  /** Whether TLS would end here for a client that names this host. */
  endsTlsFor(name: string): boolean;
  explain(query: MatchQuery): MatchExplanation;
}

/**
 * @param detectors all of the proxy's, in the order they are asked.
 * @param access the lists of all routes of the proxy; unless given, those of the plan, which nothing changes.
 */
export function compileListener(
  plan: ListenerPlan,
  detectors: readonly DetectorPlan[],
  access: RouteAccess = new RouteAccess(plan.routes),
): RouteTable {
  return new CompiledTable(plan, detectors, access, 'wire');
}

/** One candidate of `route-order.ts`, ready to be asked. */
interface Entry extends RequestCandidate {
  readonly decision: RouteDecision;
}

const refusedRoute: RouteDecision = { kind: 'refused', reason: 'refused.route' };
const refusedProtocol: RouteDecision = { kind: 'refused', reason: 'refused.protocol' };
const noValidations: Validations = { http: false, tls: false };

class CompiledTable implements RouteTable {
  readonly detectors: readonly Detector[];
  readonly serverFirstMs: number | null;
  readonly validations: Validations;
  readonly servesHttp: boolean;
  readonly inside: CompiledTable | null;
  readonly #access: RouteAccess;
  readonly #where: Where;
  readonly #isForChallenges: boolean;
  readonly #port: number;
  /** Each route once, best first. */
  readonly #matchers: readonly RouteMatcher[];
  readonly #entries: readonly Entry[];
  readonly #hostless: readonly Entry[];
  readonly #hosts = new HostIndex<Entry, RouteSubject>(() => new RankedList(accepts));
  readonly #requests: RequestTable;
  readonly #switchedOff: ReadonlySet<string>;
  readonly #serverFirst: readonly RouteMatcher[];
  readonly #shuttingOut: ShuttingOut | null;

  constructor(plan: ListenerPlan, detectors: readonly DetectorPlan[], access: RouteAccess, where: Where) {
    const terminating = plan.routes.filter(({ tls }) => tls !== null);
    const routes = where === 'wire' ? plan.routes : terminating;
    const compiled = new Map(routes.map((route) => [route, compileRouteMatch(route, where)]));
    const isLast = where === 'inside' || terminating.length === 0;
    this.inside = isLast ? null : new CompiledTable(plan, detectors, access, 'inside');
    this.#where = where;
    this.#access = access;
    this.#entries = orderCandidates(routes, where).map(({ route, host }, rank) => {
      const matcher = compiled.get(route) ?? compileRouteMatch(route, where);
      const entry = { rank, matcher, route, host, decision: decisionOf(route) };
      if (host !== null) this.#hosts.add(host, entry);
      return entry;
    });
    this.#port = plan.port;
    this.validations = where === 'wire' ? plan.validations : noValidations;
    const speaking = routes.filter(({ tls }) => where === 'inside' || tls === null);
    this.servesHttp = plan.isForChallenges || speaking.some((route) => route.needsHttp);
    this.#isForChallenges = plan.isForChallenges;
    this.#matchers = [...new Set(this.#entries.map((entry) => entry.matcher))];
    const servesRequests = this.servesHttp || this.inside?.servesHttp === true;
    this.#shuttingOut = where === 'wire' ? new ShuttingOut(this.#matchers, access, servesRequests) : null;
    this.#hostless = this.#entries.filter((entry) => entry.matcher.hosts === null);
    this.#switchedOff = new Set(detectors.filter((each) => !each.enabled).map((each) => each.detector.name));
    this.#requests = new RequestTable(
      this.#entries.filter(({ route }) => speaking.includes(route) && asksForPort(route.match.ports, plan.port)),
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
    if (this.#isForChallenges) return null;
    for (const { matcher, host, decision } of this.#entries) {
      if (this.#mayBeNamed(host, client) && takesBefore(matcher, client)) return matcher.needsBytes ? null : decision;
    }
    return refusedRoute;
  }

  shutsOut({ ip }: Client): ShutOut | null {
    return this.#shuttingOut?.of(ip) ?? null;
  }

  /** On the wire a name is among the bytes; inside of TLS it is known. */
  #mayBeNamed(host: HostPattern | null, { tls }: Client): boolean {
    if (this.#where === 'wire' || host === null) return true;
    return tls !== null && tls.serverName !== null && host.matches(tls.serverName);
  }

  decide(subject: RouteSubject): RouteDecision {
    if (subject.protocol !== null && this.#switchedOff.has(subject.protocol)) return refusedProtocol;
    const name = (this.#where === 'wire' ? subject.preface : subject.tls)?.serverName ?? null;
    const hostless = this.#hostless.find((entry) => accepts(entry, subject)) ?? null;
    const best = name === null ? hostless : this.#hosts.find(name, subject, hostless);
    if (best !== null) return best.decision;
    const known = this.#matchers.filter((matcher) => matcher.takesPolicy(subject.tls));
    const isSpoken = known.some((matcher) => matcher.route.enabled && matcher.takesProtocol(subject.protocol));
    return isSpoken || known.length === 0 ? refusedRoute : refusedProtocol;
  }

  admits(route: RoutePlan, ip: string): boolean {
    return this.#access.admits(route, ip);
  }

  restricts(route: RoutePlan): boolean {
    return this.#access.restricts(route);
  }

  decideRequest(subject: RequestSubject): RequestDecision {
    return this.#requests.decide(subject);
  }

  serverFirst(client: Client): RoutePlan | null {
    const name = client.tls?.serverName ?? null;
    const first = this.#serverFirst.find((matcher) => matcher.takesHost(name) && takesBefore(matcher, client));
    return first?.route ?? null;
  }

  offeredAlpn(subject: RouteSubject, route: RoutePlan): readonly string[] {
    return offeredAlpn(this.inside?.matchersBehind(subject, route) ?? [], subject.preface?.alpn ?? [], {
      own: route.match.alpn ?? [],
      switchedOff: this.#switchedOff,
    });
  }

  endsTlsFor(name: string): boolean {
    return this.inside?.takesName(name) ?? false;
  }

  takesName(name: string): boolean {
    return this.#matchers.some((matcher) => matcher.route.enabled && matcher.takesHost(name));
  }

  /** The routes that what comes inside of such a handshake may be for. */
  matchersBehind({ ip, preface }: RouteSubject, { tls }: RoutePlan): readonly RouteMatcher[] {
    return this.#matchers.filter(
      (matcher) =>
        matcher.route.enabled &&
        matcher.route.tls?.policy === tls?.policy &&
        matcher.takesHost(preface?.serverName ?? null) &&
        matcher.takesClient(ip),
    );
  }

  explain(query: MatchQuery): MatchExplanation {
    return explainListener(this.explained(query), this.inside?.explained(query) ?? null);
  }

  explained(query: MatchQuery): ExplainedTable {
    return {
      query,
      port: this.#port,
      matchers: this.#matchers,
      switchedOff: this.#switchedOff,
      withoutBytes: (client) => this.withoutBytes(client),
      decide: (subject) => this.decide(subject),
      decideRequest: this.servesHttp ? (subject) => this.decideRequest(subject) : null,
      offeredAlpn: (subject, route) => this.offeredAlpn(subject, route),
    };
  }

  /** On a port that looks at bytes: what its routes ask for, and what is switched off, so that it can be refused. */
  #detectorsToAsk(detectors: readonly DetectorPlan[]): readonly Detector[] {
    if (!this.#isForChallenges && !this.#matchers.some((matcher) => matcher.needsBytes)) return [];
    const asked = new Set(this.#matchers.flatMap((matcher) => matcher.protocols));
    if (this.servesHttp) asked.add('http').add('h2c');
    return detectors.filter((each) => !each.enabled || asked.has(each.detector.name)).map((each) => each.detector);
  }
}

function decisionOf(route: RoutePlan): RouteDecision {
  return route.enabled ? { kind: 'route', route } : refusedProtocol;
}

/** Everything but the host, which led to the entry. */
function accepts({ matcher }: Entry, subject: RouteSubject): boolean {
  return (
    matcher.takesProtocol(subject.protocol) &&
    (subject.tls !== null || matcher.takesAlpn(subject.preface?.alpn ?? [])) &&
    takesBefore(matcher, subject)
  );
}

/** Everything that is known before a byte is read, but for the host: the address, and inside of TLS its handshake. */
function takesBefore(matcher: RouteMatcher, { ip, tls }: Client): boolean {
  if (!matcher.takesClient(ip)) return false;
  return matcher.takesPolicy(tls) && (tls === null || takesAgreed(matcher, { tls }));
}
