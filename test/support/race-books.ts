/**
 * The product's own lists of connections and legs, that remember also who has left them.
 */
import type { Connection } from '../../src/io/connection.ts';
import type { Ledger, LedgerEntry } from '../../src/io/ledger.ts';
import { MemoryLeg } from '../../src/testing/memory-leg.ts';

/** Remembers who was ever listed. */
export class LiveMap extends Map<string, Connection> {
  readonly #everyone: Connection[];

  constructor(everyone: Connection[]) {
    super();
    this.#everyone = everyone;
  }

  override set(connectionId: string, connection: Connection): this {
    this.#everyone.push(connection);
    return super.set(connectionId, connection);
  }
}

/** The real ledger, with a list of everything that ever entered. */
export class WatchedLedger implements Ledger {
  readonly real: Ledger;
  readonly everything: MemoryLeg[] = [];

  constructor(real: Ledger) {
    this.real = real;
  }

  get size(): number {
    return this.real.size;
  }

  get counts(): Ledger['counts'] {
    return this.real.counts;
  }

  entries(): readonly LedgerEntry[] {
    return this.real.entries();
  }

  enter(entry: LedgerEntry): void {
    if (entry instanceof MemoryLeg) this.everything.push(entry);
    this.real.enter(entry);
  }

  letGo(entry: LedgerEntry): void {
    this.real.letGo(entry);
  }

  leave(entry: LedgerEntry): void {
    this.real.leave(entry);
  }

  quiescent(): Promise<void> {
    return this.real.quiescent();
  }
}
