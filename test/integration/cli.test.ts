/**
 * The command as a whole: help, versions, mistakes, what is not built yet. Every test runs the real command.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMachine, type AnyStateNode } from 'xstate';
import { describe, expect, onTestFinished, test } from 'vitest';
import { connectionMachine } from '../../src/machines/connection/machine.ts';
import { sallyport, sallyportEnds } from '../support/command.ts';

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-cli-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

function isDefinition(value: unknown): value is Parameters<typeof createMachine>[0] {
  return typeof value === 'object' && value !== null;
}

/** Every state with the events it hears, nested ones within. */
function leavesOf(node: AnyStateNode): readonly string[] {
  const children = Object.values(node.states);
  return [`${node.id}: ${[...node.transitions.keys()].join(' ')}`, ...children.flatMap((child) => leavesOf(child))];
}

describe('help and mistakes', () => {
  test('A02: --help names every command on standard output, those that are not built apart', async () => {
    const { exitCode, out } = await sallyportEnds(['--help']);
    expect(exitCode).toBe(0);
    const [built = '', later = ''] = out.split('Not built yet:');
    for (const name of ['run', 'check', 'explain', 'chart', 'init', 'hash-password'])
      expect(built).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    for (const name of ['ps', 'top', 'kill', 'drain', 'metrics', 'events', 'replay']) {
      expect(later).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
    for (const flag of ['--config', '--interpreter', '--log-level', '--admin', '--set']) expect(built).toContain(flag);
  });

  test('A02: --version is the version of the package', async () => {
    const manifest = await readFile(new URL('../../package.json', import.meta.url), 'utf8');
    const { exitCode, out } = await sallyportEnds(['--version']);
    expect(exitCode).toBe(0);
    expect(manifest).toContain(`"version": "${out.trim()}"`);
  });

  test.each([
    { args: [], says: /^Usage: sallyport/ },
    { args: ['chekc'], says: /unknown command 'chekc'\n\(Did you mean check\?\)/ },
    { args: ['check', '--jsn'], says: /unknown option '--jsn'\n\(Did you mean --json\?\)/ },
    { args: ['--interpreter', 'quick', 'check'], says: /--interpreter.*'quick'.*compiled, xstate/ },
    { args: ['run', 'a.yaml', '--config', 'b.yaml'], says: /two configuration files: a\.yaml and --config b\.yaml/ },
    { args: ['8080=127.0.0.1:3000', '--config', 'b.yaml'], says: /mappings and --config exclude each other/ },
    { args: ['8080=nowhere', '99999=x:1'], says: /8080=nowhere: .*\n[^]*99999=x:1: [^]*2 problems/ },
    { args: ['chart', 'conection'], says: /unknown machine 'conection'\n\(Did you mean connection\?\)/ },
    { args: ['explain', 'tcp://a.example'], says: /'tcp:\/\/a\.example' names no port/ },
    { args: ['run', '--watch'], says: /--watch is not built yet/ },
    { args: ['check', 'missing.yaml'], says: /missing\.yaml cannot be read: ENOENT/ },
  ])('A02: $args is answered on standard error with exit code 2', async ({ args, says }) => {
    const { exitCode, out, err } = await sallyportEnds(args, { folder: await emptyFolder() });
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
    expect(err).toMatch(says);
  });

  test.each(['ps', 'top', 'kill', 'drain', 'metrics', 'events', 'replay'])(
    'A02: %s is known, not built, and does not pretend',
    async (name) => {
      const { exitCode, out, err } = await sallyportEnds([name, 'x1-1', '--as-test']);
      expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
      expect(err).toMatch(new RegExp(`^sallyport ${name}: not built yet; it needs .*\n$`));
    },
  );

  test('A01: an old Node is told so in one line before anything is imported', async () => {
    const folder = await emptyFolder();
    const old = join(folder, 'old.mjs');
    await writeFile(
      old,
      "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '22.18.9' } });",
    );
    const { exitCode, err } = await sallyport(['--help'], { nodeFlags: ['--import', old] }).ended;
    expect(exitCode).toBe(2);
    expect(err).toBe('sallyport needs Node.js 22.19 or newer, and this is 22.18.9\n');
  });
});

describe('init', () => {
  test('A02: what init writes loads as it stands, and is never written over', async () => {
    const folder = await emptyFolder();
    expect(await sallyportEnds(['init'], { folder })).toMatchObject({ exitCode: 0, err: '' });
    expect(await sallyportEnds(['check'], { folder })).toMatchObject({ exitCode: 0 });
    const edited = '# mine\n';
    await writeFile(join(folder, 'sallyport.yaml'), edited);
    const { exitCode, err } = await sallyportEnds(['init'], { folder });
    expect(exitCode).toBe(1);
    expect(err).toContain('sallyport.yaml is there already');
    expect(await readFile(join(folder, 'sallyport.yaml'), 'utf8')).toBe(edited);
  });

  test('A02: everything that init only comments loads, too, once its comment sign is gone', async () => {
    const folder = await emptyFolder();
    await sallyportEnds(['init'], { folder });
    const file = join(folder, 'sallyport.yaml');
    const [prose = '', ...sections] = (await readFile(file, 'utf8')).split(/^(?=routes:)/m);
    const uncommented = sections
      .join('')
      .replaceAll(
        /^( *)# (?=( *)(- name:|match:|action:|tls:|timeouts:|limits:|log:|interpreter:|\w+: +\S+ +#))/gm,
        '$1',
      );
    await writeFile(file, prose + uncommented);
    const { exitCode, out, err } = await sallyportEnds(['check', '--json'], { folder });
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' });
    expect(JSON.parse(out)).toMatchObject({
      routes: ['web', 'pages', 'health', 'site', 'api', 'nobody-else'].map((name) => ({ name })),
    });
  });
});

describe('chart', () => {
  test.each(['connection', 'exchange', 'pooled', 'proxy'])(
    'A06: the %s chart is printed from the machine, as Mermaid',
    async (name) => {
      const { exitCode, out } = await sallyportEnds(['chart', name, '--mermaid']);
      expect(exitCode).toBe(0);
      expect(out).toMatch(/^stateDiagram-v2\n/);
      const states: Readonly<Record<string, readonly string[]>> = {
        connection: Object.keys(connectionMachine.states),
        exchange: Object.keys(connectionMachine.states),
        pooled: ['LENT', 'IDLE', 'LEAVING', 'CLOSED'],
        proxy: ['RUNNING'],
      };
      for (const state of states[name] ?? []) expect(out).toContain(`state "${state}"`);
    },
  );

  test('A06: the JSON is a definition that XState builds the same states from', async () => {
    const { out } = await sallyportEnds(['chart', '--json']);
    const definition: unknown = JSON.parse(out);
    if (!isDefinition(definition)) throw new Error('the chart is no object');
    const rebuilt = createMachine(definition);
    expect(leavesOf(rebuilt.root)).toEqual(leavesOf(connectionMachine.root));
    expect(leavesOf(rebuilt.root).length).toBeGreaterThan(10);
  });

  test('A06: the picture is an SVG in which every state has its id', async () => {
    const { exitCode, out } = await sallyportEnds(['chart', '--svg']);
    expect(exitCode).toBe(0);
    expect(out).toContain('<svg');
    for (const state of Object.keys(connectionMachine.states))
      expect(out.replaceAll('&#45;', '-')).toMatch(new RegExp(`id="[a-z-]*state-${state}"`));
  });
});
