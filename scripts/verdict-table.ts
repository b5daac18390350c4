/**
 * Prints the verdict on every pair of a leaf and a fact of a chart: acted on, or ignored, and why.
 *
 * Read first: `src/machines/connection/verdicts.ts`.
 */
import type { Verdict } from '../src/machines/connection/verdicts.ts';
import { table } from './generated.ts';

export interface Verdicts<Leaf extends string, Fact extends string> {
  readonly leaves: readonly Leaf[];
  readonly facts: readonly Fact[];
  readonly verdictOf: (leaf: Leaf, fact: Fact) => Verdict;
}

/** Sections of a page. */
export function verdictSection<Leaf extends string, Fact extends string>({
  leaves,
  facts,
  verdictOf,
}: Verdicts<Leaf, Fact>): readonly string[] {
  const reasons: string[] = [];
  const rows = facts.map((fact) => [`\`${fact}\``, ...leaves.map((leaf) => cell(verdictOf(leaf, fact), reasons))]);
  return [
    '## Verdicts',
    '✓ is acted on. A number is ignored, for the reason below. `guard?` is acted on when the guard holds, otherwise ignored.',
    table(['fact', ...leaves.map(columnName)], rows),
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
function columnName(leaf: string): string {
  return leaf.replaceAll('.', '.<br>');
}
