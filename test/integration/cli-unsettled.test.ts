/**
 * A configuration file that awaits what never comes: Node ends with nothing done, and the command must not call that fine.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { sallyport } from '../support/command.ts';

test.each(['check', 'run'])('A02: %s of a configuration that never settles says so, exit code 2', async (command) => {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-unsettled-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'sallyport.config.ts'), 'await new Promise(() => undefined);\nexport default {};\n');
  const { exitCode, out, err } = await sallyport([command], { folder }).ended;
  expect(out).toBe('');
  expect(err).toContain('never settled');
  expect(exitCode).toBe(2);
});
