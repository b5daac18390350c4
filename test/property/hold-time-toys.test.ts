/**
 * Ring 1: the search behind the hold time, on charts small enough to see through.
 *
 * They hold what the connection chart does not have: a loop in time, a loop of facts in no time, a stay of known length.
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

type Extras = Partial<Parameters<typeof holdTime<object, ToyFact, never>>[0]>;

function longest(machine: Parameters<typeof compileChart>[0], extras: Extras = {}) {
  const registries = { updates: {}, commands: {}, guards: {}, delays };
  const table = compileChart<object, ToyFact, never>(machine, registries, (name) =>
    facts.some(({ type }) => type === name),
  );
  return holdTime({ table, context: {}, facts, activity: null, ...extras });
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

const waiting = base.createMachine({
  id: 'toy',
  initial: 'A',
  context: {},
  states: {
    A: { after: { one: 'CLOSED' }, on: { left: 'B' } },
    B: { after: { hundred: 'CLOSED' }, on: { right: 'C', away: 'A' } },
    C: { after: { ten: 'CLOSED' } },
    CLOSED: { type: 'final' },
  },
});
const inner = { hold: { totalMs: 7, path: [{ state: 'X', deadline: 'five', ms: 7 }] }, ends: ['right'] } as const;
const inB = (
  hold:
    | typeof inner.hold
    | { readonly totalMs: null; readonly path: [] }
    | { readonly totalMs: number; readonly path: [] },
) => ({
  inside: (leaf: string) => (leaf === 'B' ? [{ ...inner, hold }] : []),
});

test('T05: a fact that is told at most once makes no loop, and any number of times it has no bound', () => {
  expect(longest(waiting).totalMs).toBeNull();
  expect(longest(waiting, { once: new Set(['left'] as const) }).totalMs).toBe(1 + 100 + 10);
});

test('T05: what is inside a state holds it as long as that takes, and only its end is told', () => {
  const once = new Set(['left'] as const);
  expect(longest(waiting, { once, ...inB(inner.hold) })).toEqual({
    totalMs: 1 + 7 + 10,
    path: [
      { state: 'A', deadline: 'one', ms: 1 },
      { state: 'B › X', deadline: 'five', ms: 7 },
      { state: 'C', deadline: 'ten', ms: 10 },
    ],
  });
});

test('T05: a deadline around what is inside bounds it, and it may have ended just before', () => {
  const once = new Set(['left'] as const);
  for (const totalMs of [null, 5_000])
    expect(longest(waiting, { once, ...inB({ totalMs, path: [] } as const) })).toEqual({
      totalMs: 1 + 100 + 10,
      path: [
        { state: 'A', deadline: 'one', ms: 1 },
        { state: 'B', deadline: 'hundred', ms: 100 },
        { state: 'C', deadline: 'ten', ms: 10 },
      ],
    });
});

const bounded = base.createMachine({
  id: 'toy',
  initial: 'AROUND',
  context: {},
  states: {
    AROUND: {
      initial: 'B',
      after: { hundred: 'LONG' },
      states: { B: { on: { right: 'C' } }, C: { on: { away: '#toy.CLOSED' } } },
    },
    LONG: { after: { ten: 'CLOSED' } },
    CLOSED: { type: 'final' },
  },
});

test('T05: the time that what is inside takes is taken off the deadlines around it, which pass no sooner for that', () => {
  const held = { totalMs: 60, path: [{ state: 'X', deadline: 'five', ms: 60 }] } as const;
  const insideB = (ends: readonly ToyFact['type'][]): Extras => ({
    inside: (leaf) => (leaf === 'AROUND.B' ? [{ hold: held, ends }] : []),
  });
  expect(longest(bounded, insideB(['right']))).toEqual({
    totalMs: 60 + 40 + 10,
    path: [
      { state: 'AROUND.B › X', deadline: 'five', ms: 60 },
      { state: 'AROUND.C', deadline: 'hundred', ms: 40 },
      { state: 'LONG', deadline: 'ten', ms: 10 },
    ],
  });
  const early = base.createMachine({
    id: 'toy',
    initial: 'B',
    context: {},
    states: {
      B: { after: { hundred: 'LONG' }, on: { away: 'CLOSED' } },
      LONG: { after: { ten: 'CLOSED' } },
      CLOSED: { type: 'final' },
    },
  });
  const inEarly: Extras = { inside: (leaf) => (leaf === 'B' ? [{ hold: held, ends: ['away'] }] : []) };
  expect(longest(early, inEarly).totalMs).toBe(60);
});
