/**
 * Caps, rates, queues and PROXY headers as a program writes them.
 *
 * Must never do: judge. Read first: `define-config.ts`, docs/guides/configuration.md.
 */
import type { Duration } from './define-config.ts';

/** A queue, or a waiting room. */
export interface QueueConfig {
  /** How many may wait for a place; 0: refused at once. */
  readonly size: number;
}

interface AnyRate {
  /** Default: `1s`. */
  readonly per?: Duration;
  /** So many at once after a pause. Default: what may begin in each `per`. */
  readonly burst?: number;
}

/** Of the whole proxy, or of a listener: `Together` is everybody as one. */
export interface ConnectionRateConfig<Together extends string> extends AnyRate {
  /** So many may begin in each `per`. */
  readonly connections: number;
  /** For each client (IPv6: each /64), or for all of them together. Default: `ip`. */
  readonly by?: 'ip' | Together;
}

/** Of a route: connections, requests, or both. */
export interface RouteRateConfig extends AnyRate {
  readonly connections?: number;
  /** HTTP only. */
  readonly requests?: number;
  /** For each client (IPv6: each /64), or for the route. Default: `ip`. */
  readonly by?: 'ip' | 'route';
}

export interface AcceptProxyConfig {
  /** Who may send a PROXY header. Default: anybody. */
  readonly from?: string | readonly string[];
  /** `false`, with `from`: who is not among them, or sends none, is served as itself. Default: `true`. */
  readonly required?: boolean;
}

/** Lists for every route that has none of the same kind. */
export interface DefaultsConfig {
  readonly ipAllowList?: string | readonly string[];
  readonly ipBlockList?: string | readonly string[];
}
