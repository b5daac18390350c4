/**
 * Pools of endpoints, one law at a time: who is given a connection, who waits, what checks and names change.
 */
import { describe, expect, test } from 'vitest';
import { endpointsPerNameMax } from '../../src/io/endpoints/found-endpoints.ts';
import type { PoolPlan } from '../../src/routing/pool-plan.ts';
import { addressEntry, dialAll, poolOf, PoolRig, started } from '../support/pool-rig.ts';

const checks = { intervalMs: 1_000, timeoutMs: 300, rise: 2, fall: 2 };
const breaker = { failures: 2, openForMs: 4_000, openForMaxMs: 30_000 };

const three = [addressEntry('10.0.0.1', 80), addressEntry('10.0.0.2', 80), addressEntry('10.0.0.3', 80)];

describe('who is given a connection', () => {
  test('B01: connections take turns over the endpoints, by weight', async () => {
    const rig = await started(poolOf([addressEntry('10.0.0.1', 80, { weight: 2 }), addressEntry('10.0.0.2', 80)]));
    const hostsOf = dialAll(rig, 6).map(({ target }) => target?.host);
    expect(hostsOf.filter((host) => host === '10.0.0.1')).toHaveLength(4);
    rig.pools.stop();
  });

  test('an endpoint that failed a dial is not tried by it again, and where no other is left that is said', async () => {
    const rig = await started(poolOf(three, { retries: 5 }));
    const client = rig.client();
    expect(client.candidates.attemptsMax).toBe(3);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      client.dial();
      client.fail();
    }
    expect(client.failedAt.size).toBe(3);
    client.dial();
    expect(client.why).toBe('3 of 3 endpoints of db are tried in vain');
    rig.pools.stop();
  });

  test('B02: dials that fail eject an endpoint, then one dial tries, and the others are told why there is none', async () => {
    const rig = await started(poolOf([addressEntry('10.0.0.1', 80)], { policy: { ...poolOf([]).policy, breaker } }));
    for (const client of dialAll(rig, 2)) client.fail();
    expect(rig.state('10.0.0.1:80')).toBe('EJECTED');
    const [refused] = dialAll(rig, 1);
    expect(refused?.why).toBe('1 of 1 endpoint of db is ejected until 2026-01-01T00:00:04.000Z');
    rig.clock.advance(4_000);
    const [trial, other] = dialAll(rig, 2);
    expect([trial?.last, other?.last]).toEqual(['endpoint', 'none']);
    expect(other?.why).toBe('1 of 1 endpoint of db is tried by somebody else just now');
    trial?.abort();
    const [again] = dialAll(rig, 1);
    again?.succeed();
    expect(rig.state('10.0.0.1:80')).toBe('UP');
    expect(rig.events.map(({ event }) => event)).toEqual(['endpoint.ejected', 'endpoint.up']);
    rig.pools.stop();
  });

  test('a trial of which the time is up is over: what comes of it later changes nothing', async () => {
    const policy = { ...poolOf([]).policy, breaker, trialMs: 5_000 };
    const rig = await started(poolOf([addressEntry('10.0.0.1', 80)], { policy }));
    for (const client of dialAll(rig, 2)) client.fail();
    rig.clock.advance(4_000);
    const [slow] = dialAll(rig, 1);
    rig.clock.advance(5_000);
    expect(rig.state('10.0.0.1:80')).toBe('EJECTED');
    rig.clock.advance(8_000);
    const [next] = dialAll(rig, 1);
    expect(next?.last).toBe('endpoint');
    slow?.succeed();
    expect(rig.state('10.0.0.1:80')).toBe('HALF_OPEN');
    next?.fail();
    expect(rig.state('10.0.0.1:80')).toBe('EJECTED');
    rig.pools.stop();
  });

  test('of those who wait when the ejection ends, one tries and the others go on waiting', async () => {
    const policy = { ...poolOf([]).policy, breaker: { ...breaker, failures: 1 } };
    const both = [addressEntry('10.0.0.1', 80, { maxConnections: 1 }), addressEntry('10.0.0.2', 80)];
    const rig = await started(poolOf(both, { policy, waitersMax: 9 }));
    const [holds, fails] = dialAll(rig, 2);
    holds?.succeed();
    fails?.fail();
    const waiting = dialAll(rig, 3);
    expect(waiting.map((client) => client.wait())).toEqual([true, true, true]);
    rig.clock.advance(4_000);
    expect(waiting.map(({ granted }) => granted)).toEqual([1, 0, 0]);
    waiting[0]?.succeed();
    expect(waiting.map(({ granted }) => granted)).toEqual([1, 1, 1]);
    rig.pools.stop();
  });

  test('a connection that was there already says nothing of the endpoint', async () => {
    const rig = await started(poolOf([addressEntry('10.0.0.1', 80)], { policy: { ...poolOf([]).policy, breaker } }));
    const [first, reuser, second] = dialAll(rig, 3);
    first?.fail();
    reuser?.use?.told('reused');
    second?.fail();
    expect(rig.state('10.0.0.1:80')).toBe('EJECTED');
    rig.pools.stop();
  });
});

