/**
 * What is expected on layer 4 of Sallyport with its default interpreter, checked and printed, never asserted: a benchmark is not a
 * test, and the machine may be busy. Where it was, throughput and latency are `unsure`; cost and memory still count.
 */
import { figuresOf, isSlack, medianRatio, workloadOf, type Check, type MetricResult, type Results } from './results.ts';
import type { SubjectId } from './subjects.ts';

const idleBytesMax = 9 * 1024;
const toHaproxyMin = { 'download.rate': 0.9, 'duplex.rate': 0.9, 'connections.rate': 0.5 } as const;

/** One line per expectation. */
export function checkExpectations(metrics: readonly MetricResult[], busy: Results['busy']): readonly Check[] {
  const toHaproxy = Object.entries(toHaproxyMin).flatMap(([id, least]) =>
    metrics
      .filter((metric) => metric.id === id)
      .map((metric) => {
        const ratio = metric.cells.sallyport?.ratio ?? null;
        const text = `${metric.title}: at least ${least} of haproxy`;
        return check(text, ratio, (value) => value >= least, isSure(busy, metric, 'haproxy'));
      }),
  );
  const compared = metrics.filter(({ kind }) => kind !== 'errors');
  const toPipe = compared.map((metric) => {
    const text = `${metric.title}: ${metric.isMoreBetter ? 'at least' : 'at most'} 1.0 of a.pipe(b)`;
    const ratio = medianRatio(figuresOf(metric.cells.sallyport), figuresOf(metric.cells.pipe));
    const isMet = (value: number): boolean => (metric.isMoreBetter ? value >= 1 : value <= 1);
    return check(text, ratio, isMet, isSure(busy, metric, 'pipe'));
  });
  const bytes = metrics.find(({ id }) => id === 'idle.bytes')?.cells.sallyport?.value ?? null;
  return [
    ...toHaproxy,
    ...toPipe,
    check('idle connection, no byte yet: at most 9 KB', bytes, (value) => value <= idleBytesMax, true),
  ];
}

/** True exactly when both were what limited that figure, or it does not depend on that. */
export function isSure(busy: Results['busy'], { id, kind }: MetricResult, peer: SubjectId): boolean {
  if (kind === 'cost' || kind === 'memory') return true;
  return !isSlack(busy, workloadOf(id), 'sallyport') && !isSlack(busy, workloadOf(id), peer);
}

export function check(text: string, value: number | null, isMet: (value: number) => boolean, isClear: boolean): Check {
  if (value === null) return { text, value, verdict: 'not measured' };
  if (!isClear) return { text, value, verdict: 'unsure' };
  return { text, value, verdict: isMet(value) ? 'met' : 'not met' };
}
