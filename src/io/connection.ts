/**
 * One connection: it owns the legs, turns what they report into facts for the chart, and carries out the chart's commands.
 *
 * Decides nothing that the chart decides. Must never do: arm a timer (deadlines are the chart's), touch a socket (legs do),
 * or let an exception of its own leave it. Everything it holds is let go in one place, `#release`, on the chart's one
 * entry into CLOSED.
 * Read first: `machines/connection/machine.ts`, then `leg.ts`.
 */
import type { Subscription } from 'rxjs';
import { stateOf } from '../machines/chart/chart.ts';
import { describeReason, type CloseReason, type CloseSide } from '../machines/connection/close-reason.ts';
import type { ConnectionCommand } from '../machines/connection/commands.ts';
import {
  createConnectionChart,
  type ConnectionChart,
  type ConnectionHost,
} from '../machines/connection/connection-chart.ts';
import type { ConnectionFact } from '../machines/connection/events.ts';
import { canRefuse, refusal } from '../protocols/refusals.ts';
import type { RoutePlan } from '../routing/plan.ts';
import { closedRecord } from './closed-record.ts';
import type { ConnectionPorts, ListenerRuntime } from './connection-ports.ts';
import { connectionSnapshot } from './connection-snapshot.ts';
import { dialFailureOf, type DialFailure } from './dialer.ts';
import { isLeg, type Address, type Leg, type LegFact } from './leg.ts';
import { closeReasonOf } from './os-codes.ts';
import { LegFacts, type FactOwner } from './leg-facts.ts';
import { Refusing } from './refusing.ts';
import type { ConnectionSnapshot } from './reports.ts';
import { ipFamily } from './socket.ts';
import { PeekBuffer, type Sighting, type SniffOutcome } from './sniffer.ts';
import { Splice, type Side, type SpliceOwner } from './splice.ts';
import { readable, Timeline } from './timeline.ts';

/** The first thing that went wrong, as the operating system or a callback told it. */
export interface Cause {
  readonly code: string | null;
  readonly text: string | null;
}

export class Connection implements ConnectionHost, SpliceOwner, FactOwner {
  readonly connectionId: string;
  readonly listener: ListenerRuntime;
  readonly downstream: Leg;
  readonly timeline = new Timeline();
  readonly acceptedAtMs: number;
  readonly chart: ConnectionChart;
  /** The client's address; kept, because a socket that is gone forgets it. */
  readonly client: Address;
  upstream: Leg | null = null;
  /** Where the upstream leg leads, or where the last attempt went. */
  upstreamAddress: Address | null = null;
  route: RoutePlan | null = null;
  sighting: Sighting | null = null;
  cause: Cause | null = null;
  /** The state in which the reason was recorded; '' until then. */
  causeState = '';
  /** The side whose FIN came first; null while neither has ended. */
  endedFirst: CloseSide | null = null;
  readonly #ports: ConnectionPorts;
  readonly #downstreamFacts: LegFacts = new LegFacts(this, 'downstream');
  #upstreamFacts: LegFacts | null = null;
  #dialing: Subscription | null = null;
  #peek: PeekBuffer | null = null;
  #splice: Splice | null = null;
  #refusing: Refusing | null = null;
  #firstTarget = 0;
  #reportedByteAtMs: number;
  /** True exactly when the client's FIN was told before the splice. */
  #hasClientEnded = false;

  constructor(connectionId: string, downstream: Leg, listener: ListenerRuntime, ports: ConnectionPorts) {
    this.connectionId = connectionId;
    this.downstream = downstream;
    this.client = downstream.remote;
    this.listener = listener;
    this.#ports = ports;
    this.acceptedAtMs = ports.clock.nowMs();
    this.#reportedByteAtMs = this.acceptedAtMs;
    this.chart = createConnectionChart(
      listener.interpreter,
      { timeouts: listener.plan.timeouts.values },
      ports.clock,
      this,
    );
  }

