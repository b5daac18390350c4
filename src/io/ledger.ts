/**
 * The ledger: every transport the process holds, from the callback that produced it to the operating system's close.
 *
 * Decides: when a transport that was told to go is overdue. Then it is reported, counted and struck off, so that whoever
 * waits for quiescence is never kept waiting by a close that does not come.
 * Must never do: touch a transport. Legs enter and leave by themselves (`leg-base.ts`).
 */
import type { Clock, Timer, TimerTarget } from './clock.ts';
import type { Reports } from './reports.ts';

/** Which side of a connection: the one that connected to us, or the one we connect to. */
export type LegSide = 'downstream' | 'upstream';

export interface LedgerEntry {
  /** For people: `upstream 127.0.0.1:3000`. */
  readonly name: string;
  readonly side: LegSide;
}

/** Counters that only rise; entered = left + overdue + size, always. */
export interface LedgerCounts {
  readonly entered: number;
  readonly left: number;
  /** Struck off without a close. */
  readonly overdue: number;
}

export interface Ledger {
  /** Transports held now. */
  readonly size: number;
  readonly counts: LedgerCounts;
  entries(): readonly LedgerEntry[];
  /** In the synchronous block that produced the transport. */
  enter(entry: LedgerEntry): void;
  /** The transport was told to go: its release deadline runs from now. Idempotent. */
  letGo(entry: LedgerEntry): void;
  /** The operating system has closed it. Idempotent. */
  leave(entry: LedgerEntry): void;
  /** Resolves when the ledger is empty; at once when it is. */
  quiescent(): Promise<void>;
}

/** How long a transport that was told to go may take to close: far longer than the event loop is ever blocked. */
export const releaseMs = 5_000;

/** @param reports hears the trouble `release.overdue`, once per transport. */
export function createLedger(clock: Clock, reports: Pick<Reports, 'trouble'>): Ledger {
  return new TransportLedger(clock, reports);
}

class TransportLedger implements Ledger, TimerTarget {
  readonly #clock: Clock;
  readonly #reports: Pick<Reports, 'trouble'>;
  readonly #held = new Set<LedgerEntry>();
  /** Told to go, with the end of their patience; all wait equally long, so the first is always due first. */
  readonly #leaving = new Map<LedgerEntry, number>();
  #timer: Timer | null = null;
  #waiting: (() => void)[] = [];
  #entered = 0;
  #left = 0;
  #overdue = 0;

  constructor(clock: Clock, reports: Pick<Reports, 'trouble'>) {
    this.#clock = clock;
    this.#reports = reports;
  }

  get size(): number {
    return this.#held.size;
  }

  get counts(): LedgerCounts {
    return { entered: this.#entered, left: this.#left, overdue: this.#overdue };
  }

  entries(): readonly LedgerEntry[] {
    return [...this.#held];
  }

  enter(entry: LedgerEntry): void {
    if (this.#held.has(entry)) return;
    this.#held.add(entry);
    this.#entered += 1;
  }

  letGo(entry: LedgerEntry): void {
    if (!this.#held.has(entry) || this.#leaving.has(entry)) return;
    this.#leaving.set(entry, this.#clock.nowMs() + releaseMs);
    this.#timer ??= this.#clock.arm(releaseMs, this, 0);
  }

  leave(entry: LedgerEntry): void {
    if (!this.#held.delete(entry)) return;
    this.#left += 1;
    if (this.#leaving.delete(entry) && this.#leaving.size === 0) this.#cancelTimer();
    this.#settle();
  }

  quiescent(): Promise<void> {
    if (this.#held.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  onTimer(): void {
    this.#timer = null;
    const nowMs = this.#clock.nowMs();
    for (const [entry, dueMs] of this.#leaving) {
      if (dueMs > nowMs) {
        this.#timer ??= this.#clock.arm(dueMs - nowMs, this, 0);
        break;
      }
      this.#strikeOff(entry);
    }
    this.#settle();
  }

  #strikeOff(entry: LedgerEntry): void {
    this.#leaving.delete(entry);
    this.#held.delete(entry);
    this.#overdue += 1;
    const message = `the ${entry.side} transport was told to close ${releaseMs} ms ago and has not: ${entry.name}`;
    this.#reports.trouble({ event: 'release.overdue', connectionId: null, message });
  }

  #cancelTimer(): void {
    if (this.#timer !== null) this.#clock.cancel(this.#timer);
    this.#timer = null;
  }

  #settle(): void {
    if (this.#held.size > 0 || this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
