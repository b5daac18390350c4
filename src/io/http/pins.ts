/**
 * Upstream connections that belong to one client: once a client has authenticated a connection (NTLM, Negotiate), what
 * comes over it is that client's, so nobody else may ever get it, and the client's next request must.
 *
 * Decides: which messages bind a connection. Must never do: own a timer; a pinned connection lives as long as its client's.
 * @see RFC 4559 §6 (why the authentication is the connection's), RFC 9110 §11.1
 */
import { fieldValues } from '../../protocols/http/fields.ts';
import type { Fields } from '../../protocols/http/message.ts';
import type { UpstreamPool } from './pool.ts';
import type { Pinned } from './ports.ts';

/** The pinned connections of one client's connection. */
export class Pins {
  #pinned: Map<UpstreamPool, Pinned> | null = null;

  put(pool: UpstreamPool, pinned: Pinned): void {
    const earlier = this.#pinned?.get(pool);
    if (earlier !== undefined && earlier !== pinned) earlier.letGo();
    (this.#pinned ??= new Map()).set(pool, pinned);
  }

  /** The pool, of these, in which the client has a connection of its own that can take a request now. */
  poolAmong(pools: Iterable<UpstreamPool>): UpstreamPool | null {
    if (this.#pinned === null) return null;
    for (const pool of pools) if (this.take(pool) !== null) return pool;
    return null;
  }

  /** The client's own connection in this pool, where it can take a request now. */
  take(pool: UpstreamPool): Pinned | null {
    const pinned = this.#pinned?.get(pool);
    return pinned?.canLend === true ? pinned : null;
  }

  letGo(): void {
    for (const pinned of this.#pinned?.values() ?? []) pinned.letGo();
    this.#pinned = null;
  }
}

const bindingSchemes = /^(?:ntlm|negotiate|kerberos)(?:\s|$)/i;

/** True exactly when one of these fields carries a scheme that authenticates the connection instead of the request. */
export function bindsConnection(fields: Fields, name: 'authorization' | 'www-authenticate'): boolean {
  return fieldValues(fields, name).some((value) => bindingSchemes.test(value));
}
