/**
 * The shape of a proxy as its users see it. Types only; `proxy.ts` is the composition that fulfils it.
 *
 * Names and shapes here are a contract: additions are fine, changes are breaking.
 */
import type { Duplex } from 'node:stream';
import type { Observable } from 'rxjs';
import type { SnapshotFrom } from 'xstate';
import type { Clock } from './io/clock.ts';
import type { CertificateEvent as OrderedCertificateEvent } from './certificates/acme-events.ts';
import type { CertificateEvent as GivenCertificateEvent } from './certificates/certificate-event.ts';
import type { Dialer } from './io/dialer.ts';
import type { EndpointEvent, EndpointStatus } from './io/endpoints/endpoint-events.ts';
import type { Address } from './io/leg.ts';
import type {
  ClosedRecord,
  ConnectionSnapshot,
  ExchangeRecord,
  ExchangeSnapshot,
  Refusal,
  TimelineEntry,
  Trouble,
} from './io/reports.ts';
import type { Resolver } from './io/resolver.ts';
import type { PersistedConnection } from './machines/connection/connection-chart.ts';
import type { CloseReason } from './machines/connection/close-reason.ts';
import type { ConnectionFact } from './machines/connection/events.ts';
import type { connectionMachine } from './machines/connection/machine.ts';
import type { ConnectionState } from './machines/connection/verdicts.ts';
import type { RoutePlan } from './routing/plan.ts';
import type { MatchExplanation, MatchQuery } from './routing/route-table.ts';

/** Everything outside the proxy that it needs; hand in your own to make it deterministic. */
export interface ProxyDependencies {
  readonly clock?: Clock;
  readonly dialer?: Dialer;
  readonly resolver?: Resolver;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
  readonly logger?: Logger;
}

/** Where log lines go. `fields` always carries `event`. A logger that throws is counted and contained. */
export interface Logger {
  log(level: 'debug' | 'info' | 'warn' | 'error', fields: Readonly<Record<string, unknown>>, message: string): void;
}

export type ProxyEvent =
  /**
   * The cap and the places of all waiting rooms in force, told before the listeners are bound. `openFiles`: the limit of this
   * process, null = none known.
   */
  | {
      readonly event: 'limits.derived';
      readonly maxConnections: number;
      readonly configured: number;
      readonly places: number;
      readonly configuredPlaces: number;
      readonly openFiles: number | null;
    }
  /** `legs`: what carries accepted connections: libuv's handles (`native`), or Node's streams where they cannot be had. */
  | { readonly event: 'proxy.ready'; readonly addresses: readonly Address[]; readonly legs: 'native' | 'public' }
  | { readonly event: 'proxy.draining'; readonly connections: number; readonly timeoutMs: number }
  | { readonly event: 'proxy.stopped' }
  | { readonly event: 'connection.opened'; readonly connection: ConnectionSnapshot }
  | {
      readonly event: 'connection.moved';
      readonly connectionId: string;
      readonly from: string;
      readonly to: string;
      readonly on: string;
    }
  /** The idle deadline is near: a quarter of it, at most a minute, is left. */
  | { readonly event: 'connection.idling'; readonly connection: ConnectionSnapshot }
  | ClosedRecord
  /** One HTTP request and what became of it. */
  | ExchangeRecord
  /** Folded under flood: `count` refusals of this kind since the last such event. */
  | ({ readonly event: 'connection.refused'; readonly count: number } & Refusal)
  | CertificateEvent
  | EndpointEvent
  | Trouble;

/** What happens to certificates: those that the configuration gives, and those that are ordered. */
export type CertificateEvent =
  | GivenCertificateEvent
  | OrderedCertificateEvent
  /** The development authority signs: where its root is, and whether it was made just now. */
  | { readonly event: 'certificate.development'; readonly root: string; readonly isNew: boolean };

export type ProxyEventName = ProxyEvent['event'];
export type ProxyEventOf<Name extends ProxyEventName> = ProxyEvent & { readonly event: Name };

/** Stream of events for one consumer: bounded, the oldest are dropped first, `dropped` counts them. */
export interface EventIterator extends AsyncIterableIterator<ProxyEvent> {
  readonly dropped: number;
}

export interface ConnectionFilter {
  /** One of the six states. A live connection is never seen in CLOSED. */
  readonly state?: ConnectionState;
  readonly route?: string;
  /** Milliseconds, or text such as `20s`: at least this long in the present state. */
  readonly olderThan?: number | string;
}

export type { EndpointEvent, EndpointStatus } from './io/endpoints/endpoint-events.ts';
export type { CertificateStatus } from './certificates/acme-events.ts';

/** What `explain` answers, for a live connection or exchange and for the last closed ones. */
export interface Explanation {
  readonly connectionId: string;
  /** Null when a connection was asked for. */
  readonly exchangeId: string | null;
  readonly isLive: boolean;
  /** One sentence. */
  readonly sentence: string;
  /** Empty for a live exchange, whose record has it. */
  readonly timeline: readonly TimelineEntry[];
  /** Of a closed connection. */
  readonly record: ClosedRecord | null;
  /** The live connection, also of a live exchange. */
  readonly connection: ConnectionSnapshot | null;
  /** Of a closed exchange. */
  readonly exchangeRecord: ExchangeRecord | null;
  readonly exchange: ExchangeSnapshot | null;
}

type SnapshotListener = (snapshot: SnapshotFrom<typeof connectionMachine>) => void;

interface SnapshotObserver {
  readonly next?: SnapshotListener;
  readonly complete?: () => void;
}

