/**
 * Every upstream pool of a proxy, by what its connections are for.
 *
 * Decides: which exchanges may share connections: those of the same endpoint of the same pool, protocol, deadline, TLS and
 * dialer, so that what one pool finds out of an endpoint concerns its own connections alone; and where
 * upstreams are told whose connection it is, only those of that client, over the one connection that it came by.
 * Must never do: dial, or keep what it was told of an exchange. Read first: `pool.ts`, `pool-book.ts`.
 */
import { Observable } from 'rxjs';
import type { InterpreterName } from '../../machines/connection/connection-chart.ts';
import type { RoutePlan, Target } from '../../routing/plan.ts';
import type { DialerPlan, PoolPlan } from '../../routing/pool-plan.ts';
import type { UpstreamTlsPlan } from '../../routing/tls-plan.ts';
import type { ChartClock } from '../../machines/chart/chart.ts';
import type { DialSubject } from '../candidates.ts';
import { dialOrder, plainOrder, tellsIdentity } from '../dial-order.ts';
import type { Endpoint } from '../dialer.ts';
import { dialerPlanOf, upstreamTlsOf, type DialerOf } from '../route-dialers.ts';
import type { Leg } from '../leg.ts';
import type { Reports } from '../reports.ts';
import { Http1Upstream } from './http1-upstream.ts';
import { Http2Upstream } from './http2-upstream.ts';
import type { Pins } from './pins.ts';
import { UpstreamPool, type PoolSource } from './pool.ts';
import { OwnPools, PoolBook } from './pool-book.ts';

export interface PoolPorts {
  readonly clock: ChartClock;
  readonly reports: Reports;
  readonly interpreter: InterpreterName;
  /** True exactly when a connection that nobody uses is not kept any more. */
  readonly isDraining: () => boolean;
}

export interface PoolsParts {
  readonly clock: ChartClock;
  readonly reports: Reports;
  readonly interpreter: InterpreterName;
  readonly dialerOf: DialerOf;
}

export class Pools {
  readonly #dialerOf: DialerOf;
  readonly #ports: PoolPorts;
  readonly #shared = new PoolBook();
  /** Of clients whose upstreams are told who they are; each ends with its client's connection. */
  readonly #own = new Set<OwnPools>();
  readonly #byTarget = new WeakMap<Target, Found>();
  /** One number for each way of securing upstreams, and of reaching them. */
  readonly #securities = new Numbers<UpstreamTlsPlan>();
  readonly #dialers = new Numbers<DialerPlan>();
  readonly #endpointPools = new Numbers<PoolPlan>();
  #isDraining = false;

  constructor({ clock, reports, interpreter, dialerOf }: PoolsParts) {
    this.#dialerOf = dialerOf;
    this.#ports = { clock, reports, interpreter, isDraining: () => this.#isDraining };
  }

