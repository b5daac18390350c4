/**
 * One endpoint of a pool at run time: its chart, its places, whoever uses it, and the check under way.
 *
 * Decides nothing that its chart decides. Must never do: give a place twice or keep one, tell the chart of a trial whose
 * place was another dial's, or leave a check behind. Read first: `machines/endpoint/machine.ts`, `../candidates.ts`.
 */
import type { EndpointCommand, EndpointDownCause } from '../../machines/endpoint/events.ts';
import { createEndpointChart, type EndpointChart, type EndpointHost } from '../../machines/endpoint/endpoint-chart.ts';
import { ejectionMs, shareAfter } from '../../machines/endpoint/context.ts';
import { SlotCounter } from '../../routing/admission.ts';
import type { Target } from '../../routing/plan.ts';
import type { PoolPlan } from '../../routing/pool-plan.ts';
import type { DialSubject, EndpointUse } from '../candidates.ts';
import type { Clock, Timer, TimerTarget } from '../clock.ts';
import type { Dialer, Endpoint } from '../dialer.ts';
import { Checking, type CheckVerdict } from './checking.ts';
import type { CheckResult, EndpointEvent, EndpointStatus } from './endpoint-events.ts';
import type { FoundEndpoint } from './found-endpoints.ts';

export interface MemberOwner {
  readonly plan: PoolPlan;
  readonly clock: Clock;
  /** Of the pool. */
  readonly dial: Dialer;
  /** What a check is to reach, and what goes before everything else. */
  checkOrder(target: Target): Endpoint;
  tell(event: EndpointEvent): void;
  /** A bug of ours. */
  broken(error: unknown): void;
  /** It may be given more, or less, than before. */
  changed(offersLess?: boolean): void;
  /** It was brought down, ejected, or is wanted no more: nobody is to go on with connections that nobody uses. */
  closed(target: Target): void;
  /** Nobody knows it any more. */
  retired(member: Member): void;
}

const drainIsOver = 'the time to drain is over';

type Outcome = Parameters<EndpointUse['told']>[0];

export class Member implements EndpointHost, TimerTarget {
  readonly key: string;
  readonly name: string;
  /** The same object as long as the endpoint is known. */
  readonly target: Target;
  /** The lowest is used as long as one of it can be. */
  priority: number;
  weight: number;
  readonly #owner: MemberOwner;
  readonly #slots = new SlotCounter(null);
  #maxConnections: number | null;
  readonly #uses = new Set<MemberUse>();
  readonly #chart: EndpointChart;
  /** How many it may be given, by what its chart announced last. */
  #offer: 'all' | 'one' | 'none' = 'none';
  /** The use that took the one place of a half-open breaker. */
  #trial: MemberUse | null = null;
  #check: Checking | null = null;
  #lastCheck: CheckResult | null = null;
  #ramp = { share: 1, rampMs: 0, sinceMs: 0 };
  #ejectedUntilMs: number | null = null;
  /** True exactly when it has been announced as one that gets nothing. */
  #wasDown = false;
  /** True exactly when it is known for its health alone: the last answer left it out, and it was not well. */
  #isAbsent = false;
  /** When those who were asked to finish must have; null where nobody was. */
  #deadline: Timer | null = null;

  constructor(found: FoundEndpoint, owner: MemberOwner) {
    this.key = found.key;
    this.name = found.name;
    this.target = found.target;
    this.priority = found.priority;
    this.weight = found.weight;
    this.#owner = owner;
    this.#maxConnections = found.maxConnections;
    this.#chart = createEndpointChart(owner.plan.policy, owner.clock, this);
  }

  start(): void {
    this.#chart.start();
  }

  get state(): string {
    return this.#chart.state;
  }

  get isDraining(): boolean {
    return this.#chart.state === 'DRAINING';
  }

  /** True exactly when it may be given connections, as far as its health goes. */
  get isOffered(): boolean {
    return this.#offer !== 'none';
  }

  /** True exactly when it may be given as many as it has places. */
  get isUp(): boolean {
    return this.#offer === 'all';
  }

  get hasPlace(): boolean {
    return this.#maxConnections === null || this.#slots.held < this.#maxConnections;
  }

  get held(): number {
    return this.#slots.held;
  }

  /** Since 1970; null unless it is ejected. */
  get ejectedUntilMs(): number | null {
    return this.#ejectedUntilMs;
  }