/** The shape of an XState ActorRef, whichever interpreter runs the connection. */
export interface ConnectionActor {
  readonly id: string;
  readonly interpreter: 'compiled' | 'xstate';
  /** Only what an operator may say; everything else is a fact that the shell alone knows. */
  send(fact: Extract<ConnectionFact, { type: 'kill.requested' | 'drain.requested' }>): void;
  /** Hears every change; `complete` comes with CLOSED, and nothing after it. */
  subscribe(observer: SnapshotListener | SnapshotObserver): { unsubscribe(): void };
  getSnapshot(): SnapshotFrom<typeof connectionMachine>;
  getPersistedSnapshot(): PersistedConnection;
}

/** HTTP requests since the start. `opened = closed + live`; the sums by reason and by status are `closed`. */
export interface ExchangeCounters {
  readonly opened: number;
  readonly live: number;
  readonly closed: number;
  readonly closedByReason: Readonly<Partial<Record<CloseReason, number>>>;
  /** By the status that the client was sent, `none` where it got none. */
  readonly closedByStatus: Readonly<Record<string, number>>;
}

/** Counters since the start. `accepted = closed + live`, and the sum of `closedByReason` is `closed`. */
export interface ProxyCounters {
  readonly accepted: number;
  readonly live: number;
  readonly closed: number;
  readonly refused: number;
  readonly closedByReason: Readonly<Partial<Record<CloseReason, number>>>;
  readonly refusedByReason: Readonly<Partial<Record<CloseReason, number>>>;
  readonly exchanges: ExchangeCounters;
  /** Broken invariants; must stay 0. */
  readonly invariantViolations: number;
  readonly handlerFailures: number;
  /** Transports whose close the operating system never reported within the release deadline. */
  readonly releasesOverdue: number;
}

/** Everything that is open or armed now; all 0 after `stop()`. */
export interface Census {
  readonly connections: number;
  readonly slots: number;
  /** Sockets and other transports in the ledger. */
  readonly transports: number;
  /** Upstream connections of the HTTP pools, lent or not. */
  readonly upstreams: number;
  readonly timers: number;
  readonly listeners: number;
}

/** CIDR blocks, addresses or globs. A list that is left out stays as it is; null takes it away. Who is in both is blocked. */
export interface RouteLists {
  readonly ipAllowList?: string | readonly string[] | null;
  readonly ipBlockList?: string | readonly string[] | null;
}

export interface Proxy extends AsyncDisposable {
  /** @throws ProxyError SALLYPORT_LISTEN_FAILED (nothing is left half-started), SALLYPORT_START_TIMEOUT, SALLYPORT_LIFECYCLE */
  start(): Promise<void>;
  /** The bound addresses, in the order of the listeners. Empty before `start()`. */
  addresses(): readonly Address[];
  /**
   * Takes a connection that a server of yours has accepted, as if the listener of `port` had (the first one unless given):
   * same routes, caps, deadlines and records. The stream belongs to the proxy from then on; nothing of it may have been
   * read, and it needs `allowHalfOpen`. One without a `remoteAddress` is counted by no cap and no rate by address.
   * @throws ProxyError SALLYPORT_LIFECYCLE unless the proxy is running; SALLYPORT_CONFIG_INVALID where it has no such port
   */
  handleConnection(socket: Duplex, options?: { readonly port?: number }): void;
  connections(filter?: ConnectionFilter): readonly ConnectionSnapshot[];
  /** Emits the live connections whenever one opens, moves or closes. */
  readonly connections$: Observable<readonly ConnectionSnapshot[]>;
  readonly events$: Observable<ProxyEvent>;
  /** @returns a function that takes the listener off again. A listener that throws is counted and contained. */
  on<Name extends ProxyEventName>(name: Name, listener: (event: ProxyEventOf<Name>) => void): () => void;
  events(options?: { readonly signal?: AbortSignal; readonly bufferMax?: number }): EventIterator;
  /** Null when no live connection has this id. */
  actor(connectionId: string): ConnectionActor | null;
  /**
   * @param id of a connection, or of an exchange as the body of an error names it (`k3f9-12.3`); or the unique id by which a
   * PROXY header calls a connection, in hexadecimal, or the id that the connection has at a proxy of ours in front.
   * @returns null when it is neither live nor among the last closed ones.
   */
  explain(id: string): Explanation | null;
  /** The endpoints of every pool, those that drain included. */
  endpoints(): readonly EndpointStatus[];
  readonly routes: {
    /** As they are now: with the lists in force. */
    list(): readonly RoutePlan[];
    hostnames(): readonly string[];
    /**
     * Changes who may use a route, on every listener at once, and then does the route's `onBan` to live connections whose
     * client may not pass any more: on HTTP to live exchanges, an idle connection is refused at its next request.
     * @throws ConfigError where a list could not stand in a configuration; ProxyError SALLYPORT_CONFIG_INVALID where there
     * is no such route. Then nothing is changed.
     */
    restrict(name: string, lists: RouteLists): void;
  };
  match(query: MatchQuery): MatchExplanation;
  /** @returns false when no live connection has this id. */
  kill(connectionId: string): boolean;
  counters(): ProxyCounters;
  census(): Census;
  /** Stops admitting, lets the live finish, kills what is left after the timeout. Resolves with every chart at CLOSED. */
  drain(options?: { readonly timeout?: number | string }): Promise<void>;
  /** Drain with timeout 0 unless given; resolves when the operating system has closed everything. Idempotent. */
  stop(options?: { readonly timeout?: number | string }): Promise<void>;
}
