/**
 * The process's own logger: JSON lines by pino, or lines for people on a terminal. The one place that knows pino.
 *
 * Decides: the form of a line (level, time, then the fields, `event` first). Must never do: block on a slow reader, end
 * or hang the process because the reader went away; `log-destination.ts` sees to that.
 * Imported only by who wants it (the command): pino costs about 15 ms of start-up, pino-pretty about 10 more.
 */
import { pino } from 'pino';
import type { Clock } from '../io/clock.ts';
import type { Logger } from '../proxy-api.ts';
import type { LogLevel } from '../routing/plan.ts';
import { LogDestination } from './log-destination.ts';

/** One JSON line in, one line for people out, both with their line feed. */
export type LineFormat = (line: string) => string;

export interface ProcessLoggerOptions {
  readonly level: LogLevel;
  /** Null: JSON lines. @see loadPretty */
  readonly pretty?: LineFormat | null;
  /** A file descriptor; standard output unless given. */
  readonly destination?: number;
  /** Bytes that may wait for a slow reader; 1 MiB unless given. */
  readonly bytesMax?: number;
  readonly clock: Clock;
}

export interface ProcessLogger extends Logger {
  /** Writes what waits before it returns; gives up on a reader that takes nothing for half a second. */
  flush(): void;
  /** Lines lost because the reader was too slow or gone. */
  readonly dropped: number;
}

export function createLogger(options: ProcessLoggerOptions): ProcessLogger {
  const { level, pretty = null, destination: fileDescriptor = 1, bytesMax, clock } = options;
  makeNonBlocking(fileDescriptor);
  const destination = new LogDestination({
    fileDescriptor,
    ...(bytesMax === undefined ? {} : { bytesMax }),
    clock,
    tellDropped: (count) => lines.warn({ event: 'log.dropped', count }, `${count} log lines were lost`),
  });
  const lines = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line) => destination.write(pretty === null ? line : pretty(line)) },
  );
  return {
    log: (lineLevel, fields, message) => lines[lineLevel](fields, message),
    flush: () => destination.flush(),
    get dropped() {
      return destination.dropped;
    },
  };
}

/** Loads pino-pretty. For a terminal only: what programs read is JSON. */
export async function loadPretty({ colorize }: { readonly colorize: boolean }): Promise<LineFormat> {
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({
    colorize,
    translateTime: 'SYS:HH:MM:ss.l',
    hideObject: true,
    messageFormat: (line, messageKey) => `${idOf(line)}${String(line[messageKey])}`,
  });
  return (line) => format(inert(line));
}

/** Of the exchange, which names its connection, or of the connection. */
function idOf(line: Readonly<Record<string, unknown>>): string {
  const id = line['exchangeId'] ?? line['connectionId'];
  return typeof id === 'string' ? `${id} ` : '';
}

/** Shows control characters as their escapes: a peer's bytes must not steer a terminal or forge a line. */
function inert(line: string): string {
  return line
    .replace(/\\(?:\\|"|[bfnrt]|u[\da-f]{4})/g, (escape) => (/^\\[\\"]/.test(escape) ? escape : `\\${escape}`))
    .replace(/[\u007f-\u009f]/g, (control) => `\\\\u00${control.charCodeAt(0).toString(16)}`);
}

/** Node makes the pipe behind a standard stream non-blocking when the stream is first touched. */
function makeNonBlocking(fileDescriptor: number): void {
  if (fileDescriptor === 1) void process.stdout;
  if (fileDescriptor === 2) void process.stderr;
}
