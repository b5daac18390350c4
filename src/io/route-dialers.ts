/**
 * How the upstreams of a route are reached: TLS over a PROXY header over a tunnel over a connection of the system's, as far
 * as the route and its pool ask for each.
 *
 * Decides the order of these layers, and that TLS is agreed on once: `dialer: tls` stands for the route's own. One dialer
 * for each way, made when it is first asked for. Read first: `dialer.ts`, the files of `dialing/`, `tls/secure-dialing.ts`.
 */
import type { RoutePlan } from '../routing/plan.ts';
import type { DialerPlan } from '../routing/pool-plan.ts';
import type { UpstreamTlsPlan } from '../routing/tls-plan.ts';
import type { Dialer } from './dialer.ts';
import { customDialer } from './dialing/custom-dialing.ts';
import { introducing } from './dialing/introducing.ts';
import { tunnelDialer } from './dialing/tunnel-dialing.ts';
import type { LegPorts } from './leg-base.ts';

/** What is spoken over the leg: it is agreed on in the handshake. `raw`: whatever the client sends. */
export type UpstreamSpeech = 'raw' | 'http1' | 'h2';

export type DialerOf = (route: RoutePlan, speech: UpstreamSpeech) => Dialer;

export interface DialerParts {
  /** Reaches what it is told to, by the system's own connections. */
  readonly plain: Dialer;
  /** Agrees on TLS over what another dialer reaches; called once for each way and speech. */
  readonly secured: (beneath: Dialer, plan: UpstreamTlsPlan, speech: UpstreamSpeech) => Dialer;
  /** For legs that a dialer of the embedding program's brings as streams. */
  readonly legPorts: LegPorts;
}

export interface Dialers {
  readonly of: DialerOf;
  /** For what no route asks for: checks. In clear text unless the plan itself says TLS; it sends the order's PROXY header. */
  readonly reaching: (plan: DialerPlan) => Dialer;
}

/** What TLS with the route's upstreams is agreed by; null = clear text. */
export function upstreamTlsOf(route: RoutePlan): UpstreamTlsPlan | null {
  const plan = dialerPlanOf(route);
  return plan.type === 'tls' ? plan.tls : (route.tls?.upstream ?? null);
}

/** A pool's own, else the route's. */
export function dialerPlanOf({ action }: RoutePlan): DialerPlan {
  return action.type === 'forward' ? (action.pool?.dialer ?? action.dialer) : direct;
}

const direct: DialerPlan = { type: 'direct' };

export function createDialers(parts: DialerParts): Dialers {
  const plainly = introducing(parts.plain);
  const beneathTls = new WeakMap<DialerPlan, Dialer>();
  const inTls = new WeakMap<Dialer, WeakMap<UpstreamTlsPlan, Map<UpstreamSpeech, Dialer>>>();

  function beneath(plan: DialerPlan): Dialer {
    if (plan.type === 'direct' || plan.type === 'tls') return plainly;
    const known = beneathTls.get(plan);
    if (known !== undefined) return known;
    const tunnel = plan.type === 'custom' ? customDialer(plan.dial, parts.legPorts) : tunnelDialer(parts.plain, plan);
    const dialer = introducing(tunnel);
    beneathTls.set(plan, dialer);
    return dialer;
  }

  function secured(dialer: Dialer, tls: UpstreamTlsPlan, speech: UpstreamSpeech): Dialer {
    const byPlan = inTls.get(dialer) ?? new WeakMap<UpstreamTlsPlan, Map<UpstreamSpeech, Dialer>>();
    inTls.set(dialer, byPlan);
    const bySpeech = byPlan.get(tls) ?? new Map<UpstreamSpeech, Dialer>();
    byPlan.set(tls, bySpeech);
    const known = bySpeech.get(speech) ?? parts.secured(dialer, tls, speech);
    bySpeech.set(speech, known);
    return known;
  }

  return {
    of(route, speech) {
      const dialer = beneath(dialerPlanOf(route));
      const tls = upstreamTlsOf(route);
      return tls === null ? dialer : secured(dialer, tls, speech);
    },
    reaching(plan) {
      return plan.type === 'tls' ? secured(beneath(plan), plan.tls, 'raw') : beneath(plan);
    },
  };
}
