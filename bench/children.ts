/**
 * Every process the bench starts: pinned to a core, known by its id, ended with the bench however the bench ends.
 *
 * Must never do: end a process by name, or leave one behind after an error or Ctrl-C.
 * Read first: `processes.ts` for what is read from /proc.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { processTree } from './processes.ts';

export interface Child {
  readonly name: string;
  readonly pid: number;
  readonly process: ChildProcess;
  readonly hasEnded: boolean;
  /** The last of what it wrote, where its output went to a file. */
  lastWords(): string;
  /** Asks, waits a second, then insists; also for what it started itself. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** The core it may run on; null where cores cannot be pinned. */
  readonly core: number | null;
  /** Where its output goes; `pipe` keeps stdin and stdout open to the bench. */
  readonly output: 'pipe' | { readonly file: string };
}

/** Which core is whose, where cores can be pinned. */
export const cores = { subject: 0, load: 1 } as const;

const living = new Set<Child>();
let isGuarded = false;

/** True exactly when `taskset` is here and there are two cores to keep apart. */
export function canPin(): boolean {
  return spawnSync('taskset', ['-c', '0,1', 'true'], { stdio: 'ignore' }).status === 0;
}

/** @throws Error when the command cannot be started at all. */
export function startChild(name: string, command: readonly string[], options: ChildOptions): Child {
  guard();
  const [file, ...args] = options.core === null ? command : ['taskset', '-c', String(options.core), ...command];
  if (file === undefined) throw new Error(`${name}: empty command`);
  const log = options.output === 'pipe' ? null : openSync(options.output.file, 'w');
  const child = spawn(file, args, { stdio: log === null ? ['pipe', 'pipe', 'inherit'] : ['ignore', log, log] });
  if (log !== null) closeSync(log);
  child.on('error', () => {});
  if (child.pid === undefined) throw new Error(`${name}: cannot start ${file}`);
  const owned = own(name, child.pid, child, options);
  living.add(owned);
  child.once('exit', () => living.delete(owned));
  return owned;
}

function own(name: string, pid: number, child: ChildProcess, options: ChildOptions): Child {
  return {
    name,
    pid,
    process: child,
    get hasEnded() {
      return child.exitCode !== null || child.signalCode !== null;
    },
    lastWords: () => (options.output === 'pipe' ? '' : readFileSync(options.output.file, 'utf8').slice(-600).trim()),
    async stop() {
      const tree = processTree(pid);
      child.kill('SIGTERM');
      for (let waited = 0; waited < 20 && !this.hasEnded; waited++) await pause(50);
      if (!this.hasEnded) end(tree);
    },
  };
}

/** Once per run: whatever ends the bench ends its children. */
function guard(): void {
  if (isGuarded) return;
  isGuarded = true;
  process.on('exit', () => {
    for (const child of living) end(processTree(child.pid));
  });
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    process.on(signal, () => process.exit(code));
  }
}

function end(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}
