/**
 * The upstream connections of one endpoint: lent last-in first-out, bounded, and dialled by whoever needs one.
 *
 * Decides: who gets which connection, and whether there is room for another. Must never do: dial by itself, or lend a
 * connection to a client whose identity is not part of the pool's key. How long an unused one lives is its chart's.
 * Read first: `pooled-connection.ts`, `carrier.ts`.
 */
import type { Observable } from 'rxjs';
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { DialWatch } from '../dialer.ts';
import type { Target } from '../../routing/plan.ts';
import type { PoolPlan } from '../../routing/pool-plan.ts';
import type { Address, Leg } from '../leg.ts';
import type { Carrier, CarrierOwner } from './carrier.ts';
import { PooledConnection } from './pooled-connection.ts';
import type { PoolPorts } from './pools.ts';
import type { Upstream, UpstreamOwner } from './ports.ts';

/** Connections to one endpoint, those being dialled included. */
export const poolPlacesMax = 1024;
/** Unused connections that are kept for one endpoint. */
export const poolIdleMax = 256;
/** Exchanges that may wait for a place; one more is refused. */
export const poolWaitersMax = 4096;

/** What one pool of endpoints calls one endpoint. */
export interface EndpointIdentity {
  readonly pool: PoolPlan;
  readonly target: Target;
}

/** Where a pool's connections lead, and how one is made. */
export interface PoolSource {
  /** Everything that carries identity: protocol, endpoint and its pool, deadline of an unused connection. */
  readonly key: string;
  readonly address: Address;
  /** Whose endpoint it is; null where it is no pool's. */
  readonly endpointOf: EndpointIdentity | null;
  readonly poolIdleMs: number | null;
  /** False: every connection serves one exchange (in-process handlers). */
  readonly isKept: boolean;
  /** True exactly when a connection carries several exchanges at once (HTTP/2). */
  readonly isShared: boolean;
  readonly dial: (watch: DialWatch) => Observable<Leg>;
  readonly carry: (leg: Leg, owner: CarrierOwner) => Carrier;
}

/** An exchange, as the pool knows it. Told at once or later. */
export interface Claimant {
  readonly upstreamOwner: UpstreamOwner;
  acquired(upstream: Upstream): void;
  /** There is room for one more connection, and it is this claimant's to dial. */
  placeGranted(): void;
  /** Neither, and too many wait already. */
  placeRefused(): void;
  /**
   * What it waited for will not come: nobody is to go there, or the dial of a connection that several share has failed.
   * @param failed why that dial failed; null where none did.
   */
  reconsider(failed: CloseReason | null): void;
}

export class UpstreamPool {
  readonly source: PoolSource;
  readonly #ports: PoolPorts;
  /** What the dial whose end is being told failed with. */
  #failed: CloseReason | null = null;
  /** Lendable, the last one used at the end. */
  readonly #lendable: PooledConnection[] = [];
  readonly #waiting = new Set<Claimant>();
  readonly #all = new Set<PooledConnection>();
  /** Connections and granted places. */
  #places = 0;
  /** Places granted of which no connection has come yet. */
  #dialling = 0;
  /** How often nobody new was to go there, now, and when each claimant was granted its place. */
  #departures = 0;
  readonly #grantedAt = new WeakMap<Claimant, number>();

  constructor(source: PoolSource, ports: PoolPorts) {
    this.source = source;
    this.#ports = ports;
  }

  get size(): number {
    return this.#all.size;
  }

  /** Connections, and places of whoever dials one. */
  get places(): number {
    return this.#places;
  }

  /** @param isFresh true: a connection that served nobody before. */
  claim(claimant: Claimant, isFresh: boolean): void {
    const connection = isFresh ? null : this.#take();
    if (connection !== null) return claimant.acquired(connection.lend(claimant.upstreamOwner));
    if (this.#places < poolPlacesMax && !this.#isWorthWaiting(isFresh)) return this.#grant(claimant);
    if (this.#waiting.size >= poolWaitersMax) return claimant.placeRefused();
    this.#waiting.add(claimant);
  }

  /** The claimant does not wait any more. Harmless when it has been answered. */
  forget(claimant: Claimant): void {
    this.#waiting.delete(claimant);
  }

  /** The dial of a granted place has failed by a fault of the endpoint's, which may be left for that; `giveBack` follows. */
  dialFailed(reason: CloseReason): void {
    this.#failed = reason;
  }

  /** The place that was granted is not used. @param failed why the dial failed, by a fault of the endpoint's; else null. */
  giveBack(failed: CloseReason | null): void {
    this.#failed = null;
    this.#dialling -= 1;
    this.#places -= 1;
    if (failed !== null && this.source.isShared && this.#dialling === 0) this.#askAgain(failed);
    else this.#serveWaiting();
  }

  /**
   * The leg that was dialled in a granted place; it is the claimant's. Null where it was over before it could be used. One
   * whose place is from before nobody new was to go there serves that claimant alone.
   */
  opened(leg: Leg, claimant: Claimant): Upstream | null {
    this.#dialling -= 1;
    const connection = new PooledConnection(leg, this, this.#ports);
    this.#all.add(connection);
    connection.start();
    if (!connection.canLend) return null;
    const upstream = connection.lend(claimant.upstreamOwner);
    if (this.#grantedAt.get(claimant) !== this.#departures) connection.drain();
    else if (connection.canLend) this.lendable(connection);
    return upstream;
  }

  /** The connection may be lent (again). */
  lendable(connection: PooledConnection): void {
    for (const claimant of this.#waiting) {
      if (!connection.canLend) return;
      this.#waiting.delete(claimant);
      claimant.acquired(connection.lend(claimant.upstreamOwner));
    }
    if (!connection.canLend || connection.isListed) return;
    if (connection.isIdle && this.#lendable.length >= poolIdleMax) return connection.drain();
    connection.isListed = true;
    this.#lendable.push(connection);
  }

  /** The connection is over. */
  left(connection: PooledConnection): void {
    if (!this.#all.delete(connection)) return;
    if (connection.isListed) this.#lendable.splice(this.#lendable.indexOf(connection), 1);
    this.#places -= 1;
    this.#serveWaiting();
  }

  /** What nobody uses is closed now, the rest when it is given back. */
  drain(): void {
    for (const connection of this.#all) connection.drain();
  }

  /** Nobody new is to go there: as `drain`, and whoever waits may go elsewhere. */
  leave(): void {
    this.#departures += 1;
    this.drain();
    this.#askAgain(this.#failed);
  }

  #take(): PooledConnection | null {
    for (let connection = this.#lendable.at(-1); connection !== undefined; connection = this.#lendable.at(-1)) {
      const isGood = connection.canLend && !connection.isGone;
      if (!isGood || !this.source.isShared) {
        this.#lendable.pop();
        connection.isListed = false;
      }
      if (isGood) return connection;
    }
    return null;
  }

  /** HTTP/2: one connection is being made, and will carry this exchange as well. */
  #isWorthWaiting(isFresh: boolean): boolean {
    return this.source.isShared && this.#dialling > 0 && !isFresh;
  }

  #grant(claimant: Claimant): void {
    this.#places += 1;
    this.#dialling += 1;
    this.#grantedAt.set(claimant, this.#departures);
    claimant.placeGranted();
  }

  #askAgain(failed: CloseReason | null): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const claimant of waiting) claimant.reconsider(failed);
  }

  #serveWaiting(): void {
    const [claimant] = this.#waiting;
    if (claimant === undefined || this.#places >= poolPlacesMax) return;
    this.#waiting.delete(claimant);
    this.#grant(claimant);
  }
}
