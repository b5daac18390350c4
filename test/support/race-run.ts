/**
 * Runs one history against the real shell, with the laws asked after every event, and then brings it to an end.
 *
 * Faults stop at the end: either everybody reads and finishes, or nobody does anything any more. Whichever it is, the
 * deadlines alone must bring every chart to CLOSED and leave nothing behind, and a new client must be served.
 */
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import type { Connection } from '../../src/io/connection.ts';
import { closeReasons } from '../../src/machines/connection/close-reason.ts';
import type { ProxyPlan } from '../../src/routing/plan.ts';
import { MemoryLeg, type LegFaults } from '../../src/testing/memory-leg.ts';
import type { History, PeerDeed, Step } from './race-history.ts';
import { LawBroken, RaceLaws } from './race-laws.ts';
import { allDeadlinesMs, headerAt, type PortName, type PrefaceName } from './race-plan.ts';
import { placesLeft } from './race-places.ts';
import type { RacePeer } from './race-peer.ts';
import { TlsRacePeer } from './race-tls-client.ts';
import { RaceWorld, type RaceClient } from './race-world.ts';

/** The most clients of one history. */
const clientsMax = 12;

/** @throws LawBroken */
export async function runHistory(plan: ProxyPlan, history: History): Promise<RaceWorld> {
  const { lies, steps, finale, ...options } = history;
  const world = new RaceWorld({ plan, ...options });
  const laws = new RaceLaws(world, options.windowBytes);
  world.afterEvent = () => laws.check();
  for (const step of steps) {
    if (step.do === 'waits') await world.pass(step.ms);
    else takeStep(world, step, lies);
    await world.heard();
    laws.check();
  }
  await endOf(world, finale);
  laws.check();
  expectNothingLeft(world);
  for (const connection of world.connections) expectHonestEnd(world, connection);
  serveOneMore(world, 'plain');
  if (world.clients.some((client) => client instanceof TlsRacePeer)) serveOneMore(world, 'terminated', 'helloSealed');
  laws.check();
  expectNothingLeft(world);
  return world;
}

function takeStep(world: RaceWorld, step: Exclude<Step, { do: 'waits' }>, lies: readonly Partial<LegFaults>[]): void {
  const { clients } = world;
  switch (step.do) {
    case 'connects':
      if (clients.length >= clientsMax) return;
      world.connect(step.port, step.preface, lies[clients.length % lies.length], step.manner);
      return;
    case 'ticks':
      world.tick(step.count);
      return;
    default:
      break;
  }
  const client = clients[step.who % Math.max(1, clients.length)];
  if (client === undefined) return;
  const connection = world.connectionOf(client);
  const upstream = world.upstreamNear(connection);
  switch (step.do) {
    case 'clientSends':
      client.send(step.bytes);
      return;
    case 'upstreamSends':
      upstream?.send(step.bytes);
      return;
    case 'speaks':
      client.sendPreface();
      return;
    case 'kills':
      connection?.hear({ type: 'kill.requested', reason: 'operator.killed' });
      return;
    case 'drains':
      connection?.hear({ type: 'drain.requested' });
      return;
    default:
      doDeed(step.do, client, upstream);
  }
}

function doDeed(deed: PeerDeed, client: RacePeer, upstream: RacePeer | null): void {
  const peer = deed.startsWith('client') ? client : upstream;
  if (deed.endsWith('Ends')) peer?.end();
  else if (deed.endsWith('Resets')) peer?.reset();
  else if (deed.endsWith('Closes')) peer?.close();
  else if (deed.endsWith('Stalls')) peer?.leg.pause();
  else peer?.leg.resume();
}

