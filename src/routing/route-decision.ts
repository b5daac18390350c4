/**
 * The question a route table is asked, and its answers: shapes only.
 *
 * Read first: `plan.ts`, then `route-table.ts`.
 */
import type { Preface } from '../protocols/detector.ts';
import type { Fields } from '../protocols/http/message.ts';
import type { PathMatch } from './http-plan.ts';
import type { RoutePlan, TargetPlan } from './plan.ts';
import type { TlsVersion } from './tls-plan.ts';

/** What is known of a client before a byte of what it says is read. */
export interface Client {
  /** As the system tells it. */
  readonly ip: string;
  /** Null in clear text, and before a handshake. */
  readonly tls: TlsSubject | null;
}

/** What a terminated handshake tells of a client. */
export interface TlsSubject {
  readonly version: TlsVersion;
  /** `TlsPlan.policy` by which the handshake was made. */
  readonly policy: string;
  /** What both agreed to speak; null = nothing was negotiated. */
  readonly alpn: string | null;
  /** SNI, normalised; null = none was sent. */
  readonly serverName: string | null;
}

export interface RouteSubject extends Client {
  /** A detector's name; null when none knew the bytes. */
  readonly protocol: string | null;
  /** Of a client hello; behind terminated TLS the server name and the agreed protocol of its handshake. */
  readonly preface: Preface | null;
}

export type RouteDecision =
  | { readonly kind: 'route'; readonly route: RoutePlan }
  | { readonly kind: 'refused'; readonly reason: 'refused.route' | 'refused.protocol' };

/** One request, as routing sees it. */
export interface RequestSubject extends Client {
  /** What the connection speaks: HTTP/1.x, or HTTP/2 in clear text. `protocol: http` takes both. */
  readonly protocol: 'http' | 'h2c';
  /** True exactly when the request offers an upgrade to WebSocket (or RFC 8441's extended CONNECT for it). */
  readonly isWebSocket: boolean;
  /** Normalised; null when it named none, or an address in brackets. */
  readonly host: string | null;
  readonly method: string;
  /** As it came: origin-form or `*`. */
  readonly target: string;
  readonly fields: Fields;
}

export type RequestDecision =
  /** `targets`: those of a forward action that take the request, at least one; empty for other actions. */
  | {
      readonly kind: 'route';
      readonly route: RoutePlan;
      readonly path: PathMatch;
      readonly targets: readonly TargetPlan[];
    }
  | { readonly kind: 'refused'; readonly reason: 'refused.route' | 'refused.protocol' }
  /** The request belongs to a route behind another handshake policy than the one its connection was secured by: 421. */
  | { readonly kind: 'misdirected'; readonly route: RoutePlan }
  /** The path cannot be brought into the one normalised form (`%00`, `..` above the root): 400. */
  | { readonly kind: 'malformed'; readonly detail: string };
