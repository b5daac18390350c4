/**
 * One connection as somebody for whom is dialled.
 *
 * Decides nothing; it puts together what the connection and its greeting know. Read first: `candidates.ts`.
 */
import type { ProxyHeader } from '../protocols/proxy-protocol/header.ts';
import type { DialSubject } from './candidates.ts';
import type { Connection } from './connection.ts';
import type { Address } from './leg.ts';
import type { SecuredClient } from './tls/secured-client.ts';

export class ConnectionSubject implements DialSubject {
  readonly head = null;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  get connectionId(): string {
    return this.#connection.connectionId;
  }

  get listenerName(): string {
    return this.#connection.listener.name;
  }

  get client(): Address {
    return this.#connection.client;
  }

  get local(): Address {
    return this.proxied?.destination ?? this.#connection.downstream.local;
  }

  get proxied(): ProxyHeader | null {
    return this.#connection.greeting.proxied;
  }

  get serverName(): string | null {
    const { tls, sighting } = this.#connection.greeting;
    return tls?.serverName ?? sighting?.preface?.serverName ?? null;
  }

  get tls(): SecuredClient | null {
    return this.#connection.greeting.tls;
  }

  endpointLost(manner: 'drain' | 'kill', cause: string): void {
    this.#connection.endpointLost(manner, cause);
  }
}
