/**
 * The invariants of the charts, checked in production at sampling cost: one live connection for every so many accepted.
 *
 * Decides which connection is looked at. Must never do: repair, or sweep; what it finds is counted and must stay 0.
 */
import { armedMismatch } from '../machines/connection/armed-check.ts';
import type { Connection } from './connection.ts';
import type { Reports } from './reports.ts';

/** One look for every so many accepted connections: about a nanosecond each. */
const acceptedPerLook = 256;

export class Sampling {
  readonly #live: ReadonlyMap<string, Connection>;
  readonly #report: Reports['trouble'];
  #accepted = 0;
  #walk: Iterator<Connection, undefined> | null = null;

  constructor(live: ReadonlyMap<string, Connection>, report: Reports['trouble']) {
    this.#live = live;
    this.#report = report;
  }

  /** Call once per accepted connection, before its chart is started. */
  accepted(): void {
    this.#accepted += 1;
    if (this.#accepted % acceptedPerLook === 0) this.look();
  }

  /** Looks at the next live connection in turn. */
  look(): void {
    const connection = this.#next() ?? this.#next();
    if (connection === undefined) return;
    const mismatch = armedMismatch(connection.chart);
    if (mismatch === null) return;
    this.#report({ event: 'invariant.broken', connectionId: connection.connectionId, message: mismatch });
  }

  #next(): Connection | undefined {
    this.#walk ??= this.#live.values();
    const next: IteratorResult<Connection, undefined> = this.#walk.next();
    if (next.done === true) this.#walk = null;
    return next.value;
  }
}
