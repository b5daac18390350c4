/**
 * Where the shell's reports go: each one to the counters, the remembered records, the log and the listeners.
 *
 * Decides: who hears of what, and that nothing is built that nobody hears. Must never do: throw into the data path.
 * Read first: `../io/reports.ts`, the port; `observation.ts`, which puts the parts together.
 */
import type { ClosedRecord, ExchangeRecord, Refusal, Reports, Trouble } from '../io/reports.ts';
import { describeReason, type CloseReason } from '../machines/connection/close-reason.ts';
import type { ProxyEvent } from '../proxy-api.ts';
import type { ClosedRecords } from './closed-records.ts';
import type { Counters } from './counters.ts';
import type { EventBus } from './event-bus.ts';
import { levelOfExchange, levelOfReason, type EventLog } from './log-events.ts';

/** Failed exchanges are kept and told apart from the others; their log lines are folded, whatever the reason. */
interface ExchangeParts {
  readonly failed: ClosedRecords<ExchangeRecord>;
  readonly other: ClosedRecords<ExchangeRecord>;
  /** By who brought it about: a flood of bad requests must not hide an upstream that fails. */
  readonly folds: Readonly<Record<'ofClients' | 'ofOthers', Fold>>;
}

interface Fold {
  admit(refusal: Refusal): boolean;
}

export interface ReportsParts {
  readonly bus: EventBus;
  readonly records: ClosedRecords<ClosedRecord>;
  readonly exchanges: ExchangeParts;
  readonly counters: Counters;
  readonly fold: { add(refusal: Refusal): void };
  /** Of refusals that have a chart: their log lines only, for each has a record and an event of its own. */
  readonly closedFold: Fold;
  readonly log: EventLog;
}

export function createReports(parts: ReportsParts): Reports {
  const { bus, records, exchanges, counters, fold, closedFold, log } = parts;
  // What the log wants is settled when it is opened.
  const isLogged = log.wants('debug');
  const isHeard = (name: ProxyEvent['event']): boolean => isLogged || bus.hasListeners(name);
  const tell = (event: ProxyEvent): void => {
    log.write(event);
    bus.publish(event);
  };
  return {
    opened(connection) {
      counters.connectionOpened();
      if (isHeard('connection.opened')) tell({ event: 'connection.opened', connection: connection.snapshot() });
    },
    moved(connectionId, from, to, event) {
      if (isHeard('connection.moved')) tell({ event: 'connection.moved', connectionId, from, to, on: event });
    },
    idling(_connectionId, snapshot) {
      if (isHeard('connection.idling')) tell({ event: 'connection.idling', connection: snapshot() });
    },
    closed(record: ClosedRecord) {
      counters.connectionClosed(record.reason);
      records.put(record.connectionId, record);
      if (!isRefusal(record.reason) || !log.wants(levelOfReason(record.reason)) || closedFold.admit(record))
        log.write(record);
      bus.publish(record);
    },
    exchangeOpened() {
      counters.exchangeOpened();
    },
    exchangeClosed(reason, status, record) {
      counters.exchangeClosed(reason, status);
      const hasCompleted = reason === 'completed';
      if (hasCompleted && !isHeard('exchange.closed')) return;
      const built = record();
      (hasCompleted ? exchanges.other : exchanges.failed).put(built.exchangeId, built);
      const isWanted = log.wants(levelOfExchange(reason));
      const { ofClients, ofOthers } = exchanges.folds;
      const ends = isOfClient(reason) ? ofClients : ofOthers;
      if (isWanted && (hasCompleted || ends.admit(built))) log.write(built);
      bus.publish(built);
    },
    refused(refusal) {
      counters.connectionRefused(refusal.reason);
      fold.add(refusal);
    },
    trouble(trouble) {
      countTrouble(counters, trouble);
      tell(trouble);
    },
  };
}

/** True exactly when the client was told no: anybody can bring that about as often as they like. */
function isRefusal(reason: CloseReason): boolean {
  return reason === 'route.blocked' || reason.startsWith('refused.');
}

/** True exactly when clients bring it about, by what they ask or how they behave. */
function isOfClient(reason: CloseReason): boolean {
  return isRefusal(reason) || describeReason(reason).by === 'downstream';
}

/** The other kinds are told and not counted. */
function countTrouble(counters: Counters, { event }: Trouble): void {
  if (event === 'handler.failed') counters.handlerFailed();
  else if (event === 'invariant.broken') counters.invariantBroken();
  else if (event === 'release.overdue') counters.releaseOverdue();
}
