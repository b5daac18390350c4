/**
 * One exchange as somebody for whom is dialled.
 *
 * Decides nothing; it puts together what the exchange, its request and its connection know.
 */
import type { RequestHead } from '../../protocols/http/message.ts';
import type { ProxyHeader } from '../../protocols/proxy-protocol/header.ts';
import type { DialSubject } from '../candidates.ts';
import type { Address } from '../leg.ts';
import type { SecuredClient } from '../tls/secured-client.ts';
import type { ExchangeHolder } from './exchange-ports.ts';
import { hostOf } from './host-of.ts';

/** The exchange, as its subject knows it. */
export interface SubjectOwner {
  readonly holder: ExchangeHolder;
  readonly head: RequestHead | null;
  /** The client's address, as far back as trusted proxies say it. */
  readonly clientIp: string;
  endpointLost(manner: 'drain' | 'kill', cause: string): void;
}

export class ExchangeSubject implements DialSubject {
  readonly #owner: SubjectOwner;

  constructor(owner: SubjectOwner) {
    this.#owner = owner;
  }

  get connectionId(): string {
    return this.#owner.holder.connectionId;
  }

  get listenerName(): string {
    return this.#owner.holder.listener.name;
  }

  /** Of a client behind a trusted proxy no port is known. */
  get client(): Address {
    const { holder, clientIp } = this.#owner;
    return clientIp === holder.client.host ? holder.client : { host: clientIp, port: 0 };
  }

  get local(): Address {
    return this.#owner.holder.local;
  }

  get serverName(): string | null {
    const { head, holder } = this.#owner;
    return (head === null ? null : hostOf(head.authority)) ?? holder.tls?.serverName ?? null;
  }

  get tls(): SecuredClient | null {
    return this.#owner.holder.tls;
  }

  get proxied(): ProxyHeader | null {
    return this.#owner.holder.proxied;
  }

  get head(): RequestHead | null {
    return this.#owner.head;
  }

  endpointLost(manner: 'drain' | 'kill', cause: string): void {
    this.#owner.endpointLost(manner, cause);
  }
}
