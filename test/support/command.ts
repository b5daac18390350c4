/**
 * The real command, or any script of ours, as a child process whose output can be waited for.
 *
 * Must never do: wait for a time. Whatever a test left running is killed when it ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { runCommandLine } from '../../src/cli/program.ts';

export const repository = fileURLToPath(new URL('../../', import.meta.url));
const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface Ended {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly out: string;
  readonly err: string;
}

export interface RunningCommand {
  readonly ended: Promise<Ended>;
  /** The first line of standard output that matches, be it printed already or not; rejects when the process ends without. */
  line(pattern: RegExp): Promise<string>;
  /** As `line`, on standard error. */
  complaint(pattern: RegExp): Promise<string>;
  signal(name: 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGKILL'): void;
  /** To standard input. */
  type(text: string): void;
  /** Nothing more is typed. */
  end(): void;
}

interface Options {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Flags for Node itself. */
  readonly nodeFlags?: readonly string[];
}

/** `sallyport …args`, by the Node that runs the tests. */
export function sallyport(args: readonly string[], options: Options = {}): RunningCommand {
  return runScript(main, args, options);
}

/**
 * Runs the command to its end inside of this process, which a test of what it says need not wait for a start of Node for.
 * Nobody types, nobody reads it on a terminal, and no signal comes.
 */
export async function sallyportEnds(args: readonly string[], options: Options = {}): Promise<Ended> {
  const { PATH = '', HOME = '' } = process.env;
  let [out, err] = ['', ''];
  const exitCode = await runCommandLine(args, {
    environment: { PATH, HOME, ...options.environment },
    folder: options.folder ?? repository,
    isInteractive: false,
    hasColour: false,
    print: (text) => void (out += `${text}\n`),
    complain: (text) => void (err += `${text}\n`),
    readSecret: () => Promise.resolve(null),
    onStopSignal: () => undefined,
    onHangUp: () => undefined,
    onKey: () => undefined,
  });
  return { exitCode, signal: null, out, err };
}

export function runScript(script: string, args: readonly string[], options: Options = {}): RunningCommand {
  const { PATH = '', HOME = '', NODE_COMPILE_CACHE = '' } = process.env;
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), script, ...args], {
    cwd: options.folder ?? repository,
    env: { PATH, HOME, NODE_COMPILE_CACHE, ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const out = collect(child, 'stdout');
  const err = collect(child, 'stderr');
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (exitCode, signal) => {
      out.close();
      err.close();
      resolve({ exitCode, signal, out: out.text(), err: err.text() });
    });
  });
  return {
    ended,
    line: (pattern) => out.line(pattern, err),
    complaint: (pattern) => err.line(pattern, out),
    signal: (name) => void child.kill(name),
    type: (text) => void child.stdin.write(text),
    end: () => void child.stdin.end(),
  };
}

/** The value of the first JSON line whose `event` is this. */
export async function eventLine(command: RunningCommand, event: string): Promise<Readonly<Record<string, unknown>>> {
  return parseLine(await command.line(new RegExp(`"event":"${event.replaceAll('.', String.raw`\.`)}"`)));
}

export function parseLine(line: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(line);
  if (typeof value !== 'object' || value === null) throw new Error(`not an object: ${line}`);
  return Object.fromEntries(Object.entries(value));
}

interface Collected {
  text(): string;
  line(pattern: RegExp, other: Collected): Promise<string>;
  close(): void;
}

function collect(child: ChildProcess, name: 'stdout' | 'stderr'): Collected {
  const stream = child[name];
  if (stream === null) throw new Error('the child has pipes');
  let text = '';
  let isClosed = false;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const one of waiting) one();
  };
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
    wake();
  });
  return {
    text: () => text,
    close() {
      isClosed = true;
      wake();
    },
    line: (pattern, other) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const lines = text.split('\n').slice(0, isClosed ? undefined : -1);
          const found = lines.find((line) => pattern.test(line));
          if (found !== undefined) resolve(found);
          else if (isClosed) reject(new Error(`${String(pattern)} never came:\n${text}\n${other.text()}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
  };
}
