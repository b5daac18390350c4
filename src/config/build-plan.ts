/**
 * The plan, out of a configuration in which nothing is wrong.
 *
 * Decides: the defaults that are not deadlines. Must never do: refuse anything; whatever arrives here has been checked.
 * Read first: `../routing/plan.ts`.
 */
import type { Detector } from '../protocols/detector.ts';
import type { DetectorPlan, ListenerPlan, ProxyPlan, RouteAction, RoutePlan } from '../routing/plan.ts';
import { orderRoutes } from '../routing/route-table.ts';
import { askedProtocol } from './check-route.ts';
import type { Places } from './places.ts';
import { routesByPort } from './ports.ts';
import type { ResolvedTimeouts } from './resolve-listeners.ts';
import type { ConfigInput } from './schema.ts';
import type { RouteInput } from './schema-route.ts';

export interface PlanParts {
  readonly config: ConfigInput;
  readonly timeouts: ResolvedTimeouts;
  readonly places: Places;
  readonly builtIn: readonly Detector[];
  readonly warnings: readonly string[];
}

/** The cap of the whole proxy where none is set; the file-descriptor limit may lower it at start. */
export const maxConnectionsDefault = 10_000;
/** Dual stack: IPv6, and IPv4 through it. */
export const hostDefault = '::';

export function buildPlan(parts: PlanParts): ProxyPlan {
  const { config, timeouts, warnings } = parts;
  const routes = config.routes.map((route, index) => routePlan(route, index, parts));
  return {
    listeners: listenerPlans(routes, parts),
    routes,
    maxConnections: config.limits?.maxConnections ?? maxConnectionsDefault,
    timeouts: timeouts.proxy,
    interpreter: config.interpreter ?? 'compiled',
    logLevel: config.log?.level ?? 'info',
    detectors: detectorPlans(parts),
    warnings,
  };
}

function routePlan(route: RouteInput, index: number, { config, timeouts, places }: PlanParts): RoutePlan {
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
      protocol: askedProtocol({ route }),
      alpn: route.match.alpn ?? null,
      clientIp: route.match.clientIp ?? null,
    },
    action: actionPlan(route),
    timeouts: timeouts.routes[index] ?? timeouts.proxy,
    interpreter: route.interpreter ?? config.interpreter ?? 'compiled',
    keepHalfOpen: route.keepHalfOpen ?? false,
  };
}

function actionPlan({ action }: RouteInput): RouteAction {
  if (action.type === 'block') return { type: 'block', how: action.how ?? 'reset' };
  const targets = action.targets ?? (action.target === undefined ? [] : [action.target]);
  return { type: 'forward', targets: targets.map(({ host, port }) => ({ host, port })) };
}

function listenerPlans(routes: readonly RoutePlan[], { config, timeouts, places }: PlanParts): readonly ListenerPlan[] {
  return [...routesByPort(routes, ({ match }) => match.ports)].map(([port, candidates]) => {
    const own = config.listeners?.[port];
    return {
      port,
      host: own?.host ?? hostDefault,
      maxConnections: own?.maxConnections ?? null,
      configPath:
        own === undefined
          ? places.describe(['routes', candidates[0]?.index ?? 0, 'match', 'ports'])
          : places.describe(['listeners', String(port)]),
      routes: orderRoutes(candidates),
      timeouts: timeouts.listeners.get(port) ?? timeouts.proxy,
    };
  });
}

function detectorPlans({ config: { detectors = {} }, builtIn }: PlanParts): readonly DetectorPlan[] {
  const own = Object.entries(detectors).flatMap(([name, value]) =>
    typeof value === 'function' ? [{ detector: { name, detect: value }, enabled: true }] : [],
  );
  return [...own, ...builtIn.map((detector) => ({ detector, enabled: detectors[detector.name] !== false }))];
}
