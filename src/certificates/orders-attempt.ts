/**
 * What one attempt at a certificate has in its hands: the order at the CA, the key, the answers that are published.
 *
 * Decides: that an order of an earlier attempt is gone on with where the CA still knows it, and forgotten where it does
 * not; the key is in the store before the CA hears of the order, so that a crash costs no second one.
 * Must never do: wait or poll. Read first: `orders.ts`, which calls one of these at a time.
 */
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { CertificateFact } from '../machines/certificate/events.ts';
import type { AcmePlan } from '../routing/tls-plan.ts';
import type { PutOptions, Store } from '../store/store.ts';
import type { AcmeAuthority, AcmeAuthorization, AcmeOrder } from './acme.ts';
import type { ChallengeBook, PublishedChallenge } from './acme-challenges.ts';
import { acmeError, AcmeError, type AcmeProblem } from './acme-error.ts';
import { acmeLibrary } from './acme-library.ts';
import { renewalId } from './acme-renewal.ts';
import {
  isFor,
  materialOf,
  places,
  readOrder,
  writtenCertificate,
  writtenOrder,
  type NameSet,
} from './orders-record.ts';

export interface AttemptPorts {
  readonly store: Store;
  readonly challenges: ChallengeBook;
  plan(): AcmePlan;
  authority(): Promise<AcmeAuthority>;
}

type Fenced = Pick<PutOptions, 'fence'>;

export class OrderAttempt {
  readonly #set: NameSet;
  readonly #ports: AttemptPorts;
  #order: AcmeOrder | null = null;
  /** PEM; of the certificate to come. */
  #key: string | null = null;
  #published: PublishedChallenge[] = [];

  constructor(set: NameSet, ports: AttemptPorts) {
    this.#set = set;
    this.#ports = ports;
  }

