/**
 * The life of one endpoint of a pool: whether it is given connections, and how it gets better. One actor per endpoint.
 *
 * Decides: when checks bring it up or down (rise and fall), when failed dials eject it, for how long (the breaker is closed
 * in UP, open in EJECTED, half-open in HALF_OPEN, where one dial tries), when its weight counts in full again, and when it
 * may be forgotten. Checks go on in every state that may change by them.
 * Must never do: dial, hold a connection, read a clock, contain a function. Read first: docs/statecharts/endpoint.md.
 */
import { assign, emit, setup } from 'xstate';
import type { ChartArgs, Registries } from '../chart/registries.ts';
import { typed } from '../chart/typed.ts';
import {
  guards,
  initialEndpointContext,
  slowStartShare,
  updates,
  type EndpointContext,
  type EndpointPolicy,
} from './context.ts';
import { delays } from './delays.ts';
import type { EndpointCommand, EndpointDownCause, EndpointFact } from './events.ts';

type Args = ChartArgs<EndpointContext, EndpointFact>;

const commands = {
  check: (): EndpointCommand => ({ type: 'check' }),
  cancelCheck: (): EndpointCommand => ({ type: 'cancelCheck' }),
  announceUp: (): EndpointCommand => ({ type: 'announceUp' }),
  announceTrial: (): EndpointCommand => ({ type: 'announceTrial' }),
  announceDown: (_args: Args, params: { readonly cause: EndpointDownCause }): EndpointCommand => ({
    type: 'announceDown',
    cause: params.cause,
  }),
  startSlowly: ({ context }: Args): EndpointCommand => ({
    type: 'setWeight',
    share: slowStartShare,
    rampMs: context.policy.slowStartMs ?? 0,
  }),
  setFullWeight: (): EndpointCommand => ({ type: 'setWeight', share: 1, rampMs: 0 }),
  killConnections: (): EndpointCommand => ({ type: 'killConnections' }),
} as const;

export const endpointRegistries: Registries<EndpointContext, EndpointFact, EndpointCommand> = {
  updates,
  commands,
  guards,
  delays,
};

const base = setup({
  types: {
    context: typed<EndpointContext>(),
    events: typed<EndpointFact>(),
    input: typed<EndpointPolicy>(),
    emitted: typed<EndpointCommand>(),
  },
  actions: {
    countCheck: assign(updates.countCheck),
    forgetChecks: assign(updates.forgetChecks),
    countFailure: assign(updates.countFailure),
    forgetFailures: assign(updates.forgetFailures),
    countEjection: assign(updates.countEjection),
    forgetEjections: assign(updates.forgetEjections),
    check: emit(commands.check),
    cancelCheck: emit(commands.cancelCheck),
    announceUp: emit(commands.announceUp),
    announceTrial: emit(commands.announceTrial),
    announceDown: emit(commands.announceDown),
    startSlowly: emit(commands.startSlowly),
    setFullWeight: emit(commands.setFullWeight),
    killConnections: emit(commands.killConnections),
  },
  guards,
  delays: {
    interval: ({ context }) => delays.interval(context) ?? Infinity,
    check: ({ context }) => delays.check(context) ?? Infinity,
    slowStart: ({ context }) => delays.slowStart(context) ?? Infinity,
    ejection: ({ context }) => delays.ejection(context) ?? Infinity,
    forget: ({ context }) => delays.forget(context) ?? Infinity,
    trial: ({ context }) => delays.trial(context),
    drain: ({ context }) => delays.drain(context) ?? Infinity,
  },
});

function at<Path extends string>(path: Path) {
  return `#endpoint.${path}` as const;
}

function down<Cause extends EndpointDownCause>(cause: Cause) {
  return { type: 'announceDown', params: { cause } } as const;
}

/** It is well again: slowly, where the pool wants that. */
const recovered = [{ guard: 'startsSlowly', target: at('UP.STARTING') }, { target: at('UP.SETTLED') }] as const;

const ejected = { target: at('EJECTED'), actions: 'countEjection' } as const;
const draining = { 'drain.requested': at('DRAINING') } as const;

