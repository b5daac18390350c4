/**
 * One connection's running chart, by either interpreter, new or restored.
 *
 * Decides: which interpreter runs it. Must never do: differ between the two in anything a user can see.
 * Read first: `machine.ts`. Proof: test/property/conformance.test.ts.
 */
import { ActorChart, type ActorLogic } from '../chart/actor-chart.ts';
import type { Chart, ChartClock, ChartHost, PersistedChart } from '../chart/chart.ts';
import { compileChart, type ChartTable } from '../chart/compile.ts';
import { compiledCharts, type CompiledCharts } from '../chart/compiled-chart.ts';
import { typed } from '../chart/typed.ts';
import { commands, type ConnectionCommand } from './commands.ts';
import { initialContext, type ConnectionContext, type ConnectionInput } from './context.ts';
import { isConnectionFactType, type ConnectionFact } from './events.ts';
import { connectionMachine, connectionRegistries } from './machine.ts';

export type ConnectionChart = Chart<ConnectionContext, ConnectionFact>;
export type ConnectionHost = ChartHost<ConnectionCommand>;
export type PersistedConnection = PersistedChart<ConnectionContext>;
export type ConnectionTable = ChartTable<ConnectionContext, ConnectionFact, ConnectionCommand>;
export type InterpreterName = 'compiled' | 'xstate';

/** The table, derived from the machine when this module is loaded: a chart that cannot be compiled stops the process at once. */
export const connectionTable: ConnectionTable = compileChart(
  connectionMachine,
  connectionRegistries,
  isConnectionFactType,
);

const compiled: CompiledCharts<ConnectionContext, ConnectionFact, ConnectionCommand> = compiledCharts(connectionTable);

const logic: ActorLogic<ConnectionContext, ConnectionFact, ConnectionCommand> = {
  machine: connectionMachine,
  table: connectionTable,
  read: narrow(typed<ReturnType<(typeof connectionMachine)['getInitialSnapshot']>>()),
  isCommand: (emitted): emitted is ConnectionCommand => Object.hasOwn(commands, emitted.type),
};

/** A chart that has not been started. */
export function createConnectionChart(
  interpreter: InterpreterName,
  input: ConnectionInput,
  clock: ChartClock,
  host: ConnectionHost,
): ConnectionChart {
  if (interpreter === 'compiled') return compiled.create(initialContext(input), clock, host);
  return new ActorChart(logic, { kind: 'new', input }, clock, host);
}

/**
 * A chart that goes on where a persisted one was. `start()` re-arms what remained of its deadlines, which XState itself
 * does not do, and repeats no command.
 */
export function restoreConnection(
  interpreter: InterpreterName,
  persisted: PersistedConnection,
  clock: ChartClock,
  host: ConnectionHost,
): ConnectionChart {
  if (interpreter === 'compiled') return compiled.restore(persisted, clock, host);
  return new ActorChart(logic, { kind: 'restored', persisted }, clock, host);
}

/** The typed boundary to the actor's snapshot, whose type XState knows and its `Actor<AnyStateMachine>` does not. */
function narrow<Known>(example: Known): (snapshot: unknown) => Known;
function narrow(): (snapshot: unknown) => unknown {
  return (snapshot) => snapshot;
}