describe('caps and the queue of a pool', () => {
  const capped = (waitersMax: number) => poolOf([addressEntry('10.0.0.1', 80, { maxConnections: 2 })], { waitersMax });

  test('B04: who finds every endpoint full waits in order; one more than may wait is refused', async () => {
    const rig = await started(capped(2));
    const [one] = dialAll(rig, 2);
    const waiting = dialAll(rig, 3);
    expect(waiting.map(({ last }) => last)).toEqual(['full', 'full', 'full']);
    expect(waiting.map((client) => client.wait())).toEqual([true, true, false]);
    one?.release();
    expect(waiting.map(({ granted }) => granted)).toEqual([1, 0, 0]);
    waiting[1]?.leave();
    waiting[0]?.release();
    expect(waiting.map(({ granted }) => granted)).toEqual([1, 0, 0]);
    rig.pools.stop();
  });

  test('a place that was granted and is not used goes to the next one', async () => {
    const rig = await started(capped(2));
    const [one] = dialAll(rig, 2);
    const quitter = rig.client();
    quitter.dial();
    const giveUp = quitter.candidates.wait(() => undefined);
    const [patient] = dialAll(rig, 1);
    patient?.wait();
    one?.release();
    giveUp?.();
    expect(patient?.granted).toBe(0);
    quitter.candidates.stop();
    expect(patient?.granted).toBe(1);
    rig.pools.stop();
  });

  test('a thousand who wait are served one after the other, though each gives up at once', async () => {
    const rig = await started(capped(1_000));
    const [one] = dialAll(rig, 2);
    let served = 0;
    for (const client of Array.from({ length: 1_000 }, () => rig.client())) {
      client.dial();
      client.candidates.wait(() => {
        served += 1;
        client.dial();
        client.release();
      });
    }
    one?.release();
    expect(served).toBe(1_000);
    rig.pools.stop();
  });

  test('who waits is told when there is nothing left to wait for', async () => {
    const policy = { ...poolOf([]).policy, breaker: { ...breaker, failures: 1 } };
    const rig = await started({ ...capped(1), policy });
    const [one] = dialAll(rig, 2);
    const [waiting] = dialAll(rig, 1);
    waiting?.wait();
    one?.use?.told('failed');
    expect(waiting?.granted).toBe(1);
    expect(waiting?.why).toMatch(/^1 of 1 endpoint of db is ejected until/);
    rig.pools.stop();
  });
});

test('who waits is told when all that is left is what it has tried already, though that is there', async () => {
  const policy = { ...poolOf([]).policy, breaker: { ...breaker, failures: 1 } };
  const two = [
    addressEntry('10.0.0.1', 80, { maxConnections: 1 }),
    addressEntry('10.0.0.2', 80, { maxConnections: 1 }),
  ];
  const rig = await started(poolOf(two, { policy, waitersMax: 9 }));
  const waiting = rig.client();
  waiting.dial();
  waiting.abort();
  const [one, other] = dialAll(rig, 2).toSorted((less, more) =>
    `${less.target?.host}`.localeCompare(`${more.target?.host}`),
  );
  one?.succeed();
  waiting.dial();
  expect([waiting.last, waiting.wait()]).toEqual(['full', true]);
  other?.fail();
  expect([waiting.granted, waiting.last]).toEqual([1, 'none']);
  rig.pools.stop();
});