  /** Begins the life of a connection whose slot has been claimed. */
  start(): void {
    this.chart.start();
    this.#ports.reports.opened(this);
    this.downstream.facts$.subscribe(this.#downstreamFacts);
    this.#tell({ type: 'admission.granted' });
  }

  /** An operator's word, or the proxy's. */
  tell(fact: Extract<ConnectionFact, { type: 'kill.requested' | 'drain.requested' }>): void {
    this.#tell(fact);
  }

  perform(command: ConnectionCommand): void {
    try {
      this.#carryOut(command);
    } catch (error) {
      this.broken(error);
    }
  }

  moved(from: string, to: string, event: string): void {
    const nowMs = this.#ports.clock.nowMs();
    if (this.causeState === '' && this.chart.context.reason !== null) this.causeState = stateOf(from);
    this.timeline.moved(to, event, nowMs);
    if (from === '') return;
    this.#ports.reports.moved(this.connectionId, from, to, readable(event));
  }

  beforeDeadline(): void {
    this.#checkLegs();
    const lastByteAtMs = Math.max(this.downstream.lastByteAtMs, this.upstream?.lastByteAtMs ?? 0);
    if (lastByteAtMs <= this.#reportedByteAtMs) return;
    this.#reportedByteAtMs = lastByteAtMs;
    this.#tell({ type: 'bytes.flowed', quietMs: this.#ports.clock.nowMs() - lastByteAtMs });
  }

  sideEnded(side: Side): void {
    this.endedFirst ??= side;
    const ageMs = this.#ageMs();
    if (side === 'downstream') this.#tell({ type: 'downstream.ended', heldBytes: 0, ageMs });
    else this.#tell({ type: 'upstream.ended', ageMs });
  }

  flushed(): void {
    this.#tell({ type: 'splice.flushed' });
  }

  legTold(side: Side, fact: LegFact): void {
    if (side === 'downstream') this.#downstreamTold(fact);
    else this.#upstreamTold(fact);
  }

  snapshot(): ConnectionSnapshot {
    return connectionSnapshot(this, this.#ports.clock.nowMs());
  }

  #tell(fact: ConnectionFact): void {
    this.chart.send(fact);
  }

  #ageMs(): number {
    return this.#ports.clock.nowMs() - this.acceptedAtMs;
  }

  #carryOut(command: ConnectionCommand): void {
    switch (command.type) {
      case 'peek':
        return this.#beginPeeking();
      case 'stopPeeking':
        this.#peek = null;
        return undefined;
      case 'routeServerFirst':
        return this.#conclude(this.listener.sniffer.serverFirst(this.client.host));
      case 'dial':
        return this.#dial(command.attempt);
      case 'cancelDial':
        this.#dialing?.unsubscribe();
        this.#dialing = null;
        return undefined;
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
        return this.#checkLegs();
      case 'warnIdling':
        return this.#ports.reports.idling(this.connectionId, () => this.snapshot());
      case 'refuse':
        return this.#refuse(command.reason);
      case 'release':
        return this.#release(command.reason);
    }
  }

