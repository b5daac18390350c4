/**
 * A second, small machine that uses what the compiler implements and the connection chart does not: `always` on leaves
 * and parents, guarded by the context or by the event, chained and without a target; internal transitions on parents;
 * parents that are entered anew; deadlines on three levels, one of them sometimes off; params on everything.
 *
 * A lift. It means nothing else.
 */
import { assign, emit, setup } from 'xstate';
import { compileChart } from '../../src/machines/chart/compile.ts';
import { compiledCharts } from '../../src/machines/chart/compiled-chart.ts';
import { ActorChart, type ActorLogic } from '../../src/machines/chart/actor-chart.ts';
import type { ChartArgs } from '../../src/machines/chart/registries.ts';
import { typed } from '../../src/machines/chart/typed.ts';
import type { Maker } from './chart-pair.ts';

export interface LiftContext {
  readonly floor: number;
  readonly wanted: number;
  readonly taps: number;
  readonly isNoted: boolean;
}

export type LiftFact =
  | { readonly type: 'called'; readonly floor: number }
  | { readonly type: 'tapped' }
  | { readonly type: 'turned' }
  | { readonly type: 'rebooted' }
  | { readonly type: 'returned' }
  | { readonly type: 'jammed' }
  | { readonly type: 'freed' }
  | { readonly type: 'hit' }
  | { readonly type: 'unheard' };

export interface LiftCommand {
  readonly type: 'say';
  readonly what: string;
  readonly floor: number;
  readonly on: string;
}

type Args = ChartArgs<LiftContext, LiftFact>;

const updates = {
  want: ({ context, event }: Args): LiftContext =>
    event.type === 'called' ? { ...context, wanted: event.floor } : context,
  climb: ({ context }: Args, { by }: { readonly by: number }): LiftContext => ({
    ...context,
    floor: context.floor + by,
  }),
  tap: ({ context }: Args): LiftContext => ({ ...context, taps: context.taps + 1 }),
  note: ({ context }: Args): LiftContext => ({ ...context, isNoted: true }),
  forget: ({ context }: Args): LiftContext => ({ ...context, taps: 0, isNoted: false }),
};

const commands = {
  say: ({ context, event }: Args, { what }: { readonly what: string }): LiftCommand => ({
    type: 'say',
    what,
    floor: context.floor,
    on: event.type,
  }),
};

const guards = {
  isAbove: ({ context }: Args, { by }: { readonly by: number }): boolean => context.wanted - context.floor >= by,
  isBelow: ({ context }: Args, { by }: { readonly by: number }): boolean => context.floor - context.wanted >= by,
  isWornOut: ({ context }: Args): boolean => context.taps >= 4,
  isNew: ({ context }: Args): boolean => context.taps === 2 && !context.isNoted,
  isHit: ({ event }: Args): boolean => event.type === 'hit',
  isUnheard: ({ event }: Args): boolean => event.type === 'unheard',
};

const delays = {
  step: ({ taps }: LiftContext) => 10 + taps,
  /** Off on the ground floor. */
  trip: ({ floor }: LiftContext) => (floor === 0 ? null : 35),
  shift: () => 60,
};