  /** How much of its weight counts now. */
  get share(): number {
    const { share, rampMs, sinceMs } = this.#ramp;
    return rampMs === 0 ? share : shareAfter(share, rampMs, this.#owner.clock.nowMs() - sinceMs);
  }

  /** @param tried where it is noted as long as it has not proved to be reachable. */
  take(subject: DialSubject, tried: Set<string>): EndpointUse | null {
    if (!this.isOffered || !this.hasPlace || !this.#slots.tryClaim()) return null;
    const use = new MemberUse(this, subject, tried);
    this.#uses.add(use);
    tried.add(this.key);
    if (this.#offer === 'one') {
      // At once, because a chart in the middle of a step hears of it afterwards.
      this.#offer = 'none';
      this.#trial = use;
      this.#chart.send({ type: 'trial.started' });
    }
    return use;
  }

  /** It is wanted, with what the entries say of it now. */
  place({ priority, weight, maxConnections }: FoundEndpoint): void {
    this.#isAbsent = false;
    this.priority = priority;
    this.weight = weight;
    this.#maxConnections = maxConnections;
  }

  /** Wanted no more, maybe for a moment: what is known against it is kept as long as it holds. False: nothing is. */
  leaveOut(): boolean {
    this.#isAbsent = !this.isOffered && !this.isDraining;
    return this.#isAbsent;
  }

  drain(): void {
    this.#isAbsent = false;
    this.#chart.send({ type: 'drain.requested' });
    if (this.#uses.size === 0) this.#chart.send({ type: 'connections.closed' });
  }

  restore(): void {
    this.#chart.send({ type: 'restore.requested' });
  }

  retire(): void {
    this.#chart.send({ type: 'retire.requested' });
  }

  /** What came of the dial of this use; told once for each. */
  useTold(use: MemberUse, outcome: Outcome): void {
    if (this.#trial === use) {
      this.#trial = null;
      if (outcome === 'succeeded') this.#chart.send({ type: 'trial.passed' });
      else this.#chart.send({ type: outcome === 'failed' ? 'trial.failed' : 'trial.abandoned' });
    } else if (outcome === 'succeeded' || outcome === 'failed') {
      this.#chart.send({ type: `dial.${outcome}` });
    }
  }

  useReleased(use: MemberUse): void {
    if (!this.#uses.delete(use)) return;
    this.#slots.release();
    if (this.#uses.size === 0 && this.isDraining) this.#chart.send({ type: 'connections.closed' });
    this.#owner.changed();
  }

  /** What it does in between may be the embedder's doing, and must never stop the chart in the middle of a step. */
  perform(command: EndpointCommand): void {
    try {
      this.#carryOut(command);
    } catch (error) {
      this.#owner.broken(error);
    }
  }

  #carryOut(command: EndpointCommand): void {
    switch (command.type) {
      case 'check':
        return this.#startCheck();
      case 'cancelCheck':
        this.#check?.cancel();
        this.#check = null;
        return undefined;
      case 'announceUp':
        return this.#announceUp();
      case 'announceTrial':
        return this.#announce('one');
      case 'announceDown':
        return this.#announceDown(command.cause);
      case 'setWeight':
        this.#ramp = { share: command.share, rampMs: command.rampMs, sinceMs: this.#owner.clock.nowMs() };
        return undefined;
      case 'killConnections':
        return this.#lose('kill', drainIsOver, () => true);
    }
  }

  moved(_from: string, to: string, event: string): void {
    if (event.startsWith('xstate.after.check.')) this.#checked(false, 'no answer in time');
    if (to !== 'RETIRED') return;
    this.#offer = 'none';
    this.#disarm();
    this.#owner.retired(this);
  }

  /** The deadlines of an endpoint do not depend on activity. */
  beforeDeadline(): void {
    return undefined;
  }

  status(): EndpointStatus {
    return {
      name: this.name,
      pool: this.#owner.plan.name,
      address: this.target,
      state: this.#chart.state,
      leaf: this.#chart.leaf,
      weight: this.weight * this.share,
      connections: this.#slots.held,
      connectionsMax: this.#maxConnections,
      failures: this.#chart.context.failures,
      lastCheck: this.#lastCheck,
      ejectedUntilMs: this.#ejectedUntilMs,
    };
  }

  /** Where nobody looks, the first check is answered, and there is no other. */
  #startCheck(): void {
    const { check } = this.#owner.plan;
    if (check === null) return this.#chart.send({ type: 'check.passed' });
    this.#check?.cancel();
    this.#check = new Checking(check, this.#owner.checkOrder(this.target), (verdict, detail) =>
      this.#checkOver(verdict, detail),
    );
    return this.#check.start(this.#owner.dial);
  }

  /** A check that could not be made changes nothing: what the one before it found is still the last that is known. */
  #checkOver(verdict: CheckVerdict, detail: string): void {
    this.#check = null;
    if (verdict === 'unknown') return this.#chart.send({ type: 'check.skipped' });
    this.#checked(verdict === 'passed', detail);
    return this.#chart.send({ type: `check.${verdict}` });
  }

  #checked(passed: boolean, detail: string): void {
    this.#lastCheck = { atMs: this.#owner.clock.wallMs(), passed, detail };
  }