  /** Upstream connections that are open, lent or not. */
  get size(): number {
    let size = this.#shared.connections;
    for (const { book } of this.#own) size += book.connections;
    return size;
  }

  /** Clients that have pools of their own. */
  get owners(): number {
    return this.#own.size;
  }

  /**
   * @param upgrades true: for a protocol that only HTTP/1.1 can switch to.
   * @param pins of the client's connection: what is its alone ends with them.
   */
  of(route: RoutePlan, target: Target, upgrades: boolean, subject: DialSubject, pins: Pins): UpstreamPool {
    if (tellsIdentity(route)) return this.#ownPool(route, target, upgrades, subject, pins);
    if (upgrades) return this.#sharedPool(route, target, 'http1');
    const found = this.#byTarget.get(target);
    if (found?.route === route && this.#shared.get(found.pool.source.key) === found.pool) return found.pool;
    const pool = this.#sharedPool(route, target, protocolOf(route));
    this.#byTarget.set(target, { route, pool });
    return pool;
  }

  /** For one exchange with a handler of the embedding program: a connection of its own. */
  single(key: string, connect: () => Leg): UpstreamPool {
    return new UpstreamPool(
      {
        key,
        address: { host: '', port: 0 },
        endpointOf: null,
        poolIdleMs: null,
        isKept: false,
        isShared: false,
        dial: () =>
          new Observable((subscriber) => {
            subscriber.next(connect());
            subscriber.complete();
          }),
        carry: (leg, owner) => new Http1Upstream(leg, owner),
      },
      this.#ports,
    );
  }

  /** Unused connections are closed now, the others when they are given back. */
  drain(): void {
    this.#isDraining = true;
    this.#shared.drain();
    for (const { book } of this.#own) book.drain();
  }

  /** The endpoint is down, or is wanted no more: nobody is to go on with unused connections to it. */
  leave(target: Target, pool: PoolPlan): void {
    const left = { pool, target };
    this.#shared.leave(left);
    for (const { book } of this.#own) book.leave(left);
  }

  #sharedPool(route: RoutePlan, target: Target, protocol: 'http1' | 'h2'): UpstreamPool {
    const key = this.#keyOf(route, target, protocol);
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const pool = new UpstreamPool(this.#sourceOf(key, route, plainOrder(target), protocol), this.#ports);
    this.#shared.add(pool);
    return pool;
  }

  /** Whoever is behind a trusted proxy is somebody else than who came before over the same connection. */
  #ownPool(route: RoutePlan, target: Target, upgrades: boolean, subject: DialSubject, pins: Pins): UpstreamPool {
    const own = pins.own(() => this.#newOwn());
    const protocol = upgrades ? 'http1' : protocolOf(route);
    const key = `${this.#keyOf(route, target, protocol)}|${identityOf(route, subject)}`;
    const known = own.book.get(key);
    if (known !== undefined) return known;
    const order = dialOrder(route, target, subject, protocol);
    const isDraining = () => this.#isDraining || own.isOver;
    const pool = new UpstreamPool(this.#sourceOf(key, route, order, protocol), { ...this.#ports, isDraining });
    own.book.add(pool);
    return pool;
  }

  #newOwn(): OwnPools {
    const own = new OwnPools((over) => void this.#own.delete(over));
    this.#own.add(own);
    return own;
  }

  #keyOf(route: RoutePlan, { host, port, serverName = '' }: Target, protocol: 'http1' | 'h2'): string {
    const tls = upstreamTlsOf(route);
    const plan = dialerPlanOf(route);
    const security = tls === null ? 0 : this.#securities.of(tls);
    const dialer = plan.type === 'direct' || plan.type === 'tls' ? 0 : this.#dialers.of(plan);
    const pool = endpointPoolOf(route);
    const owner = pool === null ? 0 : this.#endpointPools.of(pool);
    return `${protocol}|${host}|${port}|${serverName}|${route.timeouts.values.poolIdle}|${security}|${dialer}|${owner}`;
  }

  #sourceOf(key: string, route: RoutePlan, order: Endpoint, protocol: 'http1' | 'h2'): PoolSource {
    const dial = this.#dialerOf(route, protocol);
    const pool = endpointPoolOf(route);
    const { host, port } = order;
    return {
      key,
      address: { host, port },
      endpointOf: pool === null ? null : { pool, target: plainOrder(order) },
      poolIdleMs: route.timeouts.values.poolIdle,
      isKept: true,
      isShared: protocol === 'h2',
      dial: (watch) => dial(order, watch),
      carry: (leg, owner) =>
        protocol === 'h2' ? new Http2Upstream(leg, owner, this.#ports.clock) : new Http1Upstream(leg, owner),
    };
  }
}

interface Found {
  readonly route: RoutePlan;
  readonly pool: UpstreamPool;
}

/** 1 first; never the same again, even where what had it is gone. */
class Numbers<Key extends object> {
  readonly #numbers = new WeakMap<Key, number>();
  #last = 0;

  of(key: Key): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#last += 1;
    this.#numbers.set(key, this.#last);
    return this.#last;
  }
}

function endpointPoolOf({ action }: RoutePlan): PoolPlan | null {
  return action.type === 'forward' ? action.pool : null;
}

function protocolOf({ action }: RoutePlan): 'http1' | 'h2' {
  return action.type === 'forward' ? action.upstreamProtocol : 'http1';
}

/** What an upstream is told that differs between exchanges of one connection. */
function identityOf({ action }: RoutePlan, { client, local }: DialSubject): string {
  if (action.type !== 'forward') return '';
  const { proxyHeader, preservesSource } = action;
  return `${proxyHeader}|${preservesSource}|${client.host}|${client.port}|${local.host}|${local.port}`;
}
