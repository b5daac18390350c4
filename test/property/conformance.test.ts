/**
 * Ring 2: is the compiled chart XState's chart? Both interpreters are told the same histories on clocks of their own and
 * compared after every step: leaf, context, commands in order, moves, armed deadlines with what remains, persisted form.
 * Here by chance and by the clock; step by step from every state in conformance-walk.test.ts, which no seed changes.
 *
 * `FUZZ_SEED=… FUZZ_RUNS=…` replays or multiplies. Read first: test/support/chart-pair.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defaultTimeouts, livenessMs } from '../../src/machines/connection/delays.ts';
import { createConnectionChart } from '../../src/machines/connection/connection-chart.ts';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import { connectionLeaves } from '../../src/machines/connection/verdicts.ts';
import {
  configurationOf,
  configurations,
  decisiveConfigurations,
  reachableLeaves,
  type Configuration,
} from '../support/chart-configurations.ts';
import { everyFact } from '../support/chart-facts.ts';
import {
  beginBoth,
  maker,
  movesTo,
  subject,
  type ConnectionMove,
  type ConnectionRun,
} from '../support/chart-histories.ts';
import { begin, make, play } from '../support/chart-pair.ts';
import { walk } from '../support/chart-walk.ts';
import { runs, seed } from '../support/fuzz.ts';

const onEverything = configurationOf({
  attemptsMax: 2,
  isServerFirst: true,
  isIdleInfinite: false,
  hasHalfClosedMax: true,
  hasLifetime: true,
  hasSilentDeaths: false,
});

type Ways = readonly (readonly ConnectionMove[])[];

/** Configurations are walked once each, when a history first asks for them. */
const walked = new Map<string, readonly Ways[]>();

/** For every leaf that is not final, the ways into it. */
function waysOf(configuration: Configuration): readonly Ways[] {
  const known = walked.get(configuration.name);
  if (known !== undefined) return known;
  const { visits } = walk(subject, configuration, { isTruthful: true, isHasty: false });
  const open = reachableLeaves(configuration).filter((leaf) => leaf !== 'CLOSED');
  const ways = open.map((leaf) =>
    visits.filter(({ place }) => place.leaf === leaf).map((visit) => movesTo(configuration, visit)),
  );
  walked.set(configuration.name, ways);
  return ways;
}

/** A swarm: a real way into the depth, then moves that know only some kinds of facts, so that rare orders come about. */
function history(configuration: Configuration, isAnswering: boolean) {
  const facts = everyFact(configuration);
  const kinds = [...new Set(facts.map(({ type }) => type))];
  const anyFact = fc.constantFrom(...facts);
  const told = fc.array(anyFact, { maxLength: 2 });
  const answers = fc.array(fc.oneof(fc.constant([]), fc.array(anyFact, { minLength: 1, maxLength: 2 })), {
    maxLength: 12,
    size: 'max',
  });
  const ways = fc.constantFrom(...waysOf(configuration)).chain((into) => fc.constantFrom(...into));
  return fc
    .record({
      way: fc.oneof({ weight: 4, arbitrary: ways }, { weight: 1, arbitrary: fc.constant([]) }),
      allowed: fc.subarray(kinds, { minLength: 1 }),
    })
    .chain(({ way, allowed }) => {
      const move: fc.Arbitrary<ConnectionMove> = fc.oneof(
        {
          weight: 4,
          arbitrary: fc
            .constantFrom(...facts.filter(({ type }) => allowed.includes(type)))
            .map((fact) => ({ kind: 'fact', fact }) as const),
        },
        {
          weight: 1,
          arbitrary: fc.record({ kind: fc.constant('deadline' as const), nth: fc.nat(3), toldBefore: told }),
        },
        {
          weight: 1,
          arbitrary: fc.record({ kind: fc.constant('time' as const), byMs: fc.nat(400), toldBefore: told }),
        },
      );
      const script: fc.Arbitrary<readonly ConnectionMove[]> = isAnswering
        ? answers.map((list) => [{ kind: 'script', answers: list }] as const)
        : fc.constant([]);
      const moves = fc.array(move, { maxLength: 14, size: 'max' });
      return fc.tuple(fc.constant(way), script, moves).map((parts) => parts.flat());
    });
}

