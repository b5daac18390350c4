/**
 * A finding: something wrong at a path, before it is known where in which file that path stands.
 *
 * Read first: `problems.ts`, what a finding becomes.
 */
import { formatPath, type Path } from './path.ts';
import type { Places } from './places.ts';
import { valueAt } from './plain.ts';
import { namesIn } from './placeholders.ts';
import type { ConfigProblem } from './problems.ts';
import { showValue } from './shown.ts';
import type { Part } from './source.ts';

export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly expected?: string | null;
  readonly suggestion?: string | null;
  /** `key` where the name is what is wrong, so that the place is the name's and no value is shown. */
  readonly part?: Part;
}

/** What is needed to turn findings into problems. */
export interface Evidence {
  readonly places: Places;
  readonly value: unknown;
  /** Values that held placeholders, as they were written: path to text. */
  readonly templates: ReadonlyMap<string, string>;
}

/** One problem per path and sentence; of several at one path that say the same, the first. */
export function toProblems(findings: readonly Finding[], evidence: Evidence): readonly ConfigProblem[] {
  const problems = new Map<string, ConfigProblem>();
  for (const finding of findings) {
    const problem = toProblem(finding, evidence);
    const key = `${problem.path}\n${problem.message}`;
    if (!problems.has(key)) problems.set(key, problem);
  }
  return [...problems.values()];
}

function toProblem(finding: Finding, { places, value, templates }: Evidence): ConfigProblem {
  const part = finding.part ?? 'value';
  const path = formatPath(finding.path);
  return {
    path,
    ...places.of(finding.path, part),
    message: finding.message,
    expected: finding.expected ?? null,
    got: part === 'key' ? null : gotOf(valueAt(value, finding.path), finding, templates.get(path) ?? null),
    suggestion: finding.suggestion ?? null,
  };
}

/** What came from the environment is not repeated, but by which variable it came. */
function gotOf(value: unknown, { message, path }: Finding, template: string | null): string | null {
  const shown = showValue(value, path, template);
  const names = template === null ? [] : namesIn(template).filter((name) => !message.includes(name));
  if (shown === null || names.length === 0) return shown;
  return `${shown}, from the environment ${names.length === 1 ? 'variable' : 'variables'} ${names.join(', ')}`;
}
