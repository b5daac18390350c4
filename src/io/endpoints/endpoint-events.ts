/**
 * What a pool tells of its endpoints: events as they happen, and what each is like now.
 *
 * Types only. Field names are stable. Read first: `endpoint-pool.ts`.
 */
import type { Address } from '../leg.ts';

export type EndpointEvent =
  /** It is given connections again, after it was not. */
  | { readonly event: 'endpoint.up'; readonly pool: string; readonly endpoint: string }
  /** It is given none: its checks say so, or it is wanted no more (`draining`). `detail`: what the last check found. */
  | {
      readonly event: 'endpoint.down';
      readonly pool: string;
      readonly endpoint: string;
      readonly cause: 'checks' | 'draining';
      readonly detail: string | null;
    }
  /** Dials failed too often, and it is left alone for `forMs`. */
  | {
      readonly event: 'endpoint.ejected';
      readonly pool: string;
      readonly endpoint: string;
      /** In a row. */
      readonly ejections: number;
      readonly forMs: number;
    }
  /** The set of endpoints has changed, by a name's answer. `endpoints`: all of the pool's. */
  | {
      readonly event: 'pool.resolved';
      readonly pool: string;
      readonly name: string;
      readonly endpoints: readonly string[];
    }
  /** A name is not answered, the first time in a row: what was known of it stays. */
  | {
      readonly event: 'pool.unresolved';
      readonly pool: string;
      readonly name: string;
      readonly cause: string;
      readonly retryMs: number;
    };

/** An endpoint, as it is now. */
export interface EndpointStatus {
  /** `10.0.0.1:5432`, `unix:/run/db.sock`. */
  readonly name: string;
  readonly pool: string;
  readonly address: Address;
  /** UP, EJECTED, HALF_OPEN, DOWN or DRAINING. */
  readonly state: string;
  /** The state with its substates: `UP.SETTLED.RESTING`. */
  readonly leaf: string;
  /** As it counts now: less than configured while it starts slowly. */
  readonly weight: number;
  /** Connections (HTTP: exchanges) that use it, those being dialled included. */
  readonly connections: number;
  /** Null = no cap. */
  readonly connectionsMax: number | null;
  /** Dials that failed since the last one that did not. */
  readonly failures: number;
  /** The last one that could be made; null before there was one. `atMs`: since 1970. */
  readonly lastCheck: CheckResult | null;
  /** When it may be tried again, since 1970; null unless it is ejected. */
  readonly ejectedUntilMs: number | null;
}

export interface CheckResult {
  readonly atMs: number;
  readonly passed: boolean;
  /** One clause. */
  readonly detail: string;
}
