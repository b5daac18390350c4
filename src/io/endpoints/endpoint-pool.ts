/**
 * One pool of endpoints at run time: who belongs to it, who is given the next connection, and who waits for a place.
 *
 * Decides which endpoint is taken, by the pool's balance among those that may be used, and in which order those who wait are
 * served: first come, unless only another one can use the place that is free. Must never do: give a place that an endpoint's
 * cap or health does not allow, or let somebody wait for what is there.
 * Read first: `member.ts`, `pool-candidates.ts`, `found-endpoints.ts`.
 */
import { createBalancer, type Balancer, type PickQuestion } from '../../routing/balance.ts';
import type { Target } from '../../routing/plan.ts';
import type { PoolPlan } from '../../routing/pool-plan.ts';
import type { DialSubject, EndpointUse } from '../candidates.ts';
import type { Clock } from '../clock.ts';
import type { Dialer, Endpoint } from '../dialer.ts';
import type { Reports } from '../reports.ts';
import type { EndpointEvent, EndpointStatus } from './endpoint-events.ts';
import type { EndpointAnswer, EndpointResolver } from './endpoint-resolver.ts';
import { exhaustedCause } from './exhausted.ts';
import {
  answeredEndpoints,
  mergedEndpoints,
  plainEndpoint,
  questionOf,
  type FoundEndpoint,
} from './found-endpoints.ts';
import { hashKeyOf } from './hash-key.ts';
import { Member, type MemberOwner } from './member.ts';
import { NameWatch } from './name-watch.ts';

export interface EndpointPoolPorts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly resolver: EndpointResolver;
  readonly tell: (event: EndpointEvent) => void;
  readonly report: Reports['trouble'];
  /** Upstream connections of that pool to it that nobody uses are to be closed. */
  readonly closed: (target: Target, pool: PoolPlan) => void;
}

/** Who wants an endpoint, and the keys of those that it has tried in vain, also of one that left and came back. */
export interface Wanting {
  readonly subject: DialSubject;
  readonly tried: Set<string>;
  /** Where it wants to go and nowhere else, as long as that may be used; null = no matter where. */
  preferred: Target | null;
}

export type Choice =
  | { readonly kind: 'endpoint'; readonly target: Target; readonly use: EndpointUse }
  | { readonly kind: 'full' }
  | { readonly kind: 'none'; readonly cause: string };

interface Waiter {
  readonly wanting: Wanting;
  /** Null: there is nothing left that could be waited for. */
  granted(choice: Extract<Choice, { kind: 'endpoint' }> | null): void;
}

export class EndpointPool implements MemberOwner {
  readonly plan: PoolPlan;
  readonly clock: Clock;
  readonly dial: Dialer;
  readonly #ports: EndpointPoolPorts;
  readonly #checkHeader: Uint8Array | null;
  /** Those that are draining, and those that are remembered, included. */
  readonly #members = new Map<string, Member>();
  /** Those that were not well when an answer left them out, with the place of its entry: its next answer decides. */
  readonly #remembered = new Map<Member, number>();
  /** Each name, with the place of its entry. */
  readonly #watches = new Map<NameWatch, number>();
  /** What each entry of the plan stands for, in its order. */
  readonly #found: (readonly FoundEndpoint[])[];
  /** Names that have been neither answered nor failed yet. */
  readonly #pending = new Set<NameWatch>();
  readonly #firstAnswers: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #waiters = new Set<Waiter>();
  /** Those that are wanted; the balancer knows them by their places. */
  #current: readonly Member[] = [];
  #balancer: Balancer;
  #shape = '';
  #isServing = false;
  #mustServeAgain = false;
  /** True exactly when somebody who waits may have nothing left to wait for. */
  #offersLess = false;
  #life: 'new' | 'running' | 'stopped' = 'new';

  /** @param checkHeader the PROXY header that goes before a check; null = none. */
  constructor(plan: PoolPlan, dial: Dialer, checkHeader: Uint8Array | null, ports: EndpointPoolPorts) {
    this.plan = plan;
    this.dial = dial;
    this.#checkHeader = checkHeader;
    this.clock = ports.clock;
    this.#ports = ports;
    this.#balancer = createBalancer(plan.balance, []);
    this.#found = plan.endpoints.map((entry) => (questionOf(entry, plan.dialer) === null ? plainEndpoint(entry) : []));
  }

