/**
 * HTTP on one connection: what the service of its protocol tells, as facts for the connection's chart.
 *
 * Decides nothing. Must never do: own a timer, or outlive the connection.
 * Read first: `service.ts`, `../connection.ts`.
 */
import type { CloseReason, CloseSide } from '../../machines/connection/close-reason.ts';
import type { Timeouts } from '../../machines/connection/delays.ts';
import type { ConnectionFact } from '../../machines/connection/events.ts';
import type { Forwarder } from '../../protocols/http/forwarding.ts';
import type { ProxyHeader } from '../../protocols/proxy-protocol/header.ts';
import type { RoutePlan } from '../../routing/plan.ts';
import type { DialSubject } from '../candidates.ts';
import type { ListenerRuntime } from '../connection-ports.ts';
import type { Address, Leg, LegFact } from '../leg.ts';
import type { ExchangeSnapshot } from '../reports.ts';
import type { RouteClaim } from '../route-admission.ts';
import type { SecuredClient } from '../tls/secured-client.ts';
import type { ExchangeHolder } from './exchange-ports.ts';
import { Pins } from './pins.ts';
import type { DetachedLeg, Tap } from './ports.ts';
import type { HttpService, ServiceOwner } from './service.ts';
import { WebSocketKeepAlive } from './websocket-keep-alive.ts';

/** The connection, as its serving knows it. */
export interface ServedConnection {
  readonly connectionId: string;
  readonly listener: ListenerRuntime;
  readonly downstream: Leg;
  readonly peer: Address;
  readonly client: Address;
  readonly subject: DialSubject;
  route: RoutePlan | null;
  /** Who sent FIN first; null while nobody has. */
  endedFirst: CloseSide | null;
  ageMs(): number;
  hear(fact: ConnectionFact): void;
  /** What the exchange that upgraded the connection used of its route; released with the connection. */
  keep(claim: RouteClaim | null): void;
  /** Kept where nothing was known before. */
  explainBy(cause: string | null): void;
  /** Both legs, for the splice that the chart will ask for. `keepAlive`: where the client may be pinged. */
  becomeTunnel(client: Tap, upstream: DetachedLeg, keepAlive: WebSocketKeepAlive | null): void;
  endpointLost(manner: 'drain' | 'kill', cause: string): void;
  banned(manner: 'drain' | 'kill', cause: string): void;
  settled(): void;
  broken(error: unknown): void;
}

export class Serving implements ServiceOwner, ExchangeHolder {
  readonly connectionId: string;
  readonly listener: ListenerRuntime;
  readonly client: Address;
  readonly protocol: 'http' | 'h2c';
  readonly tls: SecuredClient | null;
  readonly pins = new Pins();
  forwarder: Forwarder | null = null;
  routesUsed: Set<RoutePlan> | null = null;
  readonly #connection: ServedConnection;
  #service: HttpService | null = null;
  #exchanges = 0;

  /** @param tls null in clear text. */
  constructor(connection: ServedConnection, protocol: 'http' | 'h2c', tls: SecuredClient | null) {
    this.#connection = connection;
    this.connectionId = connection.connectionId;
    this.listener = connection.listener;
    this.client = connection.client;
    this.protocol = protocol;
    this.tls = tls;
  }

  /** Takes the client's bytes, beginning with what was looked at. */
  start(open: (leg: Leg, serving: Serving) => HttpService): void {
    this.#service = open(this.#connection.downstream, this);
    this.#service.start();
  }

  last(): void {
    this.#service?.last();
  }

  end(): void {
    this.#service?.end();
  }

  told(fact: LegFact): void {
    this.#service?.told(fact);
  }

  /** The connection has entered CLOSED. */
  stop(reason: CloseReason): void {
    this.#service?.stop(reason);
    this.pins.letGo();
  }

  /** One that is over is told of by its record alone, and that may be read while it is still being let go. */
  exchanges(): readonly ExchangeSnapshot[] {
    return this.#service?.exchanges().filter(({ state }) => state !== 'CLOSED') ?? [];
  }

  get local(): Address {
    return this.#connection.subject.local;
  }

  get peer(): Address {
    return this.#connection.peer;
  }

  get proxied(): ProxyHeader | null {
    return this.#connection.subject.proxied;
  }

  get route(): RoutePlan | null {
    return this.#connection.route;
  }

  set route(route: RoutePlan | null) {
    this.#connection.route = route;
  }

  keep(claim: RouteClaim | null): void {
    this.#connection.keep(claim);
  }

  endpointLost(manner: 'drain' | 'kill', cause: string): void {
    this.#connection.endpointLost(manner, cause);
  }

  banned(manner: 'drain' | 'kill', cause: string): void {
    this.#connection.banned(manner, cause);
  }

  settled(): void {
    this.#connection.settled();
  }

  nextExchange(): number {
    this.#exchanges += 1;
    return this.#exchanges;
  }

  opened(): void {
    this.#connection.hear(opened);
  }

  closed(timeouts: Timeouts): void {
    this.#connection.hear({ type: 'exchange.closed', timeouts, ageMs: this.#connection.ageMs() });
  }

  clientEnded(): void {
    this.#connection.endedFirst ??= 'downstream';
    this.#connection.hear({ type: 'downstream.ended', heldBytes: 0, ageMs: this.#connection.ageMs() });
  }

  finished(reason: CloseReason, cause: string | null): void {
    this.#connection.explainBy(cause);
    this.#connection.endedFirst ??= 'proxy';
    const { timeouts } = this.route ?? this.listener.plan;
    const ageMs = this.#connection.ageMs();
    this.#connection.hear({ type: 'service.finished', reason, timeouts: timeouts.values, ageMs });
  }

  failed(reason: CloseReason, cause: string | null): void {
    this.#connection.explainBy(cause);
    this.#connection.hear({ type: 'service.failed', reason });
  }

  flushed(): void {
    this.#connection.hear(flushed);
  }

  /** The age of an upgraded connection is no reason to cut it, unless its route says so itself. */
  upgraded(client: Tap, upstream: DetachedLeg, timeouts: Timeouts): void {
    const pingMs = this.route?.action.type === 'forward' ? this.route.action.pingMs : null;
    const keepAlive = pingMs === null ? null : new WebSocketKeepAlive(client.leg);
    this.#connection.becomeTunnel(client, keepAlive?.watch(upstream) ?? upstream, keepAlive);
    this.pins.letGo();
    const ageMs = this.#connection.ageMs();
    const kept = this.route?.limitsUpgrades === true ? timeouts : { ...timeouts, lifetime: null };
    this.#connection.hear({ type: 'connection.upgraded', timeouts: kept, ageMs, pingMs });
  }

  broken(error: unknown): void {
    this.#connection.broken(error);
  }
}

const opened: ConnectionFact = { type: 'exchange.opened' };
const flushed: ConnectionFact = { type: 'service.flushed' };
