/**
 * The last closed connections, or exchanges, so that `explain` can answer after the end.
 *
 * Decides: how many are remembered; the oldest is forgotten first. Must never do: grow beyond that.
 */
const closedRecordsKept = 1000;

export class ClosedRecords<Kept> {
  readonly #keep: number;
  readonly #records = new Map<string, Kept>();
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

  put(id: string, record: Kept): void {
    if (this.#keep === 0) return;
    if (!this.#records.has(id)) this.#makePlaceFor(id);
    this.#records.set(id, record);
  }

  get(id: string): Kept | null {
    return this.#records.get(id) ?? null;
  }

  /** The latest that is so. Looks at all of them: for a question that somebody asks, not for a connection. */
  findLast(isSo: (record: Kept) => boolean): Kept | null {
    let found: Kept | null = null;
    for (const record of this.#records.values()) if (isSo(record)) found = record;
    return found;
  }

  #makePlaceFor(id: string): void {
    const oldest = this.#ids[this.#next];
    if (oldest !== undefined) this.#records.delete(oldest);
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % this.#keep;
  }
}
