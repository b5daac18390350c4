/**
 * What the file-descriptor limit allows: how many connections, and how many that wait for a slot.
 *
 * Decides: two descriptors for each connection, one for each that waits. Where that is too much, waiting rooms shrink first,
 * all in proportion, but together they keep a quarter of what is free; connections share the rest. Never more than was
 * configured. Must never do: ask the system anything. Read first: `routing/waiting-room.ts`.
 */
import type { AdmissionPlan } from '../routing/plan.ts';

type Size = Pick<AdmissionPlan, 'maxConnections' | 'waitersMax'>;

export interface FileBudget {
  readonly maxConnections: number;
  /** The places of the proxy. */
  readonly places: number;
  /** The places of each listener. */
  readonly listeners: readonly number[];
}

/** @param free descriptors that nothing else is kept for; Infinity where no limit is known. */
export function fileBudget(proxy: Size, listeners: readonly Size[], free: number): FileBudget {
  const configured = proxy.maxConnections ?? Infinity;
  const wanted = placesIn(proxy, listeners);
  const granted = free === Infinity ? wanted : Math.min(wanted, Math.max(Math.floor(free / 4), free - 2 * configured));
  const sized = (size: number): number => (granted === wanted ? size : Math.floor((size * granted) / wanted));
  const budget = {
    places: sized(proxy.waitersMax),
    listeners: listeners.map(({ waitersMax }) => sized(waitersMax)),
  };
  const maxConnections = Math.min(configured, Math.max(0, Math.floor((free - granted) / 2)));
  return { maxConnections, ...budget };
}

/** How many can wait at most: nobody does at a cap that is none, or that lets nobody in. */
export function placesIn(proxy: Size, listeners: readonly Size[]): number {
  const capped = listeners.filter(({ maxConnections }) => maxConnections !== null && maxConnections > 0);
  const first = proxy.maxConnections === 0 ? 0 : proxy.waitersMax;
  return capped.reduce((sum, { waitersMax }) => sum + waitersMax, first);
}
