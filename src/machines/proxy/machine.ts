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
  /** A second request is sent only when it ends the drain sooner. */
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
      after: { startup: 'KILLING' },
      on: { 'listeners.bound': 'RUNNING', 'listeners.failed': 'KILLING', 'drain.requested': 'KILLING' },
    },
    /** When connections are admitted. Its life is the embedder's to end, so it has no deadline. */
    RUNNING: { on: { 'drain.requested': { target: 'DRAINING', actions: 'rememberDrain' } } },
    /** When nothing new is admitted and the live may finish. */
    DRAINING: {
      entry: ['closeListeners', 'drainConnections'],
      initial: 'WAITING',
      on: { 'connections.closed': 'RELEASING' },
      states: {
        /** Re-entered by a request that ends sooner; whoever sends it compares (src/proxy-life.ts). */
        WAITING: {
          after: { drain: '#proxy.KILLING' },
          on: { 'drain.requested': { target: 'WAITING', reenter: true, actions: 'rememberDrain' } },
        },
      },
    },
    /** When what is left is ended, also what a listener let in before another could not be bound. */
    KILLING: {
      entry: ['closeListeners', 'killConnections'],
      after: { release: 'RELEASING' },
      on: { 'connections.closed': 'RELEASING' },
    },
    /** When every chart is at CLOSED and the operating system has handles left to close. */
    RELEASING: {
      entry: ['closeListeners', 'awaitRelease'],
      after: { release: 'STOPPED' },
      on: { 'transports.released': 'STOPPED' },
    },
    STOPPED: { type: 'final' },
  },
});
