/**
 * How a connection's context changes, and the guards that read it.
 *
 * Must never do: overwrite a reason. The first cause wins (lifecycle rule 5).
 */
import type { ChartArgs } from '../chart/registries.ts';
import type { CloseReason } from './close-reason.ts';
import type { ConnectionContext } from './context.ts';
import type { ConnectionFact } from './events.ts';

type Args = ChartArgs<ConnectionContext, ConnectionFact>;

function withReason(context: ConnectionContext, reason: CloseReason): ConnectionContext {
  return context.reason === null ? { ...context, reason } : context;
}

export const updates = {
  /** The reason is written beside the edge. */
  recordReason: ({ context }: Args, params: { readonly reason: CloseReason }): ConnectionContext =>
    withReason(context, params.reason),
  /** The reason came with the fact. */
  recordGivenReason: ({ context, event }: Args): ConnectionContext =>
    withReason(context, 'reason' in event ? event.reason : 'internal.invariant'),
  rememberRoute: ({ context, event }: Args): ConnectionContext =>
    event.type === 'sniff.routed'
      ? {
          ...context,
          timeouts: event.timeouts,
          attemptsMax: event.attemptsMax,
          keepHalfOpen: event.keepHalfOpen,
          answerable: event.answerable,
        }
      : context,
  rememberPreface: ({ context, event }: Args): ConnectionContext =>
    event.type === 'preface.received' && event.answerable !== context.answerable
      ? { ...context, answerable: event.answerable }
      : context,
  countAttempt: ({ context }: Args): ConnectionContext => ({ ...context, attempt: context.attempt + 1 }),
  rememberQuiet: ({ context, event }: Args): ConnectionContext =>
    event.type === 'bytes.flowed' ? { ...context, quietMs: event.quietMs } : context,
  forgetQuiet: ({ context }: Args): ConnectionContext => (context.quietMs === 0 ? context : { ...context, quietMs: 0 }),
  rememberAge: ({ context, event }: Args): ConnectionContext =>
    'ageMs' in event ? { ...context, ageMs: event.ageMs } : context,
} as const;

export const guards = {
  /** True exactly when the client's FIN came with nothing held before it. */
  hasSentNothing: ({ event }: Args): boolean => event.type === 'downstream.ended' && event.heldBytes === 0,
  /** True exactly when the client's FIN means that it has left: nothing pending, and the route does not keep it. */
  hasLeft: ({ context, event }: Args): boolean =>
    event.type === 'downstream.ended' && event.heldBytes === 0 && !context.keepHalfOpen,
  /** True exactly when another attempt is allowed. */
  hasAttemptsLeft: ({ context }: Args): boolean => context.attempt < context.attemptsMax,
  /** True exactly when the failed attempt may be followed by another. */
  mayTryAgain: ({ context, event }: Args): boolean =>
    event.type === 'dial.failed' && event.retryable && context.attempt < context.attemptsMax,
  /** True exactly when a refusal can be written in the client's own protocol. */
  isAnswerable: ({ context, event }: Args): boolean =>
    event.type === 'sniff.failed' ? event.answerable : context.answerable,
  /** True exactly when the route spells out `idle: infinite`. */
  isIdleUnbounded: ({ context }: Args): boolean => context.timeouts.idle === null,
} as const;
