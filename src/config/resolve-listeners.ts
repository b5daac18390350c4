/**
 * Deadlines in force before a route is known, per port, and whether the routes of a port can agree on them.
 *
 * Decides: `sniff`, `serverFirst` and `requestHead` run before a route is chosen, so one value must hold for all routes of
 * the port; `requestHead` for those that are served as HTTP.
 * Read first: `resolve-timeouts.ts`.
 */
import type { DeadlineName, TimeoutsPlan } from '../machines/connection/delays.ts';
import type { Draft, DraftRoute } from './draft.ts';
import { formatDuration } from './duration.ts';
import type { Finding } from './finding.ts';
import { needsHttp } from './http-needs.ts';
import type { Places } from './places.ts';
import { routesByPort } from './ports.ts';
import { resolveTimeouts, type TimeoutsLevel, withDeadline } from './resolve-timeouts.ts';

/** The deadlines every part of a draft resolves to. */
export interface ResolvedTimeouts {
  readonly proxy: TimeoutsPlan;
  /** By index of the route. */
  readonly routes: readonly TimeoutsPlan[];
  readonly listeners: ReadonlyMap<number, TimeoutsPlan>;
}

export function resolveAllTimeouts({ sections, routes }: Draft, places: Places): ResolvedTimeouts {
  const top: TimeoutsLevel = { own: sections.timeouts, path: ['timeouts'] };
  const plans = routes.map(({ index, route }) =>
    resolveTimeouts([{ own: route.timeouts, path: ['routes', index, 'timeouts'] }, top], places),
  );
  const listeners = new Map<number, TimeoutsPlan>();
  for (const [port, candidates] of byPort(routes)) {
    const own = sections.listeners?.[port]?.timeouts;
    const base = resolveTimeouts([{ own, path: ['listeners', String(port), 'timeouts'] }, top], places);
    const plansFor = (name: EarlyDeadline) => concerned(name, candidates).flatMap(({ index }) => plans[index] ?? []);
    listeners.set(
      port,
      early.reduce((plan, name) => (own?.[name] === undefined ? adopt(plan, name, plansFor(name)) : plan), base),
    );
  }
  return { proxy: resolveTimeouts([top], places), routes: plans, listeners };
}

/** Routes that declare an early deadline which the listener, or another route of the port, contradicts. */
export function checkEarlyDeadlines(
  { sections, routes }: Draft,
  { routes: plans }: ResolvedTimeouts,
): readonly Finding[] {
  const findings = new Map<string, Finding>();
  for (const [port, candidates] of byPort(routes)) {
    for (const name of early) {
      const listener = sections.listeners?.[port]?.timeouts?.[name];
      const asked = concerned(name, candidates);
      const others = listener === undefined ? asked.map(({ index }) => plans[index]?.values[name] ?? null) : [listener];
      for (const { index, route } of asked) {
        const own = route.timeouts?.[name];
        const path = ['routes', index, 'timeouts', name];
        const values = own === undefined ? [] : distinct([own, ...others], name);
        if (values.length < 2 || findings.has(path.join('.'))) continue;
        const message = `${name} cannot be enforced here: it runs before a route is known, and port ${port} would need ${values.join(' and ')} at once`;
        findings.set(path.join('.'), {
          path,
          message,
          suggestion: `listeners.${port}.timeouts.${name}, for every route of the port`,
        });
      }
    }
  }
  return [...findings.values()];
}

const early = ['sniff', 'serverFirst', 'requestHead'] as const satisfies readonly DeadlineName[];
type EarlyDeadline = (typeof early)[number];

/** The routes of a port that a deadline is about. */
function concerned(name: EarlyDeadline, candidates: readonly DraftRoute[]): readonly DraftRoute[] {
  return name === 'requestHead' ? candidates.filter(needsHttp) : candidates;
}

function byPort(routes: readonly DraftRoute[]): ReadonlyMap<number, readonly DraftRoute[]> {
  return routesByPort(routes, ({ route }) => route.match?.ports ?? []);
}

/** The first route that has the deadline speaks for the port; that they agree is checked above. */
function adopt(plan: TimeoutsPlan, name: DeadlineName, candidates: readonly TimeoutsPlan[]): TimeoutsPlan {
  const speaker = candidates.find(({ values }) => values[name] !== null) ?? candidates[0];
  return speaker === undefined ? plan : withDeadline(plan, name, speaker);
}

/** A route without `serverFirst` contradicts none that has it: it only waits to be spoken to. */
function distinct(values: readonly (number | null)[], name: DeadlineName): readonly string[] {
  const compared = name === 'serverFirst' && values[0] === null ? [] : values.filter((value) => value !== null);
  return [...new Set(compared.map((value) => formatDuration(value)))];
}
