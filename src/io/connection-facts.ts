/**
 * What is made of a connection's knowledge: the fact that says who it is for, what a handler is told, what a refused client
 * is answered.
 *
 * Pure; it reads and changes nothing. Read first: `connection.ts`.
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';
import type { ConnectionFact } from '../machines/connection/events.ts';
import { canRefuse, refusal } from '../protocols/refusals.ts';
import type { RoutePlan } from '../routing/plan.ts';
import type { Connection } from './connection.ts';
import type { HandlerFacts } from './handlers/lifetime.ts';
import type { Sighting } from './sniffer.ts';
import { handlerTls } from './tls/secured-client.ts';

/** @param route null: HTTP, whose routes are chosen request by request; until then the listener's deadlines hold. */
export function routedFact(route: RoutePlan | null, sighting: Sighting, { listener, ageMs }: Facts): ConnectionFact {
  const action = route?.action ?? null;
  return {
    type: 'sniff.routed',
    serves: action === null ? 'http' : action.type === 'forward' ? 'upstream' : 'handler',
    timeouts: (route?.timeouts ?? listener.plan.timeouts).values,
    attemptsMax: action?.type === 'forward' ? action.targets.length : 1,
    keepHalfOpen: route?.keepHalfOpen ?? false,
    answerable: sighting.protocol !== null && canRefuse(sighting.protocol),
    ageMs,
  };
}

interface Facts {
  readonly listener: Connection['listener'];
  readonly ageMs: number;
}

export function handlerFacts({
  connectionId,
  route,
  listener,
  client,
  greeting: { sighting, tls },
}: Connection): HandlerFacts {
  return {
    connectionId,
    exchangeId: null,
    route: route?.name ?? '',
    listener: listener.name,
    client,
    protocol: sighting?.protocol ?? null,
    serverName: sighting?.preface?.serverName ?? null,
    path: null,
    tls: handlerTls(tls),
  };
}

/** What a refused client is written, and whether it gets a FIN even if that is nothing. @param wallMs the time of day. */
export function refusalOf(
  { route, greeting: { sighting }, connectionId }: Connection,
  reason: CloseReason,
  wallMs: number,
): { readonly answer: Uint8Array | null; readonly isWorthFin: boolean } {
  const how = mannerOf(route);
  const protocol = sighting?.protocol ?? null;
  const answer = how === 'reply' && protocol !== null ? refusal(protocol, reason, connectionId, wallMs) : null;
  return { answer, isWorthFin: answer !== null || how === 'fin' };
}

/** True exactly when the refused client can be told, or its route wants it to get a FIN. */
export function isAnswerable(route: RoutePlan | null, sighting: Sighting): boolean {
  const how = mannerOf(route);
  if (how === 'fin') return true;
  return how === 'reply' && sighting.protocol !== null && canRefuse(sighting.protocol);
}

function mannerOf(route: RoutePlan | null): 'reset' | 'fin' | 'reply' {
  return route?.action.type === 'block' ? route.action.how : 'reply';
}
