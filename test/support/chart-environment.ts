/**
 * A model of the world around one connection: what becomes of it by facts, deadlines and commands.
 *
 * It knows what really happened, carries out the chart's commands, notes every command that does not fit, and remembers
 * the first cause of the end on its own, so that a walk can hold the chart against it. It never reads the chart.
 * Read first: `chart-world.ts` (what is true), `chart-service.ts` (HTTP). What the world can tell is in `chart-facts.ts`.
 */
import type { CloseReason } from '../../src/machines/connection/close-reason.ts';
import type { ConnectionCommand } from '../../src/machines/connection/commands.ts';
import type { DelayName } from '../../src/machines/connection/delays.ts';
import type { ConnectionFact } from '../../src/machines/connection/events.ts';
import type { Configuration } from './chart-configurations.ts';
import { complaintOfService, hasService, obeyService, serviceTold, waitPasses } from './chart-service.ts';
import { cause, isLive, unless, type Environment } from './chart-world.ts';

/** The world changes first; then the chart is told. */
export function happen(environment: Environment, fact: ConnectionFact, { attemptsMax }: Configuration): void {
  const world = environment;
  if (world.releases > 0 || serviceTold(world, fact)) return;
  switch (fact.type) {
    case 'admission.granted':
      world.admission = 'granted';
      return;
    case 'admission.refused':
      world.admission = 'refused';
      return cause(world, fact.reason);
    case 'proxyHeader.read':
      world.header = 'read';
      return;
    case 'client.identified':
      world.identity = 'known';
      return;
    case 'preface.received':
      world.hasSpoken = true;
      world.isPrefaceTold = true;
      world.isAnswerable = fact.answerable;
      return;
    case 'sniff.routed':
      world.sniffed = 'routed';
      world.isAnswerable = fact.answerable;
      world.keepsHalfOpen = fact.keepHalfOpen;
      world.serves = fact.serves;
      world.inForce = 'route';
      world.isInQueue = fact.waits;
      if (fact.serves !== 'upstream') world.ageMs = fact.ageMs;
      return;
    case 'sniff.failed':
      world.sniffed = 'failed';
      return refusal(world, fact.reason, fact.answerable);
    case 'tls.chosen':
      world.handshake = 'chosen';
      world.isAnswerable = false;
      return;
    case 'tls.secured':
      world.handshake = 'done';
      return beginInside(world);
    case 'place.granted':
      world.isInQueue = false;
      return;
    case 'place.lost':
      world.isInQueue = false;
      return refusal(world, fact.reason, world.isAnswerable);
    case 'dial.postponed':
      world.isInQueue = true;
      world.upstream = 'absent';
      world.attempts -= 1;
      return;
    case 'dial.resolved':
      world.isResolved = true;
      return;
    case 'dial.connected':
      world.isResolved = true;
      world.isSecuring = true;
      return;
    case 'dial.succeeded':
      world.upstream = 'alive';
      world.ageMs = fact.ageMs;
      return;
    case 'dial.failed':
      world.upstream = 'absent';
      if (!fact.retryable || world.attempts >= attemptsMax) refusal(world, fact.reason, world.isAnswerable);
      return;
    case 'downstream.ended':
      return clientEnded(world, fact.heldBytes, fact.ageMs);
    case 'upstream.ended':
      if (world.downstreamEnd !== 'told') world.ageMs = fact.ageMs;
      world.hasUpstreamEnded = true;
      world.quietMs = 0;
      world.pingedMs = 0;
      return;
    case 'downstream.failed':
      world.downstream = 'failed';
      world.quietMs = 0;
      world.pingedMs = 0;
      return cause(world, fact.reason);
    case 'upstream.failed':
      world.upstream = 'failed';
      world.quietMs = 0;
      world.pingedMs = 0;
      return cause(world, fact.reason);
    case 'splice.flushed':
      world.isOver = true;
      if (world.isSplicing) cause(world, world.serves === 'handler' ? 'handler.completed' : 'completed');
      return;
    case 'refusal.skipped':
      world.isOver = true;
      return;
    case 'bytes.flowed':
      if (world.isSplicing) world.quietMs = fact.quietMs;
      if (world.isSplicing) world.pingedMs = 0;
      return;
    case 'kill.requested':
      return cause(world, fact.reason);
    default:
  }
}

