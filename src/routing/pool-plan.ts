/**
 * What a pool of the configuration resolves to: endpoints, how one is chosen, and how they are looked after; and how any
 * upstream is reached.
 *
 * Decides nothing; it is the shape that `config/` writes and `routing/` and `io/` read. Immutable once made.
 * Read first: `plan.ts`.
 */
import type { EndpointPolicy } from '../machines/endpoint/context.ts';
import type { BalanceKind } from './balance.ts';
import type { Target } from './plan.ts';
import type { UpstreamTlsPlan } from './tls-plan.ts';

export interface PoolPlan {
  readonly name: string;
  /** `pools.db`, with the file's position where there is one. */
  readonly configPath: string;
  /** At least one. */
  readonly endpoints: readonly EndpointPlan[];
  readonly balance: BalanceKind;
  /** What leads to the same endpoint again, where `balance` is `hash`. */
  readonly hashBy: HashKey;
  /** Checks, breaker, slow start and drain, as the endpoint's chart wants them. */
  readonly policy: EndpointPolicy;
  /** What a check does; null exactly where `policy.checks` is. */
  readonly check: CheckPlan | null;
  /** Other endpoints that a failed dial goes on to, 0 or more. */
  readonly retries: number;
  /** What becomes of the connections of an endpoint that its checks brought down. */
  readonly onEndpointDown: 'keep' | 'drain' | 'kill';
  readonly dialer: DialerPlan;
  /** How many connections (HTTP: exchanges) may wait for a place where every endpoint is at its cap. 0: refused at once. */
  readonly waitersMax: number;
}

export interface EndpointPlan {
  /**
   * `address`: a name stands for as many endpoints as it has addresses, looked up again by their time to live.
   * `service`: an SRV name (RFC 2782), whose records say host, port and weight. `unix`: a path.
   */
  readonly source:
    | { readonly kind: 'address'; readonly host: string; readonly port: number }
    | { readonly kind: 'service'; readonly name: string }
    | { readonly kind: 'unix'; readonly path: string };
  /** More than 0. */
  readonly weight: number;
  /** Connections (HTTP: exchanges) at once, for each endpoint that this becomes. Null = no cap. */
  readonly maxConnections: number | null;
}

/** `ip`: the client's address. Where HTTP is not seen, a header or a cookie is '' for everybody, and configuration refuses it. */
export type HashKey =
  | { readonly kind: 'ip' }
  | { readonly kind: 'host' }
  | { readonly kind: 'path' }
  | { readonly kind: 'header'; readonly name: string }
  | { readonly kind: 'cookie'; readonly name: string };

/** What is asked of an endpoint, on a connection of its own, through the pool's dialer. */
export type CheckPlan =
  | { readonly type: 'tcp' }
  /** Sends, and wants to read what matches; without `send` a banner, without `expect` any byte. */
  | { readonly type: 'exchange'; readonly send: Uint8Array | null; readonly expect: string | null }
  /** HTTP/1.1. `status`: inclusive ranges of what is well. */
  | {
      readonly type: 'http';
      readonly method: 'GET' | 'HEAD' | 'OPTIONS';
      readonly path: string;
      readonly host: string | null;
      readonly status: readonly { readonly from: number; readonly to: number }[];
    };

export interface ProxyCredentials {
  readonly username: string;
  readonly password: string;
}

/** How an endpoint is reached. Beneath the route's own TLS and PROXY header, which go to the endpoint itself. */
export type DialerPlan =
  | { readonly type: 'direct' }
  /** TLS to the endpoint, whatever the route says of TLS. */
  | { readonly type: 'tls'; readonly tls: UpstreamTlsPlan }
  /** SOCKS 5 (RFC 1928): names are resolved at the other end. */
  | { readonly type: 'socks5'; readonly proxy: Target; readonly credentials: ProxyCredentials | null }
  /** HTTP CONNECT (RFC 9110 §9.3.6). */
  | { readonly type: 'http-connect'; readonly proxy: Target; readonly credentials: ProxyCredentials | null }
  /** The embedding program's. */
  | { readonly type: 'custom'; readonly dial: CustomDial };

/** What one attempt is told. */
export interface DialOrder {
  /** A name, an IP address without brackets, or `unix:` and a path, whose port is 0. */
  readonly host: string;
  readonly port: number;
  /** The name that the host was found by, which TLS asks for and verifies. Absent = `host`. */
  readonly serverName?: string;
  /** What the upstream must see before everything else, TLS included. Absent = nothing. */
  readonly proxyHeader?: Uint8Array;
  /** The address that the upstream must see as the connection's source. Absent = the system's choice. */
  readonly sourceAddress?: string;
}

/** Told while a dial is under way. */
export interface DialWatch {
  resolved(): void;
  /** The upstream is reached, and a handshake with it begins. */
  securing(): void;
}

/**
 * A dialer of the embedding program's: an Observable of a leg, a Duplex, or a promise of either. The shell looks at what it
 * answers before it believes it; what it throws ends the connection (`handler.failed`).
 */
export type CustomDial = (order: DialOrder, watch: DialWatch) => unknown;

/** What a function of the embedding program's is told when it is asked where to. */
export interface TargetContext {
  readonly connectionId: string;
  readonly route: string;
  /** `[::]:8080` */
  readonly listener: string;
  /** The client's address, as far as it is known to be believed. */
  readonly clientIp: string;
  readonly clientPort: number;
  /** The port that the client came to. */
  readonly localPort: number;
  /** SNI or Host; null where none was named. */
  readonly serverName: string | null;
  /** Null unless HTTP is served. */
  readonly path: string | null;
  readonly method: string | null;
  /** Header fields by lower-case name; empty unless HTTP is served. */
  readonly headers: Readonly<Record<string, string>>;
  /** 1 first. */
  readonly attempt: number;
}

export type TargetFunction = (context: TargetContext) => Target | Promise<Target>;
