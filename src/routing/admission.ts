/**
 * Slots: how many connections may live at once, claimed before anything is made for a connection.
 *
 * Decides: whether one more fits, in one step that cannot be interleaved. Must never do: wait, or know what a slot is for.
 */
import { ProxyError } from '../errors.ts';
import { claimTogether } from './counted-limits.ts';
import type { AdmissionPlan } from './plan.ts';

/** A cap that is claimed and released one by one. */
export class SlotCounter {
  /** Null = no cap; 0 refuses every claim. */
  readonly max: number | null;
  #held = 0;

  constructor(max: number | null) {
    this.max = max;
  }

  get held(): number {
    return this.#held;
  }

  tryClaim(): boolean {
    if (this.max !== null && this.#held >= this.max) return false;
    this.#held += 1;
    return true;
  }

  /** @throws ProxyError SALLYPORT_INVARIANT when nothing is held: a slot was released twice. */
  release(): void {
    if (this.#held === 0) throw new ProxyError('SALLYPORT_INVARIANT', 'a connection slot was released twice');
    this.#held -= 1;
  }
}

/** Claims one slot of each, or none of any. */
export function tryClaimAll(counters: readonly SlotCounter[]): boolean {
  return claimTogether(counters).claimed;
}

/** True exactly when nothing is counted by that plan, so that nothing has to be claimed. */
export function isUnlimited({ maxConnections, maxConnectionsPerIp, rates }: AdmissionPlan): boolean {
  return maxConnections === null && maxConnectionsPerIp === null && rates.length === 0;
}
