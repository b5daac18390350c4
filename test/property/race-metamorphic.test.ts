/**
 * Ring 4, metamorphic: changes to a history that must not change its outcome, and the one that may come at any moment.
 *
 * M1 other chunks, M2 pauses shorter than the deadlines, M3 other neighbours, M5 a reset at every single event.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Interpreter } from '../../src/routing/plan.ts';
import { runs, seed } from '../support/fuzz.ts';
import { prefaces, prefaceNames, timeouts, type PortName, type PrefaceName } from '../support/race-plan.ts';
import { leafOf, leftovers, nothingLeft, recordOf, stage } from '../support/race-stage.ts';
import type { RaceClient, RaceWorld, RaceWorldOptions } from '../support/race-world.ts';

/** What became of one client, times left out. How a client is refused depends on what it had said by then. */
function outcomeOf(world: RaceWorld, client: RaceClient): object {
  const record = recordOf(world, client);
  if (record?.state === 'SNIFFING') return { end: record.reason, dialled: record.upstream };
  const upstream = world.upstreamOf(world.connectionOf(client));
  return {
    end: record && [
      record.reason,
      record.by,
      record.state,
      record.route,
      record.protocol,
      record.bytesIn,
      record.bytesOut,
    ],
    up: upstream && [upstream.host, Buffer.from(upstream.received.view()).toString('hex'), upstream.sawEnd],
    down: [client.received.length, client.sawEnd, client.sawFailure],
  };
}

/** A client that says all it has in these pieces, and an upstream that answers at once. */
interface Talk {
  readonly port: PortName;
  readonly preface: PrefaceName;
  readonly payloadBytes: number;
  readonly answerBytes: number;
}

const talks: fc.Arbitrary<Talk> = fc.record({
  port: fc.constantFrom(...(['plain', 'many', 'sniffed', 'serverFirst', 'blockedInWords'] as const)),
  preface: fc.constantFrom(...prefaceNames.filter((name) => name !== 'nothing')),
  payloadBytes: fc.nat(6000),
  answerBytes: fc.nat(6000),
});

/** @param pieces of the client's stream; the rest comes in one. @param pausesMs between two pieces. */
function talk(
  interpreter: Interpreter,
  { port, preface, payloadBytes, answerBytes }: Talk,
  pieces: readonly number[],
  pausesMs: readonly number[],
  options: Partial<RaceWorldOptions> = {},
): object {
  const world = stage(interpreter, options);
  world.greet = (upstream) => upstream.send(answerBytes);
  const client = world.connect(port, preface);
  const total = prefaces[preface].length + payloadBytes;
  for (const [at, piece] of [...pieces, total].entries()) {
    client.send(Math.min(piece, total - client.sent.length));
    world.advance(pausesMs[at] ?? 0);
  }
  client.end();
  world.advance(5);
  world.upstreamOf(world.connectionOf(client))?.end();
  world.advance(timeouts.linger + 5);
  const outcome = outcomeOf(world, client);
  expect(leftovers(world)).toEqual(nothingLeft);
  return outcome;
}

describe.each(['compiled', 'xstate'] as const)('metamorphic laws under the %s interpreter', (interpreter) => {
  test('M1: the way a stream is cut changes neither the route nor a byte nor the end', () => {
    const cuts = fc.record({
      talk: talks,
      pieces: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 40 }),
      windowBytes: fc.constantFrom(4096, 333, 1),
    });
    const property = fc.property(cuts, ({ talk: said, pieces, windowBytes }) => {
      const size = said.payloadBytes > 600 || said.answerBytes > 600 ? Math.max(333, windowBytes) : windowBytes;
      const cut = talk(interpreter, said, pieces, [], { windowBytes: size });
      expect(cut).toEqual(talk(interpreter, said, [], []));
    });
    fc.assert(property, { seed: seed(), numRuns: runs(60) });
  });

  test('M2: pauses shorter than every deadline change nothing', () => {
    // All of them together stay below the sniff deadline and the lifetime, which are absolute.
    const pauses = fc.array(fc.nat(18), { minLength: 1, maxLength: 5 });
    const property = fc.property(
      talks,
      fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 4 }),
      pauses,
      (said, pieces, pausesMs) => {
        expect(talk(interpreter, said, pieces, pausesMs)).toEqual(talk(interpreter, said, pieces, []));
      },
    );
    fc.assert(property, { seed: seed(), numRuns: runs(60) });
  });

  test('M3: the order in which independent clients come and speak changes no client’s outcome', () => {
    const property = fc.property(
      fc.array(talks, { minLength: 2, maxLength: 6 }),
      fc.array(fc.nat(99), { minLength: 40, maxLength: 40 }),
      (said, order) => {
        expect(together(interpreter, said, order)).toEqual(said.map((one) => together(interpreter, [one], order)[0]));
      },
    );
    fc.assert(property, { seed: seed(), numRuns: runs(40) });
  });

  test.each(['sniffed', 'plain'] as const)(
    'M5: a client on %s that resets at any event is closed and leaves nothing behind',
    (port) => {
      const events = scenario(interpreter, port, Infinity);
      expect(events).toBeGreaterThan(20);
      for (let at = 0; at <= events; at += 1) scenario(interpreter, port, at);
    },
  );

  test('M5: an upstream that resets at any event is closed and leaves nothing behind', () => {
    const events = scenario(interpreter, 'plain', Infinity, 'upstream');
    for (let at = 0; at <= events; at += 1) scenario(interpreter, 'plain', at, 'upstream');
  });
});

