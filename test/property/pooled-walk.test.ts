/**
 * Ring 1 and 2 for the chart of a pooled upstream connection: every state by every order of what can happen, every mutation,
 * every verdict, and both interpreters side by side.
 *
 * Read first: test/support/pooled-world.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { InterpreterName } from '../../src/machines/connection/connection-chart.ts';
import { defaultTimeouts, livenessMs } from '../../src/machines/connection/delays.ts';
import {
  isPooledFactType,
  pooledFactTypes,
  pooledMachine,
  pooledRegistries,
  type PooledCommand,
  type PooledFact,
} from '../../src/machines/pooled/machine.ts';
import { createPooledChart, pooledTable, type PooledTable } from '../../src/machines/pooled/pooled-chart.ts';
import { pooledLeaves, pooledVerdictOf } from '../../src/machines/pooled/verdicts.ts';
import { begin, play, type Maker, type Run } from '../support/chart-pair.ts';
import { chartStates, everyMove, movesTo, swarm, waysByLeaf } from '../support/exchange-histories.ts';
import { everyMutant, rebuilt } from '../support/chart-mutants.ts';
import { walkLaws, Walker, type Violation } from '../support/exchange-walker.ts';
import { runs, seed } from '../support/fuzz.ts';
import { poolIdleMs, pooledLaws, pooledModel } from '../support/pooled-world.ts';

const chart = { machine: pooledMachine, registries: pooledRegistries, isFact: isPooledFactType };
const walker = new Walker(pooledTable, pooledLaws);
const truthful = walker.walk(pooledModel, { isTruthful: true, hasPairs: true, isHasty: false });
const lying = walker.walk(pooledModel, { isTruthful: false, hasPairs: false, isHasty: false });

function maker(interpreter: InterpreterName): Maker<PooledFact, PooledCommand> {
  return (clock, host) => createPooledChart(interpreter, { poolIdleMs }, clock, host);
}

function expectLaw(...names: readonly (keyof typeof pooledLaws | (typeof walkLaws)[number])[]): void {
  const all = [...truthful.violations, ...lying.violations];
  expect(all.filter(({ law }) => names.some((name) => name === law)).slice(0, 3)).toEqual([]);
  for (const name of names) {
    if (name in pooledLaws) expect((truthful.tried.get(name) ?? 0) + (lying.tried.get(name) ?? 0)).toBeGreaterThan(0);
  }
}

describe('the walk of a pooled connection', () => {
  test('H05, L05: every state is held by its deadline, and an unused connection ends at its own', () => {
    expectLaw(
      'exactly the declared deadlines are armed',
      'a deadline is armed with its own length',
      'an unused connection ends at its deadline',
      ...walkLaws,
    );
  });

  test('H05, L40: a connection that somebody has ends when they are done with it, and is looked at meanwhile', () => {
    expectLaw(
      'the state says who has it and whether anybody else may',
      'while somebody has it the leg is looked at again and again, and nothing else happens',
    );
  });

  test('H05, I4: the leg is released exactly once, for the first cause, and nothing changes afterwards', () => {
    expectLaw(
      'the reason is the first cause',
      'every command fits the world it is given in',
      'the leg is released exactly once, by the last command, on entering CLOSED, for a reason',
      'a stale fact changes nothing, and CLOSED has no way out',
    );
  });

  test.each(['compiled', 'xstate'] as const)(
    'H05: a drain closes what nobody uses at once, and the rest as soon as it is given back, by the %s interpreter',
    (interpreter) => {
      const unused = begin(maker(interpreter));
      for (const type of ['connection.returned', 'drain.requested'] as const) unused.chart.send({ type });
      expect(unused.chart.persist().snapshot).toMatchObject({
        value: 'CLOSED',
        context: { reason: 'operator.drained' },
      });
      const lent = begin(maker(interpreter));
      for (const type of ['drain.requested', 'connection.lent'] as const) lent.chart.send({ type });
      expect(lent.chart.leaf).toBe('LEAVING');
      lent.chart.send({ type: 'connection.returned' });
      expect(lent.chart.persist().snapshot).toMatchObject({ value: 'CLOSED', context: { reason: 'completed' } });
    },
  );
});

describe('mutations of the pooled chart', () => {
  /** Mutants that no history can tell from the real chart, each with the reason. */
  const equivalent: Readonly<Record<string, string>> = {
    'recordReason: the last reason wins': 'every edge that records a reason leads to CLOSED, so there is only one',
    'recordGivenReason: the last reason wins': 'every edge that records a reason leads to CLOSED, so there is only one',
  };

  function firstViolation(table: PooledTable): Violation | null {
    const mutated = new Walker(table, pooledLaws);
    for (const isTruthful of [true, false]) {
      const [violation] = mutated.walk(pooledModel, { isTruthful, hasPairs: isTruthful, isHasty: true }).violations;
      if (violation !== undefined) return violation;
    }
    return null;
  }

  test('H05: taking out any one deadline, edge, action or rule breaks a named law', () => {
    expect(firstViolation(rebuilt(chart))).toBe(null);
    const mutants = everyMutant(chart);
    const survivors = mutants.filter(({ compile }) => firstViolation(compile()) === null).map(({ name }) => name);
    expect(survivors).toEqual(Object.keys(equivalent));
    expect(mutants.length).toBeGreaterThan(30);
    console.info(`[pooled] ${mutants.length} mutants, ${survivors.length} equivalent`);
  });
});

