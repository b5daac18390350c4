/**
 * What is asked of every TLS subject, and which figures come out of it.
 *
 * Decides: the load of each row and the meaning of each figure. Must never do: differ between subjects. What is negotiated
 * is decided by the client, `../load/tls-load.c`.
 */
import { per, type MeasuredMetric, type Workload } from '../suite.ts';

export const tlsWorkloads: readonly Workload[] = [
  { id: 'full', title: 'full handshakes, 64 at once', command: 'full', connections: 64, bytes: 8 },
  { id: 'resumed', title: 'resumed handshakes, 64 at once', command: 'resumed', connections: 64, bytes: 8 },
  { id: 'once', title: 'the same, a ticket used once', command: 'once', connections: 64, bytes: 8 },
  { id: 'download', title: 'bulk download, 8 conns', command: 'download', connections: 8, bytes: 1 },
  { id: 'https', title: 'HTTPS, 100 B, 50 conns', command: 'https', connections: 50, bytes: 100 },
];

type Read = MeasuredMetric['read'];

const perSecond: Read = (answer) => per(answer, 'units', 'ns') * 1e9;
const cpuOfOne: Read = (answer) => per(answer, 'cpuNs', 'units') / 1_000;
/** Nanoseconds per byte come out as milliseconds per megabyte; a gigabyte is 10^9 bytes. */
const cpuOfGigabyte: Read = (answer) => per(answer, 'cpuNs', 'bytes') * 1_000;
/** Microseconds; where nothing was answered there is none. */
const latency =
  (field: string): Read =>
  (answer) =>
    (answer.get(field) || Number.NaN) / 1_000;

/** Percent; none resumed is a figure, nothing done is none. */
const resumedShare: Read = (answer) => {
  const units = answer.get('units') ?? 0;
  return units > 0 ? ((answer.get('resumed') ?? Number.NaN) / units) * 100 : Number.NaN;
};

/** In the order of the table. */
export const tlsMetrics: readonly MeasuredMetric[] = tlsWorkloads.flatMap(({ id: workload, title }) =>
  rowsOf(workload).map(([row, ending, unit, kind, read]) => ({
    id: `${workload}.${row}`,
    workload,
    title: ending === '' ? title : `… ${ending}`,
    unit,
    kind,
    isMoreBetter: kind === 'throughput' || kind === 'share',
    read,
  })),
);

type Row = readonly [id: string, ending: string, unit: string, kind: MeasuredMetric['kind'], read: Read];

function rowsOf(workload: string): readonly Row[] {
  if (workload === 'download')
    return [
      ['rate', '', 'GB/s', 'throughput', (answer) => per(answer, 'bytes', 'ns')],
      ['cpu', 'CPU', 'ms/GB', 'cost', cpuOfGigabyte],
    ];
  const unit = workload === 'https' ? 'req' : 'conn';
  const both: readonly Row[] = [
    ['rate', '', `${unit}/s`, 'throughput', perSecond],
    ['cpu', 'CPU', `µs/${unit}`, 'cost', cpuOfOne],
  ];
  if (workload === 'full') return both;
  if (workload === 'resumed' || workload === 'once')
    return [...both, ['share', 'that really resumed', '%', 'share', resumedShare]];
  return [
    ...both,
    ['p50', 'p50', 'µs', 'latency', latency('p50Ns')],
    ['p99', 'p99', 'µs', 'latency', latency('p99Ns')],
  ];
}
