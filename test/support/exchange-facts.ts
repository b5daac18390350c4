/**
 * What the world around an exchange can tell its chart: truthfully, too late, or as a liar.
 *
 * Read first: `exchange-world.ts`.
 */
import type { ExchangeFact } from '../../src/machines/exchange/events.ts';
import type { ExchangeConfiguration } from './exchange-configurations.ts';
import { isAnswerable, type ExchangeWorld } from './exchange-world.ts';

export const quietMs = 40;
const flowed: ExchangeFact = { type: 'bytes.flowed', quietMs };

/** Every fact that the world can truthfully tell now. */
export function truthfulFacts(world: ExchangeWorld, configuration: ExchangeConfiguration): readonly ExchangeFact[] {
  if (world.releases > 0) return [];
  return [
    ...clientFacts(world),
    ...routeFacts(world, configuration),
    ...poolFacts(world),
    ...upstreamFacts(world),
    ...(world.answer === 'asked' ? [{ type: 'answer.written' } as const] : []),
    { type: 'kill.requested', reason: 'operator.killed' },
  ];
}

function clientFacts({ client, request, ...world }: ExchangeWorld): readonly ExchangeFact[] {
  if (client !== 'present') return [];
  const isHeadWanted = request === 'head' && world.firstCause === null;
  const isTunnelOpen = world.upgrade === 'tunnel' && !world.hasClientEnded;
  const facts: ExchangeFact[] = [{ type: 'downstream.failed', reason: 'downstream.reset' }];
  if (isHeadWanted) facts.push(...heads);
  if (request === 'body' || isTunnelOpen) facts.push({ type: 'request.ended' });
  if (request === 'head' || request === 'body' || isTunnelOpen) {
    facts.push({ type: 'request.failed', reason: 'downstream.malformed' });
  }
  if (request === 'body' && world.isHoldingBack && world.sends > 0) facts.push({ type: 'request.continued' });
  return facts;
}

const heads: readonly ExchangeFact[] = [
  { type: 'head.received', hasBody: false, expectsContinue: false },
  { type: 'head.received', hasBody: true, expectsContinue: false },
  { type: 'head.received', hasBody: true, expectsContinue: true },
];

function routeFacts(
  { routing }: ExchangeWorld,
  { routeTimeouts: timeouts, attemptsMax }: ExchangeConfiguration,
): readonly ExchangeFact[] {
  if (routing !== 'pending') return [];
  return [
    { type: 'exchange.routed', timeouts, attemptsMax },
    { type: 'exchange.answered', timeouts, reason: 'refused.auth' },
    { type: 'exchange.answered', timeouts, reason: 'completed' },
  ];
}

const dialFailures: readonly ExchangeFact[] = [
  { type: 'dial.failed', reason: 'upstream.refused', retryable: true },
  { type: 'dial.failed', reason: 'upstream.unreachable', retryable: false },
];

function poolFacts({ claim, place }: ExchangeWorld): readonly ExchangeFact[] {
  return [
    ...(claim === 'pending' ? [{ type: 'place.granted' } as const] : []),
    ...(claim === 'pending' || place === 'dialling' ? [{ type: 'upstream.acquired' } as const, ...dialFailures] : []),
  ];
}

/** An upstream may fail at any time; that it may be tried again is said even where it is wrong. */
function upstreamFacts(world: ExchangeWorld): readonly ExchangeFact[] {
  const { upstream, upgrade, response } = world;
  if (upstream !== 'lent' || upgrade === 'handedOver') return [];
  const failures: readonly ExchangeFact[] = [
    { type: 'upstream.failed', reason: 'upstream.reset', retryable: true },
    { type: 'upstream.failed', reason: 'upstream.truncated', retryable: false },
  ];
  if (!world.isSent) return failures;
  const isEndable = response === 'begun' || (upgrade === 'tunnel' && !world.hasUpstreamEnded);
  return [
    ...failures,
    ...(isAnswerable(world) ? firstAnswers : []),
    ...(isEndable ? [{ type: 'response.ended' } as const] : []),
  ];
}

const firstAnswers: readonly ExchangeFact[] = [
  { type: 'response.informed', isContinue: true },
  { type: 'response.informed', isContinue: false },
  { type: 'response.began' },
  { type: 'upgrade.accepted', isHandedOver: true },
  { type: 'upgrade.accepted', isHandedOver: false },
];

/**
 * True exactly when the fact may wait behind another that was told first. What the upstream says of its response may not:
 * the shell passes it on before it tells it, and passes nothing on once the chart has something else to hear.
 */
export function mayWait({ type }: ExchangeFact): boolean {
  return !type.startsWith('response.') && type !== 'upgrade.accepted' && type !== 'answer.written';
}

