/**
 * The question a route table is asked, and its answers: shapes only.
 *
 * Read first: `plan.ts`, then `route-table.ts`.
 */
import type { Preface } from '../protocols/detector.ts';
import type { Fields } from '../protocols/http/message.ts';
import type { PathMatch } from './http-plan.ts';
import type { RoutePlan, TargetPlan } from './plan.ts';

export interface Client {
  /** As the system tells it. */
  readonly ip: string;
}

export interface RouteSubject extends Client {
  /** A detector's name; null when none knew the bytes. */
  readonly protocol: string | null;
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
  /** The path cannot be brought into the one normalised form (`%00`, `..` above the root): 400. */
  | { readonly kind: 'malformed'; readonly detail: string };
