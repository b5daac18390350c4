/**
 * Who gets in, on the wire: the waiting room, caps and rates by address, the queue of a route, and how a refusal is said.
 */
import { describe, expect, test } from 'vitest';
import type { SallyportConfig } from '../../src/index.ts';
import type { RatePlan } from '../../src/routing/rate.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { admissionPlan, type AdmissionChange } from '../support/admission-plans.ts';
import { clientHello } from '../support/tls-hello.ts';
import { dialPeer, knock, Origin, ProxyUnderTest, type Peer } from '../support/world.ts';

const other = { localAddress: '127.0.0.2' };

const forward = (port: number, more: object = {}): SallyportConfig => ({
  routes: [
    { name: 'only', match: { ports: 0 }, action: { type: 'forward', target: { host: '127.0.0.1', port } }, ...more },
  ],
});

const sniffed = (port: number, protocol: string, more: object = {}) =>
  forward(port, { match: { ports: 0, protocol }, ...more });

function start(config: SallyportConfig, change: AdmissionChange, clock?: StepClock): Promise<ProxyUnderTest> {
  return ProxyUnderTest.planned(admissionPlan(config, change), clock === undefined ? {} : { clock });
}

const perSecond = (unit: RatePlan['unit'], amount: number): RatePlan => ({
  unit,
  by: 'ip',
  amount,
  perMs: 1000,
  burst: amount,
});

const greeting = () => Origin.start((peer) => void peer.send('in'));

describe.each(['compiled', 'xstate'] as const)('the waiting room under the %s interpreter', (interpreter) => {
  const waiting = (port: number, change: AdmissionChange, clock?: StepClock) =>
    start({ ...forward(port), interpreter }, change, clock);

  test('C05, C07: at the cap so many wait in ACCEPTED, further ones are refused, and the longest waiting comes next', async () => {
    await using origin = await greeting();
    await using world = await waiting(origin.port, { proxy: { maxConnections: 1, waitersMax: 2 } });
    const first = await dialPeer(world.port);
    await first.atLeast(2);
    const second = await dialPeer(world.port);
    await world.inState('ACCEPTED', 1);
    const third = await dialPeer(world.port);
    await world.inState('ACCEPTED', 2);
    expect(await knock(world.port).closed).toBe('reset');
    expect(world.proxy.census()).toMatchObject({ connections: 3, slots: 1 });
    expect(origin.peers).toHaveLength(1);
    first.reset();
    await second.atLeast(2);
    await world.inState('ACCEPTED', 1);
    second.reset();
    await third.atLeast(2);
    third.reset();
    await world.closed(3);
    expect(world.proxy.census()).toMatchObject({ connections: 0, slots: 0 });
    expect(world.proxy.counters()).toMatchObject({ accepted: 3, closed: 3, refused: 1 });
  });

  test('C05: who has waited for a second is told so, and its place is another’s', async () => {
    const clock = new StepClock();
    await using origin = await greeting();
    await using world = await waiting(origin.port, { listener: { maxConnections: 1, waitersMax: 1 } }, clock);
    const first = await dialPeer(world.port);
    await first.atLeast(2);
    const second = knock(world.port);
    await world.inState('ACCEPTED', 1);
    clock.advance(999);
    expect(world.records).toEqual([]);
    clock.advance(1);
    expect(await second.closed).toBe('reset');
    expect(world.records).toMatchObject([
      { reason: 'timeout.admission', deadline: 'admission', limitMs: 1000, state: 'ACCEPTED' },
    ]);
    const third = await dialPeer(world.port);
    await world.inState('ACCEPTED', 1);
    first.reset();
    await third.atLeast(2);
    third.reset();
    await world.closed(3);
  });

  test('C05, C07: who leaves while it waits is noticed, and its place is free', async () => {
    await using origin = await greeting();
    await using world = await waiting(origin.port, { proxy: { maxConnections: 1, waitersMax: 1 } });
    const first = await dialPeer(world.port);
    await first.atLeast(2);
    for (const leave of [(peer: Peer) => peer.reset(), (peer: Peer) => peer.end()]) {
      const second = await dialPeer(world.port);
      await world.inState('ACCEPTED', 1);
      leave(second);
      await world.inState('ACCEPTED', 0);
      await second.closed;
    }
    expect(world.records.map(({ reason }) => reason)).toEqual(['downstream.reset', 'downstream.left']);
    first.reset();
    await world.closed(3);
  });

  test('C05: a drain ends whoever waits at once, and lets the live finish', async () => {
    await using origin = await Origin.echo();
    await using world = await waiting(origin.port, { proxy: { maxConnections: 1, waitersMax: 2 } });
    const first = await dialPeer(world.port);
    await world.inState('ESTABLISHED');
    const others = [knock(world.port), knock(world.port)];
    await world.inState('ACCEPTED', 2);
    const drained = world.proxy.drain({ timeout: '1m' });
    await Promise.all(others.map(({ closed }) => closed));
    expect(world.records.map(({ reason, state }) => [reason, state])).toEqual([
      ['operator.drained', 'ACCEPTED'],
      ['operator.drained', 'ACCEPTED'],
    ]);
    first.send('still');
    expect((await first.atLeast(5)).toString()).toBe('still');
    first.end();
    await drained;
  });

  test('C05: a stop ends whoever waits', async () => {
    await using origin = await greeting();
    await using world = await waiting(origin.port, { proxy: { maxConnections: 1, waitersMax: 1 } });
    const clients = [await dialPeer(world.port), await dialPeer(world.port)];
    await world.inState('ACCEPTED', 1);
    await world.inState('ESTABLISHED', 1);
    await world.proxy.stop();
    await Promise.all(clients.map(({ closed }) => closed));
    expect(world.proxy.census()).toMatchObject({ connections: 0, slots: 0, transports: 0, timers: 0 });
  });

  test('C07: of 100 clients at once for 5 slots all are served, where all may wait', async () => {
    await using origin = await Origin.start((peer) => void peer.send('in').end());
    const patient = { ...forward(origin.port), interpreter, timeouts: { admission: '1m' } };
    await using world = await start(patient, { proxy: { maxConnections: 5, waitersMax: 95 } });
    let most = 0;
    world.proxy.on('connection.moved', () => {
      most = Math.max(most, world.proxy.census().slots);
    });
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const client = knock(world.port);
        await client.atLeast(2);
        client.end();
        await client.closed;
      }),
    );
    await world.closed(100);
    expect([most, world.proxy.counters().refused]).toEqual([5, 0]);
    expect(new Set(world.records.map(({ reason }) => reason))).toEqual(new Set(['completed']));
  });
});

