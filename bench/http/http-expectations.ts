/**
 * What is expected of Sallyport's HTTP on the public leg, checked and printed, never asserted.
 *
 * Decides: who the fastest Node peer is: the one with the highest median under that load, in the same run.
 */
import { check, isSure } from '../expectations.ts';
import { figuresOf, medianRatio, type Check, type MetricResult, type Results } from '../results.ts';
import type { SubjectId } from '../subjects.ts';

const toHaproxyMin = 0.63;
const toNodeMin = 1.7;
const nodePeers: readonly SubjectId[] = ['http-proxy', 'httpxy', 'reply-from', 'fast-proxy', 'undici'];

/** One line per expectation. */
export function checkHttpExpectations(metrics: readonly MetricResult[], busy: Results['busy']): readonly Check[] {
  return metrics
    .filter(({ id }) => id === 'small.rate')
    .flatMap((metric) => [toHaproxy(metric, busy), toNode(metric, busy)]);
}

function toHaproxy(metric: MetricResult, busy: Results['busy']): Check {
  const ratio = metric.cells.sallyport?.ratio ?? null;
  const text = `${metric.title}: at least ${toHaproxyMin} of haproxy`;
  return check(text, ratio, (value) => value >= toHaproxyMin, isSure(busy, metric, 'haproxy'));
}

function toNode(metric: MetricResult, busy: Results['busy']): Check {
  const speedOf = (id: SubjectId): number => metric.cells[id]?.value ?? 0;
  const [fastest] = nodePeers.filter((id) => speedOf(id) > 0).toSorted((a, b) => speedOf(b) - speedOf(a));
  const text = `${metric.title}: at least ${toNodeMin} of the fastest Node peer (${fastest ?? 'none'})`;
  if (fastest === undefined) return check(text, null, () => false, false);
  const ratio = medianRatio(figuresOf(metric.cells.sallyport), figuresOf(metric.cells[fastest]));
  return check(text, ratio, (value) => value >= toNodeMin, isSure(busy, metric, fastest));
}
