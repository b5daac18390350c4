/**
 * The life of one exchange: an HTTP request and its response, in the six states of a connection.
 *
 * Decides: which deadline holds each phase, when the upstream is asked for, whose answer the client gets, why it ended.
 * Must never do: hold a head or a leg, read a clock, contain a function. No invoke and no spawn; the same object runs as an
 * XState actor and as a compiled table (docs/adr/0003-compiled-charts.md).
 * Read first: `../connection/machine.ts`, then docs/statecharts/exchange.md, which is printed from this file.
 */
import { assign, emit, setup } from 'xstate';
import type { Registries } from '../chart/registries.ts';
import { typed } from '../chart/typed.ts';
import type { CloseReason } from '../connection/close-reason.ts';
import { commands, type ExchangeCommand } from './commands.ts';
import { initialContext, type ExchangeContext, type ExchangeInput } from './context.ts';
import { delays } from './delays.ts';
import type { ExchangeFact } from './events.ts';
import { guards, updates } from './updates.ts';

/** The functions behind the chart's names, for the compiler. */
export const exchangeRegistries: Registries<ExchangeContext, ExchangeFact, ExchangeCommand> = {
  updates,
  commands,
  guards,
  delays,
};

const base = setup({
  types: {
    context: typed<ExchangeContext>(),
    events: typed<ExchangeFact>(),
    input: typed<ExchangeInput>(),
    emitted: typed<ExchangeCommand>(),
  },
  actions: {
    recordReason: assign(updates.recordReason),
    recordGivenReason: assign(updates.recordGivenReason),
    rememberHead: assign(updates.rememberHead),
    rememberRoute: assign(updates.rememberRoute),
    rememberAnswer: assign(updates.rememberAnswer),
    rememberRequestEnd: assign(updates.rememberRequestEnd),
    rememberContinued: assign(updates.rememberContinued),
    countAttempt: assign(updates.countAttempt),
    countRetry: assign(updates.countRetry),
    rememberQuiet: assign(updates.rememberQuiet),
    forgetQuiet: assign(updates.forgetQuiet),
    rememberInformed: assign(updates.rememberInformed),
    route: emit(commands.route),
    stopRouting: emit(commands.stopRouting),
    claim: emit(commands.claim),
    stopClaiming: emit(commands.stopClaiming),
    dial: emit(commands.dial),
    cancelDial: emit(commands.cancelDial),
    send: emit(commands.send),
    discardRequest: emit(commands.discardRequest),
    abandonUpstream: emit(commands.abandonUpstream),
    answer: emit(commands.answer),
    handOver: emit(commands.handOver),
    openTunnel: emit(commands.openTunnel),
    endDownstream: emit(commands.endDownstream),
    endUpstream: emit(commands.endUpstream),
    release: emit(commands.release),
  },
  guards,
  delays: {
    requestHead: ({ context }) => delays.requestHead(context) ?? Infinity,
    sniff: ({ context }) => delays.sniff(context) ?? Infinity,
    queue: ({ context }) => delays.queue(context) ?? Infinity,
    dial: ({ context }) => delays.dial(context) ?? Infinity,
    dialBudget: ({ context }) => delays.dialBudget(context) ?? Infinity,
    backoff: ({ context }) => delays.backoff(context),
    requestBody: ({ context }) => delays.requestBody(context) ?? Infinity,
    response: ({ context }) => delays.response(context) ?? Infinity,
    idle: ({ context }) => delays.idle(context) ?? Infinity,
    halfClosed: ({ context }) => delays.halfClosed(context) ?? Infinity,
    linger: ({ context }) => delays.linger(context) ?? Infinity,
  },
});

const CLOSED = '#exchange.CLOSED';
const ANSWERING = '#exchange.HALF_CLOSED.ANSWERING';

/** An edge to CLOSED that names its reason: whatever was written is cut. */
function close<Reason extends CloseReason>(reason: Reason) {
  return { target: CLOSED, actions: { type: 'recordReason', params: { reason } } } as const;
}

