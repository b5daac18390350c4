/**
 * The commands that belong to later parts, and the one line they are answered with.
 *
 * Known, so that nobody is told they mistyped; not built, so that nobody believes they ran. Must never do: pretend.
 */
import type { Command } from 'commander';
import { exitCodes, type CommandHost } from './host.ts';

const adminApi = "needs a running proxy's admin API";

const laterCommands = [
  { name: 'ps', summary: 'list the live connections', needs: adminApi },
  { name: 'top', summary: 'watch the live connections', needs: adminApi },
  { name: 'kill', summary: 'end a connection', needs: adminApi },
  { name: 'drain', summary: 'drain a running proxy', needs: adminApi },
  { name: 'metrics', summary: 'print the metrics', needs: adminApi },
  { name: 'events', summary: 'follow the events', needs: adminApi },
  { name: 'replay', summary: 're-run a recorded connection', needs: 'needs recorded traces' },
] as const;

export function addLater(program: Command, host: CommandHost, finish: (exitCode: number) => void): void {
  program.commandsGroup('Not built yet:');
  for (const { name, summary, needs } of laterCommands) {
    program
      .command(name)
      .summary(summary)
      .description(`${summary} (not built yet: it ${needs}, a later part)`)
      .usage('')
      .allowExcessArguments()
      .allowUnknownOption()
      .action(() => finish(refuseLater(name, needs, host)));
  }
}

/** The one line. @param needs what it waits for: `needs …`. */
export function refuseLater(name: string, needs: string, host: CommandHost): number {
  host.complain(`sallyport ${name}: not built yet; it ${needs}, a later part`);
  return exitCodes.usage;
}
