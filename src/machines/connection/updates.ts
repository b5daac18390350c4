/**
 * How a connection's context changes, and the guards that read it.
 *
 * Must never do: overwrite a reason. The first cause wins (lifecycle rule 5).
 */
import type { ChartArgs } from '../chart/registries.ts';
import type { CloseReason } from './close-reason.ts';
import type { ConnectionContext } from './context.ts';
import { nextPingMs } from './delays.ts';
import type { ConnectionFact } from './events.ts';

type Args = ChartArgs<ConnectionContext, ConnectionFact>;

/** Written out so that every context has the one shape that `initialContext` gave the first: a spread would give it another. */
function copyOf(context: ConnectionContext): { -readonly [Key in keyof ConnectionContext]: ConnectionContext[Key] } {
  return {
    expectsProxyHeader: context.expectsProxyHeader,
    timeouts: context.timeouts,
    attempt: context.attempt,
    attemptsMax: context.attemptsMax,
    keepHalfOpen: context.keepHalfOpen,
    serves: context.serves,
    answerable: context.answerable,
    pingMs: context.pingMs,
    quietMs: context.quietMs,
    pingedMs: context.pingedMs,
    ageMs: context.ageMs,
    reason: context.reason,
  };
}

function withReason(context: ConnectionContext, reason: CloseReason): ConnectionContext {
  if (context.reason !== null) return context;
  const next = copyOf(context);
  next.reason = reason;
  return next;
}

function withQuiet(context: ConnectionContext, quietMs: number, pingedMs = 0): ConnectionContext {
  if (context.quietMs === quietMs && context.pingedMs === pingedMs) return context;
  const next = copyOf(context);
  next.quietMs = quietMs;
  next.pingedMs = pingedMs;
  return next;
}

export const updates = {
  /** The reason is written beside the edge. */
  recordReason: ({ context }: Args, params: { readonly reason: CloseReason }): ConnectionContext =>
    withReason(context, params.reason),
  /** The reason came with the fact. */
  recordGivenReason: ({ context, event }: Args): ConnectionContext =>
    withReason(context, 'reason' in event ? event.reason : 'internal.invariant'),
  /** As `recordGivenReason`; but that all is well is no cause, and not known before everything was handed over. */
  recordGivenCause: ({ context, event }: Args): ConnectionContext =>
    'reason' in event && event.reason !== 'completed' ? withReason(context, event.reason) : context,
  /** Everything was handed over, and nothing had gone wrong. */
  recordCompletion: ({ context }: Args): ConnectionContext =>
    withReason(context, context.serves === 'handler' ? 'handler.completed' : 'completed'),
  rememberRoute: ({ context, event }: Args): ConnectionContext => {
    if (event.type !== 'sniff.routed') return context;
    const next = copyOf(context);
    next.timeouts = event.timeouts;
    next.attemptsMax = event.attemptsMax;
    next.keepHalfOpen = event.keepHalfOpen;
    next.serves = event.serves;
    next.answerable = event.answerable;
    return next;
  },
  /** The deadlines of the route that was served last, or that the new tunnel belongs to, and the age they count from. */
  rememberTimeouts: ({ context, event }: Args): ConnectionContext => {
    if (!('timeouts' in event)) return context;
    const next = copyOf(context);
    next.timeouts = event.timeouts;
    next.ageMs = event.ageMs;
    if (event.type === 'connection.upgraded') next.pingMs = event.pingMs;
    return next;
  },
  rememberPreface: ({ context, event }: Args): ConnectionContext => {
    if (event.type !== 'preface.received' || event.answerable === context.answerable) return context;
    const next = copyOf(context);
    next.answerable = event.answerable;
    return next;
  },
  /** Between a client hello and the first byte inside, nothing can be written that the client would understand. */
  forgetPreface: ({ context }: Args): ConnectionContext => {
    if (!context.answerable) return context;
    const next = copyOf(context);
    next.answerable = false;
    return next;
  },
  countAttempt: ({ context }: Args): ConnectionContext => {
    const next = copyOf(context);
    next.attempt += 1;
    return next;
  },
  /** Nothing was dialled. */
  forgetAttempt: ({ context }: Args): ConnectionContext => {
    const next = copyOf(context);
    next.attempt -= 1;
    return next;
  },
  rememberQuiet: ({ context, event }: Args): ConnectionContext =>
    event.type === 'bytes.flowed' ? withQuiet(context, event.quietMs) : context,
  /** No byte has come until the ping was due; that is how long it has been quiet, and our own ping does not change it. */
  countQuiet: ({ context }: Args): ConnectionContext => {
    const quietMs = nextPingMs(context);
    return withQuiet(context, quietMs, quietMs);
  },
  forgetQuiet: ({ context }: Args): ConnectionContext => withQuiet(context, 0),
  rememberAge: ({ context, event }: Args): ConnectionContext => {
    if (!('ageMs' in event)) return context;
    const next = copyOf(context);
    next.ageMs = event.ageMs;
    return next;
  },
  /** No fact tells the age when a wait has lasted as long as it may; but how long that was is known. */
  countWait: ({ context }: Args): ConnectionContext => {
    const next = copyOf(context);
    next.ageMs += context.timeouts.keepAlive ?? 0;
    return next;
  },
} as const;

export const guards = {
  expectsProxyHeader: ({ context }: Args): boolean => context.expectsProxyHeader,
  servesHttp: ({ event }: Args): boolean => event.type === 'sniff.routed' && event.serves === 'http',
  /** True exactly when the connection has a place in its route's queue. */
  mustWait: ({ event }: Args): boolean => event.type === 'sniff.routed' && event.waits,
  servesHandler: ({ event }: Args): boolean => event.type === 'sniff.routed' && event.serves === 'handler',
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
