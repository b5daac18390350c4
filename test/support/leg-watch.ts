/**
 * What a test sees of a leg: its facts, its bytes, and the order of both.
 */
import type { Subscription } from 'rxjs';
import type { Leg, LegFact } from '../../src/io/leg.ts';

export class Watch {
  readonly leg: Leg;
  readonly facts: LegFact[] = [];
  /** Facts as text, with the end of `bytes$` among them. */
  readonly log: string[] = [];
  /** True exactly when `bytes$` has completed. */
  isComplete = false;
  /** True exactly when `facts$` has completed. */
  isOver = false;
  onFact: (fact: LegFact) => void = () => undefined;
  #chunks: Buffer[] = [];
  readonly #listening: Subscription;
  #taking: Subscription | null = null;

  constructor(leg: Leg) {
    this.leg = leg;
    this.#listening = leg.facts$.subscribe({
      next: (fact) => {
        this.facts.push(fact);
        this.log.push(textOf(fact));
        this.onFact(fact);
      },
      complete: () => {
        this.isOver = true;
      },
    });
  }

  get bytes(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  get text(): string {
    return this.bytes.toString('latin1');
  }

  /** Takes the bytes from now on. Harmless when it does already. */
  take(): this {
    this.#taking ??= this.leg.bytes$.subscribe({
      next: (chunk) => this.#chunks.push(Buffer.from(chunk)),
      complete: () => {
        this.isComplete = true;
        this.log.push('complete');
      },
    });
    return this;
  }

  /** Leaves the facts to another. */
  unwatch(): void {
    this.#listening.unsubscribe();
  }

  leave(): void {
    this.#taking?.unsubscribe();
  }

  count(type: LegFact['type']): number {
    return this.facts.filter((fact) => fact.type === type).length;
  }
}

/** Writes in pieces as fast as the leg allows; resolves when all was accepted or the leg is no more. */
export async function writeAll(leg: Leg, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; at += 65_536) {
    leg.write(bytes.subarray(at, at + 65_536), 'shared');
  }
  await Promise.resolve();
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** Bytes in which a loss, a repetition or a swap shows. */
export function repeated(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; at += 1) bytes[at] = (at * 31 + (at >>> 8) * 7 + (at >>> 16)) & 0xff;
  return bytes;
}

function textOf(fact: LegFact): string {
  if (fact.type === 'ended') return `ended ${fact.heldBytes}`;
  return fact.type === 'failed' ? `failed ${fact.code}` : fact.type;
}
