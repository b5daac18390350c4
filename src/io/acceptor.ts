/**
 * What happens to an accepted leg: a slot is claimed, or a place in the waiting room, or somebody else has to give way, or it
 * is refused; then its connection begins.
 *
 * Decides: whether there is room, before anything is made for the connection. Must never do: wait or look at bytes; one
 * client can not delay another here, because nothing here depends on a client.
 * Read first: `entrance.ts`, then `connection.ts`.
 */
import type { InterpreterName } from '../machines/connection/connection-chart.ts';
import { compileAddressList } from '../routing/access.ts';
import type { SlotCounter } from '../routing/admission.ts';
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
    const { entrance } = this.#registry;
    const { room } = entrance;
    if (room.tryClaim(this.#door)) return this.#begin(leg).admit();
    // Whoever gave way left its slot to the longest waiting, where somebody waits.
    if (this.#shedFor(leg.remote.host) && room.tryClaim(this.#door)) return this.#begin(leg).admit();
    if (entrance.isOpen && room.hasPlaceAt(this.#door)) {
      const connection = this.#made(leg);
      room.wait(this.#door, connection);
      return this.#start(connection);
    }
    this.#ports.reports.refused({ listener: this.name, client: addressText(leg.remote), reason: 'refused.capacity' });
    return leg.reset();
  }

  /** Its own, beside the proxy's. */
  get slots(): SlotCounter {
    return this.#door.slots;
  }

  mayIntroduce(ip: string): boolean {
    return this.plan.proxyHeader !== null && (this.#introducers?.matches(ip) ?? true);
  }

  identify(ip: string): AddressAnswer {
    return admitAddress(ip, this.#limits, this.#ports.clock.nowMs());
  }

  moved(connection: Connection, from: string, to: string): void {
    if (!concernsShedding(from, to)) return;
    this.#registry.entrance.sheddable.moved(connection, to);
    this.#sheddable?.moved(connection, to);
  }

  closed(connection: Connection): void {
    if (!this.#registry.live.delete(connection.connectionId)) return;
    const { room } = this.#registry.entrance;
    if (!room.leave(connection)) room.release(this.#door);
    this.#registry.struckOff();
  }

  #begin(leg: Leg): Connection {
    const connection = this.#made(leg);
    this.#start(connection);
    return connection;
  }

  #made(leg: Leg): Connection {
    return new Connection(this.#registry.nextId(), leg, this, this.#ports);
  }

  #start(connection: Connection): void {
    this.#registry.sampling.accepted();
    this.#registry.live.set(connection.connectionId, connection);
    connection.start();
  }

  /** True: somebody had to give way. */
  #shedFor(ip: string): boolean {
    const { sheddable } = this.#registry.entrance;
    const among = this.#door.isFull ? this.#sheddable : sheddable;
    const victim = among?.victimFor(ip) ?? null;
    if (victim === null) return false;
    victim.explainBy('all slots were taken, and its address had most of those that had not said what they came for');
    victim.hear({ type: 'kill.requested', reason: 'refused.capacity' });
    return true;
  }
}