  #beginPeeking(): void {
    const outcome = this.listener.sniffer.first(this.client.host);
    if (outcome !== null) return this.#conclude(outcome);
    this.#peek = new PeekBuffer();
    if (this.downstream.heldBytes > 0) this.#look(this.#hasClientEnded);
  }

  /** Bytes have arrived, or FIN has. */
  #look(ended: boolean): void {
    if (this.#peek === null || !this.#peek.isDue(this.downstream.heldBytes, ended)) return;
    const prefix = this.#peek.view(this.downstream.held);
    try {
      this.#conclude(this.listener.sniffer.look(this.client.host, prefix, ended));
    } catch (error) {
      this.#callbackFailed(error);
      this.#tell({ type: 'sniff.failed', reason: 'handler.failed', answerable: false });
    }
  }

  #conclude(outcome: SniffOutcome): void {
    switch (outcome.kind) {
      case 'waiting':
        if (outcome.suspected !== null) this.sighting = { protocol: outcome.suspected, preface: null };
        return this.#tell({ type: 'preface.received', answerable: outcome.answerable });
      case 'refused': {
        this.route = outcome.route;
        this.sighting = outcome.sighting;
        if (outcome.detail !== null) this.cause ??= { code: null, text: outcome.detail };
        return this.#tell({ type: 'sniff.failed', reason: outcome.reason, answerable: isAnswerable(outcome) });
      }
      case 'routed':
        return this.#routed(outcome.route, outcome.sighting);
    }
  }

  #routed(route: RoutePlan, sighting: Sighting): void {
    if (route.action.type !== 'forward') return;
    this.route = route;
    this.sighting = sighting;
    this.#firstTarget = this.listener.takeTurn(route);
    this.#tell({
      type: 'sniff.routed',
      timeouts: route.timeouts.values,
      attemptsMax: route.action.targets.length,
      keepHalfOpen: route.keepHalfOpen,
      answerable: sighting.protocol !== null && canRefuse(sighting.protocol),
    });
  }

  #dial(attempt: number): void {
    if (this.route?.action.type !== 'forward') return;
    const { targets } = this.route.action;
    const target = targets[(this.#firstTarget + attempt - 1) % targets.length];
    if (target === undefined) return;
    this.upstreamAddress = target;
    this.cause = null;
    try {
      this.#dialing = this.#ports.dial(target, { resolved: () => this.#tell({ type: 'dial.resolved' }) }).subscribe({
        next: (leg) => this.#dialSucceeded(leg),
        error: (error) => this.#dialFailed(dialFailureOf(error)),
      });
    } catch (error) {
      this.#dialerFailed(error);
    }
  }

  #dialFailed(failure: DialFailure): void {
    this.cause = { code: failure.code, text: failure.cause };
    this.#tell({ type: 'dial.failed', reason: failure.reason, retryable: failure.retryable });
  }

  /** A dialer of the embedder's may emit more than one leg, or what is none. */
  #dialSucceeded(leg: Leg): void {
    if (!isLeg(leg)) return this.#dialerFailed(new TypeError('the dialer emitted something that is no leg'));
    if (this.upstream !== null) return leg.reset();
    this.upstream = leg;
    this.cause = null;
    if (ipFamily(this.upstreamAddress?.host ?? '') === 0) this.upstreamAddress = leg.remote;
    this.#tell({ type: 'dial.succeeded', ageMs: this.#ageMs() });
    // Only now: a failure that the leg has kept must be heard in ESTABLISHED, not before.
    this.#upstreamFacts = new LegFacts(this, 'upstream');
    leg.facts$.subscribe(this.#upstreamFacts);
  }

  #dialerFailed(error: unknown): void {
    this.#callbackFailed(error);
    this.#tell({ type: 'dial.failed', reason: 'handler.failed', retryable: false });
  }

  #beginSplice(): void {
    if (this.upstream === null) return;
    this.#splice = new Splice(this.downstream, this.upstream, this);
    this.#splice.start();
  }

  /** Before the splice, FIN is told with what is still held; afterwards it is told by the bytes' own end (`sideEnded`). */
  #downstreamTold(fact: LegFact): void {
    switch (fact.type) {
      case 'held':
        return this.#look(false);
      case 'ended':
        if (this.#splice !== null || this.#refusing !== null) return undefined;
        this.#hasClientEnded = true;
        this.#tell({ type: 'downstream.ended', heldBytes: fact.heldBytes, ageMs: this.#ageMs() });
        return this.#look(true);
      case 'failed':
        this.cause ??= { code: fact.code, text: fact.cause };
        return this.#tell({ type: 'downstream.failed', reason: closeReasonOf('downstream', fact.code) });
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
        return this.#tell({ type: 'upstream.failed', reason: closeReasonOf('upstream', fact.code) });
      case 'writable':
        return this.#splice?.writable('upstream');
      case 'flushed':
        return this.#splice?.sideFlushed('upstream');
      case 'held':
      case 'ended':
      case 'released':
        return undefined;
    }
  }

  /** A transport that is gone although no fact said so ends the connection too. */
  #checkLegs(): void {
    if (this.downstream.isGone) this.#sideGone('downstream');
    if (this.upstream?.isGone === true) this.#sideGone('upstream');
  }

  #sideGone(side: Side): void {
    this.cause ??= { code: 'SALLYPORT_SILENT_DEATH', text: `the ${side} transport was gone without a word` };
    if (side === 'downstream') this.#tell({ type: 'downstream.failed', reason: 'downstream.reset' });
    else this.#tell({ type: 'upstream.failed', reason: 'upstream.reset' });
  }

  #refuse(reason: CloseReason): void {
    const how = this.route?.action.type === 'block' ? this.route.action.how : 'reply';
    const protocol = this.sighting?.protocol ?? null;
    const answer = how === 'reply' && protocol !== null ? refusal(protocol, reason, this.connectionId) : null;
    if (answer === null && how !== 'fin') return this.#tell({ type: 'refusal.skipped' });
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
    this.#dialing?.unsubscribe();
    this.#letGo(this.downstream, reason);
    if (this.upstream !== null) this.#letGo(this.upstream, reason);
    this.#splice?.stop();
    this.#refusing?.unsubscribe();
    this.listener.closed(this);
    this.#ports.reports.closed(closedRecord(this, reason, nowMs));
  }

  #letGo(leg: Leg, reason: CloseReason): void {
    if (leg.isFlushed || describeReason(reason).manner === 'end') leg.release();
    else leg.reset();
  }

  #callbackFailed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.cause ??= { code: null, text: message };
    this.#ports.reports.trouble({ event: 'handler.failed', connectionId: this.connectionId, message });
  }

  /** A bug of ours: said loudly, and the connection ends. */
  broken(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#ports.reports.trouble({ event: 'invariant.broken', connectionId: this.connectionId, message });
    this.#tell({ type: 'kill.requested', reason: 'internal.invariant' });
  }
}

/** True exactly when the refused client can be told, or its route wants it to get a FIN. */
function isAnswerable({ route, sighting }: Extract<SniffOutcome, { kind: 'refused' }>): boolean {
  const how = route?.action.type === 'block' ? route.action.how : 'reply';
  if (how === 'fin') return true;
  return how === 'reply' && sighting.protocol !== null && canRefuse(sighting.protocol);
}
