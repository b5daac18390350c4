/**
 * The client's side of HTTP CONNECT: a request for a tunnel, and what the answer means.
 *
 * Decides: any 2xx opens the tunnel, right behind its head, whatever the head says of a body; interim answers are passed
 * over. Reads as strictly as any response is read, within the same limits, all heads together.
 * Must never do: keep a chunk, quote what the proxy sent. Read first: `tunnel.ts`, `http1/head-reader.ts`.
 * @see RFC 9110 §9.3.6, RFC 7617
 */
import { addressBytes } from '../routing/ip-address.ts';
import { ranOut, refused } from './http1/field-scanner.ts';
import { HeadReader } from './http1/head-reader.ts';
import { responseProblems } from './http1/problems.ts';
import { defaultHttpLimits } from './http1/reader.ts';
import { asBuffer } from './http1/section.ts';
import { StatusLine } from './http1/status-line.ts';
import { isSendableName, type TunnelEndpoint, type TunnelRefusal, type TunnelStep, type TunnelTalk } from './tunnel.ts';

export interface BasicCredentials {
  /** Without a colon. */
  readonly username: string;
  readonly password: string;
}

const interimsMax = 16;

/** What the statuses say that a proxy answers CONNECT with. */
const statuses: Readonly<Record<number, Omit<TunnelRefusal, 'kind' | 'code'>>> = {
  403: { how: 'refused', says: 'does not allow the connection', isRetryable: true },
  407: { how: 'refused', says: 'wants other credentials', isRetryable: false },
  502: { how: 'unreachable', says: 'cannot reach the host', isRetryable: true },
  503: { how: 'unreachable', says: 'is not available, or the host is not', isRetryable: true },
  504: { how: 'unreachable', says: 'had no answer from the host in time', isRetryable: true },
};

export function connectTalk(
  endpoint: TunnelEndpoint,
  credentials: BasicCredentials | null,
): TunnelTalk | TunnelRefusal {
  const authority = authorityOf(endpoint);
  if (authority === null) return unsayable('can only be asked for an IP address without a zone, or for a host name');
  if (credentials !== null && /[:\p{Cc}]/u.test(credentials.username))
    return unsayable('takes no username with a colon or a control character');
  return new ConnectTalk(authority, credentials);
}

class ConnectTalk implements TunnelTalk {
  readonly opening: Uint8Array;
  readonly #line = new StatusLine();
  readonly #head = new HeadReader(this.#line, responseProblems, defaultHttpLimits);
  #interims = 0;

  constructor(authority: string, credentials: BasicCredentials | null) {
    const secret = credentials === null ? '' : `Proxy-Authorization: Basic ${base64(credentials)}\r\n`;
    this.opening = encoder.encode(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${secret}\r\n`);
    this.#head.begin();
  }

  read(chunk: Uint8Array, start: number): TunnelStep {
    const bytes = asBuffer(chunk);
    const next = this.#head.read(bytes, start);
    if (next === ranOut) return { kind: 'more', next: chunk.length, send: null };
    if (next === refused) return malformed(`answers with a broken head: ${this.#head.problem.detail}`);
    const { status } = this.#line;
    if (status >= 200) return status < 300 ? { kind: 'open', next } : refusedWith(status);
    this.#interims += 1;
    if (status === 101) return malformed('switches protocols, which it was not asked for');
    if (this.#interims > interimsMax) return malformed('sends one interim answer after the other');
    this.#head.begin();
    return { kind: 'more', next, send: null };
  }
}

function refusedWith(status: number): TunnelRefusal {
  const known = statuses[status] ?? otherwise(status);
  return { kind: 'refused', code: `SALLYPORT_CONNECT_${status}`, ...known };
}

function otherwise(status: number): Omit<TunnelRefusal, 'kind' | 'code'> {
  const says = `answers with the status ${status}`;
  return status < 500 ? { how: 'refused', says, isRetryable: false } : { how: 'unreachable', says, isRetryable: true };
}

function malformed(says: string): TunnelRefusal {
  return { kind: 'refused', how: 'malformed', code: 'SALLYPORT_CONNECT_MALFORMED', says, isRetryable: false };
}

function unsayable(says: string): TunnelRefusal {
  return { kind: 'refused', how: 'unreachable', code: 'SALLYPORT_CONNECT_UNSAYABLE', says, isRetryable: true };
}

/** Nothing of it can end a line. */
function authorityOf({ host, port }: TunnelEndpoint): string | null {
  if (!host.includes('%') && addressBytes(host) !== null)
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return isSendableName(host) ? `${host}:${port}` : null;
}

const encoder = new TextEncoder();

function base64({ username, password }: BasicCredentials): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}