/** An edge to CLOSED whose fact brings the reason. */
const closeAsTold = { target: CLOSED, actions: 'recordGivenReason' } as const;

/** To CLOSED through our own answer: only where the client has not seen the head of a response. */
function refuse<Reason extends CloseReason>(reason: Reason) {
  return { target: ANSWERING, actions: { type: 'recordReason', params: { reason } } } as const;
}

const refuseAsTold = { target: ANSWERING, actions: 'recordGivenReason' } as const;

/** The request goes out as soon as there is a connection for it; where it goes on depends on what is left of it. */
const sendOnAcquired = [
  { guard: 'isRequestOver', target: '#exchange.HALF_CLOSED.AWAITING', actions: 'send' },
  { guard: 'expectsContinue', target: '#exchange.ESTABLISHED.EXPECTING', actions: 'send' },
  { target: '#exchange.ESTABLISHED.SENDING', actions: 'send' },
] as const;

/**
 * The used connection was closed while the request was under way: once more, on a fresh one. The new DIALING has a budget
 * of its own, because waiting for a connection is not what the first one was spent on; there is one retry, so there are
 * at most two budgets.
 */
const retryOrRefuse = [
  { guard: 'mayRetry', target: '#exchange.DIALING.QUEUED', actions: ['countRetry', 'abandonUpstream'] },
  refuseAsTold,
] as const;

const toAwaiting = { target: '#exchange.HALF_CLOSED.AWAITING', actions: 'rememberRequestEnd' } as const;
const toReceiving = { target: '#exchange.HALF_CLOSED.RECEIVING', actions: 'rememberRequestEnd' } as const;

/** What holds while the request is being sent and the client has not seen the head of a response. */
const beforeResponse = {
  'response.began': { target: '#exchange.ESTABLISHED.EXCHANGING', actions: 'forgetQuiet' },
  'request.ended': toAwaiting,
  'request.failed': refuseAsTold,
  'upstream.failed': retryOrRefuse,
  // An upstream that changes the protocol before it has the whole request answers something that was not asked.
  'upgrade.accepted': refuse('upstream.malformed'),
} as const;

/** What holds while both bodies flow. The client has its answer the moment the response is complete. */
const duringBoth = {
  'request.ended': toReceiving,
  'response.ended': { ...close('completed'), target: '#exchange.HALF_CLOSED.RESPONSE_ENDED' },
  'request.failed': closeAsTold,
  'upstream.failed': closeAsTold,
} as const;

/** When the head is arriving. Resource: the client's side of the exchange. */
const ACCEPTED = base.createStateConfig({
  after: { requestHead: refuse('timeout.requestHead') },
  on: {
    'head.received': { target: 'SNIFFING', actions: 'rememberHead' },
    'request.failed': refuseAsTold,
  },
});

/** When a route is being chosen and the client asked for its name. Resource: the question to whoever knows. */
const SNIFFING = base.createStateConfig({
  entry: 'route',
  exit: 'stopRouting',
  after: { sniff: refuse('timeout.sniff') },
  on: {
    'exchange.routed': { target: 'DIALING', actions: 'rememberRoute' },
    'exchange.answered': { target: ANSWERING, actions: 'rememberAnswer' },
    'request.ended': { actions: 'rememberRequestEnd' },
    'request.failed': refuseAsTold,
  },
});

