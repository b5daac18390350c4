/**
 * The timer wheel: which timers are due, as a pure data structure that is told what time it is.
 *
 * Six levels of 64 slots; a slot of level n spans 64^n ticks of 4 ms. A timer sits at the lowest level at which its tick
 * and the wheel's share a window, so arming and cancelling cost the same however many timers there are, and the next
 * tick with work is found in two bitmap words per level. Timers fire within one tick after they are due, never before;
 * within a tick in no particular order.
 * A timer that was just armed waits in a list beside the wheel until there are many, or until the wheel is advanced: most
 * timers of a busy proxy are cancelled within milliseconds, and those are never put on the wheel.
 * Must never do: read a clock or arm a system timer; `clock.ts` does both and follows `wakeMs`.
 */
import type { Timer, TimerTarget } from './clock.ts';

/** How late a timer may fire at most, milliseconds, provided the wheel is advanced at `wakeMs`. */
export const tickMs = 4;

const slotBits = 6;
const slotCount = 64;
const slotMask = 63;
const levelCount = 6;

export class TimerWheel {
  /** Timers armed now. */
  armedCount = 0;
  readonly #slots: readonly WheelEntry[];
  /** Two words of 32 slots per level; a bit is set exactly when the slot is not empty. */
  readonly #occupied = new Int32Array(levelCount * 2);
  readonly #expiring = new WheelEntry(0, idle, noSlot);
  /** Armed, or cancelled since, and not on the wheel yet. */
  readonly #fresh: WheelEntry[] = [];
  /** The last tick whose timers have fired. */
  #tick = 0;
  /** The next tick with work, or an earlier one whose timers were cancelled since. */
  #wakeTick = Infinity;

  constructor() {
    this.#slots = Array.from({ length: levelCount * slotCount }, (_, index) => new WheelEntry(0, idle, index));
  }

  /** When to call `advance` next; Infinity when nothing is armed. Possibly early, never late. */
  get wakeMs(): number {
    return this.armedCount === 0 ? Infinity : this.#wakeTick * tickMs;
  }

  /** @param nowMs not before any earlier one. */
  arm(nowMs: number, delayMs: number, target: TimerTarget, slot: number): Timer {
    const entry = new WheelEntry(nowMs + delayMs, target, slot);
    if (this.armedCount === 0) {
      this.#tick = Math.max(this.#tick, Math.floor(nowMs / tickMs));
      this.#wakeTick = Infinity;
      this.#fresh.length = 0;
    } else if (this.#fresh.length === freshMax) {
      this.#placeFresh();
    }
    this.armedCount += 1;
    entry.isFresh = true;
    this.#fresh.push(entry);
    const dueTick = Math.max(tickOf(entry), this.#tick + 1);
    if (dueTick < this.#wakeTick) this.#wakeTick = dueTick;
    return entry;
  }

  /** Idempotent; harmless after the timer has fired. */
  cancel(timer: Timer): void {
    if (!(timer instanceof WheelEntry)) return;
    if (timer.isFresh) {
      // It stays in the list as an empty shell, which keeps nobody alive.
      timer.isFresh = false;
      timer.target = idle;
      this.armedCount -= 1;
    } else if (timer.next !== timer) {
      this.armedCount -= 1;
      this.#unlink(timer);
    }
  }

  /**
   * Fires what is due. A target may arm and cancel at will; what it cancels does not fire, what it arms fires in a later tick.
   * @param failed hears what a target threw; the other timers fire all the same.
   */
  advance(nowMs: number, failed: (error: unknown) => void): void {
    const nowTick = Math.floor(nowMs / tickMs);
    this.#placeFresh();
    for (let next = this.#nextTick(); next <= nowTick; next = this.#nextTick()) {
      this.#tick = next;
      this.#collect(next);
      this.#fire(failed);
      this.#placeFresh();
    }
    this.#tick = Math.max(this.#tick, nowTick);
    this.#wakeTick = this.#nextTick();
  }

  /** Puts on the wheel what has been armed since the last time, and is still armed. */
  #placeFresh(): void {
    const fresh = this.#fresh;
    for (let index = 0; index < fresh.length; index += 1) {
      const entry = fresh[index];
      if (entry === undefined || !entry.isFresh) continue;
      entry.isFresh = false;
      this.#place(entry, Math.max(tickOf(entry), this.#tick + 1));
    }
    fresh.length = 0;
  }

  /** Links the entry at the lowest level at which its tick differs from the wheel's only within one window. */
  #place(entry: WheelEntry, dueTick: number): void {
    const now = this.#tick | 0;
    const due = dueTick | 0;
    const level = Math.floor((31 - Math.clz32(now ^ due)) / slotBits);
    const shift = level * slotBits;
    const index = (due >>> shift) & slotMask;
    const word = level * 2 + (index >>> 5);
    this.#occupied[word] = (this.#occupied[word] ?? 0) | (1 << (index & 31));
    append(this.#slotAt(level, index), entry);
    const startTick = this.#tick + ((((due >>> shift) << shift) - now) >>> 0);
    if (startTick < this.#wakeTick) this.#wakeTick = startTick;
  }

  /** Takes the entry out; where its slot is empty now, only the slot itself is left beside it. */
  #unlink(entry: WheelEntry): void {
    const { previous, next } = entry;
    previous.next = next;
    next.previous = previous;
    entry.next = entry;
    entry.previous = entry;
    if (previous === next && previous.slot !== noSlot) this.#markEmpty(previous.slot);
  }

  #markEmpty(slotIndex: number): void {
    const word = slotIndex >>> 5;
    this.#occupied[word] = (this.#occupied[word] ?? 0) & ~(1 << (slotIndex & 31));
  }

