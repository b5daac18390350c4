/** Routes as plans, for tests of where a dial goes and what it says; everything that is not about that is the default. */
import { resolveConfig } from '../../src/config/resolve.ts';
import type { ForwardAction, ProxyPlan, RoutePlan } from '../../src/routing/plan.ts';

/** One route that forwards, with these parts of its action set by hand. */
export function forwardRoute(action: Partial<ForwardAction>): RoutePlan {
  const [route] = forwardPlan(action).routes;
  if (route === undefined) throw new Error('no route');
  return route;
}

/** A whole proxy on a port of the system's choice, with that route. @param route more of its configuration */
export function forwardPlan(action: Partial<ForwardAction>, route: object = {}): ProxyPlan {
  const plan = resolveConfig({
    routes: [
      {
        name: 'only',
        match: { ports: 0 },
        action: { type: 'forward', target: { host: '127.0.0.1', port: 9 } },
        ...route,
      },
    ],
  });
  return withActions(plan, action);
}

/** Every forwarding route of the plan, with these parts of its action. */
export function withActions(plan: ProxyPlan, action: Partial<ForwardAction>): ProxyPlan {
  const changed = new Map(
    plan.routes.map((route) => [
      route,
      route.action.type === 'forward' ? { ...route, action: { ...route.action, ...action } } : route,
    ]),
  );
  const of = (route: RoutePlan): RoutePlan => changed.get(route) ?? route;
  return {
    ...plan,
    routes: plan.routes.map(of),
    listeners: plan.listeners.map((listener) => ({ ...listener, routes: listener.routes.map(of) })),
  };
}