describe('checks', () => {
  const checked = (more: Partial<PoolPlan> = {}) =>
    poolOf([addressEntry('10.0.0.1', 80), addressEntry('10.0.0.2', 80)], {
      check: { type: 'tcp' },
      policy: { ...poolOf([]).policy, checks },
      ...more,
    });

  test('B04, B05: an endpoint that does not answer its checks in time is down, and up again when it does', async () => {
    const rig = await started(checked());
    rig.clock.advance(10);
    rig.health.set('10.0.0.2', 'hangs');
    rig.clock.advance(3_000);
    expect(rig.state('10.0.0.2:80')).toBe('DOWN');
    expect(new Set(dialAll(rig, 4).map(({ target }) => target?.host))).toEqual(new Set(['10.0.0.1']));
    rig.health.set('10.0.0.2', 'well');
    rig.clock.advance(3_000);
    expect(rig.events).toEqual([
      { event: 'endpoint.down', pool: 'db', endpoint: '10.0.0.2:80', cause: 'checks', detail: 'no answer in time' },
      { event: 'endpoint.up', pool: 'db', endpoint: '10.0.0.2:80' },
    ]);
    expect(rig.left).toEqual(['10.0.0.2']);
    rig.pools.stop();
    expect(rig.clock.armedCount).toBe(0);
  });

  test.each(['keep', 'drain', 'kill'] as const)(
    'onEndpointDown: %s is what becomes of its connections',
    async (manner) => {
      const rig = await started(checked({ onEndpointDown: manner }));
      const [first, second] = dialAll(rig, 2);
      first?.succeed();
      second?.succeed();
      rig.health.set('10.0.0.1', 'refuses');
      rig.clock.advance(3_000);
      const cause = 'the endpoint 10.0.0.1:80 of db: its checks say that it is down';
      expect(first?.lost).toEqual(manner === 'keep' ? [] : [`${manner}: ${cause}`]);
      expect(second?.lost).toEqual([]);
      rig.pools.stop();
    },
  );

  test('drain: who was asked to finish is cut when the time for it is over, unless the endpoint is well again', async () => {
    const policy = { ...poolOf([]).policy, checks: { ...checks, rise: 1 }, drainMs: 8_000 };
    const rig = await started(checked({ onEndpointDown: 'drain', policy }));
    const clients = dialAll(rig, 2);
    for (const client of clients) client.succeed();
    for (const host of ['10.0.0.1', '10.0.0.2']) rig.health.set(host, 'refuses');
    rig.clock.advance(3_000);
    expect(clients.map(({ lost }) => lost.length)).toEqual([1, 1]);
    rig.health.set('10.0.0.2', 'well');
    rig.clock.advance(9_000);
    const cut = 'kill: the endpoint 10.0.0.1:80 of db: the time to drain is over';
    expect(clients.map(({ lost }) => lost.slice(1))).toEqual([[cut], []]);
    rig.pools.stop();
    expect(rig.clock.armedCount).toBe(0);
  });

  test('a check that could not be made changes nothing, and is not the last one', async () => {
    const rig = await started(checked());
    rig.clock.advance(10);
    const find = () => rig.pools.status().find(({ name }) => name === '10.0.0.1:80');
    const check = (shortage: string | null, health: 'well' | 'refuses') => {
      rig.shortage = shortage;
      rig.health.set('10.0.0.1', health);
      rig.clock.advance(1_001);
      return find()?.state;
    };
    // Two in a row bring it down, and two bring it up again, whatever could not be asked in between.
    expect([check(null, 'refuses'), check('EMFILE', 'refuses')]).toEqual(['UP', 'UP']);
    expect(find()?.lastCheck?.detail).toContain('ECONNREFUSED');
    expect(check(null, 'refuses')).toBe('DOWN');
    expect([check(null, 'well'), check('EMFILE', 'well')]).toEqual(['DOWN', 'DOWN']);
    expect(find()?.lastCheck).toMatchObject({ passed: true, detail: 'connected' });
    expect(check(null, 'well')).toBe('UP');
    rig.pools.stop();
  });

  test('a shortage of this machine brings no endpoint down', async () => {
    const plan = checked();
    const rig = await started(plan);
    rig.clock.advance(10);
    rig.shortage = 'EMFILE';
    rig.clock.advance(20_000);
    expect(rig.pools.status().map(({ state }) => state)).toEqual(['UP', 'UP']);
    rig.pools.stop();
  });
});

