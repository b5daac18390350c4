/**
 * The names the connection chart is written with: actions, guards and delays for XState, and the edges that end it.
 *
 * Decides: nothing; every function is from a registry. Must never do: contain one of its own.
 * Read first: `machine.ts`.
 */
import { assign, emit, setup } from 'xstate';
import { typed } from '../chart/typed.ts';
import type { CloseReason } from './close-reason.ts';
import { commands, type ConnectionCommand } from './commands.ts';
import type { ConnectionContext, ConnectionInput } from './context.ts';
import { delays } from './delays.ts';
import type { ConnectionFact } from './events.ts';
import { guards, updates } from './updates.ts';

export const base = setup({
  types: {
    context: typed<ConnectionContext>(),
    events: typed<ConnectionFact>(),
    input: typed<ConnectionInput>(),
    emitted: typed<ConnectionCommand>(),
  },
  actions: {
    recordReason: assign(updates.recordReason),
    recordGivenReason: assign(updates.recordGivenReason),
    recordGivenCause: assign(updates.recordGivenCause),
    recordCompletion: assign(updates.recordCompletion),
    rememberRoute: assign(updates.rememberRoute),
    rememberPreface: assign(updates.rememberPreface),
    forgetPreface: assign(updates.forgetPreface),
    countAttempt: assign(updates.countAttempt),
    forgetAttempt: assign(updates.forgetAttempt),
    rememberQuiet: assign(updates.rememberQuiet),
    countQuiet: assign(updates.countQuiet),
    forgetQuiet: assign(updates.forgetQuiet),
    rememberAge: assign(updates.rememberAge),
    countWait: assign(updates.countWait),
    rememberTimeouts: assign(updates.rememberTimeouts),
    readProxyHeader: emit(commands.readProxyHeader),
    identify: emit(commands.identify),
    peek: emit(commands.peek),
    stopPeeking: emit(commands.stopPeeking),
    secure: emit(commands.secure),
    routeServerFirst: emit(commands.routeServerFirst),
    leaveQueue: emit(commands.leaveQueue),
    dial: emit(commands.dial),
    cancelDial: emit(commands.cancelDial),
    splice: emit(commands.splice),
    serve: emit(commands.serve),
    lastExchange: emit(commands.lastExchange),
    endService: emit(commands.endService),
    endUpstream: emit(commands.endUpstream),
    endDownstream: emit(commands.endDownstream),
    discardDownstream: emit(commands.discardDownstream),
    discardUpstream: emit(commands.discardUpstream),
    checkLegs: emit(commands.checkLegs),
    sendPing: emit(commands.sendPing),
    warnIdling: emit(commands.warnIdling),
    refuse: emit(commands.refuse),
    release: emit(commands.release),
  },
  guards,
  delays: {
    admission: ({ context }) => delays.admission(context) ?? Infinity,
    sniff: ({ context }) => delays.sniff(context) ?? Infinity,
    serverFirst: ({ context }) => delays.serverFirst(context) ?? Infinity,
    queue: ({ context }) => delays.queue(context) ?? Infinity,
    dial: ({ context }) => delays.dial(context) ?? Infinity,
    dialBudget: ({ context }) => delays.dialBudget(context) ?? Infinity,
    backoff: ({ context }) => delays.backoff(context),
    idling: ({ context }) => delays.idling(context) ?? Infinity,
    ping: ({ context }) => delays.ping(context) ?? Infinity,
    idle: ({ context }) => delays.idle(context) ?? Infinity,
    halfClosed: ({ context }) => delays.halfClosed(context) ?? Infinity,
    halfClosedMax: ({ context }) => delays.halfClosedMax(context) ?? Infinity,
    flush: ({ context }) => delays.flush(context) ?? Infinity,
    keepAlive: ({ context }) => delays.keepAlive(context) ?? Infinity,
    liveness: () => delays.liveness() ?? Infinity,
    linger: ({ context }) => delays.linger(context) ?? Infinity,
    lifetime: ({ context }) => delays.lifetime(context) ?? Infinity,
  },
});

export const CLOSED = '#connection.CLOSED';
const REFUSING = '#connection.HALF_CLOSED.REFUSING';

/** Names a reason beside an edge. */
export function reasonIs<Reason extends CloseReason>(reason: Reason) {
  return { type: 'recordReason', params: { reason } } as const;
}

/** An edge to CLOSED that names its reason. */
export function close<Reason extends CloseReason>(reason: Reason) {
  return { target: CLOSED, actions: reasonIs(reason) } as const;
}

/** An edge to CLOSED whose fact brings the reason. */
export const closeAsTold = { target: CLOSED, actions: 'recordGivenReason' } as const;

/** To CLOSED through a written refusal where the client's protocol has one. */
export function refuse<Reason extends CloseReason>(reason: Reason) {
  return [{ ...close(reason), guard: 'isAnswerable', target: REFUSING }, close(reason)] as const;
}

export const refuseAsTold = [{ ...closeAsTold, guard: 'isAnswerable', target: REFUSING }, closeAsTold] as const;
