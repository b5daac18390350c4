/**
 * The laws of a running proxy, asked after every event: what must be so in any order of facts, whatever legs lie about.
 *
 * Each answers with a sentence, or null. Read first: `race-world.ts`. The numbers are those of the invariants: I1 slots,
 * I2 legs, I3 timers, I4 the end, I5 bytes, I6 FIN, I7 routing, I8 buffers, I11 counters.
 */
import { armedMismatch } from '../../src/machines/connection/armed-check.ts';
import type { Connection } from '../../src/io/connection.ts';
import { heldBytesMax, type Leg } from '../../src/io/leg.ts';
import { endedInHandshake } from '../../src/io/tls/tls-codes.ts';
import { RefusalFold } from '../../src/observe/refusal-fold.ts';
import { MemoryLeg } from '../../src/testing/memory-leg.ts';
import { headerAt, introducedIp, upstreamsFor } from './race-plan.ts';
import type { RacePeer } from './race-peer.ts';
import { TlsRacePeer } from './race-tls-client.ts';
import type { RaceClient, RaceUpstream, RaceWorld } from './race-world.ts';

/** A broken law, by its id and with the moment. */
export class LawBroken extends Error {
  override readonly name = 'LawBroken';
}

interface End {
  readonly leaf: string;
  readonly context: unknown;
  readonly record: unknown;
  readonly said: string;
}

/** Watches one world. Keeps what it has compared already, so that asking again is cheap. */
export class RaceLaws {
  readonly #world: RaceWorld;
  readonly #windowBytes: number;
  /** Bytes of a sink that were compared, by sink. */
  readonly #compared = new Map<RacePeer, number>();
  /** Since when a leg is gone without a word, and when that must be noticed. */
  readonly #silent = new Map<Leg, { readonly leaf: string; readonly noticedByMs: number }>();
  /** What was final, by connection. */
  readonly #ends = new Map<Connection, End>();
  #movesSeen = 0;
  #troublesSeen = 0;
  /** How much had been told when the counters were asked last. */
  #countedAt = -1;

  constructor(world: RaceWorld, windowBytes: number) {
    this.#world = world;
    this.#windowBytes = windowBytes;
  }

  /** @throws LawBroken */
  check(): void {
    this.#slots();
    this.#timers();
    this.#counters();
    this.#troubles();
    this.#moves();
    this.#legs();
    this.#handshakes();
    for (const connection of this.#world.connections) this.#connection(connection);
    for (const client of this.#world.clients) this.#client(client);
    for (const upstream of this.#world.upstreams) this.#upstream(upstream);
  }

  #broken(law: string, says: string): never {
    throw new LawBroken(`${law} at ${this.#world.clock.nowMs()} ms: ${says}`);
  }

  #slots(): void {
    const { registry, connections, acceptors } = this.#world;
    const live = connections.filter(({ chart }) => !chart.isDone).length;
    // Whoever is in the waiting room has no slot yet.
    const admitted = connections.filter(({ chart }) => !chart.isDone && chart.leaf !== 'ACCEPTED').length;
    const { held } = registry.entrance.slots;
    if (held !== admitted || registry.live.size !== live) {
      this.#broken('I1', `${held} slots, ${registry.live.size} listed, ${live} live charts, ${admitted} admitted`);
    }
    this.#routes(connections);
    let ofListeners = 0;
    for (const { slots } of acceptors.values()) {
      ofListeners += slots.held;
      if (slots.max !== null && slots.held > slots.max) this.#broken('I1', 'more slots than the cap');
    }
    if (ofListeners !== admitted) this.#broken('I1', `${ofListeners} slots of listeners, ${admitted} admitted`);
  }

  /** A route with a cap has no more on it than that, and no more in its queue than fit; whoever waits could not be let on. */
  #routes(connections: readonly Connection[]): void {
    for (const route of this.#world.plan.routes) {
      const { maxConnections, waitersMax } = route.admission;
      if (maxConnections === null) continue;
      const here = connections.filter((one) => one.route === route && !one.chart.isDone);
      const waiting = here.filter(({ chart }) => chart.leaf === 'DIALING.QUEUED').length;
      const refused = here.filter(({ chart }) => chart.leaf === 'HALF_CLOSED.REFUSING').length;
      const placed = here.length - waiting - refused;
      if (placed > maxConnections || waiting > waitersMax)
        this.#broken('C04', `${placed} on ${route.name}, ${waiting} in its queue`);
      if (waiting > 0 && here.length - waiting < maxConnections)
        this.#broken('C04', `${waiting} wait for ${route.name}, which has room`);
    }
  }

