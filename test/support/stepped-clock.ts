/**
 * A step clock whose wall clock may jump, and how to let it run while real requests are under way.
 *
 * Must never do: let a deadline pass while an answer is on its way over a real socket; only waits pass.
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { OrderedCertificates } from '../../src/certificates/auto-certificates.ts';
import { StepClock } from '../../src/testing/step-clock.ts';

export class JumpingClock extends StepClock {
  /** How far the wall clock is ahead of what it would be. */
  jumpMs = 0;

  override wallMs(): number {
    return super.wallMs() + this.jumpMs;
  }
}

/** States in which nothing is under way but time. */
const waits = /(?:WAITING|WAITING_FOR_LOCK|BACKING_OFF|SETTLED)$/;

/** Lets time pass, timer by timer, wherever every certificate only waits, until it is so. */
export async function timePasses(
  clock: StepClock,
  certificates: OrderedCertificates,
  isSo: () => boolean,
  untilMs = Infinity,
): Promise<void> {
  while (!isSo()) {
    const isWaiting = certificates.status().every(({ state }) => waits.test(state));
    if (isWaiting) {
      if (clock.nextDueMs === null || clock.nextDueMs > untilMs) return;
      clock.runNext();
    }
    await turn();
  }
}
