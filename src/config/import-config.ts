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
    return failed(file, `importing this file failed: ${describeError(error)}`);
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

function failed(file: string, message: string, suggestion: string | null = null): ConfigSource {
  const problem = { path: '', file, line: null, col: null, message, expected: null, got: null, suggestion };
  return { ...codeSource(undefined, file), problems: [problem], sound: false };
}

/** The first line: what follows is a stack of the loader's own. */
function describeError(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.split('\n', 1).join('').slice(0, 200);
}
