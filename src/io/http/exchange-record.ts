/**
 * What is told of an exchange: a snapshot while it lives, one record when it is over.
 *
 * Decides nothing; it reads what the exchange and its chart know. The query of a target is never told.
 */
import { stateOf } from '../../machines/chart/chart.ts';
import { deadlineOf, describeReason, type CloseReason } from '../../machines/connection/close-reason.ts';
import { addressText } from '../address-text.ts';
import type { ExchangeRecord, ExchangeSnapshot } from '../reports.ts';
import { pathOfTarget } from '../../protocols/http/target-path.ts';
import { round } from '../timeline.ts';
import type { Exchange } from './exchange.ts';

export function exchangeSnapshot(exchange: Exchange): ExchangeSnapshot {
  const { chart, head, timeline, upstream, verdict } = exchange;
  const nowMs = exchange.ports.clock.nowMs();
  return {
    exchangeId: exchange.exchangeId,
    route: verdict?.route?.name ?? null,
    upstream: upstream?.address ?? null,
    method: head?.method ?? '',
    authority: head?.authority ?? '',
    requestPath: pathOfTarget(head?.target ?? ''),
    state: stateOf(chart.leaf),
    leaf: chart.leaf,
    ageMs: round(nowMs - exchange.openedAtMs),
    stateMs: round(nowMs - timeline.enteredMs),
  };
}

export function exchangeRecord(exchange: Exchange, reason: CloseReason): ExchangeRecord {
  const { holder, head, requester, verdict } = exchange;
  const nowMs = exchange.ports.clock.nowMs();
  const stays = exchange.timeline.entries(nowMs);
  return {
    event: 'exchange.closed',
    exchangeId: exchange.exchangeId,
    connectionId: holder.connectionId,
    listener: holder.listener.name,
    route: verdict?.route?.name ?? null,
    client: addressText(holder.client),
    upstream: exchange.upstreamAddress === null ? null : addressText(exchange.upstreamAddress),
    protocol: requester.protocol,
    method: head?.method ?? '',
    authority: head?.authority ?? '',
    requestPath: pathOfTarget(head?.target ?? ''),
    status: exchange.status,
    reason,
    by: describeReason(reason).by,
    state: exchange.causeState === '' ? stateOf(exchange.chart.leaf) : exchange.causeState,
    ...limitOf(exchange, reason),
    code: exchange.code,
    cause: exchange.cause,
    interpreter: holder.listener.interpreter,
    durationMs: round(nowMs - exchange.openedAtMs),
    path: stays.map(({ state, ms }) => [state, ms]),
    bytesIn: exchange.bytesIn,
    bytesOut: exchange.bytesOut,
    isReused: exchange.wasReused,
    clientIp: exchange.clientIp,
    attempts: exchange.chart.context.attempt,
    timeline: stays,
  };
}

/** The deadline that passed, its limit, and the line it was configured on; the route's own line for every other reason. */
function limitOf(
  { verdict, holder }: Exchange,
  reason: CloseReason,
): Pick<ExchangeRecord, 'deadline' | 'limitMs' | 'configPath'> {
  const deadline = deadlineOf(reason);
  const route = verdict?.route ?? null;
  if (deadline === null) return { deadline, limitMs: null, configPath: route?.configPath ?? null };
  const timeouts = route?.timeouts ?? holder.listener.plan.timeouts;
  return { deadline, limitMs: timeouts.values[deadline], configPath: timeouts.sources[deadline] };
}
