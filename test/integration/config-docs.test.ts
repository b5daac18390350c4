/**
 * The examples of the guides do what the guides say: what is built loads, what is not says so.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ConfigError, type ConfigProblem } from '../../src/config/problems.ts';
import { configSchema } from '../../src/config/schema.ts';
import { usableKeys } from '../../src/config/schema-walk.ts';
import { configFileNames } from '../../src/config/load.ts';
import { parsePath, type Path } from '../../src/config/path.ts';
import { isRecord, valueAt } from '../../src/config/plain.ts';
import { readYaml } from '../../src/config/read-yaml.ts';
import { resolveConfig, resolveSource } from '../../src/config/resolve.ts';
import { deadlineNames, deadlines } from '../../src/machines/connection/delays.ts';
import { builtinDetectors } from '../../src/protocols/builtin-detectors.ts';
import { sallyport } from '../support/command.ts';

const guideOf = (name: string) => readFile(new URL(`../../docs/guides/${name}.md`, import.meta.url), 'utf8');
const guide = await guideOf('configuration');
const httpGuide = await guideOf('http');
const tlsGuide = await guideOf('tls');

/** The fenced block of this title. */
function block(title: string, text = guide): string {
  const found = new RegExp(`^\`\`\`\\w+ title=${title.replaceAll('.', '\\.')}\\n(.*?)^\`\`\`$`, 'ms').exec(text)?.[1];
  if (found === undefined) throw new Error(`the guide has no block titled ${title}`);
  return found;
}

/** Takes one value out; what is not there is taken out already. */
function removeAt(value: unknown, path: Path): void {
  const around = valueAt(value, path.slice(0, -1));
  const key = path.at(-1);
  if (Array.isArray(around)) around.splice(Number(key), 1);
  else if (isRecord(around) && key !== undefined) Reflect.deleteProperty(around, key);
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
    expect(plan.routes.map(({ name }) => name)).toEqual([
      'api',
      'web',
      'to-https',
      'health',
      'cache',
      'closed',
      'mysql',
    ]);
    expect(plan.listeners.map(({ port }) => port)).toEqual([443, 2323, 3306, 8080]);
    expect(plan.routes[0]?.timeouts.values).toMatchObject({
      dial: 5_000,
      idle: 300_000,
      halfClosed: 60_000,
      lifetime: null,
    });
    expect(plan.routes.filter(({ needsHttp }) => needsHttp).map(({ name }) => name)).toEqual([
      'web',
      'to-https',
      'health',
    ]);
    expect(plan.trustedProxies).toEqual(['10.0.0.0/8']);
    const idle = plan.warnings.flatMap((warning) => / (\w+): accepted, and does nothing yet$/.exec(warning)?.[1] ?? []);
    expect(idle).toEqual(['admin', 'trace', 'workers']);
    expect(plan.warnings.slice(idle.length)).toEqual([expect.stringContaining('credentials travel in the clear')]);
  });

  test('X03: of the whole language, exactly what is not built yet is refused, each at its own line', () => {
    const lines = block('whole-language.yaml').split('\n');
    const problems = problemsOf('whole-language.yaml');
    for (const { path, message, line } of problems) {
      expect(message).toMatch(/ is not built yet$/);
      expect(lines[(line ?? 0) - 1]).toContain(`${/[^.]+$/.exec(path)?.[0]}:`);
    }
    expect(problems.map(({ path }) => path)).toEqual(['routes[0].onReload']);
  });

  test('A03: without those keys the whole language loads', () => {
    const { value } = readYaml('whole-language.yaml', block('whole-language.yaml'));
    for (const { path } of problemsOf('whole-language.yaml')) removeAt(value, parsePath(path) ?? []);
    const plan = resolveConfig(value);
    expect(plan.routes.map(({ name, needsHttp }) => [name, needsHttp])).toEqual([
      ['api', true],
      ['to-https', true],
      ['health', true],
      ['closed', false],
      ['mysql', false],
    ]);
    expect(plan.pools).toMatchObject([{ name: 'db', retries: 2, balance: 'round-robin', check: { type: 'tcp' } }]);
    expect(plan.listeners.find(({ port }) => port === 443)?.proxyHeader).toEqual({
      from: ['10.0.0.0/8'],
      required: true,
    });
    expect(plan.routes[0]).toMatchObject({
      access: { allow: ['192.168.1.*', '10.0.0.0/8'], block: ['192.168.1.100'] },
      onBan: 'kill',
      admission: { maxConnections: 100, maxConnectionsPerIp: 20, rates: [{ amount: 100 }, { amount: 1_000 }] },
      action: { proxyHeader: 'v2' },
      match: { http: { path: '/v1/users/:id/*', methods: ['GET', 'POST'] }, tlsVersion: ['TLSv1.3'] },
      tls: { mode: 'terminate', certificate: { type: 'auto', names: ['api.example.com'] } },
      rewrite: { stripPrefix: '/v1', path: '/users/:id' },
      authentication: { type: 'basic' },
    });
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
    const ofDeadlines = guide.slice(guide.indexOf('\n## Deadlines'));
    for (const name of deadlineNames) {
      const row = new RegExp(`^\\| \`${name}\` \\| ([^|]+) \\|`, 'm').exec(ofDeadlines)?.[1];
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

describe('what the guide says of pools and targets', () => {
  test.each(['targets.yaml', 'pools.yaml'])('A03: its example %s loads without a warning', (title) => {
    expect(resolveSource(readYaml(title, block(title))).warnings).toEqual([]);
  });

  test('R11: its function for targets loads as a program', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-guide-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'sallyport.config.ts'), block('target-function.config.ts'));
    const { exitCode } = await sallyport(['check', '--json'], { folder }).ended;
    expect(exitCode).toBe(0);
  });

  test('A03: it names every key of pools, limits, listeners, defaults, security and dialers', () => {
    const paths: readonly Path[] = [
      ['pools', 'a'],
      ...['health', 'breaker', 'dialer'].map((key): Path => ['pools', 'a', key]),
      ['pools', 'a', 'endpoints', 0],
      ['limits'],
      ['listeners', '1'],
      ['listeners', '1', 'acceptProxyProtocol'],
      ['defaults'],
      ['routes', 0, 'security'],
      ['routes', 0, 'security', 'rateLimit'],
      ['routes', 0, 'action'],
    ];
    for (const path of paths) {
      expect([path, usableKeys(configSchema, path).length > 1]).toEqual([path, true]);
      for (const key of usableKeys(configSchema, path)) expect(guide).toMatch(new RegExp(`\\b${key}\\b`));
    }
  });
});

