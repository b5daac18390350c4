/**
 * Who may pass: the question an exchange asks before anything of its request goes anywhere.
 *
 * Must never do: log or forward a credential, take longer for a wrong one than for a right one, or arm a timer for one
 * exchange. How long the answer may take is the exchange's `sniff` deadline; its end is told by the signal.
 */

export type AuthenticationOutcome =
  | { readonly kind: 'granted' }
  /** `challenge`: the value of WWW-Authenticate. `detail`: one clause for the record, nothing the client sent. */
  | { readonly kind: 'denied'; readonly status: 401 | 403; readonly challenge: string; readonly detail: string }
  /** It cannot be told now: too many checks at once, no key set, or the signal was aborted. The client may try again. */
  | { readonly kind: 'unavailable'; readonly status: 503; readonly detail: string };

export interface Authenticator {
  /**
   * @param authorization the one Authorization field's value, or null when there was none or several.
   * @returns at once where the answer is known (cached), else a promise that never rejects.
   */
  check(authorization: string | null, signal: AbortSignal): AuthenticationOutcome | Promise<AuthenticationOutcome>;
  /** Aborts what is under way, and begins nothing more: askers are told `unavailable`. For when its route is gone. Idempotent. */
  close(): void;
}

export const granted: AuthenticationOutcome = { kind: 'granted' };
export const leftMeanwhile: AuthenticationOutcome = unavailable('the client left before its credentials were checked');

export function unavailable(detail: string): AuthenticationOutcome {
  return { kind: 'unavailable', status: 503, detail };
}
