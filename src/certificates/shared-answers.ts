/**
 * Answers to validations, for every process that has the same store: an authority may come to any of them, and one ordered.
 *
 * Decides: what of the store is believed (a whole answer that has not ended), and how many are kept. They are known before
 * the authority is told to look, by the store's own word that something changed, so no request waits for the store. An
 * answer that nobody took back, because its process is gone, ends by itself.
 * Must never do: fail an order; whoever orders can answer without the store. Read first: `acme-challenges.ts`.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../io/clock.ts';
import type { CertificateMaterial } from '../io/tls/identity.ts';
import type { Store } from '../store/store.ts';
import { recordOf } from './acme-error.ts';
import { parsed } from './acme-transport.ts';
import { materialOf } from './orders-record.ts';

/** What a validation is answered with. */
export type SharedAnswer =
  | { readonly kind: 'http'; readonly token: string; readonly proof: string }
  | { readonly kind: 'tls'; readonly name: string; readonly material: CertificateMaterial };

/** Longer than an order may stay in CHALLENGING. */
export const answerLifeMs = 30 * 60_000;
/** More names are not proved at once by all processes together; beyond, they are answered by whoever ordered. */
export const answersMax = 1_000;

const folder = 'acme/answers';

interface Kept {
  readonly answer: SharedAnswer;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

export class SharedAnswers {
  readonly #store: Store;
  readonly #clock: Clock;
  /** By key in the store. */
  readonly #kept = new Map<string, Kept>();
  #endWatch: (() => void) | null = null;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** True exactly while an answer is pending anywhere. */
  get isPending(): boolean {
    return [...this.#kept].some(([key, kept]) => this.#isLive(key, kept));
  }

  /** What other processes have left is looked at once, and from then on what changes. */
  start(): void {
    this.#endWatch = this.#store.watch(folder, (key) => void this.#look(key));
    void this.#lookAtAll();
  }

  stop(): void {
    this.#endWatch?.();
    this.#endWatch = null;
    this.#kept.clear();
  }

  httpChallenge(token: string): string | null {
    const found = this.#find(keyOf('http', token));
    return found?.kind === 'http' ? found.proof : null;
  }

  tlsChallenge(name: string): CertificateMaterial | null {
    const found = this.#find(keyOf('tls', name));
    return found?.kind === 'tls' ? found.material : null;
  }

  /** Never rejects. */
  async publish(answer: SharedAnswer): Promise<void> {
    const bytes = written(answer, this.#clock.wallMs() + answerLifeMs);
    await this.#store.put(keyOfAnswer(answer), bytes, { isSecret: true }).catch(() => null);
  }

  /** Never rejects. */
  async withdraw(answer: SharedAnswer): Promise<void> {
    const key = keyOfAnswer(answer);
    this.#kept.delete(key);
    await this.#store.delete(key).catch(() => false);
  }

  #find(key: string): SharedAnswer | null {
    const kept = this.#kept.get(key);
    return kept !== undefined && this.#isLive(key, kept) ? kept.answer : null;
  }

  #isLive(key: string, { untilMs }: Kept): boolean {
    const leftMs = untilMs - this.#clock.wallMs();
    // A clock that was wrong then is not believed for ever.
    if (leftMs > 0 && leftMs <= 2 * answerLifeMs) return true;
    this.#kept.delete(key);
    return false;
  }

  /** Never rejects. */
  async #lookAtAll(): Promise<void> {
    const keys = await this.#store.list(folder).catch(() => []);
    for (const key of keys.slice(0, answersMax)) await this.#look(key);
  }

  /** Never rejects. */
  async #look(key: string): Promise<void> {
    const found = await this.#store.get(key).catch(() => null);
    if (this.#endWatch === null) return;
    const kept = found === null ? null : read(found.bytes);
    if (kept === null || keyOfAnswer(kept.answer) !== key) this.#kept.delete(key);
    else if (!this.#isLive(key, kept)) await this.#store.delete(key, found?.version).catch(() => false);
    else if (this.#kept.size < answersMax || this.#kept.has(key)) this.#kept.set(key, kept);
  }
}

function keyOfAnswer(answer: SharedAnswer): string {
  return answer.kind === 'http' ? keyOf('http', answer.token) : keyOf('tls', answer.name);
}

/** What a client sends never becomes a part of a name in the store. */
function keyOf(kind: SharedAnswer['kind'], asked: string): string {
  return `${folder}/${kind}-${createHash('sha256').update(asked).digest('hex').slice(0, 32)}`;
}

function written(answer: SharedAnswer, untilMs: number): Uint8Array {
  const { kind } = answer;
  if (kind === 'http') return bytesOf({ format: 1, kind, untilMs, token: answer.token, proof: answer.proof });
  const { cert, key } = answer.material;
  return bytesOf({ format: 1, kind, untilMs, name: answer.name, cert, key });
}

function bytesOf(value: object): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

/** Null: it is not ours, or damaged. */
function read(bytes: Uint8Array): Kept | null {
  const { format, kind, untilMs, ...rest } = recordOf(parsed(Buffer.from(bytes).toString('utf8')));
  if (format !== 1 || typeof untilMs !== 'number') return null;
  const answer = kind === 'http' ? httpAnswer(rest) : kind === 'tls' ? tlsAnswer(rest) : null;
  return answer === null ? null : { answer, untilMs };
}

function httpAnswer({ token, proof }: Readonly<Record<string, unknown>>): SharedAnswer | null {
  return typeof token === 'string' && typeof proof === 'string' ? { kind: 'http', token, proof } : null;
}

function tlsAnswer({ name, cert, key }: Readonly<Record<string, unknown>>): SharedAnswer | null {
  if (typeof name !== 'string' || typeof cert !== 'string' || typeof key !== 'string') return null;
  try {
    return { kind: 'tls', name, material: materialOf(cert, key) };
  } catch {
    return null;
  }
}
