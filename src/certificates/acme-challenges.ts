/**
 * The answers to a CA's validations that are pending: tokens for HTTP-01, certificates for TLS-ALPN-01, records in the DNS.
 *
 * Decides: which kind of challenge proves a name. An answer is withdrawn when its order leaves CHALLENGING, whatever
 * happened. Must never do: answer a token that is not pending, or look at a token that no CA would make.
 * Read first: RFC 8555 §8, RFC 8737; `orders.ts`, which publishes and withdraws.
 */
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { AcmePlan } from '../routing/tls-plan.ts';
import type { AcmeAuthorization, AcmeChallenge } from './acme.ts';
import { acmeError } from './acme-error.ts';
import { acmeLibrary } from './acme-library.ts';
import { materialOf } from './orders-record.ts';

/** One answer that can be seen. */
export interface PublishedChallenge {
  readonly name: string;
  readonly challenge: AcmeChallenge;
  withdraw(): Promise<void>;
}

export class ChallengeBook {
  readonly #tokens = new Map<string, string>();
  readonly #certificates = new Map<string, CertificateMaterial>();

  /** Names that are being proved now. */
  get pendingCount(): number {
    return this.#tokens.size + this.#certificates.size;
  }

  /** The body of the answer, or null; a token is base64url (RFC 8555 §8.1), so nothing else is looked up. */
  httpChallenge(token: string): string | null {
    return tokenPattern.test(token) ? (this.#tokens.get(token) ?? null) : null;
  }

  tlsChallenge(name: string): CertificateMaterial | null {
    return this.#certificates.get(name.toLowerCase()) ?? null;
  }

  /**
   * Puts the answer where the CA will look.
   * @param turn how many attempts came before: another attempt tries another kind, where there is one
   * @throws AcmeError `challenge` where no kind that both sides have is left, or the embedder's DNS failed
   */
  async publish(authorization: AcmeAuthorization, plan: AcmePlan, turn: number): Promise<PublishedChallenge> {
    const { name, challenges } = authorization;
    const usable = plan.challenges.flatMap((type) => challenges.find((one) => one.type === type) ?? []);
    const challenge = usable[turn % Math.max(1, usable.length)];
    if (challenge === undefined) {
      const offered = challenges.map(({ type }) => type).join(', ') || 'nothing that is known here';
      throw acmeError('challenge', `${name}: the CA offers ${offered}; configured is ${plan.challenges.join(', ')}`);
    }
    switch (challenge.type) {
      case 'http-01':
        return this.#publishHttp(name, challenge);
      case 'tls-alpn-01':
        return this.#publishTls(name, challenge);
      default:
        return publishDns(name, challenge, plan);
    }
  }

  #publishHttp(name: string, challenge: AcmeChallenge): PublishedChallenge {
    if (!tokenPattern.test(challenge.token)) throw acmeError('answer', `${name}: the CA made a token that is none`);
    this.#tokens.set(challenge.token, challenge.proof);
    return {
      name,
      challenge,
      withdraw: () => {
        this.#tokens.delete(challenge.token);
        return Promise.resolve();
      },
    };
  }

  async #publishTls(name: string, challenge: AcmeChallenge): Promise<PublishedChallenge> {
    const { crypto } = await acmeLibrary();
    const key = await crypto.createPrivateEcdsaKey('P-256');
    const authorization = {
      url: '',
      identifier: { type: 'dns', value: name },
      status: 'pending' as const,
      challenges: [],
    };
    const [, cert] = await crypto.createAlpnCertificate(authorization, challenge.proof, key);
    const material = materialOf(cert.toString(), key.toString());
    this.#certificates.set(name, material);
    return {
      name,
      challenge,
      withdraw: () => {
        if (this.#certificates.get(name) === material) this.#certificates.delete(name);
        return Promise.resolve();
      },
    };
  }
}

const tokenPattern = /^[A-Za-z0-9_-]{1,256}$/;

async function publishDns(name: string, challenge: AcmeChallenge, { dns }: AcmePlan): Promise<PublishedChallenge> {
  if (dns === null)
    throw acmeError('challenge', `${name}: dns-01 is configured without anything that publishes records`);
  const record = { name: `_acme-challenge.${name}`, value: challenge.proof };
  try {
    await dns.publish(record);
  } catch (error) {
    // Half of it may be there.
    await dns.withdraw(record).catch(() => undefined);
    const why = error instanceof Error ? error.message : String(error);
    throw acmeError('challenge', `${record.name}: the record was not published: ${why}`, error);
  }
  return { name, challenge, withdraw: () => dns.withdraw(record) };
}
