/**
 * One connection: it owns the legs, turns what they report into facts for the chart, and carries out the chart's commands.
 *
 * Decides nothing that the chart decides. Must never do: arm a timer (deadlines are the chart's), touch a socket (legs do),
 * or let an exception of its own leave it. Everything it holds is let go in one place, `#release`, on the chart's one
 * entry into CLOSED.
 * Read first: `machines/connection/machine.ts`, then `leg.ts`.
 */
import { stateOf } from '../machines/chart/chart.ts';
import type { CloseReason, CloseSide } from '../machines/connection/close-reason.ts';
import type { ConnectionCommand } from '../machines/connection/commands.ts';
import {
  createConnectionChart,
  type ConnectionChart,
  type ConnectionHost,
} from '../machines/connection/connection-chart.ts';
import type { ConnectionFact } from '../machines/connection/events.ts';
import type { RoutePlan, Target } from '../routing/plan.ts';
import { closedRecord, type Cause } from './closed-record.ts';
import { ConnectionSubject } from './connection-subject.ts';
import type { ConnectionPorts, ListenerRuntime } from './connection-ports.ts';
import { handlerFacts, refusalOf } from './connection-facts.ts';
import { bufferedBytes, connectionSnapshot } from './connection-snapshot.ts';
import { Dialling, type DiallingOwner } from './dialling.ts';
import type { HandlerOwner } from './handlers/failure.ts';
import { Greeting, type GreetingOwner } from './greeting.ts';
import { openHandler } from './handlers/socket-handler.ts';
import type { DetachedLeg, Tap } from './http/ports.ts';
import type { WebSocketKeepAlive } from './http/websocket-keep-alive.ts';
import { Serving, type ServedConnection } from './http/serving.ts';
import type { Address, Leg, LegFact } from './leg.ts';
import { closeReasonOf } from './os-codes.ts';
import { LegFacts, type FactOwner } from './leg-facts.ts';
import { checkLegs, reportFlow } from './leg-looks.ts';
import { letGo } from './letting-go.ts';
import { Placement, type PlacementOwner } from './placement.ts';
import { Refusing } from './refusing.ts';
import type { RouteClaim } from './route-admission.ts';
import type { ConnectionSnapshot, ExchangeSnapshot } from './reports.ts';
import { ipFamily } from './socket.ts';
import { Splice, type Side, type SpliceOwner } from './splice.ts';
import { readable, Timeline } from './timeline.ts';

