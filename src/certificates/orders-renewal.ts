/**
 * When what serves is to be renewed, asked of the wall clock each time, and what the CA advises about it.
 *
 * Decides: whether it is due, later, or the CA's advice is to be asked for first. Must never do: arm a timer; the chart
 * looks at least every hour, so a wall clock that jumps is noticed by then.
 * Read first: `acme-renewal.ts`, the arithmetic.
 */
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { CertificateFact } from '../machines/certificate/events.ts';
import type { AcmePlan } from '../routing/tls-plan.ts';
import type { AcmeAuthority } from './acme.ts';
import {
  adviceIntervalMs,
  leastServiceMs,
  renewalTime,
  type RenewalFacts,
  type RenewalWindow,
} from './acme-renewal.ts';

export interface RenewalPorts {
  readonly clock: Clock;
  readonly random: () => number;
  plan(): AcmePlan;
  authority(): Promise<AcmeAuthority>;
}

type RenewalFact = Extract<CertificateFact, { readonly type: 'renewal.due' | 'renewal.later' | 'advice.due' }>;

export class Renewal {
  readonly #ports: RenewalPorts;
  #window: RenewalWindow | null = null;
  #chance = 0.5;
  /** When this process got it, on the clock's axis; null: it did not. */
  #gotMs: number | null = null;
  /** When the advice is to be asked for, on the clock's axis. */
  #adviceMs = 0;

  constructor(ports: RenewalPorts) {
    this.#ports = ports;
  }

  /** Another certificate serves. @param isOurs this process got it */
  began(isOurs: boolean): void {
    this.#window = null;
    this.#chance = this.#ports.random();
    this.#gotMs = isOurs ? this.#ports.clock.nowMs() : null;
    this.#adviceMs = this.#ports.clock.nowMs();
  }

  check(serving: CertificateMaterial | null): RenewalFact {
    if (serving === null) return { type: 'renewal.due' };
    const { clock } = this.#ports;
    if (this.#ports.plan().renewThresholdDays === null && clock.nowMs() >= this.#adviceMs)
      return { type: 'advice.due' };
    const dueMs = this.dueMs(serving) ?? clock.wallMs();
    const leftMs = Math.max(dueMs - clock.wallMs(), this.#leastLeftMs(serving));
    if (leftMs <= 0) return { type: 'renewal.due' };
    const untilAdviceMs = this.#ports.plan().renewThresholdDays === null ? this.#adviceMs - clock.nowMs() : leftMs;
    return { type: 'renewal.later', afterMs: Math.min(leftMs, untilAdviceMs) };
  }

  /** Milliseconds since 1970; null where nothing serves. */
  dueMs(serving: CertificateMaterial | null): number | null {
    return serving === null ? null : renewalTime(this.#facts(serving));
  }

  /** Asks the CA; without an answer its last advice stands, and it is asked again in six hours. */
  async ask(serving: CertificateMaterial | null, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#ports;
    this.#adviceMs = clock.nowMs() + adviceIntervalMs(null);
    if (serving === null) return;
    const authority = await this.#ports.authority();
    const advice = await authority.advice(serving.cert, signal);
    if (signal.aborted || advice === null) return;
    this.#adviceMs = clock.nowMs() + adviceIntervalMs(advice.retryAfterMs);
    const { startMs, endMs } = advice.window;
    if (startMs === this.#window?.startMs && endMs === this.#window.endMs) return;
    this.#window = advice.window;
    this.#chance = random();
  }

  /** The CA's own wish overrules this; its window is about this very certificate. */
  #leastLeftMs(serving: CertificateMaterial): number {
    if (this.#gotMs === null || this.#window !== null) return 0;
    return this.#gotMs + leastServiceMs(this.#facts(serving)) - this.#ports.clock.nowMs();
  }

  #facts({ notBeforeMs, notAfterMs }: CertificateMaterial): RenewalFacts {
    const { renewThresholdDays: thresholdDays } = this.#ports.plan();
    return { notBeforeMs, notAfterMs, thresholdDays, window: this.#window, chance: this.#chance };
  }
}
