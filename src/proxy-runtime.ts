/**
 * Everything a proxy is made of, made once: clock, ledger, dialer, observation, registry, listeners and the proxy's life.
 *
 * Decides nothing but what is kept of file descriptors for everything that is no connection (`io/file-budget.ts`).
 * Read first: `proxy.ts`.
 */
import type { Duplex } from 'node:stream';
import { maxConnectionsDefault } from './config/build-plan.ts';
import { Acceptor, type ConnectionRegistry } from './io/acceptor.ts';
import { wheelClock, type Clock } from './io/clock.ts';
import type { Connection } from './io/connection.ts';
import { Entrance } from './io/entrance.ts';
import type { CandidatesOf } from './io/candidates.ts';
import type { ConnectionPorts } from './io/connection-ports.ts';
import { createDialer } from './io/dialer.ts';
import { DuplexLeg, namesOf } from './io/duplex-leg.ts';
import { fileBudget, placesIn, type FileBudget } from './io/file-budget.ts';
import { openFileCount, openFileLimit } from './io/fd-limit.ts';
import { createLedger, releaseMs, type Ledger } from './io/ledger.ts';
import { createHttp, type HttpRuntime } from './io/http/http-runtime.ts';
import { createListener } from './io/listener.ts';
import type { Reports } from './io/reports.ts';
import { systemResolver } from './io/resolver.ts';
import { ownProxyHeader } from './io/dial-order.ts';
import { createDialers } from './io/route-dialers.ts';
import { RouteAdmission } from './io/route-admission.ts';
import { EndpointPools } from './io/endpoints/endpoint-pools.ts';
import { endpointResolver } from './io/endpoints/endpoint-resolver.ts';
import { TargetTurns } from './io/target-candidates.ts';
import { Sampling } from './io/sampling.ts';
import { Sniffer } from './io/sniffer.ts';
import { TlsContexts } from './io/tls/contexts.ts';
import { securedDialer } from './io/tls/secure-dialing.ts';
import { createObservation, type Observation } from './observe/observation.ts';
import { silentLogger } from './observe/silent-logger.ts';
import type { Census, ProxyDependencies } from './proxy-api.ts';
import { ProxyCertificates } from './proxy-certificates.ts';
import { ProxyLife, type Post } from './proxy-life.ts';
import type { AdmissionPlan, ListenerPlan, ProxyPlan } from './routing/plan.ts';
import type { PoolPlan } from './routing/pool-plan.ts';
import { RouteAccess } from './routing/route-access.ts';
import { compileListener, type RouteTable } from './routing/route-table.ts';

/** File descriptors kept for everything that is neither connection nor listener: DNS, logs, the embedder's own. */
const reservedFiles = 64;

export interface ProxyRuntime {
  readonly plan: ProxyPlan;
  readonly observation: Observation;
  readonly registry: ConnectionRegistry;
  readonly life: ProxyLife;
  /** By port, as configured. */
  readonly tables: ReadonlyMap<number, RouteTable>;
  readonly access: RouteAccess;
  readonly endpoints: EndpointPools;
  census(): Census;
  /** @throws as `ProxyLife.adopt` */
  adopt(socket: Duplex, port: number | null): void;
}

export function createRuntime(plan: ProxyPlan, dependencies: ProxyDependencies): ProxyRuntime {
  const clock = dependencies.clock ?? wheelClock();
  const logger = dependencies.logger ?? silentLogger;
  const observation = createObservation({ clock, logger, logLevel: plan.logLevel, maxConnectionsDefault });
  const random = dependencies.random ?? Math.random;
  const ledger = createLedger(clock, observation.reports);
  const dial =
    dependencies.dialer ??
    createDialer({
      clock,
      ledger,
      resolver: dependencies.resolver ?? systemResolver,
      report: observation.reports.trouble,
    });
  const { reports } = observation;
  const contexts = new TlsContexts({ clock });
  const certificates = new ProxyCertificates({
    plan,
    clock,
    random,
    contexts,
    tell: (event) => observation.announce(event),
  });
  const legPorts = { clock, ledger, report: reports.trouble };
  const dialers = createDialers({
    plain: dial,
    secured: (beneath, upstream, speech) => securedDialer(beneath, upstream, speech, contexts),
    legPorts,
  });
  const dialerOf = dialers.of;
  const access = new RouteAccess(plan.routes, plan.trustedProxies);
  const routeAdmission = new RouteAdmission(clock, access);
  const turns = new TargetTurns();
  const endpoints = new EndpointPools(poolsOf(plan), {
    clock,
    random,
    resolver: endpointResolver(dependencies.resolver ?? null),
    tell: (event) => observation.announce(event),
    report: reports.trouble,
    closed: (target, pool) => http.pools.leave(target, pool),
    dialerOf: (pool) => dialers.reaching(pool.dialer),
    checkHeaderOf: (pool) => checkHeaderOf(plan, pool),
  });
  const candidatesOf: CandidatesOf = (route, targets, subject) => {
    const pool = route.action.type === 'forward' ? route.action.pool : null;
    return pool === null ? turns.of(route, targets, subject) : endpoints.of(pool, subject);
  };
  const httpChallenge = (token: string) => certificates.httpChallenge(token);
  const http = createHttp({ plan, clock, ledger, dialerOf, reports, routeAdmission, candidatesOf, httpChallenge });
  const { termination } = certificates;
  const { openService } = http;
  const ports: ConnectionPorts = {
    clock,
    ledger,
    dialerOf,
    termination,
    reports,
    routeAdmission,
    candidatesOf,
    openService,
  };
  const registry = new Registry(random, observation.reports.trouble);
  const tables = new Map(
    plan.listeners.map((listener) => [listener.port, compileListener(listener, plan.detectors, access)]),
  );
  const life: ProxyLife = new ProxyLife({
    clock,
    ledger,
    registry,
    timeouts: plan.timeouts,
    releaseMs,
    prepare: async () => {
      await certificates.prepare();
      const { maxConnections, places, listeners } = await budgetOf(plan, observation);
      const admission = { ...plan.admission, maxConnections, waitersMax: places };
      registry.entrance = new Entrance(admission, plan.trustedProxies);
      await http.open();
      endpoints.start();
      return plan.listeners.map((listener, at) =>
        postOf(withPlaces(listener, listeners[at] ?? 0), { plan, tables, registry, ports, clock, ledger, observation }),
      );
    },
    publish: (event) => observation.announce(event),
    running: () => certificates.start(),
    release: () => {
      endpoints.stop();
      return certificates.stop();
    },
    drain: () => {
      http.pools.drain();
      certificates.suspend();
    },
    finished: () => {
      endpoints.stop();
      http.close();
      contexts.close();
      observation.close({ event: 'proxy.stopped' });
    },
  });
  registry.onEmpty = () => life.connectionsClosed();
  return {
    plan,
    observation,
    registry,
    life,
    tables,
    access,
    endpoints,
    census: () => census(registry, ledger, clock, life, http),
    adopt: (socket, port) => life.adopt(() => new DuplexLeg(socket, 'downstream', legPorts, namesOf(socket)), port),
  };
}

