/**
 * The last closed connections, so that `explain` can answer after the end.
 *
 * Decides: how many are remembered; the oldest is forgotten first. Must never do: grow beyond that.
 */
import type { ClosedRecord } from '../io/reports.ts';

const closedRecordsKept = 1000;

export class ClosedRecords {
  readonly #keep: number;
  readonly #records = new Map<string, ClosedRecord>();
  /** Ids in the order they came, in a circle; `#next` is the oldest once the circle is full. */
  readonly #ids: string[] = [];
  #next = 0;

  /** @param keep a whole number; 0 remembers nothing */
  constructor(keep: number = closedRecordsKept) {
    this.#keep = keep;
  }

  get size(): number {
    return this.#records.size;
  }

  put(record: ClosedRecord): void {
    if (this.#keep === 0) return;
    if (!this.#records.has(record.connectionId)) this.#makePlaceFor(record.connectionId);
    this.#records.set(record.connectionId, record);
  }

  get(connectionId: string): ClosedRecord | null {
    return this.#records.get(connectionId) ?? null;
  }

  #makePlaceFor(connectionId: string): void {
    const oldest = this.#ids[this.#next];
    if (oldest !== undefined) this.#records.delete(oldest);
    this.#ids[this.#next] = connectionId;
    this.#next = (this.#next + 1) % this.#keep;
  }
}
