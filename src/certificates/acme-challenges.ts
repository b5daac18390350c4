/**
 * The answers to a CA's validations that are pending: tokens for HTTP-01, certificates for TLS-ALPN-01, records in the DNS.
 *
 * Decides: which kind of challenge proves a name. An answer is withdrawn when its order leaves CHALLENGING, whatever
 * happened. Must never do: answer a token that is not pending, or look at a token that no CA would make.
 * Read first: RFC 8555 §8, RFC 8737; `orders.ts`, which publishes and withdraws.
 */
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { AcmePlan } from '../routing/tls-plan.ts';
import type { AcmeAuthorization, AcmeChallenge } from './acme.ts';
import { acmeError } from './acme-error.ts';
import { acmeLibrary } from './acme-library.ts';
import { bounded } from './bounded.ts';
import { materialOf } from './orders-record.ts';
import type { SharedAnswers } from './shared-answers.ts';

/** One answer that can be seen. */
export interface PublishedChallenge {
  readonly name: string;
  readonly challenge: AcmeChallenge;
  withdraw(): Promise<void>;
}

export class ChallengeBook {
  readonly #clock: Clock;
  readonly #tokens = new Map<string, string>();
  readonly #certificates = new Map<string, CertificateMaterial>();
  /** DNS records that are to be seen now, each with the publication that wants it. */
  readonly #records = new Map<string, object>();

  readonly #shared: SharedAnswers | null;

  /** @param shared what other processes have, and are to know; null = there is nobody else. */
  constructor(clock: Clock, shared: SharedAnswers | null = null) {
    this.#clock = clock;
    this.#shared = shared;
  }

  /** True exactly while an authority may come: names are being proved, by this process or by another. */
  get isProving(): boolean {
    return this.pendingCount > 0 || this.#shared?.isPending === true;
  }

  /** Names that this process is proving now. */
  get pendingCount(): number {
    return this.#tokens.size + this.#certificates.size;
  }

  /** The body of the answer, or null; a token is base64url (RFC 8555 §8.1), so nothing else is looked up. */
  httpChallenge(token: string): string | null {
    if (!tokenPattern.test(token)) return null;
    return this.#tokens.get(token) ?? this.#shared?.httpChallenge(token) ?? null;
  }

  tlsChallenge(name: string): CertificateMaterial | null {
    const asked = name.toLowerCase();
    return this.#certificates.get(asked) ?? this.#shared?.tlsChallenge(asked) ?? null;
  }

  /**
   * Puts the answer where the CA will look.
   * @param turn how many attempts came before: another attempt tries another kind, where there is one
   * @param signal ends the wait for the embedder's DNS, and takes back what comes of it
   * @throws AcmeError `challenge` where no kind that both sides have is left, or the embedder's DNS failed
   */
  async publish(
    authorization: AcmeAuthorization,
    plan: AcmePlan,
    turn: number,
    signal: AbortSignal,
  ): Promise<PublishedChallenge> {
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
        return this.#publishDns(name, challenge, plan, signal);
    }
  }

  async #publishHttp(name: string, challenge: AcmeChallenge): Promise<PublishedChallenge> {
    if (!tokenPattern.test(challenge.token)) throw acmeError('answer', `${name}: the CA made a token that is none`);
    const { token, proof } = challenge;
    this.#tokens.set(token, proof);
    const answer = { kind: 'http', token, proof } as const;
    await this.#shared?.publish(answer);
    return {
      name,
      challenge,
      withdraw: async () => {
        this.#tokens.delete(token);
        await this.#shared?.withdraw(answer);
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
    const answer = { kind: 'tls', name, material } as const;
    await this.#shared?.publish(answer);
    return {
      name,
      challenge,
      withdraw: async () => {
        if (this.#certificates.get(name) !== material) return;
        this.#certificates.delete(name);
        await this.#shared?.withdraw(answer);
      },
    };
  }

  async #publishDns(
    name: string,
    challenge: AcmeChallenge,
    { dns }: AcmePlan,
    signal: AbortSignal,
  ): Promise<PublishedChallenge> {
    if (dns === null)
      throw acmeError('challenge', `${name}: dns-01 is configured without anything that publishes records`);
    const clock = this.#clock;
    const record = { name: `_acme-challenge.${name}`, value: challenge.proof };
    const key = `${record.name} ${record.value}`;
    const wanted = {};
    this.#records.set(key, wanted);
    const withdraw = (): Promise<void> => {
      if (this.#records.get(key) === wanted) this.#records.delete(key);
      return bounded(() => dns.withdraw(record), { clock, forMs: withdrawMs, signal: null, who: 'acme.dns.withdraw' });
    };
    const publishing = new Promise<void>((resolve) => resolve(dns.publish(record)));
    try {
      await bounded(() => publishing, { clock, forMs: null, signal, who: 'acme.dns.publish' });
    } catch (error) {
      // Half of it may be there; the rest may come when nobody waits any more, and a later attempt may want the same.
      const withdrawLate = () => (this.#records.has(key) ? undefined : dns.withdraw(record));
      if (signal.aborted) publishing.then(withdrawLate).catch(() => undefined);
      await withdraw().catch(() => undefined);
      const why = error instanceof Error ? error.message : String(error);
      throw acmeError('challenge', `${record.name}: the record was not published: ${why}`, error);
    }
    return { name, challenge, withdraw };
  }
}

/** So long a record's withdrawal is waited for, by `stop()` too; it may well go on. */
const withdrawMs = 5_000;

const tokenPattern = /^[A-Za-z0-9_-]{1,256}$/;
