/**
 * Configuration files on a real disk: found, read, resolved, or refused with every problem in its place.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configFileNames, type LoadedConfig, loadConfig } from '../../src/config/load.ts';
import { ConfigError, formatProblems } from '../../src/config/problems.ts';
import { ProxyError } from '../../src/errors.ts';

let directory = '';
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-config-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function put(name: string, text: string | Uint8Array): Promise<string> {
  await writeFile(join(directory, name), text);
  return name;
}

function load(file?: string, env: Record<string, string> = {}): Promise<LoadedConfig> {
  return loadConfig(file, { cwd: directory, env });
}

async function refusal(work: Promise<LoadedConfig>): Promise<ConfigError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was expected to be refused, and loaded');
}

function saying(text: string): unknown {
  return expect.stringContaining(text);
}

const good =
  'routes:\n  - name: web\n    match: { ports: 8080 }\n    action: { type: forward, target: { host: 127.0.0.1, port: 3000 } }\n';

describe('finding a file', () => {
  test('A03: the first of the known names is taken, and the others are said', async () => {
    for (const name of ['sallyport.json', 'sallyport.yaml', 'unrelated.yaml']) {
      await put(name, name.endsWith('json') ? '{}' : good);
    }
    const { file, plan } = await load();
    expect(file).toBe(join(directory, 'sallyport.yaml'));
    expect(plan.warnings).toEqual([saying('sallyport.json')]);
  });

  test('A03: without a file the error names every place that was looked at', async () => {
    const error = await load().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProxyError);
    expect(error).toMatchObject({ code: 'SALLYPORT_CONFIG_UNREADABLE' });
    for (const name of configFileNames) expect(String(error)).toContain(name);
  });

  test('A03: a file that cannot be read is an error with its path and cause', async () => {
    await expect(load('nowhere.yaml')).rejects.toMatchObject({
      code: 'SALLYPORT_CONFIG_UNREADABLE',
      message: 'the configuration nowhere.yaml cannot be read: ENOENT',
      cause: { code: 'ENOENT' },
    });
    await expect(load('.')).rejects.toMatchObject({ code: 'SALLYPORT_CONFIG_UNREADABLE', cause: { code: 'EISDIR' } });
  });
});

describe('reading a file', () => {
  test('A03: every value knows its line and column', async () => {
    const { plan } = await load(
      await put(
        'sallyport.yaml',
        `${good}    timeouts:\n      dial: 2s\ntimeouts: { idle: 1m }\nlisteners:\n  8080: {}\n`,
      ),
    );
    expect(plan.routes[0]?.configPath).toBe('sallyport.yaml:2:5 routes[0]');
    expect(plan.routes[0]?.timeouts.sources).toMatchObject({
      dial: 'sallyport.yaml:6:13 routes[0].timeouts.dial',
      idle: 'sallyport.yaml:7:19 timeouts.idle',
      halfClosed: 'sallyport.yaml:7:19 timeouts.idle',
      sniff: 'default',
    });
    expect(plan.listeners[0]?.configPath).toBe('sallyport.yaml:9:3 listeners.8080');
  });

  test('A03: all problems are told at once, in the order of the file, with frame, expectation and suggestion', async () => {
    const text =
      'routes:\n  - name: web\n    match: { prots: 8080 }\n    action:\n      type: forwrd\n      target: { host: 127.0.0.1, port: 0 }\n    timeouts: { dial: 0 }\nlog: { level: loud }\n';
    const error = await refusal(load(await put('sallyport.yaml', text), { SALLYPORT_NOTHING: '1' }));
    expect(error.problems.map(({ line, col, path }) => [line, col, path])).toEqual([
      [3, 5, 'routes[0].match.ports'],
      [3, 14, 'routes[0].match.prots'],
      [5, 13, 'routes[0].action.type'],
      [6, 40, 'routes[0].action.target.port'],
      [7, 23, 'routes[0].timeouts.dial'],
      [8, 15, 'log.level'],
      [null, null, ''],
    ]);
    expect(error.report).toContain(
      'sallyport.yaml:5:13: routes[0].action.type: this must be forward, redirect, respond, block or handler',
    );
    expect(error.report).toContain('  > 5 |       type: forwrd\n      |             ^');
    expect(error.report).toContain('  got: "forwrd"\n  did you mean: forward');
    expect(error.report).toBe(formatProblems(error.problems, text));
    expect(error.message.split('\n')).toHaveLength(8);
  });

  test('A03: values behind an alias are placed where they are written', async () => {
    const text =
      'routes:\n  - &a\n    name: a\n    match: { ports: 1 }\n    action: { type: block }\n    timeouts: &t { linger: 0 }\n  - { <<: *a, name: b, match: { ports: 2 }, timeouts: *t }\n';
    const error = await refusal(load(await put('sallyport.yaml', text)));
    expect(error.problems.map(({ line, col, path }) => [line, col, path])).toEqual([
      [6, 28, 'routes[0].timeouts.linger'],
      [6, 28, 'routes[1].timeouts.linger'],
    ]);
  });

  test('A03: a key that stands twice is told beside the other problems', async () => {
    const error = await refusal(
      load(await put('sallyport.yaml', `${good}log: { level: loud }\nlisteners:\n  8080: {}\n  "8080": {}\n`)),
    );
    expect(error.problems.map(({ line }) => line)).toEqual([5, 8]);
    const json =
      '{\n "routes": [{ "name": "a", "name": "b", "match": { "ports": 1 }, "action": { "type": "block" } }]\n}';
    expect((await refusal(load(await put('a.json', json)))).problems).toMatchObject([
      { line: 2, col: 28, message: saying('only once') },
    ]);
  });

  test('A03: broken YAML and broken JSON are placed, and their text is not quoted', async () => {
    const yaml = await refusal(load(await put('a.yaml', 'routes:\n  - name: web\n   token: "hunter2\n')));
    expect(yaml.problems[0]).toMatchObject({ file: 'a.yaml', line: 3 });
    const json = await refusal(load(await put('a.json', '{\n  "token": "hunter2",\n}\n')));
    expect(json.problems).toMatchObject([{ file: 'a.json', line: 3, col: 1, message: 'this is not valid JSON here' }]);
    for (const error of [yaml, json]) expect(error.report + error.message).not.toContain('hunter2');
  });

  test('L36: size, depth, aliases and encoding are bounded', async () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghi'.split('').map((name, at) => `${name}: &${name} [${`*${'abcdefgh'[at]},`.repeat(9)}]`),
    ].join('\n');
    const hostile: readonly (readonly [string, string | Uint8Array, string])[] = [
      ['big.yaml', '#'.repeat(1_048_577), 'the file is larger than 1 MiB'],
      ['deep.yaml', '['.repeat(100_000), 'this is nested too deeply to be read'],
      ['bomb.yaml', bomb, 'aliases repeat too much'],
      ['loop.yaml', `${good}log: &a { level: *a }\n`, 'this contains itself'],
      ['latin.yaml', Uint8Array.of(0x61, 0x3a, 0x20, 0xe9, 0x0a), 'the file is not UTF-8 text'],
      ['two.yaml', `${good}---\n${good}`, 'a configuration is one document'],
      ['tag.yaml', `${good}log: !!js/function "x"\n`, 'this tag (!name) is not known'],
      ['empty.yaml', '', 'this must be an object with routes'],
    ];
    for (const [name, text, message] of hostile) {
      const error = await refusal(load(await put(name, text)));
      expect(error.problems.map((problem) => problem.message)).toContainEqual(saying(message));
      for (const { file, line } of error.problems) expect([file, (line ?? 0) >= 1]).toEqual([name, true]);
    }
    expect(
      (await load(await put('fits.yaml', `${good}#${' '.repeat(1_048_575 - good.length)}`))).plan.routes,
    ).toHaveLength(1);
  });

  test('L36: no file of the configuration layer reads the disk synchronously', async () => {
    const folder = fileURLToPath(new URL('../../src/config/', import.meta.url));
    for (const name of await readdir(folder)) {
      expect([
        name,
        /\b(?:read|write|stat|exists|open|readdir)\w*Sync\b|from 'node:fs'/.test(
          await readFile(join(folder, name), 'utf8'),
        ),
      ]).toEqual([name, false]);
    }
  });

  test('A03: placeholders come from the environment, and a missing one is told at its place', async () => {
    const text = good.replace('3000', '"${PORT:-3000}"').replace('127.0.0.1', '"${UPSTREAM}"');
    const name = await put('sallyport.yaml', text);
    expect((await load(name, { UPSTREAM: 'app' })).plan.routes[0]?.action).toMatchObject({
      targets: [{ host: 'app', port: 3000 }],
    });
    expect((await refusal(load(name, { PORT: 'x' }))).problems).toMatchObject([
      {
        line: 4,
        path: 'routes[0].action.target.host',
        message: 'the environment variable UPSTREAM is not set',
        got: '${UPSTREAM}',
      },
      { line: 4, path: 'routes[0].action.target.port', got: '${PORT:-3000}, from the environment variable PORT' },
    ]);
  });
});

describe('files that are programs', () => {
  const run = promisify(execFile);
  const loader = fileURLToPath(new URL('../../src/config/load.ts', import.meta.url));

  /** In a process of its own: a test runner has an `import()` of its own. */
  async function loadInNode(name: string): Promise<unknown> {
    const script = `
      const { loadConfig } = await import(${JSON.stringify(loader)});
      const once = () => loadConfig(${JSON.stringify(name)}, { cwd: ${JSON.stringify(directory)}, env: { HOST: 'app' } }).then(
        ({ plan }) => ({ plan }), (error) => ({ code: error.code, problems: error.problems, report: error.report }));
      const first = await once();
      const { readFile, writeFile, utimes } = await import('node:fs/promises');
      const path = ${JSON.stringify(directory)} + '/' + ${JSON.stringify(name)};
      await writeFile(path, (await readFile(path, 'utf8')).replace('3000', '3001'));
      await utimes(path, 1, 1);
      const second = await once();
      const left = await import('sallyport').then(() => 'resolves', () => 'gone');
      console.log(JSON.stringify({ first, second, left }));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: directory });
    return JSON.parse(stdout);
  }

  const program = `import { defineConfig } from 'sallyport';
const port: number = 3000;
export default defineConfig({ routes: [{ name: 'web', match: { ports: 8080 }, action: { type: 'forward', target: { host: '\${HOST}', port } } }] });
`;

  test('A01: a file outside the package imports sallyport, is read again when it changes, and leaves no trace in the resolver', async () => {
    expect(await loadInNode(await put('sallyport.config.ts', program))).toMatchObject({
      first: {
        plan: {
          routes: [
            { configPath: 'sallyport.config.ts: routes[0]', action: { targets: [{ host: 'app', port: 3000 }] } },
          ],
        },
      },
      second: { plan: { routes: [{ action: { targets: [{ host: 'app', port: 3001 }] } }] } },
      left: 'gone',
    });
  });

  test.each([
    [
      'a wrong value',
      program.replace('8080', "'eighty'"),
      { path: 'routes[0].match.ports', file: 'a.config.ts', line: null },
    ],
    ['no default export', 'export const config = {};', { message: 'this file has no default export' }],
    ['a function', 'export default () => ({});', { message: saying('must be the configuration itself') }],
    ['a syntax error', 'export default {', { message: saying('importing this file failed') }],
    [
      'a syntax error in the middle',
      "export default {\n  routes: [{ name: 'x' ],\n};",
      { message: saying('SyntaxError'), line: 2 },
    ],
    ['a throw', "throw new Error('no');", { message: 'importing this file failed: Error: no', line: 1, col: 7 }],
    ['a name that is not there', 'const a: number = 1;\nexport default { a: b };', { line: 2, col: 21 }],
    ['a missing import', "import 'nowhere-to-be-found';", { message: saying('importing this file failed') }],
  ])('A01: %s is a problem of the file', async (_, text, problem) => {
    expect(await loadInNode(await put('a.config.ts', text))).toMatchObject({
      first: { code: 'SALLYPORT_CONFIG_INVALID', problems: [{ file: 'a.config.ts', ...problem }] },
    });
  });
});
