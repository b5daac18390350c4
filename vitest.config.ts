/**
 * How the tests run: every ring under `test/`, in two processes, after the real peers were looked up.
 *
 * The property ring leaves nothing behind in a process, so its files take turns in two of them; every other file has a
 * process of its own. No timing is asserted anywhere; `testTimeout` only ends a test that hangs.
 */
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const pure = 'test/property/**/*.test.ts';
/** What Node has compiled of the commands that tests start, so that each start need not compile everything again. */
const compiled = join(import.meta.dirname, 'node_modules', '.cache', 'sallyport-compiled');

export default defineConfig({
  test: {
    globalSetup: ['test/support/set-up-peers.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    passWithNoTests: false,
    allowOnly: false,
    env: { NODE_COMPILE_CACHE: compiled },
    projects: [
      { extends: true, test: { name: 'pure', include: [pure], isolate: false } },
      { extends: true, test: { name: 'real', include: ['test/**/*.test.ts'], exclude: [pure] } },
    ],
  },
});
