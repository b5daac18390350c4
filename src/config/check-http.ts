/**
 * What can be wrong with what a route says about HTTP: on bytes that nobody reads as HTTP it could never be enforced.
 *
 * Read first: `http-needs.ts`.
 */
import { pathTemplateProblem, redirectProblem } from '../routing/rewrite.ts';
import type { DraftRoute } from './draft.ts';
import type { Finding } from './finding.ts';
import { askedProtocol, handsOverSocket, httpDeclarations, httpProtocols } from './http-needs.ts';
import type { Path } from './path.ts';
import { valueAt } from './plain.ts';
import { terminates, tlsMode } from './tls-needs.ts';

export function checkHttp(draft: DraftRoute): readonly Finding[] {
  return [
    ...checkVisible(draft),
    ...checkSocketHandler(draft),
    ...checkTemplates(draft),
    ...checkAuthentication(draft),
  ];
}

const inRoute = ({ index }: DraftRoute, path: Path): Path => ['routes', index, ...path];

function checkVisible(draft: DraftRoute): readonly Finding[] {
  const where = invisible(draft);
  if (where === null) return [];
  return httpDeclarations(draft).map(({ path, what }) => ({
    path: inRoute(draft, path),
    message: `${what} needs HTTP, which is invisible on ${where}`,
    part: 'key',
  }));
}

function invisible(draft: DraftRoute): string | null {
  const mode = tlsMode(draft.raw);
  // What a mode that does not exist would show is nobody's guess.
  if (mode !== null && !terminates(draft.raw)) return mode === 'passthrough' ? 'passthrough' : null;
  if (handsOverSocket(draft)) return 'the raw bytes that a socket handler is given';
  const protocol = askedProtocol(draft);
  if (protocol === null || httpProtocols.has(protocol)) return null;
  // That it cannot be said at all is told by `check-tls.ts`.
  if (protocol === 'tls' && mode !== null) return null;
  if (protocol === 'tls') return 'TLS that is not terminated';
  return protocol === 'tcp' ? 'raw TCP' : `raw TCP (protocol ${protocol})`;
}

function checkSocketHandler(draft: DraftRoute): readonly Finding[] {
  if (!handsOverSocket(draft) || draft.route.match?.protocol !== 'websocket') return [];
  return [
    {
      path: inRoute(draft, ['match', 'protocol']),
      message: 'a socket handler is given bytes as they came, and what is a WebSocket is known only inside of HTTP',
      expected: 'an httpHandler, or another protocol',
    },
  ];
}

/** A template can only use what the route's own path gives. */
function checkTemplates(draft: DraftRoute): readonly Finding[] {
  const pattern = draft.route.match?.path ?? null;
  if (pattern === null && valueAt(draft.raw, ['match', 'path']) !== undefined) return [];
  const { to, rewrite } = draft.route.action ?? {};
  return [
    ...template(inRoute(draft, ['action', 'to']), to, pattern, redirectProblem),
    ...template(inRoute(draft, ['action', 'rewrite', 'path']), rewrite?.path, pattern, pathTemplateProblem),
  ];
}

function template(
  path: Path,
  text: string | undefined,
  pattern: string | null,
  problem: (template: string, pattern: string | null) => string | null,
): readonly Finding[] {
  const wrong = text === undefined ? null : problem(text, pattern);
  return wrong === null ? [] : [{ path, message: `this ${wrong}` }];
}

const keysOf = {
  basic: ['realm', 'credentials', 'htpasswd'],
  jwt: ['jwksUrl', 'issuer', 'audience', 'algorithms'],
} as const;
/** One of them, at least. */
const requiredOf = { basic: ['credentials', 'htpasswd'], jwt: ['jwksUrl'] } as const;

function checkAuthentication(draft: DraftRoute): readonly Finding[] {
  return [
    ['security', 'authentication'],
    ['action', 'security', 'authentication'],
  ].flatMap((base): readonly Finding[] => {
    const value = valueAt(draft.raw, base);
    const type = valueAt(value, ['type']);
    if (type !== 'basic' && type !== 'jwt') return [];
    const at = (...rest: Path) => inRoute(draft, [...base, ...rest]);
    const required = requiredOf[type];
    const other = type === 'basic' ? 'jwt' : 'basic';
    const misplaced = keysOf[other]
      .filter((key) => valueAt(value, [key]) !== undefined)
      .map((key): Finding => ({
        path: at(key),
        message: `${key} belongs to ${other} authentication and cannot be enforced here`,
        part: 'key',
      }));
    if (required.some((key) => valueAt(value, [key]) !== undefined)) return misplaced;
    return [
      ...misplaced,
      { path: at(), message: `${type} authentication lets nobody in: ${required[0]} is missing`, part: 'key' },
    ];
  });
}
