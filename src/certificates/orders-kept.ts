/**
 * What the store has for a name set: a certificate that is better than what serves, a failure that is to be waited for.
 *
 * Decides: what is better, and how long a failure of somebody else's holds. Must never do: write a certificate.
 * Read first: `orders-record.ts`, the texts; `orders.ts`, which asks.
 */
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { CertificateFact } from '../machines/certificate/events.ts';
import type { Store } from '../store/store.ts';
import type { AcmeProblem } from './acme-error.ts';
import { places, readCertificate, readFailure, writtenFailure, type NameSet } from './orders-record.ts';

export interface KeptPorts {
  readonly store: Store;
  readonly clock: Clock;
}

export interface Deferral {
  /** Milliseconds since 1970. */
  readonly untilMs: number;
  readonly fact: Extract<CertificateFact, { readonly type: 'attempt.deferred' }>;
}

export class KeptCertificate {
  readonly #set: NameSet;
  readonly #ports: KeptPorts;
  /** Milliseconds since 1970. */
  readonly #madeMs: number;
  /** True exactly when the chart knows of what serves. */
  isKnown = false;

  constructor(set: NameSet, ports: KeptPorts) {
    this.#set = set;
    this.#ports = ports;
    this.#madeMs = ports.clock.wallMs();
  }

  /** Null: there is none, or none that is valid yet. */
  async certificate(): Promise<CertificateMaterial | null> {
    const found = readCertificate((await this.#ports.store.get(places.certificate(this.#set)))?.bytes, this.#set);
    return found !== null && found.notAfterMs > this.#ports.clock.wallMs() ? found : null;
  }

  /** One that lives longer than what serves; or what serves itself, where the chart has not heard of it. */
  async better(serving: CertificateMaterial | null): Promise<CertificateMaterial | null> {
    const found = await this.certificate();
    if (found === null || serving === null) return found;
    if (found.id === serving.id) return this.isKnown ? null : found;
    return found.notAfterMs > serving.notAfterMs ? found : null;
  }

  /**
   * A failure elsewhere is waited for as if it were ours. One from before this run is waited for a minute only, so that a
   * mistake that was mended is tried at once, unless the CA itself said how long.
   */
  async deferral(): Promise<Deferral | null> {
    this.isKnown = true;
    const failure = readFailure((await this.#ports.store.get(places.failure(this.#set)))?.bytes);
    if (failure === null) return null;
    const nowMs = this.#ports.clock.wallMs();
    const isOld = failure.atMs < this.#madeMs && !failure.isOrdered;
    const untilMs = isOld ? Math.min(failure.untilMs, failure.atMs + minuteMs) : failure.untilMs;
    // A clock that was wrong then is not believed for ever.
    if (untilMs <= nowMs || failure.atMs > nowMs + minuteMs) return null;
    return { untilMs, fact: { type: 'attempt.deferred', failures: failure.failures, afterMs: untilMs - nowMs } };
  }

  /** Others wait too. Where it cannot be written they learn for themselves. */
  async defer(failures: number, untilMs: number, { retryAfterMs }: AcmeProblem): Promise<void> {
    const atMs = this.#ports.clock.wallMs();
    const failure = writtenFailure({ failures, atMs, untilMs, isOrdered: retryAfterMs !== null });
    await this.#ports.store.put(places.failure(this.#set), failure).catch(() => null);
  }
}

const minuteMs = 60_000;
