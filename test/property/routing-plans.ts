/**
 * Plans for the routing tests, without a configuration: only what matters is said, the rest is ordinary.
 */
import { defaultTimeouts, type TimeoutsPlan } from '../../src/machines/connection/delays.ts';
import { builtinDetectors } from '../../src/protocols/builtin-detectors.ts';
import {
  compileListener,
  type RouteDecision,
  type RouteSubject,
  type RouteTable,
} from '../../src/routing/route-table.ts';
import type { DetectorPlan, ListenerPlan, PortRange, RouteMatch, RoutePlan } from '../../src/routing/plan.ts';

export interface RouteWish extends Partial<Omit<RouteMatch, 'ports'>> {
  readonly name?: string;
  readonly ports?: readonly PortRange[];
  readonly priority?: number;
  readonly enabled?: boolean;
  readonly serverFirst?: number | null;
}

export const listenerPort = 443;

/** One plan a wish, in the order given. */
export function routes(...wishes: readonly RouteWish[]): readonly RoutePlan[] {
  return wishes.map((wish, index) => ({
    name: wish.name ?? `r${index}`,
    index,
    configPath: `routes[${index}]`,
    description: null,
    tags: [],
    enabled: wish.enabled ?? true,
    priority: wish.priority ?? 0,
    match: {
      ports: wish.ports ?? [{ from: listenerPort, to: listenerPort }],
      domains: wish.domains ?? null,
      protocol: wish.protocol ?? null,
      alpn: wish.alpn ?? null,
      clientIp: wish.clientIp ?? null,
    },
    action: { type: 'forward', targets: [{ host: '127.0.0.1', port: 3000 }] },
    timeouts: timeouts(wish.serverFirst ?? null),
    interpreter: 'compiled',
    keepHalfOpen: false,
  }));
}

export function listener(plans: readonly RoutePlan[]): ListenerPlan {
  return {
    port: listenerPort,
    host: '::',
    maxConnections: null,
    configPath: 'listeners',
    routes: plans,
    timeouts: timeouts(null),
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
  return { ip, protocol, preface: protocol === null ? null : { serverName, alpn } };
}

/** The name of the route, or the reason of the refusal. */
export function said(decision: RouteDecision | null): string | null {
  if (decision === null) return null;
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
