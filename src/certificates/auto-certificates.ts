/**
 * Certificates that look after themselves: for every set of names one chart, whichever routes want it.
 *
 * Decides: which names share a certificate and which CA has which account. Orders begin with `start()`, which is for
 * after the listeners are bound; what the store has serves after `prepare()`.
 * Must never do: order twice for the same names at the same directory. Read first: `auto.ts`, `orders.ts`.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import { isCovered } from '../routing/certificate-cover.ts';
import type { AcmePlan, Material, TlsPlan } from '../routing/tls-plan.ts';
import type { Store } from '../store/store.ts';
import { AcmeAuthority } from './acme.ts';
import { ChallengeBook } from './acme-challenges.ts';
import { acmeError, problemOf } from './acme-error.ts';
import type { CertificateEvent, CertificateStatus } from './acme-events.ts';
import { acmeLibrary } from './acme-library.ts';
import type { AutoCertificates } from './auto.ts';
import { NameSetCertificate } from './orders.ts';
import { OnDemandCertificates, onDemandLimits, type OnDemandLimits } from './orders-on-demand.ts';
import { nameSetOf, places } from './orders-record.ts';
import { SharedAnswers } from './shared-answers.ts';

export interface AutoCertificatePorts {
  readonly store: Store;
  readonly clock: Clock;
  /** 0 to 1, excluding 1. */
  readonly random: () => number;
  /** Must not throw. */
  tell(event: CertificateEvent): void;
  readonly onDemand?: OnDemandLimits;
}

export class OrderedCertificates implements AutoCertificates {
  readonly #ports: AutoCertificatePorts;
  readonly #shared: SharedAnswers;
  readonly #challenges: ChallengeBook;
  readonly #onDemand: OnDemandCertificates;
  readonly #sets = new Map<string, NameSetCertificate>();
  readonly #authorities = new Map<string, Promise<AcmeAuthority>>();
  #setOf = new WeakMap<TlsPlan, NameSetCertificate>();
  #state: 'new' | 'started' | 'stopped' = 'new';
  #endWatch: (() => void) | null = null;
  readonly #retiring = new Set<Promise<void>>();
  #isNeeded = false;

  constructor(plans: readonly TlsPlan[], ports: AutoCertificatePorts) {
    this.#ports = ports;
    this.#shared = new SharedAnswers(ports.store, ports.clock);
    this.#challenges = new ChallengeBook(ports.clock, this.#shared);
    const onDemand = {
      clock: ports.clock,
      tell: (event: CertificateEvent) => ports.tell(event),
      find: (plan: AcmePlan, name: string) => this.#findOnDemand(plan, name),
      open: (plan: AcmePlan, name: string) => this.#openOnDemand(plan, name),
    };
    this.#onDemand = new OnDemandCertificates(onDemand, ports.onDemand ?? onDemandLimits);
    this.#adopt(plans);
  }

  /** True exactly when something has to be prepared and started. */
  get isNeeded(): boolean {
    return this.#isNeeded;
  }

  /** True while a name is being proved: a validation may come from anywhere. */
  get hasPendingChallenges(): boolean {
    return this.#challenges.pendingCount > 0;
  }

