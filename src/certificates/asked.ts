/**
 * Certificates that somebody is asked for by name: the embedder's function, or the development authority.
 *
 * Decides: when it is asked. One question per name at a time; an answer is good for two thirds of its life, and serves on
 * while the next one is asked for; that there is none is remembered for a few seconds. Must never do: keep more than a fixed
 * number of names, wait for an answer for ever, or throw what it throws.
 */
import { LRUCache } from 'lru-cache';
import type { Clock, Timer } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';

export type Ask = (name: string) => Promise<CertificateMaterial | null>;

/** Names with a certificate that are remembered; beyond, the one that was not used for longest is asked for again. */
export const askedNamesMax = 1_000;
/** Names without one. Invented names push out each other. */
export const refusedNamesMax = 1_000;
/** Questions at once; beyond, the answer is that there is none. */
export const questionsMax = 100;
/** After this, whoever waits is told that there is none; handshakes do not wait longer either. */
export const answerMs = 30_000;
/** That there is none, or that asking failed, is believed this long. */
export const refusedMs = 10_000;
/** So long an answer is good, also when it is near its end. */
export const freshMsMin = 60_000;

interface Known {
  readonly material: CertificateMaterial;
  /** Wall clock. */
  readonly askAgainMs: number;
}

export class AskedCertificates {
  readonly #ask: Ask;
  readonly #clock: Clock;
  readonly #failed: (name: string, error: unknown, servesOn: boolean) => void;
  readonly #known = new LRUCache<string, Known>({ max: askedNamesMax });
  /** Name to the time until which there is none. */
  readonly #refused = new LRUCache<string, number>({ max: refusedNamesMax });
  readonly #questions = new Map<string, Question>();
  #isStopped = false;

  /** @param failed is told what `ask` threw, and whether an older answer serves on; that it hung is an error too */
  constructor(ask: Ask, clock: Clock, failed: (name: string, error: unknown, servesOn: boolean) => void) {
    this.#ask = ask;
    this.#clock = clock;
    this.#failed = failed;
  }

  /** Names in memory, for tests of the bound. */
  get size(): number {
    return this.#known.size + this.#refused.size + this.#questions.size;
  }

  find(name: string): CertificateMaterial | null | Promise<CertificateMaterial | null> {
    const wallMs = this.#clock.wallMs();
    const known = this.#known.get(name);
    if (known !== undefined && wallMs < known.askAgainMs) return known.material;
    if (wallMs < (this.#refused.get(name) ?? 0)) return known === undefined ? null : usable(known, wallMs);
    const answer = this.#question(name);
    return (known === undefined ? null : usable(known, wallMs)) ?? answer;
  }

  /** Whoever waits is told that there is none. Idempotent. */
  stop(): void {
    this.#isStopped = true;
    for (const question of this.#questions.values()) question.settle(null);
  }

  #question(name: string): Promise<CertificateMaterial | null> | null {
    const asked = this.#questions.get(name);
    if (asked !== undefined) return asked.answer;
    if (this.#isStopped || this.#questions.size >= questionsMax) return null;
    const question = new Question(this.#clock, (found) => this.#answered(name, question, found));
    this.#questions.set(name, question);
    question.ask(() => this.#ask(name));
    return question.answer;
  }

  #answered(name: string, question: Question, found: Found): void {
    this.#questions.delete(name);
    const wallMs = this.#clock.wallMs();
    if (found.material !== null) {
      this.#refused.delete(name);
      this.#known.set(name, { material: found.material, askAgainMs: askAgainMs(found.material, wallMs) });
      question.settle(found.material);
      return;
    }
    this.#refused.set(name, wallMs + refusedMs);
    const known = this.#known.get(name);
    if (found.error === null) this.#known.delete(name);
    else this.#failed(name, found.error, known !== undefined && usable(known, wallMs) !== null);
    question.settle(null);
  }
}

/** What was asked before serves until it ends. */
function usable({ material }: Known, wallMs: number): CertificateMaterial | null {
  return wallMs < material.notAfterMs ? material : null;
}

function askAgainMs({ notBeforeMs, notAfterMs }: CertificateMaterial, wallMs: number): number {
  return Math.max(wallMs + freshMsMin, notBeforeMs + ((notAfterMs - notBeforeMs) * 2) / 3);
}

/** The error is null where there simply is none. */
interface Found {
  readonly material: CertificateMaterial | null;
  readonly error: unknown;
}

/** One question with its deadline. The first end counts. */
class Question {
  readonly answer: Promise<CertificateMaterial | null>;
  readonly #clock: Clock;
  readonly #found: (found: Found) => void;
  readonly #resolve: (material: CertificateMaterial | null) => void;
  #timer: Timer | null = null;
  #isOver = false;

  constructor(clock: Clock, found: (found: Found) => void) {
    const { promise, resolve }: PromiseWithResolvers<CertificateMaterial | null> = Promise.withResolvers();
    this.answer = promise;
    this.#resolve = resolve;
    this.#clock = clock;
    this.#found = found;
  }

  ask(question: () => Promise<CertificateMaterial | null>): void {
    this.#timer = this.#clock.arm(answerMs, this, 0);
    const asked = new Promise<CertificateMaterial | null>((resolve) => resolve(question()));
    asked.then(
      (material) => this.#over({ material, error: null }),
      (error: unknown) => this.#over({ material: null, error }),
    );
  }

  settle(material: CertificateMaterial | null): void {
    this.#isOver = true;
    if (this.#timer !== null) this.#clock.cancel(this.#timer);
    this.#timer = null;
    this.#resolve(material);
  }

  onTimer(): void {
    this.#timer = null;
    this.#over({ material: null, error: new Error(`no answer within ${answerMs / 1_000} s`) });
  }

  #over(found: Found): void {
    if (!this.#isOver) this.#found(found);
  }
}
