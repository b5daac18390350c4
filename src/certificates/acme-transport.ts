/**
 * Requests to one CA: HTTPS, verified by that CA's own root where one is given, with the nonces that its answers bring.
 *
 * Decides: what an answer must be to be believed (size, kind of URL), and that redirects are not followed. Must never do:
 * retry, wait, or keep anything that is process-wide: two CAs at once share nothing.
 * Read first: `acme-library.ts`, which puts acme-client on top of it.
 */
import { Agent, request } from 'node:https';
import { acmeError, AcmeError, problemIn, recordOf } from './acme-error.ts';

export interface AcmeAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface AcmeRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface TransportOptions {
  /** PEM; null = the system's authorities. */
  readonly ca: string | null;
  readonly wallMs: () => number;
}

export class AcmeTransport {
  readonly #agent: Agent;
  readonly #wallMs: () => number;
  /** Fresh ones, the newest last; few, because CAs forget them. */
  readonly #nonces: string[] = [];

  constructor({ ca, wallMs }: TransportOptions) {
    this.#agent = new Agent({ keepAlive: true, maxSockets: 2, maxFreeSockets: 2, ...(ca === null ? {} : { ca }) });
    this.#wallMs = wallMs;
  }

  /** A nonce that no request has used (RFC 8555 §6.5). */
  takeNonce(): string | null {
    return this.#nonces.pop() ?? null;
  }

  keepNonce(nonce: string): void {
    this.#nonces.push(nonce);
    if (this.#nonces.length > noncesMax) this.#nonces.shift();
  }

  /**
   * Answers with whatever status came.
   * @throws AcmeError `unreachable` where nothing was sent, `network` where nothing came, `answer` where it cannot be believed; the signal's reason when it ends
   */
  async send({ method, url, headers, body }: AcmeRequest, signal: AbortSignal): Promise<AcmeAnswer> {
    signal.throwIfAborted();
    if (!isHttps(url)) throw acmeError('answer', `the CA names an address that is not https: ${url.slice(0, 200)}`);
    const answered: PromiseWithResolvers<AcmeAnswer> = Promise.withResolvers();
    const sent = request(url, {
      method,
      agent: this.#agent,
      signal,
      headers: { ...headers, ...(body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }) },
    });
    const fail = (error: Error) => answered.reject(signal.aborted ? error : networkError(url, error));
    sent.once('error', fail);
    sent.once('response', (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.once('error', fail);
      response.once('aborted', () => fail(new Error('the connection ended in the middle of an answer')));
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > answerBytesMax) sent.destroy(new Error(`an answer of more than ${answerBytesMax} bytes`));
        else chunks.push(chunk);
      });
      response.once('end', () =>
        answered.resolve({
          status: response.statusCode ?? 0,
          headers: flat(response.headers),
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    sent.end(body ?? undefined);
    return answered.promise;
  }

  /** @throws AcmeError in the CA's words for every answer of 400 and above */
  async getJson(
    url: string,
    signal: AbortSignal,
  ): Promise<{ readonly body: unknown; readonly retryAfterMs: number | null }> {
    const headers = { 'user-agent': userAgent, accept: 'application/json' };
    const answer = await this.send({ method: 'GET', url, headers, body: null }, signal);
    if (answer.status >= 300) throw this.refusal(answer);
    return { body: parsed(answer.body), retryAfterMs: this.retryAfter(answer) };
  }

  refusal(answer: AcmeAnswer): AcmeError {
    return new AcmeError(problemIn(parsed(answer.body), answer.status, this.retryAfter(answer)));
  }

  /** `Retry-After` in milliseconds: seconds, or a date by the CA's own clock where it tells it (RFC 9110 §10.2.3). */
  retryAfter({ headers }: Pick<AcmeAnswer, 'headers'>): number | null {
    const value = headers['retry-after']?.trim();
    if (value === undefined) return null;
    if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
    // Three forms of date, all of which begin with the day's name (RFC 9110 §5.6.7); Date.parse would take anything.
    const untilMs = /^[A-Z][a-z]{2,8},? /.test(value) ? Date.parse(value) : Number.NaN;
    const sentMs = Date.parse(headers['date'] ?? '');
    if (Number.isNaN(untilMs)) return null;
    return Math.max(0, untilMs - (Number.isNaN(sentMs) ? this.#wallMs() : sentMs));
  }

  /** Nothing of it stays open. */
  close(): void {
    this.#nonces.length = 0;
    this.#agent.destroy();
  }
}

/** A chain of certificates is a few KiB. */
const answerBytesMax = 1_048_576;
const noncesMax = 16;
/** RFC 8555 §6.1 asks for one. */
export const userAgent = 'sallyport acme-client';

export function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

function isHttps(url: string): boolean {
  return URL.canParse(url) && new URL(url).protocol === 'https:';
}

function networkError(url: string, error: Error): AcmeError {
  const host = URL.canParse(url) ? new URL(url).host : url;
  return acmeError(wasSent(error) ? 'network' : 'unreachable', `${host}: ${reasonOf(error)}`, error);
}

/** False exactly when the system says that no connection was made: then the CA has heard nothing. */
function wasSent(error: Error): boolean {
  const tried = error instanceof AggregateError ? error.errors : [error];
  return !tried.every((one: unknown) => {
    const { syscall } = recordOf(one);
    return syscall === 'connect' || syscall === 'getaddrinfo';
  });
}

/** Where a name has several addresses, Node's error has the words in its parts. */
function reasonOf(error: Error): string {
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return (first instanceof Error ? first.message : error.message) || 'the connection failed';
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Readonly<Record<string, string>> {
  const entries = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name.toLowerCase(), Array.isArray(value) ? value.join(', ') : value] as const],
  );
  return Object.fromEntries(entries);
}
