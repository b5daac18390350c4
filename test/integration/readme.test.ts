/**
 * The README keeps its word: its commands exist, its program runs, its links lead somewhere, its output is real.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { repository, runScript, sallyportEnds } from '../support/command.ts';

const readme = await readFile(join(repository, 'README.md'), 'utf8');
const manifest = await readFile(join(repository, 'package.json'), 'utf8');

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-readme-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** The code blocks of one language; '' for those that name none. */
function blocks(language: string): readonly string[] {
  return [...readme.matchAll(/^```(\w*)\n([^]*?)^```$/gm)].flatMap(([, of, text]) =>
    of === language ? [text ?? ''] : [],
  );
}

test('A01: it says how to see the demo and how to run the tests, each in one command', () => {
  expect(blocks('')).toContain('npm ci && npm start\n');
  expect(blocks('')).toContain('npm ci && npm test\n');
});

test('A01: every command is an npm script that exists, because the system may have another Node', () => {
  const commands = [
    ...blocks('')
      .join('')
      .matchAll(/^(?:npm|npx|node|sallyport)\b.*/gm),
  ].flatMap(([line]) => line.split(' && '));
  expect(commands.length).toBeGreaterThan(5);
  const missing = commands.filter((command) => {
    const [, script = 'none'] = /^npm (?:run -s )?(\w+)/.exec(command) ?? [];
    return script !== 'ci' && !manifest.includes(`"${script}": "`);
  });
  expect(missing).toEqual([]);
});

test('A02: every command of the CLI that it shows is built', async () => {
  const shown = [...readme.matchAll(/^npm run -s sallyport -- ([a-z]+)(?=\s)/gm)].flatMap(([, name]) => name ?? []);
  expect(shown.length).toBeGreaterThan(3);
  const { out } = await sallyportEnds(['--help']);
  const [built = ''] = out.split('Not built yet:');
  for (const name of shown) expect(built).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
});

test('A06: every link leads to something, and every heading that is linked exists', () => {
  const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].flatMap(([, to]) => to ?? []);
  expect(links.length).toBeGreaterThan(20);
  const headings = [...readme.matchAll(/^#+ (.+)$/gm)].map(
    ([, text = '']) => `#${text.toLowerCase().replaceAll(' ', '-')}`,
  );
  const leadsNowhere = (link: string) =>
    link.startsWith('#') ? !headings.includes(link) : !existsSync(join(repository, link));
  expect(links.filter(leadsNowhere)).toEqual([]);
});

test('A01: the embedded program is at most fifteen lines, and runs to its end as it stands but for its ports', async () => {
  const [program = ''] = blocks('ts');
  expect(program.split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(15);
  const index = pathToFileURL(join(repository, 'src/index.ts')).href;
  const file = join(await emptyFolder(), 'program.ts');
  await writeFile(file, program.replace("'sallyport'", JSON.stringify(index)).replace('ports: 8080', 'ports: 0'));
  const { exitCode, out, err } = await runScript(file, []).ended;
  expect(err).not.toContain('Error');
  expect(exitCode).toBe(0);
  expect(out).toMatch(/port: \d+/);
});

test('A02: the hold time that it shows is what check prints for what init writes', async () => {
  const folder = await emptyFolder();
  await sallyportEnds(['init'], { folder });
  const { out } = await sallyportEnds(['check'], { folder });
  const shown = blocks('').find((block) => block.startsWith('web: ')) ?? 'missing';
  expect(out.replaceAll(/^ {2}/gm, '')).toContain(shown.trimEnd());
});
