/**
 * Deadlines put together from several levels, each with the place its value came from.
 *
 * Decides: the first level that sets a deadline wins; `halfClosed` follows `idle` unless set.
 */
import { type DeadlineName, defaultTimeouts, type TimeoutsPlan } from '../machines/connection/delays.ts';
import { deadlineRecord } from './deadline-record.ts';
import type { Path } from './path.ts';
import type { Places } from './places.ts';

/** The deadlines one section sets: milliseconds, null for never. */
export type OwnTimeouts = { readonly [Name in DeadlineName]?: number | null | undefined };

export interface TimeoutsLevel {
  readonly own: OwnTimeouts | undefined;
  /** Where the section stands: `['timeouts']`, `['routes', 0, 'timeouts']`. */
  readonly path: Path;
}

/** @param levels the strongest first; the default comes after the last. */
export function resolveTimeouts(levels: readonly TimeoutsLevel[], places: Places): TimeoutsPlan {
  const set = deadlineRecord((name) => levels.find(({ own }) => own?.[name] !== undefined) ?? null);
  const value = (name: DeadlineName): number | null => {
    const own = set[name]?.own?.[name];
    return own === undefined ? defaultTimeouts[name] : own;
  };
  const source = (name: DeadlineName): string => {
    const level = set[name];
    return level === null ? 'default' : places.describe([...level.path, name]);
  };
  const follows = set.halfClosed === null && value('idle') !== null;
  const origin = (name: DeadlineName): DeadlineName => (name === 'halfClosed' && follows ? 'idle' : name);
  return {
    values: deadlineRecord((name) => value(origin(name))),
    sources: deadlineRecord((name) => source(origin(name))),
  };
}

/** The plan with one deadline taken from another plan, source and all. */
export function withDeadline(plan: TimeoutsPlan, name: DeadlineName, from: TimeoutsPlan): TimeoutsPlan {
  return {
    values: { ...plan.values, [name]: from.values[name] },
    sources: { ...plan.sources, [name]: from.sources[name] },
  };
}
