/**
 * Configurations that are programs: `sallyport.config.ts` by Node's own type stripping.
 *
 * Decides: what `import … from 'sallyport'` means inside such a file: the very package that is reading it, also where the
 * package is not installed. Must never do: leave the resolver changed once the file is imported.
 */
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

import { isRecord } from './plain.ts';
import { codeSource, type ConfigSource } from './source.ts';

/**
 * Imports a file and takes its default export.
 * @param path absolute.
 * @param file as it shall appear in problems.
 * @param version changes whenever the file does, so that a reload sees the new text; what the file imports stays cached.
 */
export async function importConfig(path: string, file: string, version: number): Promise<ConfigSource> {
  const url = pathToFileURL(path);
  url.searchParams.set('version', String(version));
  const hooks = registerHooks({
    resolve: (specifier, context, nextResolve) => {
      const own = ownModules.get(specifier);
      return own === undefined ? nextResolve(specifier, context) : { url: own, shortCircuit: true };
    },
  });
  try {
    const module: unknown = await import(url.href);
    return moduleSource(module, file);
  } catch (error) {
    return failed(file, `importing this file failed: ${describeError(error)}`, null, placeOf(error, path));
  } finally {
    hooks.deregister();
  }
}

/** This file's own ending says whether the package runs from source or built. */
const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

const ownModules: ReadonlyMap<string, string> = new Map([
  ['sallyport', new URL(`../index.${ending}`, import.meta.url).href],
  ['sallyport/machines', new URL(`../machines/index.${ending}`, import.meta.url).href],
  ['sallyport/testing', new URL(`../testing/index.${ending}`, import.meta.url).href],
]);

function moduleSource(module: unknown, file: string): ConfigSource {
  const value = typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
  if (value === undefined)
    return failed(file, 'this file has no default export', 'export default defineConfig({ … });');
  if (typeof value === 'function' || value instanceof Promise) {
    return failed(
      file,
      'the default export must be the configuration itself, not something that makes it',
      'export default await …;',
    );
  }
  return isRecord(value) ? codeSource(value, file) : failed(file, 'the default export must be an object with routes');
}

function failed(
  file: string,
  message: string,
  suggestion: string | null = null,
  { line, col }: Place = nowhere,
): ConfigSource {
  const problem = { path: '', file, line, col, message, expected: null, got: null, suggestion };
  return { ...codeSource(undefined, file), problems: [problem], sound: false };
}

interface Place {
  readonly line: number | null;
  readonly col: number | null;
}

const nowhere: Place = { line: null, col: null };

/**
 * Where in the file it happened, as Node says it: what does not parse, above a line with a caret; what throws, in the stack.
 * Of JavaScript that does not parse Node tells a program nothing.
 */
function placeOf(error: unknown, path: string): Place {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const lines = stack.split('\n');
  const [first = ''] = lines;
  if (first.startsWith(`${path}:`)) {
    const caret = lines.slice(1, 8).find((line) => /^\s*\^+\s*$/.test(line));
    return { line: Number(first.slice(path.length + 1)), col: caret === undefined ? null : caret.indexOf('^') + 1 };
  }
  const thrown = lines.find((line) => line.includes(pathToFileURL(path).href));
  const [, line, col] = /:(\d+):(\d+)\)?$/.exec(thrown ?? '') ?? [];
  return line === undefined ? nowhere : { line: Number(line), col: Number(col) };
}

/** The first line: what follows is a stack of the loader's own. */
function describeError(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.split('\n', 1).join('').slice(0, 200);
}
