/**
 * HTTP in a simulated world: acceptors, connections, exchanges, pools and handlers are the product's, clock and network are
 * in memory, and everything that is told is kept.
 *
 * Time goes on event by event. Handlers are functions of Node's streams, so after an event that concerns one the world waits
 * for what the process has queued, and for nothing else. Read first: `race-world.ts`, of which this is the sibling.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Acceptor, type ConnectionRegistry } from '../../src/io/acceptor.ts';
import type { Connection } from '../../src/io/connection.ts';
import { createHttp, type HttpRuntime } from '../../src/io/http/http-runtime.ts';
import { Entrance } from '../../src/io/entrance.ts';
import { createLedger } from '../../src/io/ledger.ts';
import type { ClosedRecord, ExchangeRecord, Reports, Trouble } from '../../src/io/reports.ts';
import { RouteAdmission } from '../../src/io/route-admission.ts';
import { Sampling } from '../../src/io/sampling.ts';
import { Sniffer } from '../../src/io/sniffer.ts';
import { TargetTurns } from '../../src/io/target-candidates.ts';
import { createObservation, type Observation } from '../../src/observe/observation.ts';
import type { ProxyPlan, Target } from '../../src/routing/plan.ts';
import { compileListener } from '../../src/routing/route-table.ts';
import { MemoryLeg, type LegFaults } from '../../src/testing/memory-leg.ts';
import { MemoryNetwork, type DialPlan } from '../../src/testing/memory-network.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import type { DialSubject } from '../../src/io/candidates.ts';
import { Pins } from '../../src/io/http/pins.ts';
import { HttpClient } from './http-race-client.ts';
import { HttpOrigin, type Answer } from './http-race-origin.ts';
import { handlerPort, httpPort, originHosts, originPort } from './http-race-plan.ts';
import { WatchedLedger } from './race-books.ts';

export interface HttpRaceOptions {
  readonly plan: ProxyPlan;
  readonly windowBytes: number;
  readonly latenciesMs: readonly number[];
  readonly dials: readonly DialPlan[];
}

/** Far more than any history needs. */
const eventsMax = 100_000;
const succeeds: DialPlan = { type: 'succeeds', afterMs: 0 };

/** Pools that tell nobody's identity are asked for by nobody in particular. */
const nobody: DialSubject = {
  connectionId: '',
  listenerName: '',
  client: { host: '', port: 0 },
  local: { host: '', port: 0 },
  serverName: null,
  tls: null,
  proxied: null,
  head: null,
  endpointLost: () => undefined,
};

export class HttpRaceWorld {
  readonly clock = new StepClock();
  readonly observation: Observation;
  readonly registry: ConnectionRegistry;
  readonly network: MemoryNetwork;
  readonly ledger: WatchedLedger;
  readonly http: HttpRuntime;
  readonly plan: ProxyPlan;
  readonly acceptors: Acceptor[] = [];
  readonly clients: HttpClient[] = [];
  readonly origins: HttpOrigin[] = [];
  /** By serial number. */
  readonly answers: Answer[] = [];
  readonly connections: Connection[] = [];
  readonly records: ClosedRecord[] = [];
  readonly exchangeRecords: ExchangeRecord[] = [];
  readonly troubles: Trouble[] = [];
  /** How often a connection entered a leaf, and how often an exchange was seen in one. */
  readonly leaves: string[] = [];
  readonly exchangeLeaves: string[] = [];
  exchangesOpened = 0;
  /** Asked after every event of the clock. */
  afterEvent = (): void => undefined;
  /** What an origin does by itself with every whole request. */
  onRequest = (_origin: HttpOrigin): void => undefined;
  /** True exactly when faults are over. */
  isHonest = false;
  readonly #options: HttpRaceOptions;
  readonly #seen = new Map<string, string>();
  #latencyTurn = 0;
  #dialTurn = 0;

