/**
 * The longest time a connection of a route can hold its slot, over all listeners that try the route.
 *
 * Decides: which of what a plan says the charts are asked with. Must never do: compute a time; the charts do.
 * Read first: `../machines/connection/hold-time.ts`.
 */
import type { HoldTime } from '../machines/chart/hold-time.ts';
import { connectionHoldTime, type ConnectionHoldTime, type HoldPolicy } from '../machines/connection/hold-time.ts';
import type { ListenerPlan, RoutePlan } from '../routing/plan.ts';

/** Null for a route that blocks. @param listeners those that try the route. */
export function longestHold(route: RoutePlan, listeners: readonly ListenerPlan[]): ConnectionHoldTime | null {
  const { keepHalfOpen, timeouts } = route;
  const serves = servesOf(route);
  if (serves === null) return null;
  const times = distinctBeginnings(listeners).map(({ listener, expectsProxyHeader }) =>
    connectionHoldTime({
      listener,
      route: timeouts.values,
      attemptsMax: attemptsMaxOf(route),
      keepHalfOpen,
      expectsProxyHeader,
      mayWait: mayWait(route),
      serves,
    }),
  );
  return times.toSorted((left, right) => lengthOf(right.silent) - lengthOf(left.silent))[0] ?? null;
}

function servesOf({ action, needsHttp }: RoutePlan): HoldPolicy['serves'] | null {
  if (action.type === 'block') return null;
  if (action.type === 'redirect' || action.type === 'respond') return 'answers';
  if (action.type === 'handler' && action.kind === 'socket') return 'handler';
  return needsHttp ? 'http' : 'upstream';
}

/** How many endpoints one dial may try. */
function attemptsMaxOf({ action }: RoutePlan): number {
  if (action.type !== 'forward') return 1;
  return action.pool === null ? Math.max(1, action.targets.length) : action.pool.retries + 1;
}

/** True exactly when somebody who goes that way may have to wait for a place. */
function mayWait({ action, admission }: RoutePlan): boolean {
  const pool = action.type === 'forward' ? action.pool : null;
  return admission.waitersMax > 0 || (pool !== null && pool.waitersMax > 0);
}

type Beginning = Pick<HoldPolicy, 'listener' | 'expectsProxyHeader'>;

/** A route on a thousand ports is computed once for each way in which its connections begin. */
function distinctBeginnings(listeners: readonly ListenerPlan[]): readonly Beginning[] {
  const beginnings = listeners.map(({ timeouts: { values }, proxyHeader }): Beginning => ({
    listener: values,
    expectsProxyHeader: proxyHeader !== null,
  }));
  return [...new Map(beginnings.map((one) => [JSON.stringify(one), one])).values()];
}

function lengthOf({ totalMs }: HoldTime): number {
  return totalMs ?? Infinity;
}
