/**
 * What is expected of Sallyport with its default interpreter, checked and printed, never asserted: a benchmark is not a
 * test, and the machine may be busy.
 */
import { figuresOf, medianRatio, type Check, type MetricResult } from './results.ts';

const idleBytesMax = 9 * 1024;

/** One line per expectation; `isMet` is null where it could not be measured. */
export function checkExpectations(metrics: readonly MetricResult[]): readonly Check[] {
  const toHaproxy = [
    { id: 'download.rate', atLeast: 0.9 },
    { id: 'duplex.rate', atLeast: 0.9 },
    { id: 'connections.rate', atLeast: 0.5 },
  ].map(({ id, atLeast }) => {
    const metric = find(metrics, id);
    const ratio = metric?.cells.sallyport?.ratio ?? null;
    return check(`${name(metric, id)}: at least ${atLeast} of haproxy`, ratio, (value) => value >= atLeast);
  });
  const toPipe = metrics.map((metric) => {
    const better = metric.isMoreBetter ? 'at least' : 'at most';
    return check(`${name(metric, metric.id)}: ${better} 1.0 of a.pipe(b)`, ratioToPipe(metric), (value) =>
      metric.isMoreBetter ? value >= 1 : value <= 1,
    );
  });
  const idle = find(metrics, 'idle.bytes');
  const bytes = idle?.cells.sallyport?.value ?? null;
  return [
    ...toHaproxy,
    ...toPipe,
    check(`${name(idle, 'idle')}: at most 9 KB`, bytes, (value) => value <= idleBytesMax),
  ];
}

function ratioToPipe({ cells }: MetricResult): number | null {
  return medianRatio(figuresOf(cells.sallyport), figuresOf(cells.pipe));
}

function check(text: string, value: number | null, isMet: (value: number) => boolean): Check {
  return { text, value, isMet: value === null ? null : isMet(value) };
}

function find(metrics: readonly MetricResult[], id: string): MetricResult | undefined {
  return metrics.find((metric) => metric.id === id);
}

function name(metric: MetricResult | undefined, id: string): string {
  return metric?.title ?? id;
}
