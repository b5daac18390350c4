/**
 * Plans with caps, rates, queues and waiting rooms, made out of a small configuration.
 */
import { resolveConfig } from '../../src/config/resolve.ts';
import type { SallyportConfig } from '../../src/index.ts';
import { silentHoldTime } from '../../src/machines/connection/hold-time.ts';
import type { AdmissionPlan, BanManner, ListenerPlan, ProxyPlan, RoutePlan } from '../../src/routing/plan.ts';

export interface AdmissionChange {
  readonly proxy?: Partial<AdmissionPlan>;
  readonly listener?: Partial<AdmissionPlan>;
  readonly route?: Partial<AdmissionPlan>;
  readonly onBan?: BanManner;
  readonly proxyHeader?: ListenerPlan['proxyHeader'];
}

/** The same for every listener and every route. */
export function admissionPlan(config: SallyportConfig, change: AdmissionChange): ProxyPlan {
  const plan = resolveConfig(config, { holdTime: silentHoldTime });
  const changed = new Map(
    plan.routes.map((route) => [
      route,
      { ...route, onBan: change.onBan ?? route.onBan, admission: { ...route.admission, ...change.route } },
    ]),
  );
  const routeOf = (route: RoutePlan) => changed.get(route) ?? route;
  return {
    ...plan,
    routes: plan.routes.map(routeOf),
    admission: { ...plan.admission, ...change.proxy },
    listeners: plan.listeners.map((listener) => ({
      ...listener,
      proxyHeader: change.proxyHeader ?? listener.proxyHeader,
      admission: { ...listener.admission, ...change.listener },
      routes: listener.routes.map(routeOf),
    })),
  };
}

/** One route with these limits. */
export function routeWith(admission: Partial<AdmissionPlan>): RoutePlan {
  const action = { type: 'forward', target: { host: '127.0.0.1', port: 9 } } as const;
  const [route] = admissionPlan(
    { routes: [{ name: 'only', match: { ports: 0 }, action }] },
    { route: admission },
  ).routes;
  if (route === undefined) throw new Error('a configuration without routes');
  return route;
}
