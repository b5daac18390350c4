/**
 * An exchange that becomes a tunnel: what its upstream answered, and who goes on with its legs.
 *
 * Decides nothing: whether the connection itself becomes the tunnel (101) or a stream in it (RFC 8441) is the requester's, and
 * when is the chart's. Must never do: hand legs over twice. Read first: `exchange.ts`.
 */
import type { RequestHead, ResponseHead } from '../../protocols/http/message.ts';
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { ExchangeFact } from '../../machines/exchange/events.ts';
import type { RouteClaim } from '../route-admission.ts';
import type { ExchangeHolder } from './exchange-ports.ts';
import type { Requester, Upstream } from './ports.ts';
import { acceptedHead } from './forwarding.ts';
import type { Timeouts } from '../../machines/connection/delays.ts';

/** The exchange, as its upgrade knows it. */
export interface UpgradeOwner {
  readonly holder: ExchangeHolder;
  readonly requester: Requester;
  readonly head: RequestHead | null;
  readonly upstream: Upstream | null;
  /** The head as the client gets it. */
  clientHead(head: ResponseHead): ResponseHead;
  /** What the exchange uses of its route and its endpoint, for the connection that goes on with it. */
  takeClaims(): RouteClaim;
  upstreamFailed(reason: CloseReason, detail: string, wasSilent: boolean): void;
  tell(fact: ExchangeFact): void;
}

export class Upgrading {
  readonly #owner: UpgradeOwner;
  /** The answer that asked for the upgrade to be taken. */
  #switching: ResponseHead | null = null;
  /** True exactly when the connection goes on with what the exchange had. */
  isHandedOver = false;

  constructor(owner: UpgradeOwner) {
    this.#owner = owner;
  }

  /** The upstream has answered 101. */
  answered(head: ResponseHead): void {
    const { head: asked, requester } = this.#owner;
    if (asked === null || asked.upgrade === null || head.upgrade !== asked.upgrade) {
      const detail = 'the upstream switched to a protocol that nobody asked for';
      return this.#owner.upstreamFailed('upstream.malformed', detail, false);
    }
    this.#switching = head;
    return this.#owner.tell({ type: 'upgrade.accepted', isHandedOver: requester.canHandOver });
  }

  /** Answers the status that the client was sent. */
  handOver(timeouts: Timeouts): number {
    const { holder, requester, upstream } = this.#owner;
    const detached = upstream?.detach() ?? null;
    const head = this.#switching;
    if (detached === null || head === null) throw new Error('the upstream has no leg to hand over');
    this.isHandedOver = true;
    holder.keep(this.#owner.takeClaims());
    requester.handOver(this.#owner.clientHead(head), detached, timeouts);
    return head.status;
  }

  /** Where the client's connection stays what it is: both bodies are the tunnel's from here on. */
  openTunnel(): void {
    const { requester, upstream } = this.#owner;
    if (this.#switching === null) return;
    requester.respond(acceptedHead(this.#owner.clientHead(this.#switching)));
    requester.flush();
    upstream?.openTunnel();
    requester.resume();
  }
}
