/**
 * What a leg counts, whatever carries it: bytes each way, and when the last one moved.
 *
 * Decides: what counts as movement. A slow reader's progress does, although no event tells of it: bytes that were queued
 * at the last look, and left since. Must never do: own a timer, or look at the queue more often than it is asked.
 * Read first: `leg.ts`. The rest of a leg is in `leg-base.ts`.
 */
import type { Clock } from './clock.ts';
import type { Ledger, LedgerEntry, LegSide } from './ledger.ts';
import type { Reports } from './reports.ts';

/** What every leg is given. Shared by all of them. */
export interface LegPorts {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly report: Reports['trouble'];
}

export abstract class LegCounts implements LedgerEntry {
  abstract readonly name: string;
  abstract readonly side: LegSide;
  receivedBytes: number;
  protected readonly ports: LegPorts;
  /** Bytes taken by `write`. */
  protected acceptedBytes: number;
  /** What is left of the leg. Only ever goes on: live → failed | letGo → released. */
  protected life: 'live' | 'failed' | 'letGo' | 'released';
  /** `sentBytes` of a leg that is no longer live. */
  protected finalSentBytes: number;
  private stampedAtMs: number;
  /** What `countSent` and `acceptedBytes` were when the queue was last looked at. */
  private seenSent: number;
  private seenAccepted: number;

  constructor(ports: LegPorts) {
    this.receivedBytes = 0;
    this.ports = ports;
    this.acceptedBytes = 0;
    this.life = 'live';
    this.finalSentBytes = 0;
    this.stampedAtMs = ports.clock.nowMs();
    this.seenSent = 0;
    this.seenAccepted = 0;
  }

  /** Bytes of `acceptedBytes` that have left this process. Never falls. */
  protected abstract countSent(): number;

  get sentBytes(): number {
    return this.life === 'live' ? this.countSent() : this.finalSentBytes;
  }

  get lastByteAtMs(): number {
    if (this.life === 'live' && this.seenSent < this.acceptedBytes && this.hasQueueMoved()) this.stamp();
    return this.stampedAtMs;
  }

  protected stamp(): void {
    this.stampedAtMs = this.ports.clock.nowMs();
  }

  /** Looks at the queue: has anything left it that was in it at the last look? */
  protected hasQueueMoved(): boolean {
    const sent = this.countSent();
    const hasMoved = this.seenSent < this.seenAccepted && sent > this.seenSent;
    this.seenSent = sent;
    this.seenAccepted = this.acceptedBytes;
    return hasMoved;
  }

  /** From here on other bytes are counted: what is inside TLS. */
  protected countAnew(): void {
    this.receivedBytes = 0;
    this.acceptedBytes = 0;
    this.seenSent = 0;
    this.seenAccepted = 0;
  }
}
