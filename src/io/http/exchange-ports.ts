/**
 * What an exchange is given: the world as ports, and the connection it belongs to.
 */
import type { Forwarder } from '../../protocols/http/forwarding.ts';
import type { ProxyHeader } from '../../protocols/proxy-protocol/header.ts';
import type { RoutePlan } from '../../routing/plan.ts';
import type { AuthenticationPlan } from '../../routing/http-plan.ts';
import type { Authenticator } from '../authentication/authenticator.ts';
import type { Clock } from '../clock.ts';
import type { ListenerRuntime } from '../connection-ports.ts';
import type { Address, Leg } from '../leg.ts';
import type { Reports } from '../reports.ts';
import type { CandidatesOf } from '../candidates.ts';
import type { RouteAdmission, RouteClaim } from '../route-admission.ts';
import type { SecuredClient } from '../tls/secured-client.ts';
import type { Exchange } from './exchange.ts';
import type { Pins } from './pins.ts';
import type { Pools } from './pools.ts';

export interface ExchangePorts {
  readonly clock: Clock;
  readonly reports: Reports;
  readonly pools: Pools;
  readonly authenticatorOf: (plan: AuthenticationPlan) => Authenticator;
  readonly routeAdmission: RouteAdmission;
  readonly candidatesOf: CandidatesOf;
  /** True exactly when what this peer says of other clients is believed. */
  readonly isTrusted: (ip: string) => boolean;
  /** What answers the validation of a name by HTTP-01; null where no such token is pending. */
  readonly httpChallenge: (token: string) => string | null;
  /** A connection to the handler of the exchange's route, for this exchange alone. */
  readonly connectHandler: (exchange: Exchange) => () => Leg;
}

/** The connection an exchange belongs to. */
export interface ExchangeHolder {
  readonly connectionId: string;
  readonly listener: ListenerRuntime;
  /** Whose socket it is. */
  readonly peer: Address;
  readonly client: Address;
  /** What the client came to: its port is what `X-Forwarded-Port` says. */
  readonly local: Address;
  /** The PROXY header that came in and was believed. */
  readonly proxied: ProxyHeader | null;
  readonly protocol: 'http' | 'h2c';
  /** Null in clear text. */
  readonly tls: SecuredClient | null;
  /** The route of its latest exchange, for the record of the connection. */
  route: RoutePlan | null;
  /** What its upstreams are told about its client; made for its first request. */
  forwarder: Forwarder | null;
  /** Upstream connections that are this client's alone. */
  readonly pins: Pins;
  /** Of those that count connections, the routes that an exchange was let onto: there its next one counts as a request only. */
  routesUsed: Set<RoutePlan> | null;
  /** The client may not use a route any more that an exchange, or the upgraded connection, is on. */
  banned(manner: 'drain' | 'kill', cause: string): void;
  /** What an exchange that upgrades the connection uses of its route is the connection's from then on. */
  keep(claim: RouteClaim | null): void;
  /** The endpoint of an upgraded connection was brought down. */
  endpointLost(manner: 'drain' | 'kill', cause: string): void;
  /** A route has taken a request of its: it is worth its slot. Idempotent. */
  settled(): void;
  /** The number of its next exchange, 1 first. */
  nextExchange(): number;
}
