/**
 * The delays of an exchange's chart, out of the deadlines that its route resolved to.
 *
 * Decides: which deadline holds which state. Must never do: read a clock.
 * Read first: `../connection/delays.ts`, which has every deadline with its default and its reason.
 */
import { backoffMs, livenessMs, remaining } from '../connection/delays.ts';
import type { ExchangeContext } from './context.ts';

export const delays = {
  requestHead: (context: ExchangeContext) => context.timeouts.requestHead,
  /** Routing and authentication together: as for a connection, the time to find out where to go. */
  sniff: (context: ExchangeContext) => context.timeouts.sniff,
  queue: (context: ExchangeContext) => context.timeouts.queue,
  dial: (context: ExchangeContext) => context.timeouts.dial,
  dialBudget: (context: ExchangeContext) => context.timeouts.dialBudget,
  backoff: (context: ExchangeContext) => backoffMs(context.timeouts.backoff, context.attempt),
  requestBody: (context: ExchangeContext) => remaining(context.timeouts.requestBody, context.quietMs),
  response: (context: ExchangeContext) => remaining(context.timeouts.response, context.quietMs),
  /** For a tunnel inside a connection; where `idle` is infinite, the next look at both sides. */
  idle: (context: ExchangeContext) =>
    context.timeouts.idle === null ? livenessMs : remaining(context.timeouts.idle, context.quietMs),
  halfClosed: (context: ExchangeContext) => remaining(context.timeouts.halfClosed, context.quietMs),
  linger: (context: ExchangeContext) => context.timeouts.linger,
} as const;
