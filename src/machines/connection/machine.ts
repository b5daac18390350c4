/**
 * The life of one connection: the chart everything else follows from.
 *
 * Decides: which state a connection is in, which deadlines hold it, why it ends. Hears facts, emits commands.
 * Must never do: hold a socket, read a clock, contain a function. Named actions, guards and delays only; no invoke and no
 * spawn, so that the same object runs as an XState actor and as a compiled table (docs/adr/0003-compiled-charts.md).
 * Read first: docs/ARCHITECTURE.md, then docs/statecharts/connection.md, which is printed from this file.
 */
import { assign, emit, setup } from 'xstate';
import type { Registries } from '../chart/registries.ts';
import { typed } from '../chart/typed.ts';
import type { CloseReason } from './close-reason.ts';
import { commands, type ConnectionCommand } from './commands.ts';
import { initialContext, type ConnectionContext, type ConnectionInput } from './context.ts';
import { delays } from './delays.ts';
import type { ConnectionFact } from './events.ts';
import { guards, updates } from './updates.ts';

/** The functions behind the chart's names, for the compiler. */
export const connectionRegistries: Registries<ConnectionContext, ConnectionFact, ConnectionCommand> = {
  updates,
  commands,
  guards,
  delays,
};

const base = setup({
  types: {
    context: typed<ConnectionContext>(),
    events: typed<ConnectionFact>(),
    input: typed<ConnectionInput>(),
    emitted: typed<ConnectionCommand>(),
  },
  actions: {
    recordReason: assign(updates.recordReason),
    recordGivenReason: assign(updates.recordGivenReason),
    rememberRoute: assign(updates.rememberRoute),
    rememberPreface: assign(updates.rememberPreface),
    countAttempt: assign(updates.countAttempt),
    rememberQuiet: assign(updates.rememberQuiet),
    forgetQuiet: assign(updates.forgetQuiet),
    rememberAge: assign(updates.rememberAge),
    peek: emit(commands.peek),
    stopPeeking: emit(commands.stopPeeking),
    routeServerFirst: emit(commands.routeServerFirst),
    dial: emit(commands.dial),
    cancelDial: emit(commands.cancelDial),
    splice: emit(commands.splice),
    endUpstream: emit(commands.endUpstream),
    endDownstream: emit(commands.endDownstream),
    discardDownstream: emit(commands.discardDownstream),
    discardUpstream: emit(commands.discardUpstream),
    checkLegs: emit(commands.checkLegs),
    warnIdling: emit(commands.warnIdling),
    refuse: emit(commands.refuse),
    release: emit(commands.release),
  },
  guards,
  delays: {
    admission: ({ context }) => delays.admission(context) ?? Infinity,
    sniff: ({ context }) => delays.sniff(context) ?? Infinity,
    serverFirst: ({ context }) => delays.serverFirst(context) ?? Infinity,
    dial: ({ context }) => delays.dial(context) ?? Infinity,
    dialBudget: ({ context }) => delays.dialBudget(context) ?? Infinity,
    backoff: ({ context }) => delays.backoff(context),
    idling: ({ context }) => delays.idling(context) ?? Infinity,
    idle: ({ context }) => delays.idle(context) ?? Infinity,
    halfClosed: ({ context }) => delays.halfClosed(context) ?? Infinity,
    halfClosedMax: ({ context }) => delays.halfClosedMax(context) ?? Infinity,
    flush: ({ context }) => delays.flush(context) ?? Infinity,
    linger: ({ context }) => delays.linger(context) ?? Infinity,
    lifetime: ({ context }) => delays.lifetime(context) ?? Infinity,
  },
});

const CLOSED = '#connection.CLOSED';
const REFUSING = '#connection.HALF_CLOSED.REFUSING';

/** An edge to CLOSED that names its reason. */
function close<Reason extends CloseReason>(reason: Reason) {
  return { target: CLOSED, actions: { type: 'recordReason', params: { reason } } } as const;
}

/** An edge to CLOSED whose fact brings the reason. */
const closeAsTold = { target: CLOSED, actions: 'recordGivenReason' } as const;

/** To CLOSED through a written refusal where the client's protocol has one. */
function refuse<Reason extends CloseReason>(reason: Reason) {
  return [{ ...close(reason), guard: 'isAnswerable', target: REFUSING }, close(reason)] as const;
}

const refuseAsTold = [{ ...closeAsTold, guard: 'isAnswerable', target: REFUSING }, closeAsTold] as const;

/** When a slot was claimed and the connection waits to be admitted. Resource: the client's leg. */
const ACCEPTED = base.createStateConfig({
  after: { admission: close('timeout.admission') },
  on: {
    'admission.granted': 'SNIFFING',
    'admission.refused': closeAsTold,
    'downstream.ended': { ...close('downstream.left'), guard: 'hasSentNothing' },
    'downstream.failed': closeAsTold,
  },
});

/** When the first bytes are looked at, and none is consumed. Resource: the peek. Left in the same tick where no route needs bytes. */
const SNIFFING = base.createStateConfig({
  entry: 'peek',
  exit: 'stopPeeking',
  initial: 'SILENT',
  after: { sniff: refuse('timeout.sniff') },
  on: {
    'sniff.routed': { target: 'DIALING', actions: 'rememberRoute' },
    'sniff.failed': refuseAsTold,
    'downstream.ended': { ...close('downstream.left'), guard: 'hasSentNothing' },
    'downstream.failed': closeAsTold,
  },
  states: {
    /** When the client has not said anything. */
    SILENT: {
      after: { serverFirst: 'SERVER_FIRST' },
      on: { 'preface.received': { target: 'PREFACE', actions: 'rememberPreface' } },
    },
    /** When the client has spoken and more is needed to decide. */
    PREFACE: { on: { 'preface.received': { actions: 'rememberPreface' } } },
    /** When the client waits for a banner; answered in the same tick. Left to wait on where no such route is for it. */
    SERVER_FIRST: {
      entry: 'routeServerFirst',
      on: { 'preface.received': { target: 'PREFACE', actions: 'rememberPreface' } },
    },
  },
});

