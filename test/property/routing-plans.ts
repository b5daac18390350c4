/**
 * Plans for the routing tests, without a configuration: only what matters is said, the rest is ordinary.
 */
import { defaultTimeouts, type TimeoutsPlan } from '../../src/machines/connection/delays.ts';
import { builtinDetectors } from '../../src/protocols/builtin-detectors.ts';
import {
  compileListener,
  type RequestDecision,
  type RequestSubject,
  type RouteDecision,
  type RouteSubject,
  type RouteTable,
} from '../../src/routing/route-table.ts';
import type { HttpMatch, RewritePlan } from '../../src/routing/http-plan.ts';
import type {
  AdmissionPlan,
  DetectorPlan,
  ForwardAction,
  ListenerPlan,
  PortRange,
  RouteAction,
  RouteMatch,
  RoutePlan,
  TargetPlan,
} from '../../src/routing/plan.ts';
import type { TlsPlan } from '../../src/routing/tls-plan.ts';

export interface RouteWish extends Partial<Omit<RouteMatch, 'ports' | 'http'>>, Partial<HttpMatch> {
  readonly name?: string;
  readonly ports?: readonly PortRange[];
  readonly priority?: number;
  readonly enabled?: boolean;
  readonly serverFirst?: number | null;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly action?: RouteAction;
  readonly rewrite?: RewritePlan;
  /** Terminates TLS by a policy of this name. */
  readonly policy?: string;
}

export const listenerPort = 443;

/** No cap, no rate, no queue. */
const unlimited: AdmissionPlan = { maxConnections: null, maxConnectionsPerIp: null, rates: [], waitersMax: 0 };

/** One plan a wish, in the order given. */
export function routes(...wishes: readonly RouteWish[]): readonly RoutePlan[] {
  return wishes.map((wish, index) => ({
    ...httpParts(wish),
    access: null,
    onBan: 'keep',
    admission: unlimited,
    name: wish.name ?? `r${index}`,
    index,
    configPath: `routes[${index}]`,
    description: wish.description ?? null,
    tags: wish.tags ?? [],
    enabled: wish.enabled ?? true,
    priority: wish.priority ?? 0,
    match: {
      ports: wish.ports ?? [{ from: listenerPort, to: listenerPort }],
      domains: wish.domains ?? null,
      protocol: wish.protocol ?? null,
      alpn: wish.alpn ?? null,
      tlsVersion: wish.tlsVersion ?? null,
      clientIp: wish.clientIp ?? null,
      http: httpMatch(wish),
    },
    action: wish.action ?? forward({ match: null }),
    timeouts: timeouts(wish.serverFirst ?? null),
    interpreter: 'compiled',
    keepHalfOpen: false,
    limitsUpgrades: false,
    tls: wish.policy === undefined ? null : tlsPlan(wish.policy),
  }));
}

/** A plan for termination whose policy is only a word. */
export function tlsPlan(policy: string): TlsPlan {
  return {
    mode: 'terminate',
    policy,
    configPath: 'tls',
    certificate: { type: 'function', provide: () => null },
    minVersion: 'TLSv1.2',
    maxVersion: null,
    ciphers: null,
    clientAuth: null,
    upstream: null,
  };
}

/** A forward action, its targets on ports 3000, 3001 … */
export function forward(...targets: readonly Pick<TargetPlan, 'match'>[]): ForwardAction {
  return {
    type: 'forward',
    targets: targets.map(({ match }, index) => ({ host: '127.0.0.1', port: 3000 + index, match })),
    pool: null,
    targetOf: null,
    dialer: { type: 'direct' },
    proxyHeader: null,
    preservesSource: false,
    upstreamProtocol: 'http1',
    pingMs: null,
  };
}

/** Any request, but for what is wished. */
export function httpMatch(wish: Partial<HttpMatch>): HttpMatch {
  return {
    path: wish.path ?? null,
    methods: wish.methods ?? null,
    headers: wish.headers ?? [],
    query: wish.query ?? [],
  };
}

/** What a configuration would make of the wish: does it have to be served as HTTP? */
function httpParts(wish: RouteWish): Pick<RoutePlan, 'needsHttp' | 'rewrite' | 'authentication'> {
  const { path, methods, headers, query } = httpMatch(wish);
  const asksHttp = path !== null || methods !== null || headers.length + query.length > 0;
  const doesHttp = wish.rewrite !== undefined || ['redirect', 'respond'].includes(wish.action?.type ?? 'forward');
  return {
    needsHttp: namesHttp(wish) || asksHttp || doesHttp,
    rewrite: wish.rewrite ?? null,
    authentication: null,
  };
}

function namesHttp({ domains = null, protocol = null, alpn = null, policy }: RouteWish): boolean {
  // Inside of TLS, HTTP may be whatever comes.
  if (policy !== undefined && protocol === null) return true;
  if (protocol !== null) return ['http', 'h2c', 'websocket'].includes(protocol);
  return domains !== null && alpn === null;
}

/** What the simplest request has; the rest is wished. */
export function request(wish: Partial<RequestSubject> = {}): RequestSubject {
  return {
    ip: '10.0.0.1',
    protocol: 'http',
    isWebSocket: false,
    host: null,
    method: 'GET',
    target: '/',
    fields: [],
    tls: null,
    ...wish,
  };
}

export function listener(plans: readonly RoutePlan[]): ListenerPlan {
  return {
    port: listenerPort,
    host: '::',
    admission: unlimited,
    proxyHeader: null,
    configPath: 'listeners',
    routes: plans,
    timeouts: timeouts(null),
    isForChallenges: false,
    validations: { http: false, tls: false },
  };
}

/** The built-in detectors, with these switched off. */
export function detectors(...off: readonly string[]): readonly DetectorPlan[] {
  return builtinDetectors.map((detector) => ({ detector, enabled: !off.includes(detector.name) }));
}

/** The table of a listener with these routes and every built-in detector. */
export function table(...wishes: readonly RouteWish[]): RouteTable {
  return compileListener(listener(routes(...wishes)), detectors());
}

export function subject(
  protocol: string | null,
  serverName: string | null = null,
  alpn: readonly string[] = [],
  ip = '10.0.0.1',
): RouteSubject {
  return { ip, protocol, preface: protocol === null ? null : { serverName, alpn }, tls: null };
}

/** The name of the route, the reason of the refusal, or that the request is malformed. */
export function said(decision: RouteDecision | RequestDecision | null): string | null {
  if (decision === null) return null;
  if (decision.kind === 'malformed' || decision.kind === 'misdirected') return decision.kind;
  return decision.kind === 'route' ? decision.route.name : decision.reason;
}

function timeouts(serverFirst: number | null): TimeoutsPlan {
  return { values: { ...defaultTimeouts, serverFirst }, sources };
}

const sources: TimeoutsPlan['sources'] = {
  startup: 'default',
  admission: 'default',
  sniff: 'default',
  serverFirst: 'default',
  dial: 'default',
  dialBudget: 'default',
  queue: 'default',
  backoff: 'default',
  idle: 'default',
  halfClosed: 'default',
  halfClosedMax: 'default',
  flush: 'default',
  linger: 'default',
  lifetime: 'default',
  drain: 'default',
  readinessDelay: 'default',
  requestHead: 'default',
  requestBody: 'default',
  response: 'default',
  keepAlive: 'default',
  poolIdle: 'default',
};
