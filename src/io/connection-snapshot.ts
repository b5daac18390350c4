/**
 * What a live connection looks like now, for `connections()` and `explain`.
 *
 * Decides nothing. Made only when somebody asks.
 */
import { spokenBy } from './connection-facts.ts';
import type { Connection } from './connection.ts';
import { headerName, peerBeside, uniqueIdOf } from './proxied.ts';
import type { ConnectionSnapshot } from './reports.ts';
import { round } from './timeline.ts';

export function connectionSnapshot(connection: Connection, nowMs: number): ConnectionSnapshot {
  const { chart, downstream, listener, greeting, timeline } = connection;
  return {
    connectionId: connection.connectionId,
    listener: listener.name,
    route: connection.route?.name ?? null,
    client: connection.client,
    upstream: connection.upstreamAddress,
    protocol: spokenBy(greeting),
    serverName: greeting.sighting?.preface?.serverName ?? null,
    state: chart.state,
    leaf: chart.leaf,
    interpreter: listener.interpreter,
    ageMs: round(nowMs - connection.acceptedAtMs),
    stateMs: round(nowMs - timeline.enteredMs),
    bytesIn: downstream.receivedBytes,
    bytesOut: downstream.sentBytes,
    bufferedBytes: bufferedBytes(connection),
    timeline: timeline.entries(nowMs),
    exchanges: connection.exchanges(),
    peer: peerBeside(connection.client, connection.peer),
    proxyHeader: headerName(greeting.proxied),
    uniqueId: uniqueIdOf(greeting.proxied),
  };
}

/** Taken from one side and not yet handed to the system for the other. */
export function bufferedBytes({ bufferedBefore, downstream, upstream }: Connection): number {
  if (upstream === null) return downstream.heldBytes;
  const inside = downstream.receivedBytes - upstream.sentBytes + upstream.receivedBytes - downstream.sentBytes;
  return inside - bufferedBefore;
}
