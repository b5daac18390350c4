/**
 * The certificates of one proxy, put together: store, development authority, orders, book, and the contexts of handshakes.
 *
 * Decides: what is opened at all. A proxy that terminates nothing opens only the files of its dialers, and the store is opened only where
 * something has to outlive the process. Must never do: order before the listeners are bound.
 * Read first: `certificates/book.ts`, `certificates/auto-certificates.ts`.
 */
import { OrderedCertificates } from './certificates/auto-certificates.ts';
import { openCertificateBook, terminatingPlans, type CertificateBook } from './certificates/book.ts';
import { wantedNames } from './certificates/coverage.ts';
import { openDevelopmentAuthority, type DevelopmentAuthority } from './certificates/development.ts';
import { unknownCiphers } from './certificates/openssl.ts';
import { ProxyError } from './errors.ts';
import { wheelClock, type Clock } from './io/clock.ts';
import type { TerminationPorts } from './io/termination.ts';
import { TlsContexts, type DialerTls, type ServerContexts } from './io/tls/contexts.ts';
import type { CertificateMaterial, IdentitySource } from './io/tls/identity.ts';
import type { CertificateEvent, CertificateStatus } from './proxy-api.ts';
import type { ProxyPlan } from './routing/plan.ts';
import type { DialerPlan } from './routing/pool-plan.ts';
import type { TlsPlan, UpstreamTlsPlan } from './routing/tls-plan.ts';
import { openFileStore, type FileStore } from './store/file-store.ts';

export { CertificatesError } from './certificates/certificate-error.ts';

export interface CertificateParts {
  readonly plan: ProxyPlan;
  readonly clock: Clock;
  readonly random: () => number;
  readonly contexts: ServerContexts;
  readonly tell: (event: CertificateEvent) => void;
}

/**
 * Reads every certificate, key and authority that the configuration names, as a start would, and lets go of them again.
 * @returns what can be used and deserves a second look, one sentence each, with its place
 * @throws CertificatesError with all that cannot be used; ProxyError where no handshake can be made by a policy
 */
export async function checkCertificates(plan: ProxyPlan): Promise<readonly string[]> {
  const plans = terminatingPlans(plan);
  refuseUnknownCiphers(plans);
  const wanted = wantedNames(plan);
  const clock = wheelClock();
  const warnings: string[] = [];
  const report = (event: CertificateEvent): void => {
    if (event.event === 'certificate.loaded')
      warnings.push(...event.warnings.map((one) => `${event.configPath}.certificate: ${one}`));
  };
  const book = await openCertificateBook({ plans, wanted, clock, report, auto: null, development: null });
  await book.stop();
  const contexts = new TlsContexts({ clock });
  await contexts.prepare(plans, dialersTls(plan));
  contexts.close();
  return warnings;
}

/** Every dialer that speaks TLS, of pools and of routes, each once: whatever the routes terminate. */
function dialersTls({ pools, routes }: ProxyPlan): readonly DialerTls[] {
  const found = new Map<UpstreamTlsPlan, DialerTls>();
  const add = (dialer: DialerPlan, configPath: string): void => {
    if (dialer.type === 'tls' && !found.has(dialer.tls)) found.set(dialer.tls, { configPath, tls: dialer.tls });
  };
  for (const { configPath, dialer } of pools) add(dialer, `${configPath}.dialer`);
  for (const { action, configPath } of routes)
    if (action.type === 'forward') add(action.dialer, `${configPath}.action.dialer`);
  return [...found.values()];
}

function refuseUnknownCiphers(plans: readonly TlsPlan[]): void {
  const sentences = plans.flatMap(({ ciphers, configPath }) => {
    const unknown = unknownCiphers(ciphers ?? '');
    return unknown.length === 0 ? [] : [`${configPath}.ciphers: OpenSSL does not know ${unknown.join(', ')}`];
  });
  if (sentences.length > 0) throw new ProxyError('SALLYPORT_CONFIG_INVALID', sentences.join('\n'));
}

