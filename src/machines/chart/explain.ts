/**
 * Tells the end of one connection as one English sentence: which state, why, which deadline from which line, what moved.
 *
 * Pure: the same record gives the same sentence. Must never do: name a payload, or say anything the record does not.
 * Read first: `../connection/close-reason.ts`, whose phrases stand behind "because".
 */
import { describeReason, type CloseReason, type CloseSide } from '../connection/close-reason.ts';
import type { DeadlineName } from '../connection/delays.ts';

/** What is known of a closed connection, as plain data; a `connection.closed` record is one. */
export interface CloseExplanation {
  readonly connectionId: string;
  readonly route: string | null;
  readonly listener: string;
  readonly client: string;
  readonly upstream: string | null;
  readonly protocol: string | null;
  readonly reason: CloseReason;
  readonly by: CloseSide;
  /** The state in which the cause happened. */
  readonly state: string;
  readonly deadline: DeadlineName | null;
  readonly limitMs: number | null;
  /** Where the limit was set: `sallyport.yaml:12:9`, an environment name, a flag, or `default`. */
  readonly configPath: string | null;
  /** The operating system's code. */
  readonly code: string | null;
  readonly cause: string | null;
  /** State and milliseconds, in order. */
  readonly path: readonly (readonly [state: string, ms: number])[];
  readonly durationMs: number;
  /** From the client, and to the client. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** One sentence with a full stop, without a capital: it follows a name or a time. */
export function explainClose(record: CloseExplanation): string {
  const route = record.route === null ? '' : ` on route ${record.route}`;
  const stayMs = record.path.findLast(([state]) => state === record.state)?.[1] ?? record.durationMs;
  return `closed after ${elapsed(stayMs)} in ${record.state}${route} because ${because(record)}; ${moved(record)}.`;
}

/** How long in words: `250 ms`, `5 s`, `1.5 s`, `5 min`, `2 h`. */
export function durationText(ms: number): string {
  if (ms >= 3_600_000) return `${Number((ms / 3_600_000).toFixed(2))} h`;
  if (ms >= 60_000) return `${Number((ms / 60_000).toFixed(2))} min`;
  if (ms >= 1_000) return `${Number((ms / 1_000).toFixed(2))} s`;
  return `${Number(ms.toFixed(1))} ms`;
}

function because(record: CloseExplanation): string {
  const { deadline } = record;
  if (deadline !== null) return `${silence(record, deadline)}: ${deadlinePassed(record, deadline)}`;
  const { says } = describeReason(record.reason);
  return named(says, record) + firstToEnd(record) + operatingSystem(record);
}

/** What did not happen before each deadline. */
function silence(record: CloseExplanation, deadline: DeadlineName): string {
  const client = `the client ${record.client}`;
  const upstream = record.upstream === null ? 'the upstream' : `the upstream ${record.upstream}`;
  const sentences: Readonly<Record<DeadlineName, string>> = {
    startup: 'the listeners were not bound in time',
    admission: 'no place became free and nothing decided to admit it',
    sniff: `${client} did not say enough to choose a route`,
    serverFirst: `${client} stayed silent`,
    dial: `${upstream} never answered`,
    dialBudget: `no attempt to reach ${upstream} succeeded`,
    queue: 'no place became free, neither on the route nor at its upstreams',
    backoff: 'the wait before another attempt ended',
    idle: 'no byte moved either way',
    halfClosed: 'one side had ended and no byte of the other moved',
    halfClosedMax: 'one side had ended and the other did not',
    flush: 'nothing more was to come and what was left to write was not taken',
    linger: `${client} did not take what it was told last`,
    lifetime: 'it had reached the age a connection may have',
    drain: 'the proxy was draining and it had not finished',
    readinessDelay: 'the proxy was about to close its listeners',
    requestHead: `${client} did not finish the head of its request`,
    requestBody: `${client} stopped sending the body of its request`,
    response: `${upstream} did not go on with its response`,
    keepAlive: `${client} sent no further request`,
    poolIdle: `nobody needed ${upstream}`,
  };
  return sentences[deadline];
}

function deadlinePassed(record: CloseExplanation, deadline: DeadlineName): string {
  const limit = record.limitMs === null ? '' : ` of ${durationText(record.limitMs)}`;
  const name = `timeouts.${deadline}`;
  const place = record.configPath ?? 'default';
  const setting = place.includes('timeouts.') ? place : `${place} ${name}`;
  return `the ${deadline} deadline${limit} (${setting}) passed`;
}

/** Puts the address behind the first mention of the side that the sentence is about. */
function named(says: string, { client, upstream }: CloseExplanation): string {
  if (upstream !== null && /\bthe upstream\b/.test(says))
    return says.replace('the upstream', `the upstream ${upstream}`);
  return says.replace(/\bthe client\b(?! address)/, `the client ${client}`);
}

function firstToEnd({ reason, by }: CloseExplanation): string {
  if (reason !== 'completed') return '';
  return by === 'upstream' ? ', the upstream first' : by === 'proxy' ? ', the proxy first' : ', the client first';
}

function operatingSystem({ code, cause }: CloseExplanation): string {
  if (code === null && cause === null) return '';
  if (cause === null || code === null) return ` (${code ?? cause ?? ''})`;
  return cause.includes(code) ? ` (${cause})` : ` (${code}: ${cause})`;
}

function moved({ bytesIn, bytesOut }: CloseExplanation): string {
  if (bytesIn === 0 && bytesOut === 0) return 'no byte had moved';
  return `the client had sent ${bytes(bytesIn)} and been sent ${bytes(bytesOut)}`;
}

function bytes(count: number): string {
  if (count === 0) return 'none';
  return count === 1 ? '1 byte' : `${count} bytes`;
}

/** To two digits below the second, so that a deadline and what really passed can be compared. */
function elapsed(ms: number): string {
  return ms >= 1_000 && ms < 60_000 ? `${(ms / 1_000).toFixed(2)} s` : durationText(ms);
}