async function endOf(world: RaceWorld, finale: History['finale']): Promise<void> {
  world.isHonest = true;
  if (finale === 'finish') {
    const finish = (peer: RacePeer): void => {
      peer.leg.resume();
      peer.end();
    };
    world.greet = finish;
    for (const peer of [...world.clients, ...world.upstreams]) finish(peer);
  }
  await world.pass(allDeadlinesMs);
  // A silent connection without any limit is allowed to stay, and only that; an operator ends it.
  for (const connection of world.registry.live.values()) {
    if (connection.route?.name !== 'unbounded' || finale === 'finish' || connection.chart.state !== 'ESTABLISHED') {
      throw new LawBroken(`L1: ${connection.connectionId} outlived every deadline in ${connection.chart.leaf}`);
    }
    connection.hear({ type: 'kill.requested', reason: 'operator.drained' });
  }
  // Who stalled may still read what the system keeps for them.
  for (const { leg } of [...world.clients, ...world.upstreams]) leg.resume();
  world.advance(6000);
}

function expectNothingLeft(world: RaceWorld): void {
  const { registry, clock, ledger, connections, acceptors, troubles } = world;
  const expectNone = (count: number, what: string): void => {
    if (count !== 0) throw new LawBroken(`L3: ${count} ${what} left`);
  };
  expectNone(registry.entrance.slots.held, 'slots');
  for (const { slots } of acceptors.values()) expectNone(slots.held, 'slots of a listener');
  for (const what of placesLeft(world)) expectNone(1, what);
  expectNone(registry.live.size, 'live connections');
  expectNone(
    ledger.size,
    `legs (${ledger
      .entries()
      .map(({ name }) => name)
      .join(', ')})`,
  );
  expectNone(clock.armedCount, 'timers');
  expectNone(connections.filter(({ chart }) => chart.leaf !== 'CLOSED').length, 'charts that are not CLOSED');
  const withoutClose = ledger.everything.filter(({ faults }) => faults.closeNeverComes).length;
  const { overdue } = ledger.counts;
  const told = troubles.filter(({ event }) => event === 'release.overdue').length;
  if (overdue !== withoutClose || told !== overdue) {
    throw new LawBroken(`L3: ${withoutClose} closes never come, ${overdue} were counted and ${told} told`);
  }
}

/** The reason is one of the set, somebody gave cause for it, and `completed` means that everything arrived. */
function expectHonestEnd(world: RaceWorld, connection: Connection): void {
  const { connectionId } = connection;
  const record = world.recordOf(connection);
  const client = world.clients.find((one) => world.connectionOf(one) === connection);
  if (record === null || client === undefined) throw new LawBroken(`I4: ${connectionId} has no record`);
  if (!closeReasons.includes(record.reason)) throw new LawBroken(`I4: ${record.reason} is no reason`);
  const upstream = world.upstreamOf(connection);
  const hasCause = causes[record.reason];
  if (hasCause !== undefined && !hasCause({ world, client, connection, upstream })) {
    throw new LawBroken(`L22: ${connectionId} ended for ${record.reason}, which nobody caused`);
  }
  const wasLeftInPeace = !client.hasLeft && !mayBreak(connection.downstream);
  if (record.reason === 'downstream.left' && wasLeftInPeace && client.sawFailure !== null) {
    throw new LawBroken(`L22: ${connectionId} was left by its client, which got a reset for it`);
  }
  if (record.reason === 'completed' && upstream !== null) expectDelivered(client, connection, upstream);
}

/** Whoever stayed, on legs that held, got every byte and FIN, and no RST. */
function expectDelivered(
  client: RacePeer,
  { connectionId, downstream, upstream: leg }: Connection,
  upstream: RacePeer,
): void {
  if (client.hasLeft || upstream.hasLeft || mayBreak(downstream) || mayBreak(leg)) return;
  for (const [sink, source, name] of [[client, upstream, 'client'] as const, [upstream, client, 'upstream'] as const]) {
    const [got, sent] = [sink.received.length, source.sent.length];
    if (got === sent && sink.sawEnd && sink.sawFailure === null) continue;
    throw new LawBroken(
      `I5: ${connectionId} completed; the ${name} got ${got} of ${sent} bytes, ${sink.sawFailure ?? 'no RST'}`,
    );
  }
}

