/**
 * Ring 0 of JWT authentication: which tokens pass, and what a forger tries.
 *
 * The clock stands still until it is told to go on; the issuer is a function. A real one is in the integration ring.
 */
import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { exportJWK, exportSPKI, generateKeyPair, importJWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { ProxyError } from '../../src/errors.ts';
import { answersKept } from '../../src/io/authentication/answer-cache.ts';
import type { AuthenticationOutcome } from '../../src/io/authentication/authenticator.ts';
import { readBearer } from '../../src/io/authentication/authorization.ts';
import { jwtAlgorithms } from '../../src/routing/jwt-algorithms.ts';
import { runs, seed } from '../support/fuzz.ts';
import {
  askToken,
  Issuer,
  issuer as issuerName,
  jwksUrl,
  jwtOf,
  makeKey,
  refusal,
  signed,
} from './authentication-issuer.ts';
import { never } from './authentication-samples.ts';

const key = await makeKey('one');
const otherKey = await makeKey('two');
const anyByte = fc.nat(255).map((code) => String.fromCharCode(code));

function base64(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

describe('which tokens pass', () => {
  test('X09: a token of the issuer, for us and of now, passes; the second time at once and without its signature', async () => {
    const issuer = new Issuer(key);
    const world = jwtOf(issuer);
    const token = await signed(key, world);
    expect(await askToken(world, token)).toEqual({ kind: 'granted' });
    expect(world.authenticator.check(`bearer   ${token}`, never)).toEqual({ kind: 'granted' });
    expect(issuer.fetches).toMatchObject([{ url: jwksUrl, redirect: 'error' }]);
    expect(world.clock.armedCount).toBe(0);
  });

  test('every algorithm with a public key is understood, the four usual ones without being asked for', async () => {
    for (const algorithm of jwtAlgorithms) {
      const own = await makeKey('own', algorithm);
      const asked = jwtOf(new Issuer(own), { algorithms: [algorithm] });
      expect(await askToken(asked, await signed(own, asked))).toEqual({ kind: 'granted' });
      const unasked = jwtOf(new Issuer(own));
      const isUsual = ['RS256', 'PS256', 'ES256', 'EdDSA'].includes(algorithm);
      expect(await askToken(unasked, await signed(own, unasked))).toEqual(
        isUsual ? { kind: 'granted' } : refusal('the algorithm of the token is not allowed'),
      );
    }
  });

  test('an algorithm without a public key cannot be configured', () => {
    for (const algorithm of ['none', 'HS256', 'HS512', 'dir', 'RS1', ''])
      expect(() => jwtOf(new Issuer(key), { algorithms: ['ES256', algorithm] })).toThrow(ProxyError);
  });

  test('X09: an expired, an early, a foreign and an endless token are refused, each by what is wrong with it', async () => {
    const world = jwtOf(new Issuer(key));
    const { clock } = world;
    const says = async (token: Promise<string>): Promise<AuthenticationOutcome> => askToken(world, await token);
    expect(await says(signed(key, { clock, expiresIn: -31 }))).toEqual(refusal('the token has expired'));
    expect(await says(signed(key, { clock, notBefore: 31 }))).toEqual(refusal("the token's nbf does not fit"));
    expect(await says(signed(key, { clock, expiresIn: null }))).toEqual(refusal("the token's exp does not fit"));
    expect(await says(signed(key, { clock, payload: { iss: 'https://evil.example/' } }))).toEqual(
      refusal("the token's iss does not fit"),
    );
    expect(await says(signed(key, { clock, payload: { iss: `${issuerName}x` } }))).toEqual(
      refusal("the token's iss does not fit"),
    );
    expect(await says(signed(key, { clock, payload: { aud: 'other' } }))).toEqual(
      refusal("the token's aud does not fit"),
    );
    expect(await says(signed(key, { clock, payload: { aud: [] } }))).toEqual(refusal("the token's aud does not fit"));
    expect(world.authenticator.remembered).toBe(0);
  });

  test('thirty seconds of difference between clocks are forgiven, both ways', async () => {
    const world = jwtOf(new Issuer(key));
    const { clock } = world;
    expect(await askToken(world, await signed(key, { clock, expiresIn: -29 }))).toEqual({ kind: 'granted' });
    expect(await askToken(world, await signed(key, { clock, notBefore: 29 }))).toEqual({ kind: 'granted' });
  });

  test('where no issuer and no audience are configured, none is asked for', async () => {
    const world = jwtOf(new Issuer(key), { issuer: null, audience: null });
    expect(
      await askToken(world, await signed(key, { clock: world.clock, payload: { iss: 'any', aud: 'any' } })),
    ).toEqual({
      kind: 'granted',
    });
  });

  test('a remembered token ends when it says so', async () => {
    const world = jwtOf(new Issuer(key));
    const token = await signed(key, { clock: world.clock, expiresIn: 60 });
    expect(await askToken(world, token)).toEqual({ kind: 'granted' });
    world.clock.advance(89_000);
    expect(world.authenticator.check(`Bearer ${token}`, never)).toEqual({ kind: 'granted' });
    world.clock.advance(1_000);
    expect(await askToken(world, token)).toEqual(refusal('the token has expired'));
  });

  test('no more than a thousand tokens are remembered', async () => {
    const world = jwtOf(new Issuer(key));
    for (let number = 0; number < answersKept + 20; number += 1)
      await askToken(world, await signed(key, { clock: world.clock, payload: { number } }));
    expect(world.authenticator.remembered).toBe(answersKept);
  });
});

describe('what a forger tries', () => {
  const wrongSignature = refusal('the signature of the token is wrong');
  const unknownKey = refusal('no published key fits the token');

  test('a token without a signature, or signed with the public key as a shared secret, is refused', async () => {
    const rsa = await makeKey('rsa', 'RS256');
    const world = jwtOf(new Issuer(rsa));
    const good = await signed(rsa, world);
    const payload = good.split('.')[1] ?? '';
    const publicKey = await importJWK(rsa.jwk, 'RS256');
    if (publicKey instanceof Uint8Array) throw new Error('a secret is no public key');
    for (const algorithm of ['none', 'None', 'HS256']) {
      const head = `${base64({ alg: algorithm, kid: 'rsa' })}.${payload}`;
      const secret = await exportSPKI(publicKey);
      const mac = createHmac('sha256', secret).update(head).digest('base64url');
      expect(await askToken(world, `${head}.${mac}`)).toMatchObject({ kind: 'denied', status: 401 });
      expect(await askToken(world, `${head}.`)).toMatchObject({ kind: 'denied', status: 401 });
      expect(await askToken(world, `${head}.AA`)).toMatchObject({ kind: 'denied', status: 401 });
    }
    expect(world.authenticator.remembered).toBe(0);
  });

  test('a key that the token brings itself, or an address to fetch one from, is ignored', async () => {
    const issuer = new Issuer(key);
    const world = jwtOf(issuer);
    const { clock } = world;
    const headers = [
      { jwk: otherKey.jwk, kid: 'one' },
      { jku: 'https://evil.example/keys', kid: 'one' },
      { x5u: 'https://evil.example/chain', kid: 'one' },
    ];
    for (const header of headers)
      expect(await askToken(world, await signed(otherKey, { clock, header }))).toEqual(wrongSignature);
    expect(await askToken(world, await signed(otherKey, { clock, header: { jwk: otherKey.jwk } }))).toEqual(unknownKey);
    expect(issuer.fetches.every(({ url }) => url === jwksUrl)).toBe(true);
  });

  test('an extension that must be understood, and is not, is refused', async () => {
    const world = jwtOf(new Issuer(key));
    const head = base64({ alg: 'ES256', kid: 'one', crit: ['x'], x: 1 });
    const [, payload, signature] = (await signed(key, world)).split('.');
    expect(await askToken(world, `${head}.${payload}.${signature}`)).toEqual(refusal('the token cannot be read'));
  });

  test('any token with one letter changed is refused', async () => {
    const world = jwtOf(new Issuer(key));
    const token = await signed(key, world);
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.integer({ min: 1, max: 63 }), async (at, by) => {
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
        const changed = alphabet[(alphabet.indexOf(token.charAt(at)) + by) % 64] ?? '';
        const outcome = await askToken(world, `${token.slice(0, at)}${changed}${token.slice(at + 1)}`);
        expect(outcome).toMatchObject({ kind: 'denied', status: 401 });
      }),
      { seed: seed(), numRuns: runs(100) },
    );
  });

  test('what is no signed token is refused without asking for keys, and nothing of it is repeated', () => {
    const issuer = new Issuer(key);
    const { authenticator } = jwtOf(issuer);
    const malformed = [
      'x',
      'a.b',
      'a.b.',
      '.b.c',
      'a.b.c.d',
      'a.b.c d',
      'a,b.c',
      `a.b.${'c'.repeat(1_048_576)}`,
      'a.b=.c',
    ];
    for (const token of malformed) {
      const outcome = authenticator.check(`Bearer ${token}`, never);
      expect(outcome).toMatchObject({ kind: 'denied', status: 401, challenge: 'Bearer error="invalid_token"' });
      expect(JSON.stringify(outcome)).not.toContain(token.slice(0, 20));
    }
    expect(authenticator.check('Bearer', never)).toMatchObject({ challenge: 'Bearer error="invalid_token"' });
    for (const field of [null, '', 'Basic YTpi', 'bearers a.b.c'])
      expect(authenticator.check(field, never)).toEqual({
        kind: 'denied',
        status: 401,
        challenge: 'Bearer',
        detail: 'no token was given',
      });
    expect(issuer.fetches).toEqual([]);
  });

  test('any text at all is a token, or none, or refused', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyByte, maxLength: 40 }), (text) => {
        const reading = readBearer(`Bearer ${text}`);
        if (reading.kind === 'read') expect(text.replace(/^ +/, '')).toBe(reading.value);
        else expect(reading.kind).toBe('malformed');
      }),
      { seed: seed(), numRuns: runs(200) },
    );
  });

  test('a set that publishes a secret or a private key gives nobody a way in', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true });
    const issuer = new Issuer();
    issuer.keys = [
      { kty: 'oct', k: Buffer.from('secret').toString('base64url'), kid: 'one', alg: 'HS256' },
      { ...(await exportJWK(privateKey)), kid: 'private', alg: 'ES256' },
    ];
    const world = jwtOf(issuer);
    const head = `${base64({ alg: 'HS256', kid: 'one' })}.${base64({ iss: issuerName, aud: 'api', exp: 9e9 })}`;
    const mac = createHmac('sha256', 'secret').update(head).digest('base64url');
    expect(await askToken(world, `${head}.${mac}`)).toMatchObject({ kind: 'denied' });
    const own = { ...key, secret: privateKey, kid: 'private' };
    expect(await askToken(world, await signed(own, world))).toMatchObject({ kind: 'denied' });
  });

  test('a token that names no key passes by the only one that fits, and is refused where several do', async () => {
    const alone = jwtOf(new Issuer(key));
    expect(await askToken(alone, await signed(key, { clock: alone.clock, header: { kid: '' } }))).toEqual(unknownKey);
    expect(await askToken(alone, await signed(key, { clock: alone.clock, header: noKid }))).toEqual({
      kind: 'granted',
    });
    const several = jwtOf(new Issuer(key, otherKey));
    expect(await askToken(several, await signed(key, { clock: several.clock, header: noKid }))).toEqual(
      refusal('the token names no key, and several fit'),
    );
  });
});

const noKid: object = { kid: undefined };
