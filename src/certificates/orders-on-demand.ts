/**
 * Certificates for names that nobody configured: ordered at their first handshake, where the embedder says yes.
 *
 * Decides: whether the embedder is asked at all. What the store has serves without a question. Anybody can send any name, so
 * looking, asking and ordering are bounded in number, the last two in rate too; a no is remembered, and a name that cannot
 * be proved is given up until somebody sends it again. Of too many names the one not used for longest is left to the store.
 * Must never do: order for a name without a yes, keep more names than it may, or wait for the embedder after `stop`.
 */
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { AcmePlan, AskFunction } from '../routing/tls-plan.ts';
import type { CertificateEvent } from './acme-events.ts';
import { answerMs } from './asked.ts';
import { bounded } from './bounded.ts';
import type { NameSetCertificate } from './orders.ts';
import { RefusalReport, RememberedUntil, Turns, type Refusal } from './orders-refusals.ts';

export interface OnDemandPorts {
  readonly clock: Clock;
  tell(event: CertificateEvent): void;
  /** What the store has for the name, not started yet; null: nothing that can serve. */
  find(plan: AcmePlan, name: string): Promise<NameSetCertificate | null>;
  /** A name set that orders from its start on; what the store has for it serves already. */
  open(plan: AcmePlan, name: string): Promise<NameSetCertificate>;
}

export interface OnDemandLimits {
  /** Asked and ordered at once. */
  readonly concurrent: number;
  readonly perMinute: number;
  /** Names that are kept. */
  readonly names: number;
  /** How long a no holds. */
  readonly refusalMs: number;
  /** Looked for in the store at once, and under way in all. */
  readonly looks: number;
  readonly underWay: number;
}

export const onDemandLimits: OnDemandLimits = {
  concurrent: 8,
  perMinute: 30,
  names: 1_000,
  refusalMs: 300_000,
  looks: 16,
  underWay: 1_000,
};

/** That the store has nothing is believed so long, unless the store tells of a change. */
const absentMs = 60_000;

/** What one handshake is about. */
interface Wanted {
  readonly plan: AcmePlan;
  readonly ask: AskFunction;
  readonly name: string;
  readonly key: string;
}

type Answer = CertificateMaterial | null;

export class OnDemandCertificates {
  readonly #ports: OnDemandPorts;
  readonly #limits: OnDemandLimits;
  /** Used last comes last. */
  readonly #sets = new Map<string, NameSetCertificate>();
  readonly #retiring = new Set<Promise<void>>();
  /** One answer for all who ask for the name. */
  readonly #underWay = new Map<string, Promise<Answer>>();
  readonly #looks: Turns;
  readonly #refused: RememberedUntil;
  readonly #absent: RememberedUntil;
  readonly #report: RefusalReport;
  readonly #ending = new AbortController();
  #orderingCount = 0;
  /** What is left of the minute's questions, as of `#countedMs`. */
  #left: number;
  #countedMs: number;

  constructor(ports: OnDemandPorts, limits: OnDemandLimits = onDemandLimits) {
    this.#ports = ports;
    this.#limits = limits;
    this.#left = limits.perMinute;
    this.#countedMs = ports.clock.nowMs();
    this.#looks = new Turns(limits.looks);
    this.#refused = new RememberedUntil(ports.clock, limits.names);
    this.#absent = new RememberedUntil(ports.clock, limits.names);
    this.#report = new RefusalReport(ports.clock, (event) => ports.tell(event));
  }

  get sets(): Iterable<NameSetCertificate> {
    return this.#sets.values();
  }

