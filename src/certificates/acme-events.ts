/**
 * What happens to certificates, as told to the embedder, the log and the metrics.
 *
 * Shapes only. Must never do: carry a key, a token, a proof.
 */
import type { AcmeProblem } from './acme-error.ts';

interface About {
  readonly names: readonly string[];
  readonly directoryUrl: string;
}

export type CertificateEvent =
  /** `isResumed`: the order is one of an earlier attempt or run. */
  | (About & { readonly event: 'certificate.ordering'; readonly isRenewal: boolean; readonly isResumed: boolean })
  | (About & { readonly event: 'certificate.challenging'; readonly challenges: readonly string[] })
  | (About & {
      readonly event: 'certificate.issued';
      readonly notAfterMs: number;
      /** SHA-256 of the leaf and its chain. */
      readonly id: string;
      /** False: it serves from memory, because it could not be written. */
      readonly isSaved: boolean;
    })
  /** One of an earlier run or of another process serves from now on. */
  | (About & { readonly event: 'certificate.found'; readonly notAfterMs: number; readonly id: string })
  | (About & { readonly event: 'certificate.renewing'; readonly notAfterMs: number })
  | (About & { readonly event: 'certificate.failed'; readonly state: string; readonly problem: AcmeProblem })
  | (About & { readonly event: 'certificate.backing-off'; readonly failures: number; readonly untilMs: number })
  /** Nobody is asked, or somebody said no. */
  | (About & {
      readonly event: 'certificate.ask-refused';
      readonly reason: 'no' | 'failed' | 'rate' | 'capacity' | 'name';
      /** Refusals for this reason since it was told last, this one included; where nobody is asked, not each is told. */
      readonly count: number;
    });

type WithoutAbout<Event> = Event extends CertificateEvent ? Omit<Event, keyof About> : never;

/** An event before it is said which names it is about. */
export type CertificateEventBody = WithoutAbout<CertificateEvent>;

/** One name set, for status pages and metrics. */
export interface CertificateStatus extends About {
  /** `VALID.SETTLED`, `MISSING.BACKING_OFF`; before the start `WAITING`. */
  readonly state: string;
  readonly isOnDemand: boolean;
  readonly notAfterMs: number | null;
  /** When something will be tried next, milliseconds since 1970; null = now, or not known. */
  readonly nextAttemptMs: number | null;
  readonly failures: number;
  readonly lastError: AcmeProblem | null;
}
