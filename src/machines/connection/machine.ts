/**
 * The life of one connection: the chart everything else follows from.
 *
 * Decides: which state a connection is in, which deadlines hold it, why it ends. Hears facts, emits commands.
 * Must never do: hold a socket, read a clock, contain a function. Named actions, guards and delays only; no invoke and no
 * spawn, so that the same object runs as an XState actor and as a compiled table (docs/adr/0003-compiled-charts.md).
 * Read first: docs/ARCHITECTURE.md, then docs/statecharts/connection.md, which is printed from this file.
 */
import type { Registries } from '../chart/registries.ts';
import { commands, type ConnectionCommand } from './commands.ts';
import { initialContext, type ConnectionContext } from './context.ts';
import { delays } from './delays.ts';
import { ESTABLISHED } from './established.ts';
import type { ConnectionFact } from './events.ts';
import { HALF_CLOSED } from './half-closed.ts';
import { base, close, closeAsTold, refuse, refuseAsTold } from './setup.ts';
import { guards, updates } from './updates.ts';

/** The functions behind the chart's names, for the compiler. */
export const connectionRegistries: Registries<ConnectionContext, ConnectionFact, ConnectionCommand> = {
  updates,
  commands,
  guards,
  delays,
};

/** When a slot was claimed and the connection waits to be admitted. Resource: the client's leg. */
const ACCEPTED = base.createStateConfig({
  after: { admission: close('timeout.admission') },
  on: {
    'admission.granted': [{ guard: 'expectsProxyHeader', target: 'SNIFFING.PROXY_HEADER' }, { target: 'SNIFFING' }],
    'admission.refused': closeAsTold,
    'downstream.ended': { ...close('downstream.left'), guard: 'hasSentNothing' },
    'downstream.failed': closeAsTold,
  },
});

/** Nobody is routed before it is known who it is, nor in the middle of a handshake, whatever is told. */
const notRoutedHere = { 'sniff.routed': {} } as const;

/** From a client hello to its handshake. */
const terminate = { target: 'TLS_HANDSHAKE', actions: 'forgetPreface' } as const;

/**
 * When it is found out who the client is and what for. The first bytes are looked at, and none is consumed but a PROXY
 * header's. Resource: the peek. Left in the same tick where no route needs bytes.
 */
const SNIFFING = base.createStateConfig({
  exit: 'stopPeeking',
  initial: 'IDENTIFIED',
  after: { sniff: refuse('timeout.sniff') },
  on: {
    'sniff.routed': [
      {
        guard: 'servesHttp',
        target: '#connection.ESTABLISHED.HTTP',
        actions: ['rememberRoute', 'rememberAge', 'serve'],
      },
      {
        guard: 'servesHandler',
        target: '#connection.ESTABLISHED.HANDLER',
        actions: ['rememberRoute', 'rememberAge', 'serve'],
      },
      { guard: 'mustWait', target: 'DIALING.QUEUED', actions: 'rememberRoute' },
      { target: 'DIALING', actions: 'rememberRoute' },
    ],
    'sniff.failed': refuseAsTold,
    'downstream.ended': { ...close('downstream.left'), guard: 'hasSentNothing' },
    'downstream.failed': closeAsTold,
  },
  states: {
    /** When the header of whoever is in front of the client is arriving. */
    PROXY_HEADER: { entry: 'readProxyHeader', on: { ...notRoutedHere, 'proxyHeader.read': 'IDENTIFIED' } },
    /** When the client's address is known; answered in the same tick. */
    IDENTIFIED: { entry: 'identify', on: { ...notRoutedHere, 'client.identified': 'SILENT' } },
    /** When the client has not said anything. */
    SILENT: {
      entry: 'peek',
      after: { serverFirst: 'SERVER_FIRST' },
      on: { 'preface.received': { target: 'PREFACE', actions: 'rememberPreface' }, 'tls.chosen': 'TLS_HANDSHAKE' },
    },
    /** When the client has spoken and more is needed to decide. */
    PREFACE: { on: { 'preface.received': { actions: 'rememberPreface' }, 'tls.chosen': terminate } },
    /** When the client waits for a banner; answered in the same tick. Left to wait on where no such route is for it. */
    SERVER_FIRST: {
      entry: 'routeServerFirst',
      on: { 'preface.received': { target: 'PREFACE', actions: 'rememberPreface' } },
    },
    /** When TLS is being terminated; the leg says how it went. Inside of it everything begins again. */
    TLS_HANDSHAKE: {
      entry: ['stopPeeking', 'secure'],
      on: { ...notRoutedHere, 'tls.secured': 'INNER_SILENT' },
    },
    /** When TLS stands, and nothing was said inside. */
    INNER_SILENT: {
      entry: 'peek',
      after: { serverFirst: 'INNER_SERVER_FIRST' },
      on: { 'preface.received': { target: 'INNER_PREFACE', actions: 'rememberPreface' } },
    },
    INNER_PREFACE: { on: { 'preface.received': { actions: 'rememberPreface' } } },
    INNER_SERVER_FIRST: {
      entry: 'routeServerFirst',
      on: { 'preface.received': { target: 'INNER_PREFACE', actions: 'rememberPreface' } },
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
    /** When the route or its endpoints are full. Resource: the place in the queue, which was given before. Waiting is no attempt. */
    QUEUED: {
      exit: 'leaveQueue',
      after: { queue: refuse('timeout.queue') },
      on: { 'place.granted': 'ATTEMPTING', 'place.lost': refuseAsTold },
    },
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
        RESOLVING: {
          on: {
            'dial.postponed': { target: '#connection.DIALING.QUEUED', actions: 'forgetAttempt' },
            'dial.resolved': 'CONNECTING',
            'dial.connected': 'SECURING',
          },
        },
        CONNECTING: { on: { 'dial.connected': 'SECURING' } },
        /** When the upstream is reached, and TLS with it is being agreed on. */
        SECURING: {},
      },
    },
    /** When the next attempt waits; nothing is open but the client's leg. */
    BACKING_OFF: { after: { backoff: 'ATTEMPTING' } },
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
