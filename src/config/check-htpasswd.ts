/**
 * What is wrong with the password files that a configuration names, so that `check` says it and not only the start.
 *
 * Decides: nothing of its own; `io/authentication/htpasswd.ts` does. A file is looked into once the configuration around it
 * is right. Must never do: show a line of such a file.
 */
import { readHtpasswd } from '../io/authentication/htpasswd-files.ts';
import type { ProxyPlan } from '../routing/plan.ts';
import { ConfigError, type ConfigProblem } from './problems.ts';

/**
 * @param shown the path of a file as problems show it.
 * @returns the plan, with a warning for every plain password
 * @throws ConfigError with every line of every file that is wrong
 */
export async function withHtpasswd(plan: ProxyPlan, shown: (path: string) => string): Promise<ProxyPlan> {
  const problems: ConfigProblem[] = [];
  const warnings: string[] = [];
  for (const { authentication } of plan.routes) {
    if (authentication?.type !== 'basic' || authentication.htpasswd === null) continue;
    const { path, configPath } = authentication.htpasswd;
    const found = await readHtpasswd(authentication);
    for (const { line, message } of found.problems) problems.push(problemOf(line, message, shown(path), configPath));
    for (const line of found.plainLines)
      warnings.push(`${shown(path)}:${line}: a plain password; sallyport hash-password makes a hash of it`);
  }
  if (problems.length > 0) throw new ConfigError(problems, null);
  return warnings.length === 0 ? plan : { ...plan, warnings: [...plan.warnings, ...warnings] };
}

/** A line of the file; or the place where the configuration names it. */
function problemOf(line: number, message: string, file: string, configPath: string): ConfigProblem {
  const rest = { path: '', col: null, expected: null, got: null, suggestion: null };
  if (line > 0) return { ...rest, file, line, message };
  return { ...rest, file: configPath, line: null, message: `${file}: ${message}` };
}