  /** @param opened told once it is known whether the order is an earlier one */
  async open(
    serving: CertificateMaterial | null,
    fenced: Fenced,
    signal: AbortSignal,
    opened: (isResumed: boolean) => void,
  ): Promise<CertificateFact> {
    const authority = await this.#ports.authority();
    const resumed = await this.#resume(authority, signal);
    if (resumed !== null) {
      opened(true);
      return this.#factOf(resumed);
    }
    opened(false);
    const { crypto } = await acmeLibrary();
    const key = (await crypto.createPrivateEcdsaKey('P-256')).toString();
    const replaces = serving === null ? null : renewalId(serving.cert);
    const order = await authority.newOrder(this.#set.names, replaces, signal);
    this.#order = order;
    this.#key = key;
    await this.#ports.store.put(places.order(this.#set), writtenOrder({ url: order.url, key }), {
      isSecret: true,
      ...fenced,
    });
    return this.#factOf(order);
  }

  /** Puts an answer for every name that is not proved yet; answers which kinds they are. */
  async publish(turn: number, signal: AbortSignal): Promise<readonly string[]> {
    const authority = await this.#ports.authority();
    for (const url of this.#known().order.authorizations) {
      const authorization = await authority.authorization(url, signal);
      if (authorization.status === 'valid') continue;
      if (authorization.status !== 'pending') throw refusedName(authorization);
      const published = await this.#ports.challenges.publish(authorization, this.#ports.plan(), turn, signal);
      if (signal.aborted) {
        await published.withdraw();
        signal.throwIfAborted();
      }
      this.#published.push(published);
    }
    return this.#published.map(({ name, challenge }) => `${challenge.type} ${name}`);
  }

  /** The CA may look at all of them. */
  async ready(signal: AbortSignal): Promise<void> {
    const authority = await this.#ports.authority();
    for (const { challenge } of this.#published) await authority.challengeReady(challenge, signal);
  }

  /** Every answer is taken back, whatever becomes of the others. */
  async withdraw(): Promise<void> {
    const published = this.#published;
    this.#published = [];
    await Promise.allSettled(published.map((one) => one.withdraw()));
  }

  async ask(signal: AbortSignal): Promise<CertificateFact> {
    const authority = await this.#ports.authority();
    this.#order = await authority.order(this.#known().order.url, signal);
    if (this.#order.status === 'invalid') throw await this.#refused(authority, this.#order, signal);
    return this.#factOf(this.#order, 'order.pending');
  }

  async finalise(signal: AbortSignal): Promise<CertificateFact> {
    const authority = await this.#ports.authority();
    const { order, key } = this.#known();
    const { crypto } = await acmeLibrary();
    const [, csr] = await crypto.createCsr({ altNames: [...this.#set.names] }, key);
    this.#order = await authority.finalise(order, csr.toString(), signal);
    if (this.#order.status === 'invalid') throw await this.#refused(authority, this.#order, signal);
    return this.#factOf(this.#order, 'order.pending');
  }

  /** The certificate, if it is what was ordered. */
  async fetch(signal: AbortSignal): Promise<CertificateMaterial> {
    const authority = await this.#ports.authority();
    const { order, key } = this.#known();
    const material = materialOf(await authority.certificate(order, signal), key);
    if (isFor(material, this.#set)) return material;
    await this.#forget();
    throw acmeError('certificate', `the CA’s certificate is for ${material.names.join(', ')}`);
  }

  /** Certificate and key as one value; then the order is over. */
  async save(material: CertificateMaterial, fenced: Fenced): Promise<void> {
    const bytes = writtenCertificate(material, this.#set);
    await this.#ports.store.put(places.certificate(this.#set), bytes, { isSecret: true, ...fenced });
    await this.#forget();
    await this.#ports.store.delete(places.failure(this.#set)).catch(() => false);
  }

  /** The order of an earlier attempt or run, if the CA still knows it and it can still be fulfilled. */
  async #resume(authority: AcmeAuthority, signal: AbortSignal): Promise<AcmeOrder | null> {
    const held = this.#order === null || this.#key === null ? null : { url: this.#order.url, key: this.#key };
    const kept = held ?? readOrder((await this.#ports.store.get(places.order(this.#set)))?.bytes);
    if (kept === null) return null;
    try {
      const order = await authority.order(kept.url, signal);
      if (order.status !== 'invalid') {
        this.#order = order;
        this.#key = kept.key;
        return order;
      }
    } catch (error) {
      const isUnknown = error instanceof AcmeError && [400, 401, 403, 404, 405, 410].includes(error.status ?? 0);
      if (!isUnknown) throw error;
    }
    await this.#forget();
    return null;
  }

  async #forget(): Promise<void> {
    this.#order = null;
    this.#key = null;
    await this.#ports.store.delete(places.order(this.#set)).catch(() => false);
  }

  /** @param pending what an order is that is pending: open, where its names are yet to be proved; else not done */
  #factOf(
    { status, retryAfterMs }: AcmeOrder,
    pending: 'order.opened' | 'order.pending' = 'order.opened',
  ): CertificateFact {
    switch (status) {
      case 'pending':
        return pending === 'order.opened' ? { type: 'order.opened' } : { type: 'order.pending', afterMs: retryAfterMs };
      case 'ready':
        return { type: 'order.ready' };
      case 'processing':
        return { type: 'order.pending', afterMs: retryAfterMs };
      case 'valid':
        return { type: 'order.issued' };
      default:
        throw acmeError('answer', `the CA answers a new order that is ${status}`);
    }
  }

  /** Why an order is invalid: in the words of the name that failed, which the order itself may not have. */
  async #refused(authority: AcmeAuthority, order: AcmeOrder, signal: AbortSignal): Promise<AcmeError> {
    await this.#forget();
    for (const url of order.authorizations) {
      const authorization = await authority.authorization(url, signal);
      if (authorization.status === 'invalid' || authorization.error !== null) return refusedName(authorization);
    }
    return order.error === null
      ? acmeError('answer', 'the order became invalid without a reason')
      : new AcmeError(order.error);
  }

  #known(): { readonly order: AcmeOrder; readonly key: string } {
    if (this.#order === null || this.#key === null) throw acmeError('answer', 'there is no order');
    return { order: this.#order, key: this.#key };
  }
}

/** What the chart hears of a step that failed. */
export function factOf(command: string, { type, retryAfterMs }: AcmeProblem): CertificateFact {
  const isUnsent = command === 'openOrder' && type === 'unreachable';
  return isUnsent ? { type: 'authority.unreached' } : { type: 'attempt.failed', afterMs: retryAfterMs };
}

function refusedName({ name, status, error }: AcmeAuthorization): AcmeError {
  if (error === null) return acmeError('challenge', `${name}: the authorization is ${status}`);
  return new AcmeError({ ...error, detail: `${name}: ${error.detail}` });
}