/** Whatever was said before the handshake was the handshake's. */
function beginInside(world: Environment): void {
  world.hasSpoken = false;
  world.isPrefaceTold = false;
  world.isServerFirstDue = false;
  world.isServerFirstAsked = false;
}

function refusal(world: Environment, reason: CloseReason, isAnswerable: boolean): void {
  cause(world, reason, isAnswerable ? 'refuse' : 'cut');
}

/** Without a service. */
function clientEnded(world: Environment, heldBytes: number, ageMs: number): void {
  if (world.isRefusing) {
    world.downstreamEnd = 'told';
    return;
  }
  if (world.isSplicing) {
    if (!world.hasUpstreamEnded) world.ageMs = ageMs;
    world.downstreamEnd = 'told';
    world.quietMs = 0;
    world.pingedMs = 0;
    return;
  }
  world.hasSpoken ||= heldBytes > 0;
  world.downstreamEnd = heldBytes > 0 ? 'held' : 'told';
  if (heldBytes === 0 && !(world.sniffed === 'routed' && world.keepsHalfOpen)) cause(world, 'downstream.left');
}

/** Deadlines that a byte puts off. The others are absolute. */
export function isPutOffByBytes(name: DelayName): boolean {
  return name === 'idling' || name === 'ping' || name === 'idle' || name === 'halfClosed' || name === 'flush';
}

