/**
 * A crowd: items by whom they belong to, each group in the order of arrival, and which group is the largest.
 *
 * Decides who has to give way where there is no room left: one of the largest group, and only where that has clearly more
 * than the newcomer's own would. Every question and every change takes the same time, however many there are.
 * Must never do: know what an item is, or keep a group that is empty.
 */

interface Member<Item> {
  readonly item: Item;
  readonly group: Group<Item>;
  before: Member<Item> | null;
  after: Member<Item> | null;
}

interface Group<Item> {
  readonly holder: string;
  size: number;
  first: Member<Item> | null;
  last: Member<Item> | null;
}

export class Crowd<Item> {
  readonly #groups = new Map<string, Group<Item>>();
  readonly #members = new Map<Item, Member<Item>>();
  /** By how many members they have; those at 0 are gone. The longest known group of a size comes first. */
  readonly #bySize: Set<Group<Item>>[] = [];
  #largest = 0;

  get size(): number {
    return this.#members.size;
  }

  /** How many holders have anybody in it. */
  get holders(): number {
    return this.#groups.size;
  }

  /** How many belong to that holder. */
  count(holder: string): number {
    return this.#groups.get(holder)?.size ?? 0;
  }

  /** Whom an item belongs to; null when it is not there. */
  holderOf(item: Item): string | null {
    return this.#members.get(item)?.group.holder ?? null;
  }

  /** The longest there of a holder. */
  first(holder: string): Item | null {
    return this.#groups.get(holder)?.first?.item ?? null;
  }

  /** An item that is there already stays where it is. */
  add(holder: string, item: Item): void {
    if (this.#members.has(item)) return;
    const group = this.#groups.get(holder) ?? { holder, size: 0, first: null, last: null };
    if (group.size === 0) this.#groups.set(holder, group);
    const member: Member<Item> = { item, group, before: group.last, after: null };
    if (group.last === null) group.first = member;
    else group.last.after = member;
    group.last = member;
    this.#members.set(item, member);
    this.#resize(group, 1);
  }

  /** @returns false when it was not there. */
  remove(item: Item): boolean {
    const member = this.#members.get(item);
    if (member === undefined) return false;
    this.#members.delete(item);
    const { group, before, after } = member;
    if (before === null) group.first = after;
    else before.after = after;
    if (after === null) group.last = before;
    else after.before = before;
    this.#resize(group, -1);
    if (group.size === 0) this.#groups.delete(group.holder);
    return true;
  }

  /**
   * Who gives way to a newcomer: of the largest group, where that has at least two more than the newcomer's would have; null
   * where nobody has to. @param which of them: the longest there, or who came last.
   */
  victimFor(newcomer: string, which: 'first' | 'last'): Item | null {
    if (this.#largest < this.count(newcomer) + 3) return null;
    for (const group of this.#bySize[this.#largest] ?? []) return group[which]?.item ?? null;
    return null;
  }

  #resize(group: Group<Item>, by: 1 | -1): void {
    const it = group;
    const before = it.size;
    this.#bySize[before]?.delete(it);
    it.size += by;
    if (it.size > this.#largest) this.#largest = it.size;
    else if (before === this.#largest && by < 0 && this.#bySize[before]?.size === 0) this.#largest -= 1;
    if (it.size === 0) return;
    const same = this.#bySize[it.size] ?? new Set();
    this.#bySize[it.size] = same;
    same.add(it);
  }
}
