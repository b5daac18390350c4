/**
 * The laws that hold after every step of every walk of the exchange chart.
 *
 * `applies` says whether a step is a case of the law, so that a law that is never tried is noticed. `truth` laws hold
 * where the world tells the truth, `always` laws whatever liars tell. Read first: `exchange-world.ts`.
 */
import type { ExchangeCommand } from '../../src/machines/exchange/commands.ts';
import type { ExchangeFact } from '../../src/machines/exchange/events.ts';
import { declaredDeadlines, type ExchangeStep } from './exchange-configurations.ts';
import type { Law } from './exchange-walker.ts';
import { isPutOffByBytes, type ExchangeWorld } from './exchange-world.ts';

type ExchangeLaw = Law<ExchangeStep>;

const answering = 'HALF_CLOSED.ANSWERING';
const lingering = 'HALF_CLOSED.RESPONSE_ENDED';
/** Two connections: the one that turned out to be closed, and the fresh one. */
const sendsMax = 2;

export const laws = {
  'exactly the declared deadlines are armed': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after, armedCount }) => {
      const declared = declaredDeadlines(after.leaf);
      const names = after.deadlines.map((one) => one.name);
      return (
        armedCount === names.length &&
        names.length === declared.length &&
        declared.every((name) => names.includes(name))
      );
    },
  },
  'nothing is armed in CLOSED': {
    scope: 'always',
    applies: isClosed,
    holds: ({ armedCount }) => armedCount === 0,
  },
  'a deadline is armed with the length the route gives it': {
    scope: 'truth',
    applies: ({ armings, input }) => armings.length > 0 && !isPair(input),
    holds: ({ armings }) => armings.every(({ delayMs, expectedMs }) => delayMs === expectedMs),
  },
  'an absolute deadline is armed once in its state': {
    scope: 'always',
    applies: ({ before, after, armings, input }) =>
      before?.state === after.state && armings.length > 0 && !isPair(input),
    holds: ({ before, after, armings }) =>
      armings.every(({ name }) => name !== 'dialBudget' && (name !== 'linger' || before?.leaf !== after.leaf)),
  },
  'bytes put off a deadline of inactivity and it is armed anew': {
    scope: 'truth',
    applies: ({ input }) => input?.kind === 'deadline' && isPutOffByBytes(input.name) && isTold(input, 'bytes.flowed'),
    holds: ({ before, after, armings }) =>
      armings.length > 0 && after.state === before?.state && after.leaf !== answering,
  },
  'bytes do not put off an absolute deadline': {
    scope: 'always',
    applies: ({ input }) => input?.kind === 'deadline' && !isPutOffByBytes(input.name) && isTold(input, 'bytes.flowed'),
    holds: ({ before, after }) => after.leaf !== before?.leaf,
  },
  'a question to the routes exists only in SNIFFING': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after }) => (after.world.routing === 'pending') === (after.leaf === 'SNIFFING'),
  },
  'a claim exists only in QUEUED': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after }) => (after.world.claim === 'pending') === (after.leaf === 'DIALING.QUEUED'),
  },
  'a place and a pending upstream exist only in ATTEMPTING': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after }) =>
      (after.world.place === 'dialling') === (after.leaf === 'DIALING.ATTEMPTING') && after.world.place !== 'granted',
  },
  'an upstream exists only in ESTABLISHED and HALF_CLOSED, where something is still wanted of it': {
    scope: 'truth',
    applies: anyStep,
    holds: ({ after }) =>
      (after.world.upstream === 'lent') ===
      ((after.state === 'ESTABLISHED' || after.state === 'HALF_CLOSED') &&
        after.leaf !== answering &&
        after.leaf !== lingering),
  },
  'an answer of our own is written only in ANSWERING': {
    scope: 'always',
    applies: ({ after }) => after.leaf === answering || after.world.answer === 'asked',
    holds: ({ after }) => after.leaf === 'CLOSED' || (after.world.answer !== 'none') === (after.leaf === answering),
  },
  'the rest of a request is dropped once its response is complete': {
    scope: 'always',
    applies: ({ after }) => after.leaf === lingering || after.world.isDiscarding,
    holds: ({ after }) => after.world.isDiscarding && (after.leaf === lingering || after.leaf === 'CLOSED'),
  },
  'a request is dropped only as long as more of it can come': {
    scope: 'truth',
    applies: ({ after }) => after.leaf === lingering,
    holds: ({ after }) => after.world.request === 'body',
  },
  'an interim response puts off the deadline of the response': {
    scope: 'truth',
    applies: ({ before, after, input }) =>
      isTold(input, 'response.informed') && before?.leaf === after.leaf && isWaiting.has(after.leaf),
    holds: ({ armings }) => armings.some(({ name }) => name === 'response'),
  },
  'the state says whose turn it is': {
    scope: 'truth',
    applies: ({ after: { world } }) => world.upstream === 'lent',
    holds: ({ after }) => after.leaf === turnOf(after.world),
  },
  'every command fits the world it is given in': {
    scope: 'truth',
    applies: ({ commands }) => commands.length > 0,
    holds: ({ complaints }) => complaints.length === 0,
  },
  'nothing is claimed, dialled or sent before routing granted it': {
    scope: 'always',
    applies: ({ commands }) => commands.some(isTowardsUpstream),
    holds: ({ before, input }) =>
      before !== null && before.leaf !== 'ACCEPTED' && (before.leaf !== 'SNIFFING' || isTold(input, 'exchange.routed')),
  },
  'an exchange that is answered by us alone never asks for an upstream': {
    scope: 'truth',
    applies: ({ after: { world } }) => world.routing === 'answered',
    holds: ({ after: { world } }) => world.attempts === 0 && world.sends === 0,
  },
  'a request is sent to two connections at most, and dialled for once more than the route allows': {
    scope: 'always',
    applies: ({ after: { world } }) => world.sends > 0,
    holds: ({ after: { world, context } }) => world.sends <= sendsMax && world.dials <= context.attemptsMax + 1,
  },
  'a client that has seen the head of a response never gets an answer of ours, nor is its request sent again': {
    scope: 'always',
    applies: ({ before }) => before !== null && hasBegun.has(before.leaf),
    holds: ({ after, commands }) => after.leaf !== answering && !commands.some(isFirstStep),
  },
  'a request that the client was told something about is not sent again': {
    scope: 'always',
    applies: ({ before }) => before !== null && before.context.isInformed,
    holds: ({ commands }) => !commands.some(({ type }) => type === 'claim'),
  },
  'the chart knows whether the request is complete': {
    scope: 'truth',
    applies: ({ after: { world }, input }) => world.request !== 'failed' && !isPair(input),
    holds: ({ after: { world, context } }) => context.isRequestOver === (world.request === 'over'),
  },
  'what is sent again counts as the same attempt, on a fresh connection': {
    scope: 'truth',
    applies: ({ after: { world } }) => world.retries > 0,
    holds: ({ after: { world, context } }) => context.retries === 1 && context.attempt === world.attempts,
  },
  'the reason is the first cause': {
    scope: 'truth',
    applies: ({ after }) => after.world.firstCause !== null || after.context.reason !== null,
    holds: ({ after }) => after.context.reason === after.world.firstCause,
  },
  'a recorded reason is never overwritten': {
    scope: 'always',
    applies: ({ before }) => before !== null && before.context.reason !== null,
    holds: ({ before, after }) => after.context.reason === before?.context.reason,
  },
  'the end is told the recorded reason': {
    scope: 'always',
    applies: ({ commands }) => commands.some(({ type }) => type === 'release' || type === 'answer'),
    holds: ({ commands, after }) =>
      after.context.reason !== null &&
      commands.every((one) => (one.type !== 'release' && one.type !== 'answer') || one.reason === after.context.reason),
  },
  'a cause ends the exchange, or leaves it only an answer to write or a request to drop': {
    scope: 'truth',
    applies: ({ after }) => after.world.firstCause !== null,
    holds: ({ after }) => after.leaf === 'CLOSED' || after.leaf === answering || after.leaf === lingering,
  },
  'an answer of ours is written exactly when the client can read it': {
    scope: 'truth',
    applies: ({ before, after }) =>
      before !== null && before.world.firstCause === null && after.world.firstCause !== null,
    holds: ({ after, commands }) => commands.some(({ type }) => type === 'answer') === after.world.mustAnswer,
  },
  'nothing is waited for once our answer is written': {
    scope: 'truth',
    applies: ({ after }) => after.world.answer === 'written',
    holds: isClosed,
  },
  'a tunnel is opened, or handed over, exactly when it was accepted': {
    scope: 'truth',
    applies: ({ input, before }) => isTold(input, 'upgrade.accepted') && before?.leaf === 'HALF_CLOSED.AWAITING',
    holds: ({ after: { world } }) => world.upgrade === 'tunnel' || world.upgrade === 'handedOver',
  },
  'the end of one side of a tunnel is passed on to the other': {
    scope: 'truth',
    applies: ({ after: { world } }) =>
      world.upgrade === 'tunnel' && (world.firstCause === null || world.firstCause === 'completed'),
    holds: ({ after: { world } }) =>
      world.hasClientEnded === world.hasEndedUpstream && world.hasUpstreamEnded === world.hasEndedDownstream,
  },
  'everything is released exactly once, by the last command, on entering CLOSED': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after: { world, leaf }, commands }) => {
      const index = commands.findIndex((one) => one.type === 'release');
      return world.releases === (leaf === 'CLOSED' ? 1 : 0) && (index === -1 || index === commands.length - 1);
    },
  },
  'CLOSED has no way out and nothing changes in it': {
    scope: 'always',
    applies: ({ before }) => before?.leaf === 'CLOSED',
    holds: (step) => isClosed(step) && isUnchanged(step),
  },
  'a client that leaves, or a kill, closes at once': {
    scope: 'always',
    applies: ({ input }) => isTold(input, 'downstream.failed') || isTold(input, 'kill.requested'),
    holds: isClosed,
  },
  'a stale fact changes nothing': {
    scope: 'truth',
    applies: ({ input }) => input?.kind === 'facts' && input.isStale,
    holds: isUnchanged,
  },
  'internal.invariant is never the chart’s own reason': {
    scope: 'always',
    applies: ({ after }) => after.context.reason !== null,
    holds: ({ after }) => after.context.reason !== 'internal.invariant',
  },
} as const satisfies Record<string, ExchangeLaw>;

