/**
 * The reports of Autobahn's fuzzing client: what they say of one server, and where two servers differ.
 *
 * The index is `{ agent: { case: { behavior, behaviorClose, remoteCloseCode, … } } }`. How long a case took is in it, too,
 * and is no difference. Must never do: call two reports equal because one of them is empty.
 */
import { z } from 'zod';

const caseShape = z.object({
  behavior: z.string(),
  behaviorClose: z.string(),
  remoteCloseCode: z.number().nullable().optional(),
});
const indexShape = z.record(z.string(), z.record(z.string(), caseShape));

export type AgentReports = z.infer<typeof indexShape>;

/** @param text of `index.json`. @throws where it is not such an index. */
export function readIndex(text: string): AgentReports {
  return indexShape.parse(JSON.parse(text));
}

export interface Comparison {
  /** Cases that both have, equal or not. */
  readonly compared: number;
  /** One sentence each. */
  readonly differences: readonly string[];
}

/** Compares, case by case, what the suite thinks of two agents of one index. */
export function compareAgents(index: AgentReports, expected: string, found: string): Comparison {
  const left = index[expected] ?? {};
  const right = index[found] ?? {};
  const differences: string[] = [];
  let compared = 0;
  for (const id of [...new Set([...Object.keys(left), ...Object.keys(right)])].toSorted(byNumbers)) {
    const [one, other] = [left[id], right[id]];
    if (one !== undefined && other !== undefined) compared += 1;
    const [oneText, otherText] = [textOf(one), textOf(other)];
    if (oneText !== otherText) differences.push(`case ${id}: ${oneText} ${expected}, ${otherText} ${found}`);
  }
  if (compared === 0) differences.push(`no case was run against both ${expected} and ${found}`);
  return { compared, differences };
}

function textOf(one: z.infer<typeof caseShape> | undefined): string {
  if (one === undefined) return 'not run';
  return `${one.behavior}, close ${one.behaviorClose} ${one.remoteCloseCode ?? 'without a code'}`;
}

/** `9.2.1` before `10.1.1`. */
function byNumbers(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
