/**
 * The compiler: what it refuses, always naming the state; and the features it implements beyond the connection chart's,
 * held against XState on a second machine.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { and, assign, createMachine, not, raise } from 'xstate';
import { ProxyError, type ErrorCode } from '../../src/errors.ts';
import { compileChart } from '../../src/machines/chart/compile.ts';
import { begin, play, type Move } from '../support/chart-pair.ts';
import { actorLift, compiledLift, liftFacts, liftTable, type LiftFact } from '../support/chart-second.ts';
import { runs, seed } from '../support/fuzz.ts';

type MachineConfig = Parameters<typeof createMachine>[0];

const registries = {
  updates: { count: ({ context }: { readonly context: number }) => context + 1 },
  commands: { say: () => 'said' },
  guards: { isOpen: () => true },
  delays: { soon: () => 10 },
};

function compile(config: unknown): unknown {
  return compileChart(
    createMachine(asMachineConfig(config)),
    registries,
    (name) => name === 'opened' || name === 'closed',
  );
}

/** The typed boundary: a configuration that XState's types would not let through is what is tested. */
function asMachineConfig(config: unknown): MachineConfig;
function asMachineConfig(config: unknown): unknown {
  return config;
}

/** A chart of two states, the first with something more. */
function chart(extra: Readonly<Record<string, unknown>>, root: Readonly<Record<string, unknown>> = {}): unknown {
  return { id: 'door', initial: 'SHUT', states: { SHUT: { on: { opened: 'OPEN' }, ...extra }, OPEN: {} }, ...root };
}

function inner(extra: Readonly<Record<string, unknown>>): unknown {
  return chart({ initial: 'LOCKED', states: { LOCKED: extra, FREE: {} } });
}

const invalid: ErrorCode = 'SALLYPORT_CHART_INVALID';
const unsupported: ErrorCode = 'SALLYPORT_CHART_UNSUPPORTED';

