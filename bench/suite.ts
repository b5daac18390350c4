/**
 * A suite: who is compared under which loads, which figures come out of it, and what is expected of them.
 *
 * Must never do: measure; `bench.ts` runs whichever suite it is given.
 */
import type { Answer, Generator, LoadProgram } from './load/generator.ts';
import type { Check, MetricResult, Results } from './results.ts';
import type { Found, Place, Running, SubjectId } from './subjects.ts';

export type SuiteId = 'l4' | 'http' | 'tls';

export interface Window {
  readonly warmMs: number;
  readonly windowMs: number;
}

export interface Workload {
  readonly id: string;
  readonly title: string;
  /** The generator's word for it; see the programs in load/. `h2load` is a program of its own. */
  readonly command:
    | 'download'
    | 'duplex'
    | 'ping'
    | 'connect'
    | 'http'
    | 'fresh'
    | 'ws'
    | 'h2load'
    | 'full'
    | 'resumed'
    | 'once'
    | 'https';
  readonly connections: number;
  /** Bytes of a request, or of its answer where that is what counts. */
  readonly bytes: number;
  /** Who can carry it; everybody where it is left out. */
  readonly subjects?: readonly SubjectId[];
}

export interface Metric {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  /** True exactly when more is better. */
  readonly isMoreBetter: boolean;
  /**
   * What the figure is: how fast it went, what it cost the subject, how long one request took, what it held, for how many
   * it was so, what failed.
   */
  readonly kind: 'throughput' | 'cost' | 'latency' | 'memory' | 'share' | 'errors';
}

export interface MeasuredMetric extends Metric {
  readonly workload: string;
  readonly read: (answer: Answer) => number;
}

export interface Suite {
  readonly id: SuiteId;
  readonly subjects: readonly SubjectId[];
  readonly workloads: readonly Workload[];
  readonly metrics: readonly MeasuredMetric[];
  /** Before the first round, unmeasured: what a just-in-time compiler needs to see, milliseconds of each. */
  readonly warmUp: { readonly workloads: readonly Workload[]; readonly ms: number };
  /** Seconds that one full round may take. */
  readonly roundSeconds: number;
  readonly program: LoadProgram;
  /** True exactly when memory of idle connections and the control plane alone are measured too. */
  readonly hasExtras: boolean;
  /** Why a workload cannot be run on this machine, for anybody; null when it can. */
  missing(workload: Workload): string | null;
  titleOf(id: SubjectId): string;
  find(id: SubjectId): Found;
  /** May write a configuration into the place's folder. */
  commandOf(id: SubjectId, place: Place): readonly string[];
  measure(generator: Generator, running: Running, workload: Workload, window: Window): Promise<Answer>;
  expectations(metrics: readonly MetricResult[], busy: Results['busy']): readonly Check[];
}

/** True exactly when that subject can carry that load. */
export function carries({ subjects }: Workload, id: SubjectId): boolean {
  return subjects === undefined || subjects.includes(id);
}

/** NaN where nothing was done, so that a stuck subject has no figure instead of a perfect one. */
export function per(answer: Answer, above: string, below: string): number {
  const divisor = answer.get(below) ?? 0;
  const dividend = answer.get(above) ?? 0;
  return divisor > 0 && dividend > 0 ? dividend / divisor : Number.NaN;
}
