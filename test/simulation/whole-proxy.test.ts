/**
 * Ring 5: does the whole proxy survive a bad day? Hundreds of clients, upstreams that crash and come back, legs that lie,
 * operators that kill, and a drain in the middle of it all, on one clock that steps.
 *
 * Everything comes from one seed. `SIM_SEED=… SIM_RUNS=… npx vitest run test/simulation` replays it, and so many after it.
 */
import { describe, expect, test } from 'vitest';
import { releaseMs } from '../../src/io/ledger.ts';
import { ProxyLife } from '../../src/proxy-life.ts';
import type { Interpreter } from '../../src/routing/plan.ts';
import type { LegFaults } from '../../src/testing/memory-leg.ts';
import type { DialPlan } from '../../src/testing/memory-network.ts';
import { seed } from '../support/fuzz.ts';
import { chanceFrom, type Chance } from '../support/race-chance.ts';
import { RaceLaws } from '../support/race-laws.ts';
import { portNames, prefaceNames } from '../support/race-plan.ts';
import { leftovers, nothingLeft, planFor } from '../support/race-stage.ts';
import { RaceWorld, type RaceClient } from '../support/race-world.ts';

const firstSeed = Number(process.env['SIM_SEED'] ?? seed());
const simulations = Number(process.env['SIM_RUNS'] ?? 3);
const windowBytes = 2048;
const clientsOfADay = 300;
/** The laws look at every connection there ever was: often enough, but not after every event. */
const eventsPerLook = 150;

interface Day {
  readonly world: RaceWorld;
  /** What happened when, line by line. */
  readonly trace: readonly string[];
}

const seeds = Array.from({ length: simulations }, (_, at) => firstSeed + at);

describe.each(seeds)('a bad day from seed %i', (daySeed) => {
  test.each(['compiled', 'xstate'] as const)(
    'L01, L03: everybody is let go of, and the %s proxy is over when the last transport is closed',
    async (interpreter) => {
      const { world } = await live(interpreter, daySeed);
      expect(leftovers(world)).toEqual(nothingLeft);
      expect(world.records).toHaveLength(world.connections.length);
      expect(world.connections.length).toBeGreaterThan(clientsOfADay / 3);
      expect(new Set(world.records.map(({ reason }) => reason)).size).toBeGreaterThan(8);
      expect(world.records.some(({ reason }) => reason === 'operator.drained')).toBe(true);
    },
  );

  test('one seed gives the same day twice, event by event, under either interpreter', async () => {
    const { trace } = await live('compiled', daySeed);
    expect(trace.length).toBeGreaterThan(1000);
    expect((await live('compiled', daySeed)).trace).toEqual(trace);
    expect((await live('xstate', daySeed)).trace).toEqual(trace);
  });
});

async function live(interpreter: Interpreter, daySeed: number): Promise<Day> {
  const chance = chanceFrom(daySeed);
  const plan = planFor(interpreter);
  const world = new RaceWorld({
    plan,
    windowBytes,
    latenciesMs: Array.from({ length: 97 }, () => chance.below(6)),
    dials: Array.from({ length: 211 }, () => dialOf(chance)),
    isClosed: true,
  });
  const trace = watch(world);
  const laws = new RaceLaws(world, windowBytes);
  let events = 0;
  world.otherTimersMax = 1;
  world.afterEvent = () => {
    events += 1;
    if (events % eventsPerLook === 0) laws.check();
  };
  const life: ProxyLife = new ProxyLife({
    clock: world.clock,
    ledger: world.ledger,
    registry: world.registry,
    timeouts: plan.timeouts,
    releaseMs,
    prepare: () => Promise.resolve(world.posts),
    publish: (event) => world.observation.announce(event),
    drainPools: () => undefined,
    running: () => undefined,
    release: () => Promise.resolve(),
    finished: () => world.observation.close({ event: 'proxy.stopped' }),
  });
  world.onEmpty = () => life.connectionsClosed();
  await life.start();
  world.greet = (upstream) => upstream.send(chance.below(3) * chance.below(windowBytes * 2));
  while (world.clients.length < clientsOfADay) anHourPasses(world, chance);
  laws.check();
  await over(world, life, chance);
  laws.check();
  return { world, trace };
}