/** Until the cap is known. */
const shut: AdmissionPlan = { maxConnections: 0, maxConnectionsPerIp: null, rates: [], waitersMax: 0 };

/** Those of routes too, which a plan made in code need not list. */
function poolsOf(plan: ProxyPlan): readonly PoolPlan[] {
  return [
    ...plan.pools,
    ...plan.routes.flatMap(({ action }) => (action.type === 'forward' ? (action.pool ?? []) : [])),
  ];
}

/** Endpoints want a PROXY header where every route that leads to them sends one: then a check says that it is our own. */
function checkHeaderOf({ routes }: ProxyPlan, pool: PoolPlan): Uint8Array | null {
  const versions = routes.flatMap(({ action }) =>
    action.type === 'forward' && action.pool === pool ? [action.proxyHeader] : [],
  );
  const [version = null] = versions;
  return version === null || versions.includes(null) ? null : ownProxyHeader(version);
}

/** The live connections, and ids that no other run of the proxy has given. */
class Registry implements ConnectionRegistry {
  readonly live = new Map<string, Connection>();
  entrance = new Entrance(shut);
  onEmpty = (): void => undefined;
  readonly sampling: Sampling;
  readonly #prefix: string;
  #count = 0;

  constructor(random: () => number, report: Reports['trouble']) {
    this.sampling = new Sampling(this.live, report);
    this.#prefix = Math.floor(random() * 36 ** 4)
      .toString(36)
      .padStart(4, '0');
  }

  nextId(): string {
    this.#count += 1;
    return `${this.#prefix}-${this.#count}`;
  }

  struckOff(): void {
    if (this.live.size === 0) this.onEmpty();
  }
}

interface PostParts {
  readonly plan: ProxyPlan;
  readonly tables: ReadonlyMap<number, RouteTable>;
  readonly registry: ConnectionRegistry;
  readonly ports: ConnectionPorts;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly observation: Observation;
}

function postOf(listener: ListenerPlan, parts: PostParts): Post {
  const { plan, clock, ledger, registry, ports, observation } = parts;
  const table = parts.tables.get(listener.port) ?? compileListener(listener, plan.detectors);
  const known = plan.detectors.map(({ detector }) => detector);
  const isProving = () => ports.termination?.identities.isProving() ?? false;
  return {
    listener: createListener({
      host: listener.host,
      port: listener.port,
      clock,
      ledger,
      report: observation.reports.trouble,
    }),
    acceptor: new Acceptor(listener, new Sniffer(table, known, isProving), registry, ports),
  };
}

/** What is configured, or what the file-descriptor limit allows where that is less; told either way. */
async function budgetOf(plan: ProxyPlan, observation: Observation): Promise<FileBudget> {
  const openFiles = await openFileLimit();
  const used = ((await openFileCount()) ?? 0) + plan.listeners.length + reservedFiles;
  const free = openFiles === null ? Infinity : Math.max(0, openFiles - used);
  const rooms = plan.listeners.map(({ admission }) => admission);
  const budget = fileBudget(plan.admission, rooms, free);
  const allowed = rooms.map((room, at) => ({ ...room, waitersMax: budget.listeners[at] ?? 0 }));
  observation.announce({
    event: 'limits.derived',
    maxConnections: budget.maxConnections,
    configured: plan.admission.maxConnections ?? Infinity,
    places: placesIn({ ...plan.admission, waitersMax: budget.places }, allowed),
    configuredPlaces: placesIn(plan.admission, rooms),
    openFiles,
  });
  return budget;
}

function withPlaces(listener: ListenerPlan, waitersMax: number): ListenerPlan {
  return { ...listener, admission: { ...listener.admission, waitersMax } };
}

function census(
  registry: ConnectionRegistry,
  ledger: Ledger,
  clock: Clock,
  life: ProxyLife,
  http: HttpRuntime,
): Census {
  return {
    connections: registry.live.size,
    slots: registry.entrance.slots.held,
    transports: ledger.size,
    upstreams: http.pools.size,
    timers: clock.armedCount,
    listeners: life.listenerCount,
  };
}
