/**
 * One CA, as one account sees it: every step of an order (RFC 8555) as one call that ends with its signal.
 *
 * Decides: how often a step is tried again for a bad nonce, and when an account has to be made anew. Must never do: wait,
 * poll, or hold an order; the certificate chart does.
 * Read first: `acme-library.ts`, how acme-client is driven; `acme-transport.ts`.
 */
import type { Clock } from '../io/clock.ts';
import type { Store } from '../store/store.ts';
import { keepAccountUrl, keptAccount } from './acme-account.ts';
import { AcmeError, acmeError, problemIn, recordOf, type AcmeProblem } from './acme-error.ts';
import { acmeLibrary, badNonce, withTransport, type AcmeCall, type AcmeClient } from './acme-library.ts';
import { AcmeTransport } from './acme-transport.ts';
import { renewalId, windowIn, type RenewalAdvice } from './acme-renewal.ts';
import { bounded } from './bounded.ts';

export interface AuthorityOptions {
  readonly directoryUrl: string;
  /** PEM of the directory's root; null = the system's. */
  readonly ca: string | null;
  readonly email: string | null;
  readonly eab: { readonly keyId: string; readonly hmacKey: string } | null;
  readonly store: Store;
  /** Where the account is in the store. */
  readonly accountKey: string;
  readonly clock: Clock;
}

export type OrderStatus = 'pending' | 'ready' | 'processing' | 'valid' | 'invalid';

export interface AcmeOrder {
  readonly url: string;
  readonly status: OrderStatus;
  readonly authorizations: readonly string[];
  /** How long the CA asks us to wait before asking again. */
  readonly retryAfterMs: number | null;
  /** Why it is invalid, as far as the order says. */
  readonly error: AcmeProblem | null;
}

export interface AcmeChallenge {
  readonly type: string;
  readonly url: string;
  readonly token: string;
  /** What proves the name: the key authorization, for dns-01 its digest. */
  readonly proof: string;
}

export interface AcmeAuthorization {
  readonly url: string;
  /** Without the `*.` of a wildcard. */
  readonly name: string;
  readonly status: string;
  readonly challenges: readonly AcmeChallenge[];
  /** The CA's words about the challenge that failed. */
  readonly error: AcmeProblem | null;
}

type LibraryOrder = Awaited<ReturnType<AcmeClient['getOrder']>>;

export class AcmeAuthority {
  readonly directoryUrl: string;
  readonly #options: AuthorityOptions;
  readonly #transport: AcmeTransport;
  #client: Promise<AcmeClient> | null = null;
  readonly #closing = new AbortController();
  /** Settles when no registration is under way. */
  #registering: Promise<unknown> = Promise.resolve();

  constructor(options: AuthorityOptions) {
    this.directoryUrl = options.directoryUrl;
    this.#options = options;
    this.#transport = new AcmeTransport({ ca: options.ca, wallMs: () => options.clock.wallMs() });
  }

  /** @param replaces the certificate that it will replace, as RFC 9773 §5 names it; null = none. */
  async newOrder(names: readonly string[], replaces: string | null, signal: AbortSignal): Promise<AcmeOrder> {
    const identifiers = names.map((value) => ({ type: 'dns', value }));
    const asked = replaces === null ? { identifiers } : { identifiers, replaces };
    try {
      return await this.#ordered(asked, signal);
    } catch (error) {
      // The order for it exists already, or the CA does not know what is to be replaced: an order like any other will do.
      const isAboutReplacing = error instanceof AcmeError && error.status !== 429 && replaces !== null;
      if (!isAboutReplacing || (error.status !== 409 && !/replac|malformed/i.test(error.type))) throw error;
      return this.#ordered({ identifiers }, signal);
    }
  }

  async order(url: string, signal: AbortSignal): Promise<AcmeOrder> {
    return this.#orderFrom(await this.#call(signal, (client) => client.getOrder(orderAt(url))));
  }