/** Everything that is told, with its time; who ran it is left out. */
function watch(world: RaceWorld): readonly string[] {
  const trace: string[] = [];
  world.observation.bus.events$.subscribe((event) => {
    const told = JSON.stringify(event, (key, value: unknown) => (key === 'interpreter' ? undefined : value));
    trace.push(`${world.clock.nowMs()} ${told}`);
  });
  return trace;
}

/** One thing happens, to anybody. */
function anHourPasses(world: RaceWorld, chance: Chance): void {
  const client =
    world.clients[world.clients.length - 1 - chance.below(Math.min(40, Math.max(1, world.clients.length)))];
  const what = chance.below(100);
  if (what < 25) world.connect(chance.one(portNames), chance.one(prefaceNames), lieOf(chance));
  else if (what < 50) world.advance(chance.below(30));
  else if (what < 52) crash(world, chance);
  else if (client === undefined) return;
  else if (what < 53) world.connectionOf(client)?.hear(killed);
  else someoneActs(world, chance, client);
}

const killed = { type: 'kill.requested', reason: 'operator.killed' } as const;

function someoneActs(world: RaceWorld, chance: Chance, client: RaceClient): void {
  const upstream = world.upstreamOf(world.connectionOf(client));
  const peer = upstream !== null && chance.below(2) === 0 ? upstream : client;
  const what = chance.below(20);
  if (what < 9) peer.send(1 + chance.below(windowBytes * 2));
  else if (what < 12) client.sendPreface();
  else if (what < 16) peer.end();
  else if (what < 17) peer.reset();
  else if (what < 18) peer.close();
  else if (what < 19) peer.leg.pause();
  else peer.leg.resume();
}

/** An upstream dies with everything it holds. */
function crash(world: RaceWorld, chance: Chance): void {
  const host = world.upstreams.length === 0 ? '' : chance.one(world.upstreams).host;
  for (const upstream of world.upstreams) if (upstream.host === host) upstream.reset();
}

/** A drain in the middle of it; whoever is left at its end is killed, and the proxy is over. */
async function over(world: RaceWorld, life: ProxyLife, chance: Chance): Promise<void> {
  for (let at = 0; at < 5; at += 1) world.connect('plain');
  world.advance(20);
  const progress = { isOver: false };
  const stopped = life.stop(200).finally(() => (progress.isOver = true));
  expect(world.registry.live.size).toBeGreaterThan(0);
  for (let at = 0; at < 40; at += 1) {
    const client = chance.one(world.clients.slice(-40));
    someoneActs(world, chance, client);
    world.advance(chance.below(4));
  }
  for (let turns = 0; !progress.isOver && turns < 100; turns += 1) {
    world.advance(100);
    await Promise.resolve();
  }
  await stopped;
}

function lieOf(chance: Chance): Partial<LegFaults> {
  const ms = chance.below(400);
  const lies: readonly Partial<LegFaults>[] = [
    { readErrors: ms },
    { writesPartially: 64 + ms },
    { endsLate: ms },
    { dataAfterEnd: 1 + ms },
    { closesWithoutEnd: ms },
    { closeNeverComes: true },
    { diesSilently: ms },
    { cannotHalfClose: true },
  ];
  return chance.below(4) > 0 ? {} : chance.one(lies);
}

function dialOf(chance: Chance): DialPlan {
  const common = { resolveMs: chance.one([0, 0, 4]), faults: lieOf(chance) };
  const afterMs = chance.one([0, 1, 7, 45, 70]);
  const what = chance.below(20);
  if (what < 1) return { ...common, type: 'hangs' };
  if (what < 3) return { ...common, type: 'fails', afterMs, code: chance.one(['ECONNREFUSED', 'ETIMEDOUT', 'EMFILE']) };
  if (what < 4) return { ...common, type: 'resets', afterMs, resetMs: chance.below(20) };
  if (what < 5) return { ...common, type: 'succeedsAfterAbort', afterMs };
  return { ...common, type: 'succeeds', afterMs };
}
