/**
 * What the world around a connection can tell its chart: truthfully, too late, or as a liar.
 *
 * Read first: `chart-environment.ts`.
 */
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import { agesMs, quietMs, type Configuration } from './chart-configurations.ts';
import { isLive, type Environment, type Side } from './chart-environment.ts';

/** True exactly when the splice owes `splice.flushed` in this very tick: both directions have nobody left to take them. */
export function owesFlushed({ isSplicing, isDownstreamDiscarded, isUpstreamDiscarded, isOver }: Environment): boolean {
  return isSplicing && isDownstreamDiscarded && isUpstreamDiscarded && !isOver;
}

/** Every fact that the world can truthfully tell now. */
export function truthfulFacts(environment: Environment, configuration: Configuration): readonly ConnectionFact[] {
  if (environment.releases > 0) return [];
  return [
    ...admissionFacts(environment),
    ...sniffFacts(environment, configuration),
    ...dialFacts(environment),
    ...endFacts(environment),
    ...failureFacts(environment),
    ...flushFacts(environment),
    { type: 'drain.requested' },
    { type: 'kill.requested', reason: 'operator.killed' },
  ];
}

function admissionFacts({ admission }: Environment): readonly ConnectionFact[] {
  return admission === 'pending'
    ? [{ type: 'admission.granted' }, { type: 'admission.refused', reason: 'refused.address' }]
    : [];
}

function sniffFacts(
  environment: Environment,
  { routeTimeouts, attemptsMax }: Configuration,
): readonly ConnectionFact[] {
  if (!environment.isPeeking || environment.sniffed !== 'nothing' || environment.downstream === 'failed') return [];
  const truths = [false, true];
  return [
    ...truths.flatMap((answerable) =>
      truths.map(
        (keepHalfOpen) =>
          ({ type: 'sniff.routed', timeouts: routeTimeouts, attemptsMax, keepHalfOpen, answerable }) as const,
      ),
    ),
    ...truths.map((answerable) => ({ type: 'sniff.failed', reason: 'refused.route', answerable }) as const),
    ...truths.map((answerable) => ({ type: 'preface.received', answerable }) as const),
  ];
}

function dialFacts({ upstream, isResolved }: Environment): readonly ConnectionFact[] {
  if (upstream !== 'opening') return [];
  return [
    ...(isResolved ? [] : [{ type: 'dial.resolved' } as const]),
    { type: 'dial.succeeded', ageMs: agesMs['dial.succeeded'] },
    { type: 'dial.failed', reason: 'upstream.refused', retryable: true },
    { type: 'dial.failed', reason: 'upstream.unreachable', retryable: false },
  ];
}

function endFacts(environment: Environment): readonly ConnectionFact[] {
  const { downstream, downstreamEnd, hasSpoken, isSplicing, isRefusing, upstream, hasUpstreamEnded } = environment;
  const facts: ConnectionFact[] = [];
  if (downstream === 'alive') {
    const isTaken = isSplicing || isRefusing;
    const ended = (heldBytes: number) =>
      ({ type: 'downstream.ended', heldBytes, ageMs: agesMs['downstream.ended'] }) as const;
    if (isTaken && downstreamEnd !== 'told' && !environment.isDownstreamDiscarded) facts.push(ended(0));
    if (!isTaken && downstreamEnd === 'none') facts.push(ended(5), ...(hasSpoken ? [] : [ended(0)]));
  }
  if (upstream === 'alive' && isSplicing && !hasUpstreamEnded && !environment.isUpstreamDiscarded) {
    facts.push({ type: 'upstream.ended', ageMs: agesMs['upstream.ended'] });
  }
  return facts;
}

function failureFacts({ downstream, upstream, isSplicing }: Environment): readonly ConnectionFact[] {
  return [
    ...(isLive(downstream) ? [{ type: 'downstream.failed', reason: 'downstream.reset' } as const] : []),
    ...(isLive(upstream) && isSplicing ? [{ type: 'upstream.failed', reason: 'upstream.reset' } as const] : []),
  ];
}

function flushFacts(environment: Environment): readonly ConnectionFact[] {
  const { isSplicing, isRefusing, isOver, downstream, downstreamEnd } = environment;
  if (isOver) return [];
  const isUp =
    environment.isDownstreamDiscarded ||
    (downstreamEnd === 'told' && environment.hasEndedUpstream && isLive(environment.upstream));
  const isDown =
    environment.isUpstreamDiscarded ||
    (environment.hasUpstreamEnded && environment.hasEndedDownstream && isLive(downstream));
  return [
    ...(isSplicing && isUp && isDown ? [{ type: 'splice.flushed' } as const] : []),
    ...(isRefusing && downstreamEnd === 'told' ? [{ type: 'splice.flushed' } as const] : []),
    ...(isRefusing ? [{ type: 'refusal.skipped' } as const] : []),
  ];
}

