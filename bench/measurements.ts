/**
 * What was measured so far, and the figures that follow from it. Pure: no process, no clock.
 *
 * Read first: `results.ts`.
 */
import type { Answer } from './load/generator.ts';
import type { IdleBytes } from './measure.ts';
import { cellOf, median, type MetricResult, type Results } from './results.ts';
import type { SubjectId } from './subjects.ts';
import { carries, type Metric, type Suite, type Workload } from './suite.ts';
import { idleMetrics } from './workloads.ts';

type Figures = (subject: SubjectId) => readonly number[];

export class Measurements {
  private readonly suite: Suite;
  /** Those that can be run here. */
  private readonly workloads: readonly Workload[];
  private readonly rounds: ReadonlyMap<string, Map<SubjectId, (Answer | null)[]>>;
  private readonly idle = new Map<SubjectId, IdleBytes>();

  constructor(suite: Suite) {
    this.suite = suite;
    this.workloads = suite.workloads.filter((workload) => suite.missing(workload) === null);
    this.rounds = new Map(this.workloads.map(({ id }) => [id, new Map()]));
  }

  /** One round's answer; null where it failed. Every subject that runs gets one per round. */
  add(workload: Workload, subject: SubjectId, answer: Answer | null): void {
    const answers = this.rounds.get(workload.id);
    answers?.set(subject, [...(answers.get(subject) ?? []), answer]);
  }

  addIdle(subject: SubjectId, bytes: IdleBytes): void {
    this.idle.set(subject, bytes);
  }

  metrics(subjects: readonly SubjectId[]): readonly MetricResult[] {
    return [
      ...this.workloads.flatMap((load) => {
        const able = subjects.filter((subject) => carries(load, subject));
        return this.suite.metrics
          .filter(({ workload }) => workload === load.id)
          .map((metric) => result(metric, able, (subject) => this.figures(load.id, subject, metric.read)));
      }),
      ...(this.suite.hasExtras ? this.idleMetrics(subjects) : []),
      this.errors(subjects),
    ];
  }

  busy(subjects: readonly SubjectId[]): Results['busy'] {
    return this.workloads.flatMap((workload) =>
      subjects
        .filter((subject) => carries(workload, subject))
        .map((subject) => ({
          workload: workload.id,
          subject,
          subjectShare: median(this.figures(workload.id, subject, (answer) => share(answer, 'cpuNs'))) ?? 0,
          generatorShare: median(this.figures(workload.id, subject, (answer) => share(answer, 'ownNs'))) ?? 0,
        })),
    );
  }

  private idleMetrics(subjects: readonly SubjectId[]): readonly MetricResult[] {
    const [opened, touched] = idleMetrics;
    return [
      result(opened, subjects, (subject) => [this.idle.get(subject)?.opened ?? Number.NaN]),
      result(touched, subjects, (subject) => [this.idle.get(subject)?.touched ?? Number.NaN]),
    ];
  }

  /** What failed in all windows of all rounds together; a window that gave no answer is a word in the table, and a remark. */
  private errors(subjects: readonly SubjectId[]): MetricResult {
    const cells = subjects.map((subject) => {
      const answers = [...this.rounds.values()].flatMap((bySubject) => bySubject.get(subject) ?? []);
      const value = answers.reduce((sum, answer) => sum + (answer?.get('errors') ?? 0), 0);
      return [subject, { value, ratio: null, rounds: [] }] as const;
    });
    const shown = { title: 'failed, all loads and rounds', unit: '', kind: 'errors', isMoreBetter: false } as const;
    return { id: 'errors', ...shown, cells: Object.fromEntries(cells) };
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
