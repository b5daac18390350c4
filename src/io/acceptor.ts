/**
 * What happens to an accepted leg: a slot is claimed, or it is refused; then its connection begins.
 *
 * Decides: whether there is room, before anything is made for the connection. Must never do: wait or look at bytes; one
 * client can not delay another here, because nothing here depends on a client.
 * Read first: `routing/admission.ts`, then `connection.ts`.
 */
import type { InterpreterName } from '../machines/connection/connection-chart.ts';
import { SlotCounter, tryClaimAll } from '../routing/admission.ts';
import { roundRobin, type RoundRobin } from '../routing/balance.ts';
import type { ListenerPlan, RoutePlan } from '../routing/plan.ts';
import { addressText } from './address-text.ts';
import { Connection } from './connection.ts';
import type { ConnectionPorts, ListenerRuntime } from './connection-ports.ts';
import type { Leg } from './leg.ts';
import type { Sampling } from './sampling.ts';
import type { Sniffer } from './sniffer.ts';

/** The live connections of a proxy, by id, and the cap they share. */
export interface ConnectionRegistry {
  readonly live: Map<string, Connection>;
  readonly slots: SlotCounter;
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
  readonly slots: SlotCounter;
  /** Set once the listener is bound, because port 0 is only known then. */
  name: string;
  readonly #registry: ConnectionRegistry;
  readonly #ports: ConnectionPorts;
  readonly #turns = new Map<RoutePlan, RoundRobin>();

  constructor(plan: ListenerPlan, sniffer: Sniffer, registry: ConnectionRegistry, ports: ConnectionPorts) {
    this.plan = plan;
    this.sniffer = sniffer;
    this.name = addressText({ host: plan.host, port: plan.port });
    this.slots = new SlotCounter(plan.maxConnections);
    this.interpreter = plan.routes.some((route) => route.interpreter === 'xstate') ? 'xstate' : 'compiled';
    this.#registry = registry;
    this.#ports = ports;
  }

  accept(leg: Leg): void {
    if (!tryClaimAll([this.#registry.slots, this.slots])) {
      this.#ports.reports.refused({ listener: this.name, client: addressText(leg.remote), reason: 'refused.capacity' });
      leg.reset();
      return;
    }
    this.#registry.sampling.accepted();
    const connection = new Connection(this.#registry.nextId(), leg, this, this.#ports);
    this.#registry.live.set(connection.connectionId, connection);
    connection.start();
  }

  takeTurn(route: RoutePlan): number {
    if (route.action.type !== 'forward' || route.action.targets.length === 1) return 0;
    let turns = this.#turns.get(route);
    if (turns === undefined) {
      turns = roundRobin(route.action.targets.length);
      this.#turns.set(route, turns);
    }
    return turns.next();
  }

  closed(connection: Connection): void {
    if (!this.#registry.live.delete(connection.connectionId)) return;
    this.slots.release();
    this.#registry.slots.release();
    this.#registry.struckOff();
  }
}
