/**
 * How many file descriptors this process may have, and has.
 *
 * Decides nothing: the proxy lowers its cap to what fits, and the census compares before and after. Null = not knowable
 * here (Windows, no /proc).
 */
import { readdir, readFile } from 'node:fs/promises';

/** The soft limit; null when it is unlimited or unknown. */
export async function openFileLimit(): Promise<number | null> {
  try {
    return limitIn(await readFile('/proc/self/limits', 'utf8'));
  } catch {
    return limitInReport(process.report?.getReport());
  }
}

/** Descriptors open now. */
export async function openFileCount(): Promise<number | null> {
  try {
    const names = await readdir('/proc/self/fd');
    // One of them is the directory itself.
    return names.length - 1;
  } catch {
    return null;
  }
}

/** From the text of /proc/self/limits: `Max open files  1024  4096  files`. */
export function limitIn(limits: string): number | null {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return soft === undefined ? null : Number(soft);
}

/** From Node's diagnostic report, which other systems have. */
export function limitInReport(report: unknown): number | null {
  const soft = fieldOf(fieldOf(fieldOf(report, 'userLimits'), 'open_files'), 'soft');
  const limit = typeof soft === 'string' ? Number(soft) : soft;
  return typeof limit === 'number' && Number.isSafeInteger(limit) ? limit : null;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
