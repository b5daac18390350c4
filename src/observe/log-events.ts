/**
 * Turns events into log lines: which level, which fields, which sentence.
 *
 * Decides: what is policy (info), what somebody should look at (warn), and what is a fault of ours or of the embedder's
 * code (error). Must never do: let a logger's exception reach the data path, or build a line that the level drops.
 * Read first: "One record per closed connection" in docs/ARCHITECTURE.md, whose field names are stable.
 */
import { addressText } from '../io/address-text.ts';
import type { ClosedRecord, ExchangeRecord, Refusal, Trouble } from '../io/reports.ts';
import { durationText, explainClose } from '../machines/chart/explain.ts';
import type { CloseReason, PlainReason } from '../machines/connection/close-reason.ts';
import type { CertificateEvent, EndpointEvent, Logger, ProxyEvent } from '../proxy-api.ts';
import type { LogLevel } from '../routing/plan.ts';
import { certificateLevel, certificateSentence } from './certificate-lines.ts';
import { endpointLevel, endpointSentence } from './endpoint-lines.ts';
import { containPromise } from './contain-promise.ts';
import { explainExchangeRecord } from './explain-exchange.ts';

type LineLevel = Parameters<Logger['log']>[0];
type Fields = Parameters<Logger['log']>[1];

/** Ends of exchanges that were too many to be told one by one; a line of the log only. `client`: of the latest. */
export type FoldedExchanges = { readonly event: 'exchange.folded'; readonly count: number } & Refusal;

type Told = ProxyEvent | FoldedExchanges;
type Plain = Exclude<Told, CertificateEvent | EndpointEvent>;

interface Line {
  readonly fields: Fields;
  readonly message: string;
}

export interface EventLogOptions {
  readonly logger: Logger;
  /** Events below it cost nothing. */
  readonly level: LogLevel;
  /** The cap that holds when nobody asks for one; null = there is none. Falling short of it deserves no warning. */
  readonly maxConnectionsDefault: number | null;
  /** Told of a logger that threw; must not throw. */
  readonly onFailure: (error: unknown) => void;
}

export class EventLog {
  readonly #options: EventLogOptions;

  constructor(options: EventLogOptions) {
    this.#options = options;
  }

  /** True exactly when a line of this level would be written. */
  wants(level: LineLevel): boolean {
    return ranks[level] >= ranks[this.#options.level];
  }

  write(event: Told): void {
    const level = this.#levelOf(event);
    if (!this.wants(level)) return;
    const { logger, onFailure } = this.#options;
    try {
      const { fields, message } = lineOf(event);
      containPromise(logger.log(level, fields, message), onFailure);
    } catch (error) {
      onFailure(error);
    }
  }

  #levelOf(event: Told): LineLevel {
    if (isOfCertificates(event)) return certificateLevel(event);
    if (isOfEndpoints(event)) return endpointLevel(event);
    if (event.event !== 'limits.derived') return levelOf(event);
    if (event.places !== event.configuredPlaces) return 'warn';
    if (event.maxConnections === event.configured) return 'debug';
    return event.configured === this.#options.maxConnectionsDefault ? 'info' : 'warn';
  }
}

const ranks: Readonly<Record<LogLevel, number>> = { trace: 0, debug: 1, info: 2, warn: 3, error: 4, silent: 5 };

/** Deadlines that end what nobody uses; the others are warnings. */
type PolicyDeadline = 'timeout.idle' | 'timeout.keepAlive';

/** How loud each end is. */
const reasonLevels: Readonly<Record<PlainReason | PolicyDeadline, LineLevel>> = {
  completed: 'info',
  'downstream.left': 'info',
  'downstream.reset': 'info',
  'downstream.malformed': 'info',
  'downstream.tls': 'info',
  'upstream.refused': 'warn',
  'upstream.unreachable': 'warn',
  'upstream.reset': 'warn',
  'upstream.malformed': 'warn',
  'upstream.truncated': 'warn',
  'upstream.tls': 'warn',
  'upstream.exhausted': 'warn',
  'refused.capacity': 'warn',
  'refused.address': 'info',
  'refused.rate': 'info',
  'refused.route': 'info',
  'refused.protocol': 'info',
  'refused.auth': 'info',
  'route.blocked': 'info',
  'route.changed': 'info',
  'operator.drained': 'info',
  'operator.killed': 'info',
  'handler.completed': 'info',
  'handler.failed': 'error',
  'nftables.closed': 'info',
  'internal.invariant': 'error',
  'timeout.idle': 'info',
  'timeout.keepAlive': 'info',
};

const troubleLevels: Readonly<Record<Trouble['event'], LineLevel>> = {
  'handler.failed': 'error',
  'invariant.broken': 'error',
  'release.overdue': 'error',
  'code.unmapped': 'warn',
  'listener.failed': 'error',
};

/** The level at which the end of a connection, or its refusal, is told. */
export function levelOfReason(reason: CloseReason): LineLevel {
  return hasOwnLevel(reason) ? reasonLevels[reason] : 'warn';
}

function hasOwnLevel(reason: CloseReason): reason is PlainReason | PolicyDeadline {
  return Object.hasOwn(reasonLevels, reason);
}

/** The level at which the end of an exchange is told: one that completed is a request like all others. */
export function levelOfExchange(reason: CloseReason): LineLevel {
  return reason === 'completed' ? 'debug' : levelOfReason(reason);
}

