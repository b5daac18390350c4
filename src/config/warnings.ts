/**
 * What loads and still deserves a second look: one sentence each, with its place.
 */
import type { TimeoutsPlan } from '../machines/connection/delays.ts';
import { asksTheSame } from './check-routes.ts';
import { askedProtocol } from './check-route.ts';
import type { Draft } from './draft.ts';
import { formatDuration } from './duration.ts';
import type { Places } from './places.ts';
import { routesByPort } from './ports.ts';
import type { ResolvedTimeouts } from './resolve-listeners.ts';

export function warningsOf(draft: Draft, timeouts: ResolvedTimeouts, places: Places): readonly string[] {
  return [
    ...idleSections(draft, places),
    ...contradictions(draft, timeouts),
    ...deafRoutes(draft, places),
    ...shadowed(draft, places),
  ];
}

const withoutEffect = ['admin', 'store', 'trace', 'workers'] as const;

function idleSections({ sections }: Draft, places: Places): readonly string[] {
  return withoutEffect
    .filter((key) => sections[key] !== undefined)
    .map((key) => `${places.describe([key], 'key')}: accepted, and does nothing yet`);
}

/** A deadline that another one always beats. */
function contradictions({ routes }: Draft, { routes: plans }: ResolvedTimeouts): readonly string[] {
  const sentences = routes.flatMap(({ index, route }) => {
    const plan = plans[index];
    return plan === undefined || route.action?.type !== 'forward'
      ? []
      : [...beaten(plan, 'dial', 'dialBudget'), ...beaten(plan, 'serverFirst', 'sniff')];
  });
  return [...new Set(sentences)];
}

function beaten(
  { values, sources }: TimeoutsPlan,
  name: 'dial' | 'serverFirst',
  by: 'dialBudget' | 'sniff',
): readonly string[] {
  const own = values[name];
  const other = values[by];
  if (own === null || other === null || own <= other) return [];
  return [
    `${sources[name]}: ${name} (${formatDuration(own)}) never comes to its end, because ${by} (${formatDuration(other)}, ${sources[by]}) is over before`,
  ];
}

function deafRoutes({ sections: { detectors = {} }, routes }: Draft, places: Places): readonly string[] {
  return routes.flatMap((route) => {
    const protocol = askedProtocol(route);
    if (protocol === null || detectors[protocol] !== false) return [];
    return [
      `${places.describe(['routes', route.index, 'match'], 'key')}: asks for ${protocol}, whose detector is switched off; such clients are refused (refused.protocol)`,
    ];
  });
}

function shadowed({ routes }: Draft, places: Places): readonly string[] {
  const sentences = new Map<number, string>();
  for (const [port, candidates] of routesByPort(routes, ({ route }) => route.match?.ports ?? [])) {
    for (const low of candidates) {
      const high = candidates.find(
        (one) => asksTheSame(one, low) && (one.route.priority ?? 0) > (low.route.priority ?? 0),
      );
      if (high === undefined || sentences.has(low.index)) continue;
      sentences.set(
        low.index,
        `${places.describe(['routes', low.index], 'key')}: never chosen on port ${port} while routes[${high.index}] asks for the same with a higher priority`,
      );
    }
  }
  return [...sentences.values()];
}