describe('verdicts of the pooled chart', () => {
  const pairs = pooledLeaves.flatMap((leaf) =>
    pooledFactTypes.map((fact) => ({ leaf, fact, verdict: pooledVerdictOf(leaf, fact) })),
  );

  test('I13: every pair of a leaf and a fact has a verdict, which is the compiled table’s', () => {
    expect(pooledTable.leaves.map(({ name }) => name)).toEqual([...pooledLeaves]);
    const wrong = pairs.filter(({ leaf, fact, verdict }) => {
      const found = pooledTable.leaves.find(({ name }) => name === leaf);
      const candidates = found === undefined || found.isFinal ? [] : (found.candidates.get(fact) ?? []);
      return (verdict === 'handled') !== candidates.some(({ guard }) => guard === null);
    });
    expect(wrong).toEqual([]);
    expect(pairs.filter(({ verdict }) => verdict !== 'handled' && verdict.ignored.split(' ').length < 5)).toEqual([]);
  });
});

describe('both interpreters', () => {
  const both = () => [begin(maker('compiled')), begin(maker('xstate'))] as const;
  const states = chartStates(lying.visits, ({ reason }) => [reason]);

  test('I13: from every state of a pooled connection, every fact and every deadline does the same in both', () => {
    expect(new Set(states.map(({ place }) => place.leaf))).toEqual(new Set(pooledLeaves));
    for (const visit of states) {
      const prefix = movesTo(maker('compiled'), pooledTable, visit);
      for (const move of everyMove(visit, pooledModel.facts, [[], ...pooledModel.facts.map((fact) => [fact])])) {
        expect(play(...both(), [...prefix, move])).toBe(null);
      }
    }
  });

  test.each([
    ['a shell that answers later', false],
    ['a shell that answers inside the command', true],
  ])('I13: random histories of a pooled connection do the same in both, with %s', (_name, isAnswering) => {
    const ways = waysByLeaf(maker('compiled'), pooledTable, states);
    const reached = new Map<string, number>();
    const visited = (leaf: string) => reached.set(leaf, (reached.get(leaf) ?? 0) + 1);
    fc.assert(
      fc.property(swarm(ways, pooledModel.facts, isAnswering), (moves) => {
        expect(play(...both(), moves, visited)).toBe(null);
      }),
      { seed: seed(), numRuns: runs(500) },
    );
    const floor = runs(60);
    expect(pooledLeaves.filter((leaf) => (reached.get(leaf) ?? 0) < floor)).toEqual([]);
  });

  test.each(['compiled', 'xstate'] as const)(
    'H05, L40: a lent connection outlives any silence, an unused one 30 s, by the %s interpreter',
    (interpreter) => {
      const run: Run<PooledFact, PooledCommand> = begin((clock, host) =>
        createPooledChart(interpreter, { poolIdleMs: defaultTimeouts.poolIdle }, clock, host),
      );
      run.clock.advance(livenessMs * 10);
      expect([run.chart.leaf, run.clock.armed().length]).toEqual(['LENT', 1]);
      expect(run.log.filter((line) => line.startsWith('perform {"type":"checkLeg"}'))).toHaveLength(10);
      run.chart.send({ type: 'connection.returned' });
      run.clock.advance(29_999);
      expect(run.chart.leaf).toBe('IDLE');
      run.clock.advance(1);
      expect([run.chart.leaf, run.clock.armed().length]).toEqual(['CLOSED', 0]);
    },
  );
});
