/**
 * The life of the proxy itself: when it binds, admits, drains and is gone. One actor per proxy, so all of XState may be used.
 *
 * Decides: when listeners are bound and closed, when the drain is over, when what is left is killed.
 * Must never do: bind or kill; those are commands for `src/proxy.ts`.
 * Read first: docs/statecharts/proxy.md.
 */
import { assign, emit, setup } from 'xstate';
import { typed } from '../chart/typed.ts';

export interface ProxyContext {
  /** Milliseconds from start() until every listener must be bound. */
  readonly startupMs: number;
  /** Milliseconds the live connections get once draining; set by the request. */
  readonly drainMs: number;
  /** Milliseconds the operating system gets to close what was let go; then the proxy is gone without it, loudly. */
  readonly releaseMs: number;
}

export type ProxyFact =
  | { readonly type: 'start.requested' }
  | { readonly type: 'listeners.bound' }
  | { readonly type: 'listeners.failed' }
  /** A second request may only shorten the drain. */
  | { readonly type: 'drain.requested'; readonly timeoutMs: number }
  /** The last connection has entered CLOSED. */
  | { readonly type: 'connections.closed' }
  /** The ledger is empty and the listeners' handles are closed. */
  | { readonly type: 'transports.released' };

export type ProxyCommand =
  | { readonly type: 'bindListeners' }
  | { readonly type: 'closeListeners' }
  /** Tell every connection; answered by `connections.closed`, at once when there is none. */
  | { readonly type: 'drainConnections' }
  /** End every connection that is left. */
  | { readonly type: 'killConnections' }
  /** Answer with `transports.released` when nothing is open any more. */
  | { readonly type: 'awaitRelease' };

export const proxyMachine = setup({
  types: {
    context: typed<ProxyContext>(),
    events: typed<ProxyFact>(),
    input: typed<ProxyContext>(),
    emitted: typed<ProxyCommand>(),
  },
  actions: {
    rememberDrain: assign({
      drainMs: ({ context, event }) => (event.type === 'drain.requested' ? event.timeoutMs : context.drainMs),
    }),
    bindListeners: emit({ type: 'bindListeners' }),
    closeListeners: emit({ type: 'closeListeners' }),
    drainConnections: emit({ type: 'drainConnections' }),
    killConnections: emit({ type: 'killConnections' }),
    awaitRelease: emit({ type: 'awaitRelease' }),
  },
  guards: {
    /** True exactly when nothing is waited for. */
    isImmediate: ({ event }) => event.type === 'drain.requested' && event.timeoutMs === 0,
  },
  delays: {
    startup: ({ context }) => context.startupMs,
    drain: ({ context }) => context.drainMs,
    release: ({ context }) => context.releaseMs,
  },
}).createMachine({
  id: 'proxy',
  context: ({ input }) => input,
  initial: 'IDLE',
  states: {
    /** When nothing has been asked for. No resource, so no deadline. */
    IDLE: { on: { 'start.requested': 'STARTING', 'drain.requested': 'STOPPED' } },
    /** When listeners are being bound; all or none. */
    STARTING: {
      entry: 'bindListeners',
      after: { startup: 'RELEASING' },
      on: { 'listeners.bound': 'RUNNING', 'listeners.failed': 'RELEASING', 'drain.requested': 'RELEASING' },
    },
    /** When connections are admitted. Its life is the embedder's to end, so it has no deadline. */
    RUNNING: { on: { 'drain.requested': { target: 'DRAINING', actions: 'rememberDrain' } } },
    /** When nothing new is admitted and the live may finish. */
    DRAINING: {
      entry: ['closeListeners', 'drainConnections'],
      after: { drain: 'KILLING' },
      on: { 'connections.closed': 'RELEASING', 'drain.requested': { guard: 'isImmediate', target: 'KILLING' } },
    },
    /** When what is left is ended; every chart reaches CLOSED in the same step. */
    KILLING: { entry: 'killConnections', after: { release: 'RELEASING' }, on: { 'connections.closed': 'RELEASING' } },
    /** When every chart is at CLOSED and the operating system has handles left to close. */
    RELEASING: {
      entry: ['closeListeners', 'awaitRelease'],
      after: { release: 'STOPPED' },
      on: { 'transports.released': 'STOPPED' },
    },
    STOPPED: { type: 'final' },
  },
});
