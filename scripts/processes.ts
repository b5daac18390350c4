/**
 * Runs the tools of the repository as child processes, with their output on the terminal.
 *
 * Must never do: leave a child behind; every promise here settles when the child has ended.
 */
import { spawn } from 'node:child_process';
import { repositoryRoot } from './generated.ts';

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Hears what the child prints, which is then not shown. */
  readonly onOutput?: (text: string) => void;
}

/** The exit code; 1 where the program could not be started or was ended by a signal. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<number> {
  const { env = process.env, cwd = repositoryRoot, onOutput } = options;
  return new Promise((resolve) => {
    // npm's own commands are shell scripts on Windows.
    const shell = process.platform === 'win32';
    const child = spawn(command, args, { cwd, env, shell, stdio: ['ignore', 'pipe', 'pipe'] });
    const hear = (chunk: Buffer) => (onOutput === undefined ? process.stdout.write(chunk) : onOutput(chunk.toString()));
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('error', (error) => {
      hear(Buffer.from(`${command}: ${error.message}\n`));
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}
