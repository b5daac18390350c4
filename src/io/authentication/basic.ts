/**
 * Basic authentication: a name and a password against the route's list.
 *
 * Decides: what is remembered. The list never changes, so neither does an answer; the right ones and the wrong ones are
 * kept apart, so that a flood of wrong ones cannot push out the right ones.
 * Must never do: less work for an unknown name than for a known one; an unknown one does the work of one of the list,
 * always the same for the same name, so that names cannot be told apart by time even where the hashes differ.
 * Read first: `authenticator.ts`, `hash-gate.ts`. @see RFC 7617
 */
import { ProxyError } from '../../errors.ts';
import type { AuthenticationPlan } from '../../routing/http-plan.ts';
import { AnswerCache, SecretNames } from './answer-cache.ts';
import {
  granted,
  leftMeanwhile,
  unavailable,
  type AuthenticationOutcome,
  type Authenticator,
} from './authenticator.ts';
import { readBasic, type BasicPair } from './authorization.ts';
import type { HashGate } from './hash-gate.ts';
import { hasHash, type Hashing } from './hashing.ts';
import { parsePassword, type StoredPassword } from './password-format.ts';
import { SharedAnswer } from './shared-answer.ts';

type BasicPlan = Extract<AuthenticationPlan, { type: 'basic' }>;

/** Plain text is kept as its name only. */
type Secret = { readonly form: 'plain'; readonly name: Buffer } | Exclude<StoredPassword, { readonly form: 'plain' }>;

export interface BasicPorts {
  readonly hashing: Pick<Hashing, 'scrypt' | 'bcrypt'>;
  readonly gate: HashGate;
}

export class BasicAuthenticator implements Authenticator {
  readonly #ports: BasicPorts;
  readonly #challenge: string;
  readonly #names = new SecretNames();
  readonly #secrets = new Map<string, Secret>();
  readonly #list: readonly Secret[];
  readonly #right = new AnswerCache<AuthenticationOutcome>();
  readonly #wrong = new AnswerCache<AuthenticationOutcome>();
  /** Checks under way, by the name of the field that they are about. */
  readonly #pending = new Map<string, SharedAnswer<AuthenticationOutcome>>();
  #isClosed = false;

  /** @throws ProxyError SALLYPORT_CONFIG_INVALID for a password that is no hash but looks like one, and for a name twice */
  constructor(plan: BasicPlan, ports: BasicPorts) {
    this.#ports = ports;
    this.#challenge = `Basic realm="${quoted(plan.realm)}", charset="UTF-8"`;
    for (const { username, password } of plan.credentials) {
      const name = username.normalize('NFC');
      if (this.#secrets.has(name))
        throw new ProxyError('SALLYPORT_CONFIG_INVALID', 'a username has two passwords: give each user one');
      const stored = parsePassword(password);
      this.#secrets.set(
        name,
        stored.form === 'plain' ? { form: 'plain', name: this.#names.bytesOf(stored.text) } : stored,
      );
    }
    this.#list = [...this.#secrets.values()];
  }

  /** Answers that are remembered and checks under way, for tests. */
  get sizes(): { readonly right: number; readonly wrong: number; readonly pending: number } {
    return { right: this.#right.size, wrong: this.#wrong.size, pending: this.#pending.size };
  }

  check(authorization: string | null, signal: AbortSignal): AuthenticationOutcome | Promise<AuthenticationOutcome> {
    const reading = readBasic(authorization);
    if (reading.kind === 'missing') return this.#denied('no credentials were given');
    if (reading.kind === 'malformed') return this.#denied(reading.detail);
    const pair = reading.value;
    const name = this.#names.of(`${pair.username}:${pair.password}`);
    const known = this.#right.get(name) ?? this.#wrong.get(name);
    if (known !== null) return known;
    if (this.#isClosed) return notChecked;
    const secret = this.#secretOf(pair);
    if (secret === null) return this.#denied('the route has no credentials');
    if (secret.form === 'plain') return this.#told(pair, this.#names.isSame(secret.name, pair.password));
    return (this.#pending.get(name) ?? this.#begin(name, pair, secret)).wait(signal, leftMeanwhile);
  }

  close(): void {
    this.#isClosed = true;
    for (const pending of this.#pending.values()) pending.abandon();
  }

  #begin(
    name: string,
    pair: BasicPair,
    secret: Exclude<Secret, { form: 'plain' }>,
  ): SharedAnswer<AuthenticationOutcome> {
    const { gate, hashing } = this.#ports;
    const turn = gate.take(() => hasHash(hashing, pair.password, secret));
    if (turn === null) return new SharedAnswer(Promise.resolve(overloaded), nothing);
    const over = (): void => {
      if (this.#pending.get(name) === shared) this.#pending.delete(name);
    };
    const answer = turn.done.then((isSame) => {
      over();
      return isSame === null ? notChecked : this.#remember(name, this.#told(pair, isSame));
    });
    // What has begun goes on, and is remembered; what only waited is begun anew for whoever asks next.
    const shared = new SharedAnswer(answer, () => {
      if (turn.abandon()) over();
    });
    this.#pending.set(name, shared);
    return shared;
  }

  #remember(name: string, outcome: AuthenticationOutcome): AuthenticationOutcome {
    (outcome.kind === 'granted' ? this.#right : this.#wrong).put(name, outcome);
    return outcome;
  }

  /** The work was done for the unknown name, too, and its password may even be right. */
  #told({ username }: BasicPair, isSame: boolean): AuthenticationOutcome {
    const isKnown = this.#secrets.has(username);
    return isSame && isKnown ? granted : this.#denied('the username or the password is wrong');
  }

  /** Null only where there is none at all. */
  #secretOf({ username }: BasicPair): Secret | null {
    const known = this.#secrets.get(username);
    const other = this.#list[this.#names.numberOf(username, Math.max(1, this.#list.length))];
    return known ?? other ?? null;
  }

  #denied(detail: string): AuthenticationOutcome {
    return { kind: 'denied', status: 401, challenge: this.#challenge, detail };
  }
}

const notChecked = unavailable('the password could not be checked');
const overloaded = unavailable('too many passwords are being checked');

/** As the inside of a quoted-string; what a field cannot carry is a question mark. */
function quoted(text: string): string {
  return text.replace(/[^\u0020-\u007e]/g, '?').replace(/["\\]/g, '\\$&');
}

function nothing(): void {}
