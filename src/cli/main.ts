#!/usr/bin/env node
/**
 * The command's file: checks Node, runs the command, ends the process.
 *
 * Must never do: import anything before Node's version is known to be good; a newer syntax or module further down would
 * greet an old Node with a stack trace instead of one sentence. The one `process.exit` is here.
 * Read first: `program.ts`.
 */
let hasEnded = false;
void main().then((exitCode) => {
  hasEnded = true;
  process.exit(exitCode);
});

// Node ends when nothing is left to wait for, also in the middle of a configuration file that awaits what never comes.
process.once('beforeExit', () => {
  if (hasEnded) return;
  process.stderr.write(
    'sallyport: a promise that was waited for never settled (in the configuration file?); nothing was done\n',
  );
  process.exitCode = 2;
});

async function main(): Promise<number> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 19)) {
    process.stderr.write(`sallyport needs Node.js 22.19 or newer, and this is ${process.versions.node}\n`);
    return 2;
  }
  const { runCommandLine } = await import('./program.ts');
  const { processHost } = await import('./process-host.ts');
  const exitCode = await runCommandLine(process.argv.slice(2), processHost());
  await Promise.all([written(process.stdout), written(process.stderr)]);
  return exitCode;
}

/** Resolves when everything given to the stream is out, or can no longer get out. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}
