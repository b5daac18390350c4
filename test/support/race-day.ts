/**
 * A bad day of a whole proxy, from one seed: hundreds of clients, upstreams that crash and come back, legs that lie,
 * operators that kill, and a drain in the middle of it all, on one clock that steps.
 *
 * What kind of clients come is told by a `Season`. Read first: `race-world.ts`.
 */
import { expect } from 'vitest';
import { releaseMs } from '../../src/io/ledger.ts';
import { ProxyLife } from '../../src/proxy-life.ts';
import type { Interpreter, ProxyPlan } from '../../src/routing/plan.ts';
import type { LegFaults } from '../../src/testing/memory-leg.ts';
import type { DialPlan } from '../../src/testing/memory-network.ts';
import { seed } from './fuzz.ts';
import { chanceFrom, type Chance } from './race-chance.ts';
import type { IdentityPlan } from './race-identities.ts';
import { RaceLaws } from './race-laws.ts';
import type { PortName, PrefaceName } from './race-plan.ts';
import { planFor } from './race-stage.ts';
import type { TlsManner } from './race-tls-client.ts';
import { RaceWorld, type RaceClient, type Sealing } from './race-world.ts';

const windowBytes = 2048;
export const clientsOfADay = 300;
/** The laws look at every connection there ever was: often enough, but not after every event. */
const eventsPerLook = 150;

/** @param usual how many days are tried unless `SIM_RUNS` says it. */
export function seedsOf(usual: number): readonly number[] {
  const first = Number(process.env['SIM_SEED'] ?? seed());
  return Array.from({ length: Number(process.env['SIM_RUNS'] ?? usual) }, (_, at) => first + at);
}

export interface Season {
  /** Where clients go to, and what they say there first. */
  readonly arrivals: readonly (readonly [port: PortName, preface: PrefaceName])[];
  readonly manners: readonly TlsManner[];
  handshakeOf(chance: Chance): LegFaults['handshake'];
  identityOf(chance: Chance): IdentityPlan;
  sealingOf(chance: Chance): Sealing;
}

export interface Day {
  readonly world: RaceWorld;
  /** What happened when, line by line. */
  readonly trace: readonly string[];
}

export async function live(interpreter: Interpreter, daySeed: number, season: Season): Promise<Day> {
  const chance = chanceFrom(daySeed);
  const plan = planFor(interpreter);
  const world = new RaceWorld({
    plan,
    windowBytes,
    latenciesMs: Array.from({ length: 97 }, () => chance.below(6)),
    dials: Array.from({ length: 211 }, () => dialOf(chance, season)),
    identities: Array.from({ length: season.manners.length * 17 }, () => season.identityOf(chance)),
    sealings: Array.from({ length: season.manners.length * 13 }, () => season.sealingOf(chance)),
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
  const life = lifeOf(world, plan);
  await life.start();
  world.greet = (upstream) => upstream.send(chance.below(3) * chance.below(windowBytes * 2));
  while (world.clients.length < clientsOfADay) await anHourPasses(world, chance, season);
  laws.check();
  await over(world, life, chance);
  laws.check();
  return { world, trace };
}

/** The life of the proxy whose listeners are the world's own; they are opened by `start`. */
export function lifeOf(world: RaceWorld, plan: ProxyPlan): ProxyLife {
  const life: ProxyLife = new ProxyLife({
    clock: world.clock,
    ledger: world.ledger,
    registry: world.registry,
    timeouts: plan.timeouts,
    releaseMs,
    prepare: () => Promise.resolve(world.posts),
    publish: (event) => world.observation.announce(event),
    drain: () => undefined,
    running: () => undefined,
    release: () => Promise.resolve(),
    finished: () => world.observation.close({ event: 'proxy.stopped' }),
  });
  world.onEmpty = () => life.connectionsClosed();
  return life;
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
async function anHourPasses(world: RaceWorld, chance: Chance, season: Season): Promise<void> {
  const client =
    world.clients[world.clients.length - 1 - chance.below(Math.min(40, Math.max(1, world.clients.length)))];
  const what = chance.below(100);
  if (what < 25) arrives(world, chance, season);
  else if (what < 50) await world.pass(chance.below(30));
  else if (what < 52) crash(world, chance);
  else if (client === undefined) return;
  else if (what < 53) world.connectionOf(client)?.hear(killed);
  else someoneActs(world, chance, client);
}

function arrives(world: RaceWorld, chance: Chance, season: Season): void {
  const { arrivals, manners } = season;
  const manner = manners.length === 0 ? undefined : chance.one(manners);
  const [port, preface] = chance.one(arrivals);
  const client = world.connect(port, preface, lieOf(chance, season), manner);
  // Whoever speaks TLS begins at once, as a rule.
  if (manner !== undefined && chance.below(3) > 0) client.sendPreface();
}

const killed = { type: 'kill.requested', reason: 'operator.killed' } as const;

function someoneActs(world: RaceWorld, chance: Chance, client: RaceClient): void {
  const upstream = world.upstreamNear(world.connectionOf(client));
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
  await world.pass(20);
  const stopped = life.stop(200);
  expect(world.registry.live.size).toBeGreaterThan(0);
  for (let at = 0; at < 40; at += 1) {
    const client = chance.one(world.clients.slice(-40));
    someoneActs(world, chance, client);
    await world.pass(chance.below(4));
  }
  await untilOver(world, stopped);
}

/** Time goes on until the proxy is over. */
export async function untilOver(world: RaceWorld, stopped: Promise<void>): Promise<void> {
  const progress = { isOver: false };
  const watched = stopped.finally(() => (progress.isOver = true));
  for (let turns = 0; !progress.isOver && turns < 100; turns += 1) {
    await world.pass(100);
    await Promise.resolve();
  }
  await watched;
}

function lieOf(chance: Chance, season: Season): Partial<LegFaults> {
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
  const handshake = season.handshakeOf(chance);
  const lie = chance.below(4) > 0 ? {} : chance.one(lies);
  return handshake === null ? lie : { ...lie, handshake };
}

function dialOf(chance: Chance, season: Season): DialPlan {
  const common = { resolveMs: chance.one([0, 0, 4]), faults: lieOf(chance, season) };
  const afterMs = chance.one([0, 1, 7, 45, 70]);
  const what = chance.below(20);
  if (what < 1) return { ...common, type: 'hangs' };
  if (what < 3) return { ...common, type: 'fails', afterMs, code: chance.one(['ECONNREFUSED', 'ETIMEDOUT', 'EMFILE']) };
  if (what < 4) return { ...common, type: 'resets', afterMs, resetMs: chance.below(20) };
  if (what < 5) return { ...common, type: 'succeedsAfterAbort', afterMs };
  return { ...common, type: 'succeeds', afterMs };
}
