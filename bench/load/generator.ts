/**
 * The load generator as the bench sees it: one command, one answer of numbers.
 *
 * Decides: which one runs. The C one (load.c) where there is a compiler, because Node would be slower than some subjects
 * and hide them; else node-load.ts, and the results say so. HTTP and TLS load come in C only.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { startChild, type Child } from '../children.ts';

/** The source it is built from: bytes (load.c), HTTP (http-load.c) or TLS (tls-load.c). */
export type LoadProgram = 'load' | 'http-load' | 'tls-load';

/** What it is linked with, and what has to be said where it cannot be built; null where Node can do the same. */
const programs: Readonly<
  Record<LoadProgram, { readonly libraries: readonly string[]; readonly needs: string | null }>
> = {
  load: { libraries: [], needs: null },
  'http-load': { libraries: [], needs: 'a C compiler (cc)' },
  'tls-load': { libraries: ['-lssl', '-lcrypto'], needs: 'a C compiler (cc) and OpenSSL to build with (libssl-dev)' },
};

export type Answer = ReadonlyMap<string, number>;

export interface Generator {
  readonly kind: 'c' | 'node';
  /** @throws Error when it refuses, ends, or does not answer in time. */
  command(line: string, timeoutMs: number): Promise<Answer>;
}

/**
 * @param kind `node` skips the compiler.
 * @throws Error without a compiler, where there is no generator in Node.
 */
export function startGenerator(
  folder: string,
  core: number | null,
  kind: 'c' | 'node',
  source: LoadProgram,
): Generator {
  const program = join(folder, source);
  const { libraries, needs } = programs[source];
  const isCompiled = kind === 'c' && compile(join(import.meta.dirname, `${source}.c`), program, libraries);
  if (!isCompiled && needs !== null) throw new Error(`the load of this suite needs ${needs}`);
  const command = isCompiled ? [program] : [process.execPath, join(import.meta.dirname, 'node-load.ts')];
  const child = startChild('load generator', command, { core, output: 'pipe' });
  return { kind: isCompiled ? 'c' : 'node', command: talkTo(child) };
}

function compile(source: string, program: string, libraries: readonly string[]): boolean {
  const args = ['-O2', '-o', program, source, ...libraries];
  return spawnSync('cc', args, { stdio: ['ignore', 'ignore', 'inherit'] }).status === 0;
}

function talkTo(child: Child): Generator['command'] {
  const { stdin, stdout } = child.process;
  if (stdin === null || stdout === null) throw new Error('the load generator has no pipes');
  let settle: ((answer: string) => void) | null = null;
  const hear = (line: string): void => {
    settle?.(line);
    settle = null;
  };
  createInterface({ input: stdout }).on('line', hear);
  child.process.once('exit', () => hear('failed the load generator has ended'));
  stdin.on('error', () => hear('failed the load generator does not listen'));
  return async (line, timeoutMs) => {
    if (child.hasEnded) throw new Error('the load generator has ended');
    const answer = await new Promise<string>((resolve) => {
      const timer = setTimeout(() => hear(`failed no answer within ${timeoutMs} ms`), timeoutMs);
      settle = (text) => {
        clearTimeout(timer);
        resolve(text);
      };
      stdin.write(`${line}\n`);
    });
    if (!answer.startsWith('ok')) throw new Error(`load generator, ${line.split(' ')[0]}: ${answer}`);
    return numbersOf(answer);
  };
}

/** `ok units=12 ns=34` → units 12, ns 34. */
function numbersOf(answer: string): Answer {
  const pairs = answer
    .split(' ')
    .slice(1)
    .map((word) => word.split('='));
  return new Map(pairs.map(([name, value]) => [name ?? '', Number(value)]));
}
