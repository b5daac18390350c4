/**
 * Builds the one record of a closed connection: who, why, which deadline with which limit from which line.
 *
 * Decides nothing; it reads what the connection and its chart know at the moment of CLOSED.
 */
import { deadlineOf, describeReason, type CloseReason, type CloseSide, type ReleaseManner } from '../machines/connection/close-reason.ts';
import type { Connection } from './connection.ts';
import type { Address } from './leg.ts';
import type { ClosedRecord } from './reports.ts';
import { round } from './timeline.ts';

export function closedRecord(
  connection: Connection,
  reason: CloseReason,
  nowMs: number,
): { readonly record: ClosedRecord; readonly manner: ReleaseManner } {
  const { route, listener, downstream, upstream } = connection;
  const described = describeReason(reason);
  const deadline = deadlineOf(reason);
  const timeouts = route?.timeouts ?? listener.plan.timeouts;
  const stays = connection.timeline.entries(nowMs).filter((stay) => stay.state !== 'CLOSED');
  const upstreamAddress = upstream?.remote ?? connection.target;
  const record: ClosedRecord = {
    event: 'connection.closed',
    connectionId: connection.connectionId,
    listener: listener.name,
    route: route?.name ?? null,
    client: addressText(downstream.remote),
    upstream: upstreamAddress === null ? null : addressText(upstreamAddress),
    protocol: connection.sighting?.protocol ?? null,
    reason,
    by: byOf(connection, reason, described.by),
    state: connection.causeState === '' ? connection.chart.state : connection.causeState,
    deadline,
    limitMs: deadline === null ? null : timeouts.values[deadline],
    configPath: deadline === null ? (route?.configPath ?? null) : timeouts.sources[deadline],
    code: connection.cause?.code ?? null,
    cause: connection.cause?.text ?? null,
    interpreter: listener.interpreter,
    durationMs: round(nowMs - connection.acceptedAtMs),
    path: stays.map(({ state, ms }) => [state, ms]),
    bytesIn: downstream.receivedBytes,
    bytesOut: downstream.sentBytes,
    timeline: stays,
  };
  return { record, manner: described.manner };
}

/** A completed connection was ended by whoever sent FIN first. */
function byOf(connection: Connection, reason: CloseReason, by: CloseSide): CloseSide {
  return reason === 'completed' ? (connection.endedFirst ?? by) : by;
}

/** `127.0.0.1:80`, `[::1]:80`, or the path of a UNIX socket. */
export function addressText({ host, port }: Address): string {
  if (port === 0 && host.startsWith('/')) return host;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
