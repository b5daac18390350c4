/**
 * Bearer tokens: a JWT, signed by a key of the issuer's published set, for us and of now.
 *
 * Decides: which algorithms, that a token must end (`exp`), and that 30 seconds of difference between clocks are forgiven.
 * Must never do: take a key from the token itself, or an algorithm whose key is a shared secret; log or keep a token.
 * Read first: `authenticator.ts`, `key-set.ts`. @see RFC 7519, RFC 6750 §3, RFC 8725
 */
import type { errors } from 'jose';
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
import { readBearer } from './authorization.ts';
import { jwtAlgorithms, jwtAlgorithmsDefault } from '../../routing/jwt-algorithms.ts';
import { KeySet, type Keys, type KeySetPorts } from './key-set.ts';
import { SharedAnswer } from './shared-answer.ts';

type JwtPlan = Extract<AuthenticationPlan, { type: 'jwt' }>;

const leewaySeconds = 30;

/** A token that was good, by these keys and until then. */
interface GoodToken {
  readonly keys: Keys;
  readonly untilMs: number;
}

type Verdict =
  | { readonly kind: 'good'; readonly untilMs: number }
  | { readonly kind: 'bad'; readonly detail: string }
  | { readonly kind: 'unknownKey' };

export class JwtAuthenticator implements Authenticator {
  readonly #plan: JwtPlan;
  readonly #ports: KeySetPorts;
  readonly #keySet: KeySet;
  readonly #algorithms: string[];
  readonly #names = new SecretNames();
  readonly #good = new AnswerCache<GoodToken>();

  /** @throws ProxyError SALLYPORT_CONFIG_INVALID for an algorithm that is not one of `jwtAlgorithms` */
  constructor(plan: JwtPlan, ports: KeySetPorts) {
    this.#plan = plan;
    this.#ports = ports;
    this.#keySet = new KeySet(plan.jwksUrl, ports);
    this.#algorithms = [...(plan.algorithms.length === 0 ? jwtAlgorithmsDefault : plan.algorithms)];
    const allowed: ReadonlySet<string> = new Set(jwtAlgorithms);
    const wrong = this.#algorithms.find((algorithm) => !allowed.has(algorithm));
    if (wrong !== undefined)
      throw new ProxyError('SALLYPORT_CONFIG_INVALID', `${wrong} is none of ${jwtAlgorithms.join(', ')}`);
  }

  /** Tokens that are remembered, for tests. */
  get remembered(): number {
    return this.#good.size;
  }

  check(authorization: string | null, signal: AbortSignal): AuthenticationOutcome | Promise<AuthenticationOutcome> {
    const reading = readBearer(authorization);
    if (reading.kind === 'missing') return noToken;
    if (reading.kind === 'malformed') return denied(reading.detail);
    const name = this.#names.of(reading.value);
    const known = this.#good.get(name);
    if (known !== null && known.keys === this.#keySet.fresh && this.#ports.clock.wallMs() < known.untilMs)
      return granted;
    return new SharedAnswer(this.#verify(reading.value, name), nothing).wait(signal, leftMeanwhile);
  }

  close(): void {
    this.#keySet.close();
  }

  async #verify(token: string, name: string): Promise<AuthenticationOutcome> {
    let keys = await this.#keySet.current();
    if (keys === null) return noKeys;
    let verdict = await this.#judge(token, keys);
    if (verdict.kind === 'unknownKey') {
      const others = await this.#keySet.otherThan(keys);
      if (others === null) return noKeys;
      if (others !== 'same') {
        keys = others;
        verdict = await this.#judge(token, keys);
      }
    }
    if (verdict.kind === 'unknownKey') return denied('no published key fits the token');
    if (verdict.kind === 'bad') return denied(verdict.detail);
    this.#good.put(name, { keys, untilMs: verdict.untilMs });
    return granted;
  }

  async #judge(token: string, keys: Keys): Promise<Verdict> {
    const { issuer, audience } = this.#plan;
    // Loaded for who needs it: it costs as much of the start as everything else of this folder.
    const { errors, jwtVerify } = await import('jose');
    try {
      const { payload } = await jwtVerify(token, keys.find, {
        algorithms: this.#algorithms,
        ...(issuer === null ? {} : { issuer }),
        ...(audience === null ? {} : { audience: [...audience] }),
        requiredClaims: ['exp'],
        clockTolerance: leewaySeconds,
        currentDate: new Date(this.#ports.clock.wallMs()),
      });
      return { kind: 'good', untilMs: ((payload.exp ?? 0) + leewaySeconds) * 1000 };
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return { kind: 'unknownKey' };
      return { kind: 'bad', detail: detailOf(error, errors) };
    }
  }
}

const realm = 'Bearer';
/** RFC 6750 §3: who gave no token is told of no error. */
const noToken: AuthenticationOutcome = { kind: 'denied', status: 401, challenge: realm, detail: 'no token was given' };
const noKeys = unavailable('the published keys cannot be had');

function denied(detail: string): AuthenticationOutcome {
  return { kind: 'denied', status: 401, challenge: `${realm} error="invalid_token"`, detail };
}

const claimNames: ReadonlySet<string> = new Set(['iss', 'aud', 'exp', 'nbf', 'iat']);

/** In words of our own: what jose says may quote the token. */
function detailOf(error: unknown, kinds: typeof errors): string {
  if (error instanceof kinds.JWTExpired) return 'the token has expired';
  if (error instanceof kinds.JWTClaimValidationFailed)
    return claimNames.has(error.claim)
      ? `the token's ${error.claim} does not fit`
      : 'a claim of the token does not fit';
  if (error instanceof kinds.JOSEAlgNotAllowed) return 'the algorithm of the token is not allowed';
  if (error instanceof kinds.JWSSignatureVerificationFailed) return 'the signature of the token is wrong';
  if (error instanceof kinds.JWKSMultipleMatchingKeys) return 'the token names no key, and several fit';
  return 'the token cannot be read';
}

function nothing(): void {}
