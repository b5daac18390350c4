/**
 * The candidates of routes without a pool: their targets in turn, or what a function of the embedding program's answers.
 *
 * Decides whose turn it is. Must never do: count, or believe a function's answer before it was looked at.
 * Read first: `candidates.ts`, `target-answers.ts`.
 */
import { pick, roundRobin, type RoundRobin } from '../routing/balance.ts';
import type { RoutePlan, Target, TargetPlan } from '../routing/plan.ts';
import type { TargetFunction } from '../routing/pool-plan.ts';
import { uncountedUse, type Candidate, type Candidates, type DialSubject } from './candidates.ts';
import { targetContext, targetOfAnswer } from './target-answers.ts';
import { isUnixHost } from './unix-path.ts';

/** The turns of every route of a proxy. */
export class TargetTurns {
  readonly #turns = new WeakMap<RoutePlan, RoundRobin>();

  of(route: RoutePlan, targets: readonly TargetPlan[], subject: DialSubject): Candidates {
    const { action } = route;
    if (action.type === 'forward' && action.targetOf !== null)
      return new AnsweredCandidates(action.targetOf, route, subject);
    const start = targets.length > 1 ? this.#next(route) : 0;
    return new TurnCandidates(targets, start, subject);
  }

  #next(route: RoutePlan): number {
    if (route.action.type !== 'forward') return 0;
    let turns = this.#turns.get(route);
    if (turns === undefined) {
      turns = roundRobin(route.action.targets.length);
      this.#turns.set(route, turns);
    }
    return turns.next();
  }
}

class TurnCandidates implements Candidates {
  readonly attemptsMax: number;
  readonly #targets: readonly TargetPlan[];
  readonly #start: number;
  readonly #subject: DialSubject;
  #preferred: Target | null = null;

  constructor(targets: readonly TargetPlan[], start: number, subject: DialSubject) {
    this.attemptsMax = Math.max(1, targets.length);
    this.#targets = targets;
    this.#start = start;
    this.#subject = subject;
  }

  next(attempt: number): Candidate {
    if (this.#preferred !== null) return { kind: 'endpoint', target: this.#preferred, use: uncountedUse };
    const target = this.#targets[pick(this.#start, attempt - 1, this.#targets.length)];
    if (target === undefined) return { kind: 'none', reason: 'upstream.exhausted', cause: 'the route has no target' };
    const placed = this.#at(target);
    if (placed === null) return { kind: 'none', reason: 'upstream.unreachable', cause: noPort };
    return { kind: 'endpoint', target: placed, use: uncountedUse };
  }

  wait(): null {
    return null;
  }

  *targets(): Iterable<Target> {
    for (const target of this.#targets) {
      const placed = this.#at(target);
      if (placed !== null) yield placed;
    }
  }

  prefer(target: Target | null): void {
    this.#preferred = target;
  }

  stop(): void {
    // Nothing is granted here.
  }

  /** A target without a port of its own has the one that the client came to; null where that is not known. */
  #at(target: TargetPlan): Target | null {
    if (target.port !== 0 || isUnixHost(target.host)) return target;
    const { port } = this.#subject.local;
    return port === 0 ? null : { host: target.host, port };
  }
}

const noPort = 'the target has the port that the client came to, and that is not known';

/**
 * Where a function says. It is asked for each attempt, and one attempt is all there is: a function that has failed over
 * to another target by itself knows better than we when to.
 */
class AnsweredCandidates implements Candidates {
  readonly attemptsMax = 1;
  readonly #targetOf: TargetFunction;
  readonly #route: RoutePlan;
  readonly #subject: DialSubject;

  constructor(targetOf: TargetFunction, route: RoutePlan, subject: DialSubject) {
    this.#targetOf = targetOf;
    this.#route = route;
    this.#subject = subject;
  }

  /** A promise of any make is awaited. */
  next(attempt: number): Candidate | Promise<Candidate> {
    const answer: unknown = this.#targetOf(targetContext(this.#route, this.#subject, attempt));
    if (!isThenable(answer)) return this.#candidate(answer);
    return Promise.resolve(answer).then((value) => this.#candidate(value));
  }

  wait(): null {
    return null;
  }

  /** Nobody knows before the function has answered, and it may answer something else each time. */
  targets(): Iterable<Target> {
    return [];
  }

  prefer(): void {
    // The function decides.
  }

  stop(): void {
    // Nothing is granted here.
  }

  #candidate(answer: unknown): Candidate {
    return { kind: 'endpoint', target: targetOfAnswer(answer), use: uncountedUse };
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
