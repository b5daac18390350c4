/**
 * What is wrong with a configuration: every problem with its place, and the one error that carries them all.
 *
 * Decides: the order and the wording around a problem. Must never do: repeat a secret; what `got` may show is decided by
 * `shown.ts`, what a line of the file may show by `code-frame.ts`.
 */
import { ProxyError } from '../errors.ts';
import { codeFrame, visibleLines, type VisibleLine } from './code-frame.ts';

export interface ConfigProblem {
  /** `routes[0].match.ports`; empty for the configuration as a whole. */
  readonly path: string;
  /** The file; or the environment variable or flag the value came from; null for an object made in code. */
  readonly file: string | null;
  /** 1 is the first; null where the source has no lines. */
  readonly line: number | null;
  /** 1 is the first; null where the source has no lines. */
  readonly col: number | null;
  /** One sentence, lower case, without a full stop. */
  readonly message: string;
  readonly expected: string | null;
  /** What was there, cut to a few words; `[hidden]` where it may be a secret. */
  readonly got: string | null;
  /** What was probably meant; several lines where a whole section is shown. */
  readonly suggestion: string | null;
}

/** Thrown once, with everything that is wrong. */
export class ConfigError extends ProxyError {
  /** Sorted by place. */
  readonly problems: readonly ConfigProblem[];
  /** All problems as a person wants to read them: place, sentence, the line of the file, what was expected. */
  readonly report: string;

  /** @param sourceText the configuration file's text, for the code frames; null where there is none. */
  constructor(problems: readonly ConfigProblem[], sourceText: string | null, options?: { readonly cause?: unknown }) {
    const sorted = sortProblems(problems);
    const count = sorted.length === 1 ? '1 problem' : `${sorted.length} problems`;
    super(
      'SALLYPORT_CONFIG_INVALID',
      [`the configuration has ${count}`, ...sorted.map(problemLine)].join('\n'),
      options,
    );
    this.name = 'ConfigError';
    this.problems = sorted;
    this.report = formatProblems(sorted, sourceText);
  }
}

/** All problems in order, each with its code frame, a blank line between them. */
export function formatProblems(problems: readonly ConfigProblem[], sourceText: string | null): string {
  const source = sourceText === null ? null : visibleLines(sourceText);
  return sortProblems(problems)
    .map((problem) => formatProblem(problem, source))
    .join('\n\n');
}

/** `sallyport.yaml:7:18: routes[0].match.ports: …` in one line. */
export function problemLine(problem: ConfigProblem): string {
  const place = [problem.file, problem.line, problem.col].filter((part) => part !== null).join(':');
  return [place, problem.path, problem.message].filter((part) => part !== '').join(': ');
}

/** By place: what has a line first, in the order of the file; the rest as it came. */
export function sortProblems(problems: readonly ConfigProblem[]): readonly ConfigProblem[] {
  return problems.toSorted((left, right) => {
    if (left.line === null || right.line === null) return Number(left.line === null) - Number(right.line === null);
    return left.line - right.line || (left.col ?? 0) - (right.col ?? 0);
  });
}

function formatProblem(problem: ConfigProblem, source: readonly VisibleLine[] | null): string {
  const lines = [problemLine(problem)];
  if (source !== null && problem.line !== null) lines.push(codeFrame(source, problem.line, problem.col ?? 1));
  if (problem.expected !== null && !problem.message.includes(problem.expected))
    lines.push(`  expected: ${problem.expected}`);
  if (problem.got !== null) lines.push(`  got: ${problem.got}`);
  if (problem.suggestion !== null) lines.push(suggestionLines(problem.suggestion));
  return lines.join('\n');
}

function suggestionLines(suggestion: string): string {
  if (!suggestion.includes('\n')) return `  did you mean: ${suggestion}`;
  return ['  did you mean:', ...suggestion.split('\n').map((line) => `    ${line}`)].join('\n');
}
