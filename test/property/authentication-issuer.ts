/** A token issuer for tests: its keys, the tokens that it signs, and a `fetch` that counts and can be held. */
import {
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
} from 'jose';
import type { Clock } from '../../src/io/clock.ts';
import type { AuthenticationOutcome } from '../../src/io/authentication/authenticator.ts';
import { JwtAuthenticator } from '../../src/io/authentication/jwt.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { never } from './authentication-samples.ts';

export const jwksUrl = 'https://issuer.example/keys';
export const issuer = 'https://issuer.example/';
export const audience = 'api';

export interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly secret: CryptoKey;
  readonly jwk: JWK;
}

export async function makeKey(kid: string, alg = 'ES256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, secret: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** Times are in seconds from the clock's now. */
export interface TokenOptions {
  readonly clock: Pick<Clock, 'wallMs'>;
  readonly payload?: JWTPayload;
  readonly header?: Partial<JWTHeaderParameters>;
  readonly expiresIn?: number | null;
  readonly notBefore?: number;
}

/** A token with everything right, but for what is asked otherwise. */
export function signed(key: IssuerKey, options: TokenOptions): Promise<string> {
  const { clock, payload = {}, header = {}, expiresIn = 300, notBefore } = options;
  const nowSeconds = Math.floor(clock.wallMs() / 1000);
  const claims = {
    iss: issuer,
    aud: audience,
    ...(expiresIn === null ? {} : { exp: nowSeconds + expiresIn }),
    ...(notBefore === undefined ? {} : { nbf: nowSeconds + notBefore }),
    ...payload,
  };
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.secret);
}

/** What the issuer answers to a fetch of its keys. */
export type Answer = 'keys' | 'hang' | 'unreachable' | Response;

export class Issuer {
  readonly fetches: { readonly url: string; readonly signal: AbortSignal | null; readonly redirect: string }[] = [];
  keys: readonly JWK[];
  answer: Answer = 'keys';

  constructor(...keys: readonly IssuerKey[]) {
    this.keys = keys.map(({ jwk }) => jwk);
  }

  readonly fetch = async (url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const signal = init?.signal ?? null;
    this.fetches.push({ url: url instanceof Request ? url.url : String(url), signal, redirect: init?.redirect ?? '' });
    if (this.answer === 'unreachable') throw new TypeError('fetch failed');
    if (this.answer === 'hang') return aborted(signal);
    return this.answer === 'keys' ? Response.json({ keys: this.keys }) : this.answer;
  };
}

function aborted(signal: AbortSignal | null): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')), { once: true });
  });
}

export interface JwtWorld {
  readonly authenticator: JwtAuthenticator;
  readonly clock: StepClock;
}

export function jwtOf(
  { fetch }: Issuer,
  plan: {
    readonly issuer?: string | null;
    readonly audience?: readonly string[] | null;
    readonly algorithms?: readonly string[];
  } = {},
): JwtWorld {
  const clock = new StepClock();
  const whole = {
    type: 'jwt',
    jwksUrl,
    issuer,
    audience: [audience],
    algorithms: [],
    forwardCredentials: false,
    ...plan,
  } as const;
  return { authenticator: new JwtAuthenticator(whole, { clock, fetch }), clock };
}

export async function askToken({ authenticator }: JwtWorld, token: string): Promise<AuthenticationOutcome> {
  return authenticator.check(`Bearer ${token}`, never);
}

/** What is answered to a token that is not good. */
export function refusal(detail: string): AuthenticationOutcome {
  return { kind: 'denied', status: 401, challenge: 'Bearer error="invalid_token"', detail };
}