describe('refusals', () => {
  test('the plain chart of these tests compiles', () => {
    expect(() => compile(chart({}))).not.toThrow();
    expect(() =>
      compile(inner({ after: { soon: 'FREE' }, entry: 'say', exit: { type: 'count', params: { by: 1 } } })),
    ).not.toThrow();
  });

  test.each<readonly [what: string, config: unknown, code: ErrorCode, state: string]>([
    ['a misspelt delay', inner({ after: { sooon: 'FREE' } }), invalid, 'SHUT.LOCKED'],
    ['a delay as a number', inner({ after: { 1000: 'FREE' } }), invalid, 'SHUT.LOCKED'],
    ['a misspelt initial state', chart({ initial: 'LOKED', states: { LOCKED: {} } }), invalid, 'SHUT'],
    ['a misspelt guard', inner({ on: { opened: { target: 'FREE', guard: 'isOpn' } } }), invalid, 'SHUT.LOCKED'],
    ['a misspelt guard on always', inner({ always: { target: 'FREE', guard: 'isOpn' } }), invalid, 'SHUT.LOCKED'],
    [
      'a misspelt guard on a deadline',
      inner({ after: { soon: { target: 'FREE', guard: 'isOpn' } } }),
      invalid,
      'SHUT.LOCKED',
    ],
    ['a misspelt action', inner({ on: { opened: { actions: 'sya' } } }), invalid, 'SHUT.LOCKED'],
    ['a misspelt entry action', inner({ entry: ['say', 'sya'] }), invalid, 'SHUT.LOCKED'],
    ['a misspelt exit action', inner({ exit: { type: 'sya' } }), invalid, 'SHUT.LOCKED'],
    ['a misspelt transition key', inner({ on: { opened: { target: 'FREE', raenter: true } } }), invalid, 'SHUT.LOCKED'],
    [
      'a misspelt transition key in a list',
      inner({ on: { opened: [{ target: 'FREE' }, { gaurd: 'isOpen' }] } }),
      invalid,
      'SHUT.LOCKED',
    ],
    [
      'a misspelt transition key on a deadline',
      inner({ after: { soon: { target: 'FREE', action: 'say' } } }),
      invalid,
      'SHUT.LOCKED',
    ],
    [
      'a misspelt transition key on always',
      inner({ always: { guard: 'isOpen', traget: 'FREE' } }),
      invalid,
      'SHUT.LOCKED',
    ],
    ['an unknown node key', inner({ entrry: 'say' }), invalid, 'SHUT.LOCKED'],
    ['an unknown node key on the root', chart({}, { afterwards: {} }), invalid, 'the root'],
    ['an unknown fact', inner({ on: { opend: 'FREE' } }), invalid, 'SHUT.LOCKED'],
    ['an unknown fact on the root', chart({}, { on: { opend: '.OPEN' } }), invalid, 'the root'],
    ['a wildcard', inner({ on: { '*': 'FREE' } }), invalid, 'SHUT.LOCKED'],
    ['a partial wildcard', inner({ on: { 'opened.*': 'FREE' } }), invalid, 'SHUT.LOCKED'],
    ['invoke', inner({ invoke: { src: 'something' } }), unsupported, 'SHUT.LOCKED'],
    ['a parallel state', chart({ type: 'parallel', states: { ONE: {}, TWO: {} } }), unsupported, 'SHUT'],
    [
      'a history state',
      chart({ initial: 'LOCKED', states: { LOCKED: {}, BACK: { type: 'history' } } }),
      unsupported,
      'SHUT.BACK',
    ],
    [
      'a deep history state',
      chart({ initial: 'LOCKED', states: { LOCKED: {}, BACK: { type: 'history', history: 'deep' } } }),
      unsupported,
      'SHUT.BACK',
    ],
    ['onDone', chart({ initial: 'LOCKED', states: { LOCKED: {} }, onDone: 'OPEN' }), unsupported, 'SHUT'],
    ['output', chart({}, { states: { SHUT: { type: 'final', output: 1 }, OPEN: {} } }), unsupported, 'SHUT'],
    [
      'a final state inside another',
      chart({ initial: 'LOCKED', states: { LOCKED: { type: 'final' } } }),
      unsupported,
      'SHUT.LOCKED',
    ],
    [
      'a final state with exit actions',
      chart({}, { states: { SHUT: { type: 'final', exit: 'say' }, OPEN: {} } }),
      unsupported,
      'SHUT',
    ],
    ['an inline entry action', inner({ entry: () => {} }), unsupported, 'SHUT.LOCKED'],
    ['an inline exit action', inner({ exit: ['say', () => {}] }), unsupported, 'SHUT.LOCKED'],
    ['an inline action on an edge', inner({ on: { opened: { actions: () => {} } } }), unsupported, 'SHUT.LOCKED'],
    ['an inline assign', inner({ on: { opened: { actions: assign({}) } } }), unsupported, 'SHUT.LOCKED'],
    ['an inline raise', inner({ entry: raise({ type: 'opened' }) }), unsupported, 'SHUT.LOCKED'],
    ['an inline guard', inner({ on: { opened: { target: 'FREE', guard: () => true } } }), unsupported, 'SHUT.LOCKED'],
    [
      'a guard made of guards',
      inner({ on: { opened: { target: 'FREE', guard: not('isOpen') } } }),
      unsupported,
      'SHUT.LOCKED',
    ],
    [
      'a guard made of several guards',
      inner({ on: { opened: { target: 'FREE', guard: and(['isOpen']) } } }),
      unsupported,
      'SHUT.LOCKED',
    ],
    ['computed params of an action', inner({ entry: { type: 'say', params: () => ({}) } }), unsupported, 'SHUT.LOCKED'],
    [
      'computed params of a guard',
      inner({ on: { opened: { guard: { type: 'isOpen', params: () => ({}) } } } }),
      unsupported,
      'SHUT.LOCKED',
    ],
    ['several targets', inner({ on: { opened: { target: ['FREE', '#door.OPEN'] } } }), unsupported, 'SHUT.LOCKED'],
    ['a state with a dot in its name', chart({}, { initial: 'A.B', states: { 'A.B': {} } }), unsupported, 'A.B'],
    ['entry on the root', chart({}, { entry: 'say' }), unsupported, 'the root'],
    ['exit on the root', chart({}, { exit: 'say' }), unsupported, 'the root'],
    ['a deadline on the root', chart({}, { after: { soon: '.OPEN' } }), unsupported, 'the root'],
    ['a chart without states', { id: 'door' }, unsupported, 'states'],
    ['a parallel root', { id: 'door', type: 'parallel', states: { ONE: {}, TWO: {} } }, unsupported, 'the root'],
    ['a way back to the root', inner({ on: { opened: { target: '#door', reenter: true } } }), unsupported, 'the root'],
  ])('%s is refused, and the state is named', (_what, config, code, state) => {
    const error = refusalOf(config);
    expect([error?.code, error?.message]).toEqual([code, expect.stringContaining(state)]);
  });

  test('a misspelt target and a missing initial state are refused by XState itself, before the compiler sees the chart', () => {
    expect(() => createMachine(asMachineConfig(chart({ states: { LOCKED: {} } })))).toThrow(/SHUT/);
    expect(() => createMachine(asMachineConfig(inner({ on: { opened: 'FRE' } })))).toThrow(/FRE/);
    expect(() => createMachine(asMachineConfig(inner({ on: { opened: '#door.OPNE' } })))).toThrow(/OPNE/);
  });

  function refusalOf(config: unknown): ProxyError | null {
    try {
      compile(config);
      return null;
    } catch (error) {
      if (error instanceof ProxyError) return error;
      throw error;
    }
  }
});

