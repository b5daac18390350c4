/**
 * What the operating system knows about a process: its children, its memory, its processor time. Linux only (/proc).
 */
import { readFileSync } from 'node:fs';

/** Microseconds in one tick of /proc/<pid>/stat: USER_HZ is 100 wherever Node runs on Linux. */
const tickMicroseconds = 10_000;

/** The process and everything below it; only itself where the kernel does not list children. */
export function processTree(pid: number): readonly number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter((word) => word.trim() !== '');
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** Resident bytes of all of them together. */
export function residentBytes(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) sum += Number(/^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
  return sum;
}

/** User and system time of all their threads, microseconds, in steps of 10 ms. */
export function cpuMicroseconds(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) sum += statMicroseconds(pid, 11);
  return sum;
}

/** The same of every child of this process that has ended. */
export function endedChildrenMicroseconds(): number {
  return statMicroseconds(process.pid, 13);
}

/** @param first where user time stands after the name; system time follows it. */
function statMicroseconds(pid: number, first: number): number {
  const stat = read(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[first] ?? 0) + Number(fields[first + 1] ?? 0)) * tickMicroseconds;
}

/** How many files a process of ours may open. Node raises its soft limit to this one, and its children inherit it. */
export function openFilesMax(): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(read('/proc/self/limits'))?.[1];
  const limit = Number(hard);
  return Number.isFinite(limit) ? limit : 1_048_576;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
