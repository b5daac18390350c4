/**
 * What `check` knows about a configuration in which nothing is wrong, as plain data: the JSON that it prints.
 *
 * Decides: which deadlines are worth naming: those that are not the default. Must never do: word what is not a phrase of
 * its own; `check-text.ts` does. Read first: `check-hold.ts`.
 */
import { deadlineNames, deadlines, type DeadlineName, type TimeoutsPlan } from '../machines/connection/delays.ts';
import type { ConnectionHoldTime } from '../machines/connection/hold-time.ts';
import type { AuthenticationPlan, FieldRewrite, HttpMatch } from '../routing/http-plan.ts';
import type { AdmissionPlan, ForwardAction, ListenerPlan, ProxyPlan, RoutePlan } from '../routing/plan.ts';
import type { PoolPlan } from '../routing/pool-plan.ts';
import { orderRoutes } from '../routing/route-order.ts';
import type { AcmePlan, CertificatePlan, Material, TlsPlan } from '../routing/tls-plan.ts';
import {
  listenerValues,
  poolValues,
  routeValues,
  type ListenerValues,
  type PoolValues,
  type RouteValues,
} from './check-values.ts';
import { describeAdmission, describeListener } from './admission-text.ts';
import { longestHold } from './check-hold.ts';
import { describeBalance, describeEndpoint, describePool } from './pool-text.ts';
import { describeAction, describeMatch, describePolicy, namesOf } from './route-text.ts';
import { describeCertificate, describeHandshake } from './tls-text.ts';

export interface CheckReport {
  readonly ok: true;
  readonly file: string;
  readonly listeners: readonly CheckedListener[];
  /** What the whole proxy asks of everybody; one phrase each, for people. */
  readonly limits: readonly string[];
  /** The same as values: the whole proxy's caps and rates. */
  readonly admission: AdmissionPlan;
  /** The whole proxy's own deadlines. */
  readonly deadlines: readonly CheckedDeadline[];
  readonly routes: readonly CheckedRoute[];
  readonly pools: readonly CheckedPool[];
  readonly warnings: readonly string[];
}

export interface CheckedListener {
  readonly host: string;
  readonly port: number;
  /** Names, in the order they are tried for what comes over the wire; where TLS ends, for a client hello. */
  readonly routes: readonly string[];
  /** Those that terminate TLS, in the order they are tried for what is inside. */
  readonly inside: readonly string[];
  /** True exactly when it is there for HTTP-01 alone. */
  readonly isForChallenges: boolean;
  /** What is asked before any route is known; one phrase each, for people. */
  readonly policy: readonly string[];
  /** The same for programs. */
  readonly values: ListenerValues;
}

export interface CheckedPool {
  readonly name: string;
  readonly configPath: string;
  readonly balance: string;
  readonly endpoints: readonly string[];
  /** How they are looked after; one phrase each, for people. */
  readonly policy: readonly string[];
  /** All of it for programs. */
  readonly values: PoolValues;
  /** Names of the routes that lead to it. */
  readonly routes: readonly string[];
}

export interface CheckedDeadline {
  readonly name: DeadlineName;
  /** Null: off, or infinite. */
  readonly ms: number | null;
  readonly defaultMs: number | null;
  /** A place in a file, a variable, or a flag. */
  readonly source: string;
}

export interface CheckedRoute {
  readonly name: string;
  readonly configPath: string;
  readonly match: string;
  readonly action: string;
  readonly enabled: boolean;
  readonly interpreter: string;
  /** Who may pass, and what is changed on the way; one phrase each, for people. */
  readonly policy: readonly string[];
  /** Who may pass, and where it leads, for programs. */
  readonly values: RouteValues;
  /** Null where no TLS is terminated. */
  readonly tls: CheckedTls | null;
  /** Null where the bytes are not read as HTTP for this route's sake. */
  readonly http: CheckedHttp | null;
  readonly deadlines: readonly CheckedDeadline[];
  /** Null for a blocking route: a refusal is over when it was sniffed and said. */
  readonly holdTime: ConnectionHoldTime | null;
}

/** Never a secret, and no text of a certificate. */
export interface CheckedTls {
  readonly mode: TlsPlan['mode'];
  readonly configPath: string;
  readonly certificate: {
    readonly type: CertificatePlan['type'];
    /** For people. */
    readonly says: string;
    /** auto and development: what it is for. */
    readonly names: readonly string[];
    /** Files that are read and watched: certificate, key, pfx. */
    readonly files: readonly string[];
    /** auto only. */
    readonly acme: {
      readonly directoryUrl: string;
      readonly email: string | null;
      readonly challenges: AcmePlan['challenges'];
      readonly challengePort: number;
      readonly renewThresholdDays: number | null;
      readonly onDemand: boolean;
    } | null;
  };
  /** What is not the default of a handshake, for people. */
  readonly handshake: readonly string[];
}

/** Never a secret: of fields that are set the names, of credentials how many. */
export interface CheckedHttp extends HttpMatch {
  readonly upstreamProtocol: ForwardAction['upstreamProtocol'] | null;
  readonly pingMs: number | null;
  readonly rewrite: {
    readonly stripPrefix: string | null;
    readonly path: string | null;
    readonly request: CheckedFields;
    readonly response: CheckedFields;
  } | null;
  readonly authentication: {
    readonly type: AuthenticationPlan['type'];
    /** basic: how many of the configuration itself may pass. */
    readonly users: number | null;
    /** basic: the file of the others. */
    readonly htpasswd: string | null;
    readonly jwksUrl: string | null;
    readonly forwardCredentials: boolean;
  } | null;
}

