/**
 * What loads and still deserves a second look: one sentence each, with its place.
 */
import type { TimeoutsPlan } from '../machines/connection/delays.ts';
import { asksTheSame } from './check-routes.ts';
import { askedProtocol, handsOverSocket, httpProtocols, needsHttp } from './http-needs.ts';
import { passwordForm } from './password-form.ts';
import type { Path } from './path.ts';
import type { Draft } from './draft.ts';
import { formatDuration } from './duration.ts';
import type { Places } from './places.ts';
import { routesByPort } from './ports.ts';
import { tlsWarnings } from './tls-warnings.ts';
import { terminates } from './tls-needs.ts';
import { upstreamWarnings } from './upstream-warnings.ts';
import type { ResolvedTimeouts } from './resolve-listeners.ts';

export function warningsOf(draft: Draft, timeouts: ResolvedTimeouts, places: Places): readonly string[] {
  return [
    ...idleSections(draft, places),
    ...contradictions(draft, timeouts),
    ...deafRoutes(draft, places),
    ...shadowed(draft, places),
    ...secrets(draft, places),
    ...handedOver(draft, places),
    ...tlsWarnings(draft, places),
    ...upstreamWarnings(draft, places),
  ];
}

const withoutEffect = ['admin', 'trace', 'workers'] as const;

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
    const detector = protocol === 'websocket' ? 'http' : protocol;
    if (detector === null || detectors[detector] !== false) return [];
    return [
      `${places.describe(['routes', route.index, 'match'], 'key')}: asks for ${protocol}, ${detector === protocol ? 'whose' : 'and the http'} detector is switched off; such clients are refused (refused.protocol)`,
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

/** Credentials that anybody on the way can read, and passwords that whoever reads the file can use. */
function secrets({ routes }: Draft, places: Places): readonly string[] {
  return routes.flatMap((draft) => {
    const { index, route } = draft;
    const base = route.security === undefined ? ['action', 'security'] : ['security'];
    const written = (route.security ?? route.action?.security)?.authentication;
    if (written === undefined) return [];
    const path: Path = ['routes', index, ...base, 'authentication'];
    const plain = (written.credentials ?? []).flatMap(({ password }, at) =>
      passwordForm(password).form === 'plain' ? [[...path, 'credentials', at, 'password']] : [],
    );
    return [
      ...(terminates(draft.raw)
        ? []
        : [`${places.describe(path, 'key')}: without tls this is plain HTTP, and credentials travel in the clear`]),
      ...plain.map(
        (one) => `${places.describe(one, 'key')}: a plain password; sallyport hash-password makes a hash of it`,
      ),
      ...(written.jwksUrl?.startsWith('http:') === true
        ? [
            `${places.describe([...path, 'jwksUrl'], 'key')}: the keys that tokens are checked with come over plain HTTP`,
          ]
        : []),
    ];
  });
}

/** A socket handler beside routes that are served request by request: it is not given their connections. */
function handedOver({ routes }: Draft, places: Places): readonly string[] {
  const sentences = new Map<number, string>();
  for (const [port, candidates] of routesByPort(routes, ({ route }) => route.match?.ports ?? [])) {
    const http = candidates.find((draft) => needsHttp(draft) && !terminates(draft.raw));
    // Behind a handshake its name leads to the handler before a byte is looked at.
    const handlers = candidates.filter((draft) => handsOverSocket(draft) && !terminates(draft.raw));
    for (const draft of http === undefined ? [] : handlers) {
      const protocol = askedProtocol(draft);
      const mayBeHttp = protocol === null || protocol === 'tcp' || httpProtocols.has(protocol);
      if (!mayBeHttp || sentences.has(draft.index)) continue;
      sentences.set(
        draft.index,
        `${places.describe(['routes', draft.index], 'key')}: a socket handler is given no HTTP on port ${port}, which routes[${http?.index}] makes a port whose HTTP is served request by request`,
      );
    }
  }
  return [...sentences.values()];
}
