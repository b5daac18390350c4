/**
 * The running chart of one pooled upstream connection, by either interpreter.
 *
 * Decides: which interpreter runs it. Must never do: differ between the two in anything a user can see.
 * Read first: `machine.ts`. Proof: test/property/pooled-walk.test.ts.
 */
import { ActorChart, type ActorLogic } from '../chart/actor-chart.ts';
import type { Chart, ChartClock, ChartHost } from '../chart/chart.ts';
import { compileChart, type ChartTable } from '../chart/compile.ts';
import { compiledCharts, type CompiledCharts } from '../chart/compiled-chart.ts';
import { typed } from '../chart/typed.ts';
import type { InterpreterName } from '../connection/connection-chart.ts';
import {
  initialContext,
  isPooledFactType,
  pooledMachine,
  pooledRegistries,
  type PooledCommand,
  type PooledContext,
  type PooledFact,
  type PooledInput,
} from './machine.ts';

export type PooledChart = Chart<PooledContext, PooledFact>;
export type PooledHost = ChartHost<PooledCommand>;
export type PooledTable = ChartTable<PooledContext, PooledFact, PooledCommand>;

/** The table, derived from the machine when this module is loaded: a chart that cannot be compiled stops the process at once. */
export const pooledTable: PooledTable = compileChart(pooledMachine, pooledRegistries, isPooledFactType);

const compiled: CompiledCharts<PooledContext, PooledFact, PooledCommand> = compiledCharts(pooledTable);

const logic: ActorLogic<PooledContext, PooledFact, PooledCommand> = {
  machine: pooledMachine,
  table: pooledTable,
  read: narrow(typed<ReturnType<(typeof pooledMachine)['getInitialSnapshot']>>()),
  isCommand: (emitted): emitted is PooledCommand => Object.hasOwn(pooledRegistries.commands, emitted.type),
};

/** A chart that has not been started. */
export function createPooledChart(
  interpreter: InterpreterName,
  input: PooledInput,
  clock: ChartClock,
  host: PooledHost,
): PooledChart {
  if (interpreter === 'compiled') return compiled.create(initialContext(input), clock, host);
  return new ActorChart(logic, { kind: 'new', input }, clock, host);
}

/** The typed boundary to the actor's snapshot, whose type XState knows and its `Actor<AnyStateMachine>` does not. */
function narrow<Known>(example: Known): (snapshot: unknown) => Known;
function narrow(): (snapshot: unknown) => unknown {
  return (snapshot) => snapshot;
}