interface Suspects {
  readonly world: RaceWorld;
  readonly client: RaceClient;
  readonly connection: Connection;
  readonly upstream: RacePeer | null;
}

/** Who could have caused what. A reason that is not here needs no suspect. */
const causes: Partial<Record<CloseReason, (suspects: Suspects) => boolean>> = {
  'downstream.reset': ({ client, connection }) => client.hasLeft || isBreaking(connection.downstream),
  'downstream.tls': ({ client, connection }) =>
    client instanceof TlsRacePeer &&
    (!client.isSincere || client.hasEnded || client.hasLeft || isBreaking(connection.downstream)),
  'upstream.reset': ({ world, connection, upstream }) =>
    upstream?.hasLeft === true ||
    isBreaking(connection.upstream) ||
    world.dialled.has('resets') ||
    world.dialled.has('fails') ||
    hasHandshakeSpoiled(world, connection),
  'upstream.tls': ({ world, connection }) => hasHandshakeSpoiled(world, connection),
  'upstream.refused': ({ world }) => world.dialled.has('fails'),
  'upstream.unreachable': ({ world }) => world.dialled.has('fails'),
  'downstream.left': ({ client, connection }) =>
    (client.hasEnded || client.hasLeft) &&
    connection.downstream.receivedBytes === (connection.greeting.proxied === null ? 0 : hiddenBytes(client)),
  'timeout.queue': ({ client }) => client.port === 'queued',
  'timeout.admission': ({ client }) => client.port === 'waiting',
  completed: ({ client, connection, upstream }) =>
    (upstream === null && client.preface === 'helloValidation') ||
    (upstream !== null &&
      (client.hasEnded || client.hasLeft || !connection.downstream.canHalfClose) &&
      (upstream.hasEnded || upstream.hasLeft || connection.upstream?.canHalfClose === false)),
};

function hiddenBytes({ port, preface }: RaceClient): number {
  return headerAt(port, preface)?.length ?? 0;
}

/** True exactly when TLS is spoken to the upstreams of the route, and one of them, or a leg to them, was to spoil it. */
function hasHandshakeSpoiled({ sealings, upstreams, ledger }: RaceWorld, { route }: Connection): boolean {
  if (route?.tls?.mode !== 'terminate-and-reencrypt') return false;
  return (
    [...sealings.keys()].some((how) => how !== 'seals') ||
    upstreams.some((one) => one.hasEnded || one.hasLeft) ||
    ledger.everything.some((leg) => leg.side === 'upstream' && isBreaking(leg))
  );
}

/** True exactly when the leg was to break by itself, or to be closed with something unread. */
function mayBreak(leg: unknown): boolean {
  if (!(leg instanceof MemoryLeg)) return false;
  return isBreaking(leg) || leg.faults.dataAfterEnd !== null || leg.faults.cannotHalfClose;
}

/** True exactly when the leg was to break by itself. */
function isBreaking(leg: unknown): boolean {
  if (!(leg instanceof MemoryLeg)) return false;
  const { readErrors, closesWithoutEnd, diesSilently, handshake } = leg.faults;
  return readErrors !== null || closesWithoutEnd !== null || diesSilently !== null || handshake?.type === 'fails';
}

function serveOneMore(world: RaceWorld, port: PortName, preface: PrefaceName = 'nothing'): void {
  world.greet = (upstream) => upstream.send(700);
  const client = world.connect(port, preface);
  if (client instanceof TlsRacePeer) client.sendPreface();
  client.send(900);
  world.advance(50);
  const upstream = world.upstreamOf(world.connectionOf(client));
  if (upstream?.received.length !== 900 || client.received.length !== 700) {
    throw new LawBroken(`L2: a fresh client was not served: ${String(world.connectionOf(client)?.chart.leaf)}`);
  }
  client.end();
  upstream.end();
  world.advance(50);
  const connection = world.connectionOf(client);
  const record = connection === null ? null : world.recordOf(connection);
  if (record?.reason !== 'completed') throw new LawBroken(`L2: a fresh client ended for ${String(record?.reason)}`);
}
