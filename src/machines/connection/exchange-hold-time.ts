/**
 * The longest time one HTTP exchange can take when nobody moves a byte, by the deadlines of its listener and its route.
 *
 * Decides nothing: the exchange's chart does. Two ends: the exchange is over, or both legs were handed over to become a
 * tunnel, whose deadlines are the connection's. Read first: `../chart/hold-time.ts`, `../exchange/machine.ts`.
 */
import { holdTime, type HoldTime } from '../chart/hold-time.ts';
import { initialContext } from '../exchange/context.ts';
import type { ExchangeFact } from '../exchange/events.ts';
import { exchangeTable } from '../exchange/exchange-chart.ts';
import type { Timeouts } from './delays.ts';

export interface ExchangePolicy {
  /** In force until a route is chosen. */
  readonly listener: Timeouts;
  readonly route: Timeouts;
  /** At least 1. */
  readonly attemptsMax: number;
  /** True exactly when the route has no upstream and no handler to wait for. */
  readonly answersItself: boolean;
}

/** To the end of the exchange, by whichever way takes longest; a tunnel inside the connection (RFC 8441) is one. */
export function exchangeHoldTime(policy: ExchangePolicy): HoldTime {
  return holdTime(questionOf(policy, { type: 'upgrade.accepted', isHandedOver: false }));
}

/** To the moment at which both legs are handed over; null where that cannot be. */
export function handOverHoldTime(policy: ExchangePolicy): HoldTime | null {
  if (policy.answersItself) return null;
  return holdTime({ ...questionOf(policy, { type: 'upgrade.accepted', isHandedOver: true }), through: 'handOver' });
}

function questionOf(policy: ExchangePolicy, upgraded: ExchangeFact) {
  const facts = [...silentExchangeFacts(policy), ...(policy.answersItself ? [] : [upgraded])];
  return { table: exchangeTable, context: initialContext({ timeouts: policy.listener }), facts, activity: null };
}

/** Every fact that an exchange can hear without a further byte having moved, but how it is upgraded. */
export function silentExchangeFacts({
  route: timeouts,
  attemptsMax,
  answersItself,
}: ExchangePolicy): readonly ExchangeFact[] {
  const served: readonly ExchangeFact[] = [
    { type: 'exchange.routed', timeouts, attemptsMax },
    { type: 'place.granted' },
    { type: 'upstream.acquired' },
    { type: 'dial.failed', reason: 'upstream.refused', retryable: true },
    { type: 'dial.failed', reason: 'upstream.refused', retryable: false },
    { type: 'response.began' },
    { type: 'response.ended' },
    { type: 'upstream.blocked' },
    { type: 'downstream.blocked' },
    { type: 'upstream.failed', reason: 'upstream.reset', retryable: true },
    { type: 'upstream.failed', reason: 'upstream.reset', retryable: false },
  ];
  return [
    { type: 'head.received', hasBody: true, expectsContinue: false },
    { type: 'head.received', hasBody: true, expectsContinue: true },
    { type: 'head.received', hasBody: false, expectsContinue: false },
    { type: 'exchange.answered', timeouts, reason: answersItself ? 'completed' : 'refused.route' },
    { type: 'request.ended' },
    { type: 'request.failed', reason: 'downstream.malformed' },
    { type: 'answer.written' },
    { type: 'downstream.failed', reason: 'downstream.reset' },
    ...(answersItself ? [] : served),
  ];
}
