/**
 * The life of one upstream connection that a pool keeps: lent to exchanges, idle in between, closed once.
 *
 * Decides: when a connection nobody uses is closed, and when one must not be lent again. The dial belongs to the exchange
 * that asked for it, so a pooled connection is born lent. While it is lent, the deadlines are those of its exchanges.
 * Must never do: hold a leg, read a clock, contain a function. Read first: `../exchange/machine.ts`.
 */
import { assign, emit, setup } from 'xstate';
import type { ChartArgs, Registries } from '../chart/registries.ts';
import { typed } from '../chart/typed.ts';
import type { CloseReason } from '../connection/close-reason.ts';
import { livenessMs } from '../connection/delays.ts';

export interface PooledContext {
  /** Milliseconds it may be idle. */
  readonly poolIdleMs: number | null;
  /** The first cause of its end; null until then. */
  readonly reason: CloseReason | null;
}

export interface PooledInput {
  readonly poolIdleMs: number | null;
}

/** The context of a connection that was just dialled. */
export function initialContext({ poolIdleMs }: PooledInput): PooledContext {
  return { poolIdleMs, reason: null };
}

export type PooledFact =
  /** Lent, where nobody had it. */
  | { readonly type: 'connection.lent' }
  /** The last exchange that had it has given it back, and it may be used again. */
  | { readonly type: 'connection.returned' }
  /** The upstream lets nobody new in: GOAWAY, or `Connection: close`. */
  | { readonly type: 'upstream.leaving' }
  /** FIN, while nobody waited for anything. */
  | { readonly type: 'upstream.ended' }
  /** The leg failed, or something of ours did that had to do with it. */
  | { readonly type: 'upstream.failed'; readonly reason: CloseReason }
  /** An exchange left it in the middle of a message, bytes came that nobody asked for, or it has become a tunnel's. */
  | { readonly type: 'connection.spoilt' }
  | { readonly type: 'drain.requested' };

export type PooledCommand =
  | { readonly type: 'checkLeg' }
  /** Let go of the leg, once. */
  | { readonly type: 'release'; readonly reason: CloseReason };

type Args = ChartArgs<PooledContext, PooledFact>;

function withReason(context: PooledContext, reason: CloseReason): PooledContext {
  return context.reason === null ? { poolIdleMs: context.poolIdleMs, reason } : context;
}

const updates = {
  recordReason: ({ context }: Args, params: { readonly reason: CloseReason }): PooledContext =>
    withReason(context, params.reason),
  recordGivenReason: ({ context, event }: Args): PooledContext =>
    withReason(context, 'reason' in event ? event.reason : 'internal.invariant'),
} as const;

const checkLeg: PooledCommand = { type: 'checkLeg' };
const commands = {
  checkLeg: (): PooledCommand => checkLeg,
  release: ({ context }: Args): PooledCommand => ({ type: 'release', reason: context.reason ?? 'internal.invariant' }),
} as const;

const delays = {
  poolIdle: (context: PooledContext) => context.poolIdleMs,
  liveness: () => livenessMs,
} as const;

export const pooledRegistries: Registries<PooledContext, PooledFact, PooledCommand> = {
  updates,
  commands,
  guards: {},
  delays,
};

const factTypeSet: Readonly<Record<PooledFactType, true>> = {
  'connection.lent': true,
  'connection.returned': true,
  'upstream.leaving': true,
  'upstream.ended': true,
  'upstream.failed': true,
  'connection.spoilt': true,
  'drain.requested': true,
};

export type PooledFactType = PooledFact['type'];

/** True exactly when the name is one of a pooled connection's facts. */
export function isPooledFactType(name: string): name is PooledFactType {
  return Object.hasOwn(factTypeSet, name);
}

/** Every fact's name, in the order above. */
export const pooledFactTypes: readonly PooledFactType[] = Object.keys(factTypeSet).filter(isPooledFactType);

const base = setup({
  types: {
    context: typed<PooledContext>(),
    events: typed<PooledFact>(),
    input: typed<PooledInput>(),
    emitted: typed<PooledCommand>(),
  },
  actions: {
    recordReason: assign(updates.recordReason),
    recordGivenReason: assign(updates.recordGivenReason),
    checkLeg: emit(commands.checkLeg),
    release: emit(commands.release),
  },
  delays: {
    poolIdle: ({ context }) => delays.poolIdle(context) ?? Infinity,
    liveness: () => delays.liveness(),
  },
});

const CLOSED = '#pooled.CLOSED';

function close<Reason extends CloseReason>(reason: Reason) {
  return { target: CLOSED, actions: { type: 'recordReason', params: { reason } } } as const;
}

/** When one exchange has it, or several do (HTTP/2); their deadlines hold it. Resource: the upstream leg. */
const LENT = base.createStateConfig({
  after: { liveness: { target: 'LENT', reenter: true, actions: 'checkLeg' } },
  on: {
    'connection.returned': 'IDLE',
    'upstream.leaving': 'LEAVING',
    'drain.requested': 'LEAVING',
  },
});

/** When nobody has it. Resource: the upstream leg. */
const IDLE = base.createStateConfig({
  after: { poolIdle: close('timeout.poolIdle') },
  on: {
    'connection.lent': 'LENT',
    'upstream.leaving': close('completed'),
    'drain.requested': close('operator.drained'),
  },
});

/** When whoever has it may finish, and nobody else gets it. Resource: the upstream leg. */
const LEAVING = base.createStateConfig({
  after: { liveness: { target: 'LEAVING', reenter: true, actions: 'checkLeg' } },
  on: { 'connection.returned': close('completed') },
});

/** The chart of a pooled upstream connection. Its entry into CLOSED is the only place that releases the leg. */
export const pooledMachine = base.createMachine({
  id: 'pooled',
  context: ({ input }) => initialContext(input),
  initial: 'LENT',
  on: {
    'upstream.ended': close('completed'),
    'upstream.failed': { target: CLOSED, actions: 'recordGivenReason' },
    'connection.spoilt': close('completed'),
  },
  states: { LENT, IDLE, LEAVING, CLOSED: { type: 'final', entry: 'release' } },
});
