/**
 * One upstream connection of a pool: the leg, what carries requests on it, and the chart that says how long it lives.
 *
 * Decides nothing. The leg is let go in one place, on the chart's one entry into CLOSED.
 * Read first: `machines/pooled/machine.ts`, `carrier.ts`.
 */
import type { PooledCommand, PooledFact } from '../../machines/pooled/machine.ts';
import { createPooledChart, type PooledChart } from '../../machines/pooled/pooled-chart.ts';
import type { ChartHost } from '../../machines/chart/chart.ts';
import type { LegFact, Leg } from '../leg.ts';
import { closeReasonOf } from '../os-codes.ts';
import { Sink } from '../sink.ts';
import type { Carrier, CarrierOwner } from './carrier.ts';
import type { UpstreamPool } from './pool.ts';
import type { PoolPorts } from './pools.ts';
import type { Upstream, UpstreamOwner } from './ports.ts';

export class PooledConnection implements CarrierOwner, ChartHost<PooledCommand> {
  readonly leg: Leg;
  /** True exactly when the pool has it among those it may lend. */
  isListed = false;
  readonly #pool: UpstreamPool;
  readonly #ports: PoolPorts;
  readonly #carrier: Carrier;
  readonly #chart: PooledChart;
  readonly #facts: PooledFacts;
  /** Where the leg's facts go once it belongs to a tunnel; null until then. */
  #detachedTo: ((fact: LegFact) => void) | null = null;

  constructor(leg: Leg, pool: UpstreamPool, ports: PoolPorts) {
    this.leg = leg;
    this.#pool = pool;
    this.#ports = ports;
    this.#carrier = pool.source.carry(leg, this);
    this.#chart = createPooledChart(ports.interpreter, { poolIdleMs: pool.source.poolIdleMs }, ports.clock, this);
    this.#facts = new PooledFacts(this);
  }

  get canLend(): boolean {
    return !this.#chart.isDone && this.#chart.state !== 'LEAVING' && this.#carrier.canLend;
  }

  get isIdle(): boolean {
    return this.#chart.state === 'IDLE';
  }

  get isGone(): boolean {
    return this.leg.isGone;
  }

  start(): void {
    this.#chart.start();
    this.#carrier.start();
    this.leg.facts$.subscribe(this.#facts);
  }

  lend(owner: UpstreamOwner): Upstream {
    if (this.isIdle) this.#tell({ type: 'connection.lent' });
    return this.#carrier.request(owner);
  }

  drain(): void {
    this.#tell({ type: 'drain.requested' });
  }

  idle(): void {
    if (!this.#pool.source.isKept || this.#ports.isDraining()) return this.#tell({ type: 'connection.spoilt' });
    this.#tell({ type: 'connection.returned' });
    if (!this.#chart.isDone) this.#pool.lendable(this);
  }

  lendable(): void {
    if (this.canLend) this.#pool.lendable(this);
  }

  leaving(): void {
    this.#tell({ type: 'upstream.leaving' });
  }

  spoilt(): void {
    this.#tell({ type: 'connection.spoilt' });
  }

  ended(): void {
    this.#tell({ type: 'upstream.ended' });
  }

  detached(told: (fact: LegFact) => void): void {
    this.#detachedTo = told;
    this.#tell({ type: 'connection.spoilt' });
  }

  legTold(fact: LegFact): void {
    if (this.#detachedTo !== null) return this.#detachedTo(fact);
    if (fact.type === 'released') return undefined;
    if (fact.type !== 'failed') return this.#carrier.told(fact);
    const reason = closeReasonOf('upstream', fact.code);
    this.#carrier.failed(reason, `${fact.code}: ${fact.cause}`);
    return this.#tell({ type: 'upstream.failed', reason });
  }

  perform(command: PooledCommand): void {
    try {
      if (command.type === 'release') this.#release();
      else if (this.leg.isGone) this.#died();
    } catch (error) {
      this.broken(error);
    }
  }

  moved(): void {
    return undefined;
  }

  /** The deadlines of a pooled connection do not depend on activity. */
  beforeDeadline(): void {
    return undefined;
  }

  broken(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#ports.reports.trouble({ event: 'invariant.broken', connectionId: null, message });
    this.#carrier.failed('internal.invariant', 'a bug of the proxy');
    this.#tell({ type: 'upstream.failed', reason: 'internal.invariant' });
  }

  #tell(fact: PooledFact): void {
    this.#chart.send(fact);
  }

  #died(): void {
    const detail = 'the upstream transport was gone without a word';
    this.#carrier.failed('upstream.reset', detail);
    this.#tell({ type: 'upstream.failed', reason: 'upstream.reset' });
  }

  /** The only place where the leg is let go. Nothing is unsaid where nobody uses it; a message in the middle is cut. */
  #release(): void {
    const { isClean } = this.#carrier;
    if (this.#detachedTo === null) {
      this.#facts.unsubscribe();
      if (isClean) this.#carrier.close();
      else this.#carrier.abort();
      if (isClean || this.leg.isFlushed) this.leg.release();
      else this.leg.reset();
    }
    this.#pool.left(this);
  }
}

class PooledFacts extends Sink<LegFact> {
  readonly #owner: PooledConnection;

  constructor(owner: PooledConnection) {
    super();
    this.#owner = owner;
  }

  protected override _next(fact: LegFact): void {
    this.#owner.legTold(fact);
  }

  protected override _error(error: unknown): void {
    this.#owner.broken(error);
  }
}
