/**
 * One check of one endpoint, on a connection of its own: that it connects, says what is expected, or answers a request.
 *
 * Decides what the answer is worth. Must never do: own a deadline (the endpoint's chart cancels), read more than a few KiB,
 * tell anything after it was cancelled, or leave a connection behind. Read first: `routing/pool-plan.ts`, `../leg.ts`.
 */
import type { Subscription } from 'rxjs';
import { ResponseReader } from '../../protocols/http1/response-reader.ts';
import type { CheckPlan } from '../../routing/pool-plan.ts';
import { dialFailureOf, type Dialer, type Endpoint } from '../dialer.ts';
import { outcomeOf } from '../dial-outcome.ts';
import { isLeg, type Leg, type LegFact } from '../leg.ts';
import { expectationOf, type Expectation } from './expectation.ts';
import { checkRequest } from './check-request.ts';

/** `unknown`: it could not be made, for a reason that is this machine's own. */
export type CheckVerdict = 'passed' | 'failed' | 'unknown';

/** Of an answer; what was looked for has come by then or never will. */
export const checkBytesMax = 16_384;

export class Checking {
  readonly #plan: CheckPlan;
  readonly #endpoint: Endpoint;
  readonly #told: (verdict: CheckVerdict, detail: string) => void;
  readonly #subscriptions: Subscription[] = [];
  #leg: Leg | null = null;
  #answer: Answer | null = null;
  #received = 0;
  #isOver = false;

  /** @param told once, maybe at once from within `start`. */
  constructor(plan: CheckPlan, endpoint: Endpoint, told: (verdict: CheckVerdict, detail: string) => void) {
    this.#plan = plan;
    this.#endpoint = endpoint;
    this.#told = told;
  }

  start(dial: Dialer): void {
    try {
      const watch = { resolved: () => undefined, securing: () => undefined };
      this.#keep(
        dial(this.#endpoint, watch).subscribe({
          next: (leg) => this.#reached(leg),
          error: (error) => this.#dialFailed(error),
        }),
      );
    } catch (error) {
      this.#dialFailed(error);
    }
  }

  /** Idempotent; harmless when it is over. */
  cancel(): void {
    this.#isOver = true;
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    this.#leg?.release();
    this.#leg = null;
  }

  #reached(leg: Leg): void {
    if (!isLeg(leg)) return this.#over('failed', 'the dialer emitted something that is no leg');
    if (this.#isOver || this.#leg !== null) return leg.release();
    this.#leg = leg;
    if (this.#plan.type === 'tcp') return this.#over('passed', 'connected');
    this.#answer = answerOf(this.#plan);
    this.#keep(leg.facts$.subscribe((fact) => this.#heard(fact)));
    if (this.#isOver) return undefined;
    this.#keep(leg.bytes$.subscribe({ next: (bytes) => this.#read(bytes), complete: () => this.#ended() }));
    const said = saidOf(this.#plan, this.#endpoint);
    if (said !== null && !this.#isOver) leg.write(said, 'owned');
    return undefined;
  }

  #heard(fact: LegFact): void {
    if (fact.type === 'failed') this.#over('failed', `${fact.code}: ${fact.cause}`);
  }

  #read(bytes: Uint8Array): void {
    const answer = this.#answer;
    if (this.#isOver || answer === null) return;
    const left = checkBytesMax - this.#received;
    this.#received += bytes.length;
    const verdict = answer.read(bytes.subarray(0, left));
    if (verdict !== null) this.#over(verdict.passed ? 'passed' : 'failed', verdict.detail);
    else if (this.#received >= checkBytesMax) this.#over('failed', `nothing of it in ${checkBytesMax} bytes`);
  }

  #ended(): void {
    this.#over('failed', 'the endpoint ended the connection before it answered');
  }

  #dialFailed(error: unknown): void {
    const failure = dialFailureOf(error);
    this.#over(outcomeOf(failure) === 'abandoned' ? 'unknown' : 'failed', `${failure.code}: ${failure.cause}`);
  }

  #over(verdict: CheckVerdict, detail: string): void {
    if (this.#isOver) return;
    this.cancel();
    this.#told(verdict, detail);
  }

  /** What is told within `subscribe` may have ended it already. */
  #keep(subscription: Subscription): void {
    if (this.#isOver) subscription.unsubscribe();
    else this.#subscriptions.push(subscription);
  }
}

interface Verdict {
  readonly passed: boolean;
  readonly detail: string;
}

/** What has come so far; null: more may decide. */
interface Answer {
  read(bytes: Uint8Array): Verdict | null;
}

function answerOf(plan: Exclude<CheckPlan, { type: 'tcp' }>): Answer {
  return plan.type === 'http' ? new HttpAnswer(plan) : new TextAnswer(expectationOf(plan.expect));
}

function saidOf(plan: CheckPlan, endpoint: Endpoint): Uint8Array | null {
  if (plan.type === 'http') return checkRequest(plan, endpoint);
  return plan.type === 'exchange' ? plan.send : null;
}

class TextAnswer implements Answer {
  readonly #expected: Expectation;
  /** One character a byte. */
  #text = '';

  constructor(expected: Expectation) {
    this.#expected = expected;
  }

  read(bytes: Uint8Array): Verdict | null {
    this.#text += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
    return this.#expected(this.#text) ? { passed: true, detail: 'answered as expected' } : null;
  }
}

type HttpCheck = Extract<CheckPlan, { type: 'http' }>;

class HttpAnswer implements Answer {
  #verdict: Verdict | null = null;
  readonly #reader: ResponseReader;

  constructor({ method, status: ranges }: HttpCheck) {
    this.#reader = new ResponseReader({
      interim: () => undefined,
      responseHead: ({ status }) => {
        const passed = ranges.some(({ from, to }) => status >= from && status <= to);
        this.#verdict ??= { passed, detail: `answered ${status}` };
      },
      body: () => undefined,
      ended: () => undefined,
      malformed: ({ detail }) => {
        this.#verdict ??= { passed: false, detail };
      },
    });
    this.#reader.expect(method);
  }

  read(bytes: Uint8Array): Verdict | null {
    this.#reader.read(bytes, 0);
    return this.#verdict;
  }
}
