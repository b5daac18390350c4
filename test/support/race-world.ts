/**
 * The real shell in a simulated world: acceptors, connections, charts, splices, ledger and observation are the product's,
 * clock and network are in memory, and everything that is told is kept.
 *
 * Time goes on event by event, so that a law can be asked between any two.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { Acceptor, type ConnectionRegistry } from '../../src/io/acceptor.ts';
import type { Connection } from '../../src/io/connection.ts';
import type { Dialer } from '../../src/io/dialer.ts';
import type { Handshake } from '../../src/io/leg.ts';
import { Entrance } from '../../src/io/entrance.ts';
import { createLedger } from '../../src/io/ledger.ts';
import type { ClosedRecord, Refusal, Reports, Trouble } from '../../src/io/reports.ts';
import { createDialers } from '../../src/io/route-dialers.ts';
import { RouteAdmission } from '../../src/io/route-admission.ts';
import { Sampling } from '../../src/io/sampling.ts';
import { Sniffer } from '../../src/io/sniffer.ts';
import { TargetTurns } from '../../src/io/target-candidates.ts';
import { securedDialer } from '../../src/io/tls/secure-dialing.ts';
import { createObservation, type Observation } from '../../src/observe/observation.ts';
import type { Post } from '../../src/proxy-life.ts';
import type { ProxyPlan } from '../../src/routing/plan.ts';
import { RouteAccess } from '../../src/routing/route-access.ts';
import { compileListener } from '../../src/routing/route-table.ts';
import type { LegFaults, MemoryLeg } from '../../src/testing/memory-leg.ts';
import { MemoryNetwork, type DialPlan } from '../../src/testing/memory-network.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { found, RaceIdentities, type IdentityPlan } from './race-identities.ts';
import {
  headerAt,
  ports,
  prefaces,
  upstreamHosts,
  upstreamPort,
  type PortName,
  type PrefaceName,
} from './race-plan.ts';
import { LiveMap, WatchedLedger } from './race-books.ts';
import { RacePeer } from './race-peer.ts';
import { TlsRacePeer, type TlsManner } from './race-tls-client.ts';
import { greetingInside, sealedHosts, tlsPorts } from './race-tls-plan.ts';

export interface RaceWorldOptions {
  readonly plan: ProxyPlan;
  readonly windowBytes?: number;
  /** Milliseconds from end to end, one after the other, over and over. */
  readonly latenciesMs?: readonly number[];
  /** What becomes of the dials, one after the other, over and over. */
  readonly dials?: readonly DialPlan[];
  /** What those who are asked for certificates answer, one after the other, over and over. */
  readonly identities?: readonly IdentityPlan[];
  /** What upstreams that speak TLS do once they are reached, one after the other, over and over. */
  readonly sealings?: readonly Sealing[];
  /** True exactly when the listeners are somebody else's to open: `posts` of a `ProxyLife`. */
  readonly isClosed?: boolean;
  /** Takes the place of what the network's dialer would answer. */
  readonly wrapDialer?: (dial: Dialer) => Dialer;
}

/** `seals`: as it should; the others do something else in place of a handshake. */
export type Sealing = 'seals' | 'babbles' | 'ends' | 'resets';

export interface RaceClient extends RacePeer {
  readonly port: PortName;
  readonly preface: PrefaceName;
  readonly faults: Partial<LegFaults>;
}

export interface RaceUpstream extends RacePeer {
  readonly host: string;
}

export interface Move {
  readonly connectionId: string;
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

class Upstream extends RacePeer implements RaceUpstream {
  readonly host: string;

  constructor(leg: MemoryLeg, host: string, key: number) {
    super(leg, new Uint8Array(0), key);
    this.host = host;
  }
}

/** Far more than any history needs. */
const eventsMax = 100_000;

const succeeds: DialPlan = { type: 'succeeds', afterMs: 0 };

const sealing: Handshake = { role: 'server', context: { context: {} }, alpn: [], clientAuth: 'none' };
/** Whoever waits for a handshake takes it for what it is not. */
const noTls = Uint8Array.of(0x20, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20);

export class RaceWorld {
  readonly clock = new StepClock();
  readonly plan: ProxyPlan;
  readonly observation: Observation;
  readonly registry: ConnectionRegistry;
  readonly network: MemoryNetwork;
  readonly identities: RaceIdentities;
  readonly ledger: WatchedLedger;
  readonly acceptors = new Map<number, Acceptor>();
  readonly routeAdmission: RouteAdmission;
  readonly posts: Post[] = [];
  readonly clients: RaceClient[] = [];
  readonly upstreams: RaceUpstream[] = [];
  /** Every connection there ever was. */
  readonly connections: Connection[] = [];
  readonly records: ClosedRecord[] = [];
  readonly refusals: Refusal[] = [];
  readonly troubles: Trouble[] = [];
  /** Told of a connection that had its record already. */
  readonly lateTroubles: Trouble[] = [];
  readonly moves: Move[] = [];
  /** Asked after every event of the clock. */
  afterEvent = (): void => undefined;
  /** What an upstream does at once when it is reached. */
  greet = (_upstream: RacePeer): void => undefined;
  /** Called when the last connection was struck off. */
  onEmpty = (): void => undefined;
  /** Timers of others than connections, ledger and log that may be armed. */
  otherTimersMax = 0;
  /** True exactly when faults are over: every new dial succeeds, every new leg is honest. */
  isHonest = false;
  /** How often each kind of dial was handed out. */
  readonly dialled = new Map<DialPlan['type'], number>();
  /** How often upstreams did what in place of a handshake, or in it. */
  readonly sealings = new Map<Sealing, number>();
  readonly #options: RaceWorldOptions;
  #latencyTurn = 0;
  #dialTurn = 0;
  #identityTurn = 0;
  #sealingTurn = 0;

