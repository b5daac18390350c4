/**
 * Flags of later parts are known: they are answered with "not built yet", never with "unknown".
 */
import { expect, test } from 'vitest';
import { sallyportEnds } from '../support/command.ts';

test.each([
  ['--email', ['example.com=127.0.0.1:3000', '--email', 'me@example.com']],
  ['--dev-tls', ['localhost=3000', '--dev-tls']],
])('A02: %s is known and not built yet, exit code 2', async (flag, args) => {
  const { exitCode, err } = await sallyportEnds(args);
  expect(err).toContain(`${flag} is not built yet`);
  expect(exitCode).toBe(2);
});
