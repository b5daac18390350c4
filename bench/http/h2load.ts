/**
 * HTTP/2 load: h2load of nghttp2, with prior knowledge, against the same origin. What it says becomes an answer like the
 * generator's; latencies come from its log of single requests.
 *
 * Must never do: count what was not answered with 2xx and every byte.
 */
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cores, startChild } from '../children.ts';
import type { Answer, Generator } from '../load/generator.ts';
import { endedChildrenMicroseconds, processTree } from '../processes.ts';
import { findProgram, type Running } from '../subjects.ts';
import type { Window, Workload } from '../suite.ts';
import { h2Streams } from './http-workloads.ts';

/** Null when it is here. */
export function missingH2load(): string | null {
  const program = findProgram('h2load', '--version', /nghttp2\/(\S+)/);
  return 'absent' in program ? `${program.absent} (nghttp2-client)` : null;
}

/** @throws Error when h2load fails or says something that is not understood. */
export async function measureH2(
  generator: Generator,
  running: Running,
  workload: Workload,
  { warmMs, windowMs }: Window,
): Promise<Answer> {
  await generator.command(`serve ${workload.bytes}`, 5_000);
  if (warmMs > 0) await load(running, workload, warmMs);
  const tally = `tally ${processTree(running.child.pid).join(',')}`;
  const before = await generator.command(tally, 5_000);
  const ownBefore = endedChildrenMicroseconds();
  const { text, log } = await load(running, workload, windowMs);
  const after = await generator.command(tally, 5_000);
  const grown = (field: string): number => (after.get(field) ?? Number.NaN) - (before.get(field) ?? Number.NaN);
  const units = found(text, /(\d+) succeeded/);
  const lost = found(text, /(\d+) failed/) + (found(text, /\((\d+)\) data/) < units * workload.bytes ? 1 : 0);
  const latencies = latenciesOf(log);
  return new Map([
    ['units', units],
    ['ns', windowMs * 1e6],
    ['cpuNs', grown('cpuNs')],
    ['ownNs', grown('ownNs') + (endedChildrenMicroseconds() - ownBefore) * 1_000],
    ['p50Ns', at(latencies, 0.5)],
    ['p99Ns', at(latencies, 0.99)],
    ['errors', lost + (after.get('errors') ?? 0)],
    ['why', after.get('why') ?? 0],
  ]);
}

async function load({ place, id }: Running, { connections, bytes }: Workload, ms: number): Promise<Said> {
  const name = `h2load-${id}`;
  const [log, output] = [join(place.folder, `${name}.log`), join(place.folder, `${name}.txt`)];
  rmSync(log, { force: true });
  const size = [`--clients=${connections}`, `--max-concurrent-streams=${h2Streams}`, `--duration=${ms}ms`];
  const url = `http://127.0.0.1:${place.h2Port}/${bytes}`;
  const child = startChild(name, ['h2load', ...size, '--warm-up-time=0', `--log-file=${log}`, url], {
    core: place.core === null ? null : cores.load,
    output: { file: output },
  });
  const limit = setTimeout(() => void child.stop(), ms + 8_000);
  if (!child.hasEnded) await once(child.process, 'exit');
  clearTimeout(limit);
  if (child.process.exitCode !== 0) throw new Error(`h2load: ${child.lastWords() || 'it did not end'}`);
  return { text: readFileSync(output, 'utf8'), log: readFileSync(log, 'utf8') };
}

interface Said {
  readonly text: string;
  /** One request a line: when it began, its status, its microseconds. */
  readonly log: string;
}

function found(text: string, pattern: RegExp): number {
  const figure = pattern.exec(text)?.[1];
  if (figure === undefined) throw new Error(`h2load: no ${pattern.source} in what it says`);
  return Number(figure);
}

function latenciesOf(log: string): Float64Array {
  const lines = log.split('\n').filter((line) => line !== '');
  return Float64Array.from(lines, (line) => Number(line.split('\t')[2]) * 1_000).toSorted();
}

function at(sorted: Float64Array, share: number): number {
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}
