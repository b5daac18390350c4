/**
 * A connection's chart can be put away in any state and taken out again, by either interpreter: what remains of each
 * deadline is armed anew, no command is repeated, and life goes on as if nothing had happened.
 */
import { describe, expect, test } from 'vitest';
import { ActorChart } from '../../src/machines/chart/actor-chart.ts';
import {
  createConnectionChart,
  restoreConnection,
  type PersistedConnection,
} from '../../src/machines/connection/connection-chart.ts';
import { defaultTimeouts } from '../../src/machines/connection/delays.ts';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import { decisiveConfigurations, type Configuration } from '../support/chart-configurations.ts';
import { ChartTestClock } from '../support/chart-clock.ts';
import { everyFact } from '../support/chart-facts.ts';
import { chartStates, maker, movesTo, type ConnectionMove, type ConnectionRun } from '../support/chart-histories.ts';
import { begin, make } from '../support/chart-pair.ts';

const interpreters = ['compiled', 'xstate'] as const;
type Interpreter = (typeof interpreters)[number];

/** A chart that has lived through the moves, and then some of its deadline. */
function live(interpreter: Interpreter, configuration: Configuration, moves: readonly ConnectionMove[]): ConnectionRun {
  const run: ConnectionRun = begin(maker(interpreter, configuration));
  for (const move of moves) make(run, move);
  const next = run.clock.next();
  if (next !== undefined) run.clock.advance(Math.max(0, next.dueMs - run.clock.nowMs()) / 2);
  return run;
}

function restore(interpreter: Interpreter, persisted: PersistedConnection): ConnectionRun {
  return begin((clock, host) => restoreConnection(interpreter, persisted, clock, host));
}

/** Through text, as a file or another process would keep it. */
function putAway(run: ConnectionRun): PersistedConnection {
  const { snapshot, timers } = run.chart.persist();
  return parse(JSON.stringify({ snapshot, timers }));
}

/** The typed boundary to text that `putAway` has just written. */
function parse(text: string): PersistedConnection;
function parse(text: string): unknown {
  const data: unknown = JSON.parse(text);
  return data;
}

/** What a move does, without the serial numbers of timers. */
function effectOf(run: ConnectionRun, move: ConnectionMove): unknown {
  const from = run.log.length;
  make(run, move);
  const { leaf, isDone } = run.chart;
  const log = run.log.slice(from).map((line) => line.replace(/^(arm|cancel) \d+/, '$1'));
  return JSON.parse(JSON.stringify({ leaf, isDone, log, armed: run.chart.armed(), persisted: run.chart.persist() }));
}

function movesFrom(configuration: Configuration, { chart }: ConnectionRun): readonly ConnectionMove[] {
  const told: readonly (readonly ConnectionFact[])[] = [[], [{ type: 'bytes.flowed', quietMs: 1 }]];
  return [
    ...everyFact(configuration).map((fact) => ({ kind: 'fact', fact }) as const),
    ...told.flatMap((toldBefore) => [
      { kind: 'time', byMs: 1_000_000, toldBefore } as const,
      ...(chart.isDone ? [] : [{ kind: 'time', byMs: 20, toldBefore } as const]),
    ]),
  ];
}

const cases = decisiveConfigurations.flatMap((configuration) =>
  chartStates(configuration).map((visit) => ({ configuration, visit, moves: movesTo(configuration, visit) })),
);

describe('restore', () => {
  test('a persisted chart is the XState actor’s own persisted snapshot', () => {
    for (const { configuration, moves } of cases) {
      const { chart } = live('xstate', configuration, moves);
      expect(chart).toBeInstanceOf(ActorChart);
      if (!(chart instanceof ActorChart)) continue;
      const own: unknown = JSON.parse(JSON.stringify(chart.actor.getPersistedSnapshot()));
      expect(JSON.parse(JSON.stringify(chart.persist().snapshot))).toEqual(own);
      expect(JSON.parse(JSON.stringify(live('compiled', configuration, moves).chart.persist().snapshot))).toEqual(own);
    }
  });

  test.each(interpreters.flatMap((from) => interpreters.map((into) => [from, into] as const)))(
    'I3: put away by %s in any state and restored by %s, exactly what remained is armed and no command is repeated',
    (from, into) => {
      for (const { configuration, moves } of cases) {
        const before = live(from, configuration, moves);
        const persisted = putAway(before);
        const after = restore(into, persisted);
        expect(after.log.map((line) => line.replace(/^arm \d+ /, 'arm '))).toEqual(
          persisted.timers.map(({ remainingMs }) => `arm for ${remainingMs}`),
        );
        expect([after.chart.leaf, after.chart.state, after.chart.isDone]).toEqual([
          before.chart.leaf,
          before.chart.state,
          before.chart.isDone,
        ]);
        expect(after.chart.armed()).toEqual(before.chart.armed());
        expect(putAway(after)).toEqual(persisted);
      }
    },
  );

  test.each(interpreters)(
    'a chart restored by %s goes on as if it had never been put away',
    { timeout: 60_000 },
    (into) => {
      let compared = 0;
      for (const { configuration, moves } of cases) {
        const persisted = putAway(live('compiled', configuration, moves));
        for (const move of movesFrom(configuration, restore('compiled', persisted))) {
          expect(effectOf(restore(into, persisted), move)).toEqual(
            effectOf(live('compiled', configuration, moves), move),
          );
          compared += 1;
        }
      }
      expect(compared).toBeGreaterThan(3_000);
    },
  );

  test.each(interpreters)('C02: whatever is restored by %s ends with nothing armed and releases once', (into) => {
    for (const { configuration, moves } of cases) {
      const restored = restore(into, putAway(live('compiled', configuration, moves)));
      const wasDone = restored.chart.isDone;
      restored.chart.send({ type: 'kill.requested', reason: 'operator.killed' });
      expect(restored.clock.armed()).toEqual([]);
      expect(restored.log.filter((line) => line.startsWith('perform {"type":"release"'))).toHaveLength(wasDone ? 0 : 1);
    }
  });

  test('a persisted state that the chart does not have is refused', () => {
    const persisted = putAway(live('compiled', onlyDefaults, []));
    const strange: PersistedConnection = {
      ...persisted,
      snapshot: { ...persisted.snapshot, value: { SNIFFING: 'ELSEWHERE' } },
    };
    for (const interpreter of interpreters) expect(() => restore(interpreter, strange)).toThrow(RangeError);
  });
});

describe('before the start', () => {
  test.each(interpreters)('a fact told to a chart that has not been started is dropped by %s', (interpreter) => {
    const told: string[] = [];
    const host = {
      perform: ({ type }: { readonly type: string }) => told.push(type),
      moved: () => {},
      beforeDeadline: () => {},
    };
    const input = { timeouts: defaultTimeouts, expectsProxyHeader: false };
    const chart = createConnectionChart(interpreter, input, new ChartTestClock(), host);
    chart.send({ type: 'kill.requested', reason: 'operator.killed' });
    chart.start();
    expect([chart.leaf, told]).toEqual(['ACCEPTED', []]);
  });
});

const onlyDefaults: Configuration = {
  name: 'defaults',
  attemptsMax: 1,
  expectsProxyHeader: false,
  hasSilentDeaths: false,
  listenerTimeouts: defaultTimeouts,
  routeTimeouts: defaultTimeouts,
  servedTimeouts: defaultTimeouts,
  tunnelTimeouts: defaultTimeouts,
  tunnelPingMs: null,
};
