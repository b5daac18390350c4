/**
 * What the world around a connection can tell its chart: truthfully, too late, or as a liar.
 *
 * Read first: `chart-world.ts`.
 */
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import { agesMs, quietMs, type Configuration } from './chart-configurations.ts';
import { isLive, type Environment, type Side } from './chart-world.ts';

/** True exactly when the splice owes `splice.flushed` in this very tick: both directions have nobody left to take them. */
export function owesFlushed({ isSplicing, isDownstreamDiscarded, isUpstreamDiscarded, isOver }: Environment): boolean {
  return isSplicing && isDownstreamDiscarded && isUpstreamDiscarded && !isOver;
}

/** Every fact that the world can truthfully tell now. */
export function truthfulFacts(environment: Environment, configuration: Configuration): readonly ConnectionFact[] {
  if (environment.releases > 0) return [];
  return [
    ...admissionFacts(environment),
    ...introductionFacts(environment),
    ...sniffFacts(environment, configuration),
    ...dialFacts(environment),
    ...endFacts(environment),
    ...failureFacts(environment),
    ...flushFacts(environment),
    ...serviceFacts(environment, configuration),
    { type: 'drain.requested' },
    { type: 'kill.requested', reason: 'operator.killed' },
  ];
}

function admissionFacts({ admission }: Environment): readonly ConnectionFact[] {
  return admission === 'pending'
    ? [{ type: 'admission.granted' }, { type: 'admission.refused', reason: 'refused.address' }]
    : [];
}

/** What is told before the client's own bytes are looked at. A header may be broken, or of somebody who may not send one. */
function introductionFacts({ header, identity, sniffed, downstream }: Environment): readonly ConnectionFact[] {
  if (sniffed !== 'nothing' || downstream === 'failed') return [];
  const failed = { type: 'sniff.failed', answerable: false } as const;
  if (header === 'underway') return [{ type: 'proxyHeader.read' }, { ...failed, reason: 'downstream.malformed' }];
  return identity === 'asked' ? [{ type: 'client.identified' }, { ...failed, reason: 'refused.rate' }] : [];
}

function sniffFacts(
  environment: Environment,
  { routeTimeouts, attemptsMax }: Configuration,
): readonly ConnectionFact[] {
  if (environment.sniffed !== 'nothing' || environment.downstream === 'failed') return [];
  if (environment.handshake === 'underway') return handshakeFacts;
  if (!environment.isPeeking) return [];
  const truths = [false, true];
  const routed = {
    type: 'sniff.routed',
    ageMs: agesMs['sniff.routed'],
    timeouts: routeTimeouts,
    attemptsMax,
    keepHalfOpen: false,
    answerable: true,
    waits: false,
  } as const;
  return [
    ...truths.flatMap((answerable) =>
      truths.flatMap((keepHalfOpen) =>
        truths.map((waits) => ({ ...routed, serves: 'upstream', keepHalfOpen, answerable, waits }) as const),
      ),
    ),
    { ...routed, serves: 'http' },
    { ...routed, serves: 'handler' },
    ...truths.map((answerable) => ({ type: 'sniff.failed', reason: 'refused.route', answerable }) as const),
    ...truths.map((answerable) => ({ type: 'preface.received', answerable }) as const),
    ...(mayBeHello(environment) ? [{ type: 'tls.chosen' } as const] : []),
  ];
}

/** A client that was asked to be silent, and to whom a banner is due, has sent no hello. */
function mayBeHello({ handshake, isServerFirstAsked, isPrefaceTold }: Environment): boolean {
  return handshake === 'none' && (!isServerFirstAsked || isPrefaceTold);
}

/** There is no certificate for that name; or all went well. A handshake that breaks fails the leg. */
const handshakeFacts: readonly ConnectionFact[] = [
  { type: 'tls.secured' },
  { type: 'sniff.failed', reason: 'refused.route', answerable: true },
  { type: 'sniff.failed', reason: 'handler.failed', answerable: false },
];

function dialFacts({ upstream, isResolved, isSecuring, isInQueue }: Environment): readonly ConnectionFact[] {
  if (isInQueue) return [{ type: 'place.granted' }, { type: 'place.lost', reason: 'refused.capacity' }];
  if (upstream !== 'opening') return [];
  return [
    ...(isResolved || isSecuring ? [] : [{ type: 'dial.postponed' } as const]),
    ...(isResolved ? [] : [{ type: 'dial.resolved' } as const]),
    ...(isSecuring ? [] : [{ type: 'dial.connected' } as const]),
    { type: 'dial.succeeded', ageMs: agesMs['dial.succeeded'] },
    { type: 'dial.failed', reason: 'upstream.refused', retryable: true },
    { type: 'dial.failed', reason: 'upstream.unreachable', retryable: false },
  ];
}

