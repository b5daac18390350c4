/**
 * ESTABLISHED: the states in which bytes may flow both ways, by who has the client's stream.
 *
 * Decides: how long such a connection may be silent, and which end of it leads where. A tunnel and a handler are held by
 * `idle`; HTTP is held by `keepAlive` between exchanges and by the exchanges' own charts while one is live.
 * Read first: `machine.ts`.
 */
import { base, close, closeAsTold, reasonIs } from './setup.ts';

const FINISHING = '#connection.HALF_CLOSED.FINISHING';

const bytesFlowed = { target: 'ACTIVE', reenter: true, actions: 'rememberQuiet' } as const;

const idling = [
  { guard: 'isIdleUnbounded', target: 'ACTIVE', reenter: true, actions: 'checkLegs' },
  { target: 'IDLING' },
] as const;

/** When the idle deadline is near and whoever listens has been told. */
const IDLING = base.createStateConfig({
  entry: 'warnIdling',
  after: { idle: close('timeout.idle') },
  on: { 'bytes.flowed': { target: 'ACTIVE', actions: 'rememberQuiet' } },
});

/** What ends two joined legs, and how. */
const joined = {
  initial: 'ACTIVE',
  after: { lifetime: close('timeout.lifetime') },
  on: {
    'downstream.ended': {
      target: '#connection.HALF_CLOSED.DOWNSTREAM_ENDED',
      actions: ['rememberAge', 'endUpstream'],
    },
    'upstream.ended': { target: '#connection.HALF_CLOSED.UPSTREAM_ENDED', actions: ['rememberAge', 'endDownstream'] },
    'upstream.failed': closeAsTold,
  },
} as const;

/** When the client's leg and a handler's are joined. */
const HANDLER = base.createStateConfig({
  ...joined,
  states: { ACTIVE: { after: { idling }, on: { 'bytes.flowed': bytesFlowed } }, IDLING },
});

/**
 * When two legs are joined and nothing is known of what the bytes mean, unless it was a WebSocket that opened the tunnel:
 * its client may be pinged. A ping is no sign of life, so it leaves the idle deadline where it is. Resource: both legs.
 */
const TUNNEL = base.createStateConfig({
  ...joined,
  states: {
    ACTIVE: {
      after: { idling, ping: { target: 'ACTIVE', reenter: true, actions: ['countQuiet', 'sendPing'] } },
      on: { 'bytes.flowed': bytesFlowed },
    },
    IDLING,
  },
});

/** When no exchange is live: before the first byte, and between two requests. Absolute: bytes of a request open an exchange. */
const WAITING = base.createStateConfig({
  after: { keepAlive: { target: FINISHING, actions: [reasonIs('timeout.keepAlive'), 'countWait', 'endService'] } },
  on: {
    'exchange.opened': 'BUSY',
    'downstream.ended': { target: FINISHING, actions: ['rememberAge', 'endService'] },
    'drain.requested': { target: FINISHING, actions: [reasonIs('operator.drained'), 'endService'] },
  },
});

/** An exchange has handed both legs over: from now on the deadlines of a tunnel, a new lifetime or none among them. */
const upgrade = {
  target: '#connection.ESTABLISHED.TUNNEL',
  actions: ['rememberTimeouts', 'splice'],
} as const;

/** When at least one exchange is live; its chart holds the deadlines, this one looks at the leg. */
const BUSY = base.createStateConfig({
  after: { liveness: { target: 'BUSY', reenter: true, actions: 'checkLegs' } },
  on: {
    'exchange.closed': { target: '#connection.ESTABLISHED.HTTP', actions: 'rememberTimeouts' },
    'downstream.ended': { target: 'LAST_EXCHANGE', actions: 'lastExchange' },
    'drain.requested': { target: 'LAST_EXCHANGE', actions: 'lastExchange' },
    'connection.upgraded': upgrade,
  },
});

/** When the live exchanges are the last: the client has ended, or the proxy is drained. They get their answers all the same. */
const LAST_EXCHANGE = base.createStateConfig({
  after: { liveness: { target: 'LAST_EXCHANGE', reenter: true, actions: 'checkLegs' } },
  on: {
    'exchange.closed': { target: FINISHING, actions: ['rememberTimeouts', 'endService'] },
    'connection.upgraded': upgrade,
  },
});

/**
 * When requests are served. Resource: the client's leg and the service that reads it; upstreams are the exchanges'.
 * Entered anew after the last of the live exchanges: the deadlines are those of the route that was served last, `lifetime`
 * included, which still counts from accept.
 */
const HTTP = base.createStateConfig({
  initial: 'WAITING',
  after: { lifetime: close('timeout.lifetime') },
  on: {
    'service.finished': {
      target: FINISHING,
      actions: ['recordGivenCause', 'rememberTimeouts', 'endService'],
    },
    'service.failed': closeAsTold,
  },
  states: { WAITING, BUSY, LAST_EXCHANGE },
});

/** When bytes may flow both ways. Resource: both legs, joined; or the client's leg and the service that has it. */
export const ESTABLISHED = base.createStateConfig({
  entry: 'forgetQuiet',
  initial: 'TUNNEL',
  on: { 'downstream.failed': closeAsTold },
  states: { TUNNEL, HTTP, HANDLER },
});
