/**
 * Answers `explain`: what a connection is doing, or why it ended, in one sentence and as a timeline.
 *
 * Pure. Must never do: ask a live connection for anything that is not in its snapshot.
 * Read first: `../machines/chart/explain.ts`, which words the end.
 */
import { addressText } from '../io/address-text.ts';
import type { ClosedRecord, ConnectionSnapshot, TimelineEntry } from '../io/reports.ts';
import { durationText, explainClose } from '../machines/chart/explain.ts';
import type { Explanation } from '../proxy-api.ts';

export function explainRecord(record: ClosedRecord): Explanation {
  return {
    connectionId: record.connectionId,
    exchangeId: null,
    isLive: false,
    sentence: `${explainClose(record).slice(0, -1)}${introducedBy(record, record.peer)}.`,
    timeline: record.timeline,
    record,
    connection: null,
    exchangeRecord: null,
    exchange: null,
  };
}

export function explainLive(connection: ConnectionSnapshot): Explanation {
  return {
    connectionId: connection.connectionId,
    exchangeId: null,
    isLive: true,
    sentence: liveSentence(connection),
    timeline: connection.timeline,
    record: null,
    connection,
    exchangeRecord: null,
    exchange: null,
  };
}

/** As the sentence of a closed one: a full stop, and no capital, because it follows a name or a time. */
function liveSentence(connection: ConnectionSnapshot): string {
  const route = connection.route === null ? 'without a route yet' : `on route ${connection.route}`;
  const upstream = connection.upstream === null ? 'no upstream yet' : addressText(connection.upstream);
  const stay = `in ${connection.leaf} for ${durationText(connection.stateMs)} ${route}`;
  const sides = `${addressText(connection.client)} → ${upstream}`;
  const moved = `${bytesText(connection.bytesIn)} in, ${bytesText(connection.bytesOut)} out`;
  const peer = connection.peer === null ? null : addressText(connection.peer);
  return `${stay}, ${sides}, ${moved}${introducedBy(connection, peer)}${cameThrough(connection.timeline)}.`;
}

/** By whose word the client is who it is; '' where its own socket says so. @param peer null: the header tells no address. */
function introducedBy(
  { proxyHeader, uniqueId }: Pick<ClosedRecord, 'proxyHeader' | 'uniqueId'>,
  peer: string | null,
): string {
  if (proxyHeader === null) return '';
  const id = uniqueId === null ? '' : ` with the unique id ${uniqueId}`;
  if (peer === null) return `; a PROXY ${proxyHeader} header${id} told no other address`;
  return `; the client is known by the word of ${peer}, by a PROXY ${proxyHeader} header${id}`;
}

function cameThrough(timeline: readonly TimelineEntry[]): string {
  const left = timeline.filter((entry) => entry.event !== null);
  if (left.length === 0) return '';
  return `; came through ${left.map(({ state, ms }) => `${state} ${durationText(ms)}`).join(' → ')}`;
}

const bytesUnits = ['kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** In thousands, one digit after the point: `24 bytes`, `1.2 kB`. */
export function bytesText(bytes: number): string {
  if (bytes === 1) return '1 byte';
  if (bytes < 1000) return `${bytes} bytes`;
  let scaled = bytes / 1000;
  let unit = 0;
  while (scaled >= 999.95 && unit < bytesUnits.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${Number(scaled.toFixed(1))} ${bytesUnits[unit] ?? ''}`;
}
