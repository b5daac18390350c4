/**
 * Ring 6 of the log: lines on a real file, a real pipe with a slow reader, and a pipe whose reader has gone.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { createLogger, loadPretty, type ProcessLogger, type ProcessLoggerOptions } from '../../src/observe/log.ts';
import { StepClock } from '../../src/testing/step-clock.ts';
import { runs, seed } from '../support/fuzz.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-log-'));
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** What one logger wrote to a file of its own. */
function written(options: Partial<ProcessLoggerOptions>, use: (logger: ProcessLogger) => void): string {
  const path = join(folder, 'one.log');
  const destination = openSync(path, 'w');
  try {
    const logger = createLogger({ level: 'info', clock: new StepClock(), ...options, destination });
    use(logger);
    logger.flush();
    return readFileSync(path, 'utf8');
  } finally {
    closeSync(destination);
  }
}

test('a line is one JSON object: level, time by the clock, then the fields with the event first, then the sentence', () => {
  const fields = { event: 'proxy.ready', addresses: [{ host: '::', port: 80 }] };
  expect(written({}, (logger) => logger.log('info', fields, 'ready'))).toBe(
    '{"level":"info","time":"2026-01-01T00:00:00.000Z","event":"proxy.ready","addresses":[{"host":"::","port":80}],"msg":"ready"}\n',
  );
});

test('every line at or above the level is written, in order, and parses back to what was logged', () => {
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  const line = fc.record({ level: fc.constantFrom(...levels), value: fc.string({ unit: 'grapheme' }) });
  fc.assert(
    fc.property(fc.constantFrom(...levels), fc.array(line, { maxLength: 20 }), (level, plan) => {
      const lines = written({ level }, (logger) => {
        for (const { level: lineLevel, value } of plan) logger.log(lineLevel, { event: 'test', value }, value);
      });
      const expected = plan.filter((planned) => levels.indexOf(planned.level) >= levels.indexOf(level));
      const parsed = lines.split('\n').slice(0, -1);
      expect(parsed.map((json): unknown => JSON.parse(json))).toEqual(
        expected.map(({ level: lineLevel, value }) => ({
          level: lineLevel,
          time: '2026-01-01T00:00:00.000Z',
          event: 'test',
          value,
          msg: value,
        })),
      );
    }),
    { seed: seed(), numRuns: runs(15) },
  );
});

test('lines beyond the bound are dropped and counted, and one later line tells how many', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 60 }), (first, second) => {
      let dropped = 0;
      const lines = written({ bytesMax: 1000 }, (logger) => {
        for (let number = 0; number < first; number += 1) logger.log('info', { event: 'first', number }, 'x');
        logger.flush();
        for (let number = 0; number < second; number += 1) logger.log('info', { event: 'second', number }, 'x');
        logger.flush();
        logger.log('info', { event: 'last' }, 'x');
        ({ dropped } = logger);
      });
      const parsed = parse(lines);
      const count = (event: string): number => parsed.filter((line) => line['event'] === event).length;
      const told = parsed.filter((line) => line['event'] === 'log.dropped').map((line) => Number(line['count']));
      expect(count('first') + count('second') + dropped).toBe(first + second);
      expect(told.reduce((sum, more) => sum + more, 0)).toBe(dropped);
      expect(count('last')).toBe(1);
      if (Math.max(first, second) <= 10) expect(dropped).toBe(0);
      if (Math.max(first, second) >= 20) expect(dropped).toBeGreaterThan(0);
    }),
    { seed: seed(), numRuns: runs(15) },
  );
});

function parse(lines: string): Record<string, unknown>[] {
  const all: Record<string, unknown>[] = [];
  for (const line of lines.split('\n').slice(0, -1)) {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === 'object' && parsed !== null) all.push(Object.fromEntries(Object.entries(parsed)));
  }
  return all;
}

test('a descriptor that cannot be written drops and counts, and nothing throws or waits', () => {
  const path = join(folder, 'closed.log');
  const destination = openSync(path, 'w');
  closeSync(destination);
  const reader = openSync(path, 'r');
  const logger = createLogger({ level: 'info', clock: new StepClock(), destination: reader });
  for (let number = 0; number < 5; number += 1) logger.log('info', { event: 'lost', number }, 'x');
  logger.flush();
  expect(logger.dropped).toBe(5);
  logger.log('info', { event: 'lost' }, 'x');
  logger.flush();
  expect(logger.dropped).toBe(6);
  closeSync(reader);
});

test('lines that come while a write is failing are lost with it, and counted with it', async () => {
  const reader = openSync(import.meta.filename, 'r');
  const logger = createLogger({ level: 'info', clock: new StepClock(), destination: reader });
  for (let number = 0; number < 5; number += 1) logger.log('info', { event: 'lost', number }, 'x');
  await new Promise((resolve) => setImmediate(resolve));
  for (let number = 0; number < 3; number += 1) logger.log('info', { event: 'lost', number }, 'x');
  while (logger.dropped === 0) await new Promise((resolve) => setImmediate(resolve));
  logger.flush();
  expect(logger.dropped).toBe(8);
  closeSync(reader);
});

