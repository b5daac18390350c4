/**
 * What the operating system's codes mean: one table, for dials, live legs and listeners. TLS has its own (`tls/tls-codes.ts`).
 *
 * Decides: the close reason and whether another endpoint is worth a try. Pure. A code that is not in the table is handled
 * all the same, and whoever meets it says so through the report port.
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';
import type { LegSide } from './ledger.ts';
import { isTlsCode, tlsSentence } from './tls/tls-codes.ts';

/** How a dial can fail. */
export type DialReason = Extract<
  CloseReason,
  'upstream.refused' | 'upstream.unreachable' | 'upstream.reset' | 'upstream.tls'
>;

interface OsCodeMeaning {
  /** A clause, lower case, without a full stop. */
  readonly says: string;
  /** The reason when a dial fails with it. */
  readonly dial: DialReason;
  /** True exactly when another endpoint may fare better: false where the shortage is our own. */
  readonly retryable: boolean;
}

const codes = {
  ECONNREFUSED: { says: 'nothing accepts connections there', dial: 'upstream.refused', retryable: true },
  ECONNRESET: { says: 'the peer reset the connection', dial: 'upstream.reset', retryable: true },
  ECONNABORTED: { says: 'the connection was aborted', dial: 'upstream.reset', retryable: true },
  EPIPE: { says: 'the peer no longer takes bytes', dial: 'upstream.reset', retryable: true },
  ENOTCONN: { says: 'the connection is gone', dial: 'upstream.reset', retryable: true },
  ETIMEDOUT: { says: 'the peer did not answer in time', dial: 'upstream.unreachable', retryable: true },
  EHOSTUNREACH: { says: 'no route leads to the host', dial: 'upstream.unreachable', retryable: true },
  EHOSTDOWN: { says: 'the host is down', dial: 'upstream.unreachable', retryable: true },
  ENETUNREACH: { says: 'no route leads to the network', dial: 'upstream.unreachable', retryable: true },
  ENETDOWN: { says: 'the network is down', dial: 'upstream.unreachable', retryable: true },
  EADDRNOTAVAIL: {
    says: 'this machine has no such address, or no local port is left',
    dial: 'upstream.unreachable',
    retryable: true,
  },
  EAFNOSUPPORT: {
    says: 'this machine does not speak that address family',
    dial: 'upstream.unreachable',
    retryable: true,
  },
  EADDRINUSE: { says: 'the address is in use', dial: 'upstream.unreachable', retryable: true },
  EACCES: { says: 'permission was denied', dial: 'upstream.unreachable', retryable: true },
  EPERM: { says: 'the operation is not permitted', dial: 'upstream.unreachable', retryable: true },
  ENOENT: { says: 'there is no such path', dial: 'upstream.unreachable', retryable: true },
  ENOTDIR: { says: 'a part of the path is no folder', dial: 'upstream.unreachable', retryable: true },
  ELOOP: { says: 'the path goes round in circles', dial: 'upstream.unreachable', retryable: true },
  ENAMETOOLONG: { says: 'the path is too long for a socket', dial: 'upstream.unreachable', retryable: true },
  EPROTOTYPE: { says: 'the socket at that path is no stream', dial: 'upstream.unreachable', retryable: true },
  // What connect(2) says of a UNIX socket whose backlog is full.
  EAGAIN: { says: 'the queue of the socket is full', dial: 'upstream.refused', retryable: true },
  EINVAL: { says: 'the system calls the address invalid', dial: 'upstream.unreachable', retryable: true },
  ENOTFOUND: { says: 'the name does not exist', dial: 'upstream.unreachable', retryable: true },
  ENODATA: { says: 'the name has no address', dial: 'upstream.unreachable', retryable: true },
  EAI_AGAIN: { says: 'name resolution failed for now', dial: 'upstream.unreachable', retryable: true },
  EAI_FAIL: { says: 'name resolution failed', dial: 'upstream.unreachable', retryable: true },
  EAI_NODATA: { says: 'the name has no address', dial: 'upstream.unreachable', retryable: true },
  EAI_NONAME: { says: 'the name does not exist', dial: 'upstream.unreachable', retryable: true },
  ESERVFAIL: { says: 'the name server failed', dial: 'upstream.unreachable', retryable: true },
  EREFUSED: { says: 'the name server refused to answer', dial: 'upstream.unreachable', retryable: true },
  ETIMEOUT: { says: 'the name server did not answer in time', dial: 'upstream.unreachable', retryable: true },
  EMFILE: { says: 'this process is out of file descriptors', dial: 'upstream.unreachable', retryable: false },
  ENFILE: { says: 'this machine is out of file descriptors', dial: 'upstream.unreachable', retryable: false },
  ENOBUFS: { says: 'this machine is out of buffers', dial: 'upstream.unreachable', retryable: false },
  ENOMEM: { says: 'this machine is out of memory', dial: 'upstream.unreachable', retryable: false },
  SALLYPORT_CLOSED: { says: 'the transport was closed without a word', dial: 'upstream.reset', retryable: true },
  SALLYPORT_HANDLER_FAILED: { says: 'the handler failed', dial: 'upstream.reset', retryable: false },
  SALLYPORT_HANDLER_LEFT: { says: 'the handler left', dial: 'upstream.reset', retryable: false },
} as const satisfies Record<string, OsCodeMeaning>;

/** True exactly when the code is in a table. */
export function isKnownCode(code: string): boolean {
  return isOsCode(code) || isTlsCode(code);
}

function isOsCode(code: string): code is keyof typeof codes {
  return Object.hasOwn(codes, code);
}

/** The table's clause, or null where it has none. */
export function codeSentence(code: string): string | null {
  return isOsCode(code) ? codes[code].says : tlsSentence(code);
}

/** The reason when a dial fails with this code. */
export function dialReasonOf(code: string): DialReason {
  if (isTlsCode(code)) return 'upstream.tls';
  return isOsCode(code) ? codes[code].dial : 'upstream.unreachable';
}

/** True exactly when another endpoint may fare better: false where the shortage is our own. Certificates are each endpoint's own. */
export function isRetryable(code: string): boolean {
  return !isOsCode(code) || codes[code].retryable;
}

/** The reason when a live leg fails: TLS broke, or a handler is at fault; else the peer's connection was cut. */
export function closeReasonOf(side: LegSide, code: string): CloseReason {
  if (isTlsCode(code)) return `${side}.tls`;
  if (code === 'SALLYPORT_HANDLER_FAILED') return 'handler.failed';
  if (code === 'SALLYPORT_HANDLER_LEFT') return 'handler.completed';
  return side === 'downstream' ? 'downstream.reset' : 'upstream.reset';
}

/** The transport was closed by someone who said nothing. */
export const closedSilently = 'SALLYPORT_CLOSED';

/** The code of an error, or its name where it has none. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'UNKNOWN';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

/** The table's clause for the error's code, or the error's own words. */
export function causeOf(error: unknown): string {
  return codeSentence(codeOf(error)) ?? (error instanceof Error ? error.message : String(error));
}
