/**
 * Computes the two kinds of password hash: scrypt on the thread pool, bcrypt in a worker.
 *
 * Decides nothing. One worker at most, started with the first bcrypt hash and ended by `close`; it keeps the process
 * alive only while it is asked something.
 * Must never do: hash on the event loop, which carries every connection.
 */
import { scrypt, timingSafeEqual } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { scryptMemoryBytes, type ScryptParameters, type StoredPassword } from './password-format.ts';

/** What is computed, so that a test can count it. */
export interface Hashing {
  scrypt(password: string, salt: Uint8Array, bytes: number, parameters: ScryptParameters): Promise<Buffer>;
  /** True exactly when the password has this bcrypt hash. @throws when it could not be computed */
  bcrypt(password: string, hash: string): Promise<boolean>;
  /** Ends the worker; what it was asked fails. A later question starts another. */
  close(): void;
}

export function createHashing(): Hashing {
  const worker = new BcryptWorker();
  return {
    scrypt: computeScrypt,
    bcrypt: (password, hash) => worker.ask(password, hash),
    close: () => worker.close(),
  };
}

/** True exactly when the password is the one that was stored, whichever hash it is stored as. */
export async function hasHash(
  hashing: Pick<Hashing, 'scrypt' | 'bcrypt'>,
  password: string,
  stored: Exclude<StoredPassword, { form: 'plain' }>,
): Promise<boolean> {
  if (stored.form === 'bcrypt') return hashing.bcrypt(password, stored.text);
  return timingSafeEqual(await hashing.scrypt(password, stored.salt, stored.hash.length, stored), stored.hash);
}

export function computeScrypt(
  password: string,
  salt: Uint8Array,
  bytes: number,
  parameters: ScryptParameters,
): Promise<Buffer> {
  const { cost, blockSize, parallelization } = parameters;
  // A little more than what OpenSSL reckons with.
  const maxmem = scryptMemoryBytes(parameters) + 65_536;
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(password, salt, bytes, { cost, blockSize, parallelization, maxmem }, (error, hash) =>
    error === null ? resolve(hash) : reject(error),
  );
  return promise;
}

interface Question {
  readonly resolve: (matches: boolean) => void;
  readonly reject: (error: Error) => void;
}

class BcryptWorker {
  #worker: Worker | null = null;
  #count = 0;
  readonly #open = new Map<number, Question>();

  ask(password: string, hash: string): Promise<boolean> {
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#count += 1;
    this.#open.set(this.#count, { resolve, reject });
    this.#worker.postMessage({ id: this.#count, password, hash }, []);
    return promise;
  }

  close(): void {
    const worker = this.#worker;
    this.#lost(worker);
    void worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(workerUrl, { execArgv: [], env: {}, name: 'bcrypt' });
    worker.on('message', (answer: unknown) => this.#answered(answer));
    worker.on('error', () => this.#lost(worker));
    worker.on('exit', () => this.#lost(worker));
    return worker;
  }

  #answered(answer: unknown): void {
    if (!isAnswer(answer)) return;
    this.#open.get(answer.id)?.resolve(answer.matches);
    this.#open.delete(answer.id);
    if (this.#open.size === 0) this.#worker?.unref();
  }

  /** Of an earlier worker nothing is told: what it was asked was lost with it. */
  #lost(worker: Worker | null): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    for (const { reject } of this.#open.values()) reject(new Error('the bcrypt worker ended'));
    this.#open.clear();
  }
}

interface Answer {
  readonly id: number;
  readonly matches: boolean;
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && 'id' in value && 'matches' in value;
}

/** The compiler rewrites the endings of imports, not of URLs. */
const workerUrl = new URL(
  import.meta.url.endsWith('.ts') ? './bcrypt-worker.ts' : './bcrypt-worker.js',
  import.meta.url,
);
