/**
 * Looking at what one client has sent, as long as its connection asks for it.
 *
 * Decides when a look is worth it (`PeekBuffer`); what is seen is the sniffer's matter, what becomes of it the connection's.
 * A detector may be the embedder's: what it throws is contained here. Must never do: consume a byte.
 * Read first: `sniffer.ts`.
 */
import type { Client } from '../routing/route-table.ts';
import type { Leg } from './leg.ts';
import { PeekBuffer, type Sniffer, type SniffOutcome } from './sniffer.ts';

/** What a look tells the connection. */
export interface PeekOwner {
  concluded(outcome: SniffOutcome): void;
  /** A detector threw. */
  detectorFailed(error: unknown): void;
}

export class Peeking {
  readonly sniffer: Sniffer;
  readonly #leg: Leg;
  readonly #client: Client;
  readonly #owner: PeekOwner;
  #buffer: PeekBuffer | null = null;
  /** True exactly when the client's FIN was told before the bytes were handed on. */
  #hasEnded = false;

  constructor(leg: Leg, sniffer: Sniffer, client: Client, owner: PeekOwner) {
    this.#leg = leg;
    this.sniffer = sniffer;
    this.#client = client;
    this.#owner = owner;
  }

  /** @param hasEnded true exactly when FIN has come. Concludes once at most, so that nothing is claimed twice. */
  start(hasEnded: boolean): void {
    const outcome = this.sniffer.first(this.#client);
    if (outcome !== null) return this.#owner.concluded(outcome);
    this.#buffer = new PeekBuffer();
    this.#hasEnded = hasEnded;
    if (this.#leg.heldBytes > 0 || hasEnded) this.look();
    return undefined;
  }

  stop(): void {
    this.#buffer = null;
  }

  /** FIN has arrived, behind every byte that is held. */
  ended(): void {
    this.#hasEnded = true;
    this.look();
  }

  /** Bytes have arrived, or FIN has. */
  look(): void {
    if (this.#buffer === null || !this.#buffer.isDue(this.#leg.heldBytes, this.#hasEnded)) return;
    const prefix = this.#buffer.view(this.#leg.held);
    try {
      this.#owner.concluded(this.sniffer.look(this.#client, prefix, this.#hasEnded));
    } catch (error) {
      this.#owner.detectorFailed(error);
    }
  }
}
