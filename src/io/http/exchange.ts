/**
 * One exchange: it stands between the client's side and the upstream's, turns what they report into facts for the chart,
 * and carries out the chart's commands.
 *
 * Decides nothing that the chart decides. Must never do: arm a timer, keep a body, or let an exception of its own leave it.
 * Everything it holds is let go in one place, `#release`, on the chart's one entry into CLOSED.
 * Read first: `machines/exchange/machine.ts`, then `ports.ts`.
 */
import { stateOf } from '../../machines/chart/chart.ts';
import type { CloseReason } from '../../machines/connection/close-reason.ts';
import type { ExchangeCommand } from '../../machines/exchange/commands.ts';
import type { ExchangeFact } from '../../machines/exchange/events.ts';
import { createExchangeChart, type ExchangeChart, type ExchangeHost } from '../../machines/exchange/exchange-chart.ts';
import { isIdempotent } from '../../protocols/http/idempotent.ts';
import {
  hasBody,
  noFields,
  type Fields,
  type HttpProblem,
  type RequestHead,
  type ResponseHead,
} from '../../protocols/http/message.ts';
import type { HandlerOwner } from '../handlers/failure.ts';
import type { Address, ChunkLifetime, Leg } from '../leg.ts';
import type { ExchangeSnapshot } from '../reports.ts';
import { Timeline } from '../timeline.ts';
import { Answering } from './answering.ts';
import type { ExchangeHolder, ExchangePorts } from './exchange-ports.ts';
import { exchangeRecord, exchangeSnapshot } from './exchange-record.ts';
import { headForClient, headForUpstream, interimForClient } from './forwarding.ts';
import type { Requester, Upstream } from './ports.ts';
import { bindsConnection } from './pins.ts';
import { Claiming, type ClaimOwner } from './claiming.ts';
import { Upgrading, type UpgradeOwner } from './upgrading.ts';
import type { RouteClaim } from '../route-admission.ts';
import { Steering, type Verdict, type SteeringOwner } from './steering.ts';
import type { ExchangeHandle } from './service.ts';

export class Exchange implements ExchangeHandle, ExchangeHost, ClaimOwner, SteeringOwner, UpgradeOwner, HandlerOwner {
  readonly holder: ExchangeHolder;
  readonly requester: Requester;
  readonly ports: ExchangePorts;
  readonly chart: ExchangeChart;
  readonly timeline = new Timeline();
  readonly openedAtMs: number;
  head: RequestHead | null = null;
  /** Where it goes and what it is answered; null until routing is over. */
  verdict: Verdict | null = null;
  /** What is wrong with the request. */
  problem: HttpProblem | null = null;
  /** True exactly when the upstream's answer has been begun towards the client. */
  hasBegun = false;
  /** True exactly when the client has a whole answer, its own or the upstream's. */
  hasAnswered = false;
  /** The status the client was sent; null until then. */
  status: number | null = null;
  /** The operating system's code or ours, and the clause that goes with it: the first of each. */
  code: string | null = null;
  cause: string | null = null;
  causeState = '';
  /** Where the upstream leg leads, or where the last attempt went. */
  upstreamAddress: Address | null = null;
  /** True exactly when the request was sent on a connection that had been used before. */
  wasReused = false;
  bytesIn = 0;
  bytesOut = 0;
  readonly claiming: Claiming;
  upstream: Upstream | null = null;
  /** Of its connection's exchanges, 1 first. */
  readonly #number: number;
  readonly #steering: Steering;
  readonly #upgrading = new Upgrading(this);
  readonly #answering = new Answering(this);
  #isUpstreamBlocked = false;
  #isClientBlocked = false;
  #reportedByteAtMs: number;
  /** True exactly when the request authenticates the connection instead of itself. */
  #isBinding = false;

  constructor(requester: Requester, holder: ExchangeHolder, ports: ExchangePorts) {
    this.requester = requester;
    this.holder = holder;
    this.ports = ports;
    this.#number = holder.nextExchange();
    this.openedAtMs = ports.clock.nowMs();
    this.#reportedByteAtMs = this.openedAtMs;
    this.#steering = new Steering(this);
    this.claiming = new Claiming(this);
    const input = { timeouts: holder.listener.plan.timeouts.values };
    this.chart = createExchangeChart(holder.listener.interpreter, input, ports.clock, this);
    ports.reports.exchangeOpened();
    this.chart.start();
  }

  /** Made when it is asked for, which for most exchanges is never. */
  get exchangeId(): string {
    return `${this.holder.connectionId}.${this.#number}`;
  }

  /** Only WebSocket is switched to; whatever else a client offers, its upstream is not asked (RFC 9110 §7.8). */
  requestHead(given: RequestHead): void {
    const head = given.upgrade === null || given.upgrade === 'websocket' ? given : { ...given, upgrade: null };
    this.head = head;
    const isBodyToCome = hasBody(head) && head.upgrade === null;
    this.tell({ type: 'head.received', hasBody: isBodyToCome, expectsContinue: head.expectsContinue });
  }

