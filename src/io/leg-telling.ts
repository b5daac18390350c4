/**
 * How a leg tells its facts: to one listener at a time, in order; what nobody hears is kept for the next one.
 *
 * Decides: that a listener may hand over to another (a dialer that waits for `secured` to whoever asked for the leg), and
 * that nothing told in between is lost. Must never do: tell a fact twice.
 * Read first: `leg.ts` for the laws. What the facts are is decided in `leg-base.ts`.
 */
import { Observable, type Subscriber } from 'rxjs';
import { ProxyError } from '../errors.ts';
import type { LegFact } from './leg.ts';
import { LegCounts, type LegPorts } from './leg-counts.ts';

export abstract class LegTelling extends LegCounts {
  /** Facts nobody has heard yet; null while somebody listens. */
  private kept: LegFact[] | null;
  private listener: Subscriber<LegFact> | null;

  constructor(ports: LegPorts) {
    super(ports);
    this.kept = noFacts;
    this.listener = null;
  }

  /** A new one at each access, because it is seldom subscribed more than once and need not be kept. */
  get facts$(): Observable<LegFact> {
    return new Observable((subscriber) => this.listenTo(subscriber));
  }

  protected announce(fact: LegFact): void {
    if (this.kept === null) this.listener?.next(fact);
    else if (this.kept === noFacts) this.kept = [fact];
    else this.kept.push(fact);
  }

  protected announceLast(fact: LegFact): void {
    this.announce(fact);
    if (this.kept === null) this.listener?.complete();
  }

  protected forgetKept(): void {
    if (this.kept !== null) this.kept = noFacts;
  }

  private listenTo(subscriber: Subscriber<LegFact>): () => void {
    if (this.listener !== null)
      throw new ProxyError('SALLYPORT_INVARIANT', 'facts$ of a leg has one subscriber at a time');
    this.listener = subscriber;
    // A fact told while these are being told lines up behind them; letting go empties the line.
    while (!subscriber.closed) {
      const fact = this.kept?.shift();
      if (fact === undefined) break;
      subscriber.next(fact);
    }
    if (!subscriber.closed) this.kept = null;
    if (this.life === 'released') subscriber.complete();
    return () => {
      this.listener = null;
      this.kept ??= noFacts;
    };
  }
}

/** Shared and never written to: what is kept of most legs most of the time. */
const noFacts: LegFact[] = [];