  async authorization(url: string, signal: AbortSignal): Promise<AcmeAuthorization> {
    const order = { ...orderAt(''), authorizations: [url] };
    const { value } = await this.#call(signal, async (client) => {
      const [found] = await client.getAuthorizations(order);
      if (found === undefined) throw acmeError('answer', 'the CA named no authorization');
      const challenges = found.challenges.filter(({ type }) => isOurs(type));
      const proved = challenges.map(async (one) => ({
        type: one.type,
        url: one.url,
        token: one.token,
        proof: await client.getChallengeKeyAuthorization(one),
      }));
      return { found, challenges: await Promise.all(proved) };
    });
    const failed = value.found.challenges.find(({ error }) => error !== undefined);
    return {
      url,
      name: value.found.identifier.value,
      status: value.found.status,
      challenges: value.challenges,
      error: failed === undefined ? null : problemIn(failed.error, null, null),
    };
  }

  /** The CA may look now. */
  async challengeReady({ url }: AcmeChallenge, signal: AbortSignal): Promise<void> {
    await this.#call(signal, (client) =>
      client.completeChallenge({ type: 'http-01', url, token: '', status: 'pending' }),
    );
  }

  /** @param csr PEM */
  async finalise({ url }: AcmeOrder, csr: string, signal: AbortSignal): Promise<AcmeOrder> {
    return this.#orderFrom(
      await this.#call(signal, async (client) => {
        const order = await client.getOrder(orderAt(url));
        return order.status === 'ready' ? client.finalizeOrder(order, csr) : order;
      }),
    );
  }

  /** PEM, the leaf first. */
  async certificate({ url }: AcmeOrder, signal: AbortSignal): Promise<string> {
    const { value } = await this.#call(signal, async (client) => client.getCertificate(await issued(client, url)));
    return value;
  }

  /** When the CA would like that certificate to be renewed; null where it gives no such advice (RFC 9773). */
  async advice(certificate: string, signal: AbortSignal): Promise<RenewalAdvice | null> {
    const id = renewalId(certificate);
    const directory = recordOf((await this.#transport.getJson(this.directoryUrl, signal)).body);
    const base = directory['renewalInfo'];
    if (typeof base !== 'string' || id === null) return null;
    const { body, retryAfterMs } = await this.#transport.getJson(`${base.replace(/\/$/, '')}/${id}`, signal);
    const window = windowIn(body);
    if (window === null) throw acmeError('answer', 'the CA’s advice on renewal has no window of time');
    return { window, retryAfterMs };
  }

  /** Resolves when nothing is left: no request, no write of a registration's. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#transport.close();
    await this.#registering;
  }

  async #ordered(asked: Parameters<AcmeClient['createOrder']>[0], signal: AbortSignal): Promise<AcmeOrder> {
    try {
      return this.#orderFrom(await this.#call(signal, (client) => client.createOrder(asked)));
    } catch (error) {
      if (!(error instanceof AcmeError) || !error.type.endsWith(':accountDoesNotExist')) throw error;
      // The CA has forgotten the account: the same key is registered again, once.
      this.#client = null;
      await keepAccountUrl(this.#options.store, this.#options.accountKey, null);
      return this.#orderFrom(await this.#call(signal, (client) => client.createOrder(asked)));
    }
  }

  #orderFrom({
    value,
    retryAfterMs,
  }: {
    readonly value: LibraryOrder;
    readonly retryAfterMs: number | null;
  }): AcmeOrder {
    const { url, status, authorizations, error } = value;
    return {
      url,
      status,
      authorizations,
      retryAfterMs,
      error: error === undefined ? null : problemIn(error, null, null),
    };
  }

  /** One call, tried again for bad nonces as often as it takes to make a CA that refuses half of them no obstacle. */
  async #call<T>(
    signal: AbortSignal,
    run: (client: AcmeClient) => Promise<T>,
  ): Promise<{ readonly value: T; readonly retryAfterMs: number | null }> {
    const client = await this.#registered(signal);
    return this.#repeated(signal, () => run(client));
  }

  async #repeated<T>(
    signal: AbortSignal,
    run: () => Promise<T>,
  ): Promise<{ readonly value: T; readonly retryAfterMs: number | null }> {
    for (let left = repeatsMax; ; left -= 1) {
      const call: AcmeCall = { transport: this.#transport, signal, retryAfterMs: null, refused: null };
      try {
        const value = await withTransport(call, run);
        return { value, retryAfterMs: call.retryAfterMs };
      } catch (error) {
        signal.throwIfAborted();
        const isNonce = call.refused?.type === badNonce;
        if (!isNonce || left === 0) throw call.refused ?? asAcmeError(error);
      }
    }
  }

  /** The client with its account; asked for once, again after a failure. Whoever gives up leaves the others waiting. */
  #registered(signal: AbortSignal): Promise<AcmeClient> {
    const registering = this.#client ?? this.#begin();
    return bounded(() => registering, { clock: this.#options.clock, forMs: null, signal, who: 'the account' });
  }

  /** A registration is nobody's own: it ends with its deadline, or with this authority. */
  #begin(): Promise<AcmeClient> {
    const { clock } = this.#options;
    const controller = new AbortController();
    const work = this.#register(controller.signal);
    this.#registering = Promise.allSettled([this.#registering, work]);
    const bounds = { clock, forMs: registrationMs, signal: this.#closing.signal, who: 'the registration' };
    const registering = bounded(() => work, bounds);
    this.#client = registering;
    registering.catch((error: unknown) => {
      controller.abort(error);
      if (this.#client === registering) this.#client = null;
    });
    return registering;
  }

  async #register(signal: AbortSignal): Promise<AcmeClient> {
    const { store, accountKey, directoryUrl, email, eab } = this.#options;
    const acme = await acmeLibrary();
    const makeKey = async () => (await acme.crypto.createPrivateEcdsaKey('P-256')).toString();
    const account = await keptAccount(store, accountKey, makeKey);
    const client = new acme.Client({
      directoryUrl,
      accountKey: account.key,
      ...(account.url === null ? {} : { accountUrl: account.url }),
      ...(eab === null ? {} : { externalAccountBinding: { kid: eab.keyId, hmacKey: eab.hmacKey } }),
    });
    if (account.url !== null) return client;
    const contact = email === null ? {} : { contact: [`mailto:${email}`] };
    await this.#repeated(signal, () => client.createAccount({ termsOfServiceAgreed: true, ...contact }));
    await keepAccountUrl(store, accountKey, client.getAccountUrl());
    return client;
  }
}

/** Directory, nonce and account, each perhaps repeated. */
const registrationMs = 60_000;

/** Times acme-client's own six tries. */
const repeatsMax = 3;

const ours: readonly string[] = ['http-01', 'tls-alpn-01', 'dns-01'];

function isOurs(type: string): boolean {
  return ours.includes(type);
}

function asAcmeError(error: unknown): AcmeError {
  if (error instanceof AcmeError) return error;
  return acmeError('answer', error instanceof Error ? error.message : String(error), error);
}

/** What acme-client wants to know of an order that is only asked for. */
function orderAt(url: string): LibraryOrder {
  return { url, status: 'pending', identifiers: [], authorizations: [], finalize: '' };
}

async function issued(client: AcmeClient, url: string): Promise<LibraryOrder> {
  const order = await client.getOrder(orderAt(url));
  // Otherwise acme-client would wait for it, on timers of its own.
  if (order.status !== 'valid') throw acmeError('answer', `the order is ${order.status} where it was valid before`);
  return order;
}
