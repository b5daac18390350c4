/**
 * The laws that hold after every step of every walk. "No zombies, by construction" is the sum of them.
 *
 * `applies` says whether a step is a case of the law, so that a law that is never tried is noticed. `scope`: `truth`
 * laws are about the world and hold where the world tells the truth; `always` laws hold whatever liars tell.
 */
import { declaredDeadlines } from './chart-configurations.ts';
import { isPutOffByBytes } from './chart-environment.ts';
import { owesFlushed } from './chart-facts.ts';
import { beginningLaws } from './chart-laws-beginning.ts';
import { isUnchanged, type Law, type Place, type Step } from './chart-step.ts';
import { isGone, isLive, type Environment } from './chart-world.ts';

const waiting = 'ESTABLISHED.HTTP.WAITING';
const busy = 'ESTABLISHED.HTTP.BUSY';
const lastExchange = 'ESTABLISHED.HTTP.LAST_EXCHANGE';
const flushing = 'HALF_CLOSED.FLUSHING';
const finishing = 'HALF_CLOSED.FINISHING';
const lingering = 'HALF_CLOSED.LINGERING';
const refusing = 'HALF_CLOSED.REFUSING';

export const laws = {
  'exactly the declared deadlines are armed': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after, armedCount }) => {
      const declared = declaredDeadlines(after.leaf, after.context);
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
    applies: ({ armings }) => armings.length > 0,
    holds: ({ armings }) => armings.every(({ delayMs, expectedMs }) => delayMs === expectedMs),
  },
  'an absolute deadline is armed once in its state': {
    scope: 'always',
    applies: ({ before, after, armings }) => before?.state === after.state && armings.length > 0,
    holds: ({ armings, input }) => armings.every(({ name }) => !absolute.has(name) || isNewLifetime(name, input)),
  },
  'bytes put off a deadline of inactivity and it is armed anew': {
    scope: 'truth',
    applies: ({ before, input }) =>
      input?.kind === 'deadline' &&
      input.hasActivity &&
      isPutOffByBytes(input.name) &&
      before !== null &&
      !hasSilentLeg(before.world),
    holds: ({ before, after, armings }) =>
      armings.length > 0 &&
      armings.length === after.deadlines.filter(({ name }) => isPutOffByBytes(name)).length &&
      armings.every(({ name }) => isPutOffByBytes(name)) &&
      after.leaf !== 'CLOSED' &&
      !after.leaf.endsWith('.IDLING') &&
      after.state === before?.state,
  },
  ...beginningLaws,
  'a pending upstream exists only in ATTEMPTING': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after }) => (after.world.upstream === 'opening') === after.leaf.startsWith('DIALING.ATTEMPTING.'),
  },
  'an upstream that is reached and not agreed with yet is SECURING': {
    scope: 'truth',
    applies: ({ after }) => after.leaf.startsWith('DIALING.ATTEMPTING.'),
    holds: ({ after }) => after.world.isSecuring === (after.leaf === 'DIALING.ATTEMPTING.SECURING'),
  },
  'an upstream leg exists only while it is joined': {
    scope: 'truth',
    applies: ({ after }) => isLive(after.world.upstream) || after.world.upstream === 'failed',
    holds: ({ after }) => after.world.isSplicing,
  },
  'a splice exists only in tunnels, handlers and the halves of them': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after }) => after.world.isSplicing === isJoined(after.leaf),
  },
  'the HTTP service has the stream only in HTTP, and only there is it ended': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after: { leaf, world } }) =>
      (world.service === 'open') === isHttp(leaf) &&
      (world.service === 'ended' || world.service === 'flushed') === (leaf === finishing || leaf === lingering),
  },
  'an exchange is live in BUSY and LAST_EXCHANGE, or is ended with its service': {
    scope: 'truth',
    applies: ({ after: { leaf, world } }) => isHttp(leaf) || world.isExchangeLive,
    holds: ({ after: { leaf, world } }) =>
      world.service === 'open'
        ? world.isExchangeLive === (leaf === busy || leaf === lastExchange)
        : leaf === finishing || leaf === lingering,
  },
  'the last exchange is told so at once, and only that one': {
    scope: 'truth',
    applies: ({ after: { world } }) => world.service === 'open' && world.isExchangeLive,
    holds: ({ after: { leaf, world } }) => {
      const isLast = world.downstreamEnd === 'told' || world.isDraining;
      return world.isLastExchange === isLast && (leaf === lastExchange) === isLast;
    },
  },
  'a client that has ended is waited for only while an exchange of it is live': {
    scope: 'truth',
    applies: ({ after: { world } }) => world.downstreamEnd === 'told' && world.service !== 'none',
    holds: ({ after: { leaf, world } }) => leaf === finishing || (leaf === lastExchange && world.isExchangeLive),
  },
  'a client lingers exactly when it was sent everything and has not ended': {
    scope: 'truth',
    applies: ({ after: { leaf, world } }) => leaf === lingering || world.service === 'flushed',
    holds: ({ after: { leaf, world } }) => leaf === lingering && world.service === 'flushed',
  },
  'a live exchange is left to its own deadlines, and the leg is looked at meanwhile': {
    scope: 'always',
    applies: ({ before, input }) =>
      input?.kind === 'deadline' && input.name === 'liveness' && before !== null && !hasSilentLeg(before.world),
    holds: ({ before, after, commands, armings }) =>
      commands.length === 1 &&
      commands[0]?.type === 'checkLegs' &&
      armings.length === 1 &&
      armings[0]?.name === 'liveness' &&
      before?.leaf === after.leaf,
  },
  'a refusal is written only in REFUSING': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after }) => after.world.isRefusing === (after.leaf === refusing),
  },
  'every command fits the world it is given in': {
    scope: 'truth',
    applies: ({ commands }) => commands.length > 0,
    holds: ({ complaints }) => complaints.length === 0,
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
    applies: ({ commands }) => commands.some(({ type }) => type === 'release' || type === 'refuse'),
    holds: ({ commands, after }) =>
      commands.every(
        (one) => (one.type !== 'release' && one.type !== 'refuse') || one.reason === after.context.reason,
      ) && after.context.reason !== null,
  },
  'a cause ends the connection, or leaves it only what is to be flushed or refused': {
    scope: 'truth',
    applies: ({ after }) => after.world.firstCause !== null,
    holds: ({ after }) =>
      after.leaf === 'CLOSED' ||
      after.leaf === refusing ||
      ((after.leaf === finishing || after.leaf === lingering) && after.world.mustFinish) ||
      (after.leaf === flushing && isHalfDead(after.world)),
  },
  'what HTTP has written is sent on exactly when the cause is no cut': {
    scope: 'truth',
    applies: ({ before, after }) => isCaused(before, after),
    holds: ({ after }) => (after.leaf === finishing || after.leaf === lingering) === after.world.mustFinish,
  },
  'a refusal is written exactly when the client can read it': {
    scope: 'truth',
    applies: ({ before, after }) => isCaused(before, after),
    holds: ({ after }) => (after.leaf === refusing) === after.world.mustRefuse,
  },
  'a refused connection never dials': {
    scope: 'truth',
    applies: ({ after: { world } }) => world.admission === 'refused' || world.sniffed === 'failed',
    holds: ({ after: { world } }) => world.attempts === 0 && world.upstream === 'absent',
  },
  'full zombie: no connection outlives both its legs': {
    scope: 'truth',
    applies: ({ after: { world } }) => isGone(world, 'downstream') && !isLive(world.upstream) && !owesFlushed(world),
    holds: isClosed,
  },
  'half zombie: where one leg is dead the other has been told and its input is nobody’s': {
    scope: 'truth',
    applies: ({ after: { world } }) => (world.downstream === 'failed') !== (world.upstream === 'failed'),
    holds: ({ after: { world } }) =>
      (world.downstream !== 'failed' || (world.hasEndedUpstream && world.isUpstreamDiscarded)) &&
      (world.upstream !== 'failed' || (world.hasEndedDownstream && world.isDownstreamDiscarded)),
  },
  'a FIN is passed on to the other side': {
    scope: 'truth',
    applies: ({ after: { world } }) => world.isSplicing && (world.downstreamEnd === 'told' || world.hasUpstreamEnded),
    holds: ({ after: { world } }) =>
      (world.downstreamEnd !== 'told' || world.hasEndedUpstream || world.isDownstreamDiscarded) &&
      (!world.hasUpstreamEnded || world.hasEndedDownstream || world.isUpstreamDiscarded),
  },
  'a silent death is told when a deadline is due': {
    scope: 'truth',
    applies: ({ before, input }) => input?.kind === 'deadline' && before !== null && hasSilentLeg(before.world),
    holds: ({ after }) => !hasSilentLeg(after.world) && after.state !== 'ESTABLISHED',
  },
  'the slot is released exactly once, by the last command, on entering CLOSED': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after: { world, leaf }, commands }) => {
      const index = commands.findIndex((one) => one.type === 'release');
      const isReleased = leaf === 'CLOSED';
      return (
        world.releases === (isReleased ? 1 : 0) &&
        world.isSlotHeld !== isReleased &&
        (index === -1 || index === commands.length - 1)
      );
    },
  },
  'CLOSED has no way out and nothing changes in it': {
    scope: 'always',
    applies: ({ before }) => before?.leaf === 'CLOSED',
    holds: (step) => isClosed(step) && isUnchanged(step),
  },
  'kill.requested closes at once': {
    scope: 'always',
    applies: ({ before, input }) => isTold(input, 'kill.requested') && before?.leaf !== 'CLOSED',
    holds: ({ after, commands }) => after.leaf === 'CLOSED' && commands.at(-1)?.type === 'release',
  },
  'drain.requested lets run on what is under way': {
    scope: 'always',
    applies: ({ before, input }) =>
      isTold(input, 'drain.requested') && before?.leaf !== waiting && before?.leaf !== busy,
    holds: isUnchanged,
  },
  'drain.requested ends HTTP between two requests, or makes those under way the last': {
    scope: 'always',
    applies: ({ before, input }) =>
      isTold(input, 'drain.requested') && (before?.leaf === waiting || before?.leaf === busy),
    holds: ({ before, after, commands }) =>
      commands.length === 1 &&
      (before?.leaf === waiting
        ? after.leaf === finishing && after.context.reason === 'operator.drained' && commands[0]?.type === 'endService'
        : after.leaf === lastExchange && after.context.reason === null && commands[0]?.type === 'lastExchange'),
  },
  'completed is recorded only when everything was handed over': {
    scope: 'truth',
    applies: ({ after: { context } }) => context.reason === 'completed',
    holds: ({ after: { leaf, world } }) => leaf === 'CLOSED' || world.service === 'flushed',
  },
  'a stale fact changes nothing': {
    scope: 'truth',
    applies: ({ input }) => input?.kind === 'fact' && input.isStale,
    holds: isUnchanged,
  },
  'nothing is waited for once all is delivered': {
    scope: 'truth',
    applies: ({ after }) => after.world.isOver,
    holds: isClosed,
  },
  'the idle deadline announces itself, or looks at the legs where it is infinite': {
    scope: 'always',
    applies: ({ before, input }) =>
      input?.kind === 'deadline' &&
      input.name === 'idling' &&
      !input.hasActivity &&
      before !== null &&
      !hasSilentLeg(before.world),
    holds: ({ commands, after }) =>
      commands.length === 1 &&
      commands[0]?.type === (after.context.timeouts.idle === null ? 'checkLegs' : 'warnIdling'),
  },
  'a ping is sent when it is due, and puts off nothing': {
    scope: 'truth',
    applies: ({ before, input }) =>
      input?.kind === 'deadline' &&
      input.name === 'ping' &&
      !input.hasActivity &&
      before !== null &&
      !hasSilentLeg(before.world),
    holds: ({ before, after, commands, armings }) =>
      commands.length === 1 &&
      commands[0]?.type === 'sendPing' &&
      after.leaf === before?.leaf &&
      armings.some(({ name }) => name === 'idling') &&
      armings.every(({ delayMs, expectedMs }) => delayMs === expectedMs),
  },
  'nobody is pinged whose route does not ask for it': {
    scope: 'always',
    applies: ({ commands }) => commands.some(({ type }) => type === 'sendPing'),
    holds: ({ configuration, before }) =>
      configuration.tunnelPingMs !== null && before?.leaf === 'ESTABLISHED.TUNNEL.ACTIVE',
  },
  'a silent client is routed when the server speaks first': {
    scope: 'always',
    applies: ({ before, input }) =>
      input?.kind === 'deadline' && input.name === 'serverFirst' && before !== null && !hasSilentLeg(before.world),
    holds: ({ commands }) => commands.length === 1 && commands[0]?.type === 'routeServerFirst',
  },
  'the server-first deadline ends when the client speaks': {
    scope: 'truth',
    applies: ({ after }) => after.deadlines.some(({ name }) => name === 'serverFirst'),
    holds: ({ after }) => !after.world.isPrefaceTold,
  },
  'internal.invariant is never the chart’s own reason': {
    scope: 'always',
    applies: ({ after }) => after.context.reason !== null,
    holds: ({ after }) => after.context.reason !== 'internal.invariant',
  },
} as const satisfies Record<string, Law>;

