/**
 * Ring 1: the search behind the hold time, on charts small enough to see through.
 *
 * They hold what the connection chart does not have: a loop in time, and a loop of facts in no time.
 */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { compileChart } from '../../src/machines/chart/compile.ts';
import { holdTime } from '../../src/machines/chart/hold-time.ts';
import { typed } from '../../src/machines/chart/typed.ts';

type ToyFact = { readonly type: 'left' } | { readonly type: 'right' } | { readonly type: 'away' };

const facts: readonly ToyFact[] = [{ type: 'left' }, { type: 'right' }, { type: 'away' }];
const delays = { one: () => 1, five: () => 5, ten: () => 10, hundred: () => 100 };
const base = setup({ types: { context: typed<object>(), events: typed<ToyFact>() }, delays });

function longest(machine: Parameters<typeof compileChart>[0]) {
  const registries = { updates: {}, commands: {}, guards: {}, delays };
  const table = compileChart<object, ToyFact, never>(machine, registries, (name) =>
    facts.some(({ type }) => type === name),
  );
  return holdTime({ table, context: {}, facts: () => facts, activity: null });
}

test('T05: a loop that takes time has no bound', () => {
  const states = { A: { after: { one: 'B' } }, B: { after: { five: 'A' } }, CLOSED: { type: 'final' } } as const;
  expect(longest(base.createMachine({ id: 'toy', initial: 'A', context: {}, states })).totalMs).toBeNull();
});

test('T05: a state without a deadline has no bound', () => {
  const states = { A: { after: { one: 'B' } }, B: { on: { away: 'CLOSED' } }, CLOSED: { type: 'final' } } as const;
  expect(longest(base.createMachine({ id: 'toy', initial: 'A', context: {}, states })).totalMs).toBeNull();
});

test('T05: a place that was first met inside a loop of facts keeps its whole worth', () => {
  const machine = base.createMachine({
    id: 'toy',
    initial: 'START',
    context: {},
    states: {
      START: { after: { one: 'CLOSED' }, on: { left: 'LOOP.X', right: 'BEFORE' } },
      BEFORE: { after: { hundred: 'LOOP.W' } },
      LOOP: {
        initial: 'X',
        after: { five: 'CLOSED' },
        states: { X: { on: { left: 'Y' } }, Y: { on: { left: 'X', away: '#toy.LONG' } }, W: { on: { right: 'X' } } },
      },
      LONG: { after: { ten: 'CLOSED' } },
      CLOSED: { type: 'final' },
    },
  });
  expect(longest(machine)).toEqual({
    totalMs: 116,
    path: [
      { state: 'START', deadline: 'one', ms: 1 },
      { state: 'BEFORE', deadline: 'hundred', ms: 100 },
      { state: 'LOOP.W', deadline: 'five', ms: 5 },
      { state: 'LONG', deadline: 'ten', ms: 10 },
    ],
  });
});