  requestBody(bytes: Uint8Array, lifetime: ChunkLifetime): boolean {
    if (this.bytesIn === 0 && this.head?.expectsContinue === true) this.tell({ type: 'request.continued' });
    this.bytesIn += bytes.length;
    const hasRoom = this.upstream?.write(bytes, lifetime) ?? true;
    if (!hasRoom) this.#isUpstreamBlocked = true;
    return hasRoom;
  }

  requestEnded(trailers: Fields): void {
    this.upstream?.end(trailers);
    this.tell({ type: 'request.ended' });
  }

  requestSettled(): void {
    if (!this.#answering.settle()) this.upstream?.flush();
  }

  requestFailed(reason: CloseReason, problem: HttpProblem): void {
    this.problem ??= problem;
    this.cause ??= problem.detail;
    this.tell({ type: 'request.failed', reason });
  }

  responseWritable(): void {
    this.#isClientBlocked = false;
    this.upstream?.resume();
  }

  clientFailed(reason: CloseReason): void {
    this.tell({ type: 'downstream.failed', reason });
  }

  responseInformed(head: ResponseHead): void {
    this.requester.inform(interimForClient(head, this));
    this.requester.flush();
    this.tell({ type: 'response.informed', isContinue: head.status === 100 });
  }

  responseHead(head: ResponseHead): void {
    if (head.status === 101) return this.#upgrading.answered(head);
    this.hasBegun = true;
    this.status = head.status;
    if (this.#isBinding || (head.status === 401 && bindsConnection(head.fields, 'www-authenticate'))) this.#pin();
    this.requester.respond(headForClient(head, this));
    return this.tell({ type: 'response.began' });
  }

  responseBody(bytes: Uint8Array, lifetime: ChunkLifetime): boolean {
    this.bytesOut += bytes.length;
    const hasRoom = this.requester.write(bytes, lifetime);
    if (!hasRoom) this.#isClientBlocked = true;
    return hasRoom;
  }

  responseEnded(trailers: Fields): void {
    this.hasAnswered = true;
    this.requester.end(trailers);
    this.tell({ type: 'response.ended' });
  }

  responseSettled(): void {
    this.requester.flush();
  }

  upstreamFailed(reason: CloseReason, detail: string, wasSilent: boolean): void {
    this.cause ??= detail;
    const isRepeatable = this.head !== null && !hasBody(this.head) && isIdempotent(this.head.method);
    const retryable = wasSilent && isRepeatable && this.upstream?.isReused === true;
    if (retryable && this.chart.context.retries === 0) this.cause = null;
    this.tell({ type: 'upstream.failed', reason, retryable });
  }

  requestWritable(): void {
    this.#isUpstreamBlocked = false;
    this.requester.resume();
  }

  /** Routing has an answer. */
  steered(verdict: Verdict): void {
    this.verdict = verdict;
    const { route } = verdict;
    if (route !== null) this.holder.route = route;
    const timeouts = route?.timeouts.values ?? this.holder.listener.plan.timeouts.values;
    switch (verdict.kind) {
      case 'forward':
        return this.tell({
          type: 'exchange.routed',
          timeouts,
          attemptsMax: this.claiming.prepare(verdict.route, verdict.targets),
        });
      case 'answer':
        this.cause ??= verdict.cause;
        return this.tell({ type: 'exchange.answered', timeouts, reason: verdict.reason });
      case 'cut':
        return this.tell({ type: 'kill.requested', reason: verdict.reason });
    }
  }

  acquired(upstream: Upstream): void {
    this.upstream = upstream;
    this.upstreamAddress = upstream.address;
    this.wasReused = upstream.isReused;
    this.code = null;
    this.cause = null;
    this.tell({ type: 'upstream.acquired' });
  }

  get clientIp(): string {
    return this.#steering.clientIp;
  }

  endpointLost(manner: 'drain' | 'kill', cause: string): void {
    if (manner === 'drain' || this.#upgrading.isHandedOver) return this.holder.endpointLost(manner, cause);
    this.cause ??= cause;
    const reason = 'upstream.unreachable';
    // A client that has seen nothing is told; where nothing was sent, another endpoint may do.
    if (this.hasBegun) return this.tell({ type: 'kill.requested', reason });
    if (this.upstream === null) return this.tell({ type: 'dial.failed', reason, retryable: true });
    return this.tell({ type: 'upstream.failed', reason, retryable: false });
  }

  connectHandler(): () => Leg {
    return this.ports.connectHandler(this);
  }

  placeGranted(): void {
    this.tell({ type: 'place.granted' });
  }

  claimFailed(reason: CloseReason, code: string | null, cause: string, retryable: boolean): void {
    this.code = code;
    this.cause = cause;
    this.tell({ type: 'dial.failed', reason, retryable });
  }

  /** The route's handler is at fault; its leg fails as well. */
  failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.cause ??= message;
    this.ports.reports.trouble({ event: 'handler.failed', connectionId: this.holder.connectionId, message });
  }

  perform(command: ExchangeCommand): void {
    try {
      this.#carryOut(command);
    } catch (error) {
      this.broken(error);
    }
  }

  moved(from: string, to: string, event: string, atMs: number): void {
    if (this.causeState === '' && this.chart.context.reason !== null) this.causeState = stateOf(from);
    this.timeline.moved(to, event, atMs);
  }

  beforeDeadline(): void {
    if (this.upstream?.isGone === true) {
      return this.upstreamFailed('upstream.reset', 'the upstream transport was gone without a word', false);
    }
    const lastByteAtMs = Math.max(this.requester.lastByteAtMs, this.upstream?.lastByteAtMs ?? 0);
    if (lastByteAtMs > this.#reportedByteAtMs) {
      this.#reportedByteAtMs = lastByteAtMs;
      return this.tell({ type: 'bytes.flowed', quietMs: this.ports.clock.nowMs() - lastByteAtMs });
    }
    if (this.#isUpstreamBlocked) this.tell({ type: 'upstream.blocked' });
    if (this.#isClientBlocked) this.tell({ type: 'downstream.blocked' });
    return undefined;
  }

  snapshot(): ExchangeSnapshot {
    return exchangeSnapshot(this);
  }

  /** A bug of ours: said loudly, and the exchange ends. */
  broken(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.ports.reports.trouble({ event: 'invariant.broken', connectionId: this.holder.connectionId, message });
    this.tell({ type: 'kill.requested', reason: 'internal.invariant' });
  }

  tell(fact: ExchangeFact): void {
    this.chart.send(fact);
  }

  #carryOut(command: ExchangeCommand): void {
    switch (command.type) {
      case 'route':
        return this.#steering.start();
      case 'stopRouting':
        return this.#steering.stop();
      case 'claim':
        return this.#claim(command.attempt, command.isFresh);
      case 'stopClaiming':
        this.#steering.stopWaiting();
        return this.claiming.stopWaiting();
      case 'dial':
        return this.claiming.dial();
      case 'cancelDial':
        return this.claiming.cancelDial();
      case 'send':
        return this.#send();
      case 'discardRequest':
        return this.requester.discard();
      case 'abandonUpstream':
        return this.#abandon();
      case 'answer':
        return this.#answering.answer(command.reason);
      case 'handOver':
        this.hasAnswered = true;
        this.status = this.#upgrading.handOver(this.chart.context.timeouts);
        return undefined;
      case 'openTunnel':
        this.status = 200;
        this.hasBegun = true;
        return this.#upgrading.openTunnel();
      case 'endDownstream':
        return this.requester.end(noFields);
      case 'endUpstream':
        return this.upstream?.end(noFields);
      case 'release':
        return this.#release(command.reason);
    }
  }

  #claim(attempt: number, isFresh: boolean): void {
    if (this.#steering.isPlaced) return this.claiming.claim(attempt, isFresh);
    return this.#steering.whenPlaced(() => this.claiming.claim(attempt, isFresh));
  }

  #send(): void {
    const { upstream, head } = this;
    if (upstream === null || head === null) return;
    const sent = headForUpstream(head, this);
    this.#isBinding = bindsConnection(sent.fields, 'authorization');
    upstream.send(sent);
    if (hasBody(sent)) this.requester.resume();
    if (!hasBody(sent) || !this.requester.isTelling) upstream.flush();
  }

  /** From now on the upstream's connection is this client's alone; where clients share theirs (HTTP/2), this exchange's. */
  #pin(): void {
    const pinned = this.upstream?.pin() ?? null;
    const { pool } = this.claiming;
    if (pinned === null || pool === null) return;
    if (this.holder.protocol === 'http') this.holder.pins.put(pool, this.clientIp, pinned);
    else pinned.letGo();
  }

  #abandon(): void {
    this.claiming.cancelDial();
    this.upstream?.release();
    this.upstream = null;
    this.claiming.letGoEndpoint();
    this.#isUpstreamBlocked = false;
  }

  clientHead(head: ResponseHead): ResponseHead {
    return headForClient(head, this);
  }

  takeClaims(): RouteClaim {
    const [claim, use] = [this.#steering.takeClaim(), this.claiming.takeUse()];
    return {
      release: () => {
        claim?.release();
        use?.release();
      },
    };
  }

  /**
   * The only place where anything is let go. The connection goes back before the places do, so that whoever waits for one
   * finds it. The record comes last, so that nothing can come in between.
   */
  #release(reason: CloseReason): void {
    const isComplete = this.hasAnswered;
    this.upstream?.release();
    this.claiming.stop();
    this.#steering.letGo();
    if (!isComplete) this.requester.cut(reason, this.verdict?.kind === 'cut' ? this.verdict.manner : 'reset');
    const { timeouts, isRequestOver } = this.chart.context;
    this.ports.reports.exchangeClosed(reason, this.status, () => exchangeRecord(this, reason));
    this.requester.over({ reason, cause: this.cause, isClean: isComplete && isRequestOver, timeouts });
  }
}
