/**
 * Every deadline of a certificate's chart, with its length and why it is that long.
 *
 * Lengths that depend on what happened are computed from the context; the table has their bounds. Must never do: give a
 * delay that a timer cannot have: whatever is longer than an hour is waited for an hour at a time, which also bounds how
 * long a wall clock that jumped goes unnoticed. Read first: `context.ts`.
 */
import type { CertificateContext } from './context.ts';

const second = 1_000;
const minute = 60 * second;

/** The longest one timer runs, and the longest between two looks at the wall clock. */
export const hourMs = 60 * minute;

/** The fixed ones, milliseconds. */
export const certificateDeadlines = {
  /** One answer of the store: a lock, a certificate, a write. */
  storeAnswer: 10 * second,
  /** Account, order and authorizations: a handful of requests, each of which may have to be repeated for its nonce. */
  ordering: minute,
  /** Publishing and validation together; DNS takes minutes to be seen. */
  challenging: 10 * minute,
  /** From the request for the certificate until it is fetched; some CAs sign in batches. */
  finalising: 10 * minute,
  /** One request in a sequence of polls. */
  request: 30 * second,
  /** The CA's advice on renewal; without it, the certificate's own life decides. */
  advice: 30 * second,
  /** Answered within the command. */
  check: 10 * second,
} as const;

/** Words for the documentation: what every deadline's length is. */
export const certificateDeadlineWords: Readonly<Record<keyof typeof delays, string>> = {
  storeAnswer: '10 s',
  ordering: '1 min',
  challenging: '10 min',
  finalising: '10 min',
  request: '30 s',
  advice: '30 s',
  check: '10 s',
  poll: 'what the CA says, at most 1 min; else 1 s doubling to 10 s',
  lockRetry: '5 s to 10 s',
  recheck: 'until the renewal, at least 1 min, at most 1 h at a time',
  backOff:
    '1 min doubling to 1 h, or what the CA says if that is longer; where it could not be reached 5 s doubling to 1 h; and up to half of it more; 1 h at a time',
};

export const delays = {
  storeAnswer: () => certificateDeadlines.storeAnswer,
  ordering: () => certificateDeadlines.ordering,
  challenging: () => certificateDeadlines.challenging,
  finalising: () => certificateDeadlines.finalising,
  request: () => certificateDeadlines.request,
  advice: () => certificateDeadlines.advice,
  check: () => certificateDeadlines.check,
  poll: ({ pollMs }: CertificateContext) => pollMs,
  lockRetry: ({ lockRetryMs }: CertificateContext) => lockRetryMs,
  recheck: ({ renewMs }: CertificateContext) => Math.min(renewMs, hourMs),
  backOff: ({ waitMs }: CertificateContext) => Math.min(waitMs, hourMs),
} as const;
