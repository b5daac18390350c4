/**
 * How an exchange's chart remembers, and what its guards ask. Pure; a context is never changed in place.
 *
 * Read first: `context.ts` and `machine.ts`.
 */
import type { ChartArgs } from '../chart/registries.ts';
import type { CloseReason } from '../connection/close-reason.ts';
import type { ExchangeContext } from './context.ts';
import type { ExchangeFact } from './events.ts';

type Args = ChartArgs<ExchangeContext, ExchangeFact>;

/** Written out so that every context has the one shape that `initialContext` gave the first: a spread would give it another. */
function copyOf(context: ExchangeContext): { -readonly [Key in keyof ExchangeContext]: ExchangeContext[Key] } {
  return {
    timeouts: context.timeouts,
    isRequestOver: context.isRequestOver,
    expectsContinue: context.expectsContinue,
    attempt: context.attempt,
    attemptsMax: context.attemptsMax,
    retries: context.retries,
    isInformed: context.isInformed,
    quietMs: context.quietMs,
    reason: context.reason,
  };
}

function withReason(context: ExchangeContext, reason: CloseReason): ExchangeContext {
  if (context.reason !== null) return context;
  const next = copyOf(context);
  next.reason = reason;
  return next;
}

function withQuiet(context: ExchangeContext, quietMs: number): ExchangeContext {
  if (context.quietMs === quietMs) return context;
  const next = copyOf(context);
  next.quietMs = quietMs;
  return next;
}

export const updates = {
  /** The reason is written beside the edge. */
  recordReason: ({ context }: Args, params: { readonly reason: CloseReason }): ExchangeContext =>
    withReason(context, params.reason),
  /** The reason came with the fact. */
  recordGivenReason: ({ context, event }: Args): ExchangeContext =>
    withReason(context, 'reason' in event ? event.reason : 'internal.invariant'),
  rememberHead: ({ context, event }: Args): ExchangeContext => {
    if (event.type !== 'head.received') return context;
    const next = copyOf(context);
    next.isRequestOver = !event.hasBody;
    next.expectsContinue = event.expectsContinue;
    return next;
  },
  rememberRoute: ({ context, event }: Args): ExchangeContext => {
    if (event.type !== 'exchange.routed') return context;
    const next = copyOf(context);
    next.timeouts = event.timeouts;
    next.attemptsMax = event.attemptsMax;
    return next;
  },
  /** The route whose answer, or whose refusal, this is. */
  rememberAnswer: ({ context, event }: Args): ExchangeContext => {
    if (event.type !== 'exchange.answered') return context;
    const next = copyOf(context);
    next.timeouts = event.timeouts;
    next.reason ??= event.reason;
    return next;
  },
  rememberRequestEnd: ({ context }: Args): ExchangeContext => {
    if (context.isRequestOver) return context;
    const next = copyOf(context);
    next.isRequestOver = true;
    next.expectsContinue = false;
    return next;
  },
  /** Whoever has begun to send does not wait for leave again, whatever becomes of the upstream. */
  rememberContinued: ({ context }: Args): ExchangeContext => {
    if (!context.expectsContinue) return context;
    const next = copyOf(context);
    next.expectsContinue = false;
    return next;
  },
  countAttempt: ({ context }: Args): ExchangeContext => {
    const next = copyOf(context);
    next.attempt += 1;
    return next;
  },
  /** The same endpoint again, on a connection that nobody used before: no new attempt. */
  countRetry: ({ context }: Args): ExchangeContext => {
    const next = copyOf(context);
    next.retries += 1;
    next.attempt -= 1;
    return next;
  },
  rememberQuiet: ({ context, event }: Args): ExchangeContext =>
    event.type === 'bytes.flowed' ? withQuiet(context, event.quietMs) : context,
  rememberInformed: ({ context }: Args): ExchangeContext => {
    if (context.isInformed) return context;
    const next = copyOf(context);
    next.isInformed = true;
    return next;
  },
  forgetQuiet: ({ context }: Args): ExchangeContext => withQuiet(context, 0),
} as const;

export const guards = {
  /** True exactly when the request is complete. */
  isRequestOver: ({ context }: Args): boolean => context.isRequestOver,
  /** True exactly when the client waits for leave to send its body. */
  expectsContinue: ({ context }: Args): boolean => context.expectsContinue,
  /** True exactly when another attempt is allowed. */
  hasAttemptsLeft: ({ context }: Args): boolean => context.attempt < context.attemptsMax,
  /** True exactly when the failed attempt may be followed by another. */
  mayTryAgain: ({ context, event }: Args): boolean =>
    event.type === 'dial.failed' && event.retryable && context.attempt < context.attemptsMax,
  /** True exactly when the request may be sent once more, on a fresh connection. */
  mayRetry: ({ context, event }: Args): boolean =>
    event.type === 'upstream.failed' && event.retryable && context.retries === 0 && !context.isInformed,
  /** True exactly when the client has leave to send its body. */
  isContinue: ({ event }: Args): boolean => event.type === 'response.informed' && event.isContinue,
  /** True exactly when the connection itself becomes the tunnel. */
  isHandedOver: ({ event }: Args): boolean => event.type === 'upgrade.accepted' && event.isHandedOver,
  /** True exactly when the route spells out `idle: infinite`. */
  isIdleUnbounded: ({ context }: Args): boolean => context.timeouts.idle === null,
} as const;
