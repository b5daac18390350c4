/**
 * The beginning of one connection, until it is known who it is for: bytes are looked at, TLS is terminated where a route
 * wants that, and then what is inside is looked at in the same way.
 *
 * Decides nothing: what is seen is the sniffer's matter, what becomes of it the chart's. Must never do: consume a byte that
 * is not the handshake's, or own a timer.
 * Read first: `sniffer.ts`, `termination.ts`.
 */
import type { RoutePlan } from '../routing/plan.ts';
import type { Client } from '../routing/route-table.ts';
import { isAnswerable, routedFact } from './connection-facts.ts';
import type { ProxyHeader } from '../protocols/proxy-protocol/header.ts';
import { ProxyHeaderReading, type HeaderOwner } from './proxy-header-reading.ts';
import type { Address } from './leg.ts';
import type { Placing } from './placement.ts';
import { Peeking, type PeekOwner } from './peeking.ts';
import type { Sighting, SniffOutcome } from './sniffer.ts';
import { Termination, challengeAlpn, type TerminationOrder, type TerminationPorts } from './termination.ts';
import type { CertificateMaterial, Secured } from './tls/identity.ts';
import { securedClient, type SecuredClient } from './tls/secured-client.ts';

/** The connection, as its greeting knows it. */
export interface GreetingOwner extends HeaderOwner {
  readonly client: Address;
  route: RoutePlan | null;
  ageMs(): number;
  /** Who is asked for a place on the route that was chosen. */
  readonly placement: { on(route: RoutePlan): Placing };
  /** Who is told where the upstreams are; answers how many attempts at them are worth while. */
  readonly dialling: { prepare(route: RoutePlan): number };
  /** A callback of the embedding program's is at fault. */
  failed(error: unknown): void;
}

export class Greeting implements PeekOwner {
  /** What was learnt of the client so far; inside TLS, of what is inside. */
  sighting: Sighting | null = null;
  /** The host that was asked for in clear text where TLS ends for it; '' where it is not known. Null: nothing of the kind. */
  meantTls: string | null = null;
  /** Null until a handshake is done. */
  tls: SecuredClient | null = null;
  readonly #owner: GreetingOwner;
  readonly #ports: TerminationPorts | null;
  /** Null until it is known who the client is. */
  #peeking: Peeking | null = null;
  /** Null where none is expected. */
  #headerReading: ProxyHeaderReading | null = null;
  #hasEnded = false;
  #termination: Termination | null = null;
  #order: TerminationOrder | null = null;
  /** The route that terminates, for the sake of a record that has no other. */
  #terminating: RoutePlan | null = null;
  #material: CertificateMaterial | null = null;

  /** @param ports null where nothing is terminated. */
  constructor(owner: GreetingOwner, ports: TerminationPorts | null) {
    this.#owner = owner;
    this.#ports = ports;
  }

  /** The PROXY header that was read and believed. */
  get proxied(): ProxyHeader | null {
    return this.#headerReading?.header ?? null;
  }

  readProxyHeader(): void {
    this.#headerReading = new ProxyHeaderReading(this.#owner);
    this.#headerReading.start(this.#hasEnded);
  }

  peek(): void {
    this.#peeking ??= new Peeking(this.#owner.downstream, this.#owner.listener.sniffer, this.#client(), this);
    this.#peeking.start(this.#hasEnded);
  }

  /** Also the end of whatever was asked for a certificate. */
  stop(): void {
    this.#headerReading?.stop();
    this.#peeking?.stop();
    this.#termination?.stop();
  }

