/**
 * Pools of endpoints, whatever happens: dials and their ends, checks, names that change, clients who leave.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PoolPlan } from '../../src/routing/pool-plan.ts';
import { runs, seed } from '../support/fuzz.ts';
import { addressEntry, keyOf, poolOf, PoolRig, type Health } from '../support/pool-rig.ts';

const checks = { intervalMs: 1_000, timeoutMs: 300, rise: 2, fall: 2 };
const breaker = { failures: 2, openForMs: 4_000, openForMaxMs: 30_000 };

/** Three addresses and a name. */
const entries = (cap: number | null) => [
  addressEntry('10.0.0.1', 80, { maxConnections: cap }),
  addressEntry('10.0.0.2', 80, { maxConnections: cap }),
  addressEntry('db.example', 80, { maxConnections: cap }),
];
const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'] as const;

type Deed =
  | { readonly kind: 'dial' | 'succeed' | 'fail' | 'abort' | 'release' | 'leave'; readonly who: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'health'; readonly host: string; readonly health: Health }
  | { readonly kind: 'answer'; readonly hosts: readonly string[] | null };

const who = fc.nat(30);
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('dial', 'dial', 'dial', 'succeed', 'fail', 'abort', 'release', 'leave'),
      who,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.constantFrom(10, 400, 1_100, 5_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('health' as const),
      host: fc.constantFrom(...hosts),
      health: fc.constantFrom<Health>('well', 'refuses', 'hangs'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('answer' as const),
      hosts: fc.option(fc.subarray(['10.0.0.2', '10.0.0.3', '10.0.0.4'], { minLength: 1 })),
    }),
  },
);

const planArbitrary: fc.Arbitrary<PoolPlan> = fc
  .record({
    cap: fc.constantFrom(null, 1, 2),
    waitersMax: fc.constantFrom(0, 3, 100),
    balance: fc.constantFrom<PoolPlan['balance']>('round-robin', 'least-connections', 'random-two', 'hash'),
    hasChecks: fc.boolean(),
    hasBreaker: fc.boolean(),
    slowStartMs: fc.constantFrom(null, 2_000),
    drainMs: fc.constantFrom(null, 3_000),
    onEndpointDown: fc.constantFrom<PoolPlan['onEndpointDown']>('keep', 'drain', 'kill'),
  })
  .map(({ cap, hasChecks, hasBreaker, slowStartMs, drainMs, ...more }) =>
    poolOf(entries(cap), {
      ...more,
      check: hasChecks ? { type: 'tcp' } : null,
      policy: {
        checks: hasChecks ? checks : null,
        breaker: hasBreaker ? breaker : null,
        slowStartMs,
        drainMs,
        trialMs: 5_000,
      },
    }),
  );

function act(rig: PoolRig, one: Deed): void {
  switch (one.kind) {
    case 'pass':
      rig.clock.advance(one.ms);
      return;
    case 'health':
      rig.health.set(one.host, one.health);
      return;
    case 'answer':
      rig.answer = one.hosts === null ? null : { kind: 'addresses', addresses: one.hosts, ttlMs: 2_000 };
      return;
    case 'dial':
      dial(rig, one.who);
      return;
    default: {
      const busy = rig.clients.filter(({ use, isWaiting }) => use !== null || isWaiting);
      const client = busy[one.who % Math.max(1, busy.length)];
      if (client !== undefined) client[one.kind]();
    }
  }
}

/** Somebody new, or somebody whose last attempt failed. */
function dial(rig: PoolRig, number: number): void {
  const failed = rig.clients.filter(({ use, isWaiting, isGone, failedAt }) => {
    return use === null && !isWaiting && !isGone && failedAt.size > 0;
  });
  const client = (number % 3 === 0 ? failed[0] : undefined) ?? rig.client(`192.0.2.${number}`);
  client.dial();
  if (client.last === 'full') client.wait();
}

/** What is not as it must be, after everything that happens; null where all is well. */
function problemOf(rig: PoolRig, { waitersMax }: PoolPlan): string | null {
  const status = rig.pools.status();
  for (const { name, address, connections, connectionsMax } of status) {
    if (connections !== rig.usesOf(address)) return `${name} counts ${connections} of ${rig.usesOf(address)} uses`;
    if (connections > (connectionsMax ?? Infinity)) return `${name} is past its cap`;
  }
  const waiting = rig.clients.filter(({ isWaiting }) => isWaiting);
  if (waiting.length > waitersMax) return 'more wait than may';
  for (const { failedAt } of waiting) {
    for (const { name, address, state, connections, connectionsMax } of status) {
      const isFree = state === 'UP' && !failedAt.has(keyOf(address)) && connections < (connectionsMax ?? Infinity);
      if (isFree) return `somebody waits although ${name} is free`;
    }
  }
  const again = rig.clients.find(({ use, isConnected, failedAt, target }) => {
    return use !== null && !isConnected && failedAt.has(keyOf(target));
  });
  return again === undefined ? null : 'an endpoint that failed was tried again';
}

/** Everything is well, and some traffic comes, until every endpoint is given connections again. */
async function recover(rig: PoolRig): Promise<void> {
  rig.health.clear();
  for (let rounds = 0; rounds < 60 && rig.pools.status().some(({ state }) => state !== 'UP'); rounds += 1) {
    rig.clock.advance(2_000);
    await rig.turn();
    const clients = rig.pools.status().map((_, place) => rig.client(`192.0.2.${rounds * 4 + place}`));
    for (const client of clients) client.dial();
    for (const client of clients) client.succeed();
    for (const client of clients) client.leave();
  }
}

describe('a pool of endpoints, whatever happens to it', () => {
  test('B02, B04: no cap is passed, no place is lost, nobody waits for what is there, and who is well is used again', async () => {
    await fc.assert(
      fc.asyncProperty(planArbitrary, fc.array(deed, { minLength: 20, maxLength: 120 }), async (plan, deeds) => {
        const rig = new PoolRig(plan);
        rig.answer = { kind: 'addresses', addresses: ['10.0.0.3'], ttlMs: 2_000 };
        rig.pools.start();
        await rig.turn();
        for (const one of deeds) {
          act(rig, one);
          await rig.turn();
          const problem = problemOf(rig, plan);
          if (problem !== null) throw new Error(problem);
        }
        for (const client of rig.clients) client.leave();
        await recover(rig);
        const states = rig.pools.status().map(({ state }) => state);
        expect(new Set(states)).toEqual(new Set(['UP']));
        expect(rig.pools.status().every(({ connections }) => connections === 0)).toBe(true);
        rig.pools.stop();
        await rig.turn();
        expect(rig.clock.armedCount).toBe(0);
        expect(rig.pools.status()).toEqual([]);
        rig.clock.advance(60_000);
        expect(rig.ledger.size).toBe(0);
      }),
      { seed: seed(), numRuns: runs(60) },
    );
  });
});