function endFacts(environment: Environment): readonly ConnectionFact[] {
  const { downstream, downstreamEnd, hasSpoken, isSplicing, isRefusing, upstream, hasUpstreamEnded } = environment;
  const facts: ConnectionFact[] = [];
  if (downstream === 'alive') {
    // During a handshake a FIN is a failure.
    if (environment.handshake === 'underway') return facts;
    const isTaken = isSplicing || isRefusing || environment.service !== 'none';
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

function failureFacts({ downstream, upstream, isSplicing, serves }: Environment): readonly ConnectionFact[] {
  const reasons =
    serves === 'handler' ? (['handler.failed', 'handler.completed'] as const) : (['upstream.reset'] as const);
  return [
    ...(isLive(downstream) ? [{ type: 'downstream.failed', reason: 'downstream.reset' } as const] : []),
    ...(isLive(upstream) && isSplicing ? reasons.map((reason) => ({ type: 'upstream.failed', reason }) as const) : []),
  ];
}

/** What the HTTP service can tell, its exchanges' ends among it. */
function serviceFacts(
  { service, isExchangeLive, downstream, downstreamEnd }: Environment,
  { servedTimeouts, tunnelTimeouts, tunnelPingMs: pingMs }: Configuration,
): readonly ConnectionFact[] {
  if (service === 'none' || service === 'flushed') return [];
  const isOpen = service === 'open';
  const finished = { type: 'service.finished', timeouts: servedTimeouts, ageMs: agesMs['service.finished'] } as const;
  const facts: ConnectionFact[] = [{ type: 'service.failed', reason: 'upstream.truncated' }];
  if (isOpen) facts.push({ ...finished, reason: 'completed' }, { ...finished, reason: 'timeout.requestHead' });
  if (isOpen && !isExchangeLive && downstream !== 'failed' && downstreamEnd !== 'told')
    facts.push({ type: 'exchange.opened' });
  if (isExchangeLive)
    facts.push({ type: 'exchange.closed', timeouts: servedTimeouts, ageMs: agesMs['exchange.closed'] });
  if (isOpen && isExchangeLive)
    facts.push({ type: 'connection.upgraded', timeouts: tunnelTimeouts, ageMs: agesMs['connection.upgraded'], pingMs });
  if (!isOpen) facts.push({ type: 'service.flushed' });
  return facts;
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
  const { upstream, header, identity, isPeeking, handshake, isSplicing, isRefusing, service, isExchangeLive } =
    environment;
  const stale = { timeouts: listenerTimeouts, ageMs: 77, answerable: true } as const;
  return [
    ...unless(
      environment.admission === 'pending',
      { type: 'admission.granted' },
      { type: 'admission.refused', reason: 'refused.rate' },
    ),
    ...unless(isPeeking, { type: 'preface.received', answerable: !environment.isAnswerable }),
    ...unless(isPeeking && handshake === 'none', { type: 'tls.chosen' }),
    ...unless(handshake === 'underway', { type: 'tls.secured' }),
    ...unless(header === 'underway', { type: 'proxyHeader.read' }),
    ...unless(identity === 'asked', { type: 'client.identified' }),
    ...unless(
      isPeeking,
      ...(['upstream', 'http', 'handler'] as const).map((serves) => ({ ...routedLate, ...stale, serves })),
      { ...routedLate, ...stale, serves: 'upstream', waits: true },
    ),
    // A peek that is over tells nobody; what comes before it, and a handshake without a certificate, answer as it does.
    ...unless(isPeeking || handshake === 'underway' || header === 'underway' || identity === 'asked', {
      type: 'sniff.failed',
      reason: 'refused.protocol',
      answerable: true,
    }),
    ...unless(environment.isInQueue, { type: 'place.granted' }, { type: 'place.lost', reason: 'refused.rate' }),
    ...unless(upstream === 'opening' && !environment.isResolved && !environment.isSecuring, { type: 'dial.postponed' }),
    ...unless(
      upstream === 'opening',
      { type: 'dial.resolved' },
      { type: 'dial.connected' },
      { type: 'dial.succeeded', ageMs: 77 },
      { type: 'dial.failed', reason: 'upstream.refused', retryable: true },
      { type: 'dial.failed', reason: 'upstream.unreachable', retryable: false },
    ),
    ...unless(
      isSplicing,
      { type: 'upstream.ended', ageMs: 77 },
      { type: 'upstream.failed', reason: 'upstream.malformed' },
    ),
    ...unless(isSplicing || service === 'ended', { type: 'bytes.flowed', quietMs: 77 }),
    ...unless(isSplicing || isRefusing, { type: 'splice.flushed' }),
    ...unless(isRefusing, { type: 'refusal.skipped' }),
    ...unless(service === 'open' && !isExchangeLive, { type: 'exchange.opened' }),
    ...unless(isExchangeLive, { type: 'exchange.closed', ...stale }),
    ...unless(
      service === 'open',
      { type: 'service.finished', reason: 'completed', ...stale },
      { type: 'service.finished', reason: 'downstream.malformed', ...stale },
    ),
    ...unless(service === 'open' || service === 'ended', { type: 'service.failed', reason: 'upstream.malformed' }),
    ...unless(service === 'ended', { type: 'service.flushed' }),
    ...unless(service === 'open' && isExchangeLive, { type: 'connection.upgraded', pingMs: 7, ...stale }),
    ...unless(!isClosed, ...lateFacts),
  ];
}

const routedLate = { type: 'sniff.routed', attemptsMax: 9, keepHalfOpen: true, waits: false } as const;

const lateFacts: readonly ConnectionFact[] = [
  { type: 'downstream.ended', heldBytes: 0, ageMs: 77 },
  { type: 'downstream.ended', heldBytes: 5, ageMs: 77 },
  { type: 'downstream.failed', reason: 'downstream.malformed' },
  { type: 'drain.requested' },
  { type: 'kill.requested', reason: 'operator.drained' },
];

/** Everything a liar can say, in every variant, whatever the world is like. */
export function everyFact(configuration: Configuration): readonly ConnectionFact[] {
  const { listenerTimeouts, routeTimeouts, servedTimeouts, tunnelTimeouts, attemptsMax } = configuration;
  const { tunnelPingMs: pingMs } = configuration;
  const routed = { type: 'sniff.routed', ageMs: agesMs['sniff.routed'], attemptsMax } as const;
  const plain = { ...routed, timeouts: routeTimeouts, keepHalfOpen: false, answerable: false, waits: false } as const;
  const finished = { type: 'service.finished', timeouts: servedTimeouts, ageMs: agesMs['service.finished'] } as const;
  return [
    { type: 'admission.granted' },
    { type: 'admission.refused', reason: 'refused.address' },
    { type: 'proxyHeader.read' },
    { type: 'client.identified' },
    { type: 'preface.received', answerable: true },
    { type: 'preface.received', answerable: false },
    { ...plain, serves: 'upstream' },
    { ...plain, serves: 'upstream', timeouts: listenerTimeouts, keepHalfOpen: true, answerable: true, waits: true },
    { ...plain, serves: 'http' },
    { ...plain, serves: 'handler' },
    { type: 'sniff.failed', reason: 'refused.route', answerable: true },
    { type: 'sniff.failed', reason: 'route.blocked', answerable: false },
    { type: 'tls.chosen' },
    { type: 'tls.secured' },
    { type: 'place.granted' },
    { type: 'place.lost', reason: 'refused.capacity' },
    { type: 'dial.postponed' },
    { type: 'dial.resolved' },
    { type: 'dial.connected' },
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
    { type: 'exchange.opened' },
    { type: 'exchange.closed', timeouts: servedTimeouts, ageMs: agesMs['exchange.closed'] },
    { ...finished, reason: 'completed' },
    { ...finished, reason: 'timeout.requestHead' },
    { type: 'service.failed', reason: 'upstream.truncated' },
    { type: 'service.flushed' },
    { type: 'connection.upgraded', timeouts: tunnelTimeouts, ageMs: agesMs['connection.upgraded'], pingMs },
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
export function deathNotices({ downstream, upstream, serves }: Environment): readonly ConnectionFact[] {
  const reason = serves === 'handler' ? 'handler.failed' : 'upstream.reset';
  return [
    ...(downstream === 'silent' ? [{ type: 'downstream.failed', reason: 'downstream.reset' } as const] : []),
    ...(upstream === 'silent' ? [{ type: 'upstream.failed', reason } as const] : []),
  ];
}
