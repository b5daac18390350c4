/**
 * What was measured so far, and the figures that follow from it. Pure: no process, no clock.
 *
 * Read first: `results.ts`.
 */
import type { Answer } from './load/generator.ts';
import type { IdleBytes } from './measure.ts';
import { cellOf, median, type MetricResult, type Results } from './results.ts';
import type { SubjectId } from './subjects.ts';
import { idleMetrics, measuredMetrics, workloads, type Metric, type Workload } from './workloads.ts';

type Figures = (subject: SubjectId) => readonly number[];

export class Measurements {
  private readonly rounds = new Map<string, Map<SubjectId, (Answer | null)[]>>(
    workloads.map(({ id }) => [id, new Map()]),
  );
  private readonly idle = new Map<SubjectId, IdleBytes>();

  /** One round's answer; null where it failed. Every subject that runs gets one per round. */
  add(workload: Workload, subject: SubjectId, answer: Answer | null): void {
    const answers = this.rounds.get(workload.id);
    answers?.set(subject, [...(answers.get(subject) ?? []), answer]);
  }

  addIdle(subject: SubjectId, bytes: IdleBytes): void {
    this.idle.set(subject, bytes);
  }

  metrics(subjects: readonly SubjectId[]): readonly MetricResult[] {
    const [opened, touched] = idleMetrics;
    return [
      ...measuredMetrics.map((metric) =>
        result(metric, subjects, (subject) => this.figures(metric.workload, subject, metric.read)),
      ),
      result(opened, subjects, (subject) => [this.idle.get(subject)?.opened ?? Number.NaN]),
      result(touched, subjects, (subject) => [this.idle.get(subject)?.touched ?? Number.NaN]),
    ];
  }

  busy(subjects: readonly SubjectId[]): Results['busy'] {
    return workloads.flatMap(({ id }) =>
      subjects.map((subject) => ({
        workload: id,
        subject,
        subjectShare: median(this.figures(id, subject, (answer) => share(answer, 'cpuNs'))) ?? 0,
        generatorShare: median(this.figures(id, subject, (answer) => share(answer, 'ownNs'))) ?? 0,
      })),
    );
  }

  private figures(workload: string, subject: SubjectId, read: (answer: Answer) => number): readonly number[] {
    const answers = this.rounds.get(workload)?.get(subject) ?? [];
    return answers.map((answer) => (answer === null ? Number.NaN : read(answer)));
  }
}

function result(
  { id, title, unit, kind, isMoreBetter }: Metric,
  subjects: readonly SubjectId[],
  figures: Figures,
): MetricResult {
  const reference = figures('haproxy');
  const cells = Object.fromEntries(subjects.map((subject) => [subject, cellOf(figures(subject), reference)]));
  return { id, title, unit, kind, isMoreBetter, cells };
}

function share(answer: Answer, field: string): number {
  return (answer.get(field) ?? Number.NaN) / (answer.get('ns') ?? Number.NaN);
}
