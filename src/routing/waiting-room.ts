/**
 * Who has a slot and who waits for one: the cap that all doors share, the cap of each door, and the places of both.
 *
 * Decides: a slot that is given back goes to whoever has waited longest among those whose door has room as well, before
 * anybody is told anything. Whoever waits has a place of every cap that was full when it came; places are no slots, and
 * bounded: where they are taken, the last of the address that has most of them may have to go. Must never do: own a timer, or admit anybody twice or after it has left.
 * Read first: `admission.ts`, `counted-limits.ts`.
 */
import { ProxyError } from '../errors.ts';
import { SlotCounter } from './admission.ts';
import { claimTogether, type SlotClaim } from './counted-limits.ts';
import { Crowd } from './crowd.ts';
import type { AdmissionPlan } from './plan.ts';

type Size = Pick<AdmissionPlan, 'maxConnections' | 'waitersMax'>;

/** One cap: its slots, and its places for those who wait for a slot. */
export class Door {
  readonly slots: SlotCounter;
  readonly places: SlotCounter;

  constructor({ maxConnections, waitersMax }: Size) {
    this.slots = new SlotCounter(maxConnections);
    // For what never comes nobody waits.
    this.places = new SlotCounter(maxConnections === 0 ? 0 : waitersMax);
  }

  /** True exactly when nobody more may wait here. */
  get isCrowded(): boolean {
    return this.places.max !== null && this.places.held >= this.places.max;
  }

  get isFull(): boolean {
    return this.slots.max !== null && this.slots.held >= this.slots.max;
  }
}

interface Place<Waiter> {
  readonly waiter: Waiter;
  readonly door: Door;
  /** Whose places it has: of every cap that was full. */
  readonly at: readonly Door[];
  readonly claim: SlotClaim;
  /** Who came first has the least. */
  readonly turn: number;
}

export class WaitingRoom<Waiter> {
  /** The one before all others. */
  readonly gate: Door;
  readonly #admit: (waiter: Waiter) => void;
  readonly #places = new Map<Waiter, Place<Waiter>>();
  /** Those who wait at each door, in order. A door at which nobody waits is not here. */
  readonly #lines = new Map<Door, Set<Place<Waiter>>>();
  /** Those who have a place of each cap, by whom they belong to. */
  readonly #crowds = new Map<Door, Crowd<Waiter>>();
  /** Those who have a slot and were not told of it yet. */
  readonly #due: Waiter[] = [];
  #turns = 0;
  #isTelling = false;

  constructor(size: Size, admit: (waiter: Waiter) => void) {
    this.gate = new Door(size);
    this.#admit = admit;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#places.size;
  }

  /** A slot of the gate and of the door, or none of either. */
  tryClaim(door: Door): boolean {
    return claimTogether([this.gate.slots, door.slots]).claimed;
  }

  /** Whether somebody for whom there was no slot may wait for one. */
  hasPlaceAt(door: Door): boolean {
    const full = this.#fullOf(door);
    return full.length > 0 && full.every(({ isCrowded }) => !isCrowded);
  }

  /** Who has to go so that a newcomer of that holder has a place; null: nobody, or that would not help. */
  victimFor(door: Door, holder: string): Waiter | null {
    const crowded = this.#fullOf(door).filter(({ isCrowded }) => isCrowded);
    const [first] = crowded.toReversed();
    const victim = first === undefined ? null : (this.#crowds.get(first)?.victimFor(holder, 'last') ?? null);
    const place = victim === null ? undefined : this.#places.get(victim);
    return crowded.every((each) => place?.at.includes(each)) ? victim : null;
  }

  /** @throws ProxyError SALLYPORT_INVARIANT unless `hasPlaceAt` */
  wait(door: Door, waiter: Waiter, holder: string): void {
    const at = this.#fullOf(door);
    const answer = claimTogether(at.map(({ places }) => places));
    if (!answer.claimed)
      throw new ProxyError('SALLYPORT_INVARIANT', 'somebody was let into a waiting room that is full');
    this.#turns += 1;
    const place = { waiter, door, at, claim: answer.claim, turn: this.#turns };
    for (const each of at) this.#crowdOf(each).add(holder, waiter);
    this.#places.set(waiter, place);
    this.#lines.set(door, (this.#lines.get(door) ?? new Set()).add(place));
  }

  /** Gives up a place. @returns false: it has none, and never had one or was given a slot. */
  leave(waiter: Waiter): boolean {
    const place = this.#places.get(waiter);
    if (place === undefined) return false;
    this.#places.delete(waiter);
    place.claim.release();
    for (const each of place.at) this.#crowdOf(each).remove(waiter);
    const line = this.#lines.get(place.door);
    line?.delete(place);
    if (line?.size === 0) this.#lines.delete(place.door);
    return true;
  }

  /** Gives both slots back. */
  release(door: Door): void {
    door.slots.release();
    this.gate.slots.release();
    this.#passOn();
  }

  /** Everybody who waits, the longest waiting first. */
  waiters(): readonly Waiter[] {
    return [...this.#places.keys()];
  }

  #crowdOf(door: Door): Crowd<Waiter> {
    const known = this.#crowds.get(door) ?? new Crowd<Waiter>();
    this.#crowds.set(door, known);
    return known;
  }

  #fullOf(door: Door): readonly Door[] {
    return [this.gate, door].filter(({ isFull }) => isFull);
  }

  #passOn(): void {
    if (this.#places.size === 0) return;
    for (let next = this.#next(); next !== null && this.tryClaim(next.door); next = this.#next()) {
      this.leave(next.waiter);
      this.#due.push(next.waiter);
    }
    if (!this.#isTelling) this.#tell();
  }

  /** The longest waiting of those whose door has room. */
  #next(): Place<Waiter> | null {
    if (this.gate.isFull) return null;
    let found: Place<Waiter> | null = null;
    for (const [door, line] of this.#lines) {
      if (door.isFull) continue;
      for (const first of line) {
        if (found === null || first.turn < found.turn) found = first;
        break;
      }
    }
    return found;
  }

  #tell(): void {
    this.#isTelling = true;
    try {
      for (let waiter = this.#due.shift(); waiter !== undefined; waiter = this.#due.shift()) this.#admit(waiter);
    } finally {
      this.#isTelling = false;
    }
  }
}
