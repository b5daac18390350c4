/**
 * What is asked of every HTTP subject, and which figures come out of it.
 *
 * Decides: the load of each row, who can carry it, and the meaning of each figure. Must never do: differ between subjects.
 */
import { per, type MeasuredMetric, type Workload } from '../suite.ts';

export const httpWorkloads: readonly Workload[] = [
  { id: 'small', title: 'HTTP/1.1, 100 B, 50 conns', command: 'http', connections: 50, bytes: 100 },
  { id: 'large', title: 'HTTP/1.1, 100 KB, 50 conns', command: 'http', connections: 50, bytes: 102_400 },
  { id: 'fresh', title: 'a connection per request, 50 at once', command: 'fresh', connections: 50, bytes: 100 },
  {
    id: 'messages',
    title: 'WebSocket ping-pong, 100 B, 50 conns',
    command: 'ws',
    connections: 50,
    bytes: 100,
    subjects: ['haproxy', 'nginx', 'http-proxy', 'httpxy', 'sallyport', 'sallyport-xstate'],
  },
  {
    id: 'h2',
    title: 'HTTP/2, 100 B, 10 conns × 10 streams',
    command: 'h2load',
    connections: 10,
    bytes: 100,
    subjects: ['haproxy', 'nginx', 'reply-from', 'sallyport', 'sallyport-xstate'],
  },
];

/** Requests at once on each connection of HTTP/2. */
export const h2Streams = 10;

export const httpMetrics: readonly MeasuredMetric[] = httpWorkloads.flatMap((workload) => metricsOf(workload));

function metricsOf({ id, title, command }: Workload): readonly MeasuredMetric[] {
  const unit = command === 'ws' ? 'msg' : 'req';
  const rate: MeasuredMetric = {
    id: `${id}.rate`,
    workload: id,
    title,
    unit: `${unit}/s`,
    kind: 'throughput',
    isMoreBetter: true,
    read: (answer) => per(answer, 'units', 'ns') * 1e9,
  };
  const cpu: MeasuredMetric = {
    id: `${id}.cpu`,
    workload: id,
    title: '… CPU',
    unit: `µs/${unit}`,
    kind: 'cost',
    isMoreBetter: false,
    read: (answer) => per(answer, 'cpuNs', 'units') / 1_000,
  };
  const [p50, p99] = (['p50', 'p99'] as const).map((name): MeasuredMetric => ({
    id: `${id}.${name}`,
    workload: id,
    title: `… ${name}`,
    unit: 'µs',
    kind: 'latency',
    isMoreBetter: false,
    read: (answer) => (answer.get(`${name}Ns`) ?? Number.NaN) / 1_000,
  }));
  return [rate, cpu, ...(p50 === undefined || p99 === undefined ? [] : [p50, p99])];
}
