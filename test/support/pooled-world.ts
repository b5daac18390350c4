/**
 * A model of the world around one pooled upstream connection, its laws, and the histories it can tell.
 *
 * It knows what really happened, carries out the chart's commands, and remembers the first cause of the end on its own.
 * Read first: `exchange-walker.ts`, which walks it.
 */
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import { livenessMs } from '../../src/machines/connection/delays.ts';
import {
  initialContext,
  type PooledCommand,
  type PooledContext,
  type PooledFact,
} from '../../src/machines/pooled/machine.ts';
import { pooledLeaves } from '../../src/machines/pooled/verdicts.ts';
import type { Law, Model, Step } from './exchange-walker.ts';

export interface PooledWorld {
  leg: 'alive' | 'over' | 'released';
  isLent: boolean;
  /** True exactly when nobody new may have it. */
  isLeaving: boolean;
  releases: number;
  firstCause: CloseReason | null;
}

export type PooledModel = Model<PooledContext, PooledFact, PooledCommand, PooledWorld>;
export type PooledStep = Step<PooledContext, PooledFact, PooledCommand, PooledWorld>;

export const poolIdleMs = 30;

const facts: readonly PooledFact[] = [
  { type: 'connection.lent' },
  { type: 'connection.returned' },
  { type: 'upstream.leaving' },
  { type: 'upstream.ended' },
  { type: 'upstream.failed', reason: 'upstream.reset' },
  { type: 'connection.spoilt' },
  { type: 'drain.requested' },
];

const isSpared: ReadonlySet<string> = new Set(['LENT', 'LEAVING']);

export const pooledModel: PooledModel = {
  name: 'pooled',
  context: initialContext({ poolIdleMs }),
  world: { leg: 'alive', isLent: true, isLeaving: false, releases: 0, firstCause: null },
  facts,
  reports: [[]],
  leaves: pooledLeaves,
  happen,
  deadlinePasses: (world, name) => {
    if (name === 'poolIdle') cause(world, 'timeout.poolIdle');
  },
  carryOut,
  truthfulFacts: (world) =>
    world.releases > 0 || world.leg !== 'alive'
      ? []
      : facts.filter(({ type }) => {
          if (type === 'connection.lent') return !world.isLent;
          if (type === 'connection.returned' || type === 'connection.spoilt') return world.isLent;
          return !world.isLeaving || (type !== 'upstream.leaving' && type !== 'drain.requested');
        }),
  truthfulReports: () => [[]],
  staleFacts: (world) =>
    facts.filter(({ type }) => {
      if (world.releases > 0) return true;
      if (type === 'connection.lent') return world.isLent;
      if (type === 'connection.returned') return !world.isLent;
      return world.isLeaving && (type === 'upstream.leaving' || type === 'drain.requested');
    }),
  mayWait: ({ type }) => type !== 'connection.lent',
  expectedDelayMs: (_world, name) => (name === 'poolIdle' ? poolIdleMs : livenessMs),
  isLook: (leaf) => isSpared.has(leaf),
};

function happen(world: PooledWorld, fact: PooledFact): void {
  const it = world;
  if (it.releases > 0) return;
  switch (fact.type) {
    case 'connection.lent':
      it.isLent = true;
      return;
    case 'connection.returned':
      it.isLent = false;
      if (it.isLeaving) cause(it, 'completed');
      return;
    case 'upstream.leaving':
    case 'drain.requested':
      it.isLeaving = true;
      if (!it.isLent) cause(it, fact.type === 'drain.requested' ? 'operator.drained' : 'completed');
      return;
    case 'upstream.ended':
    case 'connection.spoilt':
      it.leg = 'over';
      return cause(it, 'completed');
    case 'upstream.failed':
      it.leg = 'over';
      return cause(it, fact.reason);
  }
}

function cause(world: PooledWorld, reason: CloseReason): void {
  const it = world;
  it.firstCause ??= reason;
}

function carryOut(world: PooledWorld, command: PooledCommand): string | null {
  const it = world;
  if (it.releases > 0) return `${command.type} after release`;
  if (command.type === 'checkLeg') return it.leg === 'alive' ? null : 'a look at a leg that is over';
  it.releases += 1;
  it.leg = 'released';
  return command.reason === it.firstCause ? null : `release for another reason than ${String(it.firstCause)}`;
}

const declared: Readonly<Record<string, readonly string[]>> = {
  LENT: ['liveness'],
  IDLE: ['poolIdle'],
  LEAVING: ['liveness'],
  CLOSED: [],
};

export const pooledLaws = {
  'exactly the declared deadlines are armed': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after, armedCount }) => {
      const names = after.deadlines.map(({ name }) => name);
      return armedCount === names.length && names.join() === declared[after.leaf]?.join();
    },
  },
  'a deadline is armed with its own length': {
    scope: 'always',
    applies: ({ armings }) => armings.length > 0,
    holds: ({ armings }) => armings.every(({ delayMs, expectedMs }) => delayMs === expectedMs),
  },
  'the state says who has it and whether anybody else may': {
    scope: 'truth',
    applies: anyStep,
    holds: ({ after: { leaf, world } }) => {
      if (world.firstCause !== null) return leaf === 'CLOSED';
      if (!world.isLent) return leaf === 'IDLE';
      return leaf === (world.isLeaving ? 'LEAVING' : 'LENT');
    },
  },
  'while somebody has it the leg is looked at again and again, and nothing else happens': {
    scope: 'always',
    applies: ({ input }) => input?.kind === 'deadline' && input.name === 'liveness',
    holds: ({ before, after, commands, armings }) =>
      commands.length === 1 && commands[0]?.type === 'checkLeg' && armings.length === 1 && before?.leaf === after.leaf,
  },
  'an unused connection ends at its deadline': {
    scope: 'always',
    applies: ({ input }) => input?.kind === 'deadline' && input.name === 'poolIdle',
    holds: ({ after }) => after.leaf === 'CLOSED' && after.context.reason === 'timeout.poolIdle',
  },
  'the reason is the first cause': {
    scope: 'truth',
    applies: ({ after }) => after.world.firstCause !== null || after.context.reason !== null,
    holds: ({ after }) => after.context.reason === after.world.firstCause,
  },
  'every command fits the world it is given in': {
    scope: 'truth',
    applies: ({ commands }) => commands.length > 0,
    holds: ({ complaints }) => complaints.length === 0,
  },
  'the leg is released exactly once, by the last command, on entering CLOSED, for a reason': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after: { world, leaf, context }, commands }) => {
      const index = commands.findIndex((one) => one.type === 'release');
      const isClosed = leaf === 'CLOSED';
      return (
        world.releases === (isClosed ? 1 : 0) &&
        (index === -1 || index === commands.length - 1) &&
        (context.reason !== null) === isClosed &&
        context.reason !== 'internal.invariant'
      );
    },
  },
  'a stale fact changes nothing, and CLOSED has no way out': {
    scope: 'always',
    applies: ({ before, input }) => before?.leaf === 'CLOSED' || (input?.kind === 'facts' && input.isStale),
    holds: ({ before, after, commands, armings }) =>
      before?.leaf === after.leaf && before.context === after.context && commands.length === 0 && armings.length === 0,
  },
} as const satisfies Record<string, Law<PooledStep>>;

function anyStep(): boolean {
  return true;
}
