/**
 * Makes the authenticators of a proxy's routes, and holds what they share: the queue of password checks and the worker.
 *
 * Decides nothing. Must never do: give two proxies, or two configurations, the same memory of credentials.
 * Read first: `authenticator.ts`.
 */
import type { AuthenticationPlan } from '../../routing/http-plan.ts';
import type { Clock } from '../clock.ts';
import type { Authenticator } from './authenticator.ts';
import { BasicAuthenticator } from './basic.ts';
import { HashGate } from './hash-gate.ts';
import { allCredentials } from './htpasswd-files.ts';
import { createHashing, type Hashing } from './hashing.ts';
import { JwtAuthenticator } from './jwt.ts';

export interface AuthenticationPorts {
  readonly clock: Clock;
  /** One for all authenticators of a proxy. */
  readonly gate: HashGate;
  readonly hashing: Hashing;
  /** How key sets are fetched; Node's own unless given. */
  readonly fetch?: typeof fetch;
}

/** @throws ProxyError SALLYPORT_CONFIG_INVALID for a stored password, a name or an algorithm that cannot be used */
export function createAuthenticator(plan: AuthenticationPlan, ports: AuthenticationPorts): Authenticator {
  if (plan.type === 'basic') return new BasicAuthenticator(plan, ports);
  return new JwtAuthenticator(plan, { clock: ports.clock, fetch: ports.fetch ?? fetch });
}

export interface Authentication {
  /**
   * Reads the password files of these plans. To be awaited before anybody is asked.
   * @throws ProxyError SALLYPORT_CONFIG_INVALID with every line that is wrong
   */
  open(plans: readonly AuthenticationPlan[]): Promise<void>;
  /** The same authenticator each time for the same plan. @throws as `createAuthenticator` */
  of(plan: AuthenticationPlan): Authenticator;
  /** Ends the worker and what is under way; no timer is armed afterwards. Idempotent. */
  close(): void;
}

export function createAuthentication(ports: { readonly clock: Clock; readonly fetch?: typeof fetch }): Authentication {
  const shared = { ...ports, gate: new HashGate(), hashing: createHashing() };
  const made = new Map<AuthenticationPlan, Authenticator>();
  return {
    async open(plans) {
      for (const plan of plans) {
        if (plan.type !== 'basic' || plan.htpasswd === null || made.has(plan)) continue;
        const credentials = await allCredentials(plan);
        made.set(plan, createAuthenticator({ ...plan, credentials }, shared));
      }
    },
    of(plan) {
      const known = made.get(plan);
      if (known !== undefined) return known;
      const authenticator = createAuthenticator(plan, shared);
      made.set(plan, authenticator);
      return authenticator;
    },
    close() {
      for (const authenticator of made.values()) authenticator.close();
      shared.hashing.close();
    },
  };
}
