/**
 * Every upstream pool of a proxy, by what its connections are for.
 *
 * Decides: which exchanges may share connections: those of the same endpoint, protocol and deadline. Whatever else carries
 * identity joins the key when it is built. Must never do: dial. Read first: `pool.ts`.
 */
import { Observable } from 'rxjs';
import type { InterpreterName } from '../../machines/connection/connection-chart.ts';
import type { RoutePlan, TargetPlan } from '../../routing/plan.ts';
import type { UpstreamTlsPlan } from '../../routing/tls-plan.ts';
import type { ChartClock } from '../../machines/chart/chart.ts';
import type { DialerOf } from '../route-dialers.ts';
import type { Leg } from '../leg.ts';
import type { Reports } from '../reports.ts';
import { Http1Upstream } from './http1-upstream.ts';
import { Http2Upstream } from './http2-upstream.ts';
import { UpstreamPool, type PoolSource } from './pool.ts';

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
  readonly #byKey = new Map<string, UpstreamPool>();
  readonly #byTarget = new WeakMap<TargetPlan, UpstreamPool>();
  /** One number for each way of securing upstreams. */
  readonly #securities = new Map<UpstreamTlsPlan, number>();
  #isDraining = false;

  constructor({ clock, reports, interpreter, dialerOf }: PoolsParts) {
    this.#dialerOf = dialerOf;
    this.#ports = { clock, reports, interpreter, isDraining: () => this.#isDraining };
  }

  /** Upstream connections that are open, lent or not. */
  get size(): number {
    let size = 0;
    for (const pool of this.#byKey.values()) size += pool.size;
    return size;
  }

  /** @param upgrades true: for a protocol that only HTTP/1.1 can switch to. */
  of(route: RoutePlan, target: TargetPlan, upgrades: boolean): UpstreamPool {
    if (upgrades) return this.#keyed(route, target, 'http1');
    const known = this.#byTarget.get(target);
    if (known !== undefined) return known;
    const protocol = route.action.type === 'forward' ? route.action.upstreamProtocol : 'http1';
    const pool = this.#keyed(route, target, protocol);
    this.#byTarget.set(target, pool);
    return pool;
  }

  /** For one exchange with a handler of the embedding program: a connection of its own. */
  single(key: string, connect: () => Leg): UpstreamPool {
    return new UpstreamPool(
      {
        key,
        address: { host: '', port: 0 },
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
    for (const pool of this.#byKey.values()) pool.drain();
  }

  #keyed(route: RoutePlan, target: TargetPlan, protocol: 'http1' | 'h2'): UpstreamPool {
    const poolIdleMs = route.timeouts.values.poolIdle;
    const key = `${protocol}|${target.host}|${target.port}|${poolIdleMs}|${this.#securityOf(route)}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const pool = new UpstreamPool(this.#sourceOf(key, route, target, protocol), this.#ports);
    this.#byKey.set(key, pool);
    return pool;
  }

  /** 0 in clear text. */
  #securityOf({ tls }: RoutePlan): number {
    const plan = tls?.upstream ?? null;
    if (plan === null) return 0;
    const known = this.#securities.get(plan);
    if (known !== undefined) return known;
    this.#securities.set(plan, this.#securities.size + 1);
    return this.#securities.size;
  }

  #sourceOf(key: string, route: RoutePlan, target: TargetPlan, protocol: 'http1' | 'h2'): PoolSource {
    const dial = this.#dialerOf(route, protocol);
    return {
      key,
      address: target,
      poolIdleMs: route.timeouts.values.poolIdle,
      isKept: true,
      isShared: protocol === 'h2',
      dial: (watch) => dial(target, watch),
      carry: (leg, owner) =>
        protocol === 'h2' ? new Http2Upstream(leg, owner, this.#ports.clock) : new Http1Upstream(leg, owner),
    };
  }
}
