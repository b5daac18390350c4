/**
 * The client's side of SOCKS 5: CONNECT, without authentication or by username and password.
 *
 * Decides: what is offered, what an answer means, and where it ends. Names are sent as names. An answer that refuses is
 * believed as soon as its number is there, because some servers send no more of it.
 * Must never do: remember more than one message, 262 bytes. Reserved bytes are not looked at.
 * @see RFC 1928, RFC 1929
 */
import { addressBytes } from '../routing/ip-address.ts';
import { byteAt } from './bytes.ts';
import { isSendableName, type TunnelEndpoint, type TunnelRefusal, type TunnelStep, type TunnelTalk } from './tunnel.ts';

export interface SocksCredentials {
  readonly username: string;
  readonly password: string;
}

const version = 5;
const authVersion = 1;
const noAuthentication = 0;
const byPassword = 2;
const noneAccepted = 0xff;
const connectCommand = 1;
const kinds = { ipv4: 1, name: 3, ipv6: 4 } as const;

/** What the numbers of a reply say (RFC 1928 §6). */
const replies: Readonly<Record<number, Omit<TunnelRefusal, 'kind' | 'code'>>> = {
  1: { how: 'unreachable', says: 'failed, and does not say why', isRetryable: true },
  2: { how: 'refused', says: 'does not allow the connection', isRetryable: true },
  3: { how: 'unreachable', says: 'has no route to the network', isRetryable: true },
  4: { how: 'unreachable', says: 'cannot reach the host', isRetryable: true },
  5: { how: 'refused', says: 'was refused the connection', isRetryable: true },
  6: { how: 'unreachable', says: 'had no answer in time (TTL expired)', isRetryable: true },
  7: { how: 'unreachable', says: 'does not know the command CONNECT', isRetryable: false },
  8: { how: 'unreachable', says: 'does not speak the address family', isRetryable: true },
};

/** Null where there is nothing wrong with what is to be asked. */
export function socks5Talk(endpoint: TunnelEndpoint, credentials: SocksCredentials | null): TunnelTalk | TunnelRefusal {
  const request = requestFor(endpoint);
  if (request === null) return unsayable('can only be asked for an IP address without a zone, or for a host name');
  const words = credentials === null ? null : passwordMessage(credentials);
  if (credentials !== null && words === null)
    return unsayable('takes a username and a password of 1 to 255 bytes each');
  return new Socks5Talk(request, words);
}

class Socks5Talk implements TunnelTalk {
  readonly opening: Uint8Array;
  readonly #request: Uint8Array;
  /** The message with username and password; null where there are none. */
  readonly #words: Uint8Array | null;
  #phase: 'method' | 'password' | 'reply' = 'method';
  /** Of the message that is arriving. */
  readonly #heard: number[] = [];

  constructor(request: Uint8Array, words: Uint8Array | null) {
    this.#request = request;
    this.#words = words;
    const methods = words === null ? [noAuthentication] : [noAuthentication, byPassword];
    this.opening = Uint8Array.of(version, methods.length, ...methods);
  }

  read(chunk: Uint8Array, start: number): TunnelStep {
    for (let at = start; at < chunk.length; at += 1) {
      this.#heard.push(byteAt(chunk, at));
      const step = this.#step(at + 1);
      if (step !== null) return step;
    }
    return { kind: 'more', next: chunk.length, send: null };
  }

  /** Null while the message goes on. */
  #step(next: number): TunnelStep | null {
    if (this.#phase === 'reply') return this.#reply(next);
    return this.#phase === 'method' ? this.#method(next) : this.#verdict(next);
  }

  #method(next: number): TunnelStep | null {
    const [first, method] = this.#heard;
    if (first !== version) return malformed('does not speak SOCKS 5');
    if (method === undefined) return null;
    if (method === noAuthentication) return this.#say('reply', this.#request, next);
    if (method === byPassword && this.#words !== null) return this.#say('password', this.#words, next);
    if (method !== noneAccepted) return malformed('chose a way to authenticate that was not offered');
    const says = this.#words === null ? 'wants a username and a password, or more' : 'wants another authentication';
    return { kind: 'refused', how: 'refused', code: 'SALLYPORT_SOCKS_AUTH', says, isRetryable: false };
  }

  /** RFC 1929 §2; some servers answer with the version of SOCKS, and curl takes that as well. */
  #verdict(next: number): TunnelStep | null {
    const [first, status] = this.#heard;
    if (first !== authVersion && first !== version) return malformed('breaks off the authentication');
    if (status === undefined) return null;
    if (status === 0) return this.#say('reply', this.#request, next);
    const says = 'does not accept the username and the password';
    return { kind: 'refused', how: 'refused', code: 'SALLYPORT_SOCKS_AUTH', says, isRetryable: false };
  }

  #reply(next: number): TunnelStep | null {
    const [first, reply, , kind, length] = this.#heard;
    if (first !== version) return malformed('answers with something else than SOCKS 5');
    if (reply === undefined) return null;
    if (reply !== 0) return refusedBy(reply);
    if (kind === undefined) return null;
    const bytes = addressLength(kind, length);
    if (bytes === null) return malformed('answers with an address of an unknown kind');
    return this.#heard.length === 4 + bytes + 2 ? { kind: 'open', next } : null;
  }

  #say(phase: 'password' | 'reply', send: Uint8Array, next: number): TunnelStep {
    this.#phase = phase;
    this.#heard.length = 0;
    return { kind: 'more', next, send };
  }
}

/** Of a bound address, with the byte that says how long a name is; more than any message has while that has not come. */
function addressLength(kind: number, length: number | undefined): number | null {
  if (kind === kinds.ipv4) return 4;
  if (kind === kinds.ipv6) return 16;
  return kind === kinds.name ? 1 + (length ?? 0x1_0000) : null;
}

function refusedBy(reply: number): TunnelRefusal {
  const known = replies[reply] ?? { how: 'unreachable', says: `failed with the number ${reply}`, isRetryable: true };
  return { kind: 'refused', code: `SALLYPORT_SOCKS_${reply}`, ...known };
}

function malformed(says: string): TunnelRefusal {
  return { kind: 'refused', how: 'malformed', code: 'SALLYPORT_SOCKS_MALFORMED', says, isRetryable: false };
}

function unsayable(says: string): TunnelRefusal {
  return { kind: 'refused', how: 'unreachable', code: 'SALLYPORT_SOCKS_UNSAYABLE', says, isRetryable: true };
}

function requestFor({ host, port }: TunnelEndpoint): Uint8Array | null {
  const address = host.includes('%') ? null : addressBytes(host);
  const ports = [port >>> 8, port & 255];
  const head = [version, connectCommand, 0];
  if (address !== null)
    return Uint8Array.of(...head, address.length === 4 ? kinds.ipv4 : kinds.ipv6, ...address, ...ports);
  if (!isSendableName(host)) return null;
  const name = encoder.encode(host);
  return Uint8Array.of(...head, kinds.name, name.length, ...name, ...ports);
}

function passwordMessage({ username, password }: SocksCredentials): Uint8Array | null {
  const [name, word] = [encoder.encode(username), encoder.encode(password)];
  if (![name, word].every(({ length }) => length > 0 && length <= 255)) return null;
  return Uint8Array.of(authVersion, name.length, ...name, word.length, ...word);
}

const encoder = new TextEncoder();