export class Connection
  implements
    ConnectionHost,
    SpliceOwner,
    FactOwner,
    GreetingOwner,
    DiallingOwner,
    PlacementOwner,
    ServedConnection,
    HandlerOwner
{
  readonly connectionId: string;
  readonly listener: ListenerRuntime;
  readonly downstream: Leg;
  readonly timeline = new Timeline();
  readonly acceptedAtMs: number;
  readonly chart: ConnectionChart;
  /** Whose socket it is; kept, because a socket that is gone forgets it. */
  readonly peer: Address;
  /** By a believed PROXY header, else the peer. */
  client: Address;
  upstream: Leg | null = null;
  /** Where the upstream leg leads, or where the last attempt went. */
  upstreamAddress: Address | null = null;
  route: RoutePlan | null = null;
  readonly greeting: Greeting;
  readonly subject: ConnectionSubject;
  readonly dialling: Dialling;
  readonly placement: Placement;
  cause: Cause | null = null;
  /** The state in which the reason was recorded; '' until then. */
  causeState = '';
  /** The side whose FIN came first; null while neither has ended. */
  endedFirst: CloseSide | null = null;
  /** What the legs' counts differed by when they were joined: heads of HTTP and PROXY headers are no part of a tunnel. */
  bufferedBefore = 0;
  readonly #ports: ConnectionPorts;
  readonly #downstreamFacts: LegFacts = new LegFacts(this, 'downstream');
  #upstreamFacts: LegFacts | null = null;
  #splice: Splice | null = null;
  #refusing: Refusing | null = null;
  /** Of HTTP connections; null before there is one, and once the connection has become a tunnel. */
  #serving: Serving | null = null;
  /** Both legs on their way from the HTTP service to the splice. */
  #taps: { readonly client: Tap; readonly upstream: Tap; readonly keepAlive: WebSocketKeepAlive | null } | null = null;
  reportedByteAtMs: number;
  /** True once a route has taken a request of its. */
  isSettled = false;

  constructor(connectionId: string, downstream: Leg, listener: ListenerRuntime, ports: ConnectionPorts) {
    this.connectionId = connectionId;
    this.downstream = downstream;
    this.peer = downstream.remote;
    this.client = this.peer;
    this.listener = listener;
    this.#ports = ports;
    this.acceptedAtMs = ports.clock.nowMs();
    this.reportedByteAtMs = this.acceptedAtMs;
    this.subject = new ConnectionSubject(this);
    this.dialling = new Dialling(this, ports);
    this.placement = new Placement(this, ports.routeAdmission);
    this.greeting = new Greeting(this, ports.termination);
    this.chart = createConnectionChart(
      listener.interpreter,
      { timeouts: listener.plan.timeouts.values, expectsProxyHeader: listener.plan.proxyHeader !== null },
      ports.clock,
      this,
    );
  }

  settled(): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.listener.settled(this);
  }

  /** Begins the life of a connection whose slot, or whose place in the waiting room, has been claimed. */
  start(): void {
    this.chart.start();
    this.#ports.reports.opened(this);
    this.downstream.facts$.subscribe(this.#downstreamFacts);
  }

  /** It has a slot. */
  admit(): void {
    this.hear({ type: 'admission.granted' });
  }

  perform(command: ConnectionCommand): void {
    try {
      this.#carryOut(command);
    } catch (error) {
      this.broken(error);
    }
  }

  moved(from: string, to: string, event: string, atMs: number): void {
    if (this.causeState === '' && this.chart.context.reason !== null) this.causeState = stateOf(from);
    this.timeline.moved(to, event, atMs);
    if (from === '') return;
    this.listener.moved(this, from, to);
    this.#ports.reports.moved(this.connectionId, from, to, readable(event));
  }

  beforeDeadline(): void {
    checkLegs(this);
    const client = this.#taps?.keepAlive ?? this.downstream;
    reportFlow(this, client.lastByteAtMs, this.#ports.clock.nowMs());
  }

  sideEnded(side: Side): void {
    this.endedFirst ??= side;
    const ageMs = this.ageMs();
    if (side === 'downstream') this.hear({ type: 'downstream.ended', heldBytes: 0, ageMs });
    else this.hear({ type: 'upstream.ended', ageMs });
  }

  flushed(): void {
    this.hear({ type: 'splice.flushed' });
  }

  legTold(side: Side, fact: LegFact): void {
    if (side === 'downstream') this.#downstreamTold(fact);
    else this.#upstreamTold(fact);
  }

  /** The live ones; none unless HTTP is served. */
  exchanges(): readonly ExchangeSnapshot[] {
    return this.#serving?.exchanges() ?? [];
  }

  snapshot(): ConnectionSnapshot {
    return connectionSnapshot(this, this.#ports.clock.nowMs());
  }

  hear(fact: ConnectionFact): void {
    this.chart.send(fact);
  }

  ageMs(): number {
    return this.#ports.clock.nowMs() - this.acceptedAtMs;
  }

  identifiedAs(client: Address): void {
    this.client = client;
  }

  keep(claim: RouteClaim | null): void {
    this.placement.keep(claim);
  }

  explainBy(cause: string | null): void {
    if (cause !== null) this.cause ??= { code: null, text: cause };
  }

  becomeTunnel(client: Tap, upstream: DetachedLeg, keepAlive: WebSocketKeepAlive | null): void {
    this.upstream = upstream.leg;
    this.upstreamAddress = upstream.leg.remote;
    this.#taps = { client, upstream, keepAlive };
    upstream.tellTo((fact) => this.legTold('upstream', fact));
  }

  #carryOut(command: ConnectionCommand): void {
    switch (command.type) {
      case 'readProxyHeader':
        return this.greeting.readProxyHeader();
      case 'identify':
        return this.placement.identify();
      case 'peek':
        return this.greeting.peek();
      case 'stopPeeking':
        return this.greeting.stop();
      case 'secure':
        return this.greeting.secure();
      case 'routeServerFirst':
        return this.greeting.serverFirst();
      case 'dial':
        return this.dialling.start(command.attempt);
      case 'leaveQueue':
        this.placement.leaveQueue();
        return this.dialling.leaveQueue();
      case 'cancelDial':
        return this.dialling.cancel();
      case 'serve':
        return this.#serve();
      case 'lastExchange':
        return this.#serving?.last();
      case 'endService':
        return this.#serving?.end();
      case 'splice':
        return this.#beginSplice();
      case 'endUpstream':
        return this.upstream?.end();
      case 'endDownstream':
        return this.downstream.end();
      case 'discardDownstream':
        return this.#splice?.discard('downstream');
      case 'discardUpstream':
        return this.#splice?.discard('upstream');
      case 'checkLegs':
        return checkLegs(this);
      case 'sendPing':
        return this.#taps?.keepAlive?.ping();
      case 'warnIdling':
        return this.#ports.reports.idling(this.connectionId, () => this.snapshot());
      case 'refuse':
        return this.#refuse(command.reason);
      case 'release':
        return this.#release(command.reason);
    }
  }

  /** With every byte that was looked at still unread. */
  #serve(): void {
    const action = this.route?.action;
    if (action?.type === 'handler' && action.kind === 'socket') {
      const { clock, ledger, reports } = this.#ports;
      this.#listenTo(openHandler(action, handlerFacts(this), { clock, ledger, report: reports.trouble }, this).leg);
      return this.#beginSplice();
    }
    this.#serving = new Serving(this, this.greeting.sighting?.protocol === 'h2c' ? 'h2c' : 'http', this.greeting.tls);
    return this.#serving.start(this.#ports.openService);
  }

  dialBegun(target: Target): void {
    this.upstreamAddress = { host: target.host, port: target.port };
    this.cause = null;
  }

  endpointLost(manner: 'drain' | 'kill', cause: string): void {
    if (manner === 'drain') return this.hear({ type: 'drain.requested' });
    this.explainBy(cause);
    return this.hear({ type: 'kill.requested', reason: 'upstream.unreachable' });
  }

  banned(manner: 'drain' | 'kill', cause: string): void {
    if (manner === 'drain') return this.hear({ type: 'drain.requested' });
    this.explainBy(cause);
    return this.hear({ type: 'kill.requested', reason: 'refused.address' });
  }

  dialSucceeded(leg: Leg): void {
    if (this.upstream !== null) return leg.reset();
    this.upstream = leg;
    this.cause = null;
    if (ipFamily(this.upstreamAddress?.host ?? '') === 0) this.upstreamAddress = leg.remote;
    this.hear({ type: 'dial.succeeded', ageMs: this.ageMs() });
    // Only now: a failure that the leg has kept must be heard in ESTABLISHED, not before.
    this.#listenTo(leg);
  }

  #listenTo(upstream: Leg): void {
    this.upstream = upstream;
    this.#upstreamFacts = new LegFacts(this, 'upstream');
    upstream.facts$.subscribe(this.#upstreamFacts);
  }

  #beginSplice(): void {
    if (this.upstream === null) return;
    this.#splice = new Splice(this.downstream, this.upstream, this);
    if (this.#taps === null) {
      this.bufferedBefore = bufferedBytes(this) - this.downstream.heldBytes - this.upstream.heldBytes;
      return this.#splice.start();
    }
    this.#serving = null;
    this.#splice.continueFrom(this.#taps.client, this.#taps.upstream);
    this.bufferedBefore = bufferedBytes(this);
    return undefined;
  }

  /** Before the splice, FIN is told with what is still held; afterwards it is told by the bytes' own end (`sideEnded`). */
  #downstreamTold(fact: LegFact): void {
    if (this.#serving !== null && fact.type !== 'failed') return this.#serving.told(fact);
    switch (fact.type) {
      case 'held':
        return this.greeting.held();
      case 'secured':
        return this.greeting.secured(fact.by);
      case 'ended':
        if (this.#splice !== null || this.#refusing !== null) return undefined;
        this.hear({ type: 'downstream.ended', heldBytes: fact.heldBytes, ageMs: this.ageMs() });
        return this.greeting.ended();
      case 'failed':
        this.cause ??= { code: fact.code, text: fact.cause };
        return this.hear({ type: 'downstream.failed', reason: closeReasonOf('downstream', fact.code) });
      case 'writable':
        return this.#splice?.writable('downstream');
      case 'flushed':
        this.#refusing?.settle();
        return this.#splice?.sideFlushed('downstream');
      case 'released':
        return undefined;
    }
  }

  #upstreamTold(fact: LegFact): void {
    switch (fact.type) {
      case 'failed':
        this.cause ??= { code: fact.code, text: fact.cause };
        return this.hear({ type: 'upstream.failed', reason: closeReasonOf('upstream', fact.code) });
      case 'writable':
        return this.#splice?.writable('upstream');
      case 'flushed':
        return this.#splice?.sideFlushed('upstream');
      default:
        return undefined;
    }
  }

  #refuse(reason: CloseReason): void {
    const { answer, isWorthFin } = refusalOf(this, reason, this.#ports.clock.wallMs());
    if (!isWorthFin) return this.hear({ type: 'refusal.skipped' });
    this.#refusing = new Refusing(
      this.downstream,
      () => this.flushed(),
      (error) => this.broken(error),
    );
    this.#refusing.start(answer);
  }

  /**
   * The only place where anything is let go. A leg whose FIN is out is released, any other by the reason's manner.
   * Everything that holds a resource goes first, the record last, so that nothing can come in between.
   */
  #release(reason: CloseReason): void {
    const nowMs = this.#ports.clock.nowMs();
    this.#downstreamFacts.unsubscribe();
    this.#upstreamFacts?.unsubscribe();
    this.#serving?.stop(reason);
    letGo(this.downstream, reason);
    if (this.upstream !== null) letGo(this.upstream, reason);
    // Its place at the endpoint is free once the connection to it is let go.
    this.dialling.stop();
    this.#splice?.stop();
    this.#refusing?.unsubscribe();
    this.placement.release();
    this.listener.closed(this);
    this.#ports.reports.closed(closedRecord(this, reason, nowMs));
  }

  /** A callback of the embedder's is at fault: a detector, a dialer, a handler, whose leg fails as well. */
  failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.cause ??= { code: null, text: message };
    this.#ports.reports.trouble({ event: 'handler.failed', connectionId: this.connectionId, message });
  }

  /** A bug of ours: said loudly, and the connection ends. */
  broken(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#ports.reports.trouble({ event: 'invariant.broken', connectionId: this.connectionId, message });
    this.hear({ type: 'kill.requested', reason: 'internal.invariant' });
  }
}