  /** Imports what orders need, and serves what the store has. Before `proxy.ready`: the import stalls the event loop. */
  async prepare(): Promise<void> {
    if (!this.#isNeeded) return;
    await acmeLibrary();
    await Promise.all([...this.#sets.values()].map((set) => this.#load(set)));
  }

  /** Orders what is missing. After every listener is bound: the CA may come at once. */
  start(): void {
    if (this.#state !== 'new') return;
    this.#state = 'started';
    this.#shared.start();
    this.#endWatch = this.#ports.store.watch('acme/certificates', (key) => this.#changed(key));
    this.#startAll([...this.#sets.values()]);
  }

  /** Other plans from now on, as after a reload. Name sets that stay keep their certificates, orders and waits. */
  async replace(plans: readonly TlsPlan[]): Promise<void> {
    if (this.#state === 'stopped') return;
    const before = new Map(this.#sets);
    this.#sets.clear();
    this.#setOf = new WeakMap();
    this.#adopt(plans, before);
    const added = [...this.#sets].filter(([id]) => !before.has(id)).map(([, set]) => set);
    const retired = [...before].filter(([id]) => !this.#sets.has(id)).map(([, set]) => set);
    for (const set of retired) this.#retire(set);
    if (this.#isNeeded) await acmeLibrary();
    await Promise.all(added.map((set) => this.#load(set)));
    if (this.#isStarted()) this.#startAll(added);
  }

  materialFor(plan: TlsPlan, name: string | null): CertificateMaterial | null | Promise<CertificateMaterial | null> {
    const { certificate } = plan;
    if (certificate.type !== 'auto') return null;
    const set = this.#setOf.get(plan);
    if (name === null) return set?.firstMaterial() ?? null;
    if (set !== undefined && isCovered(set.set.names, name)) return set.firstMaterial();
    const { ask } = certificate.acme;
    if (ask === null || this.#state !== 'started') return null;
    return this.#onDemand.materialFor(certificate.acme, ask, name);
  }

  isProving(): boolean {
    return this.#challenges.isProving;
  }

  httpChallenge(token: string): string | null {
    return this.#challenges.httpChallenge(token);
  }

  tlsChallenge(name: string): CertificateMaterial | null {
    return this.#challenges.tlsChallenge(name);
  }

  status(): readonly CertificateStatus[] {
    return [...this.#sets.values(), ...this.#onDemand.sets].map((set) => set.status());
  }

  /** Resolves when nothing is left: no order, lock, challenge, timer or connection to a CA. */
  async stop(): Promise<void> {
    this.#state = 'stopped';
    this.#endWatch?.();
    this.#endWatch = null;
    this.#shared.stop();
    await Promise.all([...[...this.#sets.values()].map((set) => set.stop()), this.#onDemand.stop(), ...this.#retiring]);
    const opened = [...this.#authorities.values()];
    this.#authorities.clear();
    await Promise.all(opened.map(async (one) => (await one.catch(() => null))?.close()));
  }

  /** What serves already is looked after at once; of the rest a few at a time, so that a CA is not overrun by a start. */
  #startAll(sets: readonly NameSetCertificate[]): void {
    const waiting = sets.filter((set) => set.material === null);
    for (const set of sets) if (set.material !== null) set.start();
    const next = async (): Promise<void> => {
      const set = waiting.shift();
      if (set === undefined || !this.#isStarted()) return;
      set.start();
      await set.firstMaterial();
      await next();
    };
    for (let index = 0; index < firstOrdersMax; index += 1) void next();
  }

  /** A method, because what it says changes while somebody awaits. */
  #isStarted(): boolean {
    return this.#state === 'started';
  }

  #adopt(plans: readonly TlsPlan[], before: ReadonlyMap<string, NameSetCertificate> = new Map()): void {
    for (const plan of plans) {
      const { certificate } = plan;
      if (certificate.type !== 'auto') continue;
      this.#isNeeded = true;
      if (certificate.names.length === 0) continue;
      const names = nameSetOf(certificate.names, certificate.acme.directoryUrl);
      const kept = this.#sets.get(names.id) ?? before.get(names.id);
      if (kept !== undefined && !this.#sets.has(names.id)) kept.use(certificate.acme);
      const set = kept ?? this.#make(certificate.acme, certificate.names, false);
      this.#sets.set(names.id, set);
      this.#setOf.set(plan, set);
    }
  }

  #make(plan: AcmePlan, names: readonly string[], isOnDemand: boolean): NameSetCertificate {
    const { store, clock, random } = this.#ports;
    return new NameSetCertificate(nameSetOf(names, plan.directoryUrl), plan, isOnDemand, {
      store,
      clock,
      random,
      challenges: this.#challenges,
      authority: (asked) => this.#authority(asked),
      tell: (event) => this.#ports.tell(event),
    });
  }

  async #openOnDemand(plan: AcmePlan, name: string): Promise<NameSetCertificate> {
    const set = this.#make(plan, [name], true);
    await this.#load(set);
    return set;
  }

  /** Most names that are sent are in no store, so the chart is made for those that are. */
  async #findOnDemand(plan: AcmePlan, name: string): Promise<NameSetCertificate | null> {
    const place = places.certificate(nameSetOf([name], plan.directoryUrl));
    if ((await this.#ports.store.get(place)) === null) return null;
    const set = this.#make(plan, [name], true);
    await set.load();
    return set.material === null ? null : set;
  }

  /** A store that cannot be read now is asked again by the chart. */
  async #load(set: NameSetCertificate): Promise<void> {
    try {
      await set.load();
    } catch (error) {
      const { names, directoryUrl } = set.status();
      this.#ports.tell({
        event: 'certificate.failed',
        names,
        directoryUrl,
        state: 'WAITING',
        problem: problemOf(error, 'store'),
      });
    }
  }

  #retire(set: NameSetCertificate): void {
    const retiring = set.stop().finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
  }

  #changed(key: string): void {
    this.#onDemand.storeChanged();
    for (const set of [...this.#sets.values(), ...this.#onDemand.sets]) {
      if (places.certificate(set.set) === key) void set.lookAgain();
    }
  }

  /** One for each account and root; a root that cannot be read is read again at the next attempt. */
  #authority(plan: AcmePlan): Promise<AcmeAuthority> {
    const account = places.account(plan.directoryUrl, plan.eab?.keyId ?? null);
    const key = `${account} ${plan.ca === null ? '' : nameOf(plan.ca)}`;
    const known = this.#authorities.get(key);
    if (known !== undefined) return known;
    const opening = this.#openAuthority(plan, account);
    this.#authorities.set(key, opening);
    opening.catch(() => this.#authorities.delete(key));
    return opening;
  }

  async #openAuthority(plan: AcmePlan, accountKey: string): Promise<AcmeAuthority> {
    const { directoryUrl, email, eab } = plan;
    const { store, clock } = this.#ports;
    const ca = plan.ca === null ? null : await textOf(plan.ca);
    return new AcmeAuthority({ directoryUrl, ca, email, eab, store, accountKey, clock });
  }
}

const firstOrdersMax = 8;

function nameOf(material: Material): string {
  if (material.kind === 'file') return material.path;
  return material.kind === 'text' ? material.text : Buffer.from(material.bytes).toString('base64');
}

async function textOf(material: Material): Promise<string> {
  if (material.kind === 'text') return material.text;
  if (material.kind === 'bytes') return Buffer.from(material.bytes).toString('utf8');
  try {
    return await readFile(material.path, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw acmeError('certificate', `the root of the directory cannot be read: ${why}`, error);
  }
}
