/**
 * A model of the world around one exchange: the client's side, the routes, the pool, the dialer, the upstream.
 *
 * It knows what really happened, carries out the chart's commands, notes every command that does not fit, and remembers
 * the first cause of the end on its own, so that a walk can hold the chart against it. It never reads the chart.
 * What the world can tell is in `exchange-facts.ts`.
 */
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import type { ExchangeCommand } from '../../src/machines/exchange/commands.ts';
import type { ExchangeFact } from '../../src/machines/exchange/events.ts';

/** Flat, so that copying is a spread and the key of a place is its values in order. */
export interface ExchangeWorld {
  client: 'present' | 'failed' | 'released';
  request: 'head' | 'body' | 'over' | 'failed';
  /** True exactly while the client keeps its body back until somebody says 100, or it is tired of waiting. */
  isHoldingBack: boolean;
  routing: 'none' | 'pending' | 'routed' | 'answered';
  claim: 'none' | 'pending';
  place: 'none' | 'granted' | 'dialling';
  upstream: 'none' | 'lent' | 'failed' | 'released';
  isSent: boolean;
  /** True exactly when the next claim is for the same attempt again. */
  isRetrying: boolean;
  isInformed: boolean;
  response: 'none' | 'begun' | 'ended';
  upgrade: 'none' | 'accepted' | 'handedOver' | 'tunnel';
  hasClientEnded: boolean;
  hasUpstreamEnded: boolean;
  hasEndedUpstream: boolean;
  hasEndedDownstream: boolean;
  /** Who takes nothing, as told since the last byte. */
  blocked: 'nobody' | 'upstream' | 'client';
  isDiscarding: boolean;
  answer: 'none' | 'asked' | 'written';
  attempts: number;
  retries: number;
  dials: number;
  sends: number;
  releases: number;
  quietMs: number;
  firstCause: CloseReason | null;
  /** True exactly when the first cause is one that the client is told by an answer of ours. */
  mustAnswer: boolean;
}

export const initialWorld: ExchangeWorld = {
  client: 'present',
  request: 'head',
  isHoldingBack: false,
  routing: 'none',
  claim: 'none',
  place: 'none',
  upstream: 'none',
  isSent: false,
  isRetrying: false,
  isInformed: false,
  response: 'none',
  upgrade: 'none',
  hasClientEnded: false,
  hasUpstreamEnded: false,
  hasEndedUpstream: false,
  hasEndedDownstream: false,
  blocked: 'nobody',
  isDiscarding: false,
  answer: 'none',
  attempts: 0,
  retries: 0,
  dials: 0,
  sends: 0,
  releases: 0,
  quietMs: 0,
  firstCause: null,
  mustAnswer: false,
};

/** True exactly when the client has seen nothing of a final answer, so that it can be given ours. */
export function isAnswerable({ response, upgrade }: ExchangeWorld): boolean {
  return response === 'none' && upgrade === 'none';
}

/** The world changes first; then the chart is told. */
export function happen(world: ExchangeWorld, fact: ExchangeFact, attemptsMax: number): void {
  const it = world;
  if (it.releases > 0) return;
  switch (fact.type) {
    case 'head.received':
      it.request = fact.hasBody ? 'body' : 'over';
      it.isHoldingBack = fact.hasBody && fact.expectsContinue;
      return;
    case 'request.continued':
      it.isHoldingBack = false;
      if (it.response === 'none') moved(it);
      return;
    case 'request.ended':
      return requestEnded(it);
    case 'request.failed':
      it.request = 'failed';
      return cause(it, fact.reason);
    case 'exchange.routed':
      it.routing = 'routed';
      return;
    case 'exchange.answered':
      it.routing = 'answered';
      return cause(it, fact.reason);
    case 'place.granted':
      it.claim = 'none';
      it.place = 'granted';
      return;
    case 'upstream.acquired':
      it.claim = 'none';
      it.place = 'none';
      it.upstream = 'lent';
      return moved(it);
    case 'dial.failed':
      return dialFailed(it, fact.reason, fact.retryable && it.attempts < attemptsMax);
    case 'downstream.failed':
      it.client = 'failed';
      return cause(it, fact.reason, false);
    case 'kill.requested':
      return cause(it, fact.reason, false);
    case 'answer.written':
      it.answer = 'written';
      return;
    default:
      return happenUpstream(it, fact);
  }
}