/** Words that arrive too late or for nobody: told by an observable that should have been let go of. They must change nothing. */
export function staleFacts(environment: Environment, { listenerTimeouts }: Configuration): readonly ConnectionFact[] {
  const isClosed = environment.releases > 0;
  const unless = (isTimely: boolean, ...facts: readonly ConnectionFact[]) => (isTimely && !isClosed ? [] : facts);
  const { upstream, isPeeking, isSplicing, isRefusing } = environment;
  return [
    ...unless(
      environment.admission === 'pending',
      { type: 'admission.granted' },
      { type: 'admission.refused', reason: 'refused.rate' },
    ),
    ...unless(
      isPeeking,
      { type: 'preface.received', answerable: !environment.isAnswerable },
      { type: 'sniff.routed', timeouts: listenerTimeouts, attemptsMax: 9, keepHalfOpen: true, answerable: true },
      { type: 'sniff.failed', reason: 'refused.protocol', answerable: true },
    ),
    ...unless(
      upstream === 'opening',
      { type: 'dial.resolved' },
      { type: 'dial.succeeded', ageMs: 77 },
      { type: 'dial.failed', reason: 'upstream.refused', retryable: true },
      { type: 'dial.failed', reason: 'upstream.unreachable', retryable: false },
    ),
    ...unless(
      isSplicing,
      { type: 'upstream.ended', ageMs: 77 },
      { type: 'upstream.failed', reason: 'upstream.malformed' },
      { type: 'bytes.flowed', quietMs: 77 },
    ),
    ...unless(isSplicing || isRefusing, { type: 'splice.flushed' }),
    ...unless(isRefusing, { type: 'refusal.skipped' }),
    ...unless(!isClosed, ...lateFacts),
  ];
}

const lateFacts: readonly ConnectionFact[] = [
  { type: 'downstream.ended', heldBytes: 0, ageMs: 77 },
  { type: 'downstream.ended', heldBytes: 5, ageMs: 77 },
  { type: 'downstream.failed', reason: 'downstream.malformed' },
  { type: 'drain.requested' },
  { type: 'kill.requested', reason: 'operator.drained' },
];

/** Everything a liar can say, in every variant, whatever the world is like. */
export function everyFact({ listenerTimeouts, routeTimeouts, attemptsMax }: Configuration): readonly ConnectionFact[] {
  return [
    { type: 'admission.granted' },
    { type: 'admission.refused', reason: 'refused.address' },
    { type: 'preface.received', answerable: true },
    { type: 'preface.received', answerable: false },
    { type: 'sniff.routed', timeouts: routeTimeouts, attemptsMax, keepHalfOpen: false, answerable: false },
    { type: 'sniff.routed', timeouts: listenerTimeouts, attemptsMax, keepHalfOpen: true, answerable: true },
    { type: 'sniff.failed', reason: 'refused.route', answerable: true },
    { type: 'sniff.failed', reason: 'route.blocked', answerable: false },
    { type: 'dial.resolved' },
    { type: 'dial.succeeded', ageMs: agesMs['dial.succeeded'] },
    { type: 'dial.failed', reason: 'upstream.refused', retryable: true },
    { type: 'dial.failed', reason: 'upstream.unreachable', retryable: false },
    { type: 'downstream.ended', heldBytes: 0, ageMs: agesMs['downstream.ended'] },
    { type: 'downstream.ended', heldBytes: 5, ageMs: agesMs['downstream.ended'] },
    { type: 'upstream.ended', ageMs: agesMs['upstream.ended'] },
    { type: 'downstream.failed', reason: 'downstream.reset' },
    { type: 'upstream.failed', reason: 'upstream.reset' },
    { type: 'splice.flushed' },
    { type: 'refusal.skipped' },
    { type: 'bytes.flowed', quietMs },
    { type: 'drain.requested' },
    { type: 'kill.requested', reason: 'operator.killed' },
  ];
}

/** Legs that can die without a word now. */
export function silentDeaths(
  { downstream, upstream, isSplicing }: Environment,
  { hasSilentDeaths }: Configuration,
): readonly Side[] {
  if (!hasSilentDeaths) return [];
  return [
    ...(downstream === 'alive' ? (['downstream'] as const) : []),
    ...(upstream === 'alive' && isSplicing ? (['upstream'] as const) : []),
  ];
}

/** What a look at the legs tells. */
export function deathNotices({ downstream, upstream }: Environment): readonly ConnectionFact[] {
  return [
    ...(downstream === 'silent' ? [{ type: 'downstream.failed', reason: 'downstream.reset' } as const] : []),
    ...(upstream === 'silent' ? [{ type: 'upstream.failed', reason: 'upstream.reset' } as const] : []),
  ];
}
