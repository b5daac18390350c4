/**
 * Deadlines of HTTP where nothing would ever keep them: on a port that no route makes an HTTP port, on a route that no
 * request can come to.
 *
 * Read first: `http-needs.ts`.
 */
import type { Draft, DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import { askedProtocol, handsOverSocket, httpProtocols, needsHttp } from './http-needs.ts';
import type { Path } from './path.ts';
import { mayWait } from './pool-use.ts';
import { routesByPort } from './ports.ts';

/** `queue`: every request may wait for a connection to its upstream; bytes wait only where there is a queue. */
const httpDeadlines = ['queue', 'requestHead', 'requestBody', 'response', 'keepAlive', 'poolIdle'] as const;

export function checkHttpDeadlines({ sections, routes }: Draft): readonly Finding[] {
  // Ports that could not be read may be the ones that matter.
  if (routes.some(({ route }) => route.match?.ports === undefined)) return [];
  const findings: Finding[] = [];
  const served = new Set<number>();
  const serving = new Set<number>();
  for (const [port, candidates] of routesByPort(routes, ({ route }) => route.match?.ports ?? [])) {
    if (!candidates.some(needsHttp)) continue;
    serving.add(port);
    for (const { index } of candidates) served.add(index);
  }
  const add = (path: Path, name: string): void => {
    const queue = name === 'queue' ? ', and there is no queue' : '';
    findings.push({
      path: [...path, 'timeouts', name],
      message: `${name} cannot be enforced here: HTTP is not looked into${queue}`,
      expected: 'match.protocol: http, or anything else of HTTP, on a route of the port',
      part: 'key',
    });
  };
  for (const draft of routes) {
    const waits = mayWait(draft, sections);
    const names = httpDeadlines.filter(
      (name) => draft.route.timeouts?.[name] !== undefined && !(name === 'queue' && waits),
    );
    const isSeen = served.has(draft.index) && !isOpaque(draft);
    // Before a route is known, only the routes that make it an HTTP port have a say.
    for (const name of names.filter((one) => !isSeen || (one === 'requestHead' && !needsHttp(draft))))
      add(['routes', draft.index], name);
  }
  for (const [port, listener] of Object.entries(sections.listeners ?? {})) {
    const names = httpDeadlines.filter((name) => listener.timeouts?.[name] !== undefined);
    if (serving.has(Number(port))) continue;
    for (const name of names) add(['listeners', port], name);
  }
  return findings;
}

/** True exactly for a route that no HTTP request can come to, whatever its port serves. */
function isOpaque(draft: DraftRoute): boolean {
  const protocol = askedProtocol(draft);
  return handsOverSocket(draft) || (protocol !== null && protocol !== 'tcp' && !httpProtocols.has(protocol));
}
