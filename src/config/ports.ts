/**
 * Ranges of ports as the ports they hold.
 */
import type { PortRange } from '../routing/plan.ts';

/** The most ports one configuration may listen on: each is a socket, and a range is a slip away from all 65,535. */
export const portsMax = 1_000;

/** Every port once, ascending. */
export function portsOf(ranges: readonly PortRange[]): readonly number[] {
  const ports = new Set<number>();
  for (const { from, to } of ranges) {
    for (let port = from; port <= to; port += 1) ports.add(port);
  }
  return [...ports].toSorted((left, right) => left - right);
}

/** What listens on each port, in the order given; ports ascending. */
export function routesByPort<Route>(
  routes: readonly Route[],
  rangesOf: (route: Route) => readonly PortRange[],
): ReadonlyMap<number, readonly Route[]> {
  const byPort = new Map<number, Route[]>();
  for (const route of routes) {
    for (const port of portsOf(rangesOf(route))) {
      const there = byPort.get(port);
      if (there === undefined) byPort.set(port, [route]);
      else there.push(route);
    }
  }
  return new Map([...byPort].toSorted(([left], [right]) => left - right));
}
