/** Lists of credentials, and hashing that counts and can be held, for the tests of `src/io/authentication/`. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { AuthenticationOutcome, Authenticator } from '../../src/io/authentication/authenticator.ts';
import { BasicAuthenticator } from '../../src/io/authentication/basic.ts';
import { HashGate } from '../../src/io/authentication/hash-gate.ts';
import type { Hashing } from '../../src/io/authentication/hashing.ts';
import { formatScrypt } from '../../src/io/authentication/password-format.ts';
import type { BasicCredential } from '../../src/routing/http-plan.ts';

/** Hashes at once, or when it is let go; never as slowly as the real ones. */
export class CountedHashing implements Pick<Hashing, 'scrypt' | 'bcrypt'> {
  /** What was computed, in order: the form and its cost. */
  readonly calls: string[] = [];
  running = 0;
  /** What every computation fails with. */
  failure: Error | null = null;
  runningMax = 0;
  #held: (() => void)[] | null = null;

  async scrypt(
    password: string,
    salt: Uint8Array,
    bytes: number,
    { cost }: { readonly cost: number },
  ): Promise<Buffer> {
    await this.#run(`scrypt ${cost}`);
    return quickHash(password, salt).subarray(0, bytes);
  }

  async bcrypt(password: string, hash: string): Promise<boolean> {
    await this.#run(hash.slice(0, 7));
    return hash === bcryptText(password);
  }

  /** From now on nothing is finished before `letGo`. */
  hold(): void {
    this.#held ??= [];
  }

  /** Finishes what is held, and holds no more. */
  letGo(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const finish of held) finish();
  }

  async #run(what: string): Promise<void> {
    this.calls.push(what);
    this.running += 1;
    this.runningMax = Math.max(this.runningMax, this.running);
    if (this.#held !== null) await new Promise<void>((resolve) => this.#held?.push(resolve));
    this.running -= 1;
    if (this.failure !== null) throw this.failure;
  }
}

export function basicOf(
  credentials: readonly BasicCredential[],
  hashing = new CountedHashing(),
  gate = new HashGate(),
): { readonly authenticator: BasicAuthenticator; readonly hashing: CountedHashing; readonly gate: HashGate } {
  const plan = { type: 'basic', realm: 'a realm', credentials, htpasswd: null, forwardCredentials: false } as const;
  return { authenticator: new BasicAuthenticator(plan, { hashing, gate }), hashing, gate };
}

export type Form = 'scrypt' | 'costly scrypt' | 'bcrypt' | 'plain';

/** A password as a configuration holds it, by the hashes of `CountedHashing`. */
export function stored(password: string, form: Form): string {
  if (form === 'plain') return password;
  if (form === 'bcrypt') return bcryptText(password);
  const salt = Buffer.from('12345678');
  const cost = form === 'scrypt' ? 16 : 32;
  return formatScrypt({ cost, blockSize: 1, parallelization: 1 }, salt, quickHash(password, salt));
}

function quickHash(password: string, salt: Uint8Array): Buffer {
  return createHash('sha256').update(salt).update(password).digest();
}

function bcryptText(password: string): string {
  return `$2y$04$${createHash('sha512').update(password).digest('hex').slice(0, 53)}`;
}

export function basicField(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

export const never = new AbortController().signal;

/** Any text that may be a name or a password; names without the colon. */
export const anyPassword = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .map((text) => text.normalize('NFC').replace(/\p{Cc}/gu, '.'))
  .filter((text) => !/^(?:scrypt:|\$|\{)/.test(text));
export const anyName = anyPassword.map((text) => text.replaceAll(':', '.'));
export const anyForm: fc.Arbitrary<Form> = fc.constantFrom('scrypt', 'costly scrypt', 'bcrypt', 'plain');

/** Asks now; always a promise. */
export async function ask(
  authenticator: Authenticator,
  field: string,
  signal: AbortSignal = never,
): Promise<AuthenticationOutcome> {
  return authenticator.check(field, signal);
}

export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}
