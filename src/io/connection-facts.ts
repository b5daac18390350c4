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
import { handlerProxied } from './proxied.ts';
import type { Sighting } from './sniffer.ts';
import { handlerTls } from './tls/secured-client.ts';

/** @param route null: HTTP, whose routes are chosen request by request; until then the listener's deadlines hold. */
export function routedFact(
  route: RoutePlan | null,
  sighting: Sighting,
  { listener, ageMs, attemptsMax, waits }: Facts,
): ConnectionFact {
  const action = route?.action ?? null;
  return {
    type: 'sniff.routed',
    serves: action === null ? 'http' : action.type === 'forward' ? 'upstream' : 'handler',
    timeouts: (route?.timeouts ?? listener.plan.timeouts).values,
    attemptsMax,
    waits,
    keepHalfOpen: route?.keepHalfOpen ?? false,
    answerable: sighting.protocol !== null && canRefuse(sighting.protocol),
    ageMs,
  };
}

interface Facts {
  readonly listener: Connection['listener'];
  readonly ageMs: number;
  readonly attemptsMax: number;
  readonly waits: boolean;
}

export function handlerFacts({
  connectionId,
  route,
  listener,
  client,
  peer,
  greeting: { sighting, tls, proxied },
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
    proxied: handlerProxied(proxied, peer),
  };
}

/** What a refused client is written, and whether it gets a FIN even if that is nothing. @param wallMs the time of day. */
export function refusalOf(
  { route, greeting: { sighting, meantTls }, connectionId, subject }: Connection,
  reason: CloseReason,
  wallMs: number,
): { readonly answer: Uint8Array | null; readonly isWorthFin: boolean } {
  const how = mannerOf(route);
  const protocol = sighting?.protocol ?? null;
  const says = meantTls === null ? null : tlsHint(meantTls, subject.local.port);
  const answer = how === 'reply' && protocol !== null ? refusal(protocol, reason, connectionId, wallMs, says) : null;
  return { answer, isWorthFin: answer !== null || how === 'fin' };
}

/** A name that was sent comes back only where a route has it, and it is made of a host name's letters. */
function tlsHint(host: string, port: number): string {
  const where = host === '' ? 'https' : `https://${host}${port === 443 ? '' : `:${port}`}/`;
  return `plain HTTP was sent to a port that speaks TLS, use ${where}`;
}

/** `h2c` is HTTP/2 in clear text (RFC 9113 §3.1); inside of TLS its name is `h2`. */
export function spokenBy({ sighting, tls }: Connection['greeting']): string | null {
  const protocol = sighting?.protocol ?? null;
  return protocol === 'h2c' && tls !== null ? 'h2' : protocol;
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
