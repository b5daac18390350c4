/**
 * Upstream connections that belong to one client: once a client has authenticated a connection (NTLM, Negotiate), what
 * comes over it is that client's, so nobody else may ever get it, and the client's next request must.
 *
 * Decides: which messages bind a connection. Must never do: own a timer; a pinned connection lives as long as its client's.
 * @see RFC 4559 §6 (why the authentication is the connection's), RFC 9110 §11.1
 */
import { isNamed } from '../../protocols/http/fields.ts';
import type { Fields } from '../../protocols/http/message.ts';
import type { UpstreamPool } from './pool.ts';
import type { OwnPools } from './pool-book.ts';
import type { Pinned } from './ports.ts';

/** The pinned connections of one client's connection. */
export class Pins {
  #pinned: Map<UpstreamPool, Pinned> | null = null;
  #own: OwnPools | null = null;

  /** True exactly when the client has no connection of its own: then no pool has to be looked for. */
  get areNone(): boolean {
    return this.#pinned === null;
  }

  put(pool: UpstreamPool, pinned: Pinned): void {
    const earlier = this.#pinned?.get(pool);
    if (earlier !== undefined && earlier !== pinned) earlier.letGo();
    (this.#pinned ??= new Map()).set(pool, pinned);
  }

  /** The pool, of these, in which the client has a connection of its own that can take a request now. */
  poolAmong(pools: Iterable<UpstreamPool>): UpstreamPool | null {
    for (const pool of pools) if (this.take(pool) !== null) return pool;
    return null;
  }

  /** The client's own connection in this pool, where it can take a request now. */
  take(pool: UpstreamPool): Pinned | null {
    const pinned = this.#pinned?.get(pool);
    return pinned?.canLend === true ? pinned : null;
  }

  /** The pools whose connections tell upstreams of this client. @param make asked for the first of them. */
  own(make: () => OwnPools): OwnPools {
    this.#own ??= make();
    return this.#own;
  }

  letGo(): void {
    for (const pinned of this.#pinned?.values() ?? []) pinned.letGo();
    this.#pinned = null;
    this.#own?.letGo();
    this.#own = null;
  }
}

const bindingSchemes = /^(?:ntlm|negotiate|kerberos)(?:\s|$)/i;

/** True exactly when one of these fields carries a scheme that authenticates the connection instead of the request. */
export function bindsConnection(fields: Fields, name: 'authorization' | 'www-authenticate'): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    if (isNamed(fields[index] ?? '', name) && bindingSchemes.test(fields[index + 1] ?? '')) return true;
  }
  return false;
}