export type LawName = keyof typeof laws;

/** Leaves in which it is the upstream's turn to say something. */
const isWaiting: ReadonlySet<string> = new Set(['ESTABLISHED.EXPECTING', 'HALF_CLOSED.AWAITING']);

/** Leaves in which the client has seen the head of a response, or of an acceptance. */
const hasBegun: ReadonlySet<string> = new Set([
  'ESTABLISHED.EXCHANGING',
  'ESTABLISHED.DELIVERING',
  'ESTABLISHED.TUNNEL',
  'HALF_CLOSED.RECEIVING',
  'HALF_CLOSED.DELIVERING',
  'HALF_CLOSED.RESPONSE_ENDED',
  'HALF_CLOSED.DOWNSTREAM_ENDED',
  'HALF_CLOSED.UPSTREAM_ENDED',
]);

/** Where an exchange with an upstream must be, from what has happened. */
function turnOf(world: ExchangeWorld): string {
  if (world.upgrade === 'tunnel') {
    if (world.hasClientEnded) return 'HALF_CLOSED.DOWNSTREAM_ENDED';
    return world.hasUpstreamEnded ? 'HALF_CLOSED.UPSTREAM_ENDED' : 'ESTABLISHED.TUNNEL';
  }
  if (world.response === 'begun') {
    const half = world.request === 'over';
    if (world.blocked === 'client') return half ? 'HALF_CLOSED.DELIVERING' : 'ESTABLISHED.DELIVERING';
    return half ? 'HALF_CLOSED.RECEIVING' : 'ESTABLISHED.EXCHANGING';
  }
  if (world.request === 'over') return 'HALF_CLOSED.AWAITING';
  if (world.isHoldingBack) return 'ESTABLISHED.EXPECTING';
  return world.blocked === 'upstream' ? 'ESTABLISHED.BLOCKED' : 'ESTABLISHED.SENDING';
}

function anyStep(): boolean {
  return true;
}

function isClosed({ after }: ExchangeStep): boolean {
  return after.leaf === 'CLOSED';
}

function isPair(input: ExchangeStep['input']): boolean {
  return input?.kind === 'facts' && input.facts.length > 1;
}

function isTowardsUpstream({ type }: ExchangeCommand): boolean {
  return type === 'claim' || type === 'dial' || type === 'send';
}

function isFirstStep({ type }: ExchangeCommand): boolean {
  return type === 'answer' || type === 'claim' || type === 'send';
}

function isTold(input: ExchangeStep['input'], type: ExchangeFact['type']): boolean {
  if (input === null) return false;
  if (input.kind === 'deadline') return input.told.some((fact) => fact.type === type);
  return !input.isStale && input.facts.some((fact) => fact.type === type);
}

function isUnchanged({ before, after, commands, armings }: ExchangeStep): boolean {
  return (
    before !== null &&
    commands.length === 0 &&
    armings.length === 0 &&
    before.leaf === after.leaf &&
    before.context === after.context &&
    before.deadlines.length === after.deadlines.length
  );
}
