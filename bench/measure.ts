/**
 * One cell of the table: one subject under one load, or holding idle connections.
 *
 * Must never do: keep a subject waiting for the bench; the generator alone talks to it while a window is open.
 * Read first: `workloads.ts`, `load/load.c`; `http/h2load.ts` for the load that another program brings.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Answer, Generator } from './load/generator.ts';
import { processTree, residentBytes } from './processes.ts';
import type { Running } from './subjects.ts';
import type { Window, Workload } from './suite.ts';

/** @throws Error when the subject has ended or the generator gets nowhere. */
export async function measureWorkload(
  generator: Generator,
  running: Running,
  { command, connections, bytes }: Workload,
  { warmMs, windowMs }: Window,
): Promise<Answer> {
  if (running.child.hasEnded) throw new Error(`it has ended: ${running.child.lastWords()}`);
  const pids = processTree(running.child.pid).join(',');
  const line = `${command} ${running.place.port} ${connections} ${bytes} ${warmMs} ${windowMs} ${pids}`;
  return generator.command(line, warmMs + windowMs + 8_000);
}

export interface IdleBytes {
  /** After connecting, no byte yet. */
  readonly opened: number;
  /** After one byte each way. */
  readonly touched: number;
}

/**
 * Resident bytes per idle connection of a subject that has just been started. A few hundred connections come and go
 * before the first look, so that what a process allocates once is not counted as a connection's.
 * @param settleMs how long a process is left alone before each look.
 */
export async function measureIdle(
  generator: Generator,
  running: Running,
  count: number,
  settleMs: number,
): Promise<IdleBytes> {
  const pids = processTree(running.child.pid);
  await hold(generator, running, 300);
  await generator.command('close', 8_000);
  await pause(settleMs);
  const before = residentBytes(pids);
  await generator.command(`open ${running.place.port} ${count}`, 20_000).then((answer) => expectAll(answer, count));
  await pause(settleMs);
  const opened = residentBytes(pids);
  await generator.command('touch', 20_000);
  await pause(settleMs);
  const touched = residentBytes(pids);
  await generator.command('close', 8_000);
  return { opened: (opened - before) / count, touched: (touched - before) / count };
}

async function hold(generator: Generator, running: Running, count: number): Promise<void> {
  expectAll(await generator.command(`open ${running.place.port} ${count}`, 20_000), count);
  await generator.command('touch', 20_000);
}

function expectAll(answer: Answer, count: number): void {
  const reached = answer.get('backends') ?? 0;
  if (reached < count) throw new Error(`only ${reached} of ${count} connections reached the backend`);
}
