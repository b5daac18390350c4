/**
 * Certificates without certificates: who is asked for one answers at once, late, never, not at all, or fails, as planned.
 *
 * A late answer is a promise that settles in a step of the clock; the world then waits until that was heard. Everything
 * that was handed out is kept, so that a law can ask whether it was used.
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
  /** True exactly when a promise was settled, and nobody has waited since for those who wait for it. */
  hasSettled = false;
  readonly #clock: Clock;

  /** @param clock of the network, so that no answer is taken for a deadline. @param plan asked once for each question. */
  constructor(clock: Clock, plan: () => IdentityPlan) {
    this.#clock = clock;
    this.identities = {
      identityFor: () => this.#answer(plan()),
      tlsChallenge: (serverName) => (serverName === 'validated.test' ? material : null),
      httpChallenge: () => null,
      isProving: () => true,
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
    if (plan.type === 'never') return new Promise(() => undefined);
    const { type, afterMs } = plan;
    if (afterMs === null) return answerOf(type);
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.hasSettled = true;
        if (type === 'fails') reject(noSource());
        else resolve(answers[type]);
      };
      this.#clock.arm(afterMs, { onTimer: settle }, 0);
    });
  }
}

function answerOf(type: 'found' | 'none' | 'fails' | 'spoiled'): CertificateMaterial | null {
  if (type === 'fails') throw noSource();
  return answers[type];
}

function noSource(): Error {
  return new Error('the source of certificates failed');
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
