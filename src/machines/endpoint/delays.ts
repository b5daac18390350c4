/**
 * Every deadline of an endpoint's chart, from its pool's policy. Null = it is not armed: the policy does without it.
 *
 * Must never do: read anything but the context. Read first: `context.ts`.
 */
import { ejectionMs, type EndpointContext } from './context.ts';

export const delays = {
  interval: ({ policy }: EndpointContext) => policy.checks?.intervalMs ?? null,
  check: ({ policy }: EndpointContext) => policy.checks?.timeoutMs ?? null,
  slowStart: ({ policy }: EndpointContext) => policy.slowStartMs,
  ejection: (context: EndpointContext) => ejectionMs(context),
  forget: (context: EndpointContext) => ejectionMs(context),
  trial: ({ policy }: EndpointContext) => policy.trialMs,
  drain: ({ policy }: EndpointContext) => policy.drainMs,
} as const;

/** Words for the documentation: what every deadline's length is. */
export const endpointDeadlineWords: Readonly<Record<keyof typeof delays, string>> = {
  interval: '`health.interval`, to the next check; not armed where there are no checks',
  check: '`health.timeout`',
  slowStart: '`slowStart`',
  ejection: '`breaker.openFor`, doubled by each ejection in a row',
  forget: 'as long as the last ejection was, to count the next one as the first; not armed where there was none',
  trial: 'the budget of a dial',
  drain: '`drain`',
};
