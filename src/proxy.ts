/**
 * The composition root: wires configuration, listeners, connections, observation and the proxy's own chart together.
 *
 * Decides nothing: the proxy machine says when, the connection chart says how each connection lives, routing says where.
 * Read first: `proxy-api.ts` for what it offers, `machines/proxy/machine.ts` for its life.
 */
import { resolveConfig } from './config/resolve.ts';
import { durationMs } from './duration-argument.ts';
import type { SallyportConfig } from './config/define-config.ts';
import { createRuntime, type ProxyRuntime } from './proxy-runtime.ts';
import { proxyConnections } from './proxy-connections.ts';
import { proxyRoutes } from './proxy-routes.ts';
import { silentHoldTime } from './machines/connection/hold-time.ts';
import type { Proxy, ProxyDependencies } from './proxy-api.ts';
import type { ProxyPlan } from './routing/plan.ts';
import type { MatchExplanation, MatchQuery } from './routing/route-table.ts';

/**
 * A proxy for this configuration; nothing is bound before `start()`.
 * @throws ConfigError (code SALLYPORT_CONFIG_INVALID) with every problem at once.
 */
export function createProxy(config: SallyportConfig, dependencies: ProxyDependencies = {}): Proxy {
  return createProxyFromPlan(resolveConfig(config, { holdTime: silentHoldTime }), dependencies);
}

/** As `createProxy`, for a configuration that has been resolved already. */
export function createProxyFromPlan(plan: ProxyPlan, dependencies: ProxyDependencies = {}): Proxy {
  return faceOf(createRuntime(plan, dependencies));
}

function faceOf(runtime: ProxyRuntime): Proxy {
  const { life, observation } = runtime;
  const { bus } = observation;
  return {
    start: () => life.start(),
    drain: async (options) => life.drain(timeoutMs(options?.timeout)),
    stop: async (options) => life.stop(timeoutMs(options?.timeout)),
    [Symbol.asyncDispose]: () => life.stop(null),
    addresses: () => life.addresses(),
    handleConnection: (socket, options) => runtime.adopt(socket, options?.port ?? null),
    ...proxyConnections(runtime),
    events$: bus.events$,
    on: (name, listener) => bus.on(name, listener),
    events: (options) => bus.iterate(options),
    endpoints: () => runtime.endpoints.status(),
    routes: proxyRoutes(runtime),
    match: (query) => matchOf(runtime, query),
    counters: () => observation.counters(),
    census: () => runtime.census(),
  };
}

/** The bound port's listener answers; a port that nobody listens on has no candidates. */
function matchOf({ tables, life, plan }: ProxyRuntime, query: MatchQuery): MatchExplanation {
  const position = life.addresses().findIndex(({ port }) => port === query.port);
  const table = tables.get(plan.listeners[position]?.port ?? query.port);
  if (table !== undefined) return table.explain(query);
  const decision = { kind: 'refused', reason: 'refused.route' } as const;
  const says = `nothing listens on port ${query.port}`;
  return { decision, protocol: query.protocol ?? null, handshake: null, says, candidates: [] };
}

/** @throws ProxyError SALLYPORT_CONFIG_INVALID when the text is no duration. */
function timeoutMs(timeout: number | string | undefined): number | null {
  return timeout === undefined ? null : durationMs(timeout);
}
