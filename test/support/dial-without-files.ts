/**
 * A child process for the dialer's tests: dials when no file descriptor is left, and again when there are some.
 * Run under a low limit; prints one JSON line.
 */
import { closeSync, openSync } from 'node:fs';
import { wheelClock } from '../../src/io/clock.ts';
import { createDialer, type DialFailure } from '../../src/io/dialer.ts';
import { openFileLimit } from '../../src/io/fd-limit.ts';
import { createLedger } from '../../src/io/ledger.ts';

const clock = wheelClock();
const troubles: string[] = [];
const ledger = createLedger(clock, { trouble: ({ event }) => void troubles.push(event) });
const dial = createDialer({
  clock,
  ledger,
  resolver: () => Promise.reject(new Error('no name was to be resolved')),
  report: ({ event }) => void troubles.push(event),
});

/** The failure's code and whether it is worth another endpoint, or `connected`. */
function attempt(): Promise<string> {
  return new Promise((resolve) => {
    dial(
      { host: '127.0.0.1', port: Number(process.argv[2]) },
      { resolved: () => undefined, securing: () => undefined },
    ).subscribe({
      next: (leg) => {
        leg.release();
        resolve('connected');
      },
      error: ({ code, reason, retryable }: DialFailure) => resolve(`${code} ${reason} ${retryable}`),
    });
  });
}

const files: number[] = [];
try {
  for (;;) files.push(openSync('/dev/null', 'r'));
} catch {
  // None is left now.
}
const without = await attempt();
for (const file of files) closeSync(file);
const afterwards = await attempt();
await ledger.quiescent();
console.log(
  JSON.stringify({
    limit: await openFileLimit(),
    without,
    afterwards,
    troubles,
    counts: ledger.counts,
    timers: clock.armedCount,
  }),
);
