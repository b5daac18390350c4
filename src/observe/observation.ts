/**
 * Everything that watches one proxy, put together: the port for the shell, and what users ask.
 *
 * Decides: that a listener which throws is counted, logged and told of once, and never in a circle: what fails while it
 * hears of a failure, or of nobody knows what, is counted and logged only.
 * Must never do: know a connection. Read first: `reports.ts`.
 */
import type { Clock } from '../io/clock.ts';
import type { ClosedRecord, ExchangeRecord, Reports, Trouble } from '../io/reports.ts';
import type { Explanation, Logger, ProxyCounters, ProxyEvent } from '../proxy-api.ts';
import type { LogLevel } from '../routing/plan.ts';
import { ClosedRecords } from './closed-records.ts';
import { Counters } from './counters.ts';
import { createEventBus, type EventBus, type ListenerFailure } from './event-bus.ts';
import { explainExchangeRecord } from './explain-exchange.ts';
import { explainRecord } from './explain.ts';
import { EventLog } from './log-events.ts';
import { RefusalFold } from './refusal-fold.ts';
import { createReports } from './reports.ts';
import { silentLogger } from './silent-logger.ts';

export interface ObservationOptions {
  readonly clock: Clock;
  readonly logger?: Logger;
  readonly logLevel?: LogLevel;
  /** @see EventLogOptions.maxConnectionsDefault */
  readonly maxConnectionsDefault?: number;
  /** Closed ones that `explain` still answers for, of each kind: connections, exchanges that failed, and others. */
  readonly keep?: number;
}

export interface Observation {
  readonly bus: EventBus;
  readonly reports: Reports;
  counters(): ProxyCounters;
  /** Null when the connection, or exchange, is not among the last closed ones. */
  explainClosed(id: string): Explanation | null;
  /** The latest closed connection that a PROXY header called so, in hexadecimal. */
  explainIntroduced(uniqueId: string): Explanation | null;
  /** Logs and publishes what the proxy itself has to say (`proxy.ready`, …). */
  announce(event: ProxyEvent): void;
  /** A callback of the embedder's that hears no `handler.failed` threw: counted, logged and told. */
  readonly callbackFailed: (error: unknown) => void;
  /** Tells what is still folded, then `last`, then ends the bus. The second call does nothing. */
  close(last?: ProxyEvent): void;
}

export function createObservation(options: ObservationOptions): Observation {
  const { clock, logger = silentLogger, keep, maxConnectionsDefault = null } = options;
  const level = logger === silentLogger ? 'silent' : (options.logLevel ?? 'info');
  const counters = new Counters();
  const records = new ClosedRecords<ClosedRecord>(keep);
  const log = new EventLog({ logger, level, maxConnectionsDefault, onFailure: () => counters.handlerFailed() });
  const bus = createEventBus(listenerFailed);
  const announce = (event: ProxyEvent): void => {
    log.write(event);
    bus.publish(event);
  };
  const fold = new RefusalFold(clock, (refusal, count) => announce({ event: 'connection.refused', count, ...refusal }));
  const closedFold = new RefusalFold(clock, ({ listener, client, reason }, count) =>
    log.write({ event: 'connection.refused', count, listener, client, reason }),
  );
  const exchangeFold = (): RefusalFold =>
    new RefusalFold(clock, ({ listener, client, reason }, count) =>
      log.write({ event: 'exchange.folded', count, listener, client, reason }),
    );
  let hasClosed = false;
  // Apart, so that requests that went well do not push out those that somebody asks about.
  const exchanges = {
    failed: new ClosedRecords<ExchangeRecord>(keep),
    other: new ClosedRecords<ExchangeRecord>(keep),
    folds: { ofClients: exchangeFold(), ofOthers: exchangeFold() },
  };
  const reports = createReports({ bus, records, exchanges, counters, fold, closedFold, log });

  function listenerFailed({ error, during }: ListenerFailure): void {
    const trouble = troubleOf(during === null ? 'a subscriber of the events' : `a listener of ${during}`, error);
    counters.handlerFailed();
    log.write(trouble);
    // Published again, the failure of who heard of a failure would go round for ever.
    if (during !== null && during !== 'handler.failed') bus.publish(trouble);
  }

  function callbackFailed(error: unknown): void {
    reports.trouble(troubleOf('a subscriber of the connections', error));
  }

  return {
    bus,
    reports,
    announce,
    callbackFailed,
    counters: () => counters.read(),
    explainClosed(id) {
      const record = records.get(id);
      if (record !== null) return explainRecord(record);
      const exchange = exchanges.failed.get(id) ?? exchanges.other.get(id);
      return exchange === null ? null : explainExchangeRecord(exchange);
    },
    explainIntroduced(uniqueId) {
      const record = records.findLast((one) => one.uniqueId === uniqueId);
      return record === null ? null : explainRecord(record);
    },
    close(last) {
      if (hasClosed) return;
      hasClosed = true;
      fold.close();
      closedFold.close();
      exchanges.folds.ofClients.close();
      exchanges.folds.ofOthers.close();
      if (last !== undefined) announce(last);
      bus.complete();
    },
  };
}

function troubleOf(who: string, error: unknown): Trouble {
  return { event: 'handler.failed', connectionId: null, message: `${who} threw ${thrownText(error)}` };
}

/** With the place it was thrown at, which is what its author needs. */
function thrownText(error: unknown): string {
  if (!(error instanceof Error)) return 'something that is no Error';
  const place = error.stack?.split('\n').find((line) => /^\s+at /.test(line));
  return `${error.name}: ${error.message}${place === undefined ? '' : ` (${place.trim()})`}`;
}
