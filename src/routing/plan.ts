/**
 * What a configuration resolves to: validated, defaulted, with the place every value came from.
 *
 * Decides nothing; it is the shape that `config/` writes and `routing/` and `io/` read. Immutable once made.
 * Read first: docs/ARCHITECTURE.md.
 */
import type { TimeoutsPlan } from '../machines/connection/delays.ts';
import type { Detector } from '../protocols/detector.ts';
import type {
  AuthenticationPlan,
  HandlerAction,
  HttpMatch,
  RedirectAction,
  RespondAction,
  RewritePlan,
} from './http-plan.ts';
import type { TlsPlan, TlsVersion } from './tls-plan.ts';

export type Interpreter = 'compiled' | 'xstate';

/** Where a forward action may go. `port: 'preserve'` belongs to a later part and never appears here. */
export interface Target {
  /** A host name, an IPv4 or an IPv6 address without brackets. */
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** A target with a match of its own: it is tried only for requests that it takes. */
export interface TargetPlan extends Target {
  /** Null: for every request. */
  readonly match: HttpMatch | null;
}

/** How a blocked client is let go: RST, FIN, or the refusal of its own protocol and then FIN. */
export type BlockManner = 'reset' | 'fin' | 'reply';

export interface ForwardAction {
  readonly type: 'forward';
  /** At least one; those that take the request are taken in turn (round-robin). */
  readonly targets: readonly TargetPlan[];
  /** What is spoken to the upstream where HTTP is served. `http1` unless set, `h2` for routes of `protocol: h2c`. */
  readonly upstreamProtocol: 'http1' | 'h2';
  /** WebSockets over HTTP/1.1: the silence in milliseconds after which the client is pinged; null = it never is. */
  readonly pingMs: number | null;
}

export interface BlockAction {
  readonly type: 'block';
  readonly how: BlockManner;
}

export type RouteAction = ForwardAction | BlockAction | RedirectAction | RespondAction | HandlerAction;

/** Inclusive range of ports; a single port has from = to. */
export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Match criteria; null means "not asked for". All that are asked for must hold; within a list any may. */
export interface RouteMatch {
  readonly ports: readonly PortRange[];
  /** Lower case, no trailing dot: exact (`a.example`), wildcard (`*.example`), TLD pattern (`example.*`), or any glob of labels. */
  readonly domains: readonly string[] | null;
  /** A detector's name; `tcp` and null ask for nothing. Where the route terminates TLS: what is spoken inside. */
  readonly protocol: string | null;
  readonly alpn: readonly string[] | null;
  /** The version that was agreed on; known only where TLS is terminated. */
  readonly tlsVersion: readonly TlsVersion[] | null;
  /** CIDR, address, or glob (`10.0.*`), as written. */
  readonly clientIp: readonly string[] | null;
  readonly http: HttpMatch;
}

/** CIDR blocks, addresses and globs, as written. Who is in both is blocked. */
export interface AccessPlan {
  /** Null: everybody who is not blocked. */
  readonly allow: readonly string[] | null;
  readonly block: readonly string[];
}

export interface RoutePlan {
  readonly name: string;
  /** Position in the configuration, 0 first. */
  readonly index: number;
  /** `routes[0]`, with the file's position where there is one: `sallyport.yaml:3:5 routes[0]`. */
  readonly configPath: string;
  readonly description: string | null;
  readonly tags: readonly string[];
  /** False: what it matches is refused (`refused.protocol`). */
  readonly enabled: boolean;
  readonly priority: number;
  readonly match: RouteMatch;
  readonly action: RouteAction;
  readonly timeouts: TimeoutsPlan;
  readonly interpreter: Interpreter;
  /** True exactly when a client that half-closed without sending anything is still connected to the upstream. */
  readonly keepHalfOpen: boolean;
  /** True exactly when the route itself sets `lifetime`: then it cuts a WebSocket too, which no other lifetime does. */
  readonly limitsUpgrades: boolean;
  /**
   * True exactly when the route can only be served by looking into HTTP: it names `http`, `h2c` or `websocket`, matches on
   * a host in clear text, a path, method, header or query, or does something that only HTTP knows. A listener with one
   * such route serves every HTTP connection request by request, whatever route wins each of them.
   */
  readonly needsHttp: boolean;
  /** How TLS is terminated; null: it is passed through, or there is none. */
  readonly tls: TlsPlan | null;
  /** Who may use the route once it was chosen; null = everybody. Never part of the match. */
  readonly access: AccessPlan | null;
  /** Connections at once; where HTTP is served, exchanges and the connections they upgraded. Null = no cap; 0 refuses all. */
  readonly maxConnections: number | null;
  readonly rewrite: RewritePlan | null;
  readonly authentication: AuthenticationPlan | null;
}

export interface ListenerPlan {
  /** 0 to 65535; 0 lets the system choose. */
  readonly port: number;
  /** The address to bind; `::` is dual stack. */
  readonly host: string;
  /** Connections at once on this listener; null = only the global cap. 0 refuses all. */
  readonly maxConnections: number | null;
  readonly configPath: string;
  /** Candidates in the order they are tried: priority, then specificity, then position. */
  readonly routes: readonly RoutePlan[];
  /** Deadlines in force before a route is known. */
  readonly timeouts: TimeoutsPlan;
  /** True exactly when it was made for HTTP-01 alone, because no route has the port (RFC 8555 §8.3). */
  readonly isForChallenges: boolean;
  readonly validations: Validations;
}

/**
 * The validations of certificate authorities that may come to a listener. They come before its routes and lists, so a
 * client is not refused before its first bytes have shown that it is none.
 */
export interface Validations {
  /** HTTP-01: an order names this port as its `challengePort`. */
  readonly http: boolean;
  /** TLS-ALPN-01: a route here has a certificate that is ordered so. */
  readonly tls: boolean;
}

export interface ProxyPlan {
  readonly listeners: readonly ListenerPlan[];
  readonly routes: readonly RoutePlan[];
  /** The whole proxy's cap as configured; the file-descriptor limit may lower it at start. 0 refuses all. */
  readonly maxConnections: number;
  readonly timeouts: TimeoutsPlan;
  readonly interpreter: Interpreter;
  readonly logLevel: LogLevel;
  /** CIDR blocks, addresses or globs of proxies whose X-Forwarded-* and Forwarded fields are believed. */
  readonly trustedProxies: readonly string[];
  /** Where accounts and certificates are kept: an absolute path. */
  readonly storeFolder: string;
  /** Detectors in the order they are asked: custom ones, because who brings one knows better, then the built-in ones. */
  readonly detectors: readonly DetectorPlan[];
  /** What loads but does nothing yet, and what deserves a second look; one sentence each, with its place. */
  readonly warnings: readonly string[];
}

export interface DetectorPlan {
  readonly detector: Detector;
  /** False: a client that speaks it on a sniffed port is refused (`refused.protocol`). */
  readonly enabled: boolean;
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
