/**
 * The PROXY header at the beginning of a connection: whether one may come, whether it is believed, and taking it away.
 *
 * Decides by the listener's plan and by who the socket's peer is, never by what the bytes look like: whoever is not trusted
 * is refused where a header is required, before it has said anything, and otherwise not looked at. Whoever is trusted must
 * speak first, because only its bytes say whether a header is there. A header whose addresses are unknown (`LOCAL`,
 * `UNKNOWN`, UNIX paths) leaves the connection's own; one that speaks of datagrams tells the client's address like any other
 * (§2.2: the transport is that of the forwarded connection). The deadline is the chart's.
 * Must never do: take a byte that follows the header. Read first: `protocols/proxy-protocol/reader.ts`.
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';
import type { ConnectionFact } from '../machines/connection/events.ts';
import type { ProxyHeader } from '../protocols/proxy-protocol/header.ts';
import { readProxyHeader } from '../protocols/proxy-protocol/reader.ts';
import type { ListenerRuntime } from './connection-ports.ts';
import type { Address, Leg } from './leg.ts';
import { PeekBuffer } from './sniffer.ts';

/** The connection, as the reading of its header knows it. */
export interface HeaderOwner {
  readonly downstream: Leg;
  /** Whose socket it is. */
  readonly peer: Address;
  readonly listener: ListenerRuntime;
  /** A believed header says who the client is. */
  identifiedAs(client: Address): void;
  /** Kept where nothing was known before. */
  explainBy(cause: string | null): void;
  hear(fact: ConnectionFact): void;
}

export class ProxyHeaderReading {
  /** Read and believed; null until then, and where there is none. */
  header: ProxyHeader | null = null;
  readonly #owner: HeaderOwner;
  readonly #isRequired: boolean;
  /** Null exactly while nothing is looked for. */
  #buffer: PeekBuffer | null = null;

  constructor(owner: HeaderOwner) {
    this.#owner = owner;
    this.#isRequired = owner.listener.plan.proxyHeader?.required ?? false;
  }

  /** @param hasEnded true exactly when FIN has come. */
  start(hasEnded: boolean): void {
    const { peer, listener } = this.#owner;
    if (!listener.mayIntroduce(peer.host)) return this.#without('refused.address', untrusted);
    this.#buffer = new PeekBuffer();
    return this.look(hasEnded);
  }

  /**
   * Bytes have arrived, or FIN has. Every arrival is looked at: the header's last byte may be the last for long, and a look
   * costs the same whatever has come, because the reader waits for a whole header by its length.
   */
  look(hasEnded: boolean): void {
    if (this.#buffer === null) return undefined;
    const read = readProxyHeader(this.#buffer.view(this.#owner.downstream.held), hasEnded);
    switch (read.verdict) {
      case 'needsMore':
        return undefined;
      case 'header':
        return this.#believe(read.header, read.consumed);
      case 'malformed':
        return this.#refuse('downstream.malformed', read.detail);
      case 'none':
        return this.#without('refused.protocol', missing);
    }
  }

  stop(): void {
    this.#buffer = null;
  }

  /** FIN that stands right behind the header is told while it is taken away: by then it is known whose it is. */
  #believe(header: ProxyHeader, bytes: number): void {
    this.stop();
    this.header = header;
    if (header.source !== null) this.#owner.identifiedAs(header.source);
    this.#owner.downstream.skip(bytes);
    this.#owner.hear(headerRead);
  }

  #without(reason: CloseReason, cause: string): void {
    if (this.#isRequired) return this.#refuse(reason, cause);
    this.stop();
    return this.#owner.hear(headerRead);
  }

  #refuse(reason: CloseReason, cause: string): void {
    this.stop();
    this.#owner.explainBy(cause);
    this.#owner.hear({ type: 'sniff.failed', reason, answerable: false });
  }
}

const headerRead: ConnectionFact = { type: 'proxyHeader.read' };
const untrusted = 'a PROXY header is required here, and this peer may not send one';
const missing = 'a PROXY header is required here, and the connection does not begin with one';
