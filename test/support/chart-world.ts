/**
 * What is true around one connection: two legs, a slot, a sniffer, a dialer, a splice, an HTTP service and its exchanges.
 *
 * Plain data; `chart-environment.ts` and `chart-service.ts` change it. Flat, so that copying is a spread.
 */
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import type { Serves } from '../../src/machines/connection/context.ts';
import type { InForce } from './chart-configurations.ts';

export type Side = 'downstream' | 'upstream';

/** Flat, so that copying is a spread and the key of a state is its values in order. */
export interface Environment {
  admission: 'pending' | 'granted' | 'refused';
  /** `silent`: dead, and nobody has said so. */
  downstream: 'alive' | 'silent' | 'failed' | 'released';
  /** FIN from the client: told with nothing held, told with bytes held (it will be told again), or not at all. */
  downstreamEnd: 'none' | 'held' | 'told';
  /** True exactly when the client has sent a byte that the leg still holds. */
  hasSpoken: boolean;
  /** True exactly when the chart was told that the client has spoken. */
  isPrefaceTold: boolean;
  upstream: 'absent' | 'opening' | 'alive' | 'silent' | 'failed' | 'released';
  isResolved: boolean;
  /** True exactly when the upstream is reached and TLS with it is being agreed on. */
  isSecuring: boolean;
  hasUpstreamEnded: boolean;
  isSlotHeld: boolean;
  releases: number;
  /** The PROXY header that comes first: not looked for yet, being looked for, or dealt with. */
  header: 'unread' | 'underway' | 'read';
  /** Who the client is: nobody asked, asked, or known. */
  identity: 'unasked' | 'asked' | 'known';
  isPeeking: boolean;
  /** TLS with the client: none (yet, or not any more of interest), wanted, being agreed on, or done. */
  handshake: 'none' | 'chosen' | 'underway' | 'done';
  /** What the sniffer has answered. */
  sniffed: 'nothing' | 'routed' | 'failed';
  /** Who it was routed to. */
  serves: 'nothing' | Serves;
  /** Whose deadlines are in force. */
  inForce: InForce;
  /** The HTTP service: has the stream, was asked to end, has handed everything over. */
  service: 'none' | 'open' | 'ended' | 'flushed';
  /** True exactly when an exchange is live. Its own chart's deadlines end it, and then the service says so. */
  isExchangeLive: boolean;
  /** True exactly when the service knows that no request may follow. */
  isLastExchange: boolean;
  /** True exactly when the proxy was drained while an exchange was live. */
  isDraining: boolean;
  isServerFirstDue: boolean;
  isServerFirstAsked: boolean;
  isAnswerable: boolean;
  keepsHalfOpen: boolean;
  /** True exactly when the connection has a place in a queue, of its route or of the endpoints. */
  isInQueue: boolean;
  attempts: number;
  isSplicing: boolean;
  hasEndedUpstream: boolean;
  hasEndedDownstream: boolean;
  isDownstreamDiscarded: boolean;
  isUpstreamDiscarded: boolean;
  isRefusing: boolean;
  /** True exactly when the first cause is one that the client is told in its own protocol. */
  mustRefuse: boolean;
  /** True exactly when the first cause lets HTTP send what it has written. */
  mustFinish: boolean;
  /** `splice.flushed` or `refusal.skipped` was told: there is nothing left to wait for. */
  isOver: boolean;
  quietMs: number;
  /** The silence at the last ping. */
  pingedMs: number;
  ageMs: number;
  firstCause: CloseReason | null;
}

export const initialEnvironment: Environment = {
  admission: 'pending',
  downstream: 'alive',
  downstreamEnd: 'none',
  hasSpoken: false,
  isPrefaceTold: false,
  upstream: 'absent',
  isResolved: false,
  isSecuring: false,
  hasUpstreamEnded: false,
  isSlotHeld: true,
  releases: 0,
  header: 'unread',
  identity: 'unasked',
  isPeeking: false,
  handshake: 'none',
  sniffed: 'nothing',
  serves: 'nothing',
  inForce: 'listener',
  service: 'none',
  isExchangeLive: false,
  isLastExchange: false,
  isDraining: false,
  isServerFirstDue: false,
  isServerFirstAsked: false,
  isAnswerable: false,
  keepsHalfOpen: false,
  isInQueue: false,
  attempts: 0,
  isSplicing: false,
  hasEndedUpstream: false,
  hasEndedDownstream: false,
  isDownstreamDiscarded: false,
  isUpstreamDiscarded: false,
  isRefusing: false,
  mustRefuse: false,
  mustFinish: false,
  isOver: false,
  quietMs: 0,
  pingedMs: 0,
  ageMs: 0,
  firstCause: null,
};

/** True exactly when the operating system still has that leg. */
export function isLive(leg: Environment['downstream'] | Environment['upstream']): boolean {
  return leg === 'alive' || leg === 'silent';
}

/** True exactly when nothing of that side is left in the operating system. */
export function isGone(environment: Environment, side: Side): boolean {
  return environment[side] === 'failed' || environment[side] === 'released';
}

/** How a first cause ends a connection: at once, through a refusal, or after what HTTP has written. */
export type Manner = 'cut' | 'refuse' | 'finish';

/** Only the first counts. */
export function cause(world: Environment, reason: CloseReason, manner: Manner = 'cut'): void {
  if (world.firstCause !== null) return;
  world.firstCause = reason;
  world.mustRefuse = manner === 'refuse';
  world.mustFinish = manner === 'finish';
}

/** Null when it fits; otherwise what is wrong. */
export function unless(isFitting: boolean, complaint: string): string | null {
  return isFitting ? null : complaint;
}
