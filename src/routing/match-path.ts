/**
 * Path patterns: which paths does a route ask for, what do they find, and which of two is the more specific one?
 *
 * Decides: three kinds. `/users/list` is exact. `/users/:id` takes one segment that is not empty for each `:name`.
 * `/files/*` takes what is below, and `/files` itself (remainder ''), not `/filesystem`; it may have `:names` before.
 * `/*` is every path; `OPTIONS *` is no path and is taken by routes without a pattern only. Case matters, and so does a
 * trailing slash in the first two kinds.
 * Must never do: look at a path that is not in the form of `path.ts`. Patterns that `parsePathPattern` objects to must
 * not come here.
 */
import type { PathMatch } from './http-plan.ts';
import { escapeBeyondAscii, escapeOf, normalisePath } from './path.ts';

export interface PathPattern {
  readonly kind: 'exact' | 'params' | 'wildcard';
  /** In the normalised form. */
  readonly text: string;
  /** In order; null for a named segment. The wildcard is not among them. */
  readonly segments: readonly (string | null)[];
  /** Numbers to compare from the left, higher is more specific: kind, segments, fixed segments, fixed characters. */
  readonly specificity: readonly [number, number, number, number];
  takes(path: string): boolean;
  /** Null when it does not take the path. */
  match(path: string): PathMatch | null;
}

/** What is wrong with a pattern, as a phrase that follows it; null when it can be used. */
export function parsePathPattern(text: string): string | null {
  if (!text.startsWith('/')) return 'does not start with a slash; for every path write /*';
  if (/[?#]/.test(text)) return 'has a query or a fragment; what is asked of the query goes into match.query';
  if (text.includes('//')) return 'has an empty segment, and paths are compared without';
  if (/[^/]\*|\*./.test(text)) return 'has a * that is not the whole last segment';
  if (/\/(?:\.|%2e){1,2}(?:\/|$)/i.test(text)) return 'has a dot segment, and paths are compared without';
  const segments = text.split('/');
  const names = segments.filter((segment) => segment.startsWith(':')).map((segment) => segment.slice(1));
  const wrong = names.find((name) => !/^[A-Za-z][A-Za-z0-9_]*$/.test(name));
  if (wrong !== undefined) return `has a name that is not letters, digits and _: ${JSON.stringify(`:${wrong}`)}`;
  if (new Set(names).size < names.length) return 'uses a name twice';
  const fixed = normalisePath(escapeBeyondAscii(text));
  return fixed.malformed === null ? null : `can match no path: ${fixed.malformed}`;
}

export function compilePathPattern(pattern: string): PathPattern {
  const normal = normalisePath(escapeBeyondAscii(pattern));
  const text = normal.malformed === null ? normal.path : pattern;
  const isWildcard = text.endsWith('/*');
  const names: string[] = [];
  const segments = (isWildcard ? text.slice(0, -2) : text)
    .split('/')
    .slice(1)
    .map((segment) => {
      if (!segment.startsWith(':')) return segment;
      names.push(segment.slice(1));
      return null;
    });
  if (isWildcard || names.length > 0) return new SegmentPattern(text, segments, names, isWildcard);
  return {
    kind: 'exact',
    text,
    segments,
    specificity: specificityOf('exact', segments),
    takes: (path) => path === text,
    match: (path) => (path === text ? { pathParams: noParams, pathMatch: path, pathRemainder: '' } : null),
  };
}

/** What a route without a pattern finds: as `/*` does; the asterisk of OPTIONS is matched as a whole. */
export function matchAnyPath(path: string): PathMatch {
  if (path === '*') return { pathParams: noParams, pathMatch: path, pathRemainder: '' };
  return { pathParams: noParams, pathMatch: '', pathRemainder: path };
}

const noParams: Readonly<Record<string, string>> = Object.freeze({});
const kindWeights: Readonly<Record<PathPattern['kind'], number>> = { exact: 3, params: 2, wildcard: 1 };

class SegmentPattern implements PathPattern {
  readonly kind: 'params' | 'wildcard';
  readonly text: string;
  readonly segments: readonly (string | null)[];
  readonly specificity: readonly [number, number, number, number];
  readonly #names: readonly string[];

  constructor(text: string, segments: readonly (string | null)[], names: readonly string[], isWildcard: boolean) {
    this.kind = isWildcard ? 'wildcard' : 'params';
    this.text = text;
    this.segments = segments;
    this.specificity = specificityOf(this.kind, segments);
    this.#names = names;
  }

  takes(path: string): boolean {
    return this.#walk(path, null) >= 0;
  }

  match(path: string): PathMatch | null {
    const values: string[] = [];
    const end = this.#walk(path, values);
    if (end < 0) return null;
    const pathParams: Record<string, string> = {};
    for (const [index, name] of this.#names.entries()) pathParams[name] = decodeParam(values[index] ?? '');
    return { pathParams, pathMatch: path.slice(0, end), pathRemainder: path.slice(end) };
  }

  /** Where the pattern's own segments end, or -1. */
  #walk(path: string, values: string[] | null): number {
    if (path === '*') return -1;
    let at = 0;
    for (const fixed of this.segments) {
      if (at >= path.length) return -1;
      const start = at + 1;
      const next = path.indexOf('/', start);
      const end = next < 0 ? path.length : next;
      if (fixed === null) {
        if (end === start) return -1;
        values?.push(path.slice(start, end));
      } else if (end - start !== fixed.length || !path.startsWith(fixed, start)) {
        return -1;
      }
      at = end;
    }
    return this.kind === 'wildcard' || at === path.length ? at : -1;
  }
}

function specificityOf(
  kind: PathPattern['kind'],
  segments: readonly (string | null)[],
): readonly [number, number, number, number] {
  const fixed = segments.filter((segment) => segment !== null);
  return [kindWeights[kind], segments.length, fixed.length, fixed.join('').length];
}

/**
 * A value with `%` in it is as it stood in the normalised path; any other is decoded. What holds an escaped slash, backslash
 * or percent sign, or bytes that are no UTF-8, is not decoded, because the text would mean something else.
 */
function decodeParam(value: string): string {
  if (!value.includes('%') || /%(?:2F|5C|25)/.test(value)) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** One segment of a path again: the inverse of what `pathParams` did, but for characters that mean the same escaped or not. */
export function encodeParam(value: string): string {
  if (value.includes('%')) return value;
  return escapeBeyondAscii(value).replaceAll(/[^A-Za-z0-9._~!$&'()*+,=:@%-]/g, escapeOf);
}
