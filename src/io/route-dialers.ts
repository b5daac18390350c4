/**
 * Which dialer a route's upstreams are reached by: the plain one, or one that agrees on TLS before it hands the leg over.
 *
 * Decides nothing; the route's plan does. One dialer for each way of securing, so that sessions towards an upstream are
 * resumed. Read first: `tls/secure-dialing.ts`.
 */
import type { RoutePlan } from '../routing/plan.ts';
import type { UpstreamTlsPlan } from '../routing/tls-plan.ts';
import type { Dialer } from './dialer.ts';

/** What is spoken over the leg: it is agreed on in the handshake. `raw`: whatever the client sends. */
export type UpstreamSpeech = 'raw' | 'http1' | 'h2';

export type DialerOf = (route: RoutePlan, speech: UpstreamSpeech) => Dialer;

/** @param secured wraps the plain dialer; called once for each plan and speech. */
export function routeDialers(
  plain: Dialer,
  secured: (plan: UpstreamTlsPlan, speech: UpstreamSpeech) => Dialer,
): DialerOf {
  const known = new Map<UpstreamTlsPlan, Map<UpstreamSpeech, Dialer>>();
  return ({ tls }, speech) => {
    const plan = tls?.upstream ?? null;
    if (plan === null) return plain;
    const bySpeech = known.get(plan) ?? new Map<UpstreamSpeech, Dialer>();
    known.set(plan, bySpeech);
    const dialer = bySpeech.get(speech) ?? secured(plan, speech);
    bySpeech.set(speech, dialer);
    return dialer;
  };
}