describe('random', () => {
  const swarm = [...decisiveConfigurations, ...configurations.filter((_, index) => index % 5 === 0)];
  const each = Math.ceil(6_500 / (swarm.length * 2));

  test.each([
    ['a shell that answers later', false],
    ['a shell that answers inside the command', true],
  ])('I13: random histories do the same in both, with %s', { timeout: 120_000 }, (_name, isAnswering) => {
    const visits = new Map<string, number>();
    const visited = (leaf: string) => visits.set(leaf, (visits.get(leaf) ?? 0) + 1);
    // A seed for each: with one seed for all, every configuration would be led along the same few ways.
    for (const [index, configuration] of swarm.entries()) {
      fc.assert(
        fc.property(history(configuration, isAnswering), (moves) => {
          expect(play(...beginBoth(configuration), moves, visited)).toBe(null);
        }),
        { seed: Math.imul(seed() + index, 0x9e3779b1), numRuns: runs(each) },
      );
    }
    const least = connectionLeaves
      .map((leaf) => [leaf, visits.get(leaf) ?? 0] as const)
      .toSorted(([, one], [, other]) => one - other)[0];
    console.info(
      `[chart] conformance: ${runs(each) * swarm.length} random histories, seed ${seed()}; least visited: ${String(least)}`,
    );
    expect(least?.[1], `too few histories reach ${String(least?.[0])}`).toBeGreaterThanOrEqual(runs(60));
  });
});

describe.each(['compiled', 'xstate'] as const)('side by side, by the %s interpreter', (interpreter) => {
  test('M3: a chart that is told things inside the command of another does what it does alone, and so does the other', () => {
    const moves = fc.array(
      fc.constantFrom(...everyFact(onEverything)).map((fact) => ({ kind: 'fact', fact }) as const),
      { maxLength: 12, size: 'max' },
    );
    const ways = fc.constantFrom(...waysOf(onEverything)).chain((into) => fc.constantFrom(...into));
    const { listenerTimeouts: timeouts, expectsProxyHeader } = onEverything;
    const anyHistory = fc.tuple(ways, moves).map((parts) => parts.flat());
    let nested = 0;
    fc.assert(
      fc.property(anyHistory, anyHistory, (outerMoves, innerMoves) => {
        const alone = [outerMoves, innerMoves].map((list) => {
          const run: ConnectionRun = begin(maker(interpreter, onEverything));
          for (const move of list) make(run, move);
          return run.log;
        });
        const inner: ConnectionRun = begin(maker(interpreter, onEverything));
        const waiting = [...innerMoves];
        const tellInner = () => {
          const move = waiting.shift();
          if (move !== undefined) make(inner, move);
        };
        const outer: ConnectionRun = begin((clock, host) =>
          createConnectionChart(interpreter, { timeouts, expectsProxyHeader }, clock, {
            perform(command) {
              tellInner();
              nested += 1;
              host.perform(command);
            },
            moved: (from, to, event) => host.moved(from, to, event),
            beforeDeadline: () => host.beforeDeadline(),
          }),
        );
        for (const move of outerMoves) make(outer, move);
        while (waiting.length > 0) tellInner();
        expect([outer.log, inner.log]).toEqual(alone);
      }),
      { seed: seed(), numRuns: runs(200) },
    );
    expect(nested).toBeGreaterThan(200);
  });
});