/** When an upstream is being reached. Resource: the pending upstream leg, inside ATTEMPTING only. */
const DIALING = base.createStateConfig({
  initial: 'ATTEMPTING',
  after: { dialBudget: refuse('timeout.dialBudget') },
  on: {
    'downstream.ended': { ...close('downstream.left'), guard: 'hasLeft' },
    'downstream.failed': closeAsTold,
  },
  states: {
    ATTEMPTING: {
      entry: ['countAttempt', 'dial'],
      exit: 'cancelDial',
      initial: 'RESOLVING',
      after: { dial: [{ guard: 'hasAttemptsLeft', target: 'BACKING_OFF' }, ...refuse('timeout.dial')] },
      on: {
        'dial.succeeded': { target: '#connection.ESTABLISHED', actions: ['rememberAge', 'splice'] },
        'dial.failed': [{ guard: 'mayTryAgain', target: 'BACKING_OFF' }, ...refuseAsTold],
      },
      states: {
        RESOLVING: { on: { 'dial.resolved': 'CONNECTING' } },
        CONNECTING: {},
      },
    },
    /** When the next attempt waits; nothing is open but the client's leg. */
    BACKING_OFF: { after: { backoff: 'ATTEMPTING' } },
  },
});

/** When bytes may flow both ways. Resource: both legs, joined. */
const ESTABLISHED = base.createStateConfig({
  entry: 'forgetQuiet',
  initial: 'TUNNEL',
  after: { lifetime: close('timeout.lifetime') },
  on: {
    'downstream.ended': { target: '#connection.HALF_CLOSED.DOWNSTREAM_ENDED', actions: ['rememberAge', 'endUpstream'] },
    'upstream.ended': { target: '#connection.HALF_CLOSED.UPSTREAM_ENDED', actions: ['rememberAge', 'endDownstream'] },
    'downstream.failed': closeAsTold,
    'upstream.failed': closeAsTold,
  },
  states: {
    TUNNEL: {
      initial: 'ACTIVE',
      states: {
        ACTIVE: {
          after: {
            idling: [
              { guard: 'isIdleUnbounded', target: 'ACTIVE', reenter: true, actions: 'checkLegs' },
              { target: 'IDLING' },
            ],
          },
          on: { 'bytes.flowed': { target: 'ACTIVE', reenter: true, actions: 'rememberQuiet' } },
        },
        /** When the idle deadline is near and whoever listens has been told. */
        IDLING: {
          entry: 'warnIdling',
          after: { idle: close('timeout.idle') },
          on: { 'bytes.flowed': { target: 'ACTIVE', actions: 'rememberQuiet' } },
        },
      },
    },
  },
});

/** When one direction is finished, or both are and bytes are being flushed, or a refusal is being delivered. */
const HALF_CLOSED = base.createStateConfig({
  entry: 'forgetQuiet',
  initial: 'FLUSHING',
  after: { lifetime: close('timeout.lifetime'), halfClosedMax: close('timeout.halfClosedMax') },
  states: {
    DOWNSTREAM_ENDED: {
      after: { halfClosed: close('timeout.halfClosed') },
      on: {
        'bytes.flowed': { target: 'DOWNSTREAM_ENDED', reenter: true, actions: 'rememberQuiet' },
        'upstream.ended': { target: 'FLUSHING', actions: ['forgetQuiet', 'endDownstream'] },
        'upstream.failed': closeAsTold,
        'downstream.failed': { target: 'FLUSHING', actions: ['recordGivenReason', 'forgetQuiet', 'discardUpstream'] },
      },
    },
    UPSTREAM_ENDED: {
      after: { halfClosed: close('timeout.halfClosed') },
      on: {
        'bytes.flowed': { target: 'UPSTREAM_ENDED', reenter: true, actions: 'rememberQuiet' },
        'downstream.ended': { target: 'FLUSHING', actions: ['forgetQuiet', 'endUpstream'] },
        'downstream.failed': closeAsTold,
        'upstream.failed': { target: 'FLUSHING', actions: ['recordGivenReason', 'forgetQuiet', 'discardDownstream'] },
      },
    },
    /** When nothing more is to come that anybody wants, and what was taken is still being written. */
    FLUSHING: {
      after: { flush: close('timeout.flush') },
      on: {
        'bytes.flowed': { target: 'FLUSHING', reenter: true, actions: 'rememberQuiet' },
        'splice.flushed': close('completed'),
        'downstream.failed': { actions: ['recordGivenReason', 'discardUpstream'] },
        'upstream.failed': { actions: ['recordGivenReason', 'discardDownstream'] },
      },
    },
    /** When the client is told no, and gets `linger` to read it instead of a reset. */
    REFUSING: {
      entry: 'refuse',
      after: { linger: CLOSED },
      on: { 'splice.flushed': CLOSED, 'downstream.failed': CLOSED, 'refusal.skipped': CLOSED },
    },
  },
});

/** The connection chart. Its entry into CLOSED is the only place that releases anything. */
export const connectionMachine = base.createMachine({
  id: 'connection',
  context: ({ input }) => initialContext(input),
  initial: 'ACCEPTED',
  on: { 'kill.requested': closeAsTold },
  states: { ACCEPTED, SNIFFING, DIALING, ESTABLISHED, HALF_CLOSED, CLOSED: { type: 'final', entry: 'release' } },
});
