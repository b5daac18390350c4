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
  /** Whoever was asked for a certificate had not answered when the wait was over. */
  awaitedInVain(serverName: string | null): void;
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
  #ticket: Ticket | null = null;

  constructor(leg: Leg, ports: TerminationPorts, owner: TerminationOwner) {
    this.#leg = leg;
    this.#ports = ports;
    this.#owner = owner;
  }

  start(order: TerminationOrder): void {
    if (order.kind === 'validation') {
      const context = this.#ports.challengeContextFor(order.material);
      return this.#leg.secure({ role: 'server', context, alpn: [challengeAlpn], clientAuth: 'none' });
    }
    try {
      const found = this.#ports.identities.identityFor(order.plan, order.serverName);
      if (!(found instanceof Promise)) return this.found(order, found);
      this.#ticket = { holder: this, serverName: order.serverName };
      return awaitIdentity(found, order, this.#ticket);
    } catch (error) {
      return this.failed(error);
    }
  }

  /** True exactly while somebody is asked for a certificate. */
  get isAwaiting(): boolean {
    return this.#ticket !== null;
  }

  /** Whoever is asked may take minutes, and is not to keep anything of the connection meanwhile. */
  stop(): void {
    const ticket = this.#ticket;
    if (ticket === null) return;
    this.#drop(ticket);
    this.#owner.awaitedInVain(ticket.serverName);
  }

  #drop(ticket: Ticket): void {
    ticket.holder = null;
    this.#ticket = null;
  }

  /** @internal */
  found({ plan, alpn, serverName }: ClientOrder, material: CertificateMaterial | null): void {
    if (this.#ticket !== null) this.#drop(this.#ticket);
    if (material === null) return this.#owner.unidentified(serverName);
    const context = this.#ports.contextFor(plan, material);
    this.#owner.identified(material);
    this.#leg.secure({ role: 'server', context, alpn, clientAuth: clientAuthOf(plan) });
  }

  /** @internal */
  failed(error: unknown): void {
    if (this.#ticket !== null) this.#drop(this.#ticket);
    this.#owner.identityFailed(error);
  }
}

/** All that an answer under way knows of who asked. */
interface Ticket {
  holder: Termination | null;
  readonly serverName: string | null;
}

/** Apart from the class, so that its functions keep the ticket and nothing else. */
function awaitIdentity(found: Promise<CertificateMaterial | null>, order: ClientOrder, ticket: Ticket): void {
  const failed = (error: unknown) => ticket.holder?.failed(error);
  found.then((material) => answer(ticket, order, material), failed);
}

/** What is thrown while the handshake is begun is a failure, too, of whoever asked then. */
function answer(ticket: Ticket, order: ClientOrder, material: CertificateMaterial | null): void {
  const { holder } = ticket;
  try {
    holder?.found(order, material);
  } catch (error) {
    holder?.failed(error);
  }
}

type ClientOrder = Extract<TerminationOrder, { kind: 'client' }>;

function clientAuthOf({ clientAuth }: TlsPlan): 'none' | 'ask' | 'require' {
  if (clientAuth === null) return 'none';
  return clientAuth.require ? 'require' : 'ask';
}
