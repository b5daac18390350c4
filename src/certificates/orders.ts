/**
 * One name set's certificate: runs its chart as an actor and carries out what it asks for, one step at a time.
 *
 * Decides nothing about when: `machines/certificate/` does. What serves is `material`; it is replaced, never taken away.
 * Must never do: answer a step that was cancelled, start an order before `start`, leave a lock or a challenge behind.
 * Read first: docs/statecharts/certificate.md; `orders-attempt.ts`, what an attempt has in its hands.
 */
import { createActor } from 'xstate';
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import { actorClock } from '../machines/chart/actor-clock.ts';
import type { CertificateCommand, CertificateFact } from '../machines/certificate/events.ts';
import { certificateMachine } from '../machines/certificate/machine.ts';
import type { AcmePlan } from '../routing/tls-plan.ts';
import type { Store } from '../store/store.ts';
import type { AcmeAuthority } from './acme.ts';
import type { ChallengeBook } from './acme-challenges.ts';
import { acmeError, problemOf, recordOf, type AcmeProblem } from './acme-error.ts';
import type { CertificateEvent, CertificateEventBody, CertificateStatus } from './acme-events.ts';
import { factOf, OrderAttempt } from './orders-attempt.ts';
import { HeldLock } from './orders-lock.ts';
import { KeptCertificate } from './orders-kept.ts';
import { places, type NameSet } from './orders-record.ts';
import { Renewal } from './orders-renewal.ts';

export interface OrderPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: () => number;
  readonly challenges: ChallengeBook;
  /** The CA; asked for at the first step that needs it. */
  authority(plan: AcmePlan): Promise<AcmeAuthority>;
  tell(event: CertificateEvent): void;
}

export class NameSetCertificate {
  readonly set: NameSet;
  #plan: AcmePlan;
  readonly #isOnDemand: boolean;
  readonly #ports: OrderPorts;
  readonly #actor;
  readonly #kept: KeptCertificate;
  readonly #attempt: OrderAttempt;
  readonly #renewal: Renewal;
  readonly #pending = new Set<Promise<unknown>>();
  /** One promise for all who wait, however many. */
  #first: PromiseWithResolvers<CertificateMaterial | null> | null = null;
  #isStarted = false;
  #serving: CertificateMaterial | null = null;
  /** Found or fetched last, and to serve when the chart says so. */
  #candidate: { readonly material: CertificateMaterial; readonly isFetched: boolean; isSaved: boolean } | null = null;
  /** Ends the step under way. */
  #step: { readonly command: string; readonly controller: AbortController; isOver: boolean } | null = null;
  #lock: HeldLock | null = null;
  #isClaiming = false;
  /** Why the attempt under way fails, if it does; and why the last one did. */
  #cause: AcmeProblem | null = null;
  #problem: AcmeProblem | null = null;
  /** The state of the chart in which something was asked for last. */
  #askedIn = '';
  #failures = 0;
  #untilMs: number | null = null;

