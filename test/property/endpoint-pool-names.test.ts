/**
 * The names of pools, one law at a time: which answers count, what two names that lead to one address are, and what is
 * remembered of an endpoint that an answer leaves out.
 */
import { describe, expect, test } from 'vitest';
import { endpointResolver, type DnsQueries, type EndpointAnswer } from '../../src/io/endpoints/endpoint-resolver.ts';
import type { EndpointPlan, PoolPlan } from '../../src/routing/pool-plan.ts';
import { addressEntry, dialAll, poolOf, started, type PoolRig } from '../support/pool-rig.ts';

const withCode = (code: string) => Promise.reject(Object.assign(new Error(`no: ${code}`), { code }));

/** Name servers that answer so, and a system that knows one address. */
function sourcesOf(dns: Partial<DnsQueries>) {
  const asked: string[] = [];
  const none = () => withCode('ENODATA');
  return {
    asked,
    dns: () => {
      asked.push('dns');
      return { resolve4: none, resolve6: none, resolveSrv: none, cancel: () => undefined, ...dns };
    },
    system: (name: string) => {
      asked.push(`system ${name}`);
      return Promise.resolve(['10.0.0.9']);
    },
  };
}

const question = { kind: 'address', name: 'db.example' } as const;
const v4 = () => Promise.resolve([{ address: '10.0.0.1', ttl: 30, type: 'A' as const }]);
const v6 = () => Promise.resolve([{ address: 'fd00::1', ttl: 20, type: 'AAAA' as const }]);

describe('what name servers say', () => {
  test('both halves are one answer, which holds as long as the shorter one', async () => {
    const both = await endpointResolver(null, sourcesOf({ resolve4: v4, resolve6: v6 })).resolve(question);
    expect(both).toEqual({ kind: 'addresses', addresses: ['10.0.0.1', 'fd00::1'], ttlMs: 20_000 });
    const one = await endpointResolver(null, sourcesOf({ resolve4: v4 })).resolve(question);
    expect(one).toMatchObject({ addresses: ['10.0.0.1'], ttlMs: 30_000 });
  });

  test.each(['ETIMEOUT', 'ESERVFAIL', 'EREFUSED'])('a half that fails with %s fails the whole answer', async (code) => {
    const fails = () => withCode(code);
    for (const dns of [{ resolve4: fails, resolve6: v6 }, { resolve4: v4, resolve6: fails }, { resolve4: fails }]) {
      const sources = sourcesOf(dns);
      await expect(endpointResolver(null, sources).resolve(question)).rejects.toMatchObject({ code });
      expect(sources.asked).toEqual(['dns']);
    }
  });

  test.each(['ENODATA', 'ENOTFOUND', 'ECONNREFUSED'])(
    'what both halves answer with %s is left to the system',
    async (code) => {
      const fails = () => withCode(code);
      const answer = await endpointResolver(null, sourcesOf({ resolve4: fails, resolve6: fails })).resolve(question);
      expect(answer).toEqual({ kind: 'addresses', addresses: ['10.0.0.9'], ttlMs: null });
    },
  );

  test('who is stopped asks nobody any more, whatever is under way', async () => {
    for (const code of ['ENOTFOUND', 'ECANCELLED']) {
      const { promise: stopped, resolve: stop } = Promise.withResolvers<boolean>();
      const fails = () => stopped.then(() => withCode(code));
      const sources = sourcesOf({ resolve4: fails, resolve6: fails, cancel: () => stop(true) });
      const resolver = endpointResolver(null, sources);
      const answer = resolver.resolve(question);
      resolver.stop();
      await expect(answer).rejects.toMatchObject({ code: 'ECANCELLED' });
      await expect(resolver.resolve(question)).rejects.toMatchObject({ code: 'ECANCELLED' });
      expect(sources.asked).toEqual(['dns']);
    }
  });
});

const addresses = (...found: readonly string[]): EndpointAnswer => ({
  kind: 'addresses',
  addresses: found,
  ttlMs: 1_000,
});

/** As long as answers hold here, and then what comes of the next ones. */
async function askAgain(rig: PoolRig): Promise<void> {
  rig.clock.advance(1_000);
  await rig.turn();
}

describe('answers', () => {
  test('an answer without one usable address, or service, is none: it changes nothing', async () => {
    const rig = await started(poolOf([addressEntry('a.example', 80)]), (one) => (one.answer = addresses('10.0.0.1')));
    rig.answer = addresses('evil.example', '');
    await askAgain(rig);
    expect(dialAll(rig, 1)[0]?.target?.host).toBe('10.0.0.1');
    expect(rig.events.at(-1)).toMatchObject({ event: 'pool.unresolved', cause: 'the name has no address' });
    rig.pools.stop();
  });

  test('SRV records that lead nowhere change nothing, but a single dot says that the service is not there', async () => {
    const service = { source: { kind: 'service', name: '_db._tcp.example' }, weight: 1, maxConnections: null } as const;
    const records = (host: string, port: number): EndpointAnswer => {
      return { kind: 'services', services: [{ host, port, priority: 1, weight: 1 }], ttlMs: 1_000 };
    };
    const rig = await started(poolOf([service]), (one) => (one.answer = records('a.example', 5432)));
    rig.answer = records('b.example', 0);
    await askAgain(rig);
    expect(rig.pools.status().map(({ name }) => name)).toEqual(['a.example:5432']);
    rig.answer = records('.', 0);
    await askAgain(rig);
    expect(rig.pools.status()).toEqual([]);
    rig.pools.stop();
  });

  test('who comes before any name was answered is served by the first that is', async () => {
    const plan = poolOf([addressEntry('a.example', 80), addressEntry('slow.example', 80)]);
    const { promise, resolve: answer } = Promise.withResolvers<EndpointAnswer>();
    const never = Promise.withResolvers<EndpointAnswer>();
    const rig = await started(plan, (one) => {
      one.answers.set('a.example', promise).set('slow.example', never.promise);
    });
    const [early] = dialAll(rig, 1);
    await rig.turn();
    expect(early?.last).toBeNull();
    answer(addresses('10.0.0.1'));
    await rig.turn();
    expect(early?.target?.host).toBe('10.0.0.1');
    rig.pools.stop();
  });
});

