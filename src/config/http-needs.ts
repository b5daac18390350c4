/**
 * What of a route only HTTP can show or do, and what the route therefore asks of the first bytes.
 *
 * Decides: a route without TLS that declares something of HTTP means plain HTTP; whether HTTP has to be looked into.
 * Must never do: judge whether it may. `check-http.ts` does.
 */
import type { DraftRoute } from './draft.ts';
import type { Path } from './path.ts';
import { ownValue, valueAt } from './plain.ts';
import { terminates, tlsMode } from './tls-needs.ts';

/** Something that only HTTP has: where it stands in the route, and what it is called in a sentence. */
export interface HttpDeclaration {
  readonly path: Path;
  readonly what: string;
}

type Asking = Pick<DraftRoute, 'route' | 'raw'>;

/** Everything that is declared of HTTP, wrong or not. */
export function httpDeclarations({ raw }: Pick<DraftRoute, 'raw'>): readonly HttpDeclaration[] {
  const found = always.filter(({ path }) => valueAt(raw, path) !== undefined);
  const type = valueAt(raw, ['action', 'type']);
  const answers = type === 'redirect' || type === 'respond' ? [{ path: ['action', 'type'], what: type }] : [];
  const handlerAt = ['action', 'httpHandler'];
  const isHandled = type === 'handler' && valueAt(raw, handlerAt) !== undefined;
  return [
    ...found,
    ...answers,
    ...(isHandled ? [{ path: handlerAt, what: 'an httpHandler' }] : []),
    ...authentications(raw),
    ...targetMatches(raw),
  ];
}

const always: readonly HttpDeclaration[] = [
  ...['path', 'headers', 'method', 'query'].map((key) => ({ path: ['match', key], what: key })),
  { path: ['action', 'rewrite'], what: 'rewrite' },
  { path: ['action', 'upstreamProtocol'], what: 'upstreamProtocol' },
  { path: ['action', 'websocket'], what: 'websocket' },
  ...[['security'], ['action', 'security']].map((base) => ({
    path: [...base, 'rateLimit', 'requests'],
    what: 'a limit of requests',
  })),
];

function authentications(raw: unknown): readonly HttpDeclaration[] {
  return [
    ['security', 'authentication'],
    ['action', 'security', 'authentication'],
  ].flatMap((path) => {
    const value = valueAt(raw, path);
    const type = ownValue(value, 'type');
    const what = type === 'basic' || type === 'jwt' ? `${type} authentication` : 'authentication';
    return value === undefined ? [] : [{ path, what }];
  });
}

function targetMatches(raw: unknown): readonly HttpDeclaration[] {
  const targets = valueAt(raw, ['action', 'targets']);
  const list: readonly unknown[] = Array.isArray(targets) ? targets : [];
  return list.flatMap((target, index) =>
    ownValue(target, 'match') === undefined
      ? []
      : [{ path: ['action', 'targets', index, 'match'], what: 'the match of a target' }],
  );
}

/** The protocol a route asks for, said or implied, inside of TLS where it terminates that; null where it asks for none. */
export function askedProtocol({ route, raw }: Asking): string | null {
  if (route.match?.protocol !== undefined) return route.match.protocol;
  const isTls = tlsMode(raw) !== null || route.match?.alpn !== undefined;
  if (isTls && !terminates(raw)) return 'tls';
  return httpDeclarations({ raw }).length > 0 ? 'http' : null;
}

export const httpProtocols: ReadonlySet<string> = new Set(['http', 'h2c', 'websocket']);

/** True exactly for a route that hands the whole connection to a function. */
export function handsOverSocket({ route }: Pick<DraftRoute, 'route'>): boolean {
  const { type, socketHandler, httpHandler } = route.action ?? {};
  return type === 'socket-handler' || (type === 'handler' && socketHandler !== undefined && httpHandler === undefined);
}

/**
 * True exactly when the route can only be served by looking into HTTP. A name in clear text is one: the next request of
 * the connection may ask for another. So is whatever may be inside of TLS that is terminated. A socket handler never needs
 * it, because it is given the bytes as they came.
 */
export function needsHttp(draft: Asking): boolean {
  if (handsOverSocket(draft)) return false;
  const protocol = askedProtocol(draft);
  if (protocol === null && terminates(draft.raw)) return true;
  return protocol === null ? draft.route.match?.domains !== undefined : httpProtocols.has(protocol);
}
