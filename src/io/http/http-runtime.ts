/**
 * Everything HTTP of one proxy, made once: the pools, the authenticators, the handlers of its routes, and the services.
 *
 * Decides: which service a connection gets for what its client speaks, and whose word about other clients is believed.
 * Read first: `service.ts`, `exchange.ts`.
 */
import { compileTrust } from '../../routing/access.ts';
import type { ProxyPlan } from '../../routing/plan.ts';
import { createAuthentication } from '../authentication/authentication.ts';
import type { Clock } from '../clock.ts';
import type { Ledger } from '../ledger.ts';
import type { Leg } from '../leg.ts';
import type { Reports } from '../reports.ts';
import type { CandidatesOf } from '../candidates.ts';
import type { RouteAdmission } from '../route-admission.ts';
import type { DialerOf } from '../route-dialers.ts';
import { Exchange } from './exchange.ts';
import type { ExchangePorts } from './exchange-ports.ts';
import { HandlerUpstreams } from './handler-upstreams.ts';
import { Http1Service } from './http1-service.ts';
import { Http2Service } from './http2-service.ts';
import { Pools } from './pools.ts';
import type { HttpService, OpenExchange } from './service.ts';
import type { Serving } from './serving.ts';

export interface HttpParts {
  readonly plan: ProxyPlan;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly dialerOf: DialerOf;
  readonly reports: Reports;
  readonly routeAdmission: RouteAdmission;
  readonly candidatesOf: CandidatesOf;
  /** Left out: no name is ever validated here. */
  readonly httpChallenge?: (token: string) => string | null;
}

export interface HttpRuntime {
  readonly pools: Pools;
  readonly openService: (leg: Leg, serving: Serving) => HttpService;
  /** Reads what the routes name besides the configuration: password files. @throws as `Authentication.open` */
  open(): Promise<void>;
  /** Ends what is not bound to a connection: key sets and the worker of passwords. Idempotent. */
  close(): void;
}

export function createHttp({
  plan,
  clock,
  ledger,
  dialerOf,
  reports,
  routeAdmission,
  candidatesOf,
  httpChallenge = () => null,
}: HttpParts): HttpRuntime {
  const authentication = createAuthentication({ clock });
  const isTrusted = compileTrust(plan.trustedProxies);
  const handlers = new HandlerUpstreams({ clock, ledger, report: reports.trouble });
  const pools = new Pools({ clock, reports, dialerOf, interpreter: plan.interpreter });
  const ports: ExchangePorts = {
    clock,
    reports,
    pools,
    authenticatorOf: (wanted) => authentication.of(wanted),
    routeAdmission,
    candidatesOf,
    isTrusted,
    httpChallenge,
    connectHandler: (exchange) => handlers.connect(exchange),
  };
  return {
    pools,
    openService(leg, serving) {
      const open: OpenExchange = (requester) => new Exchange(requester, serving, ports);
      return serving.protocol === 'h2c'
        ? new Http2Service(leg, serving, open, clock)
        : new Http1Service(leg, serving, open);
    },
    open: () => authentication.open(plan.routes.flatMap((route) => route.authentication ?? [])),
    close() {
      authentication.close();
    },
  };
}