function isOfCertificates(event: Told): event is CertificateEvent {
  return event.event.startsWith('certificate.');
}

function isOfEndpoints(event: Told): event is EndpointEvent {
  return event.event.startsWith('endpoint.') || event.event.startsWith('pool.');
}

function levelOf(event: Exclude<Plain, { event: 'limits.derived' }>): LineLevel {
  switch (event.event) {
    case 'exchange.closed':
    case 'exchange.folded':
      return levelOfExchange(event.reason);
    case 'connection.closed':
    case 'connection.refused':
      return levelOfReason(event.reason);
    case 'connection.opened':
    case 'connection.moved':
    case 'connection.idling':
      return 'debug';
    case 'proxy.ready':
    case 'proxy.draining':
    case 'proxy.stopped':
      return 'info';
    default:
      return troubleLevels[event.event];
  }
}

function lineOf(event: Told): Line {
  if (isOfCertificates(event)) return { fields: { ...event }, message: certificateSentence(event) };
  if (isOfEndpoints(event)) return { fields: { ...event }, message: endpointSentence(event) };
  switch (event.event) {
    case 'exchange.closed':
      return { fields: exchangeFields(event), message: explainExchangeRecord(event).sentence };
    case 'exchange.folded': {
      const { count, listener, client, reason } = event;
      const fields = { event: event.event, count, listener, client, reason };
      return { fields, message: `${count} more ${count === 1 ? 'exchange' : 'exchanges'} on ${listener}: ${reason}` };
    }
    case 'connection.closed':
      return { fields: closedFields(event), message: explainClose(event) };
    case 'connection.refused': {
      const { count, listener, client, reason } = event;
      const fields = { event: event.event, count, listener, client, reason };
      const who = count === 1 ? client : `${count} connections`;
      return { fields, message: `refused ${who} on ${listener}: ${reason}` };
    }
    case 'connection.opened':
    case 'connection.idling': {
      const { connectionId, listener, route, leaf } = event.connection;
      const client = addressText(event.connection.client);
      const fields = { event: event.event, connectionId, listener, route, client, state: leaf };
      return {
        fields,
        message: event.event === 'connection.opened' ? `opened by ${client}` : 'soon idle for too long',
      };
    }
    case 'connection.moved': {
      const { connectionId, from, to, on } = event;
      return { fields: { event: event.event, connectionId, from, to, on }, message: `from ${from} to ${to} on ${on}` };
    }
    case 'limits.derived': {
      const { maxConnections, configured, places, configuredPlaces, openFiles } = event;
      const fields = { event: event.event, maxConnections, configured, places, configuredPlaces, openFiles };
      if (places !== configuredPlaces) {
        const lowered = `maxConnections to ${maxConnections}, and the places of waiting rooms to ${places}`;
        return { fields, message: `the file-descriptor limit lowers ${lowered}` };
      }
      if (maxConnections === configured) return { fields, message: `maxConnections is ${maxConnections}` };
      return { fields, message: `the file-descriptor limit lowers maxConnections to ${maxConnections}` };
    }
    case 'proxy.ready': {
      const { addresses, legs } = event;
      return {
        fields: { event: event.event, addresses, legs },
        message: `ready on ${addresses.map(addressText).join(', ')}`,
      };
    }
    case 'proxy.draining': {
      const { connections, timeoutMs } = event;
      const fields = { event: event.event, connections, timeoutMs };
      return { fields, message: `draining: ${connections} live, at most ${durationText(timeoutMs)}` };
    }
    case 'proxy.stopped':
      return { fields: { event: event.event }, message: 'stopped' };
    default: {
      const { connectionId, message } = event;
      return { fields: { event: event.event, connectionId }, message };
    }
  }
}

/** The record without its timeline, in the order of the contract, and what was added to it since. */
function closedFields(record: ClosedRecord): Fields {
  return {
    event: record.event,
    connectionId: record.connectionId,
    listener: record.listener,
    route: record.route,
    client: record.client,
    upstream: record.upstream,
    protocol: record.protocol,
    ...endFields(record),
    serverName: record.serverName,
    tls: record.tls,
    peer: record.peer,
    proxyHeader: record.proxyHeader,
    uniqueId: record.uniqueId,
    attempts: record.attempts,
  };
}

/** As `closedFields`, with what is an exchange's own. */
function exchangeFields(record: ExchangeRecord): Fields {
  return {
    event: record.event,
    exchangeId: record.exchangeId,
    connectionId: record.connectionId,
    listener: record.listener,
    route: record.route,
    client: record.client,
    upstream: record.upstream,
    protocol: record.protocol,
    method: record.method,
    authority: record.authority,
    requestPath: record.requestPath,
    status: record.status,
    ...endFields(record),
    isReused: record.isReused,
    clientIp: record.clientIp,
    attempts: record.attempts,
  };
}

/** Why and how it ended: what both kinds of records say, in the same order. */
function endFields(record: ClosedRecord | ExchangeRecord): Fields {
  return {
    reason: record.reason,
    by: record.by,
    state: record.state,
    deadline: record.deadline,
    limitMs: record.limitMs,
    configPath: record.configPath,
    code: record.code,
    cause: record.cause,
    interpreter: record.interpreter,
    durationMs: record.durationMs,
    path: record.path,
    bytesIn: record.bytesIn,
    bytesOut: record.bytesOut,
  };
}