/** What comes from the upstream, and what is told because a deadline is due. */
function happenUpstream(world: ExchangeWorld, fact: ExchangeFact): void {
  const it = world;
  switch (fact.type) {
    case 'response.informed':
      it.isInformed = true;
      if (it.request === 'over' || it.isHoldingBack) moved(it);
      if (fact.isContinue) it.isHoldingBack = false;
      return;
    case 'response.began':
      it.response = 'begun';
      return forgetTheBeginning(it);
    case 'response.ended':
      return responseEnded(it);
    case 'upgrade.accepted':
      if (it.request === 'over') it.upgrade = 'accepted';
      if (it.request !== 'over') cause(it, 'upstream.malformed');
      else if (fact.isHandedOver) cause(it, 'completed', false);
      return forgetTheBeginning(it);
    case 'upstream.failed':
      return upstreamFailed(it, fact.reason, fact.retryable);
    case 'bytes.flowed':
      if (it.upstream !== 'lent') return;
      it.blocked = 'nobody';
      it.quietMs = fact.quietMs;
      return;
    case 'upstream.blocked':
      if (it.response === 'none') block(it, 'upstream');
      return;
    case 'downstream.blocked':
      return block(it, 'client');
    default:
  }
}

/** Whose turn it is has changed, and the silence is counted anew. */
function moved(world: ExchangeWorld): void {
  const it = world;
  it.quietMs = 0;
  it.blocked = 'nobody';
}

/** What nothing depends on any more once there is an answer. */
function forgetTheBeginning(world: ExchangeWorld): void {
  const it = world;
  it.isHoldingBack = false;
  it.dials = 0;
  moved(it);
}

function block(world: ExchangeWorld, who: 'upstream' | 'client'): void {
  const it = world;
  it.quietMs = 0;
  it.blocked = who;
}

function requestEnded(world: ExchangeWorld): void {
  const it = world;
  moved(it);
  if (it.upgrade !== 'tunnel') {
    it.request = 'over';
    it.isHoldingBack = false;
    return;
  }
  it.hasClientEnded = true;
  if (it.hasUpstreamEnded) cause(it, 'completed', false);
}

function responseEnded(world: ExchangeWorld): void {
  const it = world;
  moved(it);
  if (it.upgrade !== 'tunnel') {
    it.response = 'ended';
    return cause(it, 'completed', false);
  }
  it.hasUpstreamEnded = true;
  if (it.hasClientEnded) cause(it, 'completed', false);
}

function dialFailed(world: ExchangeWorld, reason: CloseReason, mayTryAgain: boolean): void {
  const it = world;
  const wasDialling = it.place === 'dialling';
  it.claim = 'none';
  it.place = 'none';
  if (!wasDialling || !mayTryAgain) cause(it, reason);
}

function upstreamFailed(world: ExchangeWorld, reason: CloseReason, isRetryable: boolean): void {
  const it = world;
  it.upstream = 'failed';
  moved(it);
  const mayRetry = isRetryable && isAnswerable(it) && !it.isInformed && it.retries === 0 && it.firstCause === null;
  if (!mayRetry) return cause(it, reason);
  it.retries += 1;
  it.isRetrying = true;
}

/** @param canAnswer false: an end that is not answered, whoever could still read it. */
function cause(world: ExchangeWorld, reason: CloseReason, canAnswer = true): void {
  const it = world;
  if (it.firstCause !== null) return;
  it.firstCause = reason;
  it.mustAnswer = canAnswer && isAnswerable(it);
}

/** Deadlines that a byte puts off. The others are absolute. */
export function isPutOffByBytes(name: string): boolean {
  return name === 'requestBody' || name === 'response' || name === 'halfClosed' || name === 'idle';
}

/** A deadline is due and everything that had to be told before it has been told. */
export function deadlinePasses(
  world: ExchangeWorld,
  name: string,
  told: readonly ExchangeFact[],
  { attemptsMax, isIdleInfinite }: { readonly attemptsMax: number; readonly isIdleInfinite: boolean },
): void {
  const has = (type: ExchangeFact['type']) => told.some((fact) => fact.type === type);
  if (isPutOffByBytes(name) && has('bytes.flowed')) return;
  switch (name) {
    case 'requestHead':
    case 'sniff':
    case 'queue':
    case 'dialBudget':
      return cause(world, `timeout.${name}`);
    case 'dial':
      if (world.attempts >= attemptsMax) cause(world, 'timeout.dial');
      return;
    case 'requestBody':
      if (!has('upstream.blocked')) cause(world, 'timeout.requestBody');
      return;
    case 'response':
      if (!has('downstream.blocked')) cause(world, 'timeout.response');
      return;
    case 'halfClosed':
      return cause(world, 'timeout.halfClosed');
    case 'idle':
      if (!isIdleInfinite) cause(world, 'timeout.idle');
      return;
    default:
  }
}

