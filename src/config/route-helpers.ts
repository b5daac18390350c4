/**
 * Routes of the usual kinds, in one call each: they only fill in what is always the same.
 *
 * Must never do: judge. What they return is a route like any other, and `resolveConfig` says what is wrong with it.
 * Read first: `define-config.ts`.
 */
import type {
  ForwardConfig,
  MatchConfig,
  PortsConfig,
  RewriteConfig,
  RouteConfig,
  TlsConfig,
  WebSocketConfig,
} from './define-config.ts';
import type { ListedTargetConfig, TargetConfig } from './define-pool.ts';
import type { TerminateConfig, UpstreamTlsConfig } from './define-tls.ts';

/** Everything of a route that no helper decides. */
type RouteRest = Omit<RouteConfig, 'match' | 'action'>;

interface Listening {
  readonly ports?: PortsConfig | readonly PortsConfig[];
  readonly domains?: string | readonly string[];
}

export interface HttpRouteOptions
  extends RouteRest, Listening, Pick<MatchConfig, 'path' | 'method' | 'headers' | 'query'> {
  readonly target: TargetConfig;
  readonly rewrite?: RewriteConfig;
  readonly upstreamProtocol?: 'http1' | 'h2';
  readonly websocket?: WebSocketConfig;
}

/** Forwards HTTP requests. Port 80 unless given. */
export function httpRoute(options: HttpRouteOptions): RouteConfig {
  const {
    ports = 80,
    domains,
    path,
    method,
    headers,
    query,
    target,
    rewrite,
    upstreamProtocol,
    websocket,
    ...rest
  } = options;
  const action: ForwardConfig = { type: 'forward', target, ...given({ rewrite, upstreamProtocol, websocket }) };
  const criteria = given({ domains, path, method, headers, query });
  return { ...rest, match: { ports, protocol: 'http', ...criteria }, action };
}

export interface PassthroughRouteOptions extends RouteRest, Listening {
  /** The names that clients ask for by SNI. */
  readonly domains: string | readonly string[];
  readonly target: TargetConfig;
}

/** Forwards TLS by the name that the client asks for, and opens nothing. Port 443 unless given. */
export function passthroughRoute(options: PassthroughRouteOptions): RouteConfig {
  const { ports = 443, domains, target, ...rest } = options;
  return { ...rest, match: { ports, domains }, action: { type: 'forward', target }, tls: { mode: 'passthrough' } };
}

export interface TerminateRouteOptions
  extends Omit<RouteRest, 'tls'>, Listening, Pick<MatchConfig, 'protocol' | 'path'>, Omit<TerminateConfig, 'mode'> {
  readonly target: TargetConfig;
  readonly rewrite?: RewriteConfig;
  readonly upstreamProtocol?: 'http1' | 'h2';
  /** `true`, or how: the upstream is spoken to in TLS again. Default: `false`. */
  readonly reencrypt?: boolean | UpstreamTlsConfig;
}

/** Ends TLS and forwards what is inside: HTTP request by request, anything else as it is. Port 443 unless given. */
export function terminateRoute(options: TerminateRouteOptions): RouteConfig {
  const {
    ports = 443,
    domains,
    protocol,
    path,
    target,
    rewrite,
    upstreamProtocol,
    reencrypt = false,
    ...more
  } = options;
  const { certificate, acme, minVersion, maxVersion, ciphers, clientAuth, ...rest } = more;
  const handshake = { certificate, ...given({ acme, minVersion, maxVersion, ciphers, clientAuth }) };
  const upstream = typeof reencrypt === 'object' ? { upstream: reencrypt } : {};
  const tls: TlsConfig =
    reencrypt === false
      ? { mode: 'terminate', ...handshake }
      : { mode: 'terminate-and-reencrypt', ...handshake, ...upstream };
  const action: ForwardConfig = { type: 'forward', target, ...given({ rewrite, upstreamProtocol }) };
  return { ...rest, match: { ports, ...given({ domains, protocol, path }) }, action, tls };
}

export interface RedirectToHttpsOptions extends RouteRest, Listening {
  /** Where HTTPS is served. Default: 443. */
  readonly httpsPort?: number;
}

/** Sends HTTP clients to the same place over HTTPS, path and query included. Port 80 unless given. */
export function redirectToHttps(options: RedirectToHttpsOptions): RouteConfig {
  const { ports = 80, domains, httpsPort = 443, ...rest } = options;
  const to = `https://{host}${httpsPort === 443 ? '' : `:${httpsPort}`}{path}`;
  return { ...rest, match: { ports, protocol: 'http', ...given({ domains }) }, action: { type: 'redirect', to } };
}

export interface BalancedRouteOptions extends RouteRest, Listening, Pick<MatchConfig, 'protocol' | 'path'> {
  readonly ports: PortsConfig | readonly PortsConfig[];
  /** At least one. */
  readonly targets: readonly ListedTargetConfig[];
}

/** Forwards to several targets in turn: connections, or requests where something of HTTP is asked for. */
export function balancedRoute(options: BalancedRouteOptions): RouteConfig {
  const { ports, domains, protocol, path, targets, ...rest } = options;
  return { ...rest, match: { ports, ...given({ domains, protocol, path }) }, action: { type: 'forward', targets } };
}

type Given<Options> = { readonly [Key in keyof Options]?: Exclude<Options[Key], undefined> };

/** Without the keys whose value is undefined. */
function given<Options extends object>(options: Options): Given<Options>;
function given(options: object): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
