/**
 * Runs one history of HTTP against the real shell, with the laws asked after every event, and brings it to an end.
 *
 * Faults stop at the end; then the deadlines alone must bring everything to CLOSED, leave nothing behind, and a new client
 * must be served. Read first: `http-race-history.ts`, `http-race-laws.ts`.
 */
import type { ProxyPlan } from '../../src/routing/plan.ts';
import type { HttpClient } from './http-race-client.ts';
import type { HttpHistory, HttpStep } from './http-race-history.ts';
import { HttpRaceLaws } from './http-race-laws.ts';
import type { HttpOrigin } from './http-race-origin.ts';
import { allDeadlinesMs } from './http-race-plan.ts';
import { HttpRaceWorld } from './http-race-world.ts';
import { LawBroken } from './race-laws.ts';

const clientsMax = 10;

/** @throws LawBroken */
export async function runHttpHistory(plan: ProxyPlan, history: HttpHistory): Promise<HttpRaceWorld> {
  const { windowBytes, latenciesMs, dials, steps } = history;
  const world = new HttpRaceWorld({ plan, windowBytes, latenciesMs, dials });
  const laws = new HttpRaceLaws(world, windowBytes);
  world.afterEvent = () => laws.check();
  world.onRequest = (origin) => byItself(origin, history.origins);
  for (const step of steps) {
    await takeStep(world, step, history);
    await world.settled();
  }
  await finish(world, history.finale);
  expectNothingLeft(world);
  await serveOneMore(world);
  world.http.pools.drain();
  await world.advance(allDeadlinesMs);
  expectNothingLeft(world);
  world.http.close();
  return world;
}

function byItself(origin: HttpOrigin, manner: HttpHistory['origins']): void {
  if (manner === 'wait') return;
  const wantsSwitch = origin.unanswered?.fields.get('upgrade') === 'websocket';
  if (manner === 'switch' && wantsSwitch) origin.switchProtocols(25);
  else origin.answer('length', 70, true);
}

async function takeStep(world: HttpRaceWorld, step: HttpStep, { lies }: HttpHistory): Promise<void> {
  const { clients } = world;
  switch (step.do) {
    case 'connects':
      if (clients.length < clientsMax) world.connect(step.port, lies[clients.length % lies.length]);
      return undefined;
    case 'waits':
      return world.advance(step.ms);
    case 'ticks':
      return world.tick(step.count);
    default:
      return doStep(world, step);
  }
}

type Deed = Exclude<HttpStep, { do: 'connects' | 'waits' | 'ticks' }>;

function doStep(world: HttpRaceWorld, step: Deed): void {
  const client = world.clients[step.who % Math.max(1, world.clients.length)];
  const open = world.origins.filter(({ leg }) => leg.isOpen);
  const origin = open[open.length - 1 - (step.who % Math.max(1, open.length))];
  if (client !== undefined) clientDoes(world, client, step);
  if (origin !== undefined) originDoes(origin, step);
}

function clientDoes(world: HttpRaceWorld, client: HttpClient, step: Deed): void {
  switch (step.do) {
    case 'asks':
      client.ask(step.way, step.shape, step.bytes);
      if (!step.isHeldBack) client.send(Infinity);
      else if (step.shape === 'expects') client.sendHead();
      return undefined;
    case 'sends':
      return client.send(step.bytes);
    case 'speaks':
      return client.speak(step.bytes);
    case 'kills':
      return world.connectionOf(client)?.hear({ type: 'kill.requested', reason: 'operator.killed' });
    case 'drains':
      return world.connectionOf(client)?.hear({ type: 'drain.requested' });
    default:
      return step.do.startsWith('client') ? peerDoes(client, step.do) : undefined;
  }
}