/** A deadline is due and everything that had to be told before it has been told. */
export function deadlinePasses(
  world: Environment,
  name: DelayName,
  hasActivity: boolean,
  configuration: Configuration,
): void {
  switch (name) {
    case 'serverFirst':
      world.isServerFirstDue = true;
      return;
    case 'backoff':
    case 'idling':
    case 'liveness':
      return;
    case 'ping':
      if (!hasActivity && world.firstCause === null) pingPasses(world, configuration);
      return;
    case 'keepAlive':
      return waitPasses(world, configuration);
    case 'linger':
      world.isOver = true;
      return;
    case 'sniff':
    case 'queue':
    case 'dialBudget':
      return refusal(world, `timeout.${name}`, world.isAnswerable);
    case 'dial':
      if (world.attempts >= configuration.attemptsMax) refusal(world, 'timeout.dial', world.isAnswerable);
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

/** So long it has been quiet by now, unless it had been quiet for longer when that was reported. */
function pingPasses(environment: Environment, { tunnelPingMs }: Configuration): void {
  const world = environment;
  const dueMs = world.pingedMs + (tunnelPingMs ?? Number.NaN);
  world.pingedMs = dueMs > world.quietMs ? dueMs : world.quietMs;
  world.quietMs = world.pingedMs;
}

/** Carries a command out, whatever it is. Answers what is wrong with it, or null. */
export function carryOut(world: Environment, command: ConnectionCommand, configuration: Configuration): string | null {
  const complaint = world.releases > 0 ? `${command.type} after release` : complaintOf(world, command, configuration);
  obey(world, command);
  obeyService(world, command);
  return complaint;
}

function complaintOf(
  world: Environment,
  command: ConnectionCommand,
  { attemptsMax, expectsProxyHeader }: Configuration,
): string | null {
  switch (command.type) {
    case 'readProxyHeader':
    case 'identify':
    case 'peek':
    case 'stopPeeking':
    case 'secure':
    case 'routeServerFirst':
      return complaintOfGreeting(world, command.type, expectsProxyHeader);
    case 'dial':
      if (world.sniffed !== 'routed' || world.upstream !== 'absent' || world.isInQueue) return 'dial out of turn';
      if (command.attempt !== world.attempts + 1 || command.attempt > attemptsMax) return `dial ${command.attempt}`;
      return unless(world.firstCause === null, `dial after ${String(world.firstCause)}`);
    case 'refuse':
      if (!world.mustRefuse || world.isRefusing || world.isSplicing) return 'refuse although nothing is to be said';
      return unless(command.reason === world.firstCause, `refuse for another reason than ${String(world.firstCause)}`);
    case 'release':
      return unless(command.reason === world.firstCause, `release for another reason than ${String(world.firstCause)}`);
    case 'cancelDial':
    case 'leaveQueue':
      return null;
    case 'serve':
    case 'lastExchange':
    case 'endService':
      return complaintOfService(world, command.type);
    case 'checkLegs':
      return unless(world.isSplicing || hasService(world), 'checkLegs without legs to look at');
    default:
      return complaintOfJoined(world, command.type);
  }
}

/** The commands of SNIFFING. */
function complaintOfGreeting(
  { admission, header, identity, isPeeking, sniffed, handshake, isPrefaceTold, isServerFirstDue }: Environment,
  type: 'readProxyHeader' | 'identify' | 'peek' | 'stopPeeking' | 'secure' | 'routeServerFirst',
  expectsProxyHeader: boolean,
): string | null {
  switch (type) {
    case 'readProxyHeader':
      return unless(expectsProxyHeader && admission === 'granted' && header === 'unread', 'readProxyHeader twice');
    case 'identify':
      return unless(
        admission === 'granted' && identity === 'unasked' && (header === 'read') === expectsProxyHeader,
        'identify out of turn',
      );
    case 'peek':
      return unless(identity === 'known' && !isPeeking && sniffed === 'nothing', 'peek out of turn');
    case 'stopPeeking':
      return unless(
        isPeeking || handshake === 'underway' || header === 'underway' || identity === 'asked',
        'stopPeeking without a peek',
      );
    case 'secure':
      return unless(handshake === 'chosen' && !isPeeking, 'secure out of turn');
    default:
      return unless(isPeeking && !isPrefaceTold && isServerFirstDue, 'routeServerFirst out of turn');
  }
}

/** The commands of a tunnel. */
function complaintOfJoined(world: Environment, type: ConnectionCommand['type']): string | null {
  const { isSplicing, downstreamEnd, hasUpstreamEnded, hasEndedUpstream, hasEndedDownstream } = world;
  switch (type) {
    case 'sendPing':
      return unless(isSplicing && world.inForce === 'tunnel', 'sendPing to whoever is no WebSocket');
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

function obey(world: Environment, command: ConnectionCommand): void {
  switch (command.type) {
    case 'readProxyHeader':
      world.header = 'underway';
      return;
    case 'identify':
      world.identity = 'asked';
      return;
    case 'leaveQueue':
      world.isInQueue = false;
      return;
    case 'peek':
      world.isPeeking = true;
      if (world.handshake === 'underway') world.handshake = 'done';
      return;
    case 'secure':
      world.handshake = 'underway';
      return;
    case 'stopPeeking':
      world.isPeeking = false;
      if (world.header === 'underway') world.header = 'read';
      return;
    case 'routeServerFirst':
      world.isServerFirstAsked = true;
      return;
    case 'dial':
      world.attempts = command.attempt;
      world.upstream = 'opening';
      world.isResolved = false;
      world.isSecuring = false;
      world.handshake = 'none';
      return;
    case 'cancelDial':
      if (world.upstream === 'opening') world.upstream = 'absent';
      return;
    case 'splice':
      return join(world);
    case 'serve':
      if (world.serves !== 'handler') return forgetTheBeginning(world);
      world.upstream = 'alive';
      return join(world);
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
      world.handshake = 'none';
      return;
    case 'release':
      return letGo(world);
    default:
  }
}

/** A FIN of the client's is told again by its bytes' own end. */
function join(world: Environment): void {
  world.isSplicing = true;
  world.quietMs = 0;
  world.pingedMs = 0;
  if (world.downstreamEnd === 'told') world.downstreamEnd = 'held';
  forgetTheBeginning(world);
}

/** What no fact, command or deadline of an established connection depends on any more. */
function forgetTheBeginning(world: Environment): void {
  world.hasSpoken = false;
  world.isPrefaceTold = false;
  world.isResolved = false;
  world.isSecuring = false;
  world.isServerFirstDue = false;
  world.isServerFirstAsked = false;
  world.handshake = 'none';
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
