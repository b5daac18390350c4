/**
 * The configuration as a program writes it: the same language as the YAML, with types.
 *
 * Must never do: judge. What the types cannot say is said by `resolveConfig`, at once and with its place.
 * Read first: docs/guides/configuration.md.
 */
import type { Detect } from '../protocols/detector.ts';
import type { FetchHandler, NodeHandler, RedirectAction, SocketHandler } from '../routing/http-plan.ts';
import type {
  AcceptProxyConfig,
  ConnectionRateConfig,
  DefaultsConfig,
  QueueConfig,
  RouteRateConfig,
} from './define-admission.ts';
import type { DialerConfig, ListedTargetConfig, PoolConfig, TargetConfig } from './define-pool.ts';
import type { AcmeConfig, TlsConfig } from './define-tls.ts';
import type { BanManner, BlockManner, Interpreter, LogLevel } from '../routing/plan.ts';
import type { TlsVersion } from '../routing/tls-plan.ts';

/** Returns what it is given; it only lends the types. */
export function defineConfig(config: SallyportConfig): SallyportConfig {
  return config;
}

export interface SallyportConfig {
  readonly routes: readonly RouteConfig[];
  /** By port; only ports that a route uses. */
  readonly listeners?: Readonly<Record<string, ListenerConfig>>;
  readonly limits?: LimitsConfig;
  /** What every route has that does not say otherwise, key by key. */
  readonly defaults?: DefaultsConfig;
  /** Endpoints that routes share, by name. */
  readonly pools?: Readonly<Record<string, PoolConfig>>;
  /** For every route that does not set its own. */
  readonly timeouts?: ProxyTimeouts;
  /** `false` switches a built-in detector off; a function adds one, under a name that `match.protocol` may use. */
  readonly detectors?: Readonly<Record<string, boolean | Detect>>;
  /** Proxies in front of this one, whose `X-Forwarded-*` and `Forwarded` fields are believed. Default: none. */
  readonly trustedProxies?: string | readonly string[];
  /** How certificates are ordered for routes of `certificate: 'auto'`; each key of a route's own wins. */
  readonly acme?: AcmeConfig;
  /** Default: `compiled`. */
  readonly interpreter?: Interpreter;
  readonly log?: { /** Default: `info`. */ readonly level?: LogLevel };
  /** Accepted, and without effect yet. */
  readonly workers?: 1;
  /** Accepted, and without effect yet. */
  readonly store?: string;
  /** Accepted, and without effect yet. */
  readonly admin?: { readonly listen?: string; readonly token?: string };
  /** Accepted, and without effect yet. */
  readonly trace?: { readonly sample?: number; readonly keep?: number };
}

export interface RouteConfig {
  /** Unique; shown in logs, metrics and explanations. */
  readonly name: string;
  readonly description?: string;
  readonly tags?: string | readonly string[];
  /** `false`: what the route matches is refused. Default: `true`. */
  readonly enabled?: boolean;
  readonly match: MatchConfig;
  /** Higher first; then specificity; then order. Default: 0. */
  readonly priority?: number;
  readonly action: ActionConfig;
  /** On the route or in its action, not both. */
  readonly tls?: TlsConfig;
  /** On the route or in its action, not both. */
  readonly security?: SecurityConfig;
  /** Who waits at `maxConnections` of `security`. Default: nobody. */
  readonly queue?: QueueConfig;
  readonly timeouts?: RouteTimeouts;
  readonly interpreter?: Interpreter;
  /** `true`: a client that sent FIN and nothing else before the dial completed is still connected. Default: `false`. */
  readonly keepHalfOpen?: boolean;
}

