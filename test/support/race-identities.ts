/**
 * Certificates without certificates: who is asked for one answers at once, late, never, not at all, or fails, as planned.
 *
 * A late answer is a promise that settles in a step of the clock and tells in that very step, because the world of a race
 * does not wait for microtasks. Everything that was handed out is kept, so that a law can ask whether it was used.
 */
import type { SecureContext } from 'node:tls';
import type { Clock } from '../../src/io/clock.ts';
import type { TerminationPorts } from '../../src/io/termination.ts';
import type { CertificateMaterial } from '../../src/io/tls/identity.ts';

/** What becomes of one question. `afterMs` null: answered within the call. */
export type IdentityPlan =
  /** `spoiled`: there is one, but nothing can be made of it. */
  | { readonly type: 'found' | 'none' | 'fails' | 'spoiled'; readonly afterMs: number | null }
  | { readonly type: 'never' };

export const found: IdentityPlan = { type: 'found', afterMs: null };

export class RaceIdentities implements TerminationPorts {
  /** How often each kind of answer was asked for. */
  readonly asked = new Map<IdentityPlan['type'], number>();
  /** What handshakes were to begin with. */
  readonly contexts: SecureContext[] = [];
  readonly identities: TerminationPorts['identities'];
  readonly #clock: Clock;

  /** @param clock of the network, so that no answer is taken for a deadline. @param plan asked once for each question. */
  constructor(clock: Clock, plan: () => IdentityPlan) {
    this.#clock = clock;
    this.identities = {
      identityFor: () => this.#answer(plan()),
      tlsChallenge: (serverName) => (serverName === 'validated.test' ? material : null),
      httpChallenge: () => null,
    };
  }

  contextFor(_plan: unknown, { id }: CertificateMaterial): SecureContext {
    if (id === spoiled.id) throw new Error('nothing can be made of this certificate');
    return this.challengeContextFor();
  }

  challengeContextFor(): SecureContext {
    const context: SecureContext = { context: {} };
    this.contexts.push(context);
    return context;
  }

  #answer(plan: IdentityPlan): CertificateMaterial | null | Promise<CertificateMaterial | null> {
    this.asked.set(plan.type, (this.asked.get(plan.type) ?? 0) + 1);
    if (plan.type === 'never') return new SteppedPromise();
    const { type, afterMs } = plan;
    if (afterMs === null) {
      if (type === 'fails') throw new Error('the source of certificates failed');
      return answers[type];
    }
    const promise = new SteppedPromise<CertificateMaterial | null>();
    const settle = (): void => {
      if (type === 'fails') promise.fail(new Error('the source of certificates failed'));
      else promise.fulfil(answers[type]);
    };
    this.#clock.arm(afterMs, { onTimer: settle }, 0);
    return promise;
  }
}

const material: CertificateMaterial = {
  id: 'found',
  cert: '',
  key: '',
  names: ['*.test'],
  notBeforeMs: 0,
  notAfterMs: Number.MAX_SAFE_INTEGER,
};
const spoiled: CertificateMaterial = { ...material, id: 'spoiled' };
const answers = { found: material, spoiled, none: null } as const;

/** A promise that tells while it is settled. Only what a caller with a callback for each outcome needs of it. */
class SteppedPromise<Value> extends Promise<Value> {
  readonly #callbacks: { readonly fulfilled: (value: Value) => void; readonly failed: (error: unknown) => void }[] = [];

  constructor() {
    super(() => undefined);
  }

  fulfil(value: Value): void {
    for (const { fulfilled } of this.#callbacks) fulfilled(value);
  }

  fail(error: unknown): void {
    if (this.#callbacks.length === 0) throw new Error('a rejection that nobody handles', { cause: error });
    for (const { failed } of this.#callbacks) failed(error);
  }

  override then<Kept, Saved = never>(
    onFulfilled?: ((value: Value) => Kept | PromiseLike<Kept>) | null,
    onFailed?: ((reason: unknown) => Saved | PromiseLike<Saved>) | null,
  ): Promise<Kept | Saved> {
    const next = new SteppedPromise<Kept | Saved>();
    this.#callbacks.push({
      fulfilled: (value) => {
        try {
          onFulfilled?.(value);
        } catch (error) {
          next.fail(error);
        }
      },
      failed: (error) => {
        if (onFailed === null || onFailed === undefined) next.fail(error);
        else onFailed(error);
      },
    });
    return next;
  }
}
