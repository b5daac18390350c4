/**
 * acme-client, imported when it is first needed, with every request of ours on our own transport.
 *
 * acme-client keeps one HTTP client for the whole process: one set of trusted roots, retries on timers that nobody can
 * cancel, errors without their type. An interceptor gives each request that runs inside `withTransport` an adapter of its
 * own, and leaves every other request of the process alone (docs/adr/0014-acme-client-on-our-transport.md).
 * Must never do: change a default of acme-client's. Read first: `acme-transport.ts`.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type * as AcmeClientModule from 'acme-client';
import type { AcmeError } from './acme-error.ts';
import { parsed, userAgent, type AcmeAnswer, type AcmeTransport } from './acme-transport.ts';
import { recordOf } from './acme-error.ts';

export type AcmeLibrary = typeof AcmeClientModule;
export type AcmeClient = InstanceType<AcmeLibrary['Client']>;

/** One call of acme-client's, and what the last answer to it said beside its body. */
export interface AcmeCall {
  readonly transport: AcmeTransport;
  readonly signal: AbortSignal;
  retryAfterMs: number | null;
  /** What the CA refused last; acme-client keeps only the sentence of it. */
  refused: AcmeError | null;
}

/** Takes about 180 ms of the event loop the first time: it is to be asked for before connections are accepted. */
export function acmeLibrary(): Promise<AcmeLibrary> {
  library ??= load();
  return library;
}

/** Runs a call of acme-client's over that transport. */
export function withTransport<T>(call: AcmeCall, run: () => Promise<T>): Promise<T> {
  return calls.run(call, run);
}

const calls = new AsyncLocalStorage<AcmeCall>();

let library: Promise<AcmeLibrary> | null = null;

async function load(): Promise<AcmeLibrary> {
  const acme = await import('acme-client');
  acme.axios.interceptors.request.use((config) => {
    const call = calls.getStore();
    if (call === undefined) return config;
    return {
      ...config,
      adapter: async (asked) => {
        const data: unknown = asked.data;
        const answer = await exchange(call, {
          method: (asked.method ?? 'get').toUpperCase(),
          url: asked.url ?? '',
          body: typeof data === 'string' ? data : null,
        });
        return {
          data: answer.body,
          status: answer.status,
          statusText: '',
          headers: { ...answer.headers },
          config: asked,
        };
      },
    };
  });
  return acme;
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly body: string | null;
}

/**
 * A refusal leaves as an error without `config` or `response`: those are what acme-client's own retries on timers of its
 * own look for. A bad nonce is answered as it came, because acme-client signs the request again, with the nonce of the
 * refusal (RFC 8555 §6.5).
 */
async function exchange(call: AcmeCall, { method, url, body }: Asked): Promise<AcmeAnswer> {
  const { transport } = call;
  if (method === 'HEAD') {
    const kept = transport.takeNonce();
    if (kept !== null) return { status: 200, headers: { 'replay-nonce': kept }, body: '' };
  }
  const headers = { 'user-agent': userAgent, ...(body === null ? {} : { 'content-type': 'application/jose+json' }) };
  const answer = await transport.send({ method, url, headers, body }, call.signal);
  call.retryAfterMs = transport.retryAfter(answer);
  if (answer.status >= 400) {
    call.refused = transport.refusal(answer);
    if (isBadNonce(answer)) return answer;
    keepNonceOf(call, method, answer);
    throw call.refused;
  }
  call.refused = null;
  keepNonceOf(call, method, answer);
  return answer;
}

/** The answer to HEAD is the nonce that was asked for; every other answer brings one for later. */
function keepNonceOf({ transport }: AcmeCall, method: string, { headers }: AcmeAnswer): void {
  const nonce = headers['replay-nonce'];
  if (method !== 'HEAD' && nonce !== undefined) transport.keepNonce(nonce);
}

export const badNonce = 'urn:ietf:params:acme:error:badNonce';

function isBadNonce({ status, body }: AcmeAnswer): boolean {
  return status === 400 && recordOf(parsed(body))['type'] === badNonce;
}