  /** Endpoints that are wanted; as many as there may be where a name has not been answered. */
  get size(): number {
    return this.#pending.size > 0 ? Infinity : this.#current.length;
  }

  /**
   * Resolves as soon as there is an endpoint, or every name has been answered or has failed once; null when there is nothing
   * to wait for.
   */
  get firstAnswers(): Promise<void> | null {
    return this.#pending.size === 0 || this.#current.length > 0 ? null : this.#firstAnswers.promise;
  }

  start(): void {
    if (this.#life !== 'new') return;
    this.#life = 'running';
    for (const [place, entry] of this.plan.endpoints.entries()) {
      const question = questionOf(entry, this.plan.dialer);
      if (question === null) continue;
      const watch: NameWatch = new NameWatch(question, {
        clock: this.clock,
        resolver: this.#ports.resolver,
        answered: (answer) => this.#answered(place, watch, answer),
        unanswered: (cause, failures, retryMs) => this.#unanswered(watch, cause, failures, retryMs),
      });
      this.#watches.set(watch, place);
      this.#pending.add(watch);
    }
    this.#rebuild(null);
    for (const watch of this.#watches.keys()) watch.start();
  }

  /** Nothing is left: no endpoint, timer, check or question, and nobody waits. Idempotent. */
  stop(): void {
    if (this.#life === 'stopped') return;
    this.#life = 'stopped';
    for (const watch of this.#watches.keys()) watch.stop();
    this.#pending.clear();
    this.#firstAnswers.resolve();
    this.#current = [];
    for (const member of this.#members.values()) member.retire();
    this.changed(true);
  }

  /** Where those of the lowest priority are full, the next ones serve. */
  choose({ subject, tried, preferred }: Wanting): Choice {
    const untried = this.#current.filter((member) => member.isOffered && !tried.has(member.key));
    if (untried.length === 0) return { kind: 'none', cause: this.#whyNone(tried) };
    const wanted = preferred === null ? undefined : untried.find(({ target }) => target === preferred);
    if (wanted !== undefined) return given(wanted, wanted.take(subject, tried));
    const priority = Math.min(...untried.filter((member) => member.hasPlace).map((member) => member.priority));
    const question: PickQuestion = {
      isEligible: (place) => {
        const member = this.#current[place];
        return member !== undefined && isUsable(member, priority) && !tried.has(member.key);
      },
      shareOf: (place) => this.#current[place]?.share ?? 1,
      heldBy: (place) => this.#current[place]?.held ?? 0,
      tried: none,
      random: this.#ports.random,
      key: this.plan.balance === 'hash' ? hashKeyOf(this.plan.hashBy, subject) : '',
    };
    const place = this.#balancer.pick(question);
    const member = place === null ? undefined : this.#current[place];
    return member === undefined ? { kind: 'full' } : given(member, member.take(subject, tried));
  }

  /** Answers what gives the place up; null where the queue is full or there is none. */
  wait(waiter: Waiter): (() => void) | null {
    if (this.#life === 'stopped' || this.#waiters.size >= this.plan.waitersMax) return null;
    this.#waiters.add(waiter);
    return () => void this.#waiters.delete(waiter);
  }

  *targets(): Iterable<Target> {
    for (const member of this.#current) if (member.isUp) yield member.target;
  }

  status(): readonly EndpointStatus[] {
    return [...this.#members.values()].map((member) => member.status());
  }

  checkOrder(target: Target): Endpoint {
    return this.#checkHeader === null ? target : { ...target, proxyHeader: this.#checkHeader };
  }

  tell(event: EndpointEvent): void {
    if (this.#life === 'running') this.#ports.tell(event);
  }

  broken(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#ports.report({ event: 'invariant.broken', connectionId: null, message });
  }

  closed(target: Target): void {
    this.#ports.closed(target, this.plan);
  }

  retired(member: Member): void {
    this.#remembered.delete(member);
    if (this.#members.get(member.key) === member) this.#members.delete(member.key);
  }

  /**
   * Whoever waits and can be served is. What they do with it may free or take places in the middle of this, so that is
   * looked at afterwards, and never one inside the other.
   */
  changed(offersLess = false): void {
    this.#offersLess ||= offersLess;
    this.#mustServeAgain = true;
    if (this.#isServing) return;
    this.#isServing = true;
    try {
      while (this.#mustServeAgain) {
        this.#mustServeAgain = false;
        this.#serve();
      }
    } finally {
      this.#isServing = false;
    }
  }

  /** Whoever waits is looked at each where some may have nothing left to wait for, else only as long as there is a place. */
  #serve(): void {
    const offersLess = this.#offersLess;
    this.#offersLess = false;
    for (const waiter of this.#waiters) {
      const hasPlace = this.#current.some((member) => member.isOffered && member.hasPlace);
      if (!hasPlace && !offersLess) return;
      if (!hasPlace && this.#hasHope(waiter)) continue;
      const choice = this.choose(waiter.wanting);
      if (choice.kind === 'full') continue;
      this.#waiters.delete(waiter);
      waiter.granted(choice.kind === 'endpoint' ? choice : null);
    }
  }

  #hasHope({ wanting: { tried } }: Waiter): boolean {
    return this.#current.some((member) => member.isOffered && !tried.has(member.key));
  }

  #answered(place: number, watch: NameWatch, answer: EndpointAnswer): void {
    const entry = this.plan.endpoints[place];
    if (entry === undefined) return;
    this.#found[place] = answeredEndpoints(entry, answer);
    const remembered = [...this.#remembered].filter(([, of]) => of === place);
    if (this.#rebuild(place)) {
      const endpoints = this.#current.map(({ name }) => name);
      this.tell({ event: 'pool.resolved', pool: this.plan.name, name: watch.question.name, endpoints });
    }
    for (const [member] of remembered) if (this.#remembered.delete(member)) member.drain();
    this.#noLongerPending(watch);
    if (this.#current.length > 0) this.#firstAnswers.resolve();
  }

  #unanswered(watch: NameWatch, cause: string, failures: number, retryMs: number): void {
    const { name } = watch.question;
    if (failures === 1) this.tell({ event: 'pool.unresolved', pool: this.plan.name, name, cause, retryMs });
    this.#noLongerPending(watch);
  }

  #noLongerPending(watch: NameWatch): void {
    this.#pending.delete(watch);
    if (this.#pending.size === 0) this.#firstAnswers.resolve();
  }

  /** True: the set has changed. Turns begin again only then. @param place of the entry that was answered. */
  #rebuild(place: number | null): boolean {
    const wanted = mergedEndpoints(this.#found);
    const shape = JSON.stringify(
      wanted.map(({ key, priority, weight, maxConnections }) => [key, priority, weight, maxConnections]),
    );
    if (shape === this.#shape) return false;
    this.#shape = shape;
    const added: Member[] = [];
    const members = wanted.map((found) => {
      const known = this.#members.get(found.key);
      if (known !== undefined) {
        known.place(found);
        this.#remembered.delete(known);
        return known;
      }
      const member = new Member(found, this);
      added.push(member);
      this.#members.set(found.key, member);
      return member;
    });
    const left = this.#current.filter((member) => !members.includes(member));
    this.#current = members;
    this.#balancer = createBalancer(
      this.plan.balance,
      members.map(({ key, weight }) => ({ name: key, weight })),
    );
    for (const member of added) member.start();
    for (const member of members) if (member.isDraining) member.restore();
    for (const member of left) {
      if (place !== null && member.leaveOut()) this.#remembered.set(member, place);
      else member.drain();
    }
    this.changed(true);
    return true;
  }

  #whyNone(tried: ReadonlySet<string>): string {
    const unresolved = [...this.#watches]
      .filter(([, place]) => this.#found[place]?.length === 0)
      .map(([{ question }]) => question.name);
    const endpoints = this.#current.map((member) => ({
      state: member.state,
      ejectedUntilMs: member.ejectedUntilMs,
      isTried: tried.has(member.key),
    }));
    return exhaustedCause(this.plan.name, endpoints, unresolved);
  }
}

function isUsable(member: Member, priority: number): boolean {
  return member.isOffered && member.hasPlace && member.priority === priority;
}

function given({ target }: Member, use: EndpointUse | null): Choice {
  return use === null ? { kind: 'full' } : { kind: 'endpoint', target, use };
}

const none: ReadonlySet<number> = new Set();
