/**
 * Ranges of ports: is a listener's port among those a route asks for?
 *
 * Must never do: hold a port that the system chose (0) against a route.
 */
import type { PortRange } from './plan.ts';

/** @param port 0 where the system chose it. */
export function asksForPort(ranges: readonly PortRange[], port: number): boolean {
  return port === 0 || ranges.some(({ from, to }) => from <= port && port <= to);
}
