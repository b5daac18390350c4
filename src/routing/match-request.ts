/**
 * What HTTP shows of a request, against what a route (or one of its targets) asks of it: path, method, headers, query.
 *
 * Decides per criterion; all that are given must hold. Header names: any case; of several fields with one name any may
 * hold. Query names: case matters; values are percent-decoded, `+` is a blank, a name without `=` has the value ''.
 * Must never do: throw on a query that is not well formed; an escape that cannot be decoded stands for itself.
 * Read first: `http-plan.ts`, `path.ts`.
 */
import type { HttpMatch, ValueCriterion } from './http-plan.ts';
import { compilePathPattern, type PathPattern } from './match-path.ts';
import { compileValuePattern, type ValueTest } from './match-value.ts';
import type { RequestSubject } from './route-decision.ts';

export type HttpCriterion = 'path' | 'method' | 'headers' | 'query';

/** A request with its target taken apart; made once a request and asked by every candidate. */
export class RequestView {
  readonly subject: RequestSubject;
  /** Normalised. */
  readonly path: string;
  readonly #query: string;
  #pairs: readonly string[] | null = null;

  constructor(subject: RequestSubject, path: string, query: string) {
    this.subject = subject;
    this.path = path;
    this.#query = query;
  }

  /** Name, value, name, value …, decoded. */
  get query(): readonly string[] {
    this.#pairs ??= readQuery(this.#query);
    return this.#pairs;
  }
}

export class HttpCriteria {
  readonly path: PathPattern | null;
  readonly #methods: readonly string[] | null;
  readonly #isTarget: boolean;
  readonly #headers: readonly CompiledCriterion[];
  readonly #query: readonly CompiledCriterion[];

  /** @param isTarget true: of one of a route's targets, which need not say again what the route has said. */
  constructor(match: HttpMatch, isTarget = false) {
    this.path = match.path === null ? null : compilePathPattern(match.path);
    this.#methods = match.methods;
    this.#isTarget = isTarget;
    this.#headers = match.headers.map(compileCriterion);
    this.#query = match.query.map(compileCriterion);
  }

  takes(view: RequestView): boolean {
    return this.failure(view) === null;
  }

  /** The first criterion that does not hold; null when all do. */
  failure(view: RequestView): HttpCriterion | null {
    if (this.path !== null && !this.path.takes(view.path)) return 'path';
    if (!this.#takesMethod(view.subject.method)) return 'method';
    for (const criterion of this.#headers) if (!hasField(view.subject.fields, criterion)) return 'headers';
    for (const criterion of this.#query) if (!hasPair(view.query, criterion)) return 'query';
    return null;
  }

  /** TRACE shows a client what became of its request, credentials included: a route that wants that says so. */
  #takesMethod(method: string): boolean {
    if (this.#methods === null) return this.#isTarget || method !== 'TRACE';
    return this.#methods.includes(method);
  }
}

interface CompiledCriterion {
  readonly name: string;
  readonly takes: ValueTest;
}

function compileCriterion({ name, pattern }: ValueCriterion): CompiledCriterion {
  return { name, takes: compileValuePattern(pattern) };
}

function hasField(fields: readonly string[], { name, takes }: CompiledCriterion): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    const field = fields[index] ?? '';
    if (field.length !== name.length || (field !== name && field.toLowerCase() !== name)) continue;
    if (takes(fields[index + 1] ?? '')) return true;
  }
  return false;
}

function hasPair(pairs: readonly string[], { name, takes }: CompiledCriterion): boolean {
  for (let index = 0; index < pairs.length; index += 2) {
    if (pairs[index] === name && takes(pairs[index + 1] ?? '')) return true;
  }
  return false;
}

function readQuery(query: string): readonly string[] {
  const pairs: string[] = [];
  if (query === '') return pairs;
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    if (equals < 0) pairs.push(decodeQuery(part), '');
    else pairs.push(decodeQuery(part.slice(0, equals)), decodeQuery(part.slice(equals + 1)));
  }
  return pairs;
}

function decodeQuery(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  return spaced.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
