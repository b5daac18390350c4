/**
 * The public API of Sallyport: re-exports only.
 *
 * Read first: README.md for fifteen lines that use it; `proxy-api.ts` for the shapes.
 */
export { defineConfig } from './config/define-config.ts';
export type { RouteConfig, SallyportConfig } from './config/define-config.ts';
export type { DialerConfig, EndpointConfig, PoolConfig, TargetConfig } from './config/define-pool.ts';
export { balancedRoute, httpRoute, passthroughRoute, redirectToHttps, terminateRoute } from './config/route-helpers.ts';
export type {
  BalancedRouteOptions,
  HttpRouteOptions,
  PassthroughRouteOptions,
  RedirectToHttpsOptions,
  TerminateRouteOptions,
} from './config/route-helpers.ts';
export { ConfigError } from './config/problems.ts';
export type { ConfigProblem } from './config/problems.ts';
export { ProxyError } from './errors.ts';
export type { ErrorCode } from './errors.ts';
export { createProxy } from './proxy.ts';
export type {
  Census,
  ConnectionActor,
  ConnectionFilter,
  EndpointEvent,
  EndpointStatus,
  EventIterator,
  Explanation,
  Logger,
  Proxy,
  ExchangeCounters,
  ProxyCounters,
  ProxyDependencies,
  ProxyEvent,
  ProxyEventName,
  ProxyEventOf,
  RouteLists,
} from './proxy-api.ts';
export type { Clock, Timer, TimerTarget } from './io/clock.ts';
export { block, echo, httpRedirect, httpRespond } from './io/handlers/helpers.ts';
export type { Dialer, DialFailure, DialWatch, Endpoint } from './io/dialer.ts';
export type { Address, Leg, LegFact } from './io/leg.ts';
export type {
  ClosedRecord,
  ClosedTls,
  ConnectionSnapshot,
  ExchangeRecord,
  ExchangeSnapshot,
  Refusal,
  TimelineEntry,
  Trouble,
} from './io/reports.ts';
export type { Resolver } from './io/resolver.ts';
export type { CloseReason } from './machines/connection/close-reason.ts';
export type { ConnectionState } from './machines/connection/verdicts.ts';
export type { DeadlineName } from './machines/connection/delays.ts';
export type { Detect, Detection, Detector, Preface } from './protocols/detector.ts';
export type {
  FetchHandler,
  HandlerCertificate,
  HandlerContext,
  HandlerProxied,
  HandlerTls,
  NodeHandler,
  PathMatch,
  SocketHandler,
} from './routing/http-plan.ts';
export type { RoutePlan, Target } from './routing/plan.ts';
export type { CustomDial, DialOrder, TargetContext, TargetFunction } from './routing/pool-plan.ts';
export type { MatchExplanation, MatchQuery } from './routing/route-table.ts';
