/**
 * The laws of a connection's beginning: the look for a PROXY header, the peek, the handshake, the place in a queue.
 *
 * A part of `chart-laws.ts`, where it is said what `scope` and `applies` are. Must never do: know more of the world than
 * what can be told of it. Read first: `chart-step.ts`.
 */
import { isUnchanged, type Law } from './chart-step.ts';

export const beginningLaws = {
  'a peek exists only in SNIFFING': {
    scope: 'always',
    applies: anyStep,
    holds: ({ after }) => after.world.isPeeking === (after.state === 'SNIFFING' && !unpeeked.has(after.leaf)),
  },
  'a PROXY header is looked for exactly in PROXY_HEADER': {
    scope: 'truth',
    applies: anyStep,
    holds: ({ after }) => (after.world.header === 'underway') === (after.leaf === 'SNIFFING.PROXY_HEADER'),
  },
  'a PROXY header comes before everything else, where one is expected': {
    scope: 'truth',
    applies: ({ after }) => after.state === 'SNIFFING',
    holds: ({ after, configuration }) =>
      (after.world.header !== 'unread') === configuration.expectsProxyHeader &&
      (after.world.header === 'underway') === (after.world.identity === 'unasked'),
  },
  'nobody is routed who is not identified, nor in the middle of a handshake': {
    scope: 'always',
    applies: ({ before, input }) =>
      input?.kind === 'fact' && input.fact.type === 'sniff.routed' && before !== null && unpeeked.has(before.leaf),
    holds: isUnchanged,
  },
  'TLS is being agreed on in TLS_HANDSHAKE': {
    scope: 'truth',
    applies: ({ after }) => after.state === 'SNIFFING',
    holds: ({ after }) => (after.world.handshake === 'underway') === (after.leaf === 'SNIFFING.TLS_HANDSHAKE'),
  },
  'a place in a queue is held exactly in QUEUED': {
    scope: 'truth',
    applies: anyStep,
    holds: ({ after }) => after.world.isInQueue === (after.leaf === 'DIALING.QUEUED'),
  },
  'waiting is no attempt': {
    scope: 'always',
    applies: ({ before, after }) => before?.state === 'DIALING' && after.leaf === 'DIALING.QUEUED',
    holds: ({ before, after }) =>
      after.context.attempt === (before?.context.attempt ?? 0) - (before?.leaf === 'DIALING.QUEUED' ? 0 : 1) &&
      after.context.attempt >= 0,
  },
} as const satisfies Record<string, Law>;

function anyStep(): boolean {
  return true;
}

/** Leaves of SNIFFING in which the client's bytes are not looked at for a route. */
const unpeeked: ReadonlySet<string> = new Set([
  'SNIFFING.PROXY_HEADER',
  'SNIFFING.IDENTIFIED',
  'SNIFFING.TLS_HANDSHAKE',
]);
