/**
 * The running chart of one endpoint: always compiled, because the process may have thousands of them and nobody inspects one.
 *
 * Decides nothing. Read first: `machine.ts`. Proof: test/property/endpoint-walk.test.ts walks the same table.
 */
import type { Chart, ChartClock, ChartHost } from '../chart/chart.ts';
import { compileChart, type ChartTable } from '../chart/compile.ts';
import { compiledCharts, type CompiledCharts } from '../chart/compiled-chart.ts';
import { initialEndpointContext, type EndpointContext, type EndpointPolicy } from './context.ts';
import { isEndpointFactType, type EndpointCommand, type EndpointFact } from './events.ts';
import { endpointMachine, endpointRegistries } from './machine.ts';

export type EndpointChart = Chart<EndpointContext, EndpointFact>;
export type EndpointHost = ChartHost<EndpointCommand>;

/** Derived when this module is loaded: a chart that cannot be compiled stops the process at once. */
export const endpointTable: ChartTable<EndpointContext, EndpointFact, EndpointCommand> = compileChart(
  endpointMachine,
  endpointRegistries,
  isEndpointFactType,
);

const compiled: CompiledCharts<EndpointContext, EndpointFact, EndpointCommand> = compiledCharts(endpointTable);

/** A chart that has not been started. */
export function createEndpointChart(policy: EndpointPolicy, clock: ChartClock, host: EndpointHost): EndpointChart {
  return compiled.create(initialEndpointContext(policy), clock, host);
}
