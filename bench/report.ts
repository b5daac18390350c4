/**
 * How results are read: one table for the terminal, one page of Markdown, from the same rows.
 *
 * Must never do: measure or judge.
 */
import { isSlack, workloadOf, type MetricResult, type Results } from './results.ts';
import type { SubjectId } from './subjects.ts';

const titles = { l4: 'Layer 4', http: 'HTTP and WebSocket', tls: 'TLS' } as const;

type Row = readonly string[];

const legend =
  '×n: ratio to haproxy in the same rounds. CPU: user and system time of all threads of the subject per unit of work. ' +
  '~: the subject was not busy all the time, so its speed says little. –: it cannot do that.';

/** The table, the control plane, the expectations and what was remarkable, for a terminal. */
export function terminalReport(results: Results): string {
  const [head, ...rows] = tableRows(results);
  const table = align([head ?? [], (head ?? []).map(() => ''), ...rows]);
  return [
    `${headline(results)}\n`,
    ...table,
    '',
    ...legend.split(/(?<=\.) (?=~)/),
    '',
    ...(results.controlPlane.length > 0 ? [...align(controlPlaneRows(results)), ''] : []),
    'Expected of sallyport with its default interpreter:',
    ...align(checkRows(results)).map((line) => `  ${line}`),
    ...results.remarks.map((remark) => `! ${remark}`),
  ].join('\n');
}

/** The same as a page, with the section that only people can write. */
export function markdownReport(results: Results): string {
  const machine = Object.entries(results.machine).map(([name, value]) => `${name} ${value}`);
  const versions = results.subjects.map(({ title, version, absent }) => `${title} (${version ?? absent ?? 'unknown'})`);
  const unmet = results.checks
    .filter(({ verdict }) => verdict === 'not met')
    .map(({ text, value }) => `- ${text}: ${shown(value)}`);
  const noNotes = unmet.length === 0 ? 'Nothing that was measured surely.' : 'Not explained yet.';
  return [
    `# ${titles[results.suite]}, side by side, ${results.date}`,
    headline(results),
    `Machine: ${machine.join(', ')}.`,
    `Subjects: ${versions.join(', ')}.`,
    markdownTable(tableRows(results)),
    legend,
    ...(results.controlPlane.length > 0
      ? ['## The control plane alone', markdownTable(controlPlaneRows(results))]
      : []),
    '## Expectations',
    markdownTable([['expected of sallyport, default interpreter', 'got', ''], ...checkRows(results)]),
    '## What is worse than expected, and why',
    [...unmet, ...(unmet.length > 0 ? [''] : []), results.notes.trim() || noNotes].join('\n'),
    ...(results.remarks.length > 0 ? ['## Remarks', results.remarks.map((remark) => `- ${remark}`).join('\n')] : []),
    '',
  ].join('\n\n');
}

function headline(results: Results): string {
  const rounds = `${results.rounds} interleaved ${results.rounds === 1 ? 'round' : 'rounds'}`;
  return `${rounds} of ${results.windowMs} ms windows, medians; one core for the subject, one for load and backend.`;
}

function tableRows(results: Results): readonly Row[] {
  const head = ['', 'unit', ...results.subjects.map(({ title }) => title)];
  const rows = results.metrics.map((metric) => [
    metric.title,
    metric.unit,
    ...results.subjects.map(({ id, absent }) => (absent === null ? cellText(results, metric, id) : 'absent')),
  ]);
  return [head, ...rows];
}

function cellText({ busy }: Results, { id, kind, cells }: MetricResult, subject: SubjectId): string {
  const cell = cells[subject];
  if (cell === undefined) return '–';
  if (cell.value === null) return 'failed';
  const isUnsure = (kind === 'throughput' || kind === 'latency') && isSlack(busy, workloadOf(id), subject);
  const text = `${isUnsure ? '~' : ''}${shown(cell.value)}`;
  return cell.ratio === null ? text : `${text} ×${cell.ratio.toFixed(2)}`;
}

function controlPlaneRows({ controlPlane }: Results): readonly Row[] {
  const head = ["one connection's chart", 'CPU µs per lifecycle', 'heap bytes live'];
  return [
    head,
    ...controlPlane.map((row) => [row.interpreter, shown(row.lifecycleMicroseconds), shown(row.heapBytes)]),
  ];
}

function checkRows({ checks }: Results): readonly Row[] {
  return checks.map(({ text, value, verdict }) => [text, shown(value), verdict === 'not met' ? 'NOT MET' : verdict]);
}

/** Three digits that count, thousands apart: 103,000 · 71.3 · 1.42. */
function shown(figure: number | null): string {
  if (figure === null) return '–';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(figure), 1e-9))));
  return figure.toLocaleString('en-US', { maximumFractionDigits: Math.min(3, digits) });
}

/** The first column to the left, figures to the right. */
function align(rows: readonly Row[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

function markdownTable(rows: readonly Row[]): string {
  const [head = [], ...body] = rows;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [head, rule, ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');
}