export interface CheckedFields {
  readonly set: readonly string[];
  readonly remove: readonly string[];
}

export function checkReport(plan: ProxyPlan, file: string): CheckReport {
  const servesHttp = plan.routes.some(({ needsHttp }) => needsHttp);
  const ofProxy = differing(plan.timeouts).filter(({ name }) => servesHttp || !httpDeadlines.has(name));
  return {
    ok: true,
    file,
    listeners: plan.listeners.map(checkedListener),
    limits: describeAdmission(plan.admission),
    admission: plan.admission,
    deadlines: ofProxy,
    routes: plan.routes.map((route) => checkedRoute(route, plan, ofProxy)),
    pools: plan.pools.map((pool) => checkedPool(pool, plan.routes)),
    warnings: plan.warnings,
  };
}

function checkedListener(listener: ListenerPlan): CheckedListener {
  const { host, port, routes, isForChallenges } = listener;
  const inside = routes.filter(({ tls }) => tls !== null);
  return {
    host,
    port,
    routes: orderRoutes(routes, 'wire').map(({ name }) => name),
    inside: orderRoutes(inside, 'inside').map(({ name }) => name),
    isForChallenges,
    policy: describeListener(listener),
    values: listenerValues(listener),
  };
}

function checkedPool(pool: PoolPlan, routes: readonly RoutePlan[]): CheckedPool {
  const { name, configPath, endpoints } = pool;
  const leads = routes.filter(({ action }) => action.type === 'forward' && action.pool === pool);
  return {
    name,
    configPath,
    balance: describeBalance(pool),
    endpoints: endpoints.map(describeEndpoint),
    policy: describePool(pool),
    values: poolValues(pool),
    routes: leads.map((route) => route.name),
  };
}

function checkedRoute(route: RoutePlan, plan: ProxyPlan, ofProxy: readonly CheckedDeadline[]): CheckedRoute {
  const { name, configPath, enabled, interpreter } = route;
  const listeners = plan.listeners.filter(({ routes }) => routes.includes(route));
  const seesHttp = listeners.some(({ routes }) => routes.some(({ needsHttp }) => needsHttp));
  const isOwn = (one: CheckedDeadline) =>
    !ofProxy.some((other) => other.name === one.name && other.source === one.source);
  return {
    name,
    configPath,
    match: describeMatch(route),
    action: describeAction(route.action),
    enabled,
    interpreter,
    policy: describePolicy(route),
    values: routeValues(route),
    tls: route.tls === null ? null : checkedTls(route.tls),
    http: route.needsHttp ? checkedHttp(route) : null,
    deadlines: differing(route.timeouts).filter((one) => isOwn(one) && (seesHttp || !httpDeadlines.has(one.name))),
    holdTime: route.enabled ? longestHold(route, listeners) : null,
  };
}

function checkedTls(tls: TlsPlan): CheckedTls {
  const { mode, configPath, certificate } = tls;
  return {
    mode,
    configPath,
    certificate: {
      type: certificate.type,
      says: describeCertificate(certificate),
      names: 'names' in certificate ? certificate.names : [],
      files: materialsOf(certificate).flatMap((one) => (one.kind === 'file' ? [one.path] : [])),
      acme: certificate.type === 'auto' ? checkedAcme(certificate.acme) : null,
    },
    handshake: describeHandshake(tls),
  };
}

function materialsOf(certificate: CertificatePlan): readonly Material[] {
  if (certificate.type === 'pem') return [certificate.cert, certificate.key];
  return certificate.type === 'pfx' ? [certificate.pfx] : [];
}

function checkedAcme({ ask, directoryUrl, email, challenges, challengePort, renewThresholdDays }: AcmePlan) {
  return { directoryUrl, email, challenges, challengePort, renewThresholdDays, onDemand: ask !== null };
}

/** Deadlines that only an HTTP exchange, or the pool behind it, ever arms. */
const httpDeadlines: ReadonlySet<DeadlineName> = new Set([
  'requestHead',
  'requestBody',
  'response',
  'keepAlive',
  'poolIdle',
]);

function checkedHttp({ match, action, rewrite, authentication }: RoutePlan): CheckedHttp {
  return {
    ...match.http,
    upstreamProtocol: action.type === 'forward' ? action.upstreamProtocol : null,
    pingMs: action.type === 'forward' ? action.pingMs : null,
    rewrite:
      rewrite === null
        ? null
        : { ...rewrite, request: checkedFields(rewrite.request), response: checkedFields(rewrite.response) },
    authentication:
      authentication === null
        ? null
        : {
            type: authentication.type,
            users: authentication.type === 'basic' ? authentication.credentials.length : null,
            htpasswd: authentication.type === 'basic' ? (authentication.htpasswd?.path ?? null) : null,
            jwksUrl: authentication.type === 'jwt' ? authentication.jwksUrl : null,
            forwardCredentials: authentication.forwardCredentials,
          },
  };
}

function checkedFields({ set, remove }: FieldRewrite): CheckedFields {
  return { set: namesOf(set), remove };
}

/** In the order of the documentation. */
function differing({ values, sources }: TimeoutsPlan): readonly CheckedDeadline[] {
  return deadlineNames
    .filter((name) => values[name] !== deadlines[name].defaultMs)
    .map((name) => ({ name, ms: values[name], defaultMs: deadlines[name].defaultMs, source: sources[name] }));
}
