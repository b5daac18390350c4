/**
 * Terminating TLS for one client: finds the certificate, and begins the handshake on its leg.
 *
 * Decides nothing: which route terminates is the sniffer's matter, which certificate the identity source's, and how long
 * it may take the chart's `sniff`. Whatever settles after `stop` changes nothing.
 * Read first: `tls/identity.ts`, `leg.ts` law 11.
 */
import type { SecureContext } from 'node:tls';
import type { TlsPlan } from '../routing/tls-plan.ts';
import type { Leg } from './leg.ts';
import type { CertificateMaterial, IdentitySource } from './tls/identity.ts';

/** Certificates, and what a handshake is made with. */
export interface TerminationPorts {
  readonly identities: IdentitySource;
  contextFor(plan: TlsPlan, material: CertificateMaterial): SecureContext;
  /** For handshakes that answer a validation: with the defaults. */
  challengeContextFor(material: CertificateMaterial): SecureContext;
}

export interface TerminationOwner {
  /** The handshake has begun with that certificate. */
  identified(material: CertificateMaterial): void;
  /** Nobody has a certificate for the name. */
  unidentified(serverName: string | null): void;
  /** Whoever was asked for a certificate failed. */
  identityFailed(error: unknown): void;
}

/** What the client asked for, and how it is to be secured. */
export type TerminationOrder =
  | {
      readonly kind: 'client';
      readonly plan: TlsPlan;
      readonly serverName: string | null;
      readonly alpn: readonly string[];
    }
  /** A certificate authority validates a name by TLS-ALPN-01 (RFC 8737). */
  | { readonly kind: 'validation'; readonly serverName: string; readonly material: CertificateMaterial };

/** The one protocol of a TLS-ALPN-01 validation (RFC 8737 §6.2). */
export const challengeAlpn = 'acme-tls/1';

export class Termination {
  readonly #leg: Leg;
  readonly #ports: TerminationPorts;
  readonly #owner: TerminationOwner;
  #order: TerminationOrder | null = null;

  constructor(leg: Leg, ports: TerminationPorts, owner: TerminationOwner) {
    this.#leg = leg;
    this.#ports = ports;
    this.#owner = owner;
  }

  start(order: TerminationOrder): void {
    this.#order = order;
    if (order.kind === 'validation') {
      const context = this.#ports.challengeContextFor(order.material);
      return this.#leg.secure({ role: 'server', context, alpn: [challengeAlpn], clientAuth: 'none' });
    }
    const failed = (error: unknown): void => {
      if (this.#order === order) this.#owner.identityFailed(error);
    };
    try {
      const found = this.#ports.identities.identityFor(order.plan, order.serverName);
      if (found instanceof Promise) found.then((material) => this.#found(order, material)).catch(failed);
      else this.#found(order, found);
    } catch (error) {
      failed(error);
    }
  }

  stop(): void {
    this.#order = null;
  }

  #found(order: ClientOrder, material: CertificateMaterial | null): void {
    if (this.#order !== order) return;
    if (material === null) return this.#owner.unidentified(order.serverName);
    const { plan, alpn } = order;
    const context = this.#ports.contextFor(plan, material);
    this.#owner.identified(material);
    this.#leg.secure({ role: 'server', context, alpn, clientAuth: clientAuthOf(plan) });
  }
}

type ClientOrder = Extract<TerminationOrder, { kind: 'client' }>;

function clientAuthOf({ clientAuth }: TlsPlan): 'none' | 'ask' | 'require' {
  if (clientAuth === null) return 'none';
  return clientAuth.require ? 'require' : 'ask';
}