describe('caps and rates by address', () => {
  test.each(['proxy', 'listener'] as const)(
    'X09, C04: the cap of each address of a %s counts each on its own',
    async (whose) => {
      await using origin = await greeting();
      await using world = await start(forward(origin.port), { [whose]: { maxConnectionsPerIp: 2 } });
      const [first, second] = [await dialPeer(world.port), await dialPeer(world.port)];
      await Promise.all([first.atLeast(2), second.atLeast(2)]);
      expect(await knock(world.port).closed).toBe('reset');
      expect(world.records).toMatchObject([
        { reason: 'refused.capacity', cause: `the ${whose} is full for this address`, upstream: null },
      ]);
      const [elsewhere] = [await dialPeer(world.port, other)];
      await elsewhere.atLeast(2);
      first.reset();
      await world.closed(2);
      const third = await dialPeer(world.port);
      await third.atLeast(2);
      for (const one of [second, elsewhere, third]) one.reset();
      await world.closed(5);
    },
  );

  test('X09: connections that come too often are refused until their time has come, each address on its own', async () => {
    const clock = new StepClock();
    await using origin = await greeting();
    const change = {
      proxy: { rates: [perSecond('connections', 2)] },
      listener: { rates: [perSecond('connections', 5)], maxConnectionsPerIp: 4 },
    };
    await using world = await start(forward(origin.port), change, clock);
    const clients: Peer[] = [];
    const comes = async (options = {}) => {
      const client = knock(world.port, options);
      clients.push(client);
      return Promise.race([
        client.closed,
        client
          .atLeast(2)
          .then(() => 'in')
          .catch(() => 'reset'),
      ]);
    };
    expect([await comes(), await comes(), await comes(), await comes(other)]).toEqual(['in', 'in', 'reset', 'in']);
    clock.advance(500);
    expect([await comes(), await comes()]).toEqual(['in', 'reset']);
    expect(world.records.map(({ reason }) => reason)).toEqual(['refused.rate', 'refused.rate']);
    expect(world.proxy.counters().closedByReason).toMatchObject({ 'refused.rate': 2 });
    for (const client of clients) client.reset();
    await world.closed(6);
  });

  test('P07: behind a proxy that says whose address it is, each client is counted by its own', async () => {
    await using origin = await greeting();
    const proxyHeader = { from: ['127.0.0.1'], required: true };
    const change = { listener: { maxConnectionsPerIp: 1 }, route: { maxConnectionsPerIp: 1 }, proxyHeader };
    await using world = await start(forward(origin.port), change);
    const through = async (ip: string) => (await dialPeer(world.port)).send(`PROXY TCP4 ${ip} 192.0.2.1 4000 80\r\n`);
    const clients = [await through('203.0.113.1'), await through('203.0.113.2')];
    await Promise.all(clients.map((client) => client.atLeast(2)));
    const again = await through('203.0.113.1');
    expect(await again.closed).toBe('reset');
    expect(world.records).toMatchObject([{ reason: 'refused.capacity' }]);
    for (const client of clients) client.reset();
    await world.closed(3);
  });
});

