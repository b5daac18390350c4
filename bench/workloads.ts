/**
 * What is asked of every subject on layer 4, and which figures come out of it.
 *
 * Decides: the load of each row and the meaning of each figure. Must never do: differ between subjects.
 */
import { per, type MeasuredMetric, type Metric, type Workload } from './suite.ts';

export const workloads: readonly Workload[] = [
  { id: 'download', title: 'bulk download, 8 connections', command: 'download', connections: 8, bytes: 1 },
  { id: 'duplex', title: 'bulk both ways at once, 8 connections', command: 'duplex', connections: 8, bytes: 1 },
  { id: 'messages', title: 'ping-pong of 100 bytes, 50 connections', command: 'ping', connections: 50, bytes: 100 },
  {
    id: 'connections',
    title: 'connect, 8 bytes each way, close; 64 at a time',
    command: 'connect',
    connections: 64,
    bytes: 8,
  },
];

/** Before the first round, unmeasured: what a just-in-time compiler needs to see, milliseconds of each. */
export const warmUp = {
  workloads: workloads.filter(({ command }) => command === 'ping' || command === 'connect'),
  ms: 250,
};

/** Idle connections held open for the memory rows. */
export const idleConnections = 5_000;

/** Nanoseconds per byte come out as milliseconds per megabyte; a gigabyte is 10^9 bytes. */
export const measuredMetrics: readonly MeasuredMetric[] = [
  {
    id: 'download.rate',
    workload: 'download',
    title: 'bulk download, 8 conns',
    unit: 'GB/s',
    kind: 'throughput',
    isMoreBetter: true,
    read: (answer) => per(answer, 'bytes', 'ns'),
  },
  {
    id: 'download.cpu',
    workload: 'download',
    title: 'bulk download, CPU',
    unit: 'ms/GB',
    kind: 'cost',
    isMoreBetter: false,
    read: (answer) => per(answer, 'cpuNs', 'bytes') * 1_000,
  },
  {
    id: 'duplex.rate',
    workload: 'duplex',
    title: 'bulk both ways, 8 conns',
    unit: 'GB/s',
    kind: 'throughput',
    isMoreBetter: true,
    read: (answer) => per(answer, 'bytes', 'ns'),
  },
  {
    id: 'duplex.cpu',
    workload: 'duplex',
    title: 'bulk both ways, CPU',
    unit: 'ms/GB',
    kind: 'cost',
    isMoreBetter: false,
    read: (answer) => per(answer, 'cpuNs', 'bytes') * 1_000,
  },
  {
    id: 'messages.rate',
    workload: 'messages',
    title: 'ping-pong, 50 conns, 100 B',
    unit: 'msg/s',
    kind: 'throughput',
    isMoreBetter: true,
    read: (answer) => per(answer, 'units', 'ns') * 1e9,
  },
  {
    id: 'messages.cpu',
    workload: 'messages',
    title: 'ping-pong, CPU',
    unit: 'µs/msg',
    kind: 'cost',
    isMoreBetter: false,
    read: (answer) => per(answer, 'cpuNs', 'units') / 1_000,
  },
  {
    id: 'messages.p50',
    workload: 'messages',
    title: 'ping-pong, p50',
    unit: 'µs',
    kind: 'latency',
    isMoreBetter: false,
    read: (answer) => (answer.get('p50Ns') ?? Number.NaN) / 1_000,
  },
  {
    id: 'messages.p99',
    workload: 'messages',
    title: 'ping-pong, p99',
    unit: 'µs',
    kind: 'latency',
    isMoreBetter: false,
    read: (answer) => (answer.get('p99Ns') ?? Number.NaN) / 1_000,
  },
  {
    id: 'connections.rate',
    workload: 'connections',
    title: 'new connections, 64 at once',
    unit: 'conn/s',
    kind: 'throughput',
    isMoreBetter: true,
    read: (answer) => per(answer, 'units', 'ns') * 1e9,
  },
  {
    id: 'connections.cpu',
    workload: 'connections',
    title: 'new connections, CPU',
    unit: 'µs/conn',
    kind: 'cost',
    isMoreBetter: false,
    read: (answer) => per(answer, 'cpuNs', 'units') / 1_000,
  },
];

export const idleMetrics: readonly [Metric, Metric] = [
  { id: 'idle.bytes', title: 'idle connection, no byte yet', unit: 'B', kind: 'memory', isMoreBetter: false },
  {
    id: 'idle.touchedBytes',
    title: 'idle connection, a byte each way',
    unit: 'B',
    kind: 'memory',
    isMoreBetter: false,
  },
];
