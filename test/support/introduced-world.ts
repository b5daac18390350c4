/**
 * The real shell on a network in memory, behind somebody who may say by a PROXY header who the client is.
 *
 * One listener for each way to be routed; all of them take headers by one plan, which may be null.
 */
import { resolveConfig } from '../../src/config/resolve.ts';
import { Acceptor } from '../../src/io/acceptor.ts';
import { Connection } from '../../src/io/connection.ts';
import type { ConnectionPorts } from '../../src/io/connection-ports.ts';
import { Entrance } from '../../src/io/entrance.ts';
import { createLedger } from '../../src/io/ledger.ts';
import type { ClosedRecord, Trouble } from '../../src/io/reports.ts';
import { RouteAdmission } from '../../src/io/route-admission.ts';
import { Sampling } from '../../src/io/sampling.ts';
import { Sniffer } from '../../src/io/sniffer.ts';
import { TargetTurns } from '../../src/io/target-candidates.ts';
import { createObservation } from '../../src/observe/observation.ts';
import type { Interpreter, ProxyHeaderPlan, ProxyPlan } from '../../src/routing/plan.ts';
import { compileListener } from '../../src/routing/route-table.ts';
import { MemoryLeg } from '../../src/testing/memory-leg.ts';
import { MemoryNetwork } from '../../src/testing/memory-network.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { LiveMap } from './race-books.ts';
import { RacePeer } from './race-peer.ts';

export const ports = { plain: 1001, sniffed: 1002, serverFirst: 1003, barred: 1004, capped: 1005 } as const;
export type PortName = keyof typeof ports;

export const trustedHost = '10.0.0.7';
export const strangerHost = '198.18.0.9';
export const trusted: readonly string[] = ['10.0.0.0/8'];
/** Whom `barred` does not let pass. */
export const barredHost = '192.0.2.7';
export const sniffMs = 5_000;
export const serverFirstMs = 300;

const upstreamHosts = { plain: '10.9.0.1', redis: '10.9.0.2', other: '10.9.0.3', banner: '10.9.0.4' } as const;

const plans = new Map<Interpreter, ProxyPlan>();

function planFor(interpreter: Interpreter): ProxyPlan {
  const known = plans.get(interpreter);
  if (known !== undefined) return known;
  const to = (host: string) => ({ type: 'forward', target: { host, port: 9000 } }) as const;
  const plan = resolveConfig({
    interpreter,
    timeouts: { sniff: sniffMs },
    routes: [
      { name: 'plain', match: { ports: ports.plain }, action: to(upstreamHosts.plain) },
      { name: 'redis', match: { ports: ports.sniffed, protocol: 'redis' }, action: to(upstreamHosts.redis) },
      { name: 'other', match: { ports: ports.sniffed }, action: to(upstreamHosts.other) },
      {
        name: 'banner',
        match: { ports: ports.serverFirst, protocol: 'ssh' },
        timeouts: { serverFirst: serverFirstMs },
        action: to(upstreamHosts.banner),
      },
      {
        name: 'barred',
        match: { ports: ports.barred },
        security: { ipBlockList: [barredHost] },
        action: to(upstreamHosts.plain),
      },
      {
        name: 'byAddress',
        match: { ports: ports.barred, clientIp: ['192.0.2.8'] },
        priority: 10,
        action: to(upstreamHosts.other),
      },
      {
        name: 'capped',
        match: { ports: ports.capped, protocol: 'redis' },
        security: { maxConnections: 2 },
        action: to(upstreamHosts.redis),
      },
    ],
  });
  plans.set(interpreter, plan);
  return plan;
}

/** A client, or whoever stands in front of one. */
export class IntroducedClient extends RacePeer {
  say(bytes: Uint8Array | string): this {
    this.leg.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Uint8Array.from(bytes), 'owned');
    return this;
  }
}

export class IntroducedWorld {
  readonly clock = new StepClock();
  readonly ledger;
  readonly network: MemoryNetwork;
  /** Every connection there ever was, in the order of their clients. */
  readonly connections: Connection[] = [];
  readonly live = new LiveMap(this.connections);
  readonly records: ClosedRecord[] = [];
  readonly troubles: Trouble[] = [];
  readonly upstreams: RacePeer[] = [];
  readonly entrance = new Entrance({ maxConnections: null, maxConnectionsPerIp: null, rates: [], waitersMax: 0 });
  readonly #acceptors = new Map<number, Acceptor>();
  readonly #ports: ConnectionPorts;

