/**
 * The target that is forwarded where a route rewrites it, and the Location of a redirect.
 *
 * Decides: a rewrite starts from the normalised path and keeps the query byte for byte; where none applies the target is
 * the very text that came. `path` makes the whole path, so that `stripPrefix` beside it has nothing left to do. Values are
 * escaped again, so a `:name` never becomes more than one segment.
 * Must never do: emit a control byte or a blank, or a Location that a path of a client turns towards another host.
 * Read first: `http-plan.ts`, `match-path.ts`.
 */
import type { PathMatch, RewritePlan } from './http-plan.ts';
import { encodeParam } from './match-path.ts';
import { escapeBeyondAscii, escapeOf, normalisePath } from './path.ts';

/** @param target as it came; one that `decideRequest` found a route for. */
export function rewriteTarget(
  target: string,
  match: PathMatch,
  { path, stripPrefix }: Pick<RewritePlan, 'path' | 'stripPrefix'>,
): string {
  if (path === null && stripPrefix === null) return target;
  const normal = normalisePath(target);
  if (normal.malformed !== null || normal.path === '*') return target;
  const rewritten = path === null ? withoutPrefix(normal.path, stripPrefix ?? '') : fillPath(path, match);
  if (rewritten === null) return target;
  const queryAt = target.indexOf('?');
  return queryAt < 0 ? rewritten : rewritten + target.slice(queryAt);
}

/** What is wrong with a template of `rewrite.path`, as a phrase that follows it; null when it can be used. */
export function pathTemplateProblem(template: string, pattern: string | null): string | null {
  if (!template.startsWith('/')) return 'does not start with a slash';
  if (/[?#]/.test(template)) return 'has a query or a fragment; the query is kept as it came';
  if (/[^/]\*|\*./.test(template)) return 'has a * that is not the whole last segment';
  const given = namesOf(pattern ?? '');
  const missing = namesOf(template).find((name) => !given.includes(name));
  if (missing !== undefined) return `uses :${missing}, which match.path does not name`;
  if (template.endsWith('/*') && pattern !== null && !pattern.endsWith('/*')) {
    return 'uses *, and match.path ends without one';
  }
  const { malformed } = normalisePath(escapeBeyondAscii(template));
  return malformed === null ? null : `makes no path: ${malformed}`;
}

/** What is known of the request that is redirected. */
export interface RedirectFacts {
  readonly scheme: 'http' | 'https';
  /** As the request named it, validated, without port, IPv6 in brackets; '' where it named none. */
  readonly host: string;
  /** The one the request was sent to. */
  readonly port: number;
  /** As it came. */
  readonly target: string;
  readonly pathParams: Readonly<Record<string, string>>;
}

/**
 * `{path}` is the path as it came and brings the query with it, unless the template has a `?` or `{query}` of its own;
 * `{query}` brings its `?` where there is none before it. `:{port}` is left out where the port is the usual one.
 * @returns null where the template needs a host and the request named none.
 */
export function redirectLocation(template: string, facts: RedirectFacts): string | null {
  if (facts.host === '' && template.includes('{host}')) return null;
  const queryAt = facts.target.indexOf('?');
  const query = queryAt < 0 ? '' : escapeUnsafe(facts.target.slice(queryAt + 1));
  const path = harmlessPath(queryAt < 0 ? facts.target : facts.target.slice(0, queryAt));
  const pathBringsQuery = query !== '' && !template.includes('?') && !template.includes('{query}');
  return escapeBeyondAscii(template).replaceAll(
    placeholder,
    (written: string, name: string, parameter: string, at: number) => {
      if (written.startsWith(':')) return isUsualPort(facts, template) ? '' : `:${facts.port}`;
      if (name === 'path') return pathBringsQuery ? `${path}?${query}` : path;
      if (name === 'query') return query === '' || template.slice(0, at).includes('?') ? query : `?${query}`;
      if (name === 'scheme') return facts.scheme;
      if (name === 'host') return escapeUnsafe(facts.host);
      return name === 'port' ? String(facts.port) : encodeStrictly(facts.pathParams[parameter] ?? '');
    },
  );
}

/** What is wrong with a redirect's template, as a phrase that follows it; null when it can be used. */
export function redirectProblem(template: string, pattern: string | null): string | null {
  if (!/^(?:https?:\/\/[^/]|\{scheme\}:\/\/[^/]|\/(?![/\\]|\{path\})|\{path\})/i.test(template)) {
    return 'starts with none of https://, http://, {scheme}://, a single slash, and {path}';
  }
  if (/[\p{Cc} ]/u.test(template)) return 'has a blank or a control character';
  const unknown = /\{(?!(?:scheme|host|port|path|query|param:[A-Za-z]\w*)\})[^}]*\}?/.exec(template)?.[0];
  if (unknown !== undefined)
    return `has ${unknown}, which is none of {scheme} {host} {port} {path} {query} {param:name}`;
  const given = namesOf(pattern ?? '');
  const missing = [...template.matchAll(/\{param:(\w+)\}/g)].find(([, name = '']) => !given.includes(name))?.[1];
  return missing === undefined ? null : `uses {param:${missing}}, which match.path does not name`;
}

const placeholder = /:\{port\}|\{(scheme|host|port|path|query)\}|\{param:([A-Za-z]\w*)\}/g;

/** Null where the prefix does not stand there as whole segments. */
function withoutPrefix(path: string, stripPrefix: string): string | null {
  const normal = normalisePath(escapeBeyondAscii(stripPrefix));
  if (normal.malformed !== null) return null;
  const prefix = normal.path.endsWith('/') ? normal.path.slice(0, -1) : normal.path;
  if (path === prefix) return '/';
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : null;
}

function fillPath(template: string, { pathParams, pathRemainder }: PathMatch): string {
  const hasRest = template.endsWith('/*');
  const fixed = escapeBeyondAscii(hasRest ? template.slice(0, -2) : template);
  const filled = fixed.replaceAll(/(?<=\/):([A-Za-z]\w*)/g, (_, name: string) => encodeParam(pathParams[name] ?? ''));
  const path = hasRest ? filled + pathRemainder : filled;
  return path === '' ? '/' : escapeUnsafe(path);
}

function namesOf(pattern: string): readonly string[] {
  return [...pattern.matchAll(/(?<=\/):(\w+)/g)].map(([, name = '']) => name);
}

/** A browser takes `//host` and `/\host` for another host, so a path begins with one slash. */
function harmlessPath(path: string): string {
  return path === '*' ? '/' : escapeUnsafe(path.replace(/^[/\\]+/, '/'));
}

/** A value that means nothing but itself wherever it stands in a URL, in front of a host too. */
function encodeStrictly(value: string): string {
  return encodeParam(value).replaceAll(/[^A-Za-z0-9._~%-]/g, escapeOf);
}

/** The usual port of where the request came, or of where it is sent. */
function isUsualPort({ scheme, port }: RedirectFacts, template: string): boolean {
  const sentTo = /^https:/i.test(template) ? 'https' : /^http:/i.test(template) ? 'http' : scheme;
  return port === usualPorts[scheme] || port === usualPorts[sentTo];
}

const usualPorts = { http: 80, https: 443 } as const;

/** @param text one character a byte; what no URL holds raw is escaped, and so no header field is ever split. */
function escapeUnsafe(text: string): string {
  return text.replaceAll(/[^!-~]|[\\"<>^`{|}]/g, escapeOf);
}
