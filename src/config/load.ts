/**
 * A configuration file as a plan: found, read within bounds, resolved.
 *
 * Must never do: block the event loop (no synchronous file access), or read without a bound.
 * Read first: `resolve.ts`.
 */
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, relative, resolve, sep } from 'node:path';

import { ProxyError } from '../errors.ts';
import type { ProxyPlan } from '../routing/plan.ts';
import { withHtpasswd } from './check-htpasswd.ts';
import { importConfig } from './import-config.ts';
import { ConfigError } from './problems.ts';
import { readJson } from './read-json.ts';
import { readYaml } from './read-yaml.ts';
import { type ResolveOptions, resolveSource } from './resolve.ts';
import { type ConfigSource, textProblem } from './source.ts';

export interface LoadOptions extends ResolveOptions {
  /** Where to look, and what shown paths are relative to. */
  readonly cwd: string;
}

export interface LoadedConfig {
  /** Absolute. */
  readonly file: string;
  readonly plan: ProxyPlan;
}

/** Looked for in this order when no file is named. */
export const configFileNames: readonly string[] = [
  'sallyport.config.ts',
  'sallyport.config.js',
  'sallyport.config.yaml',
  'sallyport.config.yml',
  'sallyport.config.json',
  'sallyport.yaml',
  'sallyport.yml',
  'sallyport.json',
];

/**
 * @param file as the user named it; undefined looks for one in `cwd`.
 * @throws ConfigError with every problem; ProxyError SALLYPORT_CONFIG_UNREADABLE when there is no file to be read.
 */
export async function loadConfig(file: string | undefined, options: LoadOptions): Promise<LoadedConfig> {
  const path = resolve(options.cwd, file ?? (await findConfig(options.cwd)));
  const source = await readSource(path, shownPath(path, options.cwd));
  const resolved = resolveSource(source, { ...options, folder: dirname(path) });
  const plan = await withHtpasswd(resolved, (named) => shownPath(named, options.cwd));
  return { file: path, plan: file === undefined ? await withOthers(plan, path) : plan };
}

/** The largest file that is read: far beyond any written by hand. */
const fileBytesMax = 1_048_576;

async function findConfig(cwd: string): Promise<string> {
  const found = (await candidates(cwd))[0];
  if (found !== undefined) return found;
  throw new ProxyError(
    'SALLYPORT_CONFIG_UNREADABLE',
    `there is no configuration in ${cwd}; looked for ${configFileNames.join(', ')}`,
  );
}

async function candidates(directory: string): Promise<readonly string[]> {
  const there = await readdir(directory).catch((error: unknown) => unreadable(directory, error));
  return configFileNames.filter((name) => there.includes(name));
}

/** Files that were passed over are said, so that nobody edits the wrong one. */
async function withOthers(plan: ProxyPlan, path: string): Promise<ProxyPlan> {
  const others = (await candidates(dirname(path))).filter((name) => name !== basename(path));
  if (others.length === 0) return plan;
  return {
    ...plan,
    warnings: [
      ...plan.warnings,
      `${basename(path)} is used; ${others.join(', ')} beside it ${others.length === 1 ? 'is' : 'are'} not`,
    ],
  };
}

async function readSource(path: string, shown: string): Promise<ConfigSource> {
  const { bytes, version } = await readBounded(path, shown);
  if (bytes.length > fileBytesMax) {
    throw new ConfigError([textProblem(shown, { line: 1, col: 1 }, 'the file is larger than 1 MiB')], null);
  }
  if (/^\.[cm]?[jt]s$/.test(extname(path))) return importConfig(path, shown, version);
  const text = decoded(bytes);
  if (text === null)
    throw new ConfigError([textProblem(shown, { line: 1, col: 1 }, 'the file is not UTF-8 text')], null);
  return extname(path) === '.json' ? readJson(shown, text) : readYaml(shown, text);
}

interface Contents {
  /** At most one byte more than is allowed. */
  readonly bytes: Buffer;
  readonly version: number;
}

async function readBounded(path: string, shown: string): Promise<Contents> {
  const file = await open(path).catch((error: unknown) => unreadable(shown, error));
  try {
    const { mtimeMs } = await file.stat();
    const chunks: Buffer[] = [];
    let left = fileBytesMax + 1;
    while (left > 0) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(left, 65_536)));
      if (bytesRead === 0) break;
      chunks.push(buffer.subarray(0, bytesRead));
      left -= bytesRead;
    }
    return { bytes: Buffer.concat(chunks), version: mtimeMs };
  } catch (error) {
    return unreadable(shown, error);
  } finally {
    await file.close();
  }
}

function unreadable(shown: string, cause: unknown): never {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown cause';
  throw new ProxyError('SALLYPORT_CONFIG_UNREADABLE', `the configuration ${shown} cannot be read: ${reason}`, {
    cause,
  });
}

function decoded(bytes: Buffer): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** Relative to where the user stands, when the file is below it. */
function shownPath(path: string, cwd: string): string {
  const shown = relative(cwd, path);
  return shown === '' || shown === '..' || shown.startsWith(`..${sep}`) || isAbsolute(shown) ? path : shown;
}
