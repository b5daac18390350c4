/**
 * What a plan asks of whom it lets in and where it leads, as values: what programs compare, beside the sentences of `check`.
 *
 * Must never do: show a secret; of a dialer the type and its proxy's address are told, of a check not what it sends.
 * Read first: `check-report.ts`, `../routing/plan.ts`, `../routing/pool-plan.ts`.
 */
import { isUnixHost } from '../io/unix-path.ts';
import type { EndpointPolicy } from '../machines/endpoint/context.ts';
import type {
  AccessPlan,
  AdmissionPlan,
  BanManner,
  ForwardAction,
  ListenerPlan,
  ProxyHeaderPlan,
  RoutePlan,
} from '../routing/plan.ts';
import type { DialerPlan, EndpointPlan, HashKey, PoolPlan } from '../routing/pool-plan.ts';
import { addressOf } from './reachability.ts';

export interface ListenerValues {
  readonly admission: AdmissionPlan;
  /** Null: none is looked for. */
  readonly acceptProxyProtocol: ProxyHeaderPlan | null;
}

export interface RouteValues {
  /** Connections; where the route serves HTTP, exchanges. `waitersMax` is the size of its queue. */
  readonly admission: AdmissionPlan;
  readonly access: AccessPlan | null;
  readonly onBan: BanManner;
  /** Null unless the route forwards. */
  readonly forward: {
    /** The pool's name. */
    readonly pool: string | null;
    /** `host:port`; empty with a pool, or where a function says it. */
    readonly targets: readonly string[];
    readonly dialer: DialerValues;
    readonly sendProxyProtocol: ForwardAction['proxyHeader'];
    readonly preserveSourceIP: boolean;
  } | null;
}

interface DialerValues {
  readonly type: DialerPlan['type'];
  /** socks5 and http-connect: where the proxy is. */
  readonly proxy: string | null;
}

export interface PoolValues {
  readonly endpoints: readonly EndpointPlan[];
  readonly balance: PoolPlan['balance'];
  /** Null unless `balance` is `hash`. */
  readonly hashBy: HashKey | null;
  /** Null: nothing is checked. */
  readonly health: (NonNullable<EndpointPolicy['checks']> & HealthValues) | null;
  readonly breaker: EndpointPolicy['breaker'];
  readonly slowStartMs: number | null;
  readonly drainMs: number | null;
  readonly retries: number;
  readonly onEndpointDown: PoolPlan['onEndpointDown'];
  readonly waitersMax: number;
  readonly dialer: DialerValues;
}

interface HealthValues {
  readonly type: NonNullable<PoolPlan['check']>['type'];
  /** http only. */
  readonly path: string | null;
}

export function listenerValues({ admission, proxyHeader }: ListenerPlan): ListenerValues {
  return { admission, acceptProxyProtocol: proxyHeader };
}

export function routeValues({ access, action, admission, onBan }: RoutePlan): RouteValues {
  return { admission, access, onBan, forward: action.type === 'forward' ? forwardValues(action) : null };
}

function forwardValues(action: ForwardAction): RouteValues['forward'] {
  const { dialer, pool, preservesSource, proxyHeader, targets } = action;
  return {
    pool: pool?.name ?? null,
    targets: targets.map(({ host, port }) => (port === 0 && !isUnixHost(host) ? host : addressOf(host, port))),
    dialer: dialerValues(dialer),
    sendProxyProtocol: proxyHeader,
    preserveSourceIP: preservesSource,
  };
}

function dialerValues(dialer: DialerPlan): DialerValues {
  const { type } = dialer;
  return { type, proxy: 'proxy' in dialer ? addressOf(dialer.proxy.host, dialer.proxy.port) : null };
}

export function poolValues(pool: PoolPlan): PoolValues {
  const { balance, check, dialer, endpoints, hashBy, onEndpointDown, policy, retries, waitersMax } = pool;
  const { breaker, checks, drainMs, slowStartMs } = policy;
  const health =
    check === null || checks === null
      ? null
      : { ...checks, type: check.type, path: check.type === 'http' ? check.path : null };
  return {
    endpoints,
    balance,
    hashBy: balance === 'hash' ? hashBy : null,
    health,
    breaker,
    slowStartMs,
    drainMs,
    retries,
    onEndpointDown,
    waitersMax,
    dialer: dialerValues(dialer),
  };
}
