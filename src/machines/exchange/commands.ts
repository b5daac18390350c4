/**
 * The commands an exchange's chart emits: imperative, in order, carried out by the shell (`src/io/http/exchange.ts`).
 *
 * Must never do: anything. A command is data.
 */
import type { ChartArgs } from '../chart/registries.ts';
import type { CloseReason } from '../connection/close-reason.ts';
import type { ExchangeContext } from './context.ts';
import type { ExchangeFact } from './events.ts';

export type ExchangeCommand =
  /** Choose a route and ask who passes; answered by `exchange.routed` or `exchange.answered`. */
  | { readonly type: 'route' }
  | { readonly type: 'stopRouting' }
  /** Get a connection from the pool, or a place for a new one. `isFresh`: never one that was used before. */
  | { readonly type: 'claim'; readonly attempt: number; readonly isFresh: boolean }
  /** Stop waiting for the pool; harmless when it has answered. A place that was granted stays, for `dial`. */
  | { readonly type: 'stopClaiming' }
  /** Begin attempt number `attempt` (1 first) in the place that was granted. */
  | { readonly type: 'dial'; readonly attempt: number }
  /** Abort the attempt and give the place back; harmless when it has succeeded. */
  | { readonly type: 'cancelDial' }
  /** Write the request to the connection that was acquired. */
  | { readonly type: 'send' }
  /** Drop what is left of the request. */
  | { readonly type: 'discardRequest' }
  /**
   * Let go of the upstream, whose connection is not used again, and give back a place that was granted and not dialled in.
   * Harmless when there is neither.
   */
  | { readonly type: 'abandonUpstream' }
  /** Write our own answer for this reason; answered by `answer.written`. */
  | { readonly type: 'answer'; readonly reason: CloseReason }
  /** Pass the 101 on and give both legs to the connection, which becomes a tunnel. */
  | { readonly type: 'handOver' }
  /** Pass the accepting head on; from now on both bodies are the tunnel's, and the client's end is the tunnel's end. */
  | { readonly type: 'openTunnel' }
  /** End the client's half of a tunnel, or the upstream's, after what was written. */
  | { readonly type: 'endDownstream' }
  | { readonly type: 'endUpstream' }
  /** Let go of everything, once, an unused place included. The pool gets the upstream back where both messages are complete. */
  | { readonly type: 'release'; readonly reason: CloseReason };

type Args = ChartArgs<ExchangeContext, ExchangeFact>;

const route: ExchangeCommand = { type: 'route' };
const stopRouting: ExchangeCommand = { type: 'stopRouting' };
const stopClaiming: ExchangeCommand = { type: 'stopClaiming' };
const cancelDial: ExchangeCommand = { type: 'cancelDial' };
const send: ExchangeCommand = { type: 'send' };
const discardRequest: ExchangeCommand = { type: 'discardRequest' };
const abandonUpstream: ExchangeCommand = { type: 'abandonUpstream' };
const handOver: ExchangeCommand = { type: 'handOver' };
const openTunnel: ExchangeCommand = { type: 'openTunnel' };
const endDownstream: ExchangeCommand = { type: 'endDownstream' };
const endUpstream: ExchangeCommand = { type: 'endUpstream' };
const firstClaim: ExchangeCommand = { type: 'claim', attempt: 1, isFresh: false };
const released: ExchangeCommand = { type: 'release', reason: 'completed' };

/** By the name the chart uses. Pure; constants wherever nothing varies. */
export const commands = {
  route: (): ExchangeCommand => route,
  stopRouting: (): ExchangeCommand => stopRouting,
  claim: ({ context }: Args): ExchangeCommand =>
    context.attempt === 1 && context.retries === 0
      ? firstClaim
      : { type: 'claim', attempt: context.attempt, isFresh: context.retries > 0 },
  stopClaiming: (): ExchangeCommand => stopClaiming,
  dial: ({ context }: Args): ExchangeCommand => ({ type: 'dial', attempt: context.attempt }),
  cancelDial: (): ExchangeCommand => cancelDial,
  send: (): ExchangeCommand => send,
  discardRequest: (): ExchangeCommand => discardRequest,
  abandonUpstream: (): ExchangeCommand => abandonUpstream,
  answer: ({ context }: Args): ExchangeCommand => ({
    type: 'answer',
    reason: context.reason ?? 'internal.invariant',
  }),
  handOver: (): ExchangeCommand => handOver,
  openTunnel: (): ExchangeCommand => openTunnel,
  endDownstream: (): ExchangeCommand => endDownstream,
  endUpstream: (): ExchangeCommand => endUpstream,
  release: ({ context }: Args): ExchangeCommand =>
    context.reason === 'completed' ? released : { type: 'release', reason: context.reason ?? 'internal.invariant' },
} as const;
