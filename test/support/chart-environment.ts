/**
 * A model of the world around one connection: two legs, a slot, a sniffer, a dialer, a splice.
 *
 * It knows what really happened, carries out the chart's commands, notes every command that does not fit, and remembers
 * the first cause of the end on its own, so that a walk can hold the chart against it. It never reads the chart. What the world can tell is in `chart-facts.ts`.
 */
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import type { ConnectionCommand } from '../../src/machines/connection/commands.ts';
import type { DelayName } from '../../src/machines/connection/delays.ts';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import type { Configuration } from './chart-configurations.ts';

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
  hasUpstreamEnded: boolean;
  isSlotHeld: boolean;
  releases: number;
  isPeeking: boolean;
  /** What the sniffer has answered. */
  sniffed: 'nothing' | 'routed' | 'failed';
  isServerFirstDue: boolean;
  isServerFirstAsked: boolean;
  isAnswerable: boolean;
  keepsHalfOpen: boolean;
  attempts: number;
  isSplicing: boolean;
  hasEndedUpstream: boolean;
  hasEndedDownstream: boolean;
  isDownstreamDiscarded: boolean;
  isUpstreamDiscarded: boolean;
  isRefusing: boolean;
  /** True exactly when the first cause is one that the client is told in its own protocol. */
  mustRefuse: boolean;
  /** `splice.flushed` or `refusal.skipped` was told: there is nothing left to wait for. */
  isOver: boolean;
  quietMs: number;
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
  hasUpstreamEnded: false,
  isSlotHeld: true,
  releases: 0,
  isPeeking: false,
  sniffed: 'nothing',
  isServerFirstDue: false,
  isServerFirstAsked: false,
  isAnswerable: false,
  keepsHalfOpen: false,
  attempts: 0,
  isSplicing: false,
  hasEndedUpstream: false,
  hasEndedDownstream: false,
  isDownstreamDiscarded: false,
  isUpstreamDiscarded: false,
  isRefusing: false,
  mustRefuse: false,
  isOver: false,
  quietMs: 0,
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

/** The world changes first; then the chart is told. */
export function happen(environment: Environment, fact: ConnectionFact, { attemptsMax }: Configuration): void {
  const world = environment;
  if (world.releases > 0) return;
  switch (fact.type) {
    case 'admission.granted':
      world.admission = 'granted';
      return;
    case 'admission.refused':
      world.admission = 'refused';
      return cause(world, fact.reason);
    case 'preface.received':
      world.hasSpoken = true;
      world.isPrefaceTold = true;
      world.isAnswerable = fact.answerable;
      return;
    case 'sniff.routed':
      world.sniffed = 'routed';
      world.isAnswerable = fact.answerable;
      world.keepsHalfOpen = fact.keepHalfOpen;
      return;
    case 'sniff.failed':
      world.sniffed = 'failed';
      return cause(world, fact.reason, fact.answerable);
    case 'dial.resolved':
      world.isResolved = true;
      return;
    case 'dial.succeeded':
      world.upstream = 'alive';
      world.ageMs = fact.ageMs;
      return;
    case 'dial.failed':
      world.upstream = 'absent';
      if (!fact.retryable || world.attempts >= attemptsMax) cause(world, fact.reason, world.isAnswerable);
      return;
    case 'downstream.ended':
      return clientEnded(world, fact.heldBytes, fact.ageMs);
    case 'upstream.ended':
      if (world.downstreamEnd !== 'told') world.ageMs = fact.ageMs;
      world.hasUpstreamEnded = true;
      world.quietMs = 0;
      return;
    case 'downstream.failed':
      world.downstream = 'failed';
      world.quietMs = 0;
      return cause(world, fact.reason);
    case 'upstream.failed':
      world.upstream = 'failed';
      world.quietMs = 0;
      return cause(world, fact.reason);
    case 'splice.flushed':
      world.isOver = true;
      if (world.isSplicing) cause(world, 'completed');
      return;
    case 'refusal.skipped':
      world.isOver = true;
      return;
    case 'bytes.flowed':
      if (world.isSplicing) world.quietMs = fact.quietMs;
      return;
    case 'kill.requested':
      return cause(world, fact.reason);
    case 'drain.requested':
  }
}

function clientEnded(world: Environment, heldBytes: number, ageMs: number): void {
  if (world.isRefusing) {
    world.downstreamEnd = 'told';
    return;
  }
  if (world.isSplicing) {
    if (!world.hasUpstreamEnded) world.ageMs = ageMs;
    world.downstreamEnd = 'told';
    world.quietMs = 0;
    return;
  }
  world.hasSpoken ||= heldBytes > 0;
  world.downstreamEnd = heldBytes > 0 ? 'held' : 'told';
  if (heldBytes === 0 && !(world.sniffed === 'routed' && world.keepsHalfOpen)) cause(world, 'downstream.left');
}

/** Deadlines that a byte puts off. The others are absolute. */
export function isPutOffByBytes(name: DelayName): boolean {
  return name === 'idling' || name === 'idle' || name === 'halfClosed' || name === 'flush';
}

