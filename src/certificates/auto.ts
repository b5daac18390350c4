/**
 * The port between the book of certificates and what orders them from a CA.
 *
 * Decides nothing: shapes only. Read first: `book.ts`, which asks; `../routing/tls-plan.ts`.
 */
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { TlsPlan } from '../routing/tls-plan.ts';

export interface AutoCertificates {
  /**
   * @param name in lower case, without a final dot; null = the client sent none: the plan's own first
   * @returns null: there is none (yet)
   */
  materialFor(plan: TlsPlan, name: string | null): CertificateMaterial | null | Promise<CertificateMaterial | null>;
  httpChallenge(token: string): string | null;
  tlsChallenge(name: string): CertificateMaterial | null;
  /** True exactly while a name is being proved, here or by another process with the same store. */
  isProving(): boolean;
}
