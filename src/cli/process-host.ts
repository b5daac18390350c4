/**
 * The real process behind a command.
 *
 * Must never do: end the process, or let a reader who went away (`sallyport check | head`) end it with a stack trace.
 * Read first: `host.ts`.
 */
import type { CommandHost, StopSignal } from './host.ts';
import { readSecret } from './read-secret.ts';

export function processHost(): CommandHost {
  process.stdout.on('error', ignoreBrokenPipe);
  process.stderr.on('error', ignoreBrokenPipe);
  const stopListeners: ((signal: StopSignal) => void)[] = [];
  const tellStop = (signal: StopSignal): void => {
    for (const listener of stopListeners) listener(signal);
  };
  return {
    environment: process.env,
    folder: process.cwd(),
    isInteractive: process.stdout.isTTY,
    hasColour: process.stdout.isTTY && process.stdout.hasColors(),
    print: (text) => void process.stdout.write(`${text}\n`),
    complain: (text) => void process.stderr.write(`${text}\n`),
    async readSecret(prompt) {
      const line = await readSecret(process.stdin, () => void process.stderr.write(prompt));
      if (process.stdin.isTTY) process.stderr.write('\n');
      return line;
    },
    onStopSignal(listener) {
      if (stopListeners.length === 0) {
        process.on('SIGINT', tellStop);
        process.on('SIGTERM', tellStop);
      }
      stopListeners.push(listener);
    },
    onHangUp: (listener) => void process.on('SIGHUP', () => listener()),
    onKey(listener) {
      if (!process.stdin.isTTY || !process.stdout.isTTY) return;
      process.stdin.setRawMode(true);
      process.stdin.on('data', (bytes: Buffer) => {
        const key = bytes.toString();
        if (key === controlC) tellStop('SIGINT');
        else listener(key);
      });
      process.stdin.unref();
    },
  };
}

/** What Ctrl+C sends while the terminal does not turn it into a signal. */
const controlC = '\u0003';

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