/** A deadline is due and everything that had to be told before it has been told. */
export function deadlinePasses(
  world: Environment,
  name: DelayName,
  hasActivity: boolean,
  { attemptsMax }: Configuration,
): void {
  switch (name) {
    case 'serverFirst':
      world.isServerFirstDue = true;
      return;
    case 'backoff':
    case 'idling':
      return;
    case 'linger':
      world.isOver = true;
      return;
    case 'sniff':
    case 'dialBudget':
      return cause(world, `timeout.${name}`, world.isAnswerable);
    case 'dial':
      if (world.attempts >= attemptsMax) cause(world, 'timeout.dial', world.isAnswerable);
      return;
    case 'admission':
    case 'halfClosedMax':
    case 'lifetime':
      return cause(world, `timeout.${name}`);
    case 'idle':
    case 'halfClosed':
    case 'flush':
      if (!hasActivity) cause(world, `timeout.${name}`);
  }
}

function cause(world: Environment, reason: CloseReason, isRefusal = false): void {
  if (world.firstCause !== null) return;
  world.firstCause = reason;
  world.mustRefuse = isRefusal;
}

/** Carries a command out, whatever it is. Answers what is wrong with it, or null. */
export function carryOut(world: Environment, command: ConnectionCommand, configuration: Configuration): string | null {
  const complaint = world.releases > 0 ? `${command.type} after release` : complaintOf(world, command, configuration);
  obey(world, command);
  return complaint;
}

function complaintOf(world: Environment, command: ConnectionCommand, { attemptsMax }: Configuration): string | null {
  switch (command.type) {
    case 'peek':
      return unless(
        world.admission === 'granted' && !world.isPeeking && world.sniffed === 'nothing',
        'peek out of turn',
      );
    case 'stopPeeking':
      return unless(world.isPeeking, 'stopPeeking without a peek');
    case 'routeServerFirst':
      return unless(world.isPeeking && !world.isPrefaceTold && world.isServerFirstDue, 'routeServerFirst out of turn');
    case 'dial':
      if (world.sniffed !== 'routed' || world.upstream !== 'absent') return 'dial out of turn';
      if (command.attempt !== world.attempts + 1 || command.attempt > attemptsMax) return `dial ${command.attempt}`;
      return unless(world.firstCause === null, `dial after ${String(world.firstCause)}`);
    case 'refuse':
      if (!world.mustRefuse || world.isRefusing || world.isSplicing) return 'refuse although nothing is to be said';
      return unless(command.reason === world.firstCause, `refuse for another reason than ${String(world.firstCause)}`);
    case 'release':
      return unless(command.reason === world.firstCause, `release for another reason than ${String(world.firstCause)}`);
    case 'cancelDial':
      return null;
    default:
      return complaintOfJoined(world, command.type);
  }
}

/** The commands of a tunnel. */
function complaintOfJoined(world: Environment, type: ConnectionCommand['type']): string | null {
  const { isSplicing, downstreamEnd, hasUpstreamEnded, hasEndedUpstream, hasEndedDownstream } = world;
  switch (type) {
    case 'splice':
      return unless(isLive(world.upstream) && !isSplicing && !world.isRefusing, 'splice without two legs');
    case 'endUpstream':
      return unless(isSplicing && downstreamEnd === 'told' && !hasEndedUpstream, 'endUpstream before its time');
    case 'endDownstream':
      return unless(isSplicing && hasUpstreamEnded && !hasEndedDownstream, 'endDownstream before its time');
    case 'discardDownstream':
      return unless(isSplicing && world.upstream === 'failed', 'discardDownstream although its peer lives');
    case 'discardUpstream':
      return unless(isSplicing && world.downstream === 'failed', 'discardUpstream although its peer lives');
    default:
      return unless(isSplicing, `${type} without a tunnel`);
  }
}

function unless(isFitting: boolean, complaint: string): string | null {
  return isFitting ? null : complaint;
}

function obey(world: Environment, command: ConnectionCommand): void {
  switch (command.type) {
    case 'peek':
      world.isPeeking = true;
      return;
    case 'stopPeeking':
      world.isPeeking = false;
      return;
    case 'routeServerFirst':
      world.isServerFirstAsked = true;
      return;
    case 'dial':
      world.attempts = command.attempt;
      world.upstream = 'opening';
      world.isResolved = false;
      return;
    case 'cancelDial':
      if (world.upstream === 'opening') world.upstream = 'absent';
      return;
    case 'splice':
      world.isSplicing = true;
      world.quietMs = 0;
      if (world.downstreamEnd === 'told') world.downstreamEnd = 'held';
      return forgetTheBeginning(world);
    case 'endUpstream':
      world.hasEndedUpstream = true;
      return;
    case 'endDownstream':
      world.hasEndedDownstream = true;
      return;
    case 'discardDownstream':
      world.isDownstreamDiscarded = true;
      return;
    case 'discardUpstream':
      world.isUpstreamDiscarded = true;
      return;
    case 'refuse':
      world.isRefusing = true;
      return;
    case 'release':
      return letGo(world);
    case 'checkLegs':
    case 'warnIdling':
  }
}

/** What no fact, command or deadline of a joined connection depends on any more. */
function forgetTheBeginning(world: Environment): void {
  world.hasSpoken = false;
  world.isPrefaceTold = false;
  world.isResolved = false;
  world.isServerFirstDue = false;
  world.isServerFirstAsked = false;
}

/** Lets go of what release is there for. A peek and a pending dial are not: they end with their own states. */
function letGo(world: Environment): void {
  world.releases += 1;
  world.isSlotHeld = false;
  world.downstream = 'released';
  if (world.upstream !== 'absent' && world.upstream !== 'opening') world.upstream = 'released';
  world.isSplicing = false;
  world.isRefusing = false;
}