  constructor(options: HttpRaceOptions) {
    this.#options = options;
    this.plan = options.plan;
    const { clock, plan } = this;
    const { windowBytes, latenciesMs } = options;
    this.observation = createObservation({ clock });
    const reports = this.#listening(this.observation.reports);
    this.ledger = new WatchedLedger(createLedger(clock, reports));
    const { ledger } = this;
    this.network = new MemoryNetwork({
      clock,
      ports: { clock, ledger, report: reports.trouble },
      windowBytes,
      latencyMs: () => latenciesMs[(this.#latencyTurn = (this.#latencyTurn + 1) % latenciesMs.length)] ?? 0,
      plan: () => this.#nextDial(),
    });
    const { dial } = this.network;
    const dialerOf = () => dial;
    const routeAdmission = new RouteAdmission(clock);
    const turns = new TargetTurns();
    const candidatesOf = turns.of.bind(turns);
    this.http = createHttp({ plan, clock, ledger, dialerOf, reports, routeAdmission, candidatesOf });
    const live = new Map<string, Connection>();
    let nextId = 0;
    this.registry = {
      live,
      entrance: new Entrance(plan.admission),
      sampling: new Sampling(live, reports.trouble),
      nextId: () => `c${(nextId += 1)}`,
      struckOff: () => undefined,
    };
    for (const host of originHosts) this.network.serve({ host, port: originPort }, (leg) => this.#reached(leg, host));
    const known = plan.detectors.map(({ detector }) => detector);
    for (const listener of plan.listeners) {
      const sniffer = new Sniffer(compileListener(listener, plan.detectors), known);
      const { openService } = this.http;
      const ports = { clock, ledger, dialerOf, termination: null, reports, routeAdmission, candidatesOf, openService };
      const acceptor = new Acceptor(listener, sniffer, this.registry, ports);
      this.acceptors.push(acceptor);
      const { host, port } = listener;
      const bound = this.network.createListener({ host, port, clock, ledger, report: reports.trouble });
      bound.accepted$.subscribe((leg) => {
        acceptor.accept(leg);
        for (const connection of live.values()) {
          if (!this.connections.includes(connection)) this.connections.push(connection);
        }
      });
      void bound.open();
    }
  }

  connect(port: 'http' | 'handler', proxyFaults: Partial<LegFaults> = {}): HttpClient {
    const isHttp = port === 'http';
    const leg = this.network.connect(isHttp ? httpPort : handlerPort, {
      proxyFaults: this.isHonest ? {} : proxyFaults,
    });
    const client = new HttpClient(`k${this.clients.length}`, leg, isHttp);
    this.clients.push(client);
    return client;
  }

  /** The connection of a client; null until it was accepted. */
  connectionOf({ leg }: HttpClient): Connection | null {
    return this.connections.find(({ client }) => client.port === leg.local.port) ?? null;
  }

  /** Places of every pool that exchanges can be sent to. */
  get places(): number {
    let places = 0;
    for (const { routes } of this.plan.listeners) {
      for (const route of routes) {
        if (route.action.type !== 'forward') continue;
        const poolOf = (target: Target) => this.http.pools.of(route, target, false, nobody, new Pins());
        const pools = new Set(route.action.targets.map(poolOf));
        for (const pool of pools) places += pool.places;
      }
    }
    return places;
  }

  /** Goes on, event by event. */
  async advance(delayMs: number): Promise<void> {
    const untilMs = this.clock.nowMs() + delayMs;
    for (let events = 0; (this.clock.nextDueMs ?? Infinity) <= untilMs; events += 1) {
      if (events > eventsMax) throw new Error(`more than ${eventsMax} events within ${delayMs} ms: a livelock`);
      this.clock.runNext();
      await this.settled();
    }
    this.clock.advance(untilMs - this.clock.nowMs());
    await this.settled();
  }

  /** So many events, if they are due within a millisecond each. */
  async tick(count: number): Promise<void> {
    for (let at = 0; at < count && (this.clock.nextDueMs ?? Infinity) <= this.clock.nowMs() + 1; at += 1) {
      this.clock.runNext();
      await this.settled();
    }
  }

  /** What handlers do is done; then the laws are asked. */
  async settled(): Promise<void> {
    if (this.ledger.entries().some((entry) => !(entry instanceof MemoryLeg))) {
      for (let turns = 0; turns < 3; turns += 1) await turn();
    }
    this.#look();
    this.afterEvent();
  }

  #look(): void {
    for (const connection of this.registry.live.values()) {
      for (const { exchangeId, leaf } of connection.exchanges()) {
        if (this.#seen.get(exchangeId) === leaf) continue;
        this.#seen.set(exchangeId, leaf);
        this.exchangeLeaves.push(leaf);
      }
    }
  }

  #nextDial(): DialPlan {
    const { dials } = this.#options;
    const plan = this.isHonest ? succeeds : (dials[this.#dialTurn % dials.length] ?? succeeds);
    this.#dialTurn += 1;
    return plan;
  }

  #reached(leg: MemoryLeg, host: string): void {
    const origin = new HttpOrigin(leg, host, this.answers);
    origin.onRequest = () => this.onRequest(origin);
    this.origins.push(origin);
  }

  #listening(reports: Reports): Reports {
    return {
      ...reports,
      moved: (connectionId, from, to, event) => {
        this.leaves.push(to);
        reports.moved(connectionId, from, to, event);
      },
      closed: (record) => {
        this.records.push(record);
        reports.closed(record);
      },
      exchangeOpened: () => {
        this.exchangesOpened += 1;
        reports.exchangeOpened();
      },
      exchangeClosed: (reason, status, record) => {
        this.exchangeRecords.push(record());
        reports.exchangeClosed(reason, status, record);
      },
      trouble: (trouble) => {
        this.troubles.push(trouble);
        reports.trouble(trouble);
      },
    };
  }
}
