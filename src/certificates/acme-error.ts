/**
 * What goes wrong at a CA, in the CA's own words (RFC 8555 §6.7), and what goes wrong on the way to it.
 *
 * Decides nothing: it carries the words, and how long the CA forbids another attempt. Must never do: carry a key, a token
 * or a request body.
 */
export interface AcmeProblem {
  /** `urn:ietf:params:acme:error:…`, or one of ours: `unreachable` (nothing was sent), `network`, `answer`, `store`, `challenge`, `certificate`. */
  readonly type: string;
  /** A sentence for people. */
  readonly detail: string;
  /** Of the HTTP answer; null where there was none. */
  readonly status: number | null;
  /** Milliseconds to wait before asking again; null = the CA did not say. */
  readonly retryAfterMs: number | null;
}

export class AcmeError extends Error implements AcmeProblem {
  readonly type: string;
  readonly detail: string;
  readonly status: number | null;
  readonly retryAfterMs: number | null;

  constructor({ type, detail, status, retryAfterMs }: AcmeProblem, options?: { readonly cause?: unknown }) {
    super(`${type}: ${detail}`, options);
    this.name = 'AcmeError';
    this.type = type;
    this.detail = detail;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** One of ours. */
export function acmeError(type: string, detail: string, cause?: unknown): AcmeError {
  return new AcmeError({ type, detail, status: null, retryAfterMs: null }, { cause });
}

/** Whatever was thrown, as a problem; an error that is none of ours keeps its message. */
export function problemOf(error: unknown, type: string): AcmeProblem {
  if (error instanceof AcmeError) return error;
  return { type, detail: error instanceof Error ? error.message : String(error), status: null, retryAfterMs: null };
}

/** What an object of the CA's says about its failure; subproblems are told too, because they name the name. */
export function problemIn(body: unknown, status: number | null, retryAfterMs: number | null): AcmeProblem {
  const { type, detail, subproblems } = recordOf(body);
  const parts = [text(detail), ...(Array.isArray(subproblems) ? subproblems.map(subproblem) : [])];
  return {
    type: text(type) || 'about:blank',
    detail: parts.filter((part) => part !== '').join('; ') || `the CA answered ${status ?? 'nothing'} without a reason`,
    status,
    retryAfterMs,
  };
}

function subproblem(one: unknown): string {
  const { identifier, type, detail } = recordOf(one);
  return [text(recordOf(identifier)['value']), text(type), text(detail)].filter((part) => part !== '').join(' ');
}

/** Longer words than these are nobody's to read, and no line breaks into a log. */
function text(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ').slice(0, 1_000);
}

/** The typed boundary to JSON of the CA's. */
export function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}
