/**
 * What is told about certificates that nobody orders: the shapes of events, for logs and for people.
 *
 * Must never do: carry a key or a path's contents. Read first: `book.ts`.
 */
import type { CertificateErrorCode } from './certificate-error.ts';

export type CertificateEvent =
  /** It serves from now on; `isReplacement`: the files of another have changed. */
  | {
      readonly event: 'certificate.loaded';
      readonly configPath: string;
      readonly names: readonly string[];
      readonly notAfterMs: number;
      readonly isReplacement: boolean;
      /** Sentences. */
      readonly warnings: readonly string[];
    }
  /** It does not serve. */
  | {
      readonly event: 'certificate.rejected';
      readonly configPath: string;
      readonly code: CertificateErrorCode;
      readonly message: string;
      /** True exactly when what served before goes on; else whoever asks for it is refused. */
      readonly servesOn: boolean;
    }
  /** Told once, when its end is near; negative: it is over. */
  | {
      readonly event: 'certificate.expiring';
      readonly configPath: string;
      readonly names: readonly string[];
      readonly notAfterMs: number;
      readonly leftMs: number;
    };
