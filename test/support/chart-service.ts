/**
 * The HTTP service in the model of the world: what it tells, what it is asked for, and when that fits.
 *
 * An exchange is a resource with a chart and deadlines of its own (test/property/exchange-*.test.ts prove that they alone end it).
 * Here it is live or not, and that it ends is one more thing that time alone brings about: as `exchange.closed`, as
 * `service.finished` or as `service.failed`. So "deadlines alone lead to CLOSED" holds of both charts together once it
 * holds of each.
 * Read first: `chart-world.ts`.
 */
import type { ConnectionCommand } from '../../src/machines/connection/commands.ts';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import { timeoutsOf, type Configuration } from './chart-configurations.ts';
import { cause, unless, type Environment } from './chart-world.ts';

/** True exactly when the service is there, whatever it does. */
export function hasService({ service }: Environment): boolean {
  return service !== 'none';
}

/** What an exchange's own deadlines lead to. */
export function isEndOfExchange({ isExchangeLive }: Environment, fact: ConnectionFact): boolean {
  return (
    isExchangeLive &&
    (fact.type === 'exchange.closed' || fact.type === 'service.finished' || fact.type === 'service.failed')
  );
}

/** Answers true when the fact was the service's, or about the stream that the service has. */
export function serviceTold(environment: Environment, fact: ConnectionFact): boolean {
  const world = environment;
  switch (fact.type) {
    case 'exchange.opened':
      world.isExchangeLive = true;
      return true;
    case 'exchange.closed':
      world.isExchangeLive = false;
      if (world.service === 'open') servedBy(world, fact.ageMs);
      return true;
    case 'service.finished':
      servedBy(world, fact.ageMs);
      if (fact.reason !== 'completed') cause(world, fact.reason, 'finish');
      return true;
    case 'service.failed':
      cause(world, fact.reason);
      return true;
    case 'service.flushed':
      world.service = 'flushed';
      if (world.downstreamEnd === 'told') world.downstreamEnd = 'held';
      cause(world, 'completed', 'finish');
      return true;
    case 'connection.upgraded':
      world.upstream = 'alive';
      world.inForce = 'tunnel';
      world.ageMs = fact.ageMs;
      return true;
    case 'downstream.ended':
      if (!hasService(world)) return false;
      if (world.service === 'open' && !world.isExchangeLive) world.ageMs = fact.ageMs;
      if (world.service === 'flushed') world.isOver = true;
      world.downstreamEnd = 'told';
      return true;
    case 'drain.requested':
      if (world.service !== 'open') return true;
      if (world.isExchangeLive) world.isDraining = true;
      else cause(world, 'operator.drained', 'finish');
      return true;
    case 'bytes.flowed':
      if (!hasService(world)) return false;
      if (world.service === 'ended') world.quietMs = fact.quietMs;
      return true;
    default:
      return false;
  }
}

/** The deadlines are now those of the route that was served. */
function servedBy(world: Environment, ageMs: number): void {
  world.inForce = 'served';
  world.ageMs = ageMs;
}

/** The client was given `keepAlive` for another request, and that long it waited. */
export function waitPasses(world: Environment, configuration: Configuration): void {
  cause(world, 'timeout.keepAlive', 'finish');
  world.ageMs += timeoutsOf(configuration, world.inForce).keepAlive ?? Number.NaN;
}

export function complaintOfService(world: Environment, type: 'serve' | 'lastExchange' | 'endService'): string | null {
  const { service, isExchangeLive, downstreamEnd, isDraining, isLastExchange } = world;
  const isIdle = service === 'none' && !world.isSplicing && !world.isRefusing;
  switch (type) {
    case 'serve':
      return unless(isIdle && (world.serves === 'http' || world.serves === 'handler'), 'serve out of turn');
    case 'lastExchange':
      return unless(
        service === 'open' && isExchangeLive && !isLastExchange && (downstreamEnd === 'told' || isDraining),
        'lastExchange out of turn',
      );
    default:
      return unless(service === 'open', 'endService twice, or without a service');
  }
}

export function obeyService(environment: Environment, { type }: ConnectionCommand): void {
  const world = environment;
  switch (type) {
    case 'serve':
      if (world.serves !== 'handler') world.service = 'open';
      if (world.downstreamEnd === 'told') world.downstreamEnd = 'held';
      return;
    case 'lastExchange':
      world.isLastExchange = true;
      return;
    case 'endService':
      world.service = 'ended';
      world.quietMs = 0;
      world.pingedMs = 0;
      world.isLastExchange = false;
      world.isDraining = false;
      return;
    case 'splice':
    case 'release':
      world.service = 'none';
      world.isExchangeLive = false;
      world.isLastExchange = false;
      world.isDraining = false;
      return;
    default:
  }
}