  #announce(offer: 'all' | 'one'): void {
    // Nothing is known against it any more.
    if (this.#isAbsent) return this.drain();
    this.#offer = offer;
    this.#ejectedUntilMs = null;
    this.#owner.changed();
  }

  #announceUp(): void {
    if (this.#isAbsent) return this.drain();
    this.#disarm();
    if (this.#wasDown) this.#owner.tell({ event: 'endpoint.up', pool: this.#owner.plan.name, endpoint: this.name });
    this.#wasDown = false;
    return this.#announce('all');
  }

  #announceDown(cause: EndpointDownCause): void {
    this.#offer = 'none';
    this.#ejectedUntilMs = null;
    if (cause === 'trial') return this.#owner.changed(true);
    this.#trial = null;
    this.#wasDown = true;
    const { plan } = this.#owner;
    const who = { pool: plan.name, endpoint: this.name };
    if (cause === 'ejected') {
      const forMs = ejectionMs(this.#chart.context) ?? 0;
      this.#ejectedUntilMs = this.#owner.clock.wallMs() + forMs;
      this.#owner.tell({ event: 'endpoint.ejected', ...who, ejections: this.#chart.context.ejections, forMs });
    } else {
      const detail = cause === 'checks' ? (this.#lastCheck?.detail ?? null) : null;
      this.#owner.tell({ event: 'endpoint.down', ...who, cause, detail });
    }
    this.#owner.closed(this.target);
    if (cause === 'checks' && plan.onEndpointDown !== 'keep') this.#loseConnected(plan.onEndpointDown);
    return this.#owner.changed(true);
  }

  /** Who is asked to finish has as long for it as at an endpoint that is wanted no more. */
  #loseConnected(manner: 'drain' | 'kill'): void {
    const { plan, clock } = this.#owner;
    const { drainMs } = plan.policy;
    this.#disarm();
    if (manner === 'drain' && drainMs !== null) this.#deadline = clock.arm(drainMs, this, 0);
    this.#lose(manner, 'its checks say that it is down', (use) => use.isConnected);
  }

  /** The time to drain of a DOWN endpoint is over; its chart has that of a DRAINING one. */
  onTimer(): void {
    this.#deadline = null;
    this.#lose('kill', drainIsOver, (use) => use.isConnected);
  }

  #disarm(): void {
    if (this.#deadline !== null) this.#owner.clock.cancel(this.#deadline);
    this.#deadline = null;
  }

  #lose(manner: 'drain' | 'kill', why: string, isMeant: (use: MemberUse) => boolean): void {
    const cause = `the endpoint ${this.name} of ${this.#owner.plan.name}: ${why}`;
    for (const use of [...this.#uses].filter(isMeant)) use.lose(manner, cause);
  }
}

class MemberUse implements EndpointUse {
  readonly #member: Member;
  readonly #subject: DialSubject;
  readonly #tried: Set<string>;
  #outcome: Outcome | null = null;
  #isReleased = false;

  constructor(member: Member, subject: DialSubject, tried: Set<string>) {
    this.#member = member;
    this.#subject = subject;
    this.#tried = tried;
  }

  /** True exactly when there is a connection that goes on. */
  get isConnected(): boolean {
    return this.#outcome === 'succeeded' || this.#outcome === 'reused';
  }

  told(outcome: Outcome): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    if (this.isConnected || outcome === 'untried') this.#tried.delete(this.#member.key);
    this.#member.useTold(this, outcome);
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.told('abandoned');
    this.#member.useReleased(this);
  }

  lose(manner: 'drain' | 'kill', cause: string): void {
    if (!this.#isReleased) this.#subject.endpointLost(manner, cause);
  }
}