  /** The first tick after the wheel's at which a slot begins that is not empty; Infinity when there is none. */
  #nextTick(): number {
    const now = this.#tick | 0;
    for (let level = 0; level < levelCount; level += 1) {
      const shift = level * slotBits;
      const current = (now >>> shift) & slotMask;
      const found = level === levelCount - 1 ? this.#nextOfTop(current) : this.#nextIn(level, current);
      if (found !== -1) return this.#tick + (((found << shift) - (now & lowBits(shift + slotBits))) >>> 0);
    }
    return Infinity;
  }

  /** The first occupied slot of a level after `current`, or -1. Nothing of this level is ever due behind it. */
  #nextIn(level: number, current: number): number {
    let above = -2 << (current & 31);
    for (let word = current >>> 5; word < 2; word += 1) {
      const bits = (this.#occupied[level * 2 + word] ?? 0) & above;
      if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
      above = -1;
    }
    return -1;
  }

  /** The top level has the four slots that are left of 32 bits, and goes round. */
  #nextOfTop(current: number): number {
    const bits = this.#occupied[(levelCount - 1) * 2] ?? 0;
    for (let step = 1; step < 4; step += 1) {
      if ((bits & (1 << ((current + step) & 3))) !== 0) return current + step;
    }
    return -1;
  }

  /** Moves everything due at this tick to `expiring`, and what only begins there to a lower level. */
  #collect(tick: number): void {
    const now = tick | 0;
    for (let level = levelCount - 1; level >= 0; level -= 1) {
      const shift = level * slotBits;
      if ((now & lowBits(shift)) !== 0) continue;
      const head = this.#slotAt(level, (now >>> shift) & slotMask);
      while (head.next !== head) {
        const entry = head.next;
        this.#unlink(entry);
        if (tickOf(entry) <= tick) append(this.#expiring, entry);
        else this.#place(entry, tickOf(entry));
      }
    }
  }

  #fire(failed: (error: unknown) => void): void {
    while (this.#expiring.next !== this.#expiring) {
      const entry = this.#expiring.next;
      this.#unlink(entry);
      this.armedCount -= 1;
      try {
        entry.target.onTimer(entry.slot);
      } catch (error) {
        failed(error);
      }
    }
  }

  #slotAt(level: number, index: number): WheelEntry {
    return this.#slots[level * slotCount + index] ?? this.#expiring;
  }
}

/** An armed timer, or the head of a slot's ring (whose `slot` is then its own index). Linked to itself when not armed. */
class WheelEntry implements Timer {
  readonly dueMs: number;
  target: TimerTarget;
  readonly slot: number;
  /** True exactly while it is armed and not on the wheel yet. */
  isFresh = false;
  next: WheelEntry = this;
  previous: WheelEntry = this;

  constructor(dueMs: number, target: TimerTarget, slot: number) {
    this.dueMs = dueMs;
    this.target = target;
    this.slot = slot;
  }
}

/** So many timers may wait beside the wheel. More than are armed while a request lives, at any usual load. */
const freshMax = 1024;

const noSlot = -1;
const idle: TimerTarget = { onTimer: () => {} };

function append(head: WheelEntry, entry: WheelEntry): void {
  entry.previous = head.previous;
  entry.next = head;
  head.previous.next = entry;
  head.previous = entry;
}

/** The first tick at which the timer is due. */
function tickOf(entry: WheelEntry): number {
  return Math.ceil(entry.dueMs / tickMs);
}

function lowBits(count: number): number {
  return count >= 32 ? -1 : (1 << count) - 1;
}
