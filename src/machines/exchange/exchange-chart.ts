/**
 * One exchange's running chart, by either interpreter.
 *
 * Decides: which interpreter runs it. Must never do: differ between the two in anything a user can see.
 * Read first: `machine.ts`. Proof: test/property/exchange-conformance.test.ts.
 */
import { ActorChart, type ActorLogic } from '../chart/actor-chart.ts';
import type { Chart, ChartClock, ChartHost } from '../chart/chart.ts';
import { compileChart, type ChartTable } from '../chart/compile.ts';
import { compiledCharts, type CompiledCharts } from '../chart/compiled-chart.ts';
import { typed } from '../chart/typed.ts';
import type { InterpreterName } from '../connection/connection-chart.ts';
import { commands, type ExchangeCommand } from './commands.ts';
import { initialContext, type ExchangeContext, type ExchangeInput } from './context.ts';
import { isExchangeFactType, type ExchangeFact } from './events.ts';
import { exchangeMachine, exchangeRegistries } from './machine.ts';

export type ExchangeChart = Chart<ExchangeContext, ExchangeFact>;
export type ExchangeHost = ChartHost<ExchangeCommand>;
export type ExchangeTable = ChartTable<ExchangeContext, ExchangeFact, ExchangeCommand>;

/** The table, derived from the machine when this module is loaded: a chart that cannot be compiled stops the process at once. */
export const exchangeTable: ExchangeTable = compileChart(exchangeMachine, exchangeRegistries, isExchangeFactType);

const compiled: CompiledCharts<ExchangeContext, ExchangeFact, ExchangeCommand> = compiledCharts(exchangeTable);

const logic: ActorLogic<ExchangeContext, ExchangeFact, ExchangeCommand> = {
  machine: exchangeMachine,
  table: exchangeTable,
  read: narrow(typed<ReturnType<(typeof exchangeMachine)['getInitialSnapshot']>>()),
  isCommand: (emitted): emitted is ExchangeCommand => Object.hasOwn(commands, emitted.type),
};

/** A chart that has not been started. */
export function createExchangeChart(
  interpreter: InterpreterName,
  input: ExchangeInput,
  clock: ChartClock,
  host: ExchangeHost,
): ExchangeChart {
  if (interpreter === 'compiled') return compiled.create(initialContext(input), clock, host);
  return new ActorChart(logic, { kind: 'new', input }, clock, host);
}

/** The typed boundary to the actor's snapshot, whose type XState knows and its `Actor<AnyStateMachine>` does not. */
function narrow<Known>(example: Known): (snapshot: unknown) => Known;
function narrow(): (snapshot: unknown) => unknown {
  return (snapshot) => snapshot;
}
