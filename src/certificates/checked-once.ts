/**
 * What somebody gives as PEM, checked once for equal texts.
 *
 * Decides: that the same certificate and key, given for a thousand names, are one check and one material. A text that was
 * refused is refused again without another look. Must never do: keep more than a fixed number of texts' outcomes.
 * Read first: `material.ts`, the check.
 */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { ProvidedCertificate } from '../routing/tls-plan.ts';
import { CertificateError } from './certificate-error.ts';
import { materialFromPem } from './material.ts';

export class CheckedOnce {
  readonly #where: string;
  /** By digest of certificate and key. */
  readonly #outcomes: LRUCache<string, CertificateMaterial | CertificateError>;

  /** @param where what people call the place that it comes from */
  constructor(where: string, max: number) {
    this.#where = where;
    this.#outcomes = new LRUCache({ max });
  }

  /** @throws CertificateError */
  material(provided: ProvidedCertificate): CertificateMaterial {
    const digest = `${digestOf(provided.cert)} ${digestOf(provided.key)}`;
    const known = this.#outcomes.get(digest);
    const outcome = known ?? this.#check(provided);
    if (known === undefined) this.#outcomes.set(digest, outcome);
    if (outcome instanceof CertificateError) throw outcome;
    return outcome;
  }

  #check({ cert, key }: ProvidedCertificate): CertificateMaterial | CertificateError {
    const where = this.#where;
    try {
      // Its life is looked at where it is remembered; nobody hears warnings.
      return materialFromPem({ cert: { text: cert, where }, key: { text: key, where }, passphrase: null }, 0).material;
    } catch (error) {
      if (error instanceof CertificateError) return error;
      throw error;
    }
  }
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
