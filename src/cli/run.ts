/**
 * `sallyport run [config]`: the proxy, until a signal ends it.
 *
 * Read first: `serve.ts`.
 */
import { Option, type Command } from 'commander';
import { chosenFile, type CommonOptions } from './common-options.ts';
import type { CommandHost } from './host.ts';

export function addRun(program: Command, host: CommandHost, finish: (exitCode: number) => void): void {
  program
    .command('run')
    .summary('run the configuration')
    .description(description)
    .argument('[config]', 'configuration file')
    .addOption(new Option('--watch', 'reload when the file changes (not built yet)').hideHelp())
    .action(async (operand: string | undefined, _own: unknown, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions & { readonly watch?: boolean }>();
      if (options.watch === true) command.error('error: --watch is not built yet; reload is a later part');
      const file = chosenFile(command, operand);
      const { loadPlan } = await import('./load-plan.ts');
      const { serve } = await import('./serve.ts');
      finish(await serve((await loadPlan(file, options, host)).plan, options, host));
    });
}

const description = `Run the configuration until a signal ends it.

SIGTERM, SIGINT (Ctrl+C) and, in a terminal, the key q: no new connections;
live ones may finish until timeouts.drain (30 s); what is left then is cut.
Exit code 0: the proxy did as it was told.
A second signal ends at once: exit code 143 after SIGTERM, 130 after SIGINT.`;
