/**
 * The key that session tickets are sealed with: one for all contexts of a process, replaced in the course of time.
 *
 * Decides: how long a key lives. It is looked at whenever a context is asked for, so an idle proxy needs no timer. Node
 * opens tickets of one key only, so a client that comes back over a change makes a whole handshake, once.
 * Must never do: write a key anywhere. Read first: `contexts.ts`.
 * @see RFC 5077 §5.5
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';

/** 12 h: whoever takes a key off the process reads no more of TLS 1.2 than that. */
export const ticketKeyLifeMs = 43_200_000;

/** What Node wants: a name of 16 bytes, and two keys of 16. */
const keyBytes = 48;

export interface TicketKey {
  /** Counts the keys there have been. */
  readonly generation: number;
  readonly bytes: Buffer;
}

export class TicketKeys {
  readonly #clock: Pick<Clock, 'nowMs'>;
  #current: TicketKey;
  #madeAtMs: number;

  constructor(clock: Pick<Clock, 'nowMs'>) {
    this.#clock = clock;
    this.#current = { generation: 1, bytes: randomBytes(keyBytes) };
    this.#madeAtMs = clock.nowMs();
  }

  /** A new one where the last has had its time. */
  current(): TicketKey {
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#madeAtMs < ticketKeyLifeMs) return this.#current;
    this.#madeAtMs = nowMs;
    this.#current = { generation: this.#current.generation + 1, bytes: randomBytes(keyBytes) };
    return this.#current;
  }
}
