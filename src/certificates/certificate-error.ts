/**
 * What is wrong with certificates: one sentence and a stable code each, and the one error that carries them all.
 *
 * Must never do: show a key, a passphrase or any other line of a file. Read first: `../errors.ts`.
 */
import { ProxyError, type ErrorCode } from '../errors.ts';

export type CertificateErrorCode = Extract<ErrorCode, `SALLYPORT_CERTIFICATE_${string}`>;

/** One certificate that cannot be used. */
export class CertificateError extends ProxyError {
  declare readonly code: CertificateErrorCode;

  constructor(code: CertificateErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(code, message, options);
    this.name = 'CertificateError';
  }
}

export interface CertificateProblem {
  /** `routes[0].tls`, with the file's position where there is one. */
  readonly configPath: string;
  readonly code: CertificateErrorCode;
  /** One sentence, lower case, without a full stop. */
  readonly message: string;
}

/** Thrown once, with everything that is wrong. */
export class CertificatesError extends ProxyError {
  readonly problems: readonly CertificateProblem[];

  constructor(problems: readonly CertificateProblem[]) {
    const count = problems.length === 1 ? '1 certificate' : `${problems.length} certificates`;
    const lines = problems.map(({ configPath, message }) => `${configPath}: ${message}`);
    super('SALLYPORT_CERTIFICATES', [`${count} cannot be used`, ...lines].join('\n'));
    this.name = 'CertificatesError';
    this.problems = problems;
  }
}
