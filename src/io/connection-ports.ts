/**
 * What a connection is given: the outside world as ports, and the listener it came through.
 */
import type { InterpreterName } from '../machines/connection/connection-chart.ts';
import type { ListenerPlan } from '../routing/plan.ts';
import type { Clock } from './clock.ts';
import type { Connection } from './connection.ts';
import type { Serving } from './http/serving.ts';
import type { HttpService } from './http/service.ts';
import type { Ledger } from './ledger.ts';
import type { Leg } from './leg.ts';
import type { Reports } from './reports.ts';
import type { DialerOf } from './route-dialers.ts';
import type { CandidatesOf } from './candidates.ts';
import type { RouteAdmission } from './route-admission.ts';
import type { SlotClaim } from '../routing/counted-limits.ts';
import type { Sniffer } from './sniffer.ts';
import type { TerminationPorts } from './termination.ts';

export interface ConnectionPorts {
  readonly clock: Clock;
  readonly dialerOf: DialerOf;
  /** Null where no route terminates TLS. */
  readonly termination: TerminationPorts | null;
  readonly reports: Reports;
  /** The HTTP service of a connection, for the protocol that its client speaks. */
  readonly openService: (leg: Leg, serving: Serving) => HttpService;
  readonly ledger: Ledger;
  readonly routeAdmission: RouteAdmission;
  readonly candidatesOf: CandidatesOf;
}

/** A listener as its connections see it. */
export interface ListenerRuntime {
  /** `[::]:8080` */
  readonly name: string;
  readonly plan: ListenerPlan;
  readonly sniffer: Sniffer;
  /** Runs every connection of this listener; `xstate` as soon as one of its routes asks for it (docs/adr/0010). */
  readonly interpreter: InterpreterName;
  /** Whether that peer may send a PROXY header here. */
  mayIntroduce(ip: string): boolean;
  /** What is asked of every client's address, once it is known: the caps and rates of the proxy and of the listener. */
  identify(ip: string): AddressAnswer;
  /** The chart of a connection has moved from one leaf to another. */
  moved(connection: Connection, from: string, to: string): void;
  /** A route serves it: from now on it gives way to nobody. */
  settled(connection: Connection): void;
  /** The connection has entered CLOSED: its slot is free, and it is no longer listed. */
  closed(connection: Connection): void;
}

export type AddressAnswer =
  /** Null: nothing is counted by address. */
  | { readonly kind: 'admitted'; readonly claim: SlotClaim | null }
  | { readonly kind: 'refused'; readonly reason: 'refused.capacity' | 'refused.rate'; readonly cause: string };