describe('features beyond the connection chart', () => {
  test('the second machine uses always, internal transitions, parents entered anew and three levels of deadlines', () => {
    expect(liftTable.leaves.map(({ name }) => name)).toEqual([
      'WAITING',
      'MOVING.UP',
      'MOVING.DOWN.SLOW',
      'MOVING.DOWN.FAST',
      'STUCK',
      'BROKEN',
    ]);
    expect(liftTable.slotCount).toBe(3);
    expect(liftTable.leaves.filter(({ always }) => always.length > 0)).toHaveLength(5);
  });

  test('random histories do the same in the compiled table and in XState', { timeout: 60_000 }, () => {
    const visits = new Map<string, number>();
    const fact = fc.constantFrom(...liftFacts);
    const told = fc.array(fact, { maxLength: 2 });
    const move: fc.Arbitrary<Move<LiftFact>> = fc.oneof(
      { weight: 4, arbitrary: fact.map((one) => ({ kind: 'fact', fact: one }) as const) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('deadline' as const), nth: fc.nat(3), toldBefore: told }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), byMs: fc.nat(40), toldBefore: told }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('script' as const), answers: fc.array(told, { maxLength: 6 }) }),
      },
    );
    // A hit in STUCK ends the lift, so most histories know no hits.
    const calm = move.filter((one) => one.kind !== 'fact' || one.fact.type !== 'hit');
    const moves = fc.oneof(
      { weight: 3, arbitrary: fc.array(calm, { maxLength: 25, size: 'max' }) },
      { weight: 1, arbitrary: fc.array(move, { maxLength: 25, size: 'max' }) },
    );
    fc.assert(
      fc.property(moves, (list) => {
        expect(
          play(begin(compiledLift), begin(actorLift), list, (leaf) => visits.set(leaf, (visits.get(leaf) ?? 0) + 1)),
        ).toBe(null);
      }),
      { seed: seed(), numRuns: runs(2_000) },
    );
    for (const { name } of liftTable.leaves) expect([name, (visits.get(name) ?? 0) >= 100]).toEqual([name, true]);
  });
});
