/**
 * Caps, rates, queues and lists, out of a configuration in which nothing is wrong.
 *
 * Decides: what is off where nothing is said, and that a route's own list replaces the default one of the same kind.
 * Must never do: refuse anything. Read first: `../routing/plan.ts` (AdmissionPlan), `../routing/rate.ts`.
 */
import { compileAccess } from '../routing/access.ts';
import type { AccessPlan, AdmissionPlan, ProxyHeaderPlan } from '../routing/plan.ts';
import type { RatePlan } from '../routing/rate.ts';
import type { AcceptProxyInput } from './schema-proxy-header.ts';

export const unlimited: AdmissionPlan = { maxConnections: null, maxConnectionsPerIp: null, rates: [], waitersMax: 0 };

/** What of the configuration makes an admission, wherever it stands. */
export interface AdmissionInput {
  readonly maxConnections?: number | undefined;
  readonly maxConnectionsPerIp?: number | undefined;
  readonly rateLimit?: RateInput | undefined;
  readonly waitingRoom?: { readonly size: number } | undefined;
}

interface RateInput {
  readonly connections?: number | undefined;
  readonly requests?: number | undefined;
  readonly per?: number | null | undefined;
  readonly by?: string | undefined;
  readonly burst?: number | undefined;
}

export function admissionPlan(written: AdmissionInput): AdmissionPlan {
  return {
    maxConnections: written.maxConnections ?? null,
    maxConnectionsPerIp: written.maxConnectionsPerIp ?? null,
    rates: ratePlans(written.rateLimit),
    waitersMax: written.waitingRoom?.size ?? 0,
  };
}

const perDefaultMs = 1_000;

/** One for what is counted. Whoever is not counted by address is counted together. */
function ratePlans(written: RateInput = {}): readonly RatePlan[] {
  const perMs = written.per ?? perDefaultMs;
  const by = (written.by ?? 'ip') === 'ip' ? 'ip' : 'route';
  return (['connections', 'requests'] as const).flatMap((unit) => {
    const amount = written[unit];
    return amount === undefined ? [] : [{ amount, perMs, burst: written.burst ?? amount, unit, by }];
  });
}

export interface ListsInput {
  readonly ipAllowList?: readonly string[] | undefined;
  readonly ipBlockList?: readonly string[] | undefined;
}

/** Key by key: what the route says, else what counts for every route that says nothing. */
export function accessPlan(own: ListsInput = {}, defaults: ListsInput = {}): AccessPlan | null {
  const allow = own.ipAllowList ?? defaults.ipAllowList;
  const block = own.ipBlockList ?? defaults.ipBlockList;
  return allow === undefined && block === undefined ? null : { allow: allow ?? null, block: block ?? [] };
}

/** For one question about what was built; who asks for every client compiles the lists. */
export function letsPass(access: AccessPlan | null, ip: string): boolean {
  return access === null || compileAccess(access)(ip);
}

export function proxyHeaderPlan(written: AcceptProxyInput | undefined): ProxyHeaderPlan | null {
  if (written === undefined || written === false) return null;
  if (written === true) return { from: null, required: true };
  return { from: written.from ?? null, required: written.required ?? true };
}
