/**
 * Answers `explain` for an exchange: what one HTTP request is doing, or what became of it, in one sentence.
 *
 * Pure. Must never do: tell a query, which may hold secrets, or more of a request than a line of a log can bear.
 * Read first: `explain.ts`, which does the same for connections.
 */
import { addressText } from '../io/address-text.ts';
import type { ConnectionSnapshot, ExchangeRecord, ExchangeSnapshot } from '../io/reports.ts';
import { durationText, explainClose } from '../machines/chart/explain.ts';
import type { Explanation } from '../proxy-api.ts';
import { bytesText } from './explain.ts';

export function explainExchangeRecord(record: ExchangeRecord): Explanation {
  return {
    connectionId: record.connectionId,
    exchangeId: record.exchangeId,
    isLive: false,
    sentence: closedSentence(record),
    timeline: record.timeline,
    record: null,
    connection: null,
    exchangeRecord: record,
    exchange: null,
  };
}

/** @returns null when the connection has no such exchange now */
export function explainLiveExchange(exchangeId: string, connection: ConnectionSnapshot): Explanation | null {
  const exchange = connection.exchanges.find((one) => one.exchangeId === exchangeId);
  if (exchange === undefined) return null;
  return {
    connectionId: connection.connectionId,
    exchangeId,
    isLive: true,
    sentence: liveSentence(exchange),
    timeline: [],
    record: null,
    connection,
    exchangeRecord: null,
    exchange,
  };
}

/** `k3f9-12` of `k3f9-12.3`; null for what is no exchange's id. */
export function connectionOfExchange(id: string): string | null {
  return /^(.+)\.\d+$/.exec(id)?.[1] ?? null;
}

/** As a connection's sentence: a full stop, and no capital of its own. */
function closedSentence(record: ExchangeRecord): string {
  const answered = record.status === null ? 'got no answer' : `was answered ${record.status}`;
  if (record.reason !== 'completed') {
    const told = explainClose(record);
    // What follows the last semicolon is about the bytes of a connection.
    const closed = told.slice(0, told.lastIndexOf('; '));
    return `${requestText(record)} ${answered}: ${closed}; ${bodies(record)}.`;
  }
  const by = record.upstream === null ? 'by the proxy itself' : `by ${record.upstream}`;
  const route = record.route === null ? '' : ` on route ${record.route}`;
  return `${requestText(record)} ${answered} ${by}${route} after ${durationText(record.durationMs)}; ${bodies(record)}.`;
}

function liveSentence(exchange: ExchangeSnapshot): string {
  const route = exchange.route === null ? 'without a route yet' : `on route ${exchange.route}`;
  const upstream = exchange.upstream === null ? 'no upstream yet' : `upstream ${addressText(exchange.upstream)}`;
  const stay = `in ${exchange.leaf} for ${durationText(exchange.stateMs)}`;
  const request = exchange.method === '' ? 'a request whose head is arriving' : requestText(exchange);
  return `${request} ${stay} ${route}, ${upstream}; began ${durationText(exchange.ageMs)} ago.`;
}

function requestText({ method, requestPath }: Pick<ExchangeRecord, 'method' | 'requestPath'>): string {
  if (method === '') return 'a request whose head never became clear';
  return `${shortened(method, 20)} ${shortened(requestPath, 120)}`;
}

function shortened(text: string, lettersMax: number): string {
  return text.length > lettersMax ? `${text.slice(0, lettersMax)}…` : text;
}

function bodies({ bytesIn, bytesOut }: ExchangeRecord): string {
  if (bytesIn === 0 && bytesOut === 0) return 'no byte of a body had moved';
  return `${bytesText(bytesIn)} of a body in, ${bytesText(bytesOut)} out`;
}
