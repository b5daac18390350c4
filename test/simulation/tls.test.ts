/**
 * Ring 5 for TLS that ends here: does a proxy that is stopped let go of handshakes, and of whoever waits for a certificate?
 *
 * A bad day as in `whole-proxy.test.ts`, and the moments one by one.
 */
import { describe, expect, test } from 'vitest';
import { clientsOfADay, lifeOf, live, seedsOf, untilOver, type Season } from '../support/race-day.ts';
import type { IdentityPlan } from '../support/race-identities.ts';
import type { MemoryLeg } from '../../src/testing/memory-leg.ts';
import { RacePeer } from '../support/race-peer.ts';
import { RaceLaws } from '../support/race-laws.ts';
import type { PrefaceName } from '../support/race-plan.ts';
import { leafOf, leftovers, nothingLeft, planFor } from '../support/race-stage.ts';
import { tlsManners } from '../support/race-tls-client.ts';
import { helloNames, homeOf, tlsPorts } from '../support/race-tls-plan.ts';
import { RaceWorld, type RaceClient, type RaceWorldOptions } from '../support/race-world.ts';

const busy: Season = {
  arrivals: helloNames.map((hello) => [homeOf(hello), hello] as const),
  manners: ['honest', 'honest', 'honest', 'honest', ...tlsManners],
  handshakeOf: (chance) => {
    const afterMs = chance.below(120);
    const what = chance.below(12);
    if (what < 1) return { type: 'hangs' };
    if (what < 2) return { type: 'fails', afterMs, code: 'ERR_SSL_NO_SHARED_CIPHER' };
    return what < 5 ? { type: 'succeeds', afterMs } : null;
  },
  identityOf: (chance) => {
    const afterMs = chance.one([null, null, 0, 5, 40, 150]);
    const what = chance.below(12);
    if (what < 1) return { type: 'never' };
    return { type: what < 5 ? chance.one(['none', 'fails', 'spoiled'] as const) : 'found', afterMs };
  },
  sealingOf: (chance) => chance.one(['seals', 'seals', 'seals', 'babbles', 'ends', 'resets']),
};

describe.each(seedsOf(1))('a bad day of handshakes from seed %i', (daySeed) => {
  test('L01, L03: everybody is let go of, and one seed gives the same day under either interpreter', async () => {
    const { world, trace } = await live('compiled', daySeed, busy);
    expect(leftovers(world)).toEqual(nothingLeft);
    expect(world.records).toHaveLength(world.connections.length);
    expect(world.connections.length).toBeGreaterThan(clientsOfADay / 2);
    const reasons = new Set(world.records.map(({ reason }) => reason));
    expect([...reasons]).toEqual(
      expect.arrayContaining(['completed', 'downstream.tls', 'handler.failed', 'timeout.sniff', 'operator.drained']),
    );
    const entered = (leaf: string) => world.moves.filter(({ to }) => to === leaf).length;
    expect(entered('SNIFFING.TLS_HANDSHAKE')).toBeGreaterThan(40);
    expect(entered('SNIFFING.INNER_SILENT')).toBeGreaterThan(20);
    expect(entered('DIALING.ATTEMPTING.SECURING')).toBeGreaterThan(0);
    expect((await live('xstate', daySeed, busy)).trace).toEqual(trace);
  });
});

interface Moment {
  readonly says: string;
  readonly leaf: string;
  readonly preface: PrefaceName;
  readonly options: Partial<RaceWorldOptions>;
}

const never: IdentityPlan = { type: 'never' };
/** After the drain is over. */
const late: IdentityPlan = { type: 'found', afterMs: 90 };
const hangs = { handshake: { type: 'hangs' } } as const;

const moments: readonly Moment[] = [
  {
    says: 'a certificate that never comes is waited for',
    leaf: 'SNIFFING.TLS_HANDSHAKE',
    preface: 'helloRaw',
    options: { identities: [never] },
  },
  {
    says: 'a certificate is waited for that comes when all is over',
    leaf: 'SNIFFING.TLS_HANDSHAKE',
    preface: 'helloRaw',
    options: { identities: [late] },
  },
  { says: 'a handshake is under way', leaf: 'SNIFFING.TLS_HANDSHAKE', preface: 'helloRaw', options: {} },
  { says: 'a client is silent inside', leaf: 'SNIFFING.INNER_SILENT', preface: 'helloSilent', options: {} },
  {
    says: 'TLS is agreed on with an upstream',
    leaf: 'DIALING.ATTEMPTING.SECURING',
    preface: 'helloSealed',
    options: { dials: [{ type: 'succeeds', afterMs: 0, faults: hangs }] },
  },
];

