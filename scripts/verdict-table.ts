/**
 * Prints the verdict on every pair of a leaf and a fact of the connection chart: acted on, or ignored, and why.
 *
 * Read first: `src/machines/connection/verdicts.ts`.
 */
import { connectionFactTypes } from '../src/machines/connection/events.ts';
import { connectionLeaves, verdictOf, type ConnectionLeaf, type Verdict } from '../src/machines/connection/verdicts.ts';
import { table } from './generated.ts';

/** Sections of a page. */
export function verdictSection(): readonly string[] {
  const reasons: string[] = [];
  const rows = connectionFactTypes.map((fact) => [
    `\`${fact}\``,
    ...connectionLeaves.map((leaf) => cell(verdictOf(leaf, fact), reasons)),
  ]);
  return [
    '## Verdicts',
    '✓ is acted on. A number is ignored, for the reason below. `guard?` is acted on when the guard holds, otherwise ignored.',
    table(['fact', ...connectionLeaves.map(columnName)], rows),
    reasons.map((reason, index) => `${index + 1}. ${reason}`).join('\n'),
  ];
}

function cell(verdict: Verdict, reasons: string[]): string {
  if (verdict === 'handled') return '✓';
  const ignored = `${numberOf(verdict.ignored, reasons)}`;
  return 'handledWhen' in verdict ? `${verdict.handledWhen}? ${ignored}` : ignored;
}

function numberOf(reason: string, reasons: string[]): number {
  if (!reasons.includes(reason)) reasons.push(reason);
  return reasons.indexOf(reason) + 1;
}

/** Broken at its dots, so that columns stay narrow. */
function columnName(leaf: ConnectionLeaf): string {
  return leaf.replaceAll('.', '.<br>');
}
