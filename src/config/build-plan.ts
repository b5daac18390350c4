/**
 * The plan, out of a configuration in which nothing is wrong.
 *
 * Decides: the defaults that are not deadlines. Must never do: refuse anything; whatever arrives here has been checked.
 * Read first: `../routing/plan.ts`.
 */
import { resolve } from 'node:path';

import type { Detector } from '../protocols/detector.ts';
import type { AuthenticationPlan } from '../routing/http-plan.ts';
import type { DetectorPlan, ListenerPlan, ProxyPlan, RoutePlan } from '../routing/plan.ts';
import type { PoolPlan } from '../routing/pool-plan.ts';
import { orderRoutes } from '../routing/route-table.ts';
import { actionPlan } from './build-action.ts';
import { accessPlan, admissionPlan, proxyHeaderPlan, unlimited } from './build-admission.ts';
import { authenticationPlan, httpMatchPlan, rewritePlan } from './build-http.ts';
import { poolPlan } from './build-pool.ts';
import { answerable, challengePorts, validationsAt } from './challenge-ports.ts';
import type { Draft } from './draft.ts';
import { askedProtocol, needsHttp } from './http-needs.ts';
import type { Places } from './places.ts';
import { routesByPort } from './ports.ts';
import type { ResolvedTimeouts } from './resolve-listeners.ts';
import type { ConfigInput } from './schema.ts';
import type { RouteInput } from './schema-route.ts';
import { tlsPlan } from './build-tls.ts';
import { tlsPath } from './tls-needs.ts';

export interface PlanParts {
  readonly config: ConfigInput;
  /** The same configuration as written, for what is implied by a key being there. */
  readonly draft: Draft;
  readonly timeouts: ResolvedTimeouts;
  readonly places: Places;
  readonly builtIn: readonly Detector[];
  readonly warnings: readonly string[];
  /** What paths of certificates are relative to. */
  readonly folder: string;
}

/** The cap of the whole proxy where none is set; the file-descriptor limit may lower it at start. */
export const maxConnectionsDefault = 10_000;
/** Beside the configuration. */
const storeDefault = 'file:./.sallyport';
/** Dual stack: IPv6, and IPv4 through it. */
export const hostDefault = '::';

export function buildPlan(parts: PlanParts): ProxyPlan {
  const { config, timeouts } = parts;
  const pools = poolPlans(parts);
  const { routes, warnings } = answerable(config.routes.map((route, index) => routePlan(route, index, pools, parts)));
  return {
    listeners: listenerPlans(routes, parts),
    routes,
    admission: admissionPlan({
      ...config.limits,
      maxConnections: config.limits?.maxConnections ?? maxConnectionsDefault,
    }),
    pools: [...pools.values()],
    timeouts: timeouts.proxy,
    interpreter: config.interpreter ?? 'compiled',
    logLevel: config.log?.level ?? 'info',
    trustedProxies: config.trustedProxies ?? [],
    storeFolder: resolve(parts.folder, (config.store ?? storeDefault).replace(/^file:/, '')),
    detectors: detectorPlans(parts),
    warnings: [...parts.warnings, ...warnings],
  };
}

function routePlan(
  route: RouteInput,
  index: number,
  pools: ReadonlyMap<string, PoolPlan>,
  { config, draft, timeouts, places, folder }: PlanParts,
): RoutePlan {
  const asking = { route, raw: draft.routes[index]?.raw };
  const protocol = askedProtocol(asking);
  return {
    name: route.name,
    index,
    configPath: places.describe(['routes', index]),
    description: route.description ?? null,
    tags: route.tags ?? [],
    enabled: route.enabled ?? true,
    priority: route.priority ?? 0,
    match: {
      ports: route.match.ports,
      domains: route.match.domains ?? null,
      protocol,
      alpn: route.match.alpn ?? null,
      tlsVersion: route.match.tlsVersion ?? null,
      clientIp: route.match.clientIp ?? null,
      http: httpMatchPlan(route.match),
    },
    action: actionPlan(route.action, { protocol, pools, folder }),
    timeouts: timeouts.routes[index] ?? timeouts.proxy,
    interpreter: route.interpreter ?? config.interpreter ?? 'compiled',
    keepHalfOpen: route.keepHalfOpen ?? false,
    limitsUpgrades: setsLifetime(route),
    needsHttp: needsHttp(asking),
    tls: tlsPlan(route, {
      acme: config.acme,
      folder,
      configPath: places.describe(['routes', index, ...tlsPath(asking.raw)]),
    }),
    ...whoMayPass(route, config),
    rewrite: rewritePlan(route.action.rewrite),
    authentication: authenticationOf(route, index, places, folder),
  };
}

