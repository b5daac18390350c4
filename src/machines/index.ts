/**
 * `sallyport/machines`: the XState machines themselves, for XState's own tools, and what runs them.
 *
 * Read first: docs/statecharts/connection.md.
 */
export { connectionMachine } from './connection/machine.ts';
export { proxyMachine } from './proxy/machine.ts';
export { createConnectionChart, restoreConnection } from './connection/connection-chart.ts';
export type { ConnectionChart, ConnectionHost, PersistedConnection } from './connection/connection-chart.ts';
export { closeReasons, describeReason } from './connection/close-reason.ts';
export type { CloseReason, CloseSide } from './connection/close-reason.ts';
export type { ConnectionCommand } from './connection/commands.ts';
export type { ConnectionContext, ConnectionInput } from './connection/context.ts';
export { deadlines, deadlineNames, defaultTimeouts } from './connection/delays.ts';
export type { DeadlineName, Timeouts } from './connection/delays.ts';
export { connectionFactTypes } from './connection/events.ts';
export type { ConnectionFact } from './connection/events.ts';
export type { ArmedTimer, Chart, ChartClock, ChartHost, ChartTimer } from './chart/chart.ts';
