/**
 * `sallyport/machines`: the XState machines themselves, for XState's own tools, and what runs them.
 *
 * Read first: docs/statecharts/connection.md.
 */
export { connectionMachine } from './connection/machine.ts';
export { exchangeMachine } from './exchange/machine.ts';
export { pooledMachine } from './pooled/machine.ts';
export { proxyMachine } from './proxy/machine.ts';
export { endpointMachine } from './endpoint/machine.ts';
export { certificateMachine } from './certificate/machine.ts';
export { createConnectionChart, restoreConnection } from './connection/connection-chart.ts';
export type { ConnectionChart, ConnectionHost, PersistedConnection } from './connection/connection-chart.ts';
export { createExchangeChart } from './exchange/exchange-chart.ts';
export type { ExchangeChart, ExchangeHost } from './exchange/exchange-chart.ts';
export { createPooledChart } from './pooled/pooled-chart.ts';
export type { PooledChart, PooledHost } from './pooled/pooled-chart.ts';
export { closeReasons, describeReason } from './connection/close-reason.ts';
export type { CloseReason, CloseSide } from './connection/close-reason.ts';
export type { ConnectionCommand } from './connection/commands.ts';
export type { ConnectionContext, ConnectionInput } from './connection/context.ts';
export { deadlines, deadlineNames, defaultTimeouts } from './connection/delays.ts';
export type { DeadlineName, Timeouts } from './connection/delays.ts';
export { connectionFactTypes } from './connection/events.ts';
export type { ConnectionFact } from './connection/events.ts';
export type { ExchangeCommand } from './exchange/commands.ts';
export type { ExchangeContext, ExchangeInput } from './exchange/context.ts';
export { exchangeFactTypes } from './exchange/events.ts';
export type { ExchangeFact } from './exchange/events.ts';
export type { PooledCommand, PooledContext, PooledFact, PooledInput } from './pooled/machine.ts';
export type { ArmedTimer, Chart, ChartClock, ChartHost, ChartTimer } from './chart/chart.ts';
