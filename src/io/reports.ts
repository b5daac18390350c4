/**
 * What the shell reports about connections: the port through which `observe/` hears of them.
 *
 * Decides nothing. A record is built once, when a connection enters CLOSED; nothing here is on the path of a byte.
 * Read first: docs/ARCHITECTURE.md.
 */
import type { CloseReason, CloseSide } from '../machines/connection/close-reason.ts';
import type { DeadlineName } from '../machines/connection/delays.ts';
import type { Address } from './leg.ts';

/** One stay in a state: its name, how long in milliseconds (to the microsecond), and the event that ended it. */
export interface TimelineEntry {
  readonly state: string;
  readonly ms: number;
  /** A fact's name or `deadline.<name>`; null while the connection is still there. */
  readonly event: string | null;
}

/** A live exchange, as it is now. */
export interface ExchangeSnapshot {
  readonly exchangeId: string;
  readonly route: string | null;
  readonly upstream: Address | null;
  /** '' while the head is arriving. */
  readonly method: string;
  readonly authority: string;
  /** Without the query. */
  readonly requestPath: string;
  readonly state: string;
  /** The state with its substates: `HALF_CLOSED.AWAITING`. */
  readonly leaf: string;
  readonly ageMs: number;
  readonly stateMs: number;
}

/** A live connection, as it is now. */
export interface ConnectionSnapshot {
  readonly connectionId: string;
  /** `[::]:8080` */
  readonly listener: string;
  readonly route: string | null;
  readonly client: Address;
  readonly upstream: Address | null;
  /** What the client speaks, where it was looked at. */
  readonly protocol: string | null;
  /** SNI or Host, where it was looked at. */
  readonly serverName: string | null;
  /** One of the six states. */
  readonly state: string;
  /** The state with its substates: `HALF_CLOSED.FLUSHING`. */
  readonly leaf: string;
  readonly interpreter: 'compiled' | 'xstate';
  readonly ageMs: number;
  /** Milliseconds in the present state. */
  readonly stateMs: number;
  /** From the client, and to the client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Taken from one side and not yet handed to the system for the other, both ways together. */
  readonly bufferedBytes: number;
  readonly timeline: readonly TimelineEntry[];
  /** Empty unless HTTP is served. */
  readonly exchanges: readonly ExchangeSnapshot[];
  /** Whose socket it is, where a believed PROXY header says that the client is somebody else; else null. */
  readonly peer: Address | null;
  /** The PROXY header that was believed, also one that tells no addresses. */
  readonly proxyHeader: 'v1' | 'v2' | null;
  /** What that header calls the connection, the same at every hop: hexadecimal in lower case. */
  readonly uniqueId: string | null;
}

/** The one record of a closed connection. Field names are stable. */
export interface ClosedRecord {
  readonly event: 'connection.closed';
  readonly connectionId: string;
  readonly listener: string;
  readonly route: string | null;
  readonly client: string;
  readonly upstream: string | null;
  readonly protocol: string | null;
  /** SNI, or the Host of a connection that was routed by it; null where none was named. */
  readonly serverName: string | null;
  /** What the handshake with the client came to; null where TLS did not end here. */
  readonly tls: ClosedTls | null;
  readonly reason: CloseReason;
  readonly by: CloseSide;
  /** The state in which the cause happened. */
  readonly state: string;
  readonly deadline: DeadlineName | null;
  readonly limitMs: number | null;
  /** Where the limit was configured, or the route's place. */
  readonly configPath: string | null;
  /** The operating system's code, where there was one. */
  readonly code: string | null;
  readonly cause: string | null;
  readonly interpreter: 'compiled' | 'xstate';
  readonly durationMs: number;
  readonly path: readonly (readonly [state: string, ms: number])[];
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** As in a snapshot. */
  readonly peer: string | null;
  readonly proxyHeader: 'v1' | 'v2' | null;
  readonly uniqueId: string | null;
  /** How often it was dialled: more than 1 where an attempt failed and another followed; 0 where nobody was. */
  readonly attempts: number;
  /** As `path`, with the event that left each state. Not part of the log line. */
  readonly timeline: readonly TimelineEntry[];
}

export interface ClosedTls {
  readonly version: 'TLSv1.2' | 'TLSv1.3';
  /** The suite's standard name. */
  readonly cipher: string;
  /** What both agreed to speak; null = nothing was negotiated. */
  readonly alpn: string | null;
  readonly isResumed: boolean;
}

/** The one record of a closed exchange: one HTTP request and what became of it. Field names are stable. */
export interface ExchangeRecord {
  readonly event: 'exchange.closed';
  /** `k3f9-12.3`: the third exchange of connection `k3f9-12`; what the bodies of our own answers name. */
  readonly exchangeId: string;
  readonly connectionId: string;
  readonly listener: string;
  readonly route: string | null;
  readonly client: string;
  readonly upstream: string | null;
  readonly protocol: 'http/1.0' | 'http/1.1' | 'h2';
  /** '' where the head never became clear; likewise `authority` and `requestPath`. */
  readonly method: string;
  readonly authority: string;
  /** Without the query, which may hold secrets. */
  readonly requestPath: string;
  /** The status the client was sent; null when it got none. */
  readonly status: number | null;
  readonly reason: CloseReason;
  readonly by: CloseSide;
  readonly state: string;
  readonly deadline: DeadlineName | null;
  readonly limitMs: number | null;
  readonly configPath: string | null;
  readonly code: string | null;
  readonly cause: string | null;
  readonly interpreter: 'compiled' | 'xstate';
  readonly durationMs: number;
  readonly path: readonly (readonly [state: string, ms: number])[];
  /** Of bodies: from the client, and to the client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** True exactly when the request was sent on a connection that had been used before. */
  readonly isReused: boolean;
  /** The client as far back as trusted proxies say it: whom lists, caps and rates were asked of. */
  readonly clientIp: string;
  /** How often a connection was asked for or dialled: more than 1 where an attempt failed and another followed. */
  readonly attempts: number;
  readonly timeline: readonly TimelineEntry[];
}

/** A connection that was refused before it had a chart. */
export interface Refusal {
  readonly listener: string;
  readonly client: string;
  readonly reason: CloseReason;
}

/** Something that must be seen: a callback of the embedder that threw, a broken invariant, an overdue release. */
export interface Trouble {
  readonly event: 'handler.failed' | 'invariant.broken' | 'release.overdue' | 'code.unmapped' | 'listener.failed';
  readonly connectionId: string | null;
  readonly message: string;
}

/** Functions, not methods: each may be handed on alone. */
export interface Reports {
  readonly opened: (connection: { readonly connectionId: string; snapshot(): ConnectionSnapshot }) => void;
  readonly moved: (connectionId: string, from: string, to: string, event: string) => void;
  readonly idling: (connectionId: string, snapshot: () => ConnectionSnapshot) => void;
  readonly closed: (record: ClosedRecord) => void;
  readonly exchangeOpened: () => void;
  /**
   * An exchange is over. The record is built only if somebody wants it: always where the exchange did not complete, so
   * that the id in an error's body can be explained; for completed ones only when somebody listens or the log says debug.
   */
  readonly exchangeClosed: (reason: CloseReason, status: number | null, record: () => ExchangeRecord) => void;
  readonly refused: (refusal: Refusal) => void;
  readonly trouble: (trouble: Trouble) => void;
}