/** Carries a command out, whatever it is. Answers what is wrong with it, or null. */
export function carryOut(world: ExchangeWorld, command: ExchangeCommand, attemptsMax: number): string | null {
  const complaint = world.releases > 0 ? `${command.type} after release` : complaintOf(world, command, attemptsMax);
  obey(world, command);
  return complaint;
}

function complaintOf(it: ExchangeWorld, command: ExchangeCommand, attemptsMax: number): string | null {
  const { upstream, upgrade } = it;
  switch (command.type) {
    case 'route':
      return unless(it.request !== 'head' && it.routing === 'none', 'route out of turn');
    case 'claim':
      return complaintOfClaim(it, command, attemptsMax);
    case 'dial':
      return unless(it.place === 'granted' && command.attempt === it.attempts, 'dial without a place');
    case 'send':
      return unless(it.routing === 'routed' && upstream !== 'none' && !it.isSent, 'send out of turn');
    case 'discardRequest':
      return unless(it.response === 'ended', 'discardRequest out of turn');
    case 'answer':
      return unless(it.mustAnswer && command.reason === it.firstCause && it.answer === 'none', 'answer out of turn');
    case 'handOver':
    case 'openTunnel':
      return unless(upgrade === 'accepted' && upstream !== 'none', `${command.type} without an acceptance`);
    case 'endUpstream':
      return unless(upgrade === 'tunnel' && it.hasClientEnded && !it.hasEndedUpstream, 'endUpstream before its time');
    case 'endDownstream':
      return unless(upgrade === 'tunnel' && it.hasUpstreamEnded && !it.hasEndedDownstream, 'endDownstream too early');
    case 'release':
      return unless(command.reason === it.firstCause, `release for another reason than ${String(it.firstCause)}`);
    default:
      return null;
  }
}

function complaintOfClaim(
  it: ExchangeWorld,
  { attempt, isFresh }: { readonly attempt: number; readonly isFresh: boolean },
  attemptsMax: number,
): string | null {
  if (it.routing !== 'routed' || it.claim !== 'none' || it.place !== 'none' || it.upstream !== 'none') {
    return 'claim out of turn';
  }
  if (attempt !== it.attempts + (it.isRetrying ? 0 : 1) || attempt > attemptsMax) return `claim ${attempt}`;
  return unless(isFresh === it.retries > 0, 'a claim for the wrong kind of connection');
}

function unless(isFitting: boolean, complaint: string): string | null {
  return isFitting ? null : complaint;
}

function obey(world: ExchangeWorld, command: ExchangeCommand): void {
  const it = world;
  switch (command.type) {
    case 'route':
      it.routing = 'pending';
      return;
    case 'stopRouting':
      if (it.routing === 'pending') it.routing = 'none';
      return;
    case 'claim':
      it.claim = 'pending';
      it.attempts = command.attempt;
      it.isRetrying = false;
      return;
    case 'stopClaiming':
      it.claim = 'none';
      return;
    case 'dial':
      it.place = 'dialling';
      it.dials += 1;
      return;
    case 'cancelDial':
      if (it.place === 'dialling') it.place = 'none';
      return;
    case 'send':
      it.isSent = true;
      it.sends += 1;
      return;
    case 'abandonUpstream':
      it.upstream = 'none';
      it.place = 'none';
      it.isSent = false;
      return;
    case 'discardRequest':
      it.isDiscarding = true;
      return;
    case 'answer':
      it.answer = 'asked';
      return;
    default:
      return obeyEnd(it, command.type);
  }
}

function obeyEnd(world: ExchangeWorld, type: ExchangeCommand['type']): void {
  const it = world;
  switch (type) {
    case 'handOver':
      it.upgrade = 'handedOver';
      it.upstream = 'released';
      return;
    case 'openTunnel':
      it.upgrade = 'tunnel';
      return moved(it);
    case 'endUpstream':
      it.hasEndedUpstream = true;
      return;
    case 'endDownstream':
      it.hasEndedDownstream = true;
      return;
    case 'release':
      it.releases += 1;
      it.client = 'released';
      it.upstream = 'released';
      if (it.place === 'granted') it.place = 'none';
      return;
    default:
  }
}
