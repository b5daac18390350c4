/**
 * Pools, endpoints, targets and dialers as a program writes them: the same keys as in YAML, and what only code can say.
 *
 * Must never do: judge. Read first: `define-config.ts`, docs/guides/configuration.md.
 */
import type { BalanceKind } from '../routing/balance.ts';
import type { CustomDial, TargetFunction } from '../routing/pool-plan.ts';
import type { QueueConfig } from './define-admission.ts';
import type { Duration, HttpMatchConfig } from './define-config.ts';
import type { UpstreamTlsConfig } from './define-tls.ts';

export interface AddressTargetConfig {
  readonly host: string;
  /** `preserve`: the port that the client came to. Other text only for `3000` in quotes. */
  readonly port: number | string;
  readonly unix?: never;
}

export interface UnixTargetConfig {
  /** The path of a UNIX socket, relative to the configuration file. */
  readonly unix: string;
  readonly host?: never;
  readonly port?: never;
}

export type PlaceConfig = AddressTargetConfig | UnixTargetConfig;

/** A function is asked for each attempt, and may answer later. */
export type TargetConfig = PlaceConfig | TargetFunction;

/** A target may be for some requests only. */
export type ListedTargetConfig = PlaceConfig & { readonly match?: HttpMatchConfig };

export interface PoolConfig {
  /** At least one. */
  readonly endpoints: readonly EndpointConfig[];
  /** Default: `round-robin`. */
  readonly balance?: BalanceKind;
  /** With `balance: 'hash'`. All but `ip` need HTTP. Default: `ip`. */
  readonly hashBy?: 'ip' | 'host' | 'path' | `header:${string}` | `cookie:${string}`;
  /** Default: none; dials alone tell. */
  readonly health?: HealthConfig;
  /** False: no dial takes an endpoint out. Default: by its own defaults where there are several endpoints, else false. */
  readonly breaker?: BreakerConfig | false;
  /** How long the weight of an endpoint grows after it came up. Default: it counts in full at once. */
  readonly slowStart?: Duration;
  /** How long connections may last once their endpoint is wanted no more. Default: as long as they like. */
  readonly drain?: Duration;
  /** Other endpoints that a failed dial goes on to. Default: 1 where there are several. */
  readonly retries?: number;
  /** What becomes of the connections of an endpoint whose checks fail. Default: `keep`. */
  readonly onEndpointDown?: 'keep' | 'drain' | 'kill';
  /** Who waits where every endpoint is at its cap. Default: nobody. */
  readonly queue?: QueueConfig;
  /** Default: `{ type: 'direct' }`. */
  readonly dialer?: DialerConfig;
}

export type EndpointConfig = (PlaceOfEndpoint | ServiceConfig | SocketConfig) & {
  /** 1 to 65535. Default: 1. */
  readonly weight?: number;
  /** Connections (HTTP: exchanges) at once. Default: no cap. */
  readonly maxConnections?: number;
};

interface PlaceOfEndpoint {
  /** A name stands for as many endpoints as it has addresses. */
  readonly host: string;
  readonly port: number | string;
  readonly srv?: never;
  readonly unix?: never;
}

interface ServiceConfig {
  /** A name with SRV records. */
  readonly srv: string;
  readonly host?: never;
  readonly port?: never;
  readonly unix?: never;
}

interface SocketConfig extends UnixTargetConfig {
  readonly srv?: never;
}

interface AnyCheck {
  /** Default: 5 s. */
  readonly interval?: Duration;
  /** Default: 2 s. */
  readonly timeout?: Duration;
  /** So many in a row bring an endpoint up. Default: 2. */
  readonly rise?: number;
  /** So many in a row bring it down. Default: 3. */
  readonly fall?: number;
}

export type HealthConfig = TcpCheckConfig | HttpCheckConfig | ExchangeCheckConfig;

export interface TcpCheckConfig extends AnyCheck {
  readonly type?: 'tcp';
}

export interface HttpCheckConfig extends AnyCheck {
  readonly type: 'http';
  /** Default: `/`. */
  readonly path?: string;
  /** The Host field. Default: the endpoint. */
  readonly host?: string;
  /** Default: `GET`. */
  readonly method?: 'GET' | 'HEAD' | 'OPTIONS';
  /** What is well: 204, '200-299', or a list. Default: '200-399'. */
  readonly status?: number | string | readonly (number | string)[];
}

export interface ExchangeCheckConfig extends AnyCheck {
  readonly type: 'exchange' | 'send-expect';
  /** Text with escapes such as `\r\n` and `\x00`, or bytes. Default: nothing. */
  readonly send?: string | Uint8Array;
  /** Text that the answer holds, or `/a regular expression/`. Default: any byte. */
  readonly expect?: string;
}

export interface BreakerConfig {
  /** So many failed dials in a row take an endpoint out. Default: 5. */
  readonly failures?: number;
  /** For how long, the first time; then twice as long. Default: 10 s. */
  readonly openFor?: Duration;
  /** Default: ten times `openFor`, but at most 5 min. */
  readonly openForMax?: Duration;
}

/** In code also a function: a `Dialer`. */
export type DialerConfig = DirectDialerConfig | TlsDialerConfig | ProxyDialerConfig | CustomDial;

export interface DirectDialerConfig {
  readonly type: 'direct';
}

/** TLS to the endpoint. */
export interface TlsDialerConfig extends UpstreamTlsConfig {
  readonly type: 'tls';
}

/** Through a proxy, where names are resolved. */
export interface ProxyDialerConfig {
  readonly type: 'socks5' | 'http-connect';
  readonly host: string;
  readonly port: number | string;
  /** With `password`. */
  readonly username?: string;
  readonly password?: string;
}
