/**
 * What `check` knows about a configuration in which nothing is wrong, as plain data: the JSON that it prints.
 *
 * Decides: which deadlines are worth naming (those that are not the default), and that the longest hold time over the
 * listeners of a route is the route's. Must never do: word anything; `check-text.ts` does.
 */
import type { HoldTime } from '../machines/chart/hold-time.ts';
import { deadlineNames, deadlines, type DeadlineName, type TimeoutsPlan } from '../machines/connection/delays.ts';
import { connectionHoldTime, type ConnectionHoldTime } from '../machines/connection/hold-time.ts';
import type { ListenerPlan, ProxyPlan, RoutePlan } from '../routing/plan.ts';
import { describeAction, describeMatch } from './route-text.ts';

export interface CheckReport {
  readonly ok: true;
  readonly file: string;
  readonly listeners: readonly CheckedListener[];
  /** The whole proxy's own deadlines. */
  readonly deadlines: readonly CheckedDeadline[];
  readonly routes: readonly CheckedRoute[];
  readonly warnings: readonly string[];
}

export interface CheckedListener {
  readonly host: string;
  readonly port: number;
  /** Names, in the order they are tried. */
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
  readonly deadlines: readonly CheckedDeadline[];
  /** Null where nothing is forwarded: a refusal is over when it was sniffed and said. */
  readonly holdTime: ConnectionHoldTime | null;
}

export function checkReport(plan: ProxyPlan, file: string): CheckReport {
  const ofProxy = differing(plan.timeouts);
  return {
    ok: true,
    file,
    listeners: plan.listeners.map(({ host, port, routes }) => ({ host, port, routes: routes.map(({ name }) => name) })),
    deadlines: ofProxy,
    routes: plan.routes.map((route) => checkedRoute(route, plan, ofProxy)),
    warnings: plan.warnings,
  };
}

function checkedRoute(route: RoutePlan, plan: ProxyPlan, ofProxy: readonly CheckedDeadline[]): CheckedRoute {
  const { name, configPath, enabled, interpreter } = route;
  const isOwn = (one: CheckedDeadline) =>
    !ofProxy.some((other) => other.name === one.name && other.source === one.source);
  return {
    name,
    configPath,
    match: describeMatch(route.match),
    action: describeAction(route.action),
    enabled,
    interpreter,
    deadlines: differing(route.timeouts).filter(isOwn),
    holdTime: route.enabled ? longestHold(route, plan.listeners) : null,
  };
}

/** In the order of the documentation. */
function differing({ values, sources }: TimeoutsPlan): readonly CheckedDeadline[] {
  return deadlineNames
    .filter((name) => values[name] !== deadlines[name].defaultMs)
    .map((name) => ({ name, ms: values[name], defaultMs: deadlines[name].defaultMs, source: sources[name] }));
}

function longestHold(route: RoutePlan, listeners: readonly ListenerPlan[]): ConnectionHoldTime | null {
  const { action, keepHalfOpen, timeouts } = route;
  if (action.type !== 'forward') return null;
  const attemptsMax = action.targets.length;
  // A route on a thousand ports is computed once for each set of deadlines that it meets.
  const met = new Map(
    listeners
      .filter(({ routes }) => routes.includes(route))
      .map((one) => [JSON.stringify(one.timeouts.values), one.timeouts.values]),
  );
  const times = [...met.values()].map((listener) =>
    connectionHoldTime({ listener, route: timeouts.values, attemptsMax, keepHalfOpen }),
  );
  return times.toSorted((left, right) => lengthOf(right.silent) - lengthOf(left.silent))[0] ?? null;
}

function lengthOf({ totalMs }: HoldTime): number {
  return totalMs ?? Infinity;
}
