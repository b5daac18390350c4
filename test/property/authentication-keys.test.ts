/**
 * Ring 0 of the keys of tokens: where they come from, how often they are fetched, and what an issuer can do to the proxy.
 *
 * The clock stands still until it is told to go on; the issuer is a function. A real one is in the integration ring.
 */
import { expect, test } from 'vitest';
import { fetchMs, freshMs, keySetBytesMax, unknownKeyPauseMs, usableMs } from '../../src/io/authentication/key-set.ts';
import { askToken, Issuer, jwtOf, makeKey, refusal, signed } from './authentication-issuer.ts';

const key = await makeKey('one');
const otherKey = await makeKey('two');
const minute = 60_000;

test('any number of askers share one fetch, and a slow one ends at its deadline for all of them', async () => {
  const issuer = new Issuer(key);
  issuer.answer = 'hang';
  const world = jwtOf(issuer);
  const token = await signed(key, world);
  const asked = Array.from({ length: 20 }, () => askToken(world, token));
  expect(issuer.fetches).toHaveLength(1);
  expect(world.clock.armedCount).toBe(1);
  world.clock.advance(fetchMs - 1);
  expect(issuer.fetches[0]?.signal?.aborted).toBe(false);
  world.clock.advance(1);
  expect(issuer.fetches[0]?.signal?.aborted).toBe(true);
  for (const outcome of await Promise.all(asked)) expect(outcome).toMatchObject({ kind: 'unavailable', status: 503 });
  expect(world.clock.armedCount).toBe(0);
});

test('an asker that leaves is answered at once, and the others still get theirs', async () => {
  const issuer = new Issuer(key);
  const world = jwtOf(issuer);
  const token = await signed(key, world);
  const leaving = new AbortController();
  const left = world.authenticator.check(`Bearer ${token}`, leaving.signal);
  const stays = askToken(world, token);
  leaving.abort();
  expect(await left).toMatchObject({ kind: 'unavailable' });
  expect(await stays).toEqual({ kind: 'granted' });
});

test('close ends a fetch and tells who waits; nothing is armed and nothing is fetched afterwards', async () => {
  const issuer = new Issuer(key);
  issuer.answer = 'hang';
  const world = jwtOf(issuer);
  const token = await signed(key, world);
  const asked = askToken(world, token);
  world.authenticator.close();
  world.authenticator.close();
  expect(await asked).toMatchObject({ kind: 'unavailable' });
  expect(world.clock.armedCount).toBe(0);
  world.clock.advance(minute);
  issuer.answer = 'keys';
  expect(await askToken(world, token)).toMatchObject({ kind: 'unavailable' });
  expect(issuer.fetches).toHaveLength(1);
});

test('an answer that is no key set is 503, and asked for again only after a pause', async () => {
  const bad = [
    () => 'unreachable' as const,
    () => new Response('{}', { status: 500 }),
    () => Response.json({ keys: [key.jwk] }, { status: 404 }),
    () => new Response('not json'),
    () => new Response(''),
    () => Response.json(null),
    () => Response.json([]),
    () => Response.json({ keys: 'none' }),
    () => Response.json({ keys: [null] }),
    () => Response.json({ keys: [{ kid: 'one' }] }),
    () => Response.json({ keys: [key.jwk], padding: 'x'.repeat(keySetBytesMax) }),
  ];
  for (const answer of bad) {
    const issuer = new Issuer(key);
    issuer.answer = answer();
    const world = jwtOf(issuer);
    const token = await signed(key, world);
    expect(await askToken(world, token)).toMatchObject({ kind: 'unavailable', status: 503 });
    issuer.answer = 'keys';
    world.clock.advance(4_999);
    expect(await askToken(world, token)).toMatchObject({ kind: 'unavailable', status: 503 });
    expect(issuer.fetches).toHaveLength(1);
    world.clock.advance(1);
    expect(await askToken(world, token)).toEqual({ kind: 'granted' });
    expect(issuer.fetches).toHaveLength(2);
    expect(world.clock.armedCount).toBe(0);
  }
});

