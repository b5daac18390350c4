/**
 * The configuration as a program writes it: the same language as the YAML, with types.
 *
 * Must never do: judge. What the types cannot say is said by `resolveConfig`, at once and with its place.
 * Read first: docs/guides/configuration.md.
 */
import type { Detect } from '../protocols/detector.ts';
import type { BlockManner, Interpreter, LogLevel } from '../routing/plan.ts';

/** Returns what it is given; it only lends the types. */
export function defineConfig(config: SallyportConfig): SallyportConfig {
  return config;
}

export interface SallyportConfig {
  readonly routes: readonly RouteConfig[];
  /** By port; only ports that a route uses. */
  readonly listeners?: Readonly<Record<string, ListenerConfig>>;
  readonly limits?: LimitsConfig;
  /** For every route that does not set its own. */
  readonly timeouts?: ProxyTimeouts;
  /** `false` switches a built-in detector off; a function adds one, under a name that `match.protocol` may use. */
  readonly detectors?: Readonly<Record<string, boolean | Detect>>;
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
  readonly action: ForwardConfig | BlockConfig;
  /** On the route or in its action, not both. */
  readonly tls?: TlsConfig;
  readonly timeouts?: RouteTimeouts;
  readonly interpreter?: Interpreter;
  /** `true`: a client that sent FIN and nothing else before the dial completed is still connected. Default: `false`. */
  readonly keepHalfOpen?: boolean;
}

/** All criteria that are given must hold; within a list any may. */
export interface MatchConfig {
  /** 0 lets the system choose. */
  readonly ports: PortsConfig | readonly PortsConfig[];
  /** Asked for by SNI or Host: exact, `*.example`, `example.*`, or any glob of labels. */
  readonly domains?: string | readonly string[];
  /** What the first bytes must be: `tcp` (anything), a built-in detector's name, or one of your own. */
  readonly protocol?: string;
  /** Application protocols offered in the TLS client hello. */
  readonly alpn?: string | readonly string[];
  /** CIDR block, address or glob. */
  readonly clientIp?: string | readonly string[];
}

/** Text only for `8080` in quotes. */
export type PortsConfig = number | string | { readonly from: number; readonly to: number };

export interface TargetConfig {
  readonly host: string;
  readonly port: number | string;
}

interface ActionConfig {
  readonly tls?: TlsConfig;
}

/** Connects to a target and carries bytes both ways. Give `target` or `targets`. */
export interface ForwardConfig extends ActionConfig {
  readonly type: 'forward';
  readonly target?: TargetConfig;
  /** Taken in turn. */
  readonly targets?: readonly TargetConfig[];
  readonly engine?: 'node';
}

/** Lets the client go. */
export interface BlockConfig extends ActionConfig {
  readonly type: 'block';
  /** RST, FIN, or the refusal of the client's own protocol and then FIN. Default: `reset`. */
  readonly how?: BlockManner;
}

/** `passthrough`: the client hello is read for its names, nothing is decrypted. */
export interface TlsConfig {
  readonly mode: 'passthrough';
}

export interface ListenerConfig {
  /** The address to bind. Default: `::`, which is IPv4 too. */
  readonly host?: string;
  /** Connections at once; 0 refuses all. Default: only the global cap. */
  readonly maxConnections?: number;
  /** Deadlines before a route is known. */
  readonly timeouts?: ListenerTimeouts;
}

export interface LimitsConfig {
  /** Connections at once in the whole proxy; 0 refuses all. Default: 10,000. */
  readonly maxConnections?: number;
  /** The longest a silent peer may hold a slot; a route that allows more is an error. Default: off. */
  readonly maxHoldTime?: Duration;
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

export interface ListenerTimeouts extends EarlyTimeouts {
  /** In ACCEPTED, until admitted or refused. Default: 1 s. */
  readonly admission?: Duration;
}

export interface RouteTimeouts extends EarlyTimeouts {
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
