/**
 * How the tests run: every ring under `test/`, in two processes, after the real peers were looked up.
 *
 * No timing is asserted anywhere; `testTimeout` only ends a test that hangs.
 */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/set-up-peers.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    passWithNoTests: false,
    allowOnly: false,
  },
});
