/**
 * Routes of the usual kinds, in one call each: they only fill in what is always the same.
 *
 * Must never do: judge. What they return is a route like any other, and `resolveConfig` says what is wrong with it.
 * Read first: `define-config.ts`.
 */
import type {
  ForwardConfig,
  ListedTargetConfig,
  MatchConfig,
  PortsConfig,
  RewriteConfig,
  RouteConfig,
  TargetConfig,
} from './define-config.ts';

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
}

/** Forwards HTTP requests. Port 80 unless given. */
export function httpRoute(options: HttpRouteOptions): RouteConfig {
  const { ports = 80, domains, path, method, headers, query, target, rewrite, upstreamProtocol, ...rest } = options;
  const action: ForwardConfig = { type: 'forward', target, ...given({ rewrite, upstreamProtocol }) };
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