  constructor(options: RaceWorldOptions) {
    this.#options = options;
    this.plan = options.plan;
    const { clock } = this;
    const { plan, windowBytes = 4096, latenciesMs = [0], wrapDialer = (dial: Dialer) => dial } = options;
    this.observation = createObservation({ clock });
    const reports = this.#listening(this.observation.reports);
    this.ledger = new WatchedLedger(createLedger(clock, reports));
    const legPorts = { clock, ledger: this.ledger, report: reports.trouble };
    this.network = new MemoryNetwork({
      clock,
      ports: legPorts,
      windowBytes,
      latencyMs: () => latenciesMs[(this.#latencyTurn = (this.#latencyTurn + 1) % latenciesMs.length)] ?? 0,
      plan: () => this.#nextDial(),
    });
    const live = new LiveMap(this.connections);
    let nextId = 0;
    this.registry = {
      live,
      entrance: new Entrance(plan.admission),
      sampling: new Sampling(live, reports.trouble),
      nextId: () => `c${(nextId += 1)}`,
      struckOff: () => {
        if (live.size === 0) this.onEmpty();
      },
    };
    this.#serve();
    const dial = wrapDialer(this.network.dial);
    const turns = new TargetTurns();
    const access = new RouteAccess(plan.routes);
    this.routeAdmission = new RouteAdmission(clock, access);
    const contexts = { clientContext: () => sealing.context };
    this.identities = new RaceIdentities(clock.network, () => this.#nextIdentity());
    const connectionPorts = {
      clock,
      ledger: this.ledger,
      dialerOf: createDialers({
        plain: dial,
        secured: (beneath, tls, speech) => securedDialer(beneath, tls, speech, contexts),
        legPorts,
      }).of,
      termination: this.identities,
      reports,
      routeAdmission: this.routeAdmission,
      candidatesOf: turns.of.bind(turns),
      openService: (): never => {
        throw new Error('no listener of this world serves HTTP');
      },
    };
    const known = plan.detectors.map(({ detector }) => detector);
    for (const listener of plan.listeners) {
      const sniffer = new Sniffer(compileListener(listener, plan.detectors, access), known);
      const acceptor = new Acceptor(listener, sniffer, this.registry, connectionPorts);
      this.acceptors.set(listener.port, acceptor);
      const bound = this.network.createListener({
        host: listener.host,
        port: listener.port,
        clock,
        ledger: this.ledger,
        report: reports.trouble,
      });
      this.posts.push({ listener: bound, acceptor });
      if (options.isClosed === true) continue;
      bound.accepted$.subscribe((leg) => acceptor.accept(leg));
      void bound.open();
    }
  }

  /** @param manner of clients whose TLS ends here. */
  connect(
    port: PortName,
    preface: PrefaceName = 'nothing',
    proxyFaults: Partial<LegFaults> = {},
    manner: TlsManner = 'honest',
  ): RaceClient {
    const faults = this.isHonest ? {} : proxyFaults;
    const leg = this.network.connect(ports[port], { proxyFaults: faults });
    const key = this.clients.length * 2;
    const said = prefaces[preface];
    const inside = port in tlsPorts ? greetingInside(preface) : null;
    const peer =
      inside === null
        ? new RacePeer(leg, said, key, headerAt(port, preface)?.length)
        : new TlsRacePeer(leg, { hello: said, inside, key, manner });
    const client = Object.assign(peer, { port, preface, faults });
    this.clients.push(client);
    return client;
  }

  /** The connection of a client; null until it was accepted, or when it was refused. */
  connectionOf({ leg }: RacePeer): Connection | null {
    return this.connections.find(({ peer }) => peer.port === leg.local.port) ?? null;
  }

  /** The upstream that a connection was joined to; null until then. */
  upstreamOf(connection: Connection | null): RaceUpstream | null {
    const leg = connection?.upstream ?? null;
    if (leg === null) return null;
    return this.upstreams.find((one) => one.leg.remote.port === leg.local.port) ?? null;
  }

  /** As `upstreamOf`; or the one that is agreeing on TLS with it. */
  upstreamNear(connection: Connection | null): RaceUpstream | null {
    if (connection?.chart.leaf !== 'DIALING.ATTEMPTING.SECURING') return this.upstreamOf(connection);
    const taken = new Set(this.connections.map(({ upstream }) => upstream?.local.port));
    const isNear = ({ host, leg }: RaceUpstream) =>
      leg.isOpen && host === connection.upstreamAddress?.host && !taken.has(leg.remote.port);
    return this.upstreams.findLast(isNear) ?? null;
  }

  recordOf({ connectionId }: Connection): ClosedRecord | null {
    return this.records.find((record) => record.connectionId === connectionId) ?? null;
  }

  /** Goes on, event by event. */
  advance(delayMs: number): void {
    if (this.#goOn(this.clock.nowMs() + delayMs)) throw new Error('a promise was settled, for which `pass` waits');
  }

  /** As `advance`; whoever waits for a promise hears of it before the next event. */
  async pass(delayMs: number): Promise<void> {
    const untilMs = this.clock.nowMs() + delayMs;
    while (this.#goOn(untilMs)) await this.heard();
  }

  /** Everybody who waited for a promise that is settled has heard of it. */
  async heard(): Promise<void> {
    if (!this.identities.hasSettled) return;
    this.identities.hasSettled = false;
    await turn();
    this.afterEvent();
  }

  /** True exactly when a promise was settled on the way, and it stopped there. */
  #goOn(untilMs: number): boolean {
    for (let events = 0; (this.clock.nextDueMs ?? Infinity) <= untilMs; events += 1) {
      if (events > eventsMax) throw new Error(`more than ${eventsMax} events by ${untilMs} ms: a livelock`);
      this.clock.runNext();
      this.afterEvent();
      if (this.identities.hasSettled) return true;
    }
    this.clock.advance(untilMs - this.clock.nowMs());
    this.afterEvent();
    return false;
  }

  /** So many events, if they are due within a millisecond each; none after a promise was settled. */
  tick(count: number): void {
    for (let at = 0; at < count && (this.clock.nextDueMs ?? Infinity) <= this.clock.nowMs() + 1; at += 1) {
      this.clock.runNext();
      this.afterEvent();
      if (this.identities.hasSettled) return;
    }
  }

  #nextDial(): DialPlan {
    const { dials = [succeeds] } = this.#options;
    const plan = this.isHonest ? succeeds : (dials[this.#dialTurn % dials.length] ?? succeeds);
    this.#dialTurn += 1;
    this.dialled.set(plan.type, (this.dialled.get(plan.type) ?? 0) + 1);
    return plan;
  }

  #nextIdentity(): IdentityPlan {
    const { identities = [found] } = this.#options;
    const plan = identities[this.#identityTurn % identities.length] ?? found;
    this.#identityTurn += 1;
    return this.isHonest ? found : plan;
  }

  #serve(): void {
    for (const host of upstreamHosts) {
      this.network.serve({ host, port: upstreamPort }, (leg) => {
        if (sealedHosts.has(host) && !this.#isSealed(leg)) return;
        const upstream = new Upstream(leg, host, this.upstreams.length * 2 + 1);
        this.upstreams.push(upstream);
        this.greet(upstream);
      });
    }
  }

  /** False where the upstream does not speak TLS, and is nobody from there on. */
  #isSealed(leg: MemoryLeg): boolean {
    const { sealings = [] } = this.#options;
    const how = this.isHonest ? 'seals' : (sealings[this.#sealingTurn % sealings.length] ?? 'seals');
    this.#sealingTurn += 1;
    this.sealings.set(how, (this.sealings.get(how) ?? 0) + 1);
    if (how === 'seals') leg.secure(sealing);
    else if (how === 'babbles') leg.write(noTls, 'shared');
    else if (how === 'ends') leg.end();
    else leg.reset();
    return how === 'seals';
  }

  #listening(reports: Reports): Reports {
    return {
      ...reports,
      moved: (connectionId, from, to, event) => {
        this.moves.push({ connectionId, from, to, event });
        reports.moved(connectionId, from, to, event);
      },
      closed: (record) => {
        this.records.push(record);
        reports.closed(record);
      },
      refused: (refusal) => {
        this.refusals.push(refusal);
        reports.refused(refusal);
      },
      trouble: (trouble) => {
        this.troubles.push(trouble);
        if (this.records.some(({ connectionId }) => connectionId === trouble.connectionId))
          this.lateTroubles.push(trouble);
        reports.trouble(trouble);
      },
    };
  }
}