  constructor(set: NameSet, plan: AcmePlan, isOnDemand: boolean, ports: OrderPorts) {
    this.set = set;
    this.#plan = plan;
    this.#isOnDemand = isOnDemand;
    this.#ports = ports;
    this.#kept = new KeptCertificate(set, ports);
    const planned = { ...ports, plan: () => this.#plan, authority: () => ports.authority(this.#plan) };
    this.#attempt = new OrderAttempt(set, planned);
    this.#renewal = new Renewal(planned);
    this.#actor = createActor(certificateMachine, {
      clock: actorClock(ports.clock),
      input: { random: ports.random() },
    });
    this.#actor.on('*', (command) => this.#carryOut(command));
  }

  get material(): CertificateMaterial | null {
    return this.#serving;
  }

  /** True exactly when `stop` would lose nothing: what serves is in the store, and no order is under way. */
  get isAtRest(): boolean {
    return this.#serving !== null && this.#candidate === null && !this.#isAttempting();
  }

  /** What serves, or what will when the attempt under way is over; null where it fails, or nothing is under way. */
  firstMaterial(): CertificateMaterial | null | Promise<CertificateMaterial | null> {
    if (this.#serving !== null || !this.#isStarted || !this.#isTrying()) return this.#serving;
    this.#first ??= Promise.withResolvers();
    return this.#first.promise;
  }

  /** Serves what an earlier run left. Before `start`, so that nothing has to be ordered for it. */
  async load(): Promise<void> {
    const found = await this.#kept.certificate();
    if (found === null) return;
    this.#serve(found, false);
    this.#event({ event: 'certificate.found', notAfterMs: found.notAfterMs, id: found.id });
  }

  start(): void {
    this.#isStarted = true;
    this.#actor.start();
  }

  /** Another plan for the same names at the same directory, from the next step on. */
  use(plan: AcmePlan): void {
    this.#plan = plan;
  }

  /** The store has something new for these names. */
  async lookAgain(): Promise<void> {
    if (!this.#isLive()) return;
    const found = await this.#kept.better(this.#serving).catch(() => null);
    if (found === null || !this.#isLive() || this.#isAttempting() || found.id === this.#candidate?.material.id) return;
    this.#candidate = { material: found, isFetched: false, isSaved: true };
    this.#tell({ type: 'certificate.found' });
  }

  status(): CertificateStatus {
    return {
      names: this.set.names,
      directoryUrl: this.#plan.directoryUrl,
      state: this.#isStarted ? this.#leaf() : 'WAITING',
      isOnDemand: this.#isOnDemand,
      notAfterMs: this.#serving?.notAfterMs ?? null,
      nextAttemptMs: this.#leaf().endsWith('BACKING_OFF') ? this.#untilMs : this.#renewal.dueMs(this.#serving),
      failures: this.#failures,
      lastError: this.#problem,
    };
  }

  /** Resolves when nothing is left: no step, no lock, no challenge, no timer. */
  async stop(): Promise<void> {
    if (this.#isLive()) this.#tell({ type: 'retire.requested' });
    this.#answerWaiting();
    // What the chart's last step asked for is on its way a microtask later.
    await Promise.resolve();
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  #isLive(): boolean {
    return this.#isStarted && this.#actor.getSnapshot().status === 'active';
  }

  #leaf(): string {
    return leafOf(this.#actor.getSnapshot().value);
  }

  #isAttempting(): boolean {
    return /\.(?:ISSUING|RENEWING)\./.test(this.#leaf());
  }

  #isTrying(): boolean {
    return this.#isLive() && !this.#leaf().endsWith('BACKING_OFF');
  }

  #tell(fact: CertificateFact): void {
    if (!this.#isLive()) return;
    this.#actor.send(fact);
    if (!this.#isTrying()) this.#answerWaiting();
  }

  #answerWaiting(): void {
    this.#first?.resolve(this.#serving);
    this.#first = null;
  }

  #carryOut(command: CertificateCommand): void {
    switch (command.type) {
      case 'lookInStore':
        this.#begin(command.type, 'store', () => this.#look());
        return;
      case 'claimLock':
        this.#claim();
        return;
      case 'releaseLock':
        this.#release();
        return;
      case 'serveCertificate':
        this.#serveCandidate();
        return;
      case 'deferOthers':
        this.#failed(command.failures, command.waitMs);
        return;
      case 'checkRenewal':
        this.#checkRenewal();
        return;
      case 'askAdvice':
        this.#begin(command.type, 'network', async (signal) => {
          await this.#renewal.ask(this.#serving, signal);
          return { type: 'advice.settled' };
        });
        return;
      case 'withdrawChallenges':
        this.#track(this.#attempt.withdraw());
        return;
      case 'cancelStep':
        this.#cancelStep();
        return;
      default:
        this.#carryOutOrder(command.type);
    }
  }

  #carryOutOrder(
    type: 'openOrder' | 'publishChallenges' | 'askOrder' | 'finaliseOrder' | 'fetchCertificate' | 'saveCertificate',
  ): void {
    const attempt = this.#attempt;
    switch (type) {
      case 'openOrder':
        this.#begin(type, 'network', (signal) => this.#open(signal));
        return;
      case 'publishChallenges':
        this.#begin(type, 'challenge', async (signal) => {
          const challenges = await attempt.publish(this.#failures, signal);
          this.#event({ event: 'certificate.challenging', challenges });
          await attempt.ready(signal);
          return { type: 'challenges.published' };
        });
        return;
      case 'askOrder':
        this.#begin(type, 'network', (signal) => attempt.ask(signal));
        return;
      case 'finaliseOrder':
        this.#begin(type, 'network', (signal) => attempt.finalise(signal));
        return;
      case 'fetchCertificate':
        this.#begin(type, 'certificate', async (signal) => {
          this.#candidate = { material: await attempt.fetch(signal), isFetched: true, isSaved: false };
          return { type: 'certificate.issued' };
        });
        return;
      case 'saveCertificate':
        this.#begin(type, 'store', () => this.#save());
    }
  }

  /** Runs one step; what comes of it after its end is dropped. */
  #begin(command: string, kind: string, run: (signal: AbortSignal) => Promise<CertificateFact>): void {
    const step = { command, controller: new AbortController(), isOver: false };
    this.#step = step;
    this.#askedIn = this.#leaf();
    const settle = (fact: CertificateFact, problem: AcmeProblem | null): void => {
      if (step.isOver) return;
      step.isOver = true;
      if (problem !== null) this.#cause = problem;
      this.#tell(fact);
    };
    this.#track(
      run(step.controller.signal).then(
        (fact) => settle(fact, null),
        (error: unknown) => {
          const problem = problemOf(error, kind);
          if (command === 'askAdvice') settle({ type: 'advice.settled' }, null);
          else settle(factOf(command, problem), problem);
        },
      ),
    );
  }

  #cancelStep(): void {
    const step = this.#step;
    this.#step = null;
    if (step === null || step.isOver) return;
    step.isOver = true;
    if (step.command !== 'askAdvice') this.#cause = acmeError('deadline', `${step.command} was not answered in time`);
    step.controller.abort(acmeError('deadline', `${step.command} was cancelled`));
  }

  #claim(): void {
    const lock = new HeldLock(this.#ports.store, this.#ports.clock, places.lock(this.set), () => {
      this.#cause = acmeError('store', 'the lock was lost: the store did not renew it, or somebody else has it');
      this.#tell({ type: 'lock.lost' });
    });
    this.#lock = lock;
    this.#isClaiming = true;
    this.#cause = null;
    this.#askedIn = this.#leaf();
    if (this.#serving !== null) this.#event({ event: 'certificate.renewing', notAfterMs: this.#serving.notAfterMs });
    const answer = (fact: CertificateFact, problem: AcmeProblem | null): void => {
      if (this.#lock !== lock) return;
      this.#isClaiming = false;
      if (problem !== null) this.#cause = problem;
      this.#tell(fact);
    };
    this.#track(
      lock.claim().then(
        (isOurs) => answer({ type: isOurs ? 'lock.granted' : 'lock.refused' }, null),
        (error: unknown) => answer({ type: 'attempt.failed', afterMs: null }, problemOf(error, 'store')),
      ),
    );
  }

  /** After what the same step of the chart writes: whoever has the lock next is to find it. */
  #release(): void {
    const lock = this.#lock;
    this.#lock = null;
    if (lock === null) return;
    if (this.#isClaiming) this.#cause = acmeError('deadline', 'the store did not say in time who has the lock');
    this.#isClaiming = false;
    lock.end();
    const earlier = [...this.#pending];
    queueMicrotask(() => {
      const writes = [...this.#pending].filter((one) => !earlier.includes(one));
      this.#track(Promise.allSettled(writes).then(() => lock.release()));
    });
  }

  async #look(): Promise<CertificateFact> {
    const found = await this.#kept.better(this.#serving);
    if (found !== null) {
      this.#candidate = { material: found, isFetched: false, isSaved: true };
      return { type: 'certificate.found' };
    }
    const deferred = await this.#kept.deferral();
    this.#untilMs = deferred?.untilMs ?? null;
    return deferred?.fact ?? { type: 'certificate.absent' };
  }

  async #open(signal: AbortSignal): Promise<CertificateFact> {
    const fetched = this.#candidate;
    // Issued before, and not written: there is nothing to order.
    if (fetched?.isFetched === true && !fetched.isSaved) return { type: 'certificate.issued' };
    const isRenewal = this.#serving !== null;
    return this.#attempt.open(this.#serving, this.#lock?.fence ?? {}, signal, (isResumed) =>
      this.#event({ event: 'certificate.ordering', isRenewal, isResumed }),
    );
  }

  async #save(): Promise<CertificateFact> {
    const candidate = this.#candidate;
    if (candidate === null) throw acmeError('store', 'there is nothing to save');
    await this.#attempt.save(candidate.material, this.#lock?.fence ?? {});
    candidate.isSaved = true;
    return { type: 'certificate.saved' };
  }

  #serveCandidate(): void {
    const candidate = this.#candidate;
    if (candidate === null) return;
    if (candidate.isSaved) this.#problem = null;
    this.#failures = candidate.isSaved ? 0 : this.#failures;
    this.#kept.isKnown = true;
    if (candidate.material.id !== this.#serving?.id) {
      this.#serve(candidate.material, candidate.isFetched);
      const { notAfterMs, id } = candidate.material;
      if (candidate.isFetched) {
        this.#event({ event: 'certificate.issued', notAfterMs, id, isSaved: candidate.isSaved });
      } else this.#event({ event: 'certificate.found', notAfterMs, id });
    }
    if (candidate.isSaved) this.#candidate = null;
  }

  #serve(material: CertificateMaterial, isOurs: boolean): void {
    this.#serving = material;
    this.#renewal.began(isOurs);
    this.#answerWaiting();
  }

  #failed(failures: number, waitMs: number): void {
    const state = this.#askedIn;
    const problem = this.#cause ?? acmeError('deadline', `the CA was not done in time (${state})`);
    this.#cause = null;
    this.#problem = problem;
    this.#failures = failures;
    this.#untilMs = this.#ports.clock.wallMs() + waitMs;
    this.#track(this.#kept.defer(failures, this.#untilMs, problem));
    this.#event({ event: 'certificate.failed', state, problem });
    this.#event({ event: 'certificate.backing-off', failures, untilMs: this.#untilMs });
    queueMicrotask(() => this.#answerWaiting());
  }

  #checkRenewal(): void {
    this.#tell(this.#renewal.check(this.#serving));
  }

  #event(event: CertificateEventBody): void {
    this.#ports.tell({ ...event, names: this.set.names, directoryUrl: this.#plan.directoryUrl });
  }

  #track(work: Promise<unknown>): void {
    const tracked = work.then(
      () => undefined,
      () => undefined,
    );
    this.#pending.add(tracked);
    void tracked.then(() => this.#pending.delete(tracked));
  }
}

/** `VALID.RENEWING.SAVING` of XState's nested value. */
function leafOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const [entry = ['', '']] = Object.entries(recordOf(value));
  return `${entry[0]}.${leafOf(entry[1])}`;
}