const lift = setup({
  types: {
    context: typed<LiftContext>(),
    events: typed<LiftFact>(),
    emitted: typed<LiftCommand>(),
  },
  actions: {
    want: assign(updates.want),
    climb: assign(updates.climb),
    tap: assign(updates.tap),
    note: assign(updates.note),
    forget: assign(updates.forget),
    say: emit(commands.say),
  },
  guards,
  delays: {
    step: ({ context }) => delays.step(context),
    trip: ({ context }) => delays.trip(context) ?? Infinity,
    shift: () => delays.shift(),
  },
}).createMachine({
  id: 'lift',
  context: { floor: 0, wanted: 0, taps: 0, isNoted: false },
  initial: 'WAITING',
  on: { hit: { actions: { type: 'say', params: { what: 'ouch' } } } },
  states: {
    WAITING: {
      entry: { type: 'say', params: { what: 'waiting' } },
      always: [
        { guard: { type: 'isAbove', params: { by: 1 } }, target: 'MOVING' },
        { guard: { type: 'isBelow', params: { by: 1 } }, target: 'MOVING.DOWN' },
        { guard: 'isUnheard', actions: { type: 'say', params: { what: 'pardon' } } },
      ],
      on: { called: { actions: 'want' }, tapped: { actions: 'tap' }, jammed: 'STUCK' },
    },
    MOVING: {
      entry: [{ type: 'say', params: { what: 'start' } }, 'tap'],
      exit: [{ type: 'say', params: { what: 'stop' } }],
      initial: 'UP',
      after: { trip: { target: 'STUCK', actions: { type: 'say', params: { what: 'tripped' } } } },
      always: [
        { guard: 'isWornOut', target: 'STUCK' },
        { guard: 'isNew', actions: ['note', { type: 'say', params: { what: 'noted' } }] },
      ],
      on: {
        // Internal, on a parent: children go on.
        tapped: { actions: ['tap', { type: 'say', params: { what: 'tapped' } }] },
        // Into a child, the parent stays.
        turned: { target: '.DOWN.SLOW', actions: { type: 'say', params: { what: 'turned' } } },
        // The parent itself, not entered anew; and entered anew.
        returned: { target: 'MOVING', actions: 'forget' },
        rebooted: { target: 'MOVING', reenter: true, actions: 'forget' },
        jammed: 'STUCK',
        called: { actions: 'want' },
      },
      states: {
        UP: {
          entry: { type: 'say', params: { what: 'up' } },
          exit: { type: 'say', params: { what: 'not up' } },
          after: {
            step: [
              {
                guard: { type: 'isAbove', params: { by: 2 } },
                target: 'UP',
                reenter: true,
                actions: { type: 'climb', params: { by: 1 } },
              },
              { target: '#lift.WAITING', actions: { type: 'climb', params: { by: 1 } } },
            ],
          },
        },
        DOWN: {
          entry: { type: 'say', params: { what: 'down' } },
          initial: 'SLOW',
          after: { shift: { target: 'UP' } },
          on: { rebooted: { target: 'DOWN', reenter: true }, returned: { target: 'DOWN' } },
          states: {
            SLOW: {
              always: { guard: { type: 'isBelow', params: { by: 2 } }, target: 'FAST' },
              after: { step: { target: '#lift.WAITING', actions: { type: 'climb', params: { by: -1 } } } },
            },
            FAST: {
              exit: { type: 'say', params: { what: 'brake' } },
              after: { step: { target: 'SLOW', actions: { type: 'climb', params: { by: -1 } } } },
              on: { tapped: 'SLOW' },
            },
          },
        },
      },
    },
    STUCK: {
      entry: { type: 'say', params: { what: 'stuck' } },
      always: { guard: 'isHit', target: 'BROKEN' },
      on: {
        freed: { target: 'WAITING', actions: 'forget' },
        hit: { guard: 'isWornOut', actions: { type: 'say', params: { what: 'again' } } },
        tapped: { target: 'STUCK', reenter: true },
      },
    },
    BROKEN: { type: 'final', entry: [{ type: 'say', params: { what: 'broken' } }] },
  },
});

const factTypes: ReadonlySet<string> = new Set([
  'called',
  'tapped',
  'turned',
  'rebooted',
  'returned',
  'jammed',
  'freed',
  'hit',
  'unheard',
]);

export const liftTable = compileChart<LiftContext, LiftFact, LiftCommand>(
  lift,
  { updates, commands, guards, delays },
  (name) => factTypes.has(name),
);

export const liftFacts: readonly LiftFact[] = [
  ...[-2, -1, 0, 1, 3].map((floor) => ({ type: 'called', floor }) as const),
  ...(['tapped', 'turned', 'rebooted', 'returned', 'jammed', 'freed', 'hit', 'unheard'] as const).map((type) => ({
    type,
  })),
];

const logic: ActorLogic<LiftContext, LiftFact, LiftCommand> = {
  machine: lift,
  table: liftTable,
  read: narrow(typed<ReturnType<(typeof lift)['getInitialSnapshot']>>()),
  isCommand: (emitted): emitted is LiftCommand => emitted.type === 'say',
};

const compiled = compiledCharts(liftTable);

export const compiledLift: Maker<LiftFact, LiftCommand> = (clock, host) =>
  compiled.create({ floor: 0, wanted: 0, taps: 0, isNoted: false }, clock, host);
export const actorLift: Maker<LiftFact, LiftCommand> = (clock, host) =>
  new ActorChart(logic, { kind: 'new', input: undefined }, clock, host);

function narrow<Known>(example: Known): (snapshot: unknown) => Known;
function narrow(): (snapshot: unknown) => unknown {
  return (snapshot) => snapshot;
}