export class ProxyCertificates implements IdentitySource {
  readonly #parts: CertificateParts;
  readonly #plans: readonly TlsPlan[];
  #store: FileStore | null = null;
  #ordered: OrderedCertificates | null = null;
  #book: CertificateBook | null = null;
  #preparing: Promise<void> | null = null;
  #ordersEnded: Promise<unknown> | null = null;

  constructor(parts: CertificateParts) {
    this.#parts = parts;
    this.#plans = terminatingPlans(parts.plan);
  }

  /** Null where nothing is terminated. */
  get termination(): TerminationPorts | null {
    if (this.#plans.length === 0) return null;
    const { contexts } = this.#parts;
    return {
      identities: this,
      contextFor: (plan, material) => contexts.contextFor(plan, material),
      challengeContextFor: (material) => contexts.challengeContextFor(material),
    };
  }

  /**
   * Everything that is known without an order is loaded, and what orders need is imported. Before the listeners are bound.
   * @throws CertificatesError with all that cannot be used; StoreError where the store cannot be
   */
  prepare(): Promise<void> {
    this.#preparing = this.#open();
    return this.#preparing;
  }

  /** Every listener is bound: what is missing may be ordered. */
  start(): void {
    this.#ordered?.start();
  }

  /**
   * Nobody can validate a name here any more: orders under way are left as they are, for the next run to go on with, and
   * what is known serves on. Idempotent.
   */
  suspend(): void {
    this.#ordersEnded ??= Promise.allSettled([this.#ordered?.stop()]);
  }

  /** Nothing is left: no order, watch, lock or timer, also of what is being prepared. Idempotent. */
  async stop(): Promise<void> {
    await this.#preparing?.catch(() => undefined);
    // Each by itself: what one waits for must not keep the others open. The store last, because orders end in it.
    this.suspend();
    await Promise.allSettled([this.#ordersEnded, this.#book?.stop()]);
    await this.#store?.close();
    this.#store = null;
  }

  async #open(): Promise<void> {
    const { plan, clock, random, tell } = this.#parts;
    const dialers = dialersTls(plan);
    // Before anything else: also a proxy that terminates nothing dials by TLS.
    if (this.#plans.length > 0 || dialers.length > 0) {
      refuseUnknownCiphers(this.#plans);
      await this.#parts.contexts.prepare(this.#plans, dialers);
    }
    if (this.#plans.length === 0) return;
    const has = (type: TlsPlan['certificate']['type']) =>
      this.#plans.some(({ certificate }) => certificate.type === type);
    const isStoreNeeded = has('auto') || has('development');
    this.#store = isStoreNeeded ? await openFileStore(plan.storeFolder, clock) : null;
    const development = this.#store !== null && has('development') ? await this.#develop(this.#store) : null;
    if (this.#store !== null && has('auto')) {
      this.#ordered = new OrderedCertificates(this.#plans, { store: this.#store, clock, random, tell });
      await this.#ordered.prepare();
    }
    this.#book = await openCertificateBook({
      plans: this.#plans,
      wanted: wantedNames(plan),
      clock,
      report: tell,
      auto: this.#ordered,
      development,
    });
  }

  identityFor(
    plan: TlsPlan,
    serverName: string | null,
  ): CertificateMaterial | null | Promise<CertificateMaterial | null> {
    return this.#book?.identityFor(plan, serverName) ?? null;
  }

  tlsChallenge(serverName: string): CertificateMaterial | null {
    return this.#book?.tlsChallenge(serverName) ?? null;
  }

  httpChallenge(token: string): string | null {
    return this.#book?.httpChallenge(token) ?? null;
  }

  isProving(): boolean {
    return this.#book?.isProving() ?? false;
  }

  /** What was ordered, or is to be, for each set of names. */
  status(): readonly CertificateStatus[] {
    return this.#ordered?.status() ?? [];
  }

  async #develop(store: FileStore): Promise<DevelopmentAuthority> {
    const authority = await openDevelopmentAuthority(store, this.#parts.clock);
    const root = store.pathOf(authority.rootKey);
    this.#parts.tell({ event: 'certificate.development', root, isNew: authority.isNew });
    return authority;
  }
}
