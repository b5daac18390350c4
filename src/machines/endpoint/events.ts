/**
 * What an endpoint's chart hears, and what it asks for.
 *
 * Facts are past tense, commands imperative; both are names and numbers. The outcome of a dial is told by whoever dialled,
 * the outcome of a check by whoever carries out `check`.
 * Read first: `machine.ts`.
 */
export type EndpointFact =
  /** The check that was asked for last found what it wanted; at once where the pool has no checks. */
  | { readonly type: 'check.passed' }
  | { readonly type: 'check.failed' }
  /** It could not be made, for a reason that is this machine's own: nothing is known that was not known before. */
  | { readonly type: 'check.skipped' }
  /** A connection was made. Need not be told where the last that was told was one too: nothing changes. */
  | { readonly type: 'dial.succeeded' }
  /** A connection was not made, for a reason that is the endpoint's: refused, unreachable, its deadline, its handshake. */
  | { readonly type: 'dial.failed' }
  /** A dial has taken the one place that `announceTrial` offered. Its outcome is told as one of the next three. */
  | { readonly type: 'trial.started' }
  | { readonly type: 'trial.passed' }
  | { readonly type: 'trial.failed' }
  /** It ended for a reason that is not the endpoint's: its client left. */
  | { readonly type: 'trial.abandoned' }
  /** The endpoint is wanted no more: it left the configuration or the name's addresses, or the operator said so. */
  | { readonly type: 'drain.requested' }
  /** It is wanted again, before it was gone. */
  | { readonly type: 'restore.requested' }
  /** The last of its connections is closed; told at once where there is none. */
  | { readonly type: 'connections.closed' }
  /** The pool is gone, or the proxy stops. */
  | { readonly type: 'retire.requested' };

export type EndpointFactType = EndpointFact['type'];

/** Why an endpoint gets no new connections. */
export type EndpointDownCause = 'checks' | 'ejected' | 'trial' | 'draining';

export type EndpointCommand =
  /** Look whether it is well. Answered by `check.passed`, `check.failed` or `check.skipped`, unless it is cancelled. */
  | { readonly type: 'check' }
  /** Harmless when it is answered. */
  | { readonly type: 'cancelCheck' }
  /** From now on it may be given connections. */
  | { readonly type: 'announceUp' }
  /** It may be given one connection, whose taker says `trial.started`. */
  | { readonly type: 'announceTrial' }
  /** It may be given none. With the cause `checks`, what it has is kept, drained or killed as the pool says. */
  | { readonly type: 'announceDown'; readonly cause: EndpointDownCause }
  /** Its weight counts in full, or grows evenly from `share` to 1 within `rampMs`. */
  | { readonly type: 'setWeight'; readonly share: number; readonly rampMs: number }
  /** What is left of a drain ends now. Answered by nothing. */
  | { readonly type: 'killConnections' };

const factTypeSet: Readonly<Record<EndpointFactType, true>> = {
  'check.passed': true,
  'check.failed': true,
  'check.skipped': true,
  'dial.succeeded': true,
  'dial.failed': true,
  'trial.started': true,
  'trial.passed': true,
  'trial.failed': true,
  'trial.abandoned': true,
  'drain.requested': true,
  'restore.requested': true,
  'connections.closed': true,
  'retire.requested': true,
};

/** True exactly when the name is one of an endpoint's facts. */
export function isEndpointFactType(name: string): name is EndpointFactType {
  return Object.hasOwn(factTypeSet, name);
}

/** Every fact's name, in the order above. */
export const endpointFactTypes: readonly EndpointFactType[] = Object.keys(factTypeSet).filter(isEndpointFactType);
