/**
 * A first-in first-out queue that never holds more than it may: the oldest gives way.
 *
 * Decides: what is lost when a consumer is slower than its source. Must never do: lose without saying so.
 */

export class BoundedQueue<Item> {
  readonly #sizeMax: number;
  readonly #items: (Item | undefined)[] = [];
  #head = 0;

  /** @param sizeMax a whole number from 1 */
  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  get size(): number {
    return this.#items.length - this.#head;
  }

  /** @returns true exactly when the oldest item had to go */
  push(item: Item): boolean {
    this.#items.push(item);
    if (this.size <= this.#sizeMax) return false;
    this.shift();
    return true;
  }

  /** The oldest, or undefined when there is none. */
  shift(): Item | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head > this.#sizeMax || this.#head === this.#items.length) this.#compact();
    return item;
  }

  clear(): void {
    this.#items.length = 0;
    this.#head = 0;
  }

  /** At most once for every `sizeMax` items, so that each one costs the same. */
  #compact(): void {
    this.#items.copyWithin(0, this.#head);
    this.#items.length -= this.#head;
    this.#head = 0;
  }
}
