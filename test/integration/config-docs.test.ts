/**
 * The examples of docs/guides/configuration.md do what the guide says: what is built loads, what is not says so.
 */
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { ConfigError, type ConfigProblem } from '../../src/config/problems.ts';
import { configFileNames } from '../../src/config/load.ts';
import { readYaml } from '../../src/config/read-yaml.ts';
import { resolveSource } from '../../src/config/resolve.ts';
import { deadlineNames, deadlines } from '../../src/machines/connection/delays.ts';
import { builtinDetectors } from '../../src/protocols/builtin-detectors.ts';

const guide = await readFile(new URL('../../docs/guides/configuration.md', import.meta.url), 'utf8');

/** The fenced block of this title. */
function block(title: string): string {
  const found = new RegExp(`^\`\`\`\\w+ title=${title.replaceAll('.', '\\.')}\\n(.*?)^\`\`\`$`, 'ms').exec(guide)?.[1];
  if (found === undefined) throw new Error(`the guide has no block titled ${title}`);
  return found;
}

function problemsOf(title: string): readonly ConfigProblem[] {
  try {
    resolveSource(readYaml(title, block(title)));
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the guide', () => {
  test('A03: its example loads, with a warning for each key that does nothing yet', () => {
    const plan = resolveSource(readYaml('sallyport.yaml', block('sallyport.yaml')));
    expect(plan.routes.map(({ name }) => name)).toEqual(['api', 'web', 'cache', 'closed', 'mysql']);
    expect(plan.listeners.map(({ port }) => port)).toEqual([443, 2323, 3306, 8080]);
    expect(plan.routes[0]?.timeouts.values).toMatchObject({
      dial: 5_000,
      idle: 300_000,
      halfClosed: 60_000,
      lifetime: null,
    });
    expect(plan.warnings.map((warning) => / (\w+): accepted, and does nothing yet$/.exec(warning)?.[1])).toEqual([
      'admin',
      'store',
      'trace',
      'workers',
    ]);
  });

  test('X03: of the whole language, exactly what is not built yet is refused, each at its own line', () => {
    const lines = block('whole-language.yaml').split('\n');
    const problems = problemsOf('whole-language.yaml');
    for (const { path, message, line } of problems) {
      expect(message).toMatch(/ is not built yet$/);
      expect(lines[(line ?? 0) - 1]).toContain(`${/[^.]+$/.exec(path)?.[0]}:`);
    }
    expect(problems.map(({ path }) => path)).toEqual([
      ...['path', 'headers', 'method', 'query', 'tlsVersion'].map((key) => `routes[0].match.${key}`),
      ...['upstreamProtocol', 'sendProxyProtocol', 'rewrite'].map((key) => `routes[0].action.${key}`),
      ...['mode', 'certificate', 'acme', 'minVersion'].map((key) => `routes[0].tls.${key}`),
      'routes[0].security',
      'routes[0].onReload',
      ...['type', 'to', 'status'].map((key) => `routes[1].action.${key}`),
      'routes[2].match.path',
      ...['type', 'status', 'body'].map((key) => `routes[2].action.${key}`),
      'routes[4].action.pool',
      'pools',
      'listeners.443.acceptProxyProtocol',
      'trustedProxies',
      'acme',
    ]);
  });

  test('X05: no password of the whole language is repeated', () => {
    expect(JSON.stringify(problemsOf('whole-language.yaml'))).not.toContain('scrypt');
  });

  test('A03: it names every file that is looked for, every deadline with its default, and every detector', () => {
    for (const name of configFileNames) expect(guide).toContain(`\`${name}\``);
    for (const { name } of builtinDetectors) expect(guide).toContain(`\`${name}\``);
    const units = [
      [3_600_000, 'h'],
      [60_000, 'min'],
      [1_000, 's'],
      [1, 'ms'],
    ] as const;
    for (const name of deadlineNames) {
      const row = new RegExp(`^\\| \`${name}\` \\| ([^|]+) \\|`, 'm').exec(guide)?.[1];
      const ms = deadlines[name].defaultMs;
      if (row === undefined) expect(guide).toMatch(new RegExp(`\`${name}\`[^|]*not built yet and are refused`, 's'));
      else if (name === 'halfClosed') expect(row).toBe('the value of `idle`');
      else if (ms === null) expect([name, row]).toEqual([name, deadlines[name].infiniteAllowed ? 'infinite' : 'off']);
      else
        expect([name, row]).toEqual([
          name,
          units.filter(([factor]) => ms % factor === 0).map(([factor, unit]) => `${ms / factor} ${unit}`)[0],
        ]);
    }
  });
});
