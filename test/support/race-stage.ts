/**
 * A stage for single scenes: a world with its laws attached, and the short ways to say what happens on it.
 */
import type { Interpreter, ProxyPlan } from '../../src/routing/plan.ts';
import type { ClosedRecord } from '../../src/io/reports.ts';
import type { LegFaults } from '../../src/testing/memory-leg.ts';
import { RaceLaws } from './race-laws.ts';
import { racePlan, type PortName, type PrefaceName } from './race-plan.ts';
import { RaceWorld, type RaceClient, type RaceUpstream, type RaceWorldOptions } from './race-world.ts';

const plans = new Map<Interpreter, ProxyPlan>();

/** The proxy of the race tests under one interpreter, resolved once. */
export function planFor(interpreter: Interpreter): ProxyPlan {
  const plan = plans.get(interpreter) ?? racePlan(interpreter);
  plans.set(interpreter, plan);
  return plan;
}

/** A world in which every law is asked after every event. */
export function stage(interpreter: Interpreter, options: Partial<RaceWorldOptions> = {}): RaceWorld {
  const world = new RaceWorld({ plan: planFor(interpreter), ...options });
  const laws = new RaceLaws(world, options.windowBytes ?? 4096);
  world.afterEvent = () => laws.check();
  return world;
}

/** A client that has been accepted. */
export function accepted(
  world: RaceWorld,
  port: PortName,
  preface?: PrefaceName,
  proxyFaults?: Partial<LegFaults>,
): RaceClient {
  const client = world.connect(port, preface, proxyFaults);
  world.tick(1);
  return client;
}

/** A client and the upstream it was joined to. */
export function joined(
  world: RaceWorld,
  port: PortName = 'plain',
): { readonly client: RaceClient; readonly upstream: RaceUpstream } {
  const client = world.connect(port);
  world.advance(10);
  const upstream = world.upstreamOf(world.connectionOf(client));
  if (upstream === null) throw new Error(`nobody was joined: ${leafOf(world, client)}`);
  return { client, upstream };
}

export function leafOf(world: RaceWorld, client: RaceClient): string {
  return world.connectionOf(client)?.chart.leaf ?? 'refused';
}

/** The one record of a client's connection; null while it lives. */
export function recordOf(world: RaceWorld, client: RaceClient): ClosedRecord | null {
  const connection = world.connectionOf(client);
  return connection === null ? null : world.recordOf(connection);
}

/** What is still held or armed: all 0 when everything was let go. */
export function leftovers({ registry, ledger, clock }: RaceWorld): object {
  return { slots: registry.entrance.slots.held, live: registry.live.size, legs: ledger.size, timers: clock.armedCount };
}

export const nothingLeft = { slots: 0, live: 0, legs: 0, timers: 0 };