  serverFirst(): void {
    if (this.#peeking !== null) this.concluded(this.#peeking.sniffer.serverFirst(this.#client()));
  }

  /** Begins the handshake that the last conclusion asked for. */
  secure(): void {
    if (this.#order === null || this.#ports === null) return;
    this.#termination = new Termination(this.#owner.downstream, this.#ports, this);
    this.#termination.start(this.#order);
    if (this.#hasEnded && this.#termination.isAwaiting) this.#leftWaiting();
  }

  /** Bytes have arrived. */
  held(): void {
    if (this.#peeking === null) this.#headerReading?.look(this.#hasEnded);
    else this.#peeking.look();
  }

  /** FIN has arrived, behind every byte that is held. */
  ended(): void {
    this.#hasEnded = true;
    if (this.#termination?.isAwaiting === true) this.#leftWaiting();
    else if (this.#peeking === null) this.#headerReading?.look(true);
    else this.#peeking.ended();
  }

  secured(by: Secured): void {
    if (this.#order?.kind === 'validation') return this.#validated(this.#order.serverName);
    if (this.#order === null || this.#material === null) return;
    this.tls = securedClient(by, this.#order.plan.policy, this.#order.serverName, this.#material);
    const { sniffer } = this.#owner.listener;
    this.#peeking = new Peeking(this.#owner.downstream, sniffer.inside ?? sniffer, this.#client(), this);
    return this.#owner.hear({ type: 'tls.secured' });
  }

  concluded(outcome: SniffOutcome): void {
    if (this.#isChallenged(outcome)) return;
    switch (outcome.kind) {
      case 'waiting':
        if (outcome.suspected !== null) this.sighting = { protocol: outcome.suspected, preface: null };
        return this.#owner.hear({ type: 'preface.received', answerable: outcome.answerable });
      case 'refused':
        this.#owner.route = outcome.route;
        this.sighting = outcome.sighting;
        this.meantTls = outcome.meantTls;
        this.#owner.explainBy(outcome.detail);
        return this.#owner.hear({
          type: 'sniff.failed',
          reason: outcome.reason,
          answerable: isAnswerable(outcome.route, outcome.sighting),
        });
      case 'terminating': {
        const { plan, alpn, sighting } = outcome;
        this.#terminating = outcome.route;
        return this.#terminate({ kind: 'client', plan, alpn, serverName: serverNameOf(sighting) }, sighting);
      }
      case 'routed':
        return this.#routed(outcome.route, outcome.sighting);
      case 'served':
        return this.#routed(null, outcome.sighting);
      case 'validating':
        if (!this.#knows(outcome.token)) return this.concluded(outcome.otherwise);
        this.#owner.explainBy('a validation by HTTP-01');
        return this.#routed(null, { protocol: 'http', preface: null });
    }
  }

  detectorFailed(error: unknown): void {
    this.#owner.failed(error);
    this.#owner.hear({ type: 'sniff.failed', reason: 'handler.failed', answerable: false });
  }

  identified(material: CertificateMaterial): void {
    this.#material = material;
  }

  unidentified(serverName: string | null): void {
    this.#owner.route = this.#terminating;
    this.#owner.explainBy(
      serverName === null ? 'the client named no host' : `there is no certificate for ${serverName}`,
    );
    this.#owner.hear({ type: 'sniff.failed', reason: 'refused.route', answerable: true });
  }

  awaitedInVain(serverName: string | null): void {
    this.#owner.explainBy(`the certificate for ${serverName ?? 'clients that name no host'} was still awaited`);
  }

  identityFailed(error: unknown): void {
    this.#owner.route = this.#terminating;
    this.#owner.failed(error);
    this.#owner.hear({ type: 'sniff.failed', reason: 'handler.failed', answerable: true });
  }

  /** A certificate authority that validates a name is answered whatever the routes of the listener say. */
  #isChallenged(outcome: SniffOutcome): boolean {
    if (this.#ports === null || this.tls !== null || !('sighting' in outcome)) return false;
    const { sighting } = outcome;
    const serverName = serverNameOf(sighting);
    const isAsked = sighting.protocol === 'tls' && sighting.preface?.alpn.includes(challengeAlpn) === true;
    if (!isAsked || serverName === null) return false;
    const material = this.#ports.identities.tlsChallenge(serverName);
    if (material !== null) this.#terminate({ kind: 'validation', serverName, material }, sighting);
    return material !== null;
  }

  /** True exactly when an authority is about to ask for the answer to that token. */
  #knows(token: string): boolean {
    return (this.#ports?.identities.httpChallenge(token) ?? null) !== null;
  }

  /** Without the client's half no handshake can be finished, so nobody waits for the certificate any more. */
  #leftWaiting(): void {
    this.#owner.explainBy('the client ended its side while its certificate was awaited');
    this.#owner.hear({ type: 'sniff.failed', reason: 'downstream.tls', answerable: false });
  }

  #terminate(order: TerminationOrder, sighting: Sighting): void {
    this.#order = order;
    this.sighting = sighting;
    this.#owner.hear({ type: 'tls.chosen' });
  }

  /** All that a validation wants is the handshake. */
  #validated(serverName: string): void {
    this.#owner.explainBy(`a validation of ${serverName} by TLS-ALPN-01 was answered`);
    this.#owner.hear({ type: 'sniff.failed', reason: 'completed', answerable: false });
  }

  #routed(route: RoutePlan | null, sighting: Sighting): void {
    this.#owner.route = route;
    this.sighting = sighting;
    const placing = route === null ? served : this.#owner.placement.on(route);
    if (placing.kind === 'refused') {
      this.#owner.explainBy(placing.cause);
      const answerable = isAnswerable(route, sighting);
      return this.#owner.hear({ type: 'sniff.failed', reason: placing.reason, answerable });
    }
    const { listener } = this.#owner;
    const attemptsMax = route === null ? 1 : this.#owner.dialling.prepare(route);
    const waits = placing.kind === 'waits';
    this.#owner.hear(routedFact(route, sighting, { listener, ageMs: this.#owner.ageMs(), attemptsMax, waits }));
  }

  #client(): Client {
    return { ip: this.#owner.client.host, tls: this.tls };
  }
}

const served: Placing = { kind: 'admitted' };

function serverNameOf({ preface }: Sighting): string | null {
  return preface?.serverName ?? null;
}