describe('how a refusal is said', () => {
  test('C05: a full route says so in the client’s own protocol: RESP an error, TLS an alert, raw TCP a reset', async () => {
    await using origin = await Origin.echo();
    const full = { route: { maxConnections: 0, waitersMax: 5 } };
    await using redis = await start(sniffed(origin.port, 'redis'), full);
    const client = await dialPeer(redis.port);
    client.send('*1\r\n$4\r\nPING\r\n');
    await client.ended;
    expect(client.text).toMatch(/^-ERR too many connections, try again later \(connection .*\)\r\n$/);
    client.end();
    await using tls = await start(
      forward(origin.port, { match: { ports: 0, domains: 'a.example' }, tls: { mode: 'passthrough' } }),
      full,
    );
    const hello = await dialPeer(tls.port);
    hello.send(clientHello({ serverName: 'a.example' }));
    await hello.ended;
    expect([...hello.bytes]).toEqual([0x15, 3, 3, 0, 2, 2, 80]);
    hello.end();
    await using raw = await start(forward(origin.port), full);
    expect(await knock(raw.port).closed).toBe('reset');
    for (const world of [redis, tls, raw]) {
      await world.closed(1);
      expect(world.records).toMatchObject([{ reason: 'refused.capacity', cause: 'only is full', upstream: null }]);
    }
  });
});

describe('the queue of a route', () => {
  test('C01, C04, C07: 500 clients for 50 places peak at exactly 50 at the backend, and all are served', async () => {
    let [live, most, served] = [0, 0, 0];
    const waiting: Peer[] = [];
    await using origin = await Origin.start((peer) => {
      live += 1;
      most = Math.max(most, live);
      waiting.push(peer);
      // The first fifty are held until they are all there; from then on one goes for each that comes.
      if (live < 50 && served === 0) return;
      for (const one of waiting.splice(0)) {
        live -= 1;
        served += 1;
        one.send('in').end();
      }
    });
    await using world = await start(
      { ...forward(origin.port), timeouts: { queue: '1m', dialBudget: '1m' } },
      { route: { maxConnections: 50, waitersMax: 450 } },
    );
    await Promise.all(
      Array.from({ length: 500 }, async () => {
        const client = knock(world.port);
        await client.atLeast(2);
        client.end();
        await client.closed;
      }),
    );
    await world.closed(500);
    expect([most, served]).toEqual([50, 500]);
    expect(new Set(world.records.map(({ reason }) => reason))).toEqual(new Set(['completed']));
  });

  test('C04: who waits too long, leaves, or is in a queue that is full hears of it, and no place is lost', async () => {
    const clock = new StepClock();
    await using origin = await Origin.echo();
    await using world = await start(forward(origin.port), { route: { maxConnections: 1, waitersMax: 2 } }, clock);
    const first = await dialPeer(world.port);
    await world.inState('ESTABLISHED');
    const second = await dialPeer(world.port);
    await world.inState('DIALING', 1);
    expect(world.proxy.connections({ state: 'DIALING' })).toMatchObject([{ leaf: 'DIALING.QUEUED' }]);
    const third = await dialPeer(world.port);
    await world.inState('DIALING', 2);
    expect(await knock(world.port).closed).toBe('reset');
    third.reset();
    await world.closed(2);
    clock.advance(5000);
    expect(await second.closed).toBe('reset');
    expect(world.records.map(({ reason, state }) => [reason, state])).toEqual([
      ['refused.capacity', 'SNIFFING'],
      ['downstream.reset', 'DIALING'],
      ['timeout.queue', 'DIALING'],
    ]);
    first.reset();
    await world.closed(4);
    const fourth = await dialPeer(world.port);
    await world.inState('ESTABLISHED', 1);
    fourth.reset();
    await world.closed(5);
  });

  test('C05: who has most places in a full queue gives one up for another address', async () => {
    await using origin = await Origin.echo();
    await using world = await start(forward(origin.port), { route: { maxConnections: 1, waitersMax: 3 } });
    const first = await dialPeer(world.port);
    await world.inState('ESTABLISHED');
    const many: Peer[] = [];
    for (let at = 0; at < 3; at += 1) {
      many.push(await dialPeer(world.port));
      await world.inState('DIALING', at + 1);
    }
    const elsewhere = await dialPeer(world.port, other);
    expect(await many[2]?.closed).toBe('reset');
    expect(world.records).toMatchObject([{ reason: 'refused.capacity', state: 'DIALING' }]);
    first.reset();
    many[0]?.send('a');
    await many[0]?.atLeast(1);
    many[0]?.reset();
    elsewhere.send('b');
    await elsewhere.atLeast(1);
    for (const one of [elsewhere, many[1]]) one?.reset();
    await world.closed(5);
  });
});
