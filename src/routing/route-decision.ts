/**
 * The question a route table is asked, and its answers: shapes only.
 *
 * Read first: `plan.ts`, then `route-table.ts`.
 */
import type { Preface } from '../protocols/detector.ts';
import type { RoutePlan } from './plan.ts';

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
