/**
 * Hears the facts of one leg on behalf of its connection.
 *
 * Decides nothing.
 */
import type { LegFact } from './leg.ts';
import { Sink } from './sink.ts';
import type { Side } from './splice.ts';

export interface FactOwner {
  legTold(side: Side, fact: LegFact): void;
  /** Hearing a fact threw: a bug of ours. */
  broken(error: unknown): void;
}

export class LegFacts extends Sink<LegFact> {
  readonly #owner: FactOwner;
  readonly #side: Side;

  constructor(owner: FactOwner, side: Side) {
    super();
    this.#owner = owner;
    this.#side = side;
  }

  protected override _next(fact: LegFact): void {
    this.#owner.legTold(this.#side, fact);
  }

  protected override _error(error: unknown): void {
    this.#owner.broken(error);
  }
}