/** The checks of a state in which enough failures in a row bring it down. */
function watched() {
  const failed = [
    { guard: 'hasFallen', target: at('DOWN') },
    { target: 'RESTING', actions: 'countCheck' },
  ] as const;
  return {
    initial: 'RESTING',
    states: {
      /** When the next check waits. */
      RESTING: { after: { interval: 'CHECKING' } },
      /** When it has been asked whether it is well. Resource: the check. */
      CHECKING: {
        entry: 'check',
        exit: 'cancelCheck',
        after: { check: failed },
        on: {
          'check.failed': failed,
          'check.passed': { target: 'RESTING', actions: 'forgetChecks' },
          'check.skipped': 'RESTING',
        },
      },
    },
  } as const;
}

/** When it is given connections. The breaker is closed. */
const UP = base.createStateConfig({
  initial: 'JOINING',
  entry: ['forgetFailures', 'announceUp'],
  on: {
    ...draining,
    'dial.succeeded': { actions: 'forgetFailures' },
    'dial.failed': [{ guard: 'hasFailedTooOften', ...ejected }, { actions: 'countFailure' }],
  },
  states: {
    /**
     * When nothing is known yet. It is used meanwhile, and its first check decides alone; where that could not be made, it
     * goes on being used, and later ones count. Resource: the check.
     */
    JOINING: {
      entry: ['setFullWeight', 'check'],
      exit: 'cancelCheck',
      after: { check: at('DOWN') },
      on: { 'check.passed': 'SETTLED', 'check.failed': at('DOWN'), 'check.skipped': 'SETTLED' },
    },
    /** When it was down, and its weight grows. */
    STARTING: { entry: 'startSlowly', after: { slowStart: 'SETTLED' }, ...watched() },
    /** When its weight counts in full. */
    SETTLED: { entry: 'setFullWeight', after: { forget: { actions: 'forgetEjections' } }, ...watched() },
  },
});

/** When dials failed too often. The breaker is open. */
const EJECTED = base.createStateConfig({
  entry: down('ejected'),
  after: { ejection: 'HALF_OPEN' },
  on: draining,
  ...watched(),
});

/** When one dial may try. The breaker is half-open. */
const HALF_OPEN = base.createStateConfig({
  initial: 'READY',
  on: draining,
  states: {
    /** When nobody has tried yet. */
    READY: { entry: 'announceTrial', on: { 'trial.started': 'TRYING' }, ...watched() },
    /** When somebody tries. */
    TRYING: {
      entry: down('trial'),
      after: { trial: ejected },
      on: { 'trial.passed': recovered, 'trial.failed': ejected, 'trial.abandoned': 'READY' },
      ...watched(),
    },
  },
});

/** When checks say that it is not well. */
const DOWN = base.createStateConfig({
  initial: 'RESTING',
  entry: ['forgetChecks', down('checks')],
  exit: 'forgetChecks',
  on: draining,
  states: {
    RESTING: { after: { interval: 'CHECKING' } },
    CHECKING: {
      entry: 'check',
      exit: 'cancelCheck',
      after: { check: { target: 'RESTING', actions: 'forgetChecks' } },
      on: {
        'check.failed': { target: 'RESTING', actions: 'forgetChecks' },
        'check.skipped': 'RESTING',
        'check.passed': [
          { guard: 'risesSlowly', target: at('UP.STARTING') },
          { guard: 'hasRisen', target: at('UP.SETTLED') },
          { target: 'RESTING', actions: 'countCheck' },
        ],
      },
    },
  },
});

/** When it is wanted no more, and its connections may finish. */
const DRAINING = base.createStateConfig({
  entry: down('draining'),
  after: { drain: { target: 'RETIRED', actions: 'killConnections' } },
  on: {
    'connections.closed': 'RETIRED',
    'restore.requested': { target: 'UP', actions: ['forgetChecks', 'forgetEjections'] },
  },
});

/** The chart of one endpoint. */
export const endpointMachine = base.createMachine({
  id: 'endpoint',
  context: ({ input }) => initialEndpointContext(input),
  initial: 'UP',
  on: { 'retire.requested': at('RETIRED') },
  states: { UP, EJECTED, HALF_OPEN, DOWN, DRAINING, RETIRED: { type: 'final' } },
});
