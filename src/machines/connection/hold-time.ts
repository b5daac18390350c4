/**
 * The longest time one connection of a route can hold its slot, by the deadlines of its listener and its route.
 *
 * Decides nothing: the charts do. Two questions: a peer that is *silent* (no byte moves; everything else happens at the
 * last moment), and a *hostile* one that trickles bytes for as long as bytes renew a deadline. Where requests are served
 * the silent peer makes one request, at the last moment too, and falls silent in the middle of it: the stay in BUSY is the
 * longest walk of the exchange's own chart. What an operator does, drain or kill, only ever shortens.
 * Read first: `../chart/hold-time.ts`, `exchange-hold-time.ts`.
 */
import { holdTime, type HoldQuestion, type HoldTime, type InnerHold } from '../chart/hold-time.ts';
import type { ConnectionCommand } from './commands.ts';
import { connectionTable } from './connection-chart.ts';
import { initialContext, type ConnectionContext, type Serves } from './context.ts';
import type { Timeouts } from './delays.ts';
import type { ConnectionFact } from './events.ts';
import { exchangeHoldTime, handOverHoldTime } from './exchange-hold-time.ts';

export interface HoldPolicy {
  /** In force until a route is chosen. */
  readonly listener: Timeouts;
  readonly route: Timeouts;
  /** At least 1. */
  readonly attemptsMax: number;
  readonly keepHalfOpen: boolean;
  /** True exactly when the listener looks for a PROXY header. */
  readonly expectsProxyHeader: boolean;
  /** True exactly when the route, or the pool behind it, has a queue. */
  readonly mayWait: boolean;
  /** Who the client's stream is given to. `answers`: the HTTP service, by whose route nobody else is asked. */
  readonly serves: Serves | 'answers';
}

export interface ConnectionHoldTime {
  readonly silent: HoldTime;
  readonly hostile: HoldTime;
}

export function connectionHoldTime(policy: HoldPolicy): ConnectionHoldTime {
  const question = {
    table: connectionTable,
    context: initialContext({ timeouts: policy.listener, expectsProxyHeader: policy.expectsProxyHeader }),
    facts: (ageMs: number) => silentFacts(policy, ageMs),
    passing,
  };
  return {
    silent: holdTime({ ...question, activity: null, ...insideOf(policy, false) }),
    hostile: holdTime({ ...question, activity: 'bytes.flowed', ...insideOf(policy, true) }),
  };
}

/** Who the client is, is known or refused at once. */
const passing: ReadonlySet<string> = new Set(['SNIFFING.IDENTIFIED']);

type Inside = Required<Pick<HoldQuestion<ConnectionContext, ConnectionFact, ConnectionCommand>, 'once' | 'inside'>>;

const noneInside: readonly InnerHold<ConnectionFact>[] = [];
const oneRequest: Inside['once'] = new Set(['exchange.opened'] as const);
/** Requests follow one another, or one of them trickles. */
const endless: InnerHold<ConnectionFact> = { hold: { totalMs: null, path: [] }, ends: [] };

/** An exchange holds BUSY. LAST_EXCHANGE, which goes on with the same one, leads nowhere that takes longer. */
function insideOf({ serves, ...policy }: HoldPolicy, isHostile: boolean): Inside {
  if (serves !== 'http' && serves !== 'answers') return { once: oneRequest, inside: () => noneInside };
  const asked = { ...policy, answersItself: serves === 'answers' };
  const handOver = handOverHoldTime(asked);
  const inside: readonly InnerHold<ConnectionFact>[] = [
    isHostile ? endless : { hold: exchangeHoldTime(asked), ends: ['exchange.closed', 'service.finished'] },
    ...(handOver === null ? [] : [{ hold: handOver, ends: ['connection.upgraded'] as const }]),
  ];
  return { once: oneRequest, inside: (leaf) => (leaf === 'ESTABLISHED.HTTP.BUSY' ? inside : noneInside) };
}

/** Every fact that a connection can hear without a byte having moved, but what an operator does. */
export function silentFacts(policy: HoldPolicy, ageMs: number): readonly ConnectionFact[] {
  const { route: timeouts, attemptsMax, keepHalfOpen, serves, mayWait } = policy;
  const isHttp = serves === 'http' || serves === 'answers';
  const routed = { type: 'sniff.routed', ageMs, attemptsMax, keepHalfOpen, answerable: true, waits: false } as const;
  return [
    { type: 'admission.granted' },
    { type: 'admission.refused', reason: 'refused.address' },
    { type: 'proxyHeader.read' },
    { type: 'client.identified' },
    { type: 'preface.received', answerable: true },
    ...(mayWait && serves === 'upstream' ? waitingFacts({ ...routed, serves, timeouts, waits: true }) : []),
    isHttp ? { ...routed, serves: 'http', timeouts: policy.listener } : { ...routed, serves, timeouts },
    { type: 'sniff.failed', reason: 'refused.route', answerable: true },
    { type: 'tls.chosen' },
    { type: 'tls.secured' },
    { type: 'dial.resolved' },
    { type: 'dial.connected' },
    { type: 'dial.succeeded', ageMs },
    { type: 'dial.failed', reason: 'upstream.refused', retryable: true },
    { type: 'dial.failed', reason: 'upstream.refused', retryable: false },
    { type: 'downstream.ended', heldBytes: 0, ageMs },
    { type: 'downstream.ended', heldBytes: 1, ageMs },
    { type: 'upstream.ended', ageMs },
    { type: 'downstream.failed', reason: 'downstream.reset' },
    { type: 'upstream.failed', reason: 'upstream.reset' },
    { type: 'splice.flushed' },
    { type: 'refusal.skipped' },
    ...(isHttp ? serviceFacts(timeouts, ageMs) : []),
  ];
}

/** What a connection hears where its route or its endpoints have a queue. Exchanges wait in their own chart, handlers never. */
function waitingFacts(routed: ConnectionFact): readonly ConnectionFact[] {
  return [
    routed,
    { type: 'place.granted' },
    { type: 'place.lost', reason: 'refused.capacity' },
    { type: 'dial.postponed' },
  ];
}

/** The age of an upgraded connection is no reason to cut it. */
function serviceFacts(timeouts: Timeouts, ageMs: number): readonly ConnectionFact[] {
  return [
    { type: 'exchange.opened' },
    { type: 'exchange.closed', timeouts, ageMs },
    { type: 'service.finished', reason: 'completed', timeouts, ageMs },
    { type: 'service.failed', reason: 'upstream.truncated' },
    { type: 'service.flushed' },
    { type: 'connection.upgraded', timeouts: { ...timeouts, lifetime: null }, ageMs, pingMs: null },
  ];
}

/**
 * The silent hold time in milliseconds for a configuration's budget; null = unbounded.
 * A route that keeps half-open clients holds no longer than one that does not, so the answer is the same for both.
 */
export function silentHoldTime(
  timeouts: Timeouts,
  attemptsMax: number,
  servesHttp = false,
  mayWait = false,
): number | null {
  const serves = servesHttp ? 'http' : 'upstream';
  return connectionHoldTime({
    listener: timeouts,
    route: timeouts,
    attemptsMax,
    keepHalfOpen: true,
    expectsProxyHeader: false,
    mayWait,
    serves,
  }).silent.totalMs;
}
