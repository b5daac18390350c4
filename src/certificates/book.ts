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
import { givenText } from './configured.ts';
import { uncovered, type WantedNames } from './coverage.ts';
import type { CheckedMaterial } from './material.ts';
import { NameIndex, normalName } from './names.ts';
import { sourceOf, type Answer, type Source, type SourcePorts } from './sources.ts';

export interface BookOptions extends Omit<SourcePorts, 'replaced'> {
  /** As `terminatingPlans` finds them: in the order of the routes. */
  readonly plans: readonly TlsPlan[];
  /** What the routes of the plans ask for; absent where nobody wants to hear of names without a certificate. */
  readonly wanted?: WantedNames;
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
  /** Each source once, with the plans that share it: the same files are read, watched and told of once. */
  readonly #shared = new Map<Source, TlsPlan[]>();
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
    const byCertificate = new Map<string, Source>();
    for (const plan of options.plans) {
      const text = givenText(plan.certificate);
      const source = (text === null ? undefined : byCertificate.get(text)) ?? sourceOf(plan, ports);
      if (text !== null) byCertificate.set(text, source);
      this.#sources.set(plan, source);
      this.#shared.set(source, [...(this.#shared.get(source) ?? []), plan]);
    }
  }

  async open(): Promise<void> {
    const loads = await Promise.all([...this.#shared].map(([source, plans]) => load(source, plans)));
    const problems = loads.flatMap((one) => (one === null || 'source' in one ? [] : [one]));
    if (problems.length > 0) throw new CertificatesError(problems);
    this.#index();
    for (const one of loads) if (one !== null && 'source' in one) this.#tellLoaded(one.source, one.loaded, false);
    await Promise.all([...this.#shared.keys()].map(async ({ configured }) => configured?.watch()));
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

  isProving(): boolean {
    return this.#options.auto?.isProving() ?? false;
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
    await Promise.all([...this.#shared.keys()].map((source) => source.stop()));
  }

  /** Lives are looked at now, and again after a while. */
  onTimer(): void {
    this.#timer = null;
    if (this.#isStopped) return;
    const configured = [...this.#shared].filter(([source]) => source.configured !== null);
    for (const [source, plans] of configured) this.#tellExpiring(plans, source.configured?.material ?? null);
    if (configured.length > 0) this.#timer = this.#options.clock.arm(lifeCheckMs, this, 0);
  }

  #replaced(plan: TlsPlan, loaded: CheckedMaterial): void {
    const source = this.#sources.get(plan);
    if (source === undefined) return;
    this.#index();
    this.#tellLoaded(source, loaded, true);
    this.#tellExpiring(this.#shared.get(source) ?? [], loaded.material);
  }

  #index(): void {
    const configured = [...this.#shared.keys()].map((source) => source.configured?.material ?? null);
    this.#all = new NameIndex(configured.filter((material) => material !== null));
  }

  /** Told once, whichever routes share it. */
  #tellLoaded(source: Source, { material, warnings }: CheckedMaterial, isReplacement: boolean): void {
    const plans = this.#shared.get(source) ?? [];
    const [{ configPath } = nowhere] = plans;
    const { names, notAfterMs } = material;
    const told = [...warnings, ...this.#coverage(plans, names)];
    this.#options.report({
      event: 'certificate.loaded',
      configPath,
      names,
      notAfterMs,
      isReplacement,
      warnings: told,
    });
  }

  /** What of the names that routes ask for has no certificate. The first place is the event's own. */
  #coverage(plans: readonly TlsPlan[], names: readonly string[]): readonly string[] {
    return plans.flatMap((plan, at) => {
      const clause = uncovered(this.#options.wanted?.get(plan) ?? [], names, this.#all);
      if (clause === null) return [];
      return [at === 0 ? clause : `${plan.configPath}: ${clause}`];
    });
  }

  /** Once per certificate. */
  #tellExpiring([{ configPath } = nowhere]: readonly Place[], material: CertificateMaterial | null): void {
    if (material === null || this.#toldExpiring.has(material.id)) return;
    const { id, names, notBeforeMs, notAfterMs } = material;
    const leftMs = notAfterMs - this.#options.clock.wallMs();
    if (leftMs > Math.min(expiringMsMax, (notAfterMs - notBeforeMs) / 3)) return;
    this.#toldExpiring.add(id);
    this.#options.report({ event: 'certificate.expiring', configPath, names, notAfterMs, leftMs });
  }
}

/** A source always has a plan. */
const nowhere: Place = { configPath: '' };
type Place = Pick<TlsPlan, 'configPath'>;

interface Loaded {
  readonly source: Source;
  readonly loaded: CheckedMaterial;
}

/** Null: there is nothing to load. */
async function load(
  source: Source,
  [{ configPath } = nowhere]: readonly Place[],
): Promise<Loaded | CertificateProblem | null> {
  const { configured } = source;
  if (configured === null) return null;
  try {
    return { source, loaded: await configured.load() };
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    return { configPath, code: error.code, message: error.message };
  }
}