/** What of a request may be asked for. Values are exact text, a glob such as `a*`, or `/a regular expression/`. */
export interface HttpMatchConfig {
  /** `/exact`, `/users/:id`, `/files/*`. */
  readonly path?: string;
  /** Upper case. */
  readonly method?: string | readonly string[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
}

/** All criteria that are given must hold; within a list any may. Without TLS, those of HTTP mean plain HTTP. */
export interface MatchConfig extends HttpMatchConfig {
  /** 0 lets the system choose. */
  readonly ports: PortsConfig | readonly PortsConfig[];
  /** Asked for by SNI or Host: exact, `*.example`, `example.*`, or any glob of labels. */
  readonly domains?: string | readonly string[];
  /** What is spoken, inside of TLS that is terminated: `tcp` (anything), a built-in detector's name, `websocket`, or one of your own. */
  readonly protocol?: string;
  /** Application protocols offered in the TLS client hello; where TLS is terminated, the one that is agreed on. */
  readonly alpn?: string | readonly string[];
  /** Only where TLS is terminated: the version that is agreed on. */
  readonly tlsVersion?: TlsVersion | readonly TlsVersion[];
  /** CIDR block, address or glob. */
  readonly clientIp?: string | readonly string[];
}

/** Text only for `8080` in quotes. */
export type PortsConfig = number | string | { readonly from: number; readonly to: number };

export type ActionConfig = ForwardConfig | RedirectConfig | RespondConfig | BlockConfig | HandlerConfig;

interface AnyAction {
  readonly tls?: TlsConfig;
  readonly security?: SecurityConfig;
}

/** Connects to a target and carries bytes or requests. Give one of `target`, `targets` and `pool`. */
export interface ForwardConfig extends AnyAction {
  readonly type: 'forward';
  readonly target?: TargetConfig;
  /** Those that take the request are taken in turn. */
  readonly targets?: readonly ListedTargetConfig[];
  /** The name of one of `pools`. */
  readonly pool?: string;
  /** How the target is reached; a pool has its own. Default: `{ type: 'direct' }`. */
  readonly dialer?: DialerConfig;
  /** The PROXY header that an upstream sees first; `true` is `v1`. Default: `false`. */
  readonly sendProxyProtocol?: boolean | 'v1' | 'v2';
  /** `true`: upstreams see the client's address as the source of the connection. Linux only. Default: `false`. */
  readonly preserveSourceIP?: boolean;
  /** What HTTP requests are sent in. Default: `http1`, and `h2` where the route's protocol is `h2c`. */
  readonly upstreamProtocol?: 'http1' | 'h2';
  readonly websocket?: WebSocketConfig;
  readonly rewrite?: RewriteConfig;
  readonly engine?: 'node';
}

export interface WebSocketConfig {
  /** The silence after which the client is pinged; at most half of `idle`. Default: never. */
  readonly ping?: Duration;
}

/** Sends HTTP clients elsewhere. */
export interface RedirectConfig extends AnyAction {
  readonly type: 'redirect';
  /** `{scheme}`, `{host}`, `{port}`, `{path}`, `{query}` and `{param:name}` are replaced. */
  readonly to: string;
  /** Default: 308. */
  readonly status?: RedirectAction['status'];
}

/** Answers HTTP requests by itself. */
export interface RespondConfig extends AnyAction {
  readonly type: 'respond';
  /** 200 to 599. Default: 200. */
  readonly status?: number;
  /** Default: empty. */
  readonly body?: string;
  /** Default: `content-type: text/plain; charset=utf-8`. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** Lets the client go. */
export interface BlockConfig extends AnyAction {
  readonly type: 'block';
  /** RST, FIN, or the refusal of the client's own protocol and then FIN. Default: `reset`. */
  readonly how?: BlockManner;
}

/** Hands the connection, or every request of it, to a function. */
export type HandlerConfig = SocketHandlerConfig | HttpHandlerConfig | OlderSocketHandlerConfig;

/** The function gets the client's stream with every byte still unread. */
export interface SocketHandlerConfig extends AnyAction {
  readonly type: 'handler' | 'socket-handler';
  readonly socketHandler: SocketHandler;
}

/** An older spelling of the same. */
export interface OlderSocketHandlerConfig extends AnyAction {
  readonly type: 'socket-handler';
  readonly handler: SocketHandler;
}

/** A function of two or more parameters is Node's `(request, response)`; of fewer, `(request) => Response`. */
export interface HttpHandlerConfig extends AnyAction {
  readonly type: 'handler';
  readonly httpHandler: NodeHandler | FetchHandler | { readonly fetch: FetchHandler };
  readonly rewrite?: RewriteConfig;
}

export interface RewriteConfig {
  /** Taken off the front of the path. */
  readonly stripPrefix?: string;
  /** The whole path: `:params` of `match.path`, `*` for its rest. */
  readonly path?: string;
  readonly headers?: FieldsConfig;
  readonly response?: { readonly headers?: FieldsConfig };
}

export interface FieldsConfig {
  /** Instead of whatever was there. `host`, in requests, rewrites the authority. */
  readonly set?: Readonly<Record<string, string | readonly string[]>>;
  readonly remove?: string | readonly string[];
}

export interface SecurityConfig {
  /** Client addresses that may pass: CIDR, address or glob. Absent: all that are not blocked. */
  readonly ipAllowList?: string | readonly string[];
  /** Client addresses that may not pass, whatever the allow list says. */
  readonly ipBlockList?: string | readonly string[];
  /** Connections at once; on HTTP routes concurrent exchanges, and the connections they upgraded. Absent: no cap of the route. */
  readonly maxConnections?: number;
  /** The same for each client; IPv6: for each /64. Absent: no cap. */
  readonly maxConnectionsPerIp?: number;
  /** Absent: any number. */
  readonly rateLimit?: RouteRateConfig;
  /** What a change of the lists does to live connections that may not pass any more. Default: `keep`. */
  readonly onBan?: BanManner;
  /** HTTP only. */
  readonly authentication?: BasicConfig | JwtConfig;
}

export interface BasicConfig {
  readonly type: 'basic';
  /** What a browser shows. Default: `sallyport`. */
  readonly realm?: string;
  /** Passwords as `sallyport hash-password` prints them, as bcrypt hashes, or plain. */
  readonly credentials?: readonly { readonly username: string; readonly password: string }[];
  /** A file of more of them, `user:hash` a line, relative to the configuration file. Give one or both. */
  readonly htpasswd?: string;
  /** `true`: the upstream sees the Authorization field. Default: `false`. */
  readonly forward?: boolean;
}

export interface JwtConfig {
  readonly type: 'jwt';
  readonly jwksUrl: string;
  readonly issuer?: string;
  /** One of them must be in `aud`. */
  readonly audience?: string | readonly string[];
  /** Default: every asymmetric one. */
  readonly algorithms?: JwtAlgorithm | readonly JwtAlgorithm[];
  /** `true`: the upstream sees the Authorization field. Default: `false`. */
  readonly forward?: boolean;
}

export type JwtAlgorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA';

export type { TlsConfig } from './define-tls.ts';

export interface ListenerConfig {
  /** The address to bind. Default: `::`, which is IPv4 too. */
  readonly host?: string;
  /** Connections at once; 0 refuses all. Default: only the global cap. */
  readonly maxConnections?: number;
  /** The same for each client; IPv6: for each /64. Default: off. */
  readonly maxConnectionsPerIp?: number;
  /** Default: off. */
  readonly rateLimit?: ConnectionRateConfig<'listener'>;
  /** Who waits at `maxConnections`. Default: nobody. */
  readonly waitingRoom?: QueueConfig;
  /** Whose PROXY headers are believed; `true`: everybody must send one. Default: `false`. */
  readonly acceptProxyProtocol?: boolean | AcceptProxyConfig;
  /** Deadlines before a route is known. */
  readonly timeouts?: ListenerTimeouts;
}

export interface LimitsConfig {
  /** Connections at once in the whole proxy; 0 refuses all. Default: 10,000. */
  readonly maxConnections?: number;
  /** The longest a silent peer may hold a slot; a route that allows more is an error. Default: off. */
  readonly maxHoldTime?: Duration;
  /** Connections at once of each client; IPv6: of each /64. Default: off. */
  readonly maxConnectionsPerIp?: number;
  /** Default: off. */
  readonly rateLimit?: ConnectionRateConfig<'proxy'>;
  /** Who waits at `maxConnections`. Default: nobody. */
  readonly waitingRoom?: QueueConfig;
}

/** Milliseconds, or text such as `250ms`, `5s`, `10m`, `1h`. Greater than zero. */
export type Duration = number | string;

interface EarlyTimeouts {
  /** The whole of SNIFFING, absolute. Default: 10 s. */
  readonly sniff?: Duration;
  /** How long a client may stay silent before a server-speaks-first route is taken; `true` is 300 ms. Default: off. */
  readonly serverFirst?: boolean | Duration;
  /** After a refusal was written, for the peer to read it. Default: 2 s. */
  readonly linger?: Duration;
}

interface HttpWaits {
  /** The head of a request, absolute. Default: 10 s. */
  readonly requestHead?: Duration;
  /** Between two requests of a connection. Default: 15 s. */
  readonly keepAlive?: Duration;
}

export interface ListenerTimeouts extends EarlyTimeouts, HttpWaits {
  /** In ACCEPTED, until admitted or refused. Default: 1 s. */
  readonly admission?: Duration;
}

export interface RouteTimeouts extends EarlyTimeouts, HttpWaits {
  /** Between two reads of a request's body. Default: 30 s. */
  readonly requestBody?: Duration;
  /** To the first byte of a response, then between bytes. Default: 60 s. */
  readonly response?: Duration;
  /** Waiting for a place: of the route, of its pool, or for a connection to an upstream of HTTP. Default: 5 s. */
  readonly queue?: Duration;
  /** An unused pooled connection to the upstream. Default: 30 s. */
  readonly poolIdle?: Duration;
  /** One dial attempt. Default: 5 s. */
  readonly dial?: Duration;
  /** All attempts and the waits between them. Default: 15 s. */
  readonly dialBudget?: Duration;
  /** The wait before the second attempt; doubles up to 2 s. Default: 100 ms. */
  readonly backoff?: Duration;
  /** No byte either way; `infinite` is allowed. Default: 5 min. */
  readonly idle?: Duration;
  /** No byte after one side has finished. Default: the value of `idle`. */
  readonly halfClosed?: Duration;
  /** The whole time after one side has finished. Default: off. */
  readonly halfClosedMax?: Duration;
  /** No progress in writing the rest after both sides have finished. Default: 10 s. */
  readonly flush?: Duration;
  /** The age of a connection, from accept; `infinite` is allowed, and the default. */
  readonly lifetime?: Duration;
}

export interface ProxyTimeouts extends RouteTimeouts, ListenerTimeouts {
  /** From `start()` until every listener is bound. Default: 30 s. */
  readonly startup?: Duration;
  /** From the drain request until what is left is killed. Default: 30 s. */
  readonly drain?: Duration;
}