/** All talks at once in one world; whose turn it is comes from the stream. */
function together(interpreter: Interpreter, said: readonly Talk[], order: readonly number[]): readonly object[] {
  const world = stage(interpreter);
  const turns = said.map(({ port, preface, payloadBytes }) => {
    const client: { peer: RaceClient | null } = { peer: null };
    const steps = [
      () => (client.peer = world.connect(port, preface)),
      () => client.peer?.sendPreface(),
      () => client.peer?.send(payloadBytes),
    ];
    return { client, steps };
  });
  const hasMore = () => turns.filter(({ steps }) => steps.length > 0);
  for (const pick of order) {
    const waiting = hasMore();
    if (waiting.length === 0) break;
    waiting[pick % waiting.length]?.steps.shift()?.();
    world.tick(pick % 3);
  }
  world.advance(3);
  const clients = turns.flatMap(({ client }) => client.peer ?? []);
  for (const [at, client] of clients.entries()) {
    world.upstreamOf(world.connectionOf(client))?.send(said[at]?.answerBytes ?? 0);
    client.end();
  }
  world.advance(3);
  for (const upstream of world.upstreams) upstream.end();
  world.advance(timeouts.linger + 5);
  expect(leftovers(world)).toEqual(nothingLeft);
  return clients.map((client) => {
    const record = recordOf(world, client);
    const upstream = world.upstreamOf(world.connectionOf(client));
    const isTurnTaken = record?.route === 'many';
    return {
      end: record && [record.reason, record.by, record.state, record.route, record.bytesIn, record.bytesOut],
      up: upstream && [isTurnTaken ? '' : upstream.host, upstream.received.length, upstream.sawEnd],
      down: [client.received.length, client.sawEnd, client.sawFailure],
    };
  });
}

/** One whole life; the client or the upstream resets before event number `resetAt`. Returns how many events there were. */
function scenario(
  interpreter: Interpreter,
  port: PortName,
  resetAt: number,
  who: 'client' | 'upstream' = 'client',
): number {
  const world = stage(interpreter, {
    dials: [{ type: 'succeeds', afterMs: 2 }],
    windowBytes: 500,
    latenciesMs: [1, 0, 2],
  });
  const check = world.afterEvent;
  const client = world.connect(port, 'http');
  let events = 0;
  const reset = (): void => (who === 'client' ? client : world.upstreamOf(world.connectionOf(client)))?.reset();
  const count = (): void => {
    check();
    events += 1;
    if (events === resetAt) reset();
  };
  world.afterEvent = count;
  if (resetAt === 0) reset();
  const steps = [
    () => client.send(20),
    () => client.send(1500),
    () => world.upstreamOf(world.connectionOf(client))?.send(1800),
    () => client.end(),
    () => world.upstreamOf(world.connectionOf(client))?.send(300),
    () => world.upstreamOf(world.connectionOf(client))?.end(),
  ];
  for (const step of steps) {
    step();
    world.advance(8);
  }
  const happened = events;
  world.advance(1000);
  expect([resetAt, leafOf(world, client), leftovers(world)]).toEqual([resetAt, 'CLOSED', nothingLeft]);
  expect(world.records).toHaveLength(1);
  expect(['completed', 'downstream.reset', 'upstream.reset', 'timeout.halfClosed']).toContain(world.records[0]?.reason);
  return happened;
}