describe.each(['compiled', 'xstate'] as const)('times, by the %s interpreter', (interpreter) => {
  const routed = { type: 'sniff.routed', ageMs: 0, keepHalfOpen: false, answerable: false, waits: false } as const;
  const retryable: ConnectionFact = { type: 'dial.failed', reason: 'upstream.refused', retryable: true };

  function established(timeouts: typeof defaultTimeouts, attemptsMax = 9): ConnectionRun {
    const run = dialling(timeouts, attemptsMax);
    run.chart.send({ type: 'dial.succeeded', ageMs: 0 });
    return run;
  }

  function dialling(timeouts: typeof defaultTimeouts, attemptsMax: number): ConnectionRun {
    const run: ConnectionRun = begin(maker(interpreter, { ...onEverything, listenerTimeouts: timeouts }));
    run.chart.send({ type: 'admission.granted' });
    run.chart.send({ type: 'client.identified' });
    run.chart.send({ ...routed, serves: 'upstream', timeouts, attemptsMax });
    return run;
  }

  /** When the chart ended, if nothing but time passes. */
  function endsAtMs({ chart, clock }: ConnectionRun): number {
    for (let next = clock.next(); next !== undefined && !chart.isDone; next = clock.next()) clock.fire(next);
    return clock.nowMs();
  }

  function reasonOf({ chart }: ConnectionRun): unknown {
    return chart.persist().snapshot.context;
  }

  test('T05: attempts, back-offs and waits together end at the dial budget', () => {
    const run = dialling(defaultTimeouts, 9);
    expect(endsAtMs(run)).toBe(15_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.dialBudget', attempt: 3 });
  });

  test('T03, T06: an attempt that hears nothing ends at the dial deadline', () => {
    const run = dialling(defaultTimeouts, 1);
    expect(endsAtMs(run)).toBe(5_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.dial', attempt: 1 });
  });

  test('T05: back-offs double from 100 ms to at most 2 s', () => {
    const run = dialling({ ...defaultTimeouts, dialBudget: 60_000 }, 9);
    const waits: number[] = [];
    while (!run.chart.isDone) {
      run.chart.send(retryable);
      const startMs = run.clock.nowMs();
      if (run.chart.leaf !== 'DIALING.BACKING_OFF') break;
      const next = run.clock.next();
      if (next !== undefined) run.clock.fire(next);
      waits.push(run.clock.nowMs() - startMs);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
  });

  test('T01: the sniff deadline is 10 s, whatever the client trickles', () => {
    const run: ConnectionRun = begin(maker(interpreter, { ...onEverything, listenerTimeouts: defaultTimeouts }));
    run.chart.send({ type: 'admission.granted' });
    run.chart.send({ type: 'client.identified' });
    for (let count = 0; count < 9; count += 1) {
      run.clock.advance(1_000);
      run.chart.send({ type: 'preface.received', answerable: false });
    }
    expect(endsAtMs(run)).toBe(10_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.sniff' });
  });

  test('T08, L39: an idle tunnel is announced a minute before the idle deadline, and a byte at 200 s moves it by 200 s', () => {
    const run = established(defaultTimeouts);
    const bytes: ConnectionFact = { type: 'bytes.flowed', quietMs: 40_000 };
    run.host.toldBefore = [bytes];
    const first = run.clock.next();
    expect(first?.dueMs).toBe(240_000);
    if (first !== undefined) run.clock.fire(first);
    expect(run.chart.leaf).toBe('ESTABLISHED.TUNNEL.ACTIVE');
    run.clock.advance(200_000);
    expect([run.clock.nowMs(), run.chart.leaf]).toEqual([440_000, 'ESTABLISHED.TUNNEL.IDLING']);
    expect(run.log.filter((line) => line.startsWith('perform {"type":"warnIdling"}'))).toHaveLength(1);
    expect(endsAtMs(run)).toBe(500_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.idle' });
  });

  test('T11: lifetime counts from accept, through ESTABLISHED and HALF_CLOSED', () => {
    const run = dialling({ ...defaultTimeouts, lifetime: 60_000 }, 1);
    run.clock.advance(3_000);
    run.chart.send({ type: 'dial.succeeded', ageMs: 3_000 });
    run.clock.advance(27_000);
    run.chart.send({ type: 'downstream.ended', heldBytes: 0, ageMs: 30_000 });
    expect(endsAtMs(run)).toBe(60_000);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.lifetime' });
  });

  test('T12: halfClosedMax bounds a half-closed connection in which bytes flow on and on', () => {
    const run = established({ ...defaultTimeouts, halfClosed: 10_000, halfClosedMax: 35_000 });
    run.chart.send({ type: 'upstream.ended', ageMs: 0 });
    for (let count = 0; count < 9 && !run.chart.isDone; count += 1) {
      run.host.toldBefore = [{ type: 'bytes.flowed', quietMs: 0 }];
      const next = run.clock.next();
      if (next !== undefined) run.clock.fire(next);
    }
    expect([run.clock.nowMs(), run.chart.leaf]).toEqual([35_000, 'CLOSED']);
    expect(reasonOf(run)).toMatchObject({ reason: 'timeout.halfClosedMax' });
  });

  test('L21: where idle is infinite the legs are looked at every minute, for ever', () => {
    const run = established({ ...defaultTimeouts, idle: null });
    run.clock.advance(livenessMs * 10);
    expect(run.chart.leaf).toBe('ESTABLISHED.TUNNEL.ACTIVE');
    expect(run.log.filter((line) => line.startsWith('perform {"type":"checkLegs"}'))).toHaveLength(10);
    expect(run.clock.armed()).toHaveLength(1);
  });
});