export type LawName = keyof typeof laws;

function isLawName(name: string): name is LawName {
  return Object.hasOwn(laws, name);
}

export const lawNames: readonly LawName[] = Object.keys(laws).filter(isLawName);

const absolute: ReadonlySet<string> = new Set(['admission', 'sniff', 'dialBudget', 'lifetime', 'halfClosedMax']);

function anyStep(): boolean {
  return true;
}

function isClosed({ after }: Step): boolean {
  return after.leaf === 'CLOSED';
}

function isHttp(leaf: string): boolean {
  return leaf.startsWith('ESTABLISHED.HTTP.');
}

function isJoined(leaf: string): boolean {
  return (
    leaf.startsWith('ESTABLISHED.TUNNEL.') ||
    leaf.startsWith('ESTABLISHED.HANDLER.') ||
    leaf === 'HALF_CLOSED.DOWNSTREAM_ENDED' ||
    leaf === 'HALF_CLOSED.UPSTREAM_ENDED' ||
    leaf === flushing
  );
}

function isCaused(before: Place | null, after: Place): boolean {
  return before !== null && before.world.firstCause === null && after.world.firstCause !== null;
}

/** The route that was served, or the tunnel, brings a lifetime of its own; that it counts from accept is another law. */
function isNewLifetime(name: string, input: Step['input']): boolean {
  return (
    name === 'lifetime' &&
    input?.kind === 'fact' &&
    (input.fact.type === 'exchange.closed' || input.fact.type === 'connection.upgraded')
  );
}

function hasSilentLeg({ downstream, upstream }: Environment): boolean {
  return downstream === 'silent' || upstream === 'silent';
}

function isHalfDead({ downstream, upstream }: Environment): boolean {
  return downstream === 'failed' || upstream === 'failed';
}

function isTold(input: Step['input'], type: string): boolean {
  return input?.kind === 'fact' && input.fact.type === type && !input.isStale;
}
