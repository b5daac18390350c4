/**
 * Where authorities look for the answers to HTTP-01, and whether anybody there would hear them.
 *
 * Decides: HTTP-01 cannot be answered on a port where a route takes every connection before its first byte, because its
 * server may speak first. Such a challenge is left out where another kind is left, so that no validation is spent on it.
 * Read first: `build-plan.ts`, `../routing/route-table.ts` (`withoutBytes`).
 */
import type { ListenerPlan, RoutePlan, Validations } from '../routing/plan.ts';
import { compileRouteMatch } from '../routing/route-match.ts';
import { orderCandidates } from '../routing/route-order.ts';
import type { AcmePlan, TlsPlan } from '../routing/tls-plan.ts';
import { routesByPort } from './ports.ts';

/** The ports, and for each a route that makes authorities look there. */
export function challengePorts(routes: readonly RoutePlan[]): ReadonlyMap<number, RoutePlan> {
  return new Map(
    routes.flatMap((route) => {
      const acme = acmeOf(route.tls);
      return acme?.challenges.includes('http-01') === true ? [[acme.challengePort, route] as const] : [];
    }),
  );
}

/** What may come to a listener before any of its routes is asked. */
export function validationsAt(
  { port, routes }: Pick<ListenerPlan, 'port' | 'routes'>,
  ports: ReadonlyMap<number, RoutePlan>,
): Validations {
  return { http: ports.has(port), tls: routes.some(({ tls }) => acmeOf(tls)?.challenges.includes('tls-alpn-01')) };
}

/** The same routes, less the challenges that cannot be answered, and a sentence for each route that had one. */
export function answerable(routes: readonly RoutePlan[]): {
  readonly routes: readonly RoutePlan[];
  readonly warnings: readonly string[];
} {
  const byPort = routesByPort(routes, ({ match }) => match.ports);
  const warnings: string[] = [];
  const kept = routes.map((route) => {
    const acme = acmeOf(route.tls);
    if (acme?.challenges.includes('http-01') !== true) return route;
    const taker = takerOf(byPort.get(acme.challengePort) ?? []);
    if (taker === null) return route;
    const others = acme.challenges.filter((challenge) => challenge !== 'http-01');
    const place = `${route.tls?.configPath ?? route.configPath}.certificate`;
    const outcome = others.length === 0 ? 'and no other challenge is left' : `so ${others.join(', ')} is used`;
    warnings.push(
      `${place}: http-01 cannot be answered on port ${acme.challengePort}, because ${taker.name} takes every connection there before its first byte, ${outcome}; another challengePort, or match.protocol in ${taker.name}, leaves room for it`,
    );
    return others.length === 0 ? route : withChallenges(route, others);
  });
  return { routes: kept, warnings };
}

/** The route that takes whoever comes, unread; null where a client is looked at first, or refused. */
function takerOf(routes: readonly RoutePlan[]): RoutePlan | null {
  const first = orderCandidates(routes, 'wire').find(({ route }) => route.match.clientIp === null)?.route;
  if (first === undefined || !first.enabled || first.action.type === 'block') return null;
  return compileRouteMatch(first).needsBytes ? null : first;
}

function acmeOf(tls: TlsPlan | null): AcmePlan | null {
  return tls?.certificate.type === 'auto' ? tls.certificate.acme : null;
}

function withChallenges(route: RoutePlan, challenges: AcmePlan['challenges']): RoutePlan {
  const { tls } = route;
  if (tls?.certificate.type !== 'auto') return route;
  const { certificate } = tls;
  return { ...route, tls: { ...tls, certificate: { ...certificate, acme: { ...certificate.acme, challenges } } } };
}