function originDoes(origin: HttpOrigin, step: Deed): void {
  switch (step.do) {
    case 'originSpeaks':
      return origin.speak(step.bytes);
    case 'switches':
      return origin.switchProtocols(step.bytes);
    case 'answersTwice':
      return origin.answerTwice(Math.min(step.bytes, 600));
    case 'answers':
      return origin.answer(step.framing, step.bytes, step.isWhole);
    case 'informs':
      return origin.inform(step.isContinue ? 100 : 103);
    case 'goesOn':
      return origin.goOn();
    case 'garbles':
      return origin.garbage();
    case 'extra':
      return origin.extra();
    default:
      return step.do.startsWith('origin') ? peerDoes(origin, step.do) : undefined;
  }
}

function peerDoes(peer: HttpClient | HttpOrigin, deed: string): void {
  if (deed.endsWith('Ends')) peer.end();
  else if (deed.endsWith('Resets')) peer.reset();
  else if (deed.endsWith('Closes')) peer.close();
  else if (deed.endsWith('Stalls')) peer.leg.pause();
  else peer.leg.resume();
}

async function finish(world: HttpRaceWorld, finale: HttpHistory['finale']): Promise<void> {
  world.isHonest = true;
  if (finale === 'finish') {
    world.onRequest = (origin) => origin.answer('length', 70, true);
    for (const origin of world.origins) {
      origin.leg.resume();
      origin.goOn();
      if (origin.unanswered?.isComplete === true) origin.answer('length', 70, true);
    }
    for (const client of world.clients) {
      client.leg.resume();
      client.send(Infinity);
      client.end();
    }
  }
  await world.advance(allDeadlinesMs);
  for (const { connectionId, chart } of world.registry.live.values()) {
    throw new LawBroken(`L1: ${connectionId} outlived every deadline in ${chart.leaf}`);
  }
  // Who stalled may still read what the system keeps for them.
  for (const { leg } of [...world.clients, ...world.origins]) leg.resume();
  await world.advance(6000);
}

function expectNothingLeft(world: HttpRaceWorld): void {
  const { registry, clock, ledger, http, acceptors, connections, troubles } = world;
  const expectNone = (count: number, what: string): void => {
    if (count !== 0) throw new LawBroken(`L3: ${count} ${what} left`);
  };
  expectNone(registry.entrance.slots.held, 'slots');
  for (const { slots } of acceptors) expectNone(slots.held, 'slots of a listener');
  expectNone(registry.live.size, 'live connections');
  expectNone(connections.filter(({ chart }) => chart.leaf !== 'CLOSED').length, 'charts that are not CLOSED');
  expectNone(world.exchangesOpened - world.exchangeRecords.length, 'exchanges without a record');
  expectNone(connections.length - world.records.length, 'connections without a record');
  expectNone(http.pools.size, 'upstream connections');
  expectNone(world.places, 'places of pools');
  const names = ledger.entries().map(({ name }) => name);
  expectNone(ledger.size, `legs (${names.join(', ')})`);
  expectNone(clock.armedCount, 'timers');
  const withoutClose = ledger.everything.filter(({ faults }) => faults.closeNeverComes).length;
  const told = troubles.filter(({ event }) => event === 'release.overdue').length;
  if (ledger.counts.overdue !== withoutClose || told !== withoutClose) {
    throw new LawBroken(`L3: ${withoutClose} closes never come, ${ledger.counts.overdue} were counted, ${told} told`);
  }
}

async function serveOneMore(world: HttpRaceWorld): Promise<void> {
  world.onRequest = (origin) => origin.answer('length', 700, true);
  const client = world.connect('http');
  client.ask('one', 'post', 900);
  client.ask('many', 'get', 0);
  client.send(Infinity);
  await world.advance(60);
  client.end();
  await world.advance(10);
  const served = client.reader.messages.filter(({ status, isComplete }) => status === 200 && isComplete).length;
  if (served !== 2) {
    throw new LawBroken(`L2: a fresh client was not served: ${client.received.slice(0, 200)}`);
  }
}
