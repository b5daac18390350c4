/**
 * Slots counted by key, and claims on several counters at once: so many connections for each client, route or endpoint.
 *
 * Decides whether one more fits everywhere it has to, in one step that cannot be interleaved: all slots or none. Who got
 * them has a claim, which gives them back once however often it is asked to. A key without a claim takes no memory.
 * Must never do: wait, or know what a slot is for. Read first: `admission.ts`, whose `SlotCounter` is one of the counters.
 */
import { ProxyError } from '../errors.ts';

/** A counter that one slot can be claimed of: a `SlotCounter`, or one key of `KeyedSlots`. */
export interface SlotSource {
  tryClaim(): boolean;
  release(): void;
}

export class KeyedSlots {
  #max: number | null;
  readonly #held = new Map<string, number>();
  #total = 0;

  /** @param max for each key; null = no cap; 0 refuses every claim. */
  constructor(max: number | null) {
    this.#max = max;
  }

  get max(): number | null {
    return this.#max;
  }

  /** Of all keys together. */
  get total(): number {
    return this.#total;
  }

  /** How many keys hold anything. */
  get keys(): number {
    return this.#held.size;
  }

  held(key: string): number {
    return this.#held.get(key) ?? 0;
  }

  /** For whom to shed first: the key that holds most, the longest known one of several; null where nobody holds any. */
  fullest(): string | null {
    let found: string | null = null;
    let most = 0;
    for (const [key, held] of this.#held) {
      if (held <= most) continue;
      most = held;
      found = key;
    }
    return found;
  }

  /** From now on. What is held stays held, also where it is more than the new cap. */
  resize(max: number | null): void {
    this.#max = max;
  }

  tryClaim(key: string): boolean {
    const held = this.held(key);
    if (this.#max !== null && held >= this.#max) return false;
    this.#held.set(key, held + 1);
    this.#total += 1;
    return true;
  }

  /** @throws ProxyError SALLYPORT_INVARIANT when the key holds nothing: a slot was released twice. */
  release(key: string): void {
    const held = this.held(key);
    if (held === 0) throw new ProxyError('SALLYPORT_INVARIANT', 'a slot of a key was released twice');
    if (held === 1) this.#held.delete(key);
    else this.#held.set(key, held - 1);
    this.#total -= 1;
  }

  /** One key as a counter of its own, for `claimTogether`. */
  at(key: string): SlotSource {
    return { tryClaim: () => this.tryClaim(key), release: () => this.release(key) };
  }
}

/** Slots that were claimed together. */
export interface SlotClaim {
  readonly isHeld: boolean;
  /** Gives back everything, the first time; nothing afterwards. */
  release(): void;
}

export type ClaimAnswer =
  | { readonly claimed: true; readonly claim: SlotClaim }
  /** `full`: the index of the first source that had no slot left. */
  | { readonly claimed: false; readonly full: number };

/** One slot of each source, or none of any. A source that stands there twice is asked for two. */
export function claimTogether(sources: readonly SlotSource[]): ClaimAnswer {
  for (const [index, source] of sources.entries()) {
    if (source.tryClaim()) continue;
    for (const claimed of sources.slice(0, index)) claimed.release();
    return { claimed: false, full: index };
  }
  return { claimed: true, claim: new Claim([...sources]) };
}

class Claim implements SlotClaim {
  #sources: readonly SlotSource[] | null;

  constructor(sources: readonly SlotSource[]) {
    this.#sources = sources;
  }

  get isHeld(): boolean {
    return this.#sources !== null;
  }

  release(): void {
    const sources = this.#sources ?? [];
    this.#sources = null;
    for (const source of sources) source.release();
  }
}