/** When a connection to the upstream is asked of the pool, or dialled. Resource: the claim, or the pending leg. */
const DIALING = base.createStateConfig({
  initial: 'QUEUED',
  after: { dialBudget: refuse('timeout.dialBudget') },
  on: {
    'request.continued': { actions: 'rememberContinued' },
    'request.ended': { actions: 'rememberRequestEnd' },
    'request.failed': refuseAsTold,
  },
  states: {
    /** When the pool has been asked, and has neither a connection nor a place; left in the same tick where it has. */
    QUEUED: {
      entry: ['countAttempt', 'claim'],
      exit: 'stopClaiming',
      after: { queue: refuse('timeout.queue') },
      on: { 'upstream.acquired': sendOnAcquired, 'place.granted': 'ATTEMPTING', 'dial.failed': refuseAsTold },
    },
    ATTEMPTING: {
      entry: 'dial',
      exit: 'cancelDial',
      after: { dial: [{ guard: 'hasAttemptsLeft', target: 'BACKING_OFF' }, refuse('timeout.dial')] },
      on: {
        'upstream.acquired': sendOnAcquired,
        'dial.failed': [{ guard: 'mayTryAgain', target: 'BACKING_OFF' }, refuseAsTold],
      },
    },
    /** When the next attempt waits; nothing is open but the client's side. */
    BACKING_OFF: { after: { backoff: 'QUEUED' } },
  },
});

/** When the request is still being sent. Resource: a connection to the upstream, this exchange's own. */
const ESTABLISHED = base.createStateConfig({
  entry: 'forgetQuiet',
  initial: 'SENDING',
  states: {
    /** When the client waits for leave to send its body: it is the upstream's turn. */
    EXPECTING: {
      after: { response: refuse('timeout.response') },
      on: {
        ...beforeResponse,
        'response.informed': [
          { guard: 'isContinue', target: 'SENDING', actions: ['rememberInformed', 'forgetQuiet'] },
          { target: 'EXPECTING', reenter: true, actions: ['rememberInformed', 'forgetQuiet'] },
        ],
        'request.continued': { target: 'SENDING', actions: ['rememberContinued', 'forgetQuiet'] },
        'bytes.flowed': { target: 'EXPECTING', reenter: true, actions: 'rememberQuiet' },
      },
    },
    /** When the body is arriving and nothing of the response has: it is the client's turn. */
    SENDING: {
      after: { requestBody: refuse('timeout.requestBody') },
      on: {
        ...beforeResponse,
        'response.informed': { actions: 'rememberInformed' },
        'bytes.flowed': { target: 'SENDING', reenter: true, actions: 'rememberQuiet' },
        'upstream.blocked': { target: 'BLOCKED', actions: 'forgetQuiet' },
      },
    },
    /** When the body is there and the upstream does not take it. */
    BLOCKED: {
      after: { response: refuse('timeout.response') },
      on: {
        ...beforeResponse,
        'response.informed': { actions: 'rememberInformed' },
        'bytes.flowed': { target: 'SENDING', actions: 'rememberQuiet' },
      },
    },
    /** When both bodies flow at once. */
    EXCHANGING: {
      after: { response: close('timeout.response') },
      on: {
        ...duringBoth,
        'bytes.flowed': { target: 'EXCHANGING', reenter: true, actions: 'rememberQuiet' },
        'downstream.blocked': { target: 'DELIVERING', actions: 'forgetQuiet' },
      },
    },
    /** When both bodies flow, and the client does not take the response that is there. */
    DELIVERING: {
      after: { halfClosed: close('timeout.halfClosed') },
      on: { ...duringBoth, 'bytes.flowed': { target: 'EXCHANGING', actions: 'rememberQuiet' } },
    },
    /**
     * When the exchange has become a tunnel inside its connection (RFC 8441). Where `idle` is infinite the deadline only
     * keeps the chart alive: the legs of both sides are looked at by the charts of their own connections.
     */
    TUNNEL: {
      after: {
        idle: [{ guard: 'isIdleUnbounded', target: 'TUNNEL', reenter: true }, close('timeout.idle')],
      },
      on: {
        'bytes.flowed': { target: 'TUNNEL', reenter: true, actions: 'rememberQuiet' },
        'request.ended': { target: '#exchange.HALF_CLOSED.DOWNSTREAM_ENDED', actions: 'endUpstream' },
        'response.ended': { target: '#exchange.HALF_CLOSED.UPSTREAM_ENDED', actions: 'endDownstream' },
        'request.failed': closeAsTold,
        'upstream.failed': closeAsTold,
      },
    },
  },
});

