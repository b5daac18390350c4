/**
 * A whole run: every subject started once and kept warm, rounds in which each takes its turn at each load, then memory,
 * then the control plane alone.
 *
 * Decides: who is next. The first subject of a round changes from round to round, so that none always follows the same.
 * Must never do: stop because one subject fails; what happened becomes a remark.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { cores } from './children.ts';
import { measureControlPlane } from './control-plane-run.ts';
import { failureOf } from './http/http-failures.ts';
import { startGenerator, type Generator } from './load/generator.ts';
import { measureIdle } from './measure.ts';
import { Measurements } from './measurements.ts';
import type { Options } from './options.ts';
import { freePort } from './ports.ts';
import { openFilesMax } from './processes.ts';
import { busyRemarks, remarkOf } from './remarks.ts';
import type { Results } from './results.ts';
import { startSubject, type Place, type Running, type SubjectId } from './subjects.ts';
import { carries, type Suite, type Workload } from './suite.ts';
import { idleConnections } from './workloads.ts';

export class Bench {
  readonly generator: Generator;
  private readonly options: Options;
  private readonly suite: Suite;
  private readonly folder: string;
  private readonly subjectCore: number | null;
  private readonly remarks: string[] = [];
  private readonly absent = new Map<SubjectId, string>();
  private readonly versions = new Map<SubjectId, string>();
  private readonly running = new Map<SubjectId, Running>();
  private readonly backendPorts = new Map<SubjectId, number>();
  private readonly measurements: Measurements;

  /** @param folder for configurations and output; removed by whoever made it. */
  constructor(options: Options, folder: string, isPinned: boolean) {
    this.options = options;
    this.suite = options.suite;
    this.measurements = new Measurements(options.suite);
    this.folder = folder;
    this.subjectCore = isPinned ? cores.subject : null;
    this.generator = startGenerator(folder, isPinned ? cores.load : null, options.generator, options.suite.program);
    if (this.generator.kind === 'node') this.remarks.push('the load generator is Node: throughput is a lower bound');
    for (const workload of this.suite.workloads) {
      const missing = this.suite.missing(workload);
      if (missing !== null) this.remarks.push(`${workload.title}: not run, ${missing}`);
    }
    if (!isPinned) this.remarks.push('cores could not be pinned: expect more noise');
  }

  async run(): Promise<Omit<Results, 'format' | 'suite' | 'date' | 'machine' | 'seconds' | 'notes'>> {
    const { isQuick, windowMs, subjects } = this.options;
    for (const id of subjects) await this.begin(id);
    const rounds = await this.runRounds();
    await this.stop();
    const present = subjects.filter((id) => !this.absent.has(id));
    const controlPlane = this.suite.hasExtras ? await this.runExtras(present) : [];
    this.progress('');
    const metrics = [...this.measurements.metrics(present)];
    const busy = this.measurements.busy(present);
    return {
      isQuick,
      rounds,
      windowMs,
      subjects: subjects.map((id) => ({
        id,
        title: this.suite.titleOf(id),
        version: this.versions.get(id) ?? null,
        absent: this.absent.get(id) ?? null,
      })),
      metrics,
      busy,
      controlPlane,
      checks: [...this.suite.expectations(metrics, busy)],
      remarks: [...this.remarks, ...busyRemarks(busy)],
    };
  }

  /** Ends every subject that runs. */
  async stop(): Promise<void> {
    await Promise.all([...this.running.values()].map(({ child }) => child.stop()));
    this.running.clear();
  }

  private async begin(id: SubjectId): Promise<void> {
    this.progress(`starting ${this.suite.titleOf(id)}`);
    const found = this.suite.find(id);
    if ('absent' in found) {
      this.absent.set(id, found.absent);
      this.remarks.push(`${this.suite.titleOf(id)} is absent: ${found.absent}`);
      return;
    }
    this.versions.set(id, found.version);
    const isStarted = await this.attempt(`${this.suite.titleOf(id)} is absent`, async () => {
      const backendPort = await freePort();
      await this.generator.command(`listen ${backendPort}`, 5_000);
      this.backendPorts.set(id, backendPort);
      const running = await this.start(id);
      this.running.set(id, running);
      const window = { warmMs: 0, windowMs: this.suite.warmUp.ms };
      for (const workload of this.suite.warmUp.workloads) {
        if (this.isRun(workload) && carries(workload, id))
          await this.suite.measure(this.generator, running, workload, window);
      }
      return true;
    });
    if (isStarted) return;
    this.absent.set(id, 'it did not start, or did not work');
    await this.running.get(id)?.child.stop();
    this.running.delete(id);
  }

  private async start(id: SubjectId): Promise<Running> {
    const place = await this.place(id);
    return startSubject(id, this.suite.commandOf(id, place), place);
  }

  private async place(id: SubjectId): Promise<Place> {
    return {
      port: await freePort(),
      h2Port: await freePort(),
      httpsPort: await freePort(),
      upstreamPort: this.backendPorts.get(id) ?? 0,
      filesMax: openFilesMax(),
      folder: this.folder,
      core: this.subjectCore,
      logLevel: this.options.logLevel,
    };
  }

  /** @returns how many rounds there was time for. */
  private async runRounds(): Promise<number> {
    const startMs = Date.now();
    const { rounds, budgetMs } = this.options;
    for (let round = 0; round < rounds; round++) {
      const spentMs = Date.now() - startMs;
      if (round > 0 && spentMs + spentMs / round > budgetMs) {
        this.remarks.push(`only ${round} of ${rounds} rounds: there was no time for more`);
        return round;
      }
      if (!process.stderr.isTTY) process.stderr.write(`round ${round + 1} of ${rounds}\n`);
      for (const workload of this.suite.workloads) {
        if (this.isRun(workload)) await this.runWorkload(workload, round);
      }
    }
    return rounds;
  }

  private async runWorkload(workload: Workload, round: number): Promise<void> {
    const everyone = [...this.running.values()].filter(({ id }) => carries(workload, id));
    const first = round % Math.max(1, everyone.length);
    for (const next of [...everyone.slice(first), ...everyone.slice(0, first)]) {
      const what = `${this.suite.titleOf(next.id)}, ${workload.id}`;
      this.progress(`round ${round + 1}: ${what}`);
      const answer = await this.attempt(what, () => this.suite.measure(this.generator, next, workload, this.options));
      const errors = answer?.get('errors') ?? 0;
      if (errors > 0)
        this.remarks.push(`${what}, round ${round + 1}: ${errors} failed${failureOf(answer?.get('why') ?? 0)}`);
      this.measurements.add(workload, next.id, answer);
      await pause(50);
    }
  }

  private async runExtras(present: readonly SubjectId[]): Promise<Results['controlPlane']> {
    for (const id of present) await this.runIdle(id);
    this.progress('control plane');
    return measureControlPlane(this.subjectCore);
  }

  /** A process of its own, so that nothing that happened before counts. */
  private async runIdle(id: SubjectId): Promise<void> {
    const count = Math.min(idleConnections, Math.floor((openFilesMax() - 500) / 2));
    this.progress(`${count} idle connections: ${this.suite.titleOf(id)}`);
    const bytes = await this.attempt(`${this.suite.titleOf(id)}, idle`, async () => {
      const running = await this.start(id);
      try {
        return await measureIdle(this.generator, running, count, this.options.settleMs);
      } finally {
        await running.child.stop();
      }
    });
    if (bytes !== null) this.measurements.addIdle(id, bytes);
  }

  private async attempt<Result>(what: string, work: () => Promise<Result>): Promise<Result | null> {
    try {
      return await work();
    } catch (error) {
      this.remarks.push(remarkOf(what, error));
      return null;
    }
  }

  private isRun(workload: Workload): boolean {
    return this.suite.missing(workload) === null;
  }

  /** On a terminal, a line that is overwritten; elsewhere nothing but the rounds. */
  private progress(what: string): void {
    if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${what}`);
  }
}
