/**
 * The budget for how long a silent peer may hold a slot.
 *
 * Must never do: know the chart. The time is computed by a function that is handed in.
 */
import type { Timeouts } from '../machines/connection/delays.ts';
import type { Draft, DraftRoute } from './draft.ts';
import { formatDuration } from './duration.ts';
import type { Finding } from './finding.ts';
import { needsHttp } from './http-needs.ts';
import { attemptsOf, mayWait } from './pool-use.ts';
import type { ResolvedTimeouts } from './resolve-listeners.ts';

/** The longest a silent peer can hold a slot, milliseconds; null is without end. */
export type HoldTime = (
  timeouts: Timeouts,
  attemptsMax: number,
  servesHttp: boolean,
  mayWait: boolean,
) => number | null;

/** @param holdTime undefined where nothing can compute it; a budget is then an error, since nobody would keep it. */
export function checkHoldTime(
  { sections, routes }: Draft,
  resolved: ResolvedTimeouts,
  holdTime: HoldTime | undefined,
): readonly Finding[] {
  const budgetMs = sections.limits?.maxHoldTime;
  if (budgetMs === undefined || budgetMs === null) return [];
  if (holdTime === undefined)
    return [{ path: ['limits', 'maxHoldTime'], message: 'maxHoldTime cannot be enforced here' }];
  return routes.flatMap((route): readonly Finding[] => {
    const servesHttp = needsHttp(route);
    const attemptsMax = attemptsOf(route, sections);
    const waits = mayWait(route, sections);
    const times = situations(route, resolved).map((timeouts) => holdTime(timeouts, attemptsMax, servesHttp, waits));
    const worst = longest(times);
    if (worst !== null && worst <= budgetMs) return [];
    const held = worst === null ? 'without end' : `for ${formatDuration(worst)}`;
    return [
      {
        path: ['routes', route.index],
        message: `a silent peer can hold this route ${held}, which is more than limits.maxHoldTime`,
        expected: `at most ${formatDuration(budgetMs)}`,
        part: 'key',
      },
    ];
  });
}

/** The deadlines a connection of the route meets: the listener's until the route is known, then its own. */
function situations({ index, route }: DraftRoute, { routes, listeners }: ResolvedTimeouts): readonly Timeouts[] {
  const own = routes[index];
  if (own === undefined) return [];
  const met = [...listeners].filter(([port]) => route.match?.ports?.some(({ from, to }) => from <= port && port <= to));
  return met.map(([, { values }]) => ({
    ...own.values,
    ...(reachesNothing.has(route.action?.type ?? '') ? neverEntered : {}),
    admission: values.admission,
    sniff: values.sniff,
    serverFirst: values.serverFirst,
    requestHead: values.requestHead,
  }));
}

const reachesNothing: ReadonlySet<string> = new Set(['block', 'redirect', 'respond']);

/** Who is answered at once, or let go, passes the states of these in no time. */
const neverEntered = {
  dial: 0,
  dialBudget: 0,
  backoff: 0,
  queue: 0,
  idle: 0,
  halfClosed: 0,
  flush: 0,
  requestBody: 0,
  response: 0,
} as const;

function longest(times: readonly (number | null)[]): number | null {
  return times.reduce((worst, time) => (worst === null || time === null ? null : Math.max(worst, time)), 0);
}
