/**
 * Builds the one record of a closed connection: who, why, which deadline with which limit from which line.
 *
 * Decides nothing; it reads what the connection and its chart know at the moment of CLOSED.
 */
import { deadlineOf, describeReason, type CloseReason, type CloseSide } from '../machines/connection/close-reason.ts';
import { spokenBy } from './connection-facts.ts';
import type { Connection } from './connection.ts';
import { addressText } from './address-text.ts';
import { headerName, peerBeside, uniqueIdOf } from './proxied.ts';
import type { ClosedRecord } from './reports.ts';
import { round } from './timeline.ts';

/** The first thing that went wrong, as the operating system or a callback told it. */
export interface Cause {
  readonly code: string | null;
  readonly text: string | null;
}

export function closedRecord(connection: Connection, reason: CloseReason, nowMs: number): ClosedRecord {
  const { listener, downstream, causeState } = connection;
  const cause = connection.cause ?? fullCloseOf(connection);
  const described = describeReason(reason);
  const stays = connection.timeline.entries(nowMs);
  return {
    event: 'connection.closed',
    connectionId: connection.connectionId,
    listener: listener.name,
    route: connection.route?.name ?? null,
    client: addressText(connection.client),
    upstream: connection.upstreamAddress === null ? null : addressText(connection.upstreamAddress),
    protocol: spokenBy(connection.greeting),
    ...greetedBy(connection),
    reason,
    by: byOf(connection, reason, described.by),
    state: causeState === '' ? connection.chart.state : causeState,
    ...limitOf(connection, reason),
    code: cause?.code ?? null,
    cause: cause?.text ?? null,
    interpreter: listener.interpreter,
    durationMs: round(nowMs - connection.acceptedAtMs),
    path: stays.map(({ state, ms }) => [state, ms]),
    bytesIn: downstream.receivedBytes,
    bytesOut: downstream.sentBytes,
    ...introducedBy(connection),
    attempts: connection.chart.context.attempt,
    timeline: stays,
  };
}

/** Whom the client asked for, and what the handshake came to. */
function greetedBy({ greeting: { tls, sighting } }: Connection): Pick<ClosedRecord, 'serverName' | 'tls'> {
  if (tls === null) return { serverName: sighting?.preface?.serverName ?? null, tls: null };
  const { serverName, version, cipher, alpn, isResumed } = tls;
  return { serverName, tls: { version, cipher, alpn, isResumed } };
}

/** Who is in front of the client, by the PROXY header that was believed. */
function introducedBy({
  client,
  peer,
  greeting: { proxied },
}: Connection): Pick<ClosedRecord, 'peer' | 'proxyHeader' | 'uniqueId'> {
  const beside = peerBeside(client, peer);
  return {
    peer: beside === null ? null : addressText(beside),
    proxyHeader: headerName(proxied),
    uniqueId: uniqueIdOf(proxied),
  };
}

/** The side that was to hear of the other's FIN had no half-close, so that its own direction ended with it. */
function fullCloseOf({ endedFirst, downstream, upstream }: Connection): Connection['cause'] {
  const told = endedFirst === 'downstream' ? upstream : endedFirst === 'upstream' ? downstream : null;
  if (told === null || told.canHalfClose) return null;
  const side = told === downstream ? 'downstream' : 'upstream';
  return { code: 'SALLYPORT_FULL_CLOSE', text: `the ${side} transport cannot half-close, so its end was a full close` };
}

/** The deadline that passed, its limit, and the line it was configured on; the route's own line for every other reason. */
function limitOf(
  { route, listener }: Connection,
  reason: CloseReason,
): Pick<ClosedRecord, 'deadline' | 'limitMs' | 'configPath'> {
  const deadline = deadlineOf(reason);
  if (deadline === null) return { deadline, limitMs: null, configPath: route?.configPath ?? null };
  const timeouts = route?.timeouts ?? listener.plan.timeouts;
  return { deadline, limitMs: timeouts.values[deadline], configPath: timeouts.sources[deadline] };
}

/** A completed connection was ended by whoever sent FIN first. */
function byOf(connection: Connection, reason: CloseReason, by: CloseSide): CloseSide {
  return reason === 'completed' ? (connection.endedFirst ?? by) : by;
}
