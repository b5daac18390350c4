/**
 * The shape of a result file, and how figures of several rounds become one.
 *
 * A ratio is the median of the rounds' ratios to HAProxy in the same round, because the machine's noise is shared within
 * a round; a value is the median of the rounds' values. So a value divided by HAProxy's value may differ a little from
 * the ratio beside it.
 */
import { z } from 'zod';
import { subjectIds, type SubjectId } from './subjects.ts';

const cellSchema = z.object({
  /** The median; null when no round gave a figure. */
  value: z.number().nullable(),
  /** To HAProxy; null without HAProxy. */
  ratio: z.number().nullable(),
  rounds: z.array(z.number().nullable()),
});

const metricSchema = z.object({
  id: z.string(),
  title: z.string(),
  unit: z.string(),
  kind: z.enum(['throughput', 'cost', 'latency', 'memory', 'share', 'errors']),
  isMoreBetter: z.boolean(),
  cells: z.partialRecord(z.enum(subjectIds), cellSchema),
});

/** `unsure`: the cores were busy with something else, or the generator was the limit, so the figure says nothing. */
const checkSchema = z.object({
  text: z.string(),
  value: z.number().nullable(),
  verdict: z.enum(['met', 'not met', 'unsure', 'not measured']),
});

export const resultsSchema = z.object({
  format: z.literal(1),
  suite: z.enum(['l4', 'http', 'tls']).default('l4'),
  date: z.string(),
  isQuick: z.boolean(),
  rounds: z.number(),
  windowMs: z.number(),
  seconds: z.number(),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  subjects: z.array(
    z.object({
      id: z.enum(subjectIds),
      title: z.string(),
      version: z.string().nullable(),
      absent: z.string().nullable(),
    }),
  ),
  metrics: z.array(metricSchema),
  /** Median share of its core that the subject, and the generator, were busy: a subject far from 1 was not the limit. */
  busy: z.array(
    z.object({
      workload: z.string(),
      subject: z.enum(subjectIds),
      subjectShare: z.number(),
      generatorShare: z.number(),
    }),
  ),
  controlPlane: z.array(
    z.object({ interpreter: z.string(), lifecycleMicroseconds: z.number(), heapBytes: z.number() }),
  ),
  checks: z.array(checkSchema),
  remarks: z.array(z.string()),
  notes: z.string(),
});

export type Results = z.infer<typeof resultsSchema>;
export type Cell = z.infer<typeof cellSchema>;
export type MetricResult = z.infer<typeof metricSchema>;
export type Check = z.infer<typeof checkSchema>;

/** Below this share of its core a subject was not what limited throughput. */
export const busyShareMin = 0.85;

/** True exactly when a throughput or latency of that load would tell about something else than the subject. */
export function isSlack(busy: Results['busy'], workload: string, subject: SubjectId): boolean {
  return busy.some((row) => row.workload === workload && row.subject === subject && row.subjectShare < busyShareMin);
}

/** The load that a metric belongs to: `download` of `download.rate`. */
export function workloadOf(metricId: string): string {
  return metricId.split('.')[0] ?? metricId;
}

/** The middle one, or the mean of the two in the middle; null of nothing. Figures that are not numbers do not count. */
export function median(figures: readonly number[]): number | null {
  const sorted = figures.filter((figure) => Number.isFinite(figure)).toSorted((a, b) => a - b);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)], sorted[Math.floor(sorted.length / 2)]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

/** Of each round's figure to the same round's reference. NaN stands for a round that failed. */
export function medianRatio(rounds: readonly number[], reference: readonly number[]): number | null {
  return median(rounds.map((figure, round) => figure / (reference[round] ?? Number.NaN)));
}

/** @param reference HAProxy's, of the same rounds. */
export function cellOf(rounds: readonly number[], reference: readonly number[]): Cell {
  return {
    value: median(rounds),
    ratio: medianRatio(rounds, reference),
    rounds: rounds.map((figure) => (Number.isFinite(figure) ? figure : null)),
  };
}

/** A cell's rounds as figures again: NaN where one failed. */
export function figuresOf(cell: Cell | undefined): readonly number[] {
  return (cell?.rounds ?? []).map((figure) => figure ?? Number.NaN);
}
