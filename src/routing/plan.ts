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
import type { DialerPlan, PoolPlan, TargetFunction } from './pool-plan.ts';
import type { RatePlan } from './rate.ts';
import type { TlsPlan, TlsVersion } from './tls-plan.ts';

export type Interpreter = 'compiled' | 'xstate';

/** Where a forward action may go. */
export interface Target {
  /** A host name, an IPv4 or an IPv6 address without brackets, or `unix:` and the path of a socket. */
  readonly host: string;
  /** 1 to 65535; 0 for a UNIX socket, and in a `TargetPlan` for the port that the client came to (`preserve`). */
  readonly port: number;
  /** The name that an address was found by, which TLS asks for and verifies. Absent = `host`. */
  readonly serverName?: string;
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
  /** Those that take the request are taken in turn (round-robin). Empty exactly where `pool` or `targetOf` is set. */
  readonly targets: readonly TargetPlan[];
  readonly pool: PoolPlan | null;
  /** A function of the embedding program's, asked for each attempt. */
  readonly targetOf: TargetFunction | null;
  /** How targets are reached. With `pool`: the pool's. */
  readonly dialer: DialerPlan;
  /** The PROXY header that goes before everything else; null = none. */
  readonly proxyHeader: 'v1' | 'v2' | null;
  /** True exactly when upstreams see the client's address as the connection's source. */
  readonly preservesSource: boolean;
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

/** What a change of the lists does to live connections that may not pass any more. */
export type BanManner = 'keep' | 'drain' | 'kill';

/** What counts for everyone that comes the same way: the proxy's, a listener's, a route's. */
export interface AdmissionPlan {
  /** Connections at once; where a route serves HTTP, exchanges and the connections they upgraded. Null = no cap; 0 refuses all. */
  readonly maxConnections: number | null;
  /** The same for each address (IPv6: each /64). */
  readonly maxConnectionsPerIp: number | null;
  /** All of them must grant. */
  readonly rates: readonly RatePlan[];
  /** How many may wait for a slot: in ACCEPTED (proxy, listener) or in DIALING.QUEUED (route). 0: refused at once. */
  readonly waitersMax: number;
}

/** Whose PROXY headers are believed. */
export interface ProxyHeaderPlan {
  /** Addresses, CIDR blocks or globs of whoever may send one; null = anybody. */
  readonly from: readonly string[] | null;
  /** True: who is not among them, or sends none, is refused. False: its bytes are its own. */
  readonly required: boolean;
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
  readonly onBan: BanManner;
  readonly admission: AdmissionPlan;
  readonly rewrite: RewritePlan | null;
  readonly authentication: AuthenticationPlan | null;
}

export interface ListenerPlan {
  /** 0 to 65535; 0 lets the system choose. */
  readonly port: number;
  /** The address to bind; `::` is dual stack. */
  readonly host: string;
  readonly admission: AdmissionPlan;
  /** Null: no PROXY header is looked for; what looks like one is payload. */
  readonly proxyHeader: ProxyHeaderPlan | null;
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
  /** The whole proxy's, as configured; the file-descriptor limit may lower the cap at start. Its cap is never null. */
  readonly admission: AdmissionPlan;
  readonly pools: readonly PoolPlan[];
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
