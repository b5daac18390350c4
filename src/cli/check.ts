/**
 * `sallyport check [config]`: everything that is wrong with a configuration at once, or what it resolves to.
 *
 * Read first: `check-report.ts`.
 */
import type { Command } from 'commander';
import { chosenFile, type CommonOptions } from './common-options.ts';
import type { CommandHost } from './host.ts';

export function addCheck(program: Command, host: CommandHost, finish: (exitCode: number) => void): void {
  program
    .command('check')
    .summary('all that is wrong, or what it resolves to')
    .description(description)
    .argument('[config]', 'configuration file')
    .option('--json', 'for programs')
    .action(async (operand: string | undefined, _own: unknown, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions & { readonly json?: boolean }>();
      const { checkConfig } = await import('./check-config.ts');
      finish(await checkConfig(chosenFile(command, operand), options, host));
    });
}

const description = `Read the configuration and print everything that is wrong with it (exit code 2),
or what it resolves to: routes in the order they are tried, where certificates
will come from, deadlines that are not the default and where they come from, and the longest a silent peer can
hold a slot, with the way there.`;
