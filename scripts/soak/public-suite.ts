/**
 * Where a public test suite is on this machine, and a folder for what it reports.
 *
 * Decides nothing about results. A suite that is missing is named, with how to get it; that is no failure.
 */
import { accessSync, constants, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { run } from '../processes.ts';
import type { Report } from './report.ts';

export interface PublicSuite {
  /** On the PATH. */
  readonly command: string;
  /** Environment variable that names the file of the command instead. */
  readonly variable: string;
  readonly howToGet: string;
}

/** @returns null when it is not here; then it has been said. */
export function findSuite({ command, variable, howToGet }: PublicSuite, report: Report): string | null {
  const named = process.env[variable] ?? '';
  if (named !== '') {
    if (!isExecutable(named)) throw new Error(`${variable}=${named} is not a file that can be run`);
    return named;
  }
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const found = folders.map((folder) => join(folder, command)).find(isExecutable);
  if (found !== undefined) return found;
  report.say(`SKIPPED: ${command} is neither on the PATH nor named by ${variable}.`);
  report.say(`To get it: ${howToGet}`);
  return null;
}

/** Runs `use` with a folder that is gone afterwards. */
export async function withFolder<Result>(name: string, use: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), `sallyport-${name}-`));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs the suite in the folder and keeps what it says. */
export async function runSuite(
  file: string,
  args: readonly string[],
  folder: string,
): Promise<{ readonly code: number; readonly said: string }> {
  let said = '';
  const code = await run(file, args, { cwd: folder, onOutput: (text) => (said += text) });
  return { code, said };
}

/** The end of what a suite said, for a problem's detail. */
export function lastLines(text: string): string {
  return text.trim().split('\n').slice(-15).join('\n      ');
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