/** When one side's message is complete, or our own answer is being written. */
const HALF_CLOSED = base.createStateConfig({
  entry: 'forgetQuiet',
  initial: 'AWAITING',
  states: {
    /** When the request is complete and nothing of the response has arrived. */
    AWAITING: {
      after: { response: refuse('timeout.response') },
      on: {
        'bytes.flowed': { target: 'AWAITING', reenter: true, actions: 'rememberQuiet' },
        'response.informed': { target: 'AWAITING', reenter: true, actions: ['rememberInformed', 'forgetQuiet'] },
        'response.began': { target: 'RECEIVING', actions: 'forgetQuiet' },
        'upgrade.accepted': [
          {
            ...close('completed'),
            guard: 'isHandedOver',
            actions: [{ type: 'recordReason', params: { reason: 'completed' } }, 'handOver'],
          },
          { target: '#exchange.ESTABLISHED.TUNNEL', actions: 'openTunnel' },
        ],
        'upstream.failed': retryOrRefuse,
      },
    },
    /** When the response is arriving. */
    RECEIVING: {
      after: { response: close('timeout.response') },
      on: {
        'bytes.flowed': { target: 'RECEIVING', reenter: true, actions: 'rememberQuiet' },
        'downstream.blocked': { target: 'DELIVERING', actions: 'forgetQuiet' },
        'response.ended': close('completed'),
        'upstream.failed': closeAsTold,
      },
    },
    /** When the response is there and the client does not take it. */
    DELIVERING: {
      after: { halfClosed: close('timeout.halfClosed') },
      on: {
        'bytes.flowed': { target: 'RECEIVING', actions: 'rememberQuiet' },
        'response.ended': close('completed'),
        'upstream.failed': closeAsTold,
      },
    },
    /** When the client has the whole response and still sends its request, which nobody wants any more. */
    RESPONSE_ENDED: {
      entry: ['abandonUpstream', 'discardRequest'],
      after: { linger: CLOSED },
      on: { 'request.ended': { target: CLOSED, actions: 'rememberRequestEnd' }, 'request.failed': CLOSED },
    },
    /** When we answer ourselves. Left in the same tick where the client's side takes the answer. */
    ANSWERING: {
      entry: ['abandonUpstream', 'answer'],
      after: { linger: CLOSED },
      on: { 'answer.written': CLOSED, 'request.ended': { actions: 'rememberRequestEnd' } },
    },
    /** When the client's half of a tunnel is over. */
    DOWNSTREAM_ENDED: {
      after: { halfClosed: close('timeout.halfClosed') },
      on: {
        'bytes.flowed': { target: 'DOWNSTREAM_ENDED', reenter: true, actions: 'rememberQuiet' },
        'response.ended': {
          ...close('completed'),
          actions: [{ type: 'recordReason', params: { reason: 'completed' } }, 'endDownstream'],
        },
        'upstream.failed': closeAsTold,
      },
    },
    /** When the upstream's half of a tunnel is over. */
    UPSTREAM_ENDED: {
      after: { halfClosed: close('timeout.halfClosed') },
      on: {
        'bytes.flowed': { target: 'UPSTREAM_ENDED', reenter: true, actions: 'rememberQuiet' },
        'request.ended': {
          ...close('completed'),
          actions: [{ type: 'recordReason', params: { reason: 'completed' } }, 'endUpstream'],
        },
        'request.failed': closeAsTold,
        'upstream.failed': closeAsTold,
      },
    },
  },
});

/** The exchange chart. Its entry into CLOSED is the only place that releases anything. */
export const exchangeMachine = base.createMachine({
  id: 'exchange',
  context: ({ input }) => initialContext(input),
  initial: 'ACCEPTED',
  on: { 'kill.requested': closeAsTold, 'downstream.failed': closeAsTold },
  states: { ACCEPTED, SNIFFING, DIALING, ESTABLISHED, HALF_CLOSED, CLOSED: { type: 'final', entry: 'release' } },
});
