/**
 * Certificates for names that nobody configured: ordered at their first handshake, where the embedder says yes.
 *
 * Decides: whether the embedder is asked at all. Anybody can send any name, so asking and ordering are bounded in number
 * and in rate, a no is remembered, and a name that cannot be proved is given up until somebody sends it again.
 * Must never do: order for a name without a yes, or keep more names than it may.
 */
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { AcmePlan, AskFunction } from '../routing/tls-plan.ts';
import type { CertificateEvent } from './acme-events.ts';
import type { NameSetCertificate } from './orders.ts';

export interface OnDemandPorts {
  readonly clock: Clock;
  tell(event: CertificateEvent): void;
  /** A name set that looks after itself from now on; what the store has for it serves already. */
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
}

export const onDemandLimits: OnDemandLimits = { concurrent: 8, perMinute: 30, names: 1_000, refusalMs: 300_000 };

type Refusal = Extract<CertificateEvent, { readonly event: 'certificate.ask-refused' }>['reason'];

export class OnDemandCertificates {
  readonly #ports: OnDemandPorts;
  readonly #limits: OnDemandLimits;
  readonly #sets = new Map<string, NameSetCertificate>();
  readonly #asking = new Map<string, Promise<CertificateMaterial | null>>();
  /** Until when a name is refused without asking, on the clock's axis; the oldest first. */
  readonly #refused = new Map<string, number>();
  /** What is left of the minute's questions, as of `#countedMs`. */
  #left: number;
  #countedMs: number;
  #isStopped = false;

  constructor(ports: OnDemandPorts, limits: OnDemandLimits = onDemandLimits) {
    this.#ports = ports;
    this.#limits = limits;
    this.#left = limits.perMinute;
    this.#countedMs = ports.clock.nowMs();
  }

  get sets(): Iterable<NameSetCertificate> {
    return this.#sets.values();
  }

  materialFor(
    plan: AcmePlan,
    ask: AskFunction,
    name: string,
  ): CertificateMaterial | null | Promise<CertificateMaterial | null> {
    const key = `${plan.directoryUrl} ${name}`;
    const known = this.#sets.get(key);
    if (known !== undefined) return known.firstMaterial();
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    if (this.#isStopped || (this.#refused.get(key) ?? -Infinity) > this.#ports.clock.nowMs()) return null;
    const obstacle = this.#obstacle(name);
    if (obstacle !== null) return this.#refuse(plan, name, key, obstacle, 0);
    this.#left -= 1;
    const asked = this.#ask(plan, ask, name, key).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asked);
    return asked;
  }

  /** Resolves when nothing is asked or ordered any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#sets.values()].map((set) => set.stop()));
    await Promise.allSettled(this.#asking.values());
  }

  #obstacle(name: string): Refusal | null {
    if (!isOrderable(name)) return 'name';
    if (this.#asking.size >= this.#limits.concurrent || this.#sets.size >= this.#limits.names) return 'capacity';
    const nowMs = this.#ports.clock.nowMs();
    const regained = ((nowMs - this.#countedMs) / 60_000) * this.#limits.perMinute;
    this.#left = Math.min(this.#limits.perMinute, this.#left + regained);
    this.#countedMs = nowMs;
    return this.#left < 1 ? 'rate' : null;
  }

  async #ask(plan: AcmePlan, ask: AskFunction, name: string, key: string): Promise<CertificateMaterial | null> {
    const { refusalMs } = this.#limits;
    try {
      if (!(await ask(name))) return this.#refuse(plan, name, key, 'no', refusalMs);
    } catch {
      return this.#refuse(plan, name, key, 'failed', refusalMs / 5);
    }
    if (this.#isStopped) return null;
    const set = await this.#ports.open(plan, name);
    this.#sets.set(key, set);
    const material = await set.firstMaterial();
    if (material !== null || this.#isStopped) return material;
    // Nobody may need it again, so nobody retries it; its failure is in the store for the next one who asks.
    this.#sets.delete(key);
    this.#remember(key, refusalMs / 5);
    await set.stop();
    return null;
  }

  #refuse(plan: AcmePlan, name: string, key: string, reason: Refusal, forMs: number): null {
    if (forMs > 0) this.#remember(key, forMs);
    const { directoryUrl } = plan;
    this.#ports.tell({ event: 'certificate.ask-refused', names: [name.slice(0, 253)], directoryUrl, reason });
    return null;
  }

  #remember(key: string, forMs: number): void {
    this.#refused.delete(key);
    this.#refused.set(key, this.#ports.clock.nowMs() + forMs);
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > this.#limits.names && oldest !== undefined) this.#refused.delete(oldest);
  }
}

/** A DNS name of two labels at least; no address, no wildcard (RFC 1123 §2.1). */
function isOrderable(name: string): boolean {
  return name.length <= 253 && /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9-]{2,63}$/.test(name);
}