describe('two names that lead to one address', () => {
  const both = (one: Partial<EndpointPlan> = {}, other: Partial<EndpointPlan> = {}) =>
    poolOf([addressEntry('a.example', 443, one), addressEntry('b.example', 443, other)]);

  test('TLS asks for the name by which the endpoint was found, whatever becomes of the other name', async () => {
    const rig = await started(both(), (one) => (one.answer = addresses('10.0.0.1')));
    const namesOf = () => new Set(dialAll(rig, 4).map(({ target }) => `${target?.host} ${target?.serverName}`));
    expect(namesOf()).toEqual(new Set(['10.0.0.1 a.example', '10.0.0.1 b.example']));
    rig.answers.set('a.example', addresses('10.0.0.2'));
    await askAgain(rig);
    expect(namesOf()).toEqual(new Set(['10.0.0.2 a.example', '10.0.0.1 b.example']));
    rig.pools.stop();
  });

  test('entries that lead to the same endpoint add their caps, as they are now', async () => {
    const service = (name: string, maxConnections: number | null): EndpointPlan => {
      return { source: { kind: 'service', name }, weight: 1, maxConnections };
    };
    const leadsTo = (host: string): EndpointAnswer => {
      return { kind: 'services', services: [{ host, port: 80, priority: 1, weight: 1 }], ttlMs: 1_000 };
    };
    const rig = await started(poolOf([service('_a', 2), service('_b', 3), service('_c', null)]), (one) => {
      one.answers.set('_a', leadsTo('x')).set('_b', leadsTo('x')).set('_c', leadsTo('y'));
    });
    const caps = () => rig.pools.status().map(({ name, connectionsMax }) => `${name} ${connectionsMax}`);
    expect(caps()).toEqual(['x:80 5', 'y:80 null']);
    rig.answers.set('_b', leadsTo('y'));
    rig.clock.advance(30_000);
    await rig.turn();
    expect(caps()).toEqual(['x:80 2', 'y:80 null']);
    expect(dialAll(rig, 20).filter(({ target }) => target?.host === 'x')).toHaveLength(2);
    rig.pools.stop();
  });
});

describe('an endpoint that is not well when an answer leaves it out', () => {
  const named = (policy: Partial<PoolPlan['policy']>, more: Partial<PoolPlan> = {}) =>
    poolOf([addressEntry('db.example', 80)], { policy: { ...poolOf([]).policy, ...policy }, ...more });

  const checks = { intervalMs: 400, timeoutMs: 100, rise: 2, fall: 1 };

  test('DOWN stays DOWN when it comes back with the next answer, and is forgotten when it does not', async () => {
    const rig = await started(named({ checks }, { check: { type: 'tcp' } }), (one) => {
      one.health.set('10.0.0.2', 'refuses');
      one.answer = addresses('10.0.0.1', '10.0.0.2');
    });
    rig.clock.advance(10);
    expect(rig.state('10.0.0.2:80')).toBe('DOWN');
    rig.answer = addresses('10.0.0.1');
    await askAgain(rig);
    rig.answer = addresses('10.0.0.1', '10.0.0.2');
    await askAgain(rig);
    expect(rig.state('10.0.0.2:80')).toBe('DOWN');
    expect(new Set(dialAll(rig, 4).map(({ target }) => target?.host))).toEqual(new Set(['10.0.0.1']));
    rig.answer = addresses('10.0.0.1');
    await askAgain(rig);
    await askAgain(rig);
    expect(rig.state('10.0.0.2:80')).toBe('unknown');
    rig.pools.stop();
    expect(rig.clock.armedCount).toBe(0);
  });

  test('an ejection goes on meanwhile, and who is well again without being wanted is let go', async () => {
    const breaker = { failures: 1, openForMs: 2_500, openForMaxMs: 30_000 };
    const rig = await started(named({ breaker }), (one) => (one.answer = addresses('10.0.0.1', '10.0.0.2')));
    dialAll(rig, 1)[0]?.fail();
    expect(rig.state('10.0.0.1:80')).toBe('EJECTED');
    rig.answer = addresses('10.0.0.2');
    await askAgain(rig);
    expect(dialAll(rig, 4).every(({ target }) => target?.host === '10.0.0.2')).toBe(true);
    rig.answer = addresses('10.0.0.1', '10.0.0.2');
    await askAgain(rig);
    expect(rig.state('10.0.0.1:80')).toBe('EJECTED');
    rig.answer = null;
    rig.clock.advance(500);
    expect(rig.state('10.0.0.1:80')).toBe('HALF_OPEN');
    rig.pools.stop();
  });

  test('a name that is not answered any more keeps nobody who is well again', async () => {
    const breaker = { failures: 1, openForMs: 2_500, openForMaxMs: 30_000 };
    const rig = await started(named({ breaker }), (one) => (one.answer = addresses('10.0.0.1', '10.0.0.2')));
    dialAll(rig, 1)[0]?.fail();
    rig.answer = addresses('10.0.0.2');
    await askAgain(rig);
    rig.answer = null;
    rig.clock.advance(1_500);
    await rig.turn();
    expect(rig.state('10.0.0.1:80')).toBe('unknown');
    rig.pools.stop();
  });
});
