/**
 * What happens to an accepted leg: a slot is claimed, or a place in the waiting room, or somebody else has to give way, or it
 * is refused; then its connection begins.
 *
 * Decides: whether there is room, before anything is made for the connection. Must never do: wait or look at bytes; one
 * client can not delay another here, because nothing here depends on a client.
 * Read first: `entrance.ts`, then `connection.ts`.
 */
import type { CloseReason } from '../machines/connection/close-reason.ts';
import type { InterpreterName } from '../machines/connection/connection-chart.ts';
import { compileAddressList } from '../routing/access.ts';
import type { SlotCounter } from '../routing/admission.ts';
import { holderOf } from '../routing/ip-address.ts';
import type { ListenerPlan } from '../routing/plan.ts';
import { Door } from '../routing/waiting-room.ts';
import { addressText } from './address-text.ts';
import { Connection } from './connection.ts';
import type { AddressAnswer, ConnectionPorts, ListenerRuntime } from './connection-ports.ts';
import { AddressLimits, admitAddress, concernsShedding, Sheddable, type Entrance } from './entrance.ts';
import type { Leg } from './leg.ts';
import type { Sampling } from './sampling.ts';
import type { Sniffer } from './sniffer.ts';

/** The live connections of a proxy, by id, and the entrance they came by. */
export interface ConnectionRegistry {
  readonly live: Map<string, Connection>;
  readonly entrance: Entrance;
  readonly sampling: Sampling;
  /** A new, unique connection id. */
  nextId(): string;
  /** Called after a connection was struck off. */
  struckOff(): void;
}

export class Acceptor implements ListenerRuntime {
  readonly plan: ListenerPlan;
  readonly sniffer: Sniffer;
  readonly interpreter: InterpreterName;
  /** Set once the listener is bound, because port 0 is only known then. */
  name: string;
  readonly #registry: ConnectionRegistry;
  readonly #ports: ConnectionPorts;
  readonly #introducers: { matches(ip: string): boolean } | null;
  readonly #door: Door;
  readonly #limits: readonly AddressLimits[];
  /** Null where the proxy's are enough, because the listener has no cap. */
  readonly #sheddable: Sheddable | null;

  constructor(plan: ListenerPlan, sniffer: Sniffer, registry: ConnectionRegistry, ports: ConnectionPorts) {
    this.plan = plan;
    this.sniffer = sniffer;
    this.name = addressText({ host: plan.host, port: plan.port });
    this.#door = new Door(plan.admission);
    this.#limits = [registry.entrance.addresses, new AddressLimits(plan.admission, 'the listener')];
    this.#sheddable = plan.admission.maxConnections === null ? null : new Sheddable();
    const from = plan.proxyHeader?.from ?? null;
    this.#introducers = from === null ? null : compileAddressList(from);
    this.interpreter = plan.routes.some((route) => route.interpreter === 'xstate') ? 'xstate' : 'compiled';
    this.#registry = registry;
    this.#ports = ports;
  }

  accept(leg: Leg): void {
    if (this.#registry.entrance.room.tryClaim(this.#door)) return this.#begin(leg, null).admit();
    return this.#makeRoomFor(leg);
  }

  /** Its own, beside the proxy's. */
  get slots(): SlotCounter {
    return this.#door.slots;
  }

  mayIntroduce(ip: string): boolean {
    return this.plan.proxyHeader !== null && (this.#introducers?.matches(ip) ?? true);
  }

  identify(ip: string): AddressAnswer {
    // Whoever speaks for others is counted by none: it is they who are.
    return admitAddress(this.#registry.entrance.isTrusted(ip) ? '' : ip, this.#limits, this.#ports.clock.nowMs());
  }

  moved(connection: Connection, from: string, to: string): void {
    if (connection.isSettled || !concernsShedding(from, to)) return;
    this.#registry.entrance.sheddable.moved(connection, to);
    this.#sheddable?.moved(connection, to);
  }

  settled(connection: Connection): void {
    this.#registry.entrance.sheddable.leave(connection);
    this.#sheddable?.leave(connection);
  }

  closed(connection: Connection): void {
    if (!this.#registry.live.delete(connection.connectionId)) return;
    const { room } = this.#registry.entrance;
    if (!room.leave(connection)) room.release(this.#door);
    this.#registry.struckOff();
  }

  /** There is no slot: somebody gives way, or it waits, or it is refused. Who is refused anyway sends nobody away. */
  #makeRoomFor(leg: Leg): void {
    const ip = leg.remote.host;
    const shed = this.#sheddableFor(ip);
    if (shed === null && !this.#mayWait(ip)) return this.#refuse(leg, 'refused.capacity');
    // Of whoever may bring a PROXY header, the client is not known yet.
    const answer = this.mayIntroduce(ip) ? null : this.identify(ip);
    if (answer?.kind === 'refused') return this.#refuse(leg, answer.reason);
    // Whoever gives way leaves its slot to the longest waiting, where somebody waits.
    if (shed !== null) giveWay(shed);
    if (this.#registry.entrance.room.tryClaim(this.#door)) return this.#begin(leg, answer).admit();
    if (this.#letWait(leg, answer)) return undefined;
    // Those that were told let others in.
    answer?.claim?.release();
    return this.#refuse(leg, 'refused.capacity');
  }

  #mayWait(ip: string): boolean {
    const { room, isOpen } = this.#registry.entrance;
    return isOpen && (room.hasPlaceAt(this.#door) || room.victimFor(this.#door, holderOf(ip)) !== null);
  }

  #letWait(leg: Leg, asked: Admitted | null): boolean {
    const { room } = this.#registry.entrance;
    const holder = holderOf(leg.remote.host);
    const victim = room.hasPlaceAt(this.#door) ? null : room.victimFor(this.#door, holder);
    if (victim !== null) sendAway(victim);
    if (!this.#registry.entrance.isOpen || !room.hasPlaceAt(this.#door)) return false;
    const connection = this.#made(leg, asked);
    room.wait(this.#door, connection, holder);
    this.#start(connection);
    return true;
  }

  #refuse(leg: Leg, reason: CloseReason): void {
    this.#ports.reports.refused({ listener: this.name, client: addressText(leg.remote), reason });
    return leg.reset();
  }

  #begin(leg: Leg, asked: Admitted | null): Connection {
    const connection = this.#made(leg, asked);
    this.#start(connection);
    return connection;
  }

  /** @param asked what its address was granted already; null: that is still to be asked. */
  #made(leg: Leg, asked: Admitted | null): Connection {
    const connection = new Connection(this.#registry.nextId(), leg, this, this.#ports);
    if (asked !== null) connection.placement.identified(asked.claim);
    return connection;
  }

  #start(connection: Connection): void {
    this.#registry.sampling.accepted();
    this.#registry.live.set(connection.connectionId, connection);
    connection.start();
  }

  /** Who has to give way to that address. */
  #sheddableFor(ip: string): Connection | null {
    const among = this.#door.isFull ? this.#sheddable : this.#registry.entrance.sheddable;
    return among?.victimFor(ip) ?? null;
  }
}

type Admitted = Extract<AddressAnswer, { kind: 'admitted' }>;

function giveWay(victim: Connection): void {
  victim.explainBy('all slots were taken, and its address had most of those that had not said what they came for');
  victim.hear({ type: 'kill.requested', reason: 'refused.capacity' });
}

function sendAway(victim: Connection): void {
  victim.explainBy('the waiting room is full, and its address had most of the places in it');
  victim.hear({ type: 'admission.refused', reason: 'refused.capacity' });
}
