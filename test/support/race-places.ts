/**
 * A census of the places that are counted: under the caps of routes, in their queues, and under the caps by address.
 *
 * Nobody is asked how many are held: every place is claimed, as a client would, and given back. Only at rest, when nobody
 * has one. Read first: `race-world.ts`.
 */
import type { RouteAnswer, RouteWaiter } from '../../src/io/route-admission.ts';
import type { RoutePlan } from '../../src/routing/plan.ts';
import { introducedIp, introducedMax, ports } from './race-plan.ts';
import type { RaceWorld } from './race-world.ts';

/** What is still taken although nobody is there; none when all is well. */
export function placesLeft({ plan, acceptors, routeAdmission }: RaceWorld): readonly string[] {
  const left: string[] = [];
  for (const route of plan.routes) {
    const { maxConnections, waitersMax } = route.admission;
    if (maxConnections === null) continue;
    const { placed, waiting } = freeOn(route, (waiter) =>
      routeAdmission.claim(route, '198.51.100.99', 'connection', waiter),
    );
    if (placed !== maxConnections) left.push(`${maxConnections - placed} places on ${route.name}`);
    if (waiting !== waitersMax) left.push(`${waitersMax - waiting} places in the queue of ${route.name}`);
  }
  const acceptor = acceptors.get(ports.introduced);
  for (const ip of [introducedIp, '192.0.2.1']) {
    const free = freeFor(() => acceptor?.identify(ip) ?? null);
    if (free !== introducedMax) left.push(`${introducedMax - free} places of ${ip}`);
  }
  return left;
}

function freeOn(
  { admission: { maxConnections, waitersMax } }: RoutePlan,
  claim: (waiter: RouteWaiter) => RouteAnswer,
): { readonly placed: number; readonly waiting: number } {
  const waiter: RouteWaiter = {
    granted: (place) => place.release(),
    lost: () => undefined,
  };
  const answers = Array.from({ length: (maxConnections ?? 0) + waitersMax + 1 }, () => claim(waiter));
  const waiting = answers.filter(({ kind }) => kind === 'waits').length;
  const placed = answers.filter(({ kind }) => kind === 'admitted').length;
  for (const answer of answers.toReversed()) {
    if (answer.kind === 'waits') answer.leave();
    if (answer.kind === 'admitted') answer.claim.release();
  }
  return { placed, waiting };
}

function freeFor(
  identify: () => ReturnType<NonNullable<ReturnType<RaceWorld['acceptors']['get']>>['identify']> | null,
): number {
  const answers = Array.from({ length: introducedMax + 1 }, identify);
  const admitted = answers.flatMap((answer) => (answer?.kind === 'admitted' ? [answer.claim] : []));
  for (const claim of admitted) claim?.release();
  return admitted.length;
}
