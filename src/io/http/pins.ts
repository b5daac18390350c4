/**
 * Upstream connections that belong to one client: once a client has authenticated a connection (NTLM, Negotiate), what
 * comes over it is that client's, so nobody else may ever get it, and the client's next request must. A trusted proxy may
 * bring requests of many clients over one connection, so a pin is of that connection and of the client's address.
 *
 * Decides: which messages bind a connection. Must never do: own a timer; a pinned connection lives as long as its client's.
 * @see RFC 4559 §6 (why the authentication is the connection's), RFC 9110 §11.1
 */
import { isNamed } from '../../protocols/http/fields.ts';
import type { Fields } from '../../protocols/http/message.ts';
import type { UpstreamPool } from './pool.ts';
import type { OwnPools } from './pool-book.ts';
import type { Pinned } from './ports.ts';

/** One client's connection has so many at most: the one that was pinned first is let go for one more. */
export const pinsMax = 16;

interface Pin {
  readonly pool: UpstreamPool;
  /** The client's address, as far back as it is known to be believed. */
  readonly clientIp: string;
  readonly pinned: Pinned;
}

/** The pinned connections of one client's connection. */
export class Pins {
  #pins: readonly Pin[] = [];
  #own: OwnPools | null = null;

  /** True exactly when the client has no connection of its own: then no pool has to be looked for. */
  get areNone(): boolean {
    return this.#pins.length === 0;
  }

  /** A client has one connection of its own in a pool; and a connection is one client's, the last one that authenticated it. */
  put(pool: UpstreamPool, clientIp: string, pinned: Pinned): void {
    const others = this.#pins.filter((pin) => pin.pinned !== pinned && !isOf(pin, pool, clientIp));
    const kept = others.slice(-(pinsMax - 1));
    for (const pin of this.#pins) if (pin.pinned !== pinned && !kept.includes(pin)) pin.pinned.letGo();
    this.#pins = [...kept, { pool, clientIp, pinned }];
  }

  /** This client's own connection in this pool, where it can take a request now. */
  take(pool: UpstreamPool, clientIp: string): Pinned | null {
    const pinned = this.#pins.find((pin) => isOf(pin, pool, clientIp))?.pinned;
    return pinned?.canLend === true ? pinned : null;
  }

  /** The pools whose connections tell upstreams of this client. @param make asked for the first of them. */
  own(make: () => OwnPools): OwnPools {
    this.#own ??= make();
    return this.#own;
  }

  letGo(): void {
    for (const { pinned } of this.#pins) pinned.letGo();
    this.#pins = [];
    this.#own?.letGo();
    this.#own = null;
  }
}

function isOf(pin: Pin, pool: UpstreamPool, clientIp: string): boolean {
  return pin.pool === pool && pin.clientIp === clientIp;
}

const bindingSchemes = /^(?:ntlm|negotiate|kerberos)(?:\s|$)/i;

/** True exactly when one of these fields carries a scheme that authenticates the connection instead of the request. */
export function bindsConnection(fields: Fields, name: 'authorization' | 'www-authenticate'): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    if (isNamed(fields[index] ?? '', name) && bindingSchemes.test(fields[index + 1] ?? '')) return true;
  }
  return false;
}
