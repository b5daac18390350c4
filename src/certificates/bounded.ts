/**
 * Waiting for somebody else's work: for so long, and no longer than a signal allows.
 *
 * Decides: when waiting is over. The work itself cannot be ended; what becomes of it afterwards is the caller's matter.
 * Must never do: leave a timer or a listener behind. Read first: `orders-on-demand.ts`, `acme-challenges.ts`, who wait.
 */
import type { Clock } from '../io/clock.ts';
import { acmeError } from './acme-error.ts';

export interface Bounds {
  readonly clock: Clock;
  /** Null: until the signal. */
  readonly forMs: number | null;
  /** Null: until the deadline. */
  readonly signal: AbortSignal | null;
  /** Who is waited for, as the subject of a sentence. */
  readonly who: string;
}

/**
 * What the work answers or throws, be it at once.
 * @throws AcmeError `deadline` where it did not answer in time, or the signal ended first
 */
export async function bounded<Value>(
  work: () => Value | PromiseLike<Value>,
  { clock, forMs, signal, who }: Bounds,
): Promise<Value> {
  if (signal?.aborted === true) throw acmeError('deadline', `${who} was not asked any more`);
  const { promise, resolve, reject } = Promise.withResolvers<Value>();
  const onTimer = (): void => reject(acmeError('deadline', `${who} did not answer within ${(forMs ?? 0) / 1_000} s`));
  const onAbort = (): void => reject(acmeError('deadline', `${who} was not waited for any more`));
  const timer = forMs === null ? null : clock.arm(forMs, { onTimer }, 0);
  signal?.addEventListener('abort', onAbort, { once: true });
  new Promise<Value>((done) => done(work())).then(resolve, reject);
  try {
    return await promise;
  } finally {
    if (timer !== null) clock.cancel(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