test('an answer that never ends is read no further than its bound, and not at all where its status says no', async () => {
  for (const [status, chunksMax] of [
    [200, keySetBytesMax / 65_536 + 2],
    [500, 1],
  ] as const) {
    const issuer = new Issuer(key);
    let pulled = 0;
    let hasCancelled = false;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 1;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
      cancel: () => {
        hasCancelled = true;
      },
    });
    issuer.answer = new Response(endless, { status });
    const world = jwtOf(issuer);
    expect(await askToken(world, await signed(key, world))).toMatchObject({ kind: 'unavailable' });
    expect(pulled).toBeLessThanOrEqual(chunksMax);
    expect(hasCancelled).toBe(true);
  }
});

test('a key that is not among them is looked for once, and invented ones cost the issuer two fetches a minute', async () => {
  const issuer = new Issuer(key);
  const world = jwtOf(issuer);
  const { clock } = world;
  await askToken(world, await signed(key, world));
  clock.advance(unknownKeyPauseMs);
  for (let second = 0; second < 60; second += 1) {
    for (const header of [{ kid: `x${second}` }, { kid: `y${second}` }])
      expect(await askToken(world, await signed(otherKey, { clock, header }))).toEqual(
        refusal('no published key fits the token'),
      );
    clock.advance(1000);
  }
  expect(issuer.fetches).toHaveLength(3);
});

test('rotation: a token of a new key passes as soon as the key is published', async () => {
  const issuer = new Issuer(key);
  const world = jwtOf(issuer);
  const { clock } = world;
  expect(await askToken(world, await signed(key, { clock }))).toEqual({ kind: 'granted' });
  clock.advance(unknownKeyPauseMs);
  issuer.keys = [key.jwk, otherKey.jwk];
  const tokens = await Promise.all([1, 2, 3].map((number) => signed(otherKey, { clock, payload: { number } })));
  const outcomes = await Promise.all(tokens.map((token) => askToken(world, token)));
  expect(outcomes).toEqual([{ kind: 'granted' }, { kind: 'granted' }, { kind: 'granted' }]);
  expect(issuer.fetches).toHaveLength(2);
});

test('rotation: a remembered token of a key that was withdrawn is refused once the keys were fetched again', async () => {
  const issuer = new Issuer(key);
  const world = jwtOf(issuer);
  const { clock } = world;
  const token = await signed(key, { clock, expiresIn: 7200 });
  expect(await askToken(world, token)).toEqual({ kind: 'granted' });
  issuer.keys = [otherKey.jwk];
  clock.advance(freshMs - 1);
  expect(await askToken(world, token)).toEqual({ kind: 'granted' });
  clock.advance(1);
  // This one begins the fetch, and does not wait for it.
  expect(await askToken(world, token)).toEqual({ kind: 'granted' });
  await new Promise((resolve) => setImmediate(resolve));
  expect(await askToken(world, token)).toEqual(refusal('no published key fits the token'));
});

test('an issuer that is away for less than an hour keeps nobody out, and one that is away for longer does', async () => {
  const issuer = new Issuer(key);
  const world = jwtOf(issuer);
  const { clock } = world;
  const token = await signed(key, { clock, expiresIn: 36_000 });
  expect(await askToken(world, token)).toEqual({ kind: 'granted' });
  issuer.answer = 'unreachable';
  for (let waited = 0; waited + minute < usableMs; waited += minute) {
    clock.advance(minute);
    expect(await askToken(world, token)).toEqual({ kind: 'granted' });
  }
  clock.advance(minute);
  expect(await askToken(world, token)).toMatchObject({ kind: 'unavailable', status: 503 });
  issuer.answer = 'keys';
  clock.advance(minute);
  expect(await askToken(world, token)).toEqual({ kind: 'granted' });
});

test('while the issuer is away, a key that is not known is 503: it may be a new one', async () => {
  const issuer = new Issuer(key);
  const world = jwtOf(issuer);
  const { clock } = world;
  await askToken(world, await signed(key, { clock }));
  clock.advance(unknownKeyPauseMs);
  issuer.answer = 'unreachable';
  for (let time = 0; time < 3; time += 1) {
    expect(await askToken(world, await signed(otherKey, { clock }))).toMatchObject({
      kind: 'unavailable',
      status: 503,
    });
    clock.advance(1000);
  }
  expect(issuer.fetches).toHaveLength(2);
});