describe('names', () => {
  const named = (more: Partial<PoolPlan> = {}) => poolOf([addressEntry('db.example', 80)], more);
  const answer = (addresses: readonly string[], ttlMs: number | null = 5_000) =>
    ({ kind: 'addresses', addresses, ttlMs }) as const;

  test('L41: a name stands for its addresses, asked for again when the answer does not hold any more', async () => {
    const rig = await started(named(), (one) => (one.answer = answer(['10.0.0.2', '10.0.0.1'])));
    expect(rig.pools.status().map(({ name }) => name)).toEqual(['10.0.0.1:80', '10.0.0.2:80']);
    expect(rig.asked).toHaveLength(1);
    rig.answer = answer(['10.0.0.2', '10.0.0.9']);
    rig.clock.advance(4_999);
    expect(rig.asked).toHaveLength(1);
    const [kept] = dialAll(rig, 1);
    kept?.succeed();
    rig.clock.advance(1);
    await rig.turn();
    expect(rig.asked).toHaveLength(2);
    expect(rig.state('10.0.0.1:80')).toBe('DRAINING');
    expect(new Set(dialAll(rig, 4).map(({ target }) => target?.host))).toEqual(new Set(['10.0.0.2', '10.0.0.9']));
    kept?.release();
    expect(rig.state('10.0.0.1:80')).toBe('unknown');
    rig.pools.stop();
  });

  test('an address that comes back while it drains is used again, and one that does not is cut after the drain', async () => {
    const rig = await started(named({ policy: { ...poolOf([]).policy, drainMs: 60_000 } }), (one) => {
      one.answer = answer(['10.0.0.1', '10.0.0.2']);
    });
    const clients = dialAll(rig, 2);
    for (const client of clients) client.succeed();
    rig.answer = answer(['10.0.0.3']);
    rig.clock.advance(5_000);
    await rig.turn();
    rig.answer = answer(['10.0.0.1', '10.0.0.3'], 3_600_000);
    rig.clock.advance(5_000);
    await rig.turn();
    expect(rig.state('10.0.0.1:80')).toBe('UP');
    rig.clock.advance(60_000);
    expect(clients.map(({ lost }) => lost.length)).toEqual([0, 1]);
    expect(clients[1]?.lost).toEqual(['kill: the endpoint 10.0.0.2:80 of db: the time to drain is over']);
    expect(rig.state('10.0.0.2:80')).toBe('unknown');
    rig.pools.stop();
  });

  test('a failure keeps what is known, is told once, and is asked again with longer and longer waits', async () => {
    const rig = await started(named(), (one) => (one.answer = answer(['10.0.0.1'], 1)));
    rig.answer = null;
    const waits: number[] = [];
    for (let asked = 1, at = 0; waits.length < 9;) {
      rig.clock.advance(500);
      await rig.turn();
      if (rig.asked.length === asked) continue;
      asked = rig.asked.length;
      waits.push(rig.clock.nowMs() - at);
      at = rig.clock.nowMs();
    }
    expect(waits).toEqual([1_000, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(rig.state('10.0.0.1:80')).toBe('UP');
    expect(rig.events.map(({ event }) => event)).toEqual(['pool.resolved', 'pool.unresolved']);
    rig.pools.stop();
  });

  test('who comes before the first answer waits for it', async () => {
    const rig = new PoolRig(named());
    rig.answer = answer(['10.0.0.1']);
    rig.pools.start();
    const [early] = dialAll(rig, 1);
    expect(early?.last).toBeNull();
    await rig.turn();
    expect(early?.target).toMatchObject({ host: '10.0.0.1', serverName: 'db.example' });
    rig.pools.stop();
  });

  test('a name that is not answered is said, and no answer makes a pool grow without a bound', async () => {
    const rig = await started(named());
    const [client] = dialAll(rig, 1);
    expect(client?.why).toBe('no address of db.example is known yet');
    const many = Array.from({ length: 5_000 }, (_, at) => `10.1.${at >> 8}.${at & 255}`);
    rig.answer = answer([...many, 'evil.example', '']);
    rig.clock.advance(1_000);
    await rig.turn();
    expect(rig.pools.status()).toHaveLength(endpointsPerNameMax);
    rig.pools.stop();
  });

  test('SRV records: the lowest priority is used as long as one of it can be', async () => {
    const service = { source: { kind: 'service', name: '_db._tcp.example' }, weight: 1, maxConnections: null } as const;
    const record = (host: string, priority: number, weight = 1) => ({ host, port: 5432, priority, weight });
    const rig = await started(poolOf([service], { policy: { ...poolOf([]).policy, breaker }, retries: 3 }), (one) => {
      const services = [record('b.example', 10), record('a.example.', 5, 3), record('c.example', 5, 1)];
      one.answer = { kind: 'services', services, ttlMs: null };
    });
    const hostsOf = dialAll(rig, 4).map(({ target }) => target?.host);
    expect(hostsOf.filter((host) => host === 'a.example')).toHaveLength(3);
    expect(hostsOf).toContain('c.example');
    for (const client of dialAll(rig, 8)) client.fail();
    expect(new Set(dialAll(rig, 4).map(({ target }) => target?.host))).toEqual(new Set(['b.example']));
    rig.pools.stop();
  });

  test('SRV records: where those of the lowest priority are full, the next ones serve, and nobody waits', async () => {
    const service = { source: { kind: 'service', name: '_db._tcp.example' }, weight: 1, maxConnections: 1 } as const;
    const record = (host: string, priority: number) => ({ host, port: 5432, priority, weight: 1 });
    const rig = await started(poolOf([service], { waitersMax: 9 }), (one) => {
      one.answer = { kind: 'services', services: [record('b.example', 10), record('a.example', 5)], ttlMs: null };
    });
    const clients = dialAll(rig, 3);
    expect(clients.map(({ target }) => target?.host)).toEqual(['a.example', 'b.example', undefined]);
    expect([clients[2]?.last, clients[2]?.wait()]).toEqual(['full', true]);
    clients[1]?.release();
    expect(clients[2]?.target?.host).toBe('b.example');
    rig.pools.stop();
  });
});