describe('the guide to TLS', () => {
  test('A03: its example loads without a warning, each route in the mode that it says', () => {
    const source = readYaml('tls.yaml', block('tls.yaml', tlsGuide));
    const plan = resolveSource(source, { env: { MAIL_PASSPHRASE: 'p' }, folder: '/etc/sallyport' });
    expect(plan.warnings).toEqual([]);
    expect(plan.routes.map(({ name, tls, needsHttp }) => [name, tls?.mode ?? null, needsHttp])).toEqual([
      ['shop', 'terminate', true],
      ['api', 'terminate-and-reencrypt', true],
      ['mail', 'terminate', false],
      ['legacy', null, false],
      ['to-https', null, true],
    ]);
  });

  test('A03: its configuration in code loads, and the wildcard is ordered by DNS', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-guide-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'sallyport.config.ts'), block('sallyport.config.ts', tlsGuide));
    const { exitCode, out } = await sallyport(['check', '--json'], { folder }).ended;
    expect(exitCode).toBe(0);
    const certificate = {
      names: ['example.com', '*.example.com'],
      acme: { challenges: ['dns-01', 'http-01', 'tls-alpn-01'] },
    };
    expect(JSON.parse(out)).toMatchObject({ warnings: [], routes: [{ tls: { certificate } }] });
  });

  test('S03: the guides name every key of tls and of acme', () => {
    for (const path of [['routes', 0, 'tls'], ['acme'], ['routes', 0, 'tls', 'upstream']])
      for (const key of usableKeys(configSchema, path)) expect(guide).toMatch(new RegExp(`\\b${key}\\b`));
  });
});

describe('the guide to HTTP', () => {
  test.each([...httpGuide.matchAll(/^```yaml title=(\S+)$/gm)].map(([, title = '']) => title))(
    'A03: its example %s loads, and every route of it is one of HTTP',
    (title) => {
      const plan = resolveSource(readYaml(title, block(title, httpGuide)));
      expect(plan.routes.map(({ name, needsHttp }) => [name, needsHttp])).toEqual(
        plan.routes.map(({ name }) => [name, true]),
      );
      for (const warning of plan.warnings) expect(warning).toContain('credentials travel in the clear');
    },
  );

  test('K03: its handlers load as a program: one in the form of fetch, one in that of Node, one for bytes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-guide-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'handlers.config.ts'), block('handlers.config.ts', httpGuide));
    const { exitCode, out } = await sallyport(['check', '--json', 'handlers.config.ts'], { folder }).ended;
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      routes: ['an HTTP handler (fetch)', 'an HTTP handler (node)', 'a socket handler'].map((action) => ({ action })),
    });
  });

  test('A03: it names every deadline of HTTP with its default', () => {
    for (const name of ['requestHead', 'requestBody', 'response', 'keepAlive', 'poolIdle', 'queue'] as const) {
      const row = new RegExp(`^\\| [^|]*\`${name}\`[^|]* \\| ([^|]+) \\|`, 'm').exec(httpGuide)?.[1];
      expect([name, row]).toEqual([name, expect.stringContaining(`${(deadlines[name].defaultMs ?? 0) / 1_000} s`)]);
    }
  });
});
