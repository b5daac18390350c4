/**
 * What happened since the start, in numbers.
 *
 * Decides nothing. Laws: accepted = closed + live, and the sums by reason are `closed` and `refused`;
 * likewise of exchanges, whose sum by status is `closed`, too.
 * Must never do: forget or correct a number; a violated law is a bug elsewhere and must show.
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';
import type { ProxyCounters } from '../proxy-api.ts';

export class Counters {
  #accepted = 0;
  #live = 0;
  #closed = 0;
  #refused = 0;
  #invariantViolations = 0;
  #handlerFailures = 0;
  #releasesOverdue = 0;
  #exchangesOpened = 0;
  #exchangesClosed = 0;
  readonly #closedByReason = new Map<CloseReason, number>();
  readonly #refusedByReason = new Map<CloseReason, number>();
  readonly #exchangesByReason = new Map<CloseReason, number>();
  /** By status; 0 is for those that got none. */
  readonly #exchangesByStatus = new Float64Array(statusMax + 1);

  connectionOpened(): void {
    this.#accepted += 1;
    this.#live += 1;
  }

  connectionClosed(reason: CloseReason): void {
    this.#live -= 1;
    this.#closed += 1;
    countOne(this.#closedByReason, reason);
  }

  /** A connection that was refused before it had a chart. */
  connectionRefused(reason: CloseReason): void {
    this.#refused += 1;
    countOne(this.#refusedByReason, reason);
  }

  exchangeOpened(): void {
    this.#exchangesOpened += 1;
  }

  /** @param status what the client was sent; null when it got none */
  exchangeClosed(reason: CloseReason, status: number | null): void {
    this.#exchangesClosed += 1;
    countOne(this.#exchangesByReason, reason);
    const index = status ?? 0;
    this.#exchangesByStatus[index] = (this.#exchangesByStatus[index] ?? 0) + 1;
  }

  invariantBroken(): void {
    this.#invariantViolations += 1;
  }

  handlerFailed(): void {
    this.#handlerFailures += 1;
  }

  releaseOverdue(): void {
    this.#releasesOverdue += 1;
  }

  /** A copy; it stays as it is. */
  read(): ProxyCounters {
    return {
      accepted: this.#accepted,
      live: this.#live,
      closed: this.#closed,
      refused: this.#refused,
      closedByReason: Object.fromEntries(this.#closedByReason),
      refusedByReason: Object.fromEntries(this.#refusedByReason),
      exchanges: {
        opened: this.#exchangesOpened,
        live: this.#exchangesOpened - this.#exchangesClosed,
        closed: this.#exchangesClosed,
        closedByReason: Object.fromEntries(this.#exchangesByReason),
        closedByStatus: this.#byStatus(),
      },
      invariantViolations: this.#invariantViolations,
      handlerFailures: this.#handlerFailures,
      releasesOverdue: this.#releasesOverdue,
    };
  }

  #byStatus(): Record<string, number> {
    const counts = [...this.#exchangesByStatus.entries()].filter(([, count]) => count > 0);
    return Object.fromEntries(counts.map(([status, count]) => [status === 0 ? 'none' : status, count]));
  }
}

/** No status of HTTP has four digits. */
const statusMax = 999;

function countOne<Name>(counts: Map<Name, number>, name: Name): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
