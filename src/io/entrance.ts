/**
 * The entrance of a proxy, shared by its listeners: slots and the waiting room, the caps and rates by address, and who may
 * be shed.
 *
 * Decides: who gives way where there is no slot. Of the clients that are still being found out about, and those that HTTP is
 * served for and that have asked no route for anything yet, the oldest of the address that has most of them, and only where
 * it has clearly more than the newcomer's would; never one that is being served or dialled for, and never one that may
 * rightly wait for the server to speak.
 * Must never do: look at a connection that did not tell that it moved. Every question takes the same time under flood.
 * Read first: `acceptor.ts`, `routing/waiting-room.ts`, `routing/crowd.ts`.
 */
import { stateOf } from '../machines/chart/chart.ts';
import { compileTrust } from '../routing/access.ts';
import { claimTogether, KeyedSlots, type SlotSource } from '../routing/counted-limits.ts';
import { Crowd } from '../routing/crowd.ts';
import { holderOf } from '../routing/ip-address.ts';
import type { AdmissionPlan } from '../routing/plan.ts';
import { Rates, takeTogether } from '../routing/rates.ts';
import { type Door, WaitingRoom } from '../routing/waiting-room.ts';
import type { Connection } from './connection.ts';
import type { AddressAnswer } from './connection-ports.ts';

/** What is counted by address for the proxy, or for a listener. */
export class AddressLimits {
  /** `the proxy`, or what the listener is called in a sentence. */
  readonly whose: string;
  readonly #slots: KeyedSlots;
  readonly #rates: Rates;

  constructor({ maxConnectionsPerIp, rates }: AdmissionPlan, whose: string) {
    this.whose = whose;
    this.#slots = new KeyedSlots(maxConnectionsPerIp);
    this.#rates = new Rates(rates);
  }

  sourceFor(holder: string): SlotSource | null {
    return this.#slots.max === null || holder === '' ? null : this.#slots.at(holder);
  }

  charges(holder: string): ReturnType<Rates['chargesFor']> {
    return this.#rates.chargesFor(connections, holder);
  }
}

const connections = ['connections'] as const;

/** The caps of all of them, and then their rates; nobody is charged for what a cap refuses. */
export function admitAddress(ip: string, limits: readonly AddressLimits[], nowMs: number): AddressAnswer {
  const holder = holderOf(ip);
  // What has no address is counted by none.
  const capped = limits.flatMap((each) => {
    const source = each.sourceFor(holder);
    return source === null ? [] : [{ whose: each.whose, source }];
  });
  const charges = limits.flatMap((each) => each.charges(holder));
  if (capped.length === 0 && charges.length === 0) return uncounted;
  const answer = claimTogether(capped.map(({ source }) => source));
  if (!answer.claimed) {
    const whose = capped[answer.full]?.whose ?? '';
    return { kind: 'refused', reason: 'refused.capacity', cause: `${whose} is full for this address` };
  }
  if (takeTogether(charges, nowMs).granted) return { kind: 'admitted', claim: answer.claim };
  answer.claim.release();
  return { kind: 'refused', reason: 'refused.rate', cause: 'the rate of new connections is used up' };
}

const uncounted: AddressAnswer = { kind: 'admitted', claim: null };

/** The clients that may be shed: of a proxy, or of a listener with a cap of its own. */
export class Sheddable {
  readonly #crowd = new Crowd<Connection>();

  get size(): number {
    return this.#crowd.size;
  }

  /** Who gives way to a client from that address; null: nobody. */
  victimFor(ip: string): Connection | null {
    return this.#crowd.victimFor(holderOf(ip), 'first');
  }

  leave(connection: Connection): void {
    this.#crowd.remove(connection);
  }

  moved(connection: Connection, to: string): void {
    if (!isSheddable(connection, to)) this.leave(connection);
    else this.#crowd.add(holderOf(connection.client.host), connection);
  }
}

/** What `moved` has to be told of. */
export function concernsShedding(from: string, to: string): boolean {
  return stateOf(from) === 'SNIFFING' || stateOf(to) === 'SNIFFING' || from.startsWith(http) || to.startsWith(http);
}

const http = 'ESTABLISHED.HTTP';

function isSheddable({ listener: { sniffer } }: Connection, leaf: string): boolean {
  if (leaf.startsWith(http)) return true;
  if (stateOf(leaf) !== 'SNIFFING') return false;
  if (leaf === 'SNIFFING.SILENT') return sniffer.table.serverFirstMs === null;
  if (leaf === 'SNIFFING.INNER_SILENT') return (sniffer.inside ?? sniffer).table.serverFirstMs === null;
  // Left in the same tick; and from here on its address is its own, not that of whoever is in front.
  return leaf !== 'SNIFFING.IDENTIFIED';
}

export class Entrance {
  readonly room: WaitingRoom<Connection>;
  readonly addresses: AddressLimits;
  readonly sheddable = new Sheddable();
  /** False once the proxy drains: nobody waits any more. */
  #isOpen = true;

  /** True exactly when that address speaks for others, whose addresses are counted where it says them. */
  readonly isTrusted: (ip: string) => boolean;

  /** @param plan the proxy's, with the cap that is in force. @param trustedProxies of the configuration. */
  constructor(plan: AdmissionPlan, trustedProxies: readonly string[] = []) {
    this.isTrusted = compileTrust(trustedProxies);
    this.room = new WaitingRoom(plan, (connection) => connection.admit());
    this.addresses = new AddressLimits(plan, 'the proxy');
  }

  get slots(): Door['slots'] {
    return this.room.gate.slots;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whoever waits is let go; nobody will wait again. */
  close(): void {
    this.#isOpen = false;
    for (const connection of this.room.waiters())
      connection.hear({ type: 'admission.refused', reason: 'operator.drained' });
  }
}