test('lines for people carry the sentence and the connection, and a control character is shown, not obeyed', async () => {
  const pretty = await loadPretty({ colorize: false });
  const evil = 'a\u001b[2Jb\nERROR c\u009bd\\u001b';
  const lines = written({ pretty }, (logger) => {
    logger.log('info', { event: 'connection.closed', connectionId: 'c7' }, evil);
    logger.log('warn', { event: 'proxy.draining' }, 'draining');
    logger.log('info', { event: 'exchange.closed', exchangeId: 'c7.3', connectionId: 'c7' }, 'GET / was answered 404');
  });
  const [first, second, third, end] = lines.split('\n');
  expect(first).toContain('c7 a\\u001b[2Jb\\nERROR c\\u009bd\\u001b');
  expect(second).toMatch(/WARN: draining$/);
  expect(third).toMatch(/INFO: c7\.3 GET \/ was answered 404$/);
  expect(end).toBe('');
  expect(Array.from(lines.replaceAll('\n', '')).filter(isControl)).toEqual([]);
});

function isControl(character: string): boolean {
  const code = character.codePointAt(0) ?? 0;
  return code < 32 || (code >= 127 && code < 160);
}

/** A process that logs to its standard output, by the real clock. */
function logging(script: string): ChildProcess {
  const root = join(import.meta.dirname, '../..');
  const source = `
    const { createLogger } = await import(${JSON.stringify(join(root, 'src/observe/log.ts'))});
    const { systemClock } = await import(${JSON.stringify(join(root, 'src/io/clock.ts'))});
    const logger = createLogger({ level: 'info', clock: systemClock() });
    ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['pipe', 'pipe', 'pipe'] });
  children.add(child);
  return child;
}

async function ended(child: ChildProcess): Promise<{ readonly code: number | null; readonly stderr: string }> {
  const stderr = child.stderr === null ? '' : text(child.stderr);
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
  return { code, stderr: await stderr };
}

test('a reader that has gone neither ends nor hangs the process, however it wants to end', async () => {
  for (const leave of ['process.exit(7)', 'process.exitCode = 7; process.stdin.destroy()']) {
    const child = logging(`
      process.stdin.once('data', () => {
        for (let number = 0; number < 5000; number += 1) logger.log('info', { event: 'lost', number }, 'x');
        setImmediate(() => {
          for (let number = 0; number < 5; number += 1) logger.log('info', { event: 'lost', number }, 'x');
          process.stderr.write('alive ' + (logger.dropped > 0));
          ${leave};
        });
      });
      logger.log('info', { event: 'first' }, 'x');
      process.stdin.resume();`);
    const end = ended(child);
    if (child.stdout !== null) await once(child.stdout, 'data');
    child.stdout?.destroy();
    child.stdin?.write('go');
    expect(await end).toEqual({ code: 7, stderr: 'alive true' });
  }
});

test('a slow reader holds nobody up, and gets every line that fits once it reads', async () => {
  const child = logging(`
    for (let number = 0; number < 9000; number += 1) logger.log('info', { event: 'line', number }, 'x'.repeat(100));
    setImmediate(() => setImmediate(() => process.stderr.write('not blocked')));
    process.stdin.resume();`);
  const end = ended(child);
  const { stdout } = child;
  if (child.stderr !== null) await once(child.stderr, 'readable');
  let lines = '';
  for await (const chunk of stdout ?? []) {
    lines += String(chunk);
    // Only now may the process end: what came until here did not wait for its exit.
    if (/"log.dropped","count":\d+.*\n$/.test(lines)) child.stdin?.end();
  }
  expect(await end).toEqual({ code: 0, stderr: 'not blocked' });
  const parsed = parse(lines);
  const numbers = parsed.filter((line) => line['event'] === 'line').map((line) => line['number']);
  const told = parsed.filter((line) => line['event'] === 'log.dropped').map((line) => Number(line['count']));
  expect(numbers.length + told.reduce((sum, more) => sum + more, 0)).toBe(9000);
  expect(told).toHaveLength(1);
  expect(numbers).toEqual(numbers.map((_, index) => index));
});

test('lines that wait are written when the process exits or fails', async () => {
  for (const [script, code] of [
    ['process.exit(3)', 3],
    ['throw new Error("of the test")', 1],
  ] as const) {
    const child = logging(
      `for (let number = 0; number < 3000; number += 1) logger.log('info', { event: 'line', number }, 'x'); ${script}`,
    );
    const end = ended(child);
    const lines = child.stdout === null ? '' : await text(child.stdout);
    expect((await end).code).toBe(code);
    expect(parse(lines)).toHaveLength(3000);
  }
});