  materialFor(plan: AcmePlan, ask: AskFunction, name: string): Answer | Promise<Answer> {
    const key = `${plan.directoryUrl} ${name}`;
    const known = this.#sets.get(key);
    if (known !== undefined) {
      this.#sets.delete(key);
      this.#sets.set(key, known);
      return known.firstMaterial();
    }
    const underWay = this.#underWay.get(key);
    if (underWay !== undefined) return underWay;
    if (this.#isStopped() || this.#refused.has(key)) return null;
    const wanted = { plan, ask, name, key };
    const obstacle = this.#firstObstacle(wanted);
    if (obstacle !== null) return this.#refuse(wanted, obstacle, 0);
    const answer = this.#answer(wanted).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, answer);
    return answer;
  }

  /** Something was written to the store: what was not there may be. */
  storeChanged(): void {
    this.#absent.clear();
  }

  /** Resolves when nothing is looked for, asked or ordered any more. An answer of the embedder's is not waited for. */
  async stop(): Promise<void> {
    this.#ending.abort();
    const stopSets = () => Promise.all([...this.#sets.values()].map((set) => set.stop()));
    await stopSets();
    await Promise.allSettled(this.#underWay.values());
    // One that was opened meanwhile.
    await stopSets();
    await Promise.all(this.#retiring);
  }

  /** A method, because what it says changes while somebody awaits. */
  #isStopped(): boolean {
    return this.#ending.signal.aborted;
  }

  /** What is known to be in the way before the store is looked at. */
  #firstObstacle({ name, key }: Wanted): Refusal | null {
    if (!isOrderable(name)) return 'name';
    if (this.#underWay.size >= this.#limits.underWay) return 'capacity';
    return this.#absent.has(key) ? this.#obstacle() : null;
  }

  /** What is in the way of a question. */
  #obstacle(): Refusal | null {
    if (this.#orderingCount >= this.#limits.concurrent || !this.#hasRoom()) return 'capacity';
    const nowMs = this.#ports.clock.nowMs();
    const regained = ((nowMs - this.#countedMs) / 60_000) * this.#limits.perMinute;
    this.#left = Math.min(this.#limits.perMinute, this.#left + regained);
    this.#countedMs = nowMs;
    return this.#left < 1 ? 'rate' : null;
  }

  async #answer(wanted: Wanted): Promise<Answer> {
    const kept = await this.#look(wanted);
    if (this.#isStopped()) return null;
    if (kept !== null) return this.#keep(wanted, kept) ? kept.firstMaterial() : kept.material;
    const obstacle = this.#obstacle();
    if (obstacle !== null) return this.#refuse(wanted, obstacle, 0);
    this.#left -= 1;
    this.#orderingCount += 1;
    try {
      return await this.#ask(wanted);
    } finally {
      this.#orderingCount -= 1;
    }
  }

  /** A store that cannot be read now has nothing, and is looked at again for the next one. */
  async #look({ plan, name, key }: Wanted): Promise<NameSetCertificate | null> {
    if (this.#absent.has(key)) return null;
    try {
      const found = await this.#looks.take(async () => (this.#isStopped() ? null : this.#ports.find(plan, name)));
      if (found === null) this.#absent.remember(key, absentMs);
      return found;
    } catch {
      return null;
    }
  }

  async #ask(wanted: Wanted): Promise<Answer> {
    const { plan, name, key } = wanted;
    const { refusalMs } = this.#limits;
    try {
      if (!(await this.#isAllowed(wanted))) return this.#refuse(wanted, 'no', refusalMs);
    } catch {
      return this.#isStopped() ? null : this.#refuse(wanted, 'failed', refusalMs / 5);
    }
    const set = await this.#ports.open(plan, name);
    if (this.#isStopped()) return null;
    if (!this.#keep(wanted, set)) return set.material ?? this.#refuse(wanted, 'capacity', 0);
    const material = await set.firstMaterial();
    if (material !== null || this.#isStopped()) return material;
    // Nobody may need it again, so nobody retries it; its failure is in the store for the next one who asks.
    this.#sets.delete(key);
    this.#refused.remember(key, refusalMs / 5);
    await set.stop();
    return null;
  }

  /** One that hangs has failed, and gives its place back. */
  #isAllowed({ ask, name }: Wanted): Promise<boolean> {
    const { clock } = this.#ports;
    return bounded(() => ask(name), { clock, forMs: answerMs, signal: this.#ending.signal, who: 'acme.ask' });
  }

  /** It looks after itself from now on; false: there is no room for it. */
  #keep({ key }: Wanted, set: NameSetCertificate): boolean {
    if (!this.#hasRoom()) return false;
    if (this.#sets.size >= this.#limits.names) this.#evict();
    this.#sets.set(key, set);
    set.start();
    return true;
  }

  #hasRoom(): boolean {
    return this.#sets.size < this.#limits.names || this.#spare() !== null;
  }

  /** What was not used for longest of all that are at rest. */
  #spare(): readonly [string, NameSetCertificate] | null {
    for (const entry of this.#sets) if (entry[1].isAtRest) return entry;
    return null;
  }

  /** Its certificate stays in the store, and is found there at its next handshake. */
  #evict(): void {
    const spare = this.#spare();
    if (spare === null) return;
    const [key, set] = spare;
    this.#sets.delete(key);
    const retiring = set.stop().finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
  }

  #refuse({ plan, name, key }: Wanted, reason: Refusal, forMs: number): null {
    if (forMs > 0) this.#refused.remember(key, forMs);
    this.#report.refused(name, plan.directoryUrl, reason);
    return null;
  }
}

/** A DNS name of two labels at least; no address, no wildcard (RFC 1123 §2.1). */
function isOrderable(name: string): boolean {
  return name.length <= 253 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9-]{2,63}$/.test(name);
}
