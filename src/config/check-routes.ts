/**
 * What can be wrong between routes and listeners: names used twice, routes that can never be chosen, ports without a
 * route, deadlines that one port cannot keep for two routes at once.
 *
 * Read first: `check-route.ts`, which looks at one route.
 */
import type { PortRange } from '../routing/plan.ts';
import { askedProtocol } from './http-needs.ts';
import type { Draft, DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import { ownValue } from './plain.ts';
import { terminates } from './tls-needs.ts';
import { portsOf, portsMax, routesByPort } from './ports.ts';

export function checkRoutes(draft: Draft): readonly Finding[] {
  const ports = portsOf(draft.routes.flatMap(rangesOf));
  if (ports.length > portsMax) return [...checkNames(draft), tooManyPorts(draft)];
  return [...checkNames(draft), ...checkReachable(draft), ...checkListenerPorts(draft, ports)];
}

/** True exactly when both ask for the same thing, so that the second can never be chosen where the first may. */
export function asksTheSame(left: DraftRoute, right: DraftRoute): boolean {
  return criteria(left) === criteria(right);
}

function rangesOf({ route }: DraftRoute): readonly PortRange[] {
  return route.match?.ports ?? [];
}

function checkNames({ routes }: Draft): readonly Finding[] {
  const first = new Map<unknown, number>();
  const findings: Finding[] = [];
  for (const { index, raw } of routes) {
    const name = ownValue(raw, 'name');
    const earlier = first.get(name);
    if (typeof name !== 'string') continue;
    if (earlier === undefined) first.set(name, index);
    else
      findings.push({
        path: ['routes', index, 'name'],
        message: `routes[${earlier}] has this name already; names are unique`,
      });
  }
  return findings;
}

function tooManyPorts({ routes }: Draft): Finding {
  const seen = new Set<number>();
  const culprit = routes.find((route) => {
    for (const port of portsOf(rangesOf(route))) seen.add(port);
    return seen.size > portsMax;
  });
  return {
    path: ['routes', culprit?.index ?? 0, 'match', 'ports'],
    message: `the ports of all routes together are more than ${portsMax}`,
    expected: `at most ${portsMax} ports; each is a listening socket`,
    part: 'key',
  };
}

/** The same criteria at the same priority on a port: the second route would be dead. */
function checkReachable({ routes }: Draft): readonly Finding[] {
  const findings = new Map<number, Finding>();
  for (const [port, candidates] of routesByPort(routes, rangesOf)) {
    for (const [at, later] of candidates.entries()) {
      const earlier = candidates
        .slice(0, at)
        .find((one) => asksTheSame(one, later) && priorityOf(one) === priorityOf(later));
      if (earlier === undefined || findings.has(later.index)) continue;
      const message = `this route can never be chosen on port ${port}: routes[${earlier.index}] asks for the same with the same priority`;
      findings.set(later.index, { path: ['routes', later.index, 'match'], message, part: 'key' });
    }
  }
  return [...findings.values()];
}

function priorityOf({ route }: DraftRoute): number {
  return route.priority ?? 0;
}

/** Criteria that could not be read count as different from all others. */
function criteria(draft: DraftRoute): string {
  const { match = {} } = draft.route;
  const raw = ownValue(draft.raw, 'match');
  const unread = ['domains', 'protocol', 'alpn', 'clientIp', 'path', 'headers', 'method', 'query', 'tlsVersion'].filter(
    (key) => ownValue(raw, key) !== undefined && ownValue(match, key) === undefined,
  );
  const targets = draft.route.action?.targets ?? [];
  // What none of its targets takes goes on to the next route, so it is not the same as one that takes everything.
  const isChoosy = targets.length > 0 && targets.every(({ match: own }) => own !== undefined);
  if (unread.length > 0 || isChoosy) return `apart ${draft.index}`;
  const protocol = askedProtocol(draft);
  const lists = [match.domains, match.alpn, match.clientIp, match.method, match.tlsVersion].map(
    (list) => list?.toSorted() ?? null,
  );
  const fields = [lowerCaseNames(match.headers), match.query ?? {}].map((record) => sortedEntries(record));
  return JSON.stringify([
    terminates(draft.raw),
    protocol === 'tcp' ? null : protocol,
    match.path ?? null,
    ...lists,
    ...fields,
  ]);
}

function lowerCaseNames(record: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(record).map(([name, pattern]) => [name.toLowerCase(), pattern]));
}

function sortedEntries(record: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(record).toSorted(([left], [right]) => (left < right ? -1 : 1));
}

function checkListenerPorts({ sections, routes }: Draft, ports: readonly number[]): readonly Finding[] {
  const unread = routes.some(
    ({ raw, route }) => ownValue(ownValue(raw, 'match'), 'ports') !== undefined && route.match?.ports === undefined,
  );
  if (unread) return [];
  return Object.keys(sections.listeners ?? {})
    .filter((key) => !ports.includes(Number(key)))
    .map((key) => ({
      path: ['listeners', key],
      message: 'no route uses this port',
      expected: ports.length > 0 && ports.length <= 12 ? `one of ${ports.join(', ')}` : 'a port of a route',
      part: 'key',
    }));
}
