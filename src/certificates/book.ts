/**
 * The book of certificates: which one answers a handshake, for all terminating routes of a plan.
 *
 * Decides: first the route's own certificate (exact name, then wildcard), then any other that the configuration gives in
 * full, then nothing: a name that nobody has is refused. A client that sends no name gets the route's own. Certificates of
 * files are swapped in whole when the files change. Must never do: wait where a certificate is known, or let a broken file
 * take a good certificate away. Read first: `../io/tls/identity.ts`, the port.
 */
import type { Timer } from '../io/clock.ts';
import type { CertificateMaterial, IdentitySource } from '../io/tls/identity.ts';
import type { ProxyPlan } from '../routing/plan.ts';
import type { TlsPlan } from '../routing/tls-plan.ts';
import { CertificateError, CertificatesError, type CertificateProblem } from './certificate-error.ts';
import type { CheckedMaterial } from './material.ts';
import { NameIndex, normalName } from './names.ts';
import { sourceOf, type Answer, type Source, type SourcePorts } from './sources.ts';

export interface BookOptions extends Omit<SourcePorts, 'replaced'> {
  /** As `terminatingPlans` finds them: in the order of the routes. */
  readonly plans: readonly TlsPlan[];
}

export interface CertificateBook extends IdentitySource {
  /** All that is known now, for people: what answers for which route. */
  entries(): readonly BookEntry[];
  /** No file is watched and no timer armed any more; what is known can still be asked for. Idempotent. */
  stop(): Promise<void>;
}

export interface BookEntry {
  readonly configPath: string;
  readonly type: TlsPlan['certificate']['type'];
  /** Null where it is asked for by name, or there is none yet. */
  readonly material: CertificateMaterial | null;
}

/** The plans of all routes that terminate TLS, each once. */
export function terminatingPlans(plan: ProxyPlan): readonly TlsPlan[] {
  return [...new Set(plan.routes.map(({ tls }) => tls).filter((tls) => tls !== null))];
}

/**
 * Loads every certificate that the configuration gives, and begins to watch their files.
 * @throws CertificatesError with all that cannot be used; then nothing is left open
 */
export async function openCertificateBook(options: BookOptions): Promise<CertificateBook> {
  const book = new Book(options);
  await book.open();
  return book;
}

/** Its end is told when so much of its life is left: a fortnight, or a third of a short life. */
const expiringMsMax = 14 * 86_400_000;

/** How often lives are looked at. */
export const lifeCheckMs = 6 * 3_600_000;

class Book implements CertificateBook {
  readonly #options: BookOptions;
  readonly #sources = new Map<TlsPlan, Source>();
  readonly #toldExpiring = new Set<string>();
  readonly #waiting = new WeakMap<object, Map<string, Promise<CertificateMaterial | null>>>();
  #all = new NameIndex([]);
  #timer: Timer | null = null;
  #isStopped = false;

  constructor(options: BookOptions) {
    this.#options = options;
    const ports = {
      ...options,
      replaced: (plan: TlsPlan, loaded: CheckedMaterial): void => this.#replaced(plan, loaded),
    };
    for (const plan of options.plans) this.#sources.set(plan, sourceOf(plan, ports));
  }

  async open(): Promise<void> {
    const loads = [...this.#sources].map(([plan, source]) => this.#load(plan, source));
    const problems = (await Promise.all(loads)).filter((problem) => problem !== null);
    if (problems.length > 0) throw new CertificatesError(problems);
    this.#index();
    await Promise.all([...this.#sources.values()].map(async ({ configured }) => configured?.watch()));
    this.onTimer();
  }

  identityFor(plan: TlsPlan, serverName: string | null): Answer {
    const source = this.#sources.get(plan);
    if (source === undefined) return null;
    if (serverName === null) return source.find(null);
    const name = normalName(serverName);
    const own = source.find(name);
    if (own === null) return this.#all.find(name);
    return own instanceof Promise ? this.#orAnother(own, name) : own;
  }

  /** One promise for all handshakes for a name that wait for the same answer. */
  #orAnother(own: Promise<CertificateMaterial | null>, name: string): Answer {
    const waiting = this.#waiting.get(own) ?? new Map<string, Promise<CertificateMaterial | null>>();
    this.#waiting.set(own, waiting);
    const answer = waiting.get(name) ?? own.then((found) => found ?? this.#all.find(name));
    waiting.set(name, answer);
    return answer;
  }

  tlsChallenge(serverName: string): CertificateMaterial | null {
    return this.#options.auto?.tlsChallenge(normalName(serverName)) ?? null;
  }

  httpChallenge(token: string): string | null {
    return this.#options.auto?.httpChallenge(token) ?? null;
  }

  entries(): readonly BookEntry[] {
    return [...this.#sources].map(([{ configPath, certificate }, { configured }]) => ({
      configPath,
      type: certificate.type,
      material: configured?.material ?? null,
    }));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) this.#options.clock.cancel(this.#timer);
    this.#timer = null;
    await Promise.all([...this.#sources.values()].map((source) => source.stop()));
  }

  /** Lives are looked at now, and again after a while. */
  onTimer(): void {
    this.#timer = null;
    if (this.#isStopped) return;
    const configured = [...this.#sources].filter(([, source]) => source.configured !== null);
    for (const [plan, source] of configured) this.#tellExpiring(plan, source.configured?.material ?? null);
    if (configured.length > 0) this.#timer = this.#options.clock.arm(lifeCheckMs, this, 0);
  }

  /** Null: it was loaded, or there is nothing to load. */
  async #load(plan: TlsPlan, { configured }: Source): Promise<CertificateProblem | null> {
    if (configured === null) return null;
    try {
      const { material, warnings } = await configured.load();
      this.#tellLoaded(plan, material, warnings, false);
      return null;
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      return { configPath: plan.configPath, code: error.code, message: error.message };
    }
  }

  #replaced(plan: TlsPlan, { material, warnings }: CheckedMaterial): void {
    this.#index();
    this.#tellLoaded(plan, material, warnings, true);
    this.#tellExpiring(plan, material);
  }

  #index(): void {
    const configured = [...this.#sources.values()].map((source) => source.configured?.material ?? null);
    this.#all = new NameIndex(configured.filter((material) => material !== null));
  }

  #tellLoaded(
    { configPath }: TlsPlan,
    { names, notAfterMs }: CertificateMaterial,
    warnings: readonly string[],
    isReplacement: boolean,
  ): void {
    this.#options.report({ event: 'certificate.loaded', configPath, names, notAfterMs, isReplacement, warnings });
  }

  /** Once per certificate. */
  #tellExpiring({ configPath }: TlsPlan, material: CertificateMaterial | null): void {
    if (material === null || this.#toldExpiring.has(material.id)) return;
    const { id, names, notBeforeMs, notAfterMs } = material;
    const leftMs = notAfterMs - this.#options.clock.wallMs();
    if (leftMs > Math.min(expiringMsMax, (notAfterMs - notBeforeMs) / 3)) return;
    this.#toldExpiring.add(id);
    this.#options.report({ event: 'certificate.expiring', configPath, names, notAfterMs, leftMs });
  }
}