  /** Nobody is taken for whoever is in front of it, and nobody for somebody it only claims to be. */
  #identity({ chart, connectionId, client, peer, listener }: Connection): void {
    if (chart.state === 'ACCEPTED' || chart.leaf === 'SNIFFING.PROXY_HEADER' || chart.isDone) return;
    const came = this.#world.clients.find(({ leg }) => leg.local.port === peer.port);
    if (came === undefined) return;
    const isIntroduced = headerAt(came.port, came.preface) !== null;
    const isRight = isIntroduced
      ? client.host === introducedIp
      : client.host === peer.host && client.port === peer.port;
    if (!isRight) this.#broken('P07', `${connectionId} came to ${listener.name} and is taken for ${client.host}`);
  }

  #timers(): void {
    const { clock, connections, ledger } = this.#world;
    let declared = 0;
    for (const { chart, connectionId } of connections) {
      const mismatch = chart.isDone && chart.armed().length === 0 ? null : armedMismatch(chart);
      if (mismatch !== null) this.#broken('I3', `${connectionId}: ${mismatch}`);
      declared += chart.armed().length;
    }
    const isOther = (target: unknown) => target === ledger.real || target instanceof RefusalFold;
    const others = clock.armed.filter(({ target }) => isOther(target)).length;
    const unknown = clock.armedCount - declared - others;
    if (unknown < 0 || unknown > this.#world.otherTimersMax) {
      this.#broken('I3', `${clock.armedCount} timers, ${declared} of charts, ${others} of the ledger and the log`);
    }
  }

  #counters(): void {
    const { observation, connections, records, refusals, moves, troubles } = this.#world;
    const told = connections.length + records.length + refusals.length + moves.length + troubles.length;
    if (told === this.#countedAt) return;
    this.#countedAt = told;
    const { accepted, live, closed, refused, closedByReason, invariantViolations } = observation.counters();
    const sum = Object.values(closedByReason).reduce((total, count) => total + count, 0);
    const isRight =
      accepted === connections.length &&
      accepted === closed + live &&
      sum === closed &&
      closed === records.length &&
      refused === refusals.length;
    if (!isRight) this.#broken('I11', `accepted ${accepted}, live ${live}, closed ${closed}, by reason ${sum}`);
    if (invariantViolations !== 0) this.#broken('I13', `${invariantViolations} invariants broken`);
  }

  #troubles(): void {
    const { troubles } = this.#world;
    for (; this.#troublesSeen < troubles.length; this.#troublesSeen += 1) {
      const { event, message } = troubles[this.#troublesSeen] ?? { event: '', message: '' };
      if (event !== 'release.overdue' && event !== 'handler.failed') this.#broken('I13', `${event}: ${message}`);
    }
    const [late] = this.#world.lateTroubles;
    if (late !== undefined) this.#broken('I4', `${String(late.connectionId)} had ended, and then: ${late.message}`);
  }

  /** A certificate is for the handshake that it was asked for; one that comes after the client has gone is for none. */
  #handshakes(): void {
    const { identities, ledger, records } = this.#world;
    const begun = ledger.everything.filter(({ side, handshake }) => side === 'downstream' && handshake !== null).length;
    const over = records.filter(({ by, code }) => by === 'downstream' && code === endedInHandshake).length;
    const prepared = identities.contexts.length;
    if (prepared > begun + over) this.#broken('I4', `${prepared} handshakes were prepared and ${begun} begun`);
  }

  /** Whoever agrees on TLS with an upstream has a leg to do it on; one that broke is noticed at once, one that died is not. */
  #agreements(strays: readonly MemoryLeg[]): void {
    const securing = this.#world.connections.filter(({ chart }) => chart.leaf === 'DIALING.ATTEMPTING.SECURING').length;
    const legs = strays.filter(({ handshake }) => handshake !== null).length;
    if (securing > legs) this.#broken('L20', `${securing} connections agree on TLS with upstreams, on ${legs} legs`);
  }

  /** What is to be secured is, on either side, before a byte of it is passed on; and nothing else is. */
  #secrets({ chart, connectionId, downstream, upstream, route, greeting }: Connection): void {
    if (chart.leaf === 'HALF_CLOSED.REFUSING') {
      const isInHandshake = isBegun(downstream) && greeting.tls === null;
      if (isInHandshake) this.#broken('I5', `${connectionId} is refused in words in the middle of a handshake`);
      return;
    }
    if (chart.state === 'SNIFFING' || route === null) return;
    const isOpened = isBegun(downstream);
    if (isOpened !== (route.tls !== null) || isOpened !== (greeting.tls !== null)) {
      this.#broken('I7', `${connectionId} is ${chart.leaf} by ${route.name}, and its TLS was not ended as that says`);
    }
    const isToSeal = route.tls?.mode === 'terminate-and-reencrypt';
    if (upstream !== null && isBegun(upstream) !== isToSeal) {
      this.#broken('I7', `${connectionId} is ${chart.leaf} by ${route.name}, and its upstream not sealed as that says`);
    }
  }

  #moves(): void {
    const { moves } = this.#world;
    for (; this.#movesSeen < moves.length; this.#movesSeen += 1) {
      const move = moves[this.#movesSeen];
      if (move?.from === 'CLOSED') this.#broken('I4', `${move.connectionId} left CLOSED by ${move.event}`);
    }
  }

  /** Every leg that is open has an owner: a live connection, or a dial that is under way. */
  #legs(): void {
    const { ledger, connections, dialled } = this.#world;
    const there = ledger.entries().filter((leg) => leg instanceof MemoryLeg && (leg.isOpen || leg.isGone));
    const live = connections.filter(({ chart }) => !chart.isDone);
    const owned = new Set(live.flatMap(({ downstream, upstream }) => [keyOf(downstream), upstream && keyOf(upstream)]));
    const free = there.filter((leg) => leg instanceof MemoryLeg).filter((leg) => !owned.has(keyOf(leg)));
    this.#agreements(free);
    const strays = free.filter(({ isOpen }) => isOpen);
    if (strays.some(({ side }) => side === 'downstream')) {
      this.#broken('I2, L20', 'a client’s leg is open and nobody’s');
    }
    const dialling = connections.filter(({ chart }) => chart.leaf.startsWith('DIALING.ATTEMPTING')).length;
    const late = dialled.get('succeedsAfterAbort') ?? 0;
    if (strays.length > dialling + late) {
      this.#broken('I2, L17', `${strays.length} upstream legs without a connection, ${dialling} dials under way`);
    }
  }

  #connection(connection: Connection): void {
    const { chart, connectionId } = connection;
    if (chart.isDone) {
      this.#end(connection);
      return;
    }
    if (this.#world.recordOf(connection) !== null) this.#broken('I4', `${connectionId} has a record and lives`);
    this.#identity(connection);
    this.#zombie(connection);
    this.#secrets(connection);
    this.#buffers(connection);
  }

  /** Held before the splice: a buffer and one read. Queued for a sink: one read, and one that was under way. */
  #buffers({ chart, connectionId, downstream, upstream }: Connection): void {
    for (const leg of [downstream, upstream]) {
      if (leg !== null && leg.heldBytes > heldBytesMax + this.#windowBytes) {
        this.#broken('I8', `${connectionId} holds ${leg.heldBytes} bytes`);
      }
    }
    if (chart.state !== 'ESTABLISHED' || upstream === null) return;
    const up = downstream.receivedBytes - downstream.heldBytes - upstream.sentBytes;
    const down = upstream.receivedBytes - upstream.heldBytes - downstream.sentBytes;
    if (Math.max(up, down) > 2 * this.#windowBytes) {
      this.#broken('I8', `${connectionId} queues ${up} bytes up and ${down} down`);
    }
  }

  #end(connection: Connection): void {
    const { connectionId, chart } = connection;
    const records = this.#world.records.filter((record) => record.connectionId === connectionId);
    const [record] = records;
    if (records.length !== 1 || record?.reason !== chart.context.reason) {
      this.#broken('I4', `${connectionId} has ${records.length} records, reason ${String(chart.context.reason)}`);
    }
    const { leaf, context } = chart;
    const before = this.#ends.get(connection);
    // What is the same object is written out again only when nothing more is to happen, because that takes its time.
    const isSame = before?.leaf === leaf && before.context === context && before.record === record;
    if (isSame && this.#world.clock.nextDueMs !== null) return;
    const said = JSON.stringify([leaf, context, record]);
    if (before !== undefined && before.said !== said)
      this.#broken('I4', `${connectionId} changed after CLOSED: ${said}`);
    this.#ends.set(connection, { leaf, context, record, said });
  }

  /** L19: both legs gone. L20: one gone, and nothing on its way to the end. L21: gone without a word. */
  #zombie(connection: Connection): void {
    const { chart, connectionId, downstream, upstream } = connection;
    const legs = [downstream, upstream].filter((leg) => leg instanceof MemoryLeg);
    // Both FINs have passed and the transport has closed by itself; what it had brought is still handed on.
    const isHandingOn = (leg: MemoryLeg) => leg.isFlushed && leg.heldBytes > 0;
    const gone = legs.filter((leg) => !leg.isOpen && !leg.isGone && !isHandingOn(leg));
    const isEnding = chart.leaf === 'HALF_CLOSED.FLUSHING' || chart.leaf === 'HALF_CLOSED.REFUSING';
    if (gone.length > 0 && !isEnding) this.#broken('L20', `${connectionId} lost a leg and is ${chart.leaf}`);
    if (gone.length > 1 || (gone.length === 1 && upstream === null)) {
      this.#broken('L19', `${connectionId} lost its legs and is ${chart.leaf}`);
    }
    for (const leg of legs) this.#silence(connection, leg);
  }

  #silence({ chart, connectionId }: Connection, leg: MemoryLeg): void {
    if (!leg.isGone) {
      this.#silent.delete(leg);
      return;
    }
    const nowMs = this.#world.clock.nowMs();
    const known = this.#silent.get(leg);
    if (known?.leaf === chart.leaf) {
      const isOverdue = nowMs >= known.noticedByMs && !this.#isDueNow();
      if (isOverdue)
        this.#broken('L21', `${connectionId}: a leg that was gone by ${known.noticedByMs} ms was not missed`);
      return;
    }
    const next = Math.min(...chart.armed().map(({ remainingMs }) => remainingMs));
    this.#silent.set(leg, { leaf: chart.leaf, noticedByMs: nowMs + next });
  }

  /** True while more is to happen at this very moment. */
  #isDueNow(): boolean {
    const { clock } = this.#world;
    return (clock.nextDueMs ?? Infinity) <= clock.nowMs();
  }

  #client(client: RaceClient): void {
    if (client instanceof TlsRacePeer && client.sawClearText) this.#broken('I5', 'a client was answered in clear text');
    const connection = this.#world.connectionOf(client);
    const upstream = this.#world.upstreamOf(connection);
    if (upstream === null) {
      const isAnswered = connection !== null && wordsFor(client).includes(connection.greeting.sighting?.protocol ?? '');
      if (client.received.length > 0 && !isAnswered) this.#broken('I5', 'a client got bytes that nobody sent');
      return;
    }
    this.#stream(client, upstream, 'client', connection?.upstream?.canHalfClose !== false);
  }

  #upstream(upstream: RaceUpstream): void {
    const client = this.#world.clients.find((one) => {
      const connection = this.#world.connectionOf(one);
      return connection?.upstream !== null && connection?.upstream?.local.port === upstream.leg.remote.port;
    });
    if (client === undefined) {
      if (upstream.received.length > 0) this.#broken('I7', `${upstream.host} got bytes of nobody`);
      return;
    }
    if (!upstreamsFor(client.port, client.preface).includes(upstream.host)) {
      this.#broken('I7', `a client on ${client.port} that says ${client.preface} reached ${upstream.host}`);
    }
    this.#stream(upstream, client, 'upstream', this.#world.connectionOf(client)?.downstream.canHalfClose !== false);
  }

  /**
   * What came out is what went in, so far; and the end comes only after the last byte.
   * @param isFinTheirs false where the proxy's end of the source has no half-close, and so ends with what was written to it.
   */
  #stream(sink: RacePeer, source: RacePeer, name: string, isFinTheirs: boolean): void {
    const from = this.#compared.get(sink) ?? 0;
    const { received } = sink;
    if (received.length > source.sent.length) this.#broken('I5', `the ${name} got more than was sent`);
    for (let at = from; at < received.length; at += 1) {
      if (received.at(at) !== source.sent.at(at)) this.#broken('I5', `the ${name} got another byte ${at}`);
    }
    this.#compared.set(sink, received.length);
    if (!sink.sawEnd || !isFinTheirs) return;
    if (!source.hasEnded && !source.hasLeft) this.#broken('I6', `the ${name} saw a FIN that nobody sent`);
    if (source.hasEnded && !source.hasLeft && received.length < source.sent.length) {
      this.#broken('I6', `the ${name} saw FIN after ${received.length} of ${source.sent.length} bytes`);
    }
  }
}

/** True exactly when TLS was begun on it. */
function isBegun(leg: Leg): boolean {
  return leg instanceof MemoryLeg && leg.handshake !== null;
}

/** The protocols in which a client can be told no. Inside of TLS there are no alerts. */
function wordsFor(client: RaceClient): readonly string[] {
  return client instanceof TlsRacePeer ? ['http', 'redis'] : ['http', 'tls', 'redis'];
}

/** A leg may be in a wrapper; its addresses are nobody else's. */
function keyOf({ local, remote }: Leg): string {
  return `${local.port} ${remote.port}`;
}
