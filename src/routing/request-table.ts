/**
 * Which route of a listener takes this request? The part of a route table that is asked where HTTP is served.
 *
 * Decides by everything a route asks for, in the order of `route-order.ts`: the first candidate that takes the request wins,
 * a route that is switched off refuses what it wins, and a forward route none of whose targets takes the request is passed
 * over. Behind terminated TLS the winner is looked for among all routes that terminate, and one whose handshake policy is not
 * the connection's makes the request misdirected, so that a Host never leads around a client certificate. The path is normalised once, and a path that cannot be is malformed whatever the routes are.
 * Must never do: read bytes, look at SNI, or keep anything about a client. Read first: `route-table.ts`, `match-request.ts`.
 */
import { CandidateList } from './candidate-list.ts';
import { HostIndex } from './host-index.ts';
import { matchAnyPath, type PathPattern } from './match-path.ts';
import { HttpCriteria, RequestView } from './match-request.ts';
import { normalisePath } from './path.ts';
import type { RoutePlan, TargetPlan } from './plan.ts';
import type { RequestDecision, RequestSubject, TlsSubject } from './route-decision.ts';
import type { RouteMatcher } from './route-match.ts';
import type { Candidate } from './route-order.ts';

export interface RequestCandidate extends Candidate {
  readonly rank: number;
  readonly matcher: RouteMatcher;
}

export class RequestTable {
  readonly #hostless = new CandidateList(accepts);
  readonly #hosts = new HostIndex<Entry, RequestView>(() => new CandidateList(accepts));
  /** False: no candidate asks for a name. */
  readonly #asksForHosts: boolean;
  readonly #switchedOff: ReadonlySet<string>;
  readonly #matchers: readonly RouteMatcher[];

  /** @param candidates of this listener's port, best first. */
  constructor(candidates: readonly RequestCandidate[], switchedOff: ReadonlySet<string>) {
    this.#switchedOff = switchedOff;
    this.#matchers = candidates.map(({ matcher }) => matcher);
    this.#asksForHosts = candidates.some(({ host }) => host !== null);
    const targets = new Map<RoutePlan, ConditionalTargets | null>();
    for (const { rank, matcher, route, host } of candidates) {
      const own = targets.get(route) ?? conditionalTargets(route);
      targets.set(route, own);
      const entry = { rank, matcher, path: matcher.http.path, targets: own };
      if (host === null) this.#hostless.add(entry);
      else this.#hosts.add(host, entry);
    }
  }

  decide(subject: RequestSubject): RequestDecision {
    if (this.#switchedOff.has(subject.protocol)) return refusedProtocol;
    const normal = normalisePath(subject.target);
    if (normal.malformed !== null) return { kind: 'malformed', detail: normal.malformed };
    const view = new RequestView(subject, normal.path, normal.query);
    const hostless = this.#hostless.lowest(view, null);
    const isNamed = this.#asksForHosts && subject.host !== null;
    const best = isNamed ? this.#hosts.find(subject.host, view, hostless) : hostless;
    if (best === null) return this.#refusal(subject);
    return best.matcher.takesPolicy(subject.tls)
      ? decisionOf(best, view)
      : { kind: 'misdirected', route: best.matcher.route };
  }

  #refusal({ protocol, isWebSocket }: RequestSubject): RequestDecision {
    const isServed = this.#matchers.some(
      (matcher) => matcher.route.enabled && matcher.takesRequestsOf(protocol, isWebSocket),
    );
    return isServed || this.#matchers.length === 0 ? refusedRoute : refusedProtocol;
  }
}

/** Whether a forward route has a target for the request; true for every other action. */
export function hasTargetFor(route: RoutePlan, view: RequestView): boolean {
  const targets = conditionalTargets(route);
  return targets === null || targets.some((target) => takesTarget(target, view));
}

const refusedRoute: RequestDecision = { kind: 'refused', reason: 'refused.route' };
const refusedProtocol: RequestDecision = { kind: 'refused', reason: 'refused.protocol' };
const noTargets: readonly TargetPlan[] = [];

interface Entry {
  readonly rank: number;
  readonly matcher: RouteMatcher;
  readonly path: PathPattern | null;
  /** Null where no target has a match of its own. */
  readonly targets: ConditionalTargets | null;
}

type ConditionalTargets = readonly ConditionalTarget[];

interface ConditionalTarget {
  readonly target: TargetPlan;
  readonly criteria: HttpCriteria | null;
}

/** Everything but the host, which led to the entry. */
function accepts({ matcher, targets }: Entry, view: RequestView): boolean {
  const { subject } = view;
  return (
    matcher.takesRequestsOf(subject.protocol, subject.isWebSocket) &&
    takesAgreed(matcher, subject) &&
    matcher.http.takes(view) &&
    matcher.takesClient(subject.ip) &&
    (targets === null || targets.some((target) => takesTarget(target, view)))
  );
}

/** What was agreed on in the handshake; nothing in clear text, where no route that takes requests asks for it. */
export function takesAgreed(matcher: RouteMatcher, { tls }: Pick<RequestSubject, 'tls'>): boolean {
  return matcher.takesVersion(tls) && (matcher.route.match.alpn === null || matcher.takesAlpn(agreedAlpn(tls)));
}

/** As a list, for questions about what a client offers. */
export function agreedAlpn(tls: TlsSubject | null): readonly string[] {
  const agreed = tls?.alpn ?? null;
  return agreed === null ? [] : [agreed];
}

function decisionOf({ matcher, path, targets }: Entry, view: RequestView): RequestDecision {
  const { route } = matcher;
  if (!route.enabled) return refusedProtocol;
  return {
    kind: 'route',
    route,
    path: path?.match(view.path) ?? matchAnyPath(view.path),
    targets: targets === null ? allTargets(route) : targetsFor(targets, view),
  };
}

function allTargets({ action }: RoutePlan): readonly TargetPlan[] {
  return action.type === 'forward' ? action.targets : noTargets;
}

function targetsFor(targets: ConditionalTargets, view: RequestView): readonly TargetPlan[] {
  return targets.filter((each) => takesTarget(each, view)).map(({ target }) => target);
}

function takesTarget({ criteria }: ConditionalTarget, view: RequestView): boolean {
  return criteria === null || criteria.takes(view);
}

function conditionalTargets({ action }: RoutePlan): ConditionalTargets | null {
  if (action.type !== 'forward' || action.targets.every(({ match }) => match === null)) return null;
  return action.targets.map((target) => ({
    target,
    criteria: target.match === null ? null : new HttpCriteria(target.match, true),
  }));
}