function whoMayPass(
  { security, action, queue }: RouteInput,
  { defaults }: ConfigInput,
): Pick<RoutePlan, 'access' | 'onBan' | 'admission'> {
  const own = security ?? action.security;
  return {
    access: accessPlan(own, defaults),
    onBan: own?.onBan ?? 'keep',
    admission: admissionPlan({ ...own, waitingRoom: queue }),
  };
}

function authenticationOf(
  { security, action }: RouteInput,
  index: number,
  places: Places,
  folder: string,
): AuthenticationPlan | null {
  const base = security === undefined ? ['action', 'security'] : ['security'];
  const configPath = places.describe(['routes', index, ...base, 'authentication', 'htpasswd']);
  return authenticationPlan((security ?? action.security)?.authentication, { folder, configPath });
}

function setsLifetime({ timeouts }: RouteInput): boolean {
  return timeouts?.lifetime !== undefined;
}

function poolPlans({ config, timeouts, places, folder }: PlanParts): ReadonlyMap<string, PoolPlan> {
  const plans = Object.entries(config.pools ?? {}).map(([name, written]) => {
    const budgets = config.routes.flatMap(({ action }, index) =>
      action.pool === name ? [timeouts.routes[index]?.values.dialBudget ?? 0] : [],
    );
    const trialMs = Math.max(...(budgets.length > 0 ? budgets : [timeouts.proxy.values.dialBudget ?? 0]));
    const around = { name, configPath: places.describe(['pools', name]), folder, trialMs };
    return [name, poolPlan(written, around)] as const;
  });
  return new Map(plans);
}

function listenerPlans(routes: readonly RoutePlan[], parts: PlanParts): readonly ListenerPlan[] {
  const ports = challengePorts(routes);
  const asked = routeListeners(routes, ports, parts);
  const taken = new Set(asked.map(({ port }) => port));
  const missing = [...ports].filter(([port]) => !taken.has(port));
  return [...asked, ...missing.map(([port, route]) => challengeListener(port, route, parts))];
}

function challengeListener(port: number, { tls, configPath }: RoutePlan, { timeouts }: PlanParts): ListenerPlan {
  return {
    port,
    host: hostDefault,
    admission: unlimited,
    proxyHeader: null,
    configPath: tls?.configPath ?? configPath,
    routes: [],
    timeouts: timeouts.proxy,
    isForChallenges: true,
    validations: { http: true, tls: false },
  };
}

function routeListeners(
  routes: readonly RoutePlan[],
  ports: ReadonlyMap<number, RoutePlan>,
  { config, timeouts, places }: PlanParts,
): readonly ListenerPlan[] {
  return [...routesByPort(routes, ({ match }) => match.ports)].map(([port, candidates]) => {
    const own = config.listeners?.[port];
    return {
      port,
      host: own?.host ?? hostDefault,
      admission: admissionPlan(own ?? {}),
      proxyHeader: proxyHeaderPlan(own?.acceptProxyProtocol),
      configPath:
        own === undefined
          ? places.describe(['routes', candidates[0]?.index ?? 0, 'match', 'ports'])
          : places.describe(['listeners', String(port)]),
      routes: orderRoutes(candidates),
      timeouts: timeouts.listeners.get(port) ?? timeouts.proxy,
      isForChallenges: false,
      validations: validationsAt({ port, routes: candidates }, ports),
    };
  });
}

function detectorPlans({ config: { detectors = {} }, builtIn }: PlanParts): readonly DetectorPlan[] {
  const own = Object.entries(detectors).flatMap(([name, value]) =>
    typeof value === 'function' ? [{ detector: { name, detect: value }, enabled: true }] : [],
  );
  return [...own, ...builtIn.map((detector) => ({ detector, enabled: detectors[detector.name] !== false }))];
}