  constructor(proxyHeader: ProxyHeaderPlan | null, interpreter: Interpreter = 'compiled') {
    const { clock } = this;
    const { reports } = createObservation({ clock });
    const trouble = (one: Trouble): void => void this.troubles.push(one);
    const kept = { ...reports, trouble, closed: (record: ClosedRecord): void => void this.records.push(record) };
    this.ledger = createLedger(clock, kept);
    this.network = new MemoryNetwork({ clock, ports: { clock, ledger: this.ledger, report: trouble } });
    for (const host of Object.values(upstreamHosts))
      this.network.serve({ host, port: 9000 }, (leg) => {
        this.upstreams.push(new RacePeer(leg, new Uint8Array(0), 0));
      });
    const turns = new TargetTurns();
    this.#ports = {
      clock,
      ledger: this.ledger,
      dialerOf: () => this.network.dial,
      termination: null,
      reports: kept,
      routeAdmission: new RouteAdmission(clock),
      candidatesOf: (route, targets, subject) => turns.of(route, targets, subject),
      openService: (): never => {
        throw new Error('no listener of this world serves HTTP');
      },
    };
    let count = 0;
    const registry = {
      live: this.live,
      entrance: this.entrance,
      sampling: new Sampling(this.live, trouble),
      nextId: () => `c${(count += 1)}`,
      struckOff: () => undefined,
    };
    const plan = planFor(interpreter);
    for (const listener of plan.listeners) {
      const sniffer = new Sniffer(
        compileListener(listener, plan.detectors),
        plan.detectors.map(({ detector }) => detector),
      );
      this.#acceptors.set(listener.port, new Acceptor({ ...listener, proxyHeader }, sniffer, registry, this.#ports));
    }
  }

  /** Connected; accepted at once. */
  connect(port: PortName = 'plain', host: string = trustedHost): IntroducedClient {
    const [inner, client] = this.#joined(port, host);
    this.#acceptorOf(port).accept(inner);
    return client;
  }

  /** Connected, and not yet admitted: what it says meanwhile is held. */
  queue(port: PortName = 'plain', host: string = trustedHost): { client: IntroducedClient; connection: Connection } {
    const [inner, client] = this.#joined(port, host);
    const connection = new Connection(`w${this.connections.length}`, inner, this.#acceptorOf(port), this.#ports);
    this.connections.push(connection);
    connection.start();
    return { client, connection };
  }

  settle(): void {
    this.clock.settle();
  }

  /** The world's end of the connection's upstream; null where it has none. */
  upstreamOf(connection: Connection | undefined): RacePeer | null {
    const port = connection?.upstream?.local.port;
    return this.upstreams.find(({ leg }) => leg.remote.port === port) ?? null;
  }

  recordOf(connection: Connection | undefined): ClosedRecord | null {
    return this.records.find((record) => record.connectionId === connection?.connectionId) ?? null;
  }

  /** Kills what is left, and answers what is still held or armed then. */
  end(): object {
    for (const connection of this.connections) connection.hear({ type: 'kill.requested', reason: 'operator.killed' });
    this.settle();
    return { live: this.live.size, legs: this.ledger.size, timers: this.clock.armedCount, troubles: this.troubles };
  }

  #acceptorOf(port: PortName): Acceptor {
    const acceptor = this.#acceptors.get(ports[port]);
    if (acceptor === undefined) throw new Error(`nobody listens on ${port}`);
    return acceptor;
  }

  #joined(port: PortName, host: string): [MemoryLeg, IntroducedClient] {
    const { clock } = this;
    const near = { host: '10.0.0.1', port: ports[port] };
    const far = { host, port: this.network.takePort() };
    const legPorts = { clock, ledger: this.ledger, report: (one: Trouble): void => void this.troubles.push(one) };
    const outside = { clock: clock.network, ledger: this.network.outside, report: () => undefined };
    const inner = new MemoryLeg({
      side: 'downstream',
      ports: legPorts,
      network: clock.network,
      local: near,
      remote: far,
    });
    const outer = new MemoryLeg({ side: 'upstream', ports: outside, network: clock.network, local: far, remote: near });
    inner.join(outer);
    return [inner, new IntroducedClient(outer, new Uint8Array(0), 0)];
  }
}

export const nothingLeft = { live: 0, legs: 0, timers: 0, troubles: [] };