describe.each(['compiled', 'xstate'] as const)('stopped under the %s interpreter', (interpreter) => {
  describe.each(moments)('while $says', (moment) => {
    test.each([
      ['at once', null],
      ['after a drain', 20],
    ] as const)('L03: stop() %s leaves no leg and no timer', async (_, timeoutMs) => {
      const { world, life, client } = await stageOf(interpreter, moment);
      expect(leafOf(world, client)).toBe(moment.leaf);
      const stopped = life.stop(timeoutMs);
      if (timeoutMs !== null) {
        await world.pass(timeoutMs - 1);
        expect(leafOf(world, client)).toBe(moment.leaf);
      }
      await untilOver(world, stopped);
      expect(leftovers(world)).toEqual(nothingLeft);
      expect(world.records).toMatchObject([{ reason: 'operator.drained' }]);
      expect([client.leg.isOpen, client.received.length]).toEqual([false, 0]);
      await world.pass(1000);
      expect([leftovers(world), world.network.outside.size]).toEqual([nothingLeft, 0]);
    });
  });

  test('L03: a client that finishes its handshake while the proxy drains is served, and the proxy waits for it', async () => {
    const { world, life, client } = await stageOf(interpreter, { ...handshaking, options: { identities: [late] } });
    world.greet = (upstream) => upstream.send(70);
    const stopped = life.stop(1000);
    const refused = world.connect('terminated', 'helloRaw');
    client.send(90);
    await world.pass(95);
    expect([leafOf(world, client), refused.sawFailure]).toEqual(['ESTABLISHED.TUNNEL.ACTIVE', 'ECONNREFUSED']);
    client.end();
    world.upstreams[0]?.end();
    await untilOver(world, stopped);
    expect(world.records).toMatchObject([{ reason: 'completed', bytesIn: 90, bytesOut: 70 }]);
    expect(leftovers(world)).toEqual(nothingLeft);
  });
});

test('a client in memory may begin TLS, write and end before it is connected', () => {
  const world = new RaceWorld({ plan: planFor('compiled'), latenciesMs: [2] });
  const leg = world.network.connect(tlsPorts.terminated);
  const client = new RacePeer(secured(leg), new Uint8Array(0), 0);
  client.send(30);
  client.end();
  world.advance(50);
  const [upstream] = world.upstreams;
  expect([upstream?.received.view(), upstream?.sawEnd]).toEqual([client.sent.view(), true]);
  upstream?.send(20);
  upstream?.end();
  world.advance(50);
  expect([client.received.length, client.sawEnd]).toEqual([20, true]);
  expect(world.records).toMatchObject([{ reason: 'completed', bytesIn: 30, bytesOut: 20 }]);
  expect(leftovers(world)).toEqual(nothingLeft);
});

function secured(leg: MemoryLeg): MemoryLeg {
  const context = { context: {} };
  leg.secure({ role: 'client', context, serverName: 'raw.test', alpn: [], verify: true, pins: [] });
  return leg;
}

const handshaking: Moment = { says: '', leaf: 'SNIFFING.TLS_HANDSHAKE', preface: 'helloRaw', options: {} };

/** A proxy with one client, that has said its hello and has got as far as it can. */
async function stageOf(
  interpreter: 'compiled' | 'xstate',
  { leaf, preface, options }: Moment,
): Promise<{ readonly world: RaceWorld; readonly life: ReturnType<typeof lifeOf>; readonly client: RaceClient }> {
  const plan = planFor(interpreter);
  const world = new RaceWorld({ plan, ...options, isClosed: true });
  const laws = new RaceLaws(world, 4096);
  world.otherTimersMax = 1;
  world.afterEvent = () => laws.check();
  const life = lifeOf(world, plan);
  await life.start();
  const manner = leaf === 'SNIFFING.TLS_HANDSHAKE' && options.identities === undefined ? 'mute' : 'honest';
  const client = world.connect(preface === 'helloSilent' ? 'inside' : 'terminated', preface, {}, manner);
  world.tick(1);
  client.sendPreface();
  world.advance(5);
  return { world, life, client };
}
