/**
 * What a reader must know beside the table. Kept short, on one line each, and free of this machine's paths.
 */
import { busyShareMin, type Results } from './results.ts';

/** An error in one line: its own message where a runtime printed a page, at most 300 characters, file names without folders. */
export function remarkOf(what: string, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const named = /^.*\b\w*Error\b.*$/m.exec(text)?.[0] ?? text;
  const line = withoutFolders(named === text ? text : `${text.split(':')[0]}: ${named}`);
  return `${what}: ${line.replaceAll(/\s+/g, ' ').trim()}`.slice(0, 300);
}

/** Where a subject was not what limited throughput, one line per load; its CPU per unit of work still counts there. */
export function busyRemarks(busy: Results['busy']): readonly string[] {
  const lazy = busy.filter(({ subjectShare }) => subjectShare > 0 && subjectShare < busyShareMin);
  return [...new Set(lazy.map(({ workload }) => workload))].map((workload) => {
    const rows = lazy.filter((row) => row.workload === workload);
    const isGenerator = rows.every(({ generatorShare }) => generatorShare > 0.9);
    const why = isGenerator ? 'the load generator was the limit' : 'something else used the cores';
    const shares = rows.map(({ subject, subjectShare }) => `${subject} ${percent(subjectShare)}`).join(', ');
    return `${workload}: not busy all the time (${shares}), ${why}: read the CPU row`;
  });
}

function withoutFolders(text: string): string {
  return text.replaceAll(/(?:file:\/\/)?(?:\/[\w.@+-]+)+\/([\w.@+-]+)/g, '$1');
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