/** What can truthfully be told because a deadline is due. */
export function truthfulReports(world: ExchangeWorld): readonly (readonly ExchangeFact[])[] {
  const isLent = world.upstream === 'lent' && world.isSent && world.upgrade === 'none';
  const isBodyThere = isLent && world.request === 'body' && !world.isHoldingBack;
  const blocked: readonly ExchangeFact[] = [
    ...(isBodyThere ? [{ type: 'upstream.blocked' } as const] : []),
    ...(isLent && world.response === 'begun' ? [{ type: 'downstream.blocked' } as const] : []),
  ];
  return [
    [],
    [flowed],
    ...blocked.flatMap((fact) => [[fact], [flowed, fact]]),
    ...(world.client === 'present' ? [[{ type: 'downstream.failed', reason: 'downstream.reset' } as const]] : []),
  ];
}

/** Everything that liars tell before a deadline. */
export const everyReport: readonly (readonly ExchangeFact[])[] = [
  [],
  [flowed],
  [{ type: 'upstream.blocked' }],
  [{ type: 'downstream.blocked' }],
  [flowed, { type: 'upstream.blocked' }],
  [flowed, { type: 'downstream.blocked' }],
  [{ type: 'upstream.failed', reason: 'upstream.reset', retryable: true }],
];

/** Words that arrive too late or for nobody. They must change nothing. */
export function staleFacts(
  world: ExchangeWorld,
  { listenerTimeouts: timeouts }: ExchangeConfiguration,
): readonly ExchangeFact[] {
  const { request, routing, claim, place, upstream, upgrade, response } = world;
  const isOver = world.releases > 0;
  const unless = (isTimely: boolean, ...facts: readonly ExchangeFact[]) => (isTimely && !isOver ? [] : facts);
  const isTunnelOpen = upgrade === 'tunnel' && !world.hasClientEnded;
  const isWorking = upstream === 'lent' && world.isSent;
  const isEarly = request === 'over' && upstream !== 'lent' && world.firstCause === null;
  const isFirst = isWorking && isAnswerable(world);
  const isAsking = claim === 'pending' || place === 'dialling';
  return [
    ...unless(request === 'head' && world.firstCause === null, {
      type: 'head.received',
      hasBody: true,
      expectsContinue: true,
    }),
    ...unless(world.isHoldingBack, { type: 'request.continued' }),
    ...unless(request !== 'over' || isTunnelOpen, { type: 'request.ended' }),
    // A request that is complete can not fail; while nobody has it yet, the chart takes the client's word for it.
    ...unless(request === 'head' || request === 'body' || isTunnelOpen || isEarly, {
      type: 'request.failed',
      reason: 'downstream.tls',
    }),
    ...unless(
      routing === 'pending',
      { type: 'exchange.routed', timeouts, attemptsMax: 9 },
      { type: 'exchange.answered', timeouts, reason: 'route.blocked' },
    ),
    ...unless(claim === 'pending', { type: 'place.granted' }),
    ...unless(isAsking, { type: 'upstream.acquired' }, ...dialFailures),
    ...unless(isFirst, ...firstAnswers),
    ...unless(isWorking && (response === 'begun' || (upgrade === 'tunnel' && !world.hasUpstreamEnded)), {
      type: 'response.ended',
    }),
    ...unless(
      isWorking,
      { type: 'upstream.failed', reason: 'upstream.malformed', retryable: true },
      { type: 'upstream.failed', reason: 'upstream.malformed', retryable: false },
      { type: 'bytes.flowed', quietMs: 77 },
      { type: 'upstream.blocked' },
      { type: 'downstream.blocked' },
    ),
    ...unless(world.answer === 'asked', { type: 'answer.written' }),
    ...unless(
      !isOver,
      { type: 'downstream.failed', reason: 'downstream.malformed' },
      { type: 'kill.requested', reason: 'operator.drained' },
    ),
  ];
}

/** Everything a liar can say, in every variant, whatever the world is like. */
export function everyFact({ routeTimeouts, attemptsMax }: ExchangeConfiguration): readonly ExchangeFact[] {
  return [
    ...heads,
    { type: 'request.continued' },
    { type: 'request.ended' },
    { type: 'request.failed', reason: 'downstream.malformed' },
    { type: 'exchange.routed', timeouts: routeTimeouts, attemptsMax },
    { type: 'exchange.answered', timeouts: routeTimeouts, reason: 'refused.auth' },
    { type: 'place.granted' },
    { type: 'upstream.acquired' },
    ...dialFailures,
    ...firstAnswers,
    { type: 'response.ended' },
    { type: 'upstream.failed', reason: 'upstream.reset', retryable: true },
    { type: 'upstream.failed', reason: 'upstream.truncated', retryable: false },
    { type: 'answer.written' },
    { type: 'downstream.failed', reason: 'downstream.reset' },
    flowed,
    { type: 'upstream.blocked' },
    { type: 'downstream.blocked' },
    { type: 'kill.requested', reason: 'operator.killed' },
  ];
}
