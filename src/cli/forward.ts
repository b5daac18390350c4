/**
 * The command without a name: `sallyport 8080=127.0.0.1:3000`, `sallyport example.com=127.0.0.1:3000 --email me@example.com`,
 * a proxy without a configuration file.
 *
 * Decides: that a first word without `=` was meant to be a command. What a mapping means is decided by
 * `config/zero-config.ts`.
 */
import type { Command } from 'commander';
import { nearest } from '../config/suggest.ts';
import type { CommonOptions } from './common-options.ts';
import type { CommandHost } from './host.ts';

export function addForward(program: Command, host: CommandHost, finish: (exitCode: number) => void): void {
  program
    .command('forward', { isDefault: true, hidden: true })
    .usage('<port|host>=<upstream> ...')
    .description('Forward ports without a configuration file.')
    .argument('[mappings...]', '8080=127.0.0.1:3000, or for HTTPS example.com=127.0.0.1:3000 with --email or --dev-tls')
    .action(async (mappings: readonly string[], _own: unknown, command: Command) => {
      const [first] = mappings;
      if (first === undefined) return program.help({ error: true });
      if (!first.includes('=')) return unknownCommand(program, first);
      const options = command.optsWithGlobals<CommonOptions>();
      if (options.config !== undefined) program.error('error: mappings and --config exclude each other');
      const { planMappings } = await import('./load-plan.ts');
      const { serve } = await import('./serve.ts');
      return finish(await serve(planMappings(mappings, options, host), options, host));
    });
}

function unknownCommand(program: Command, word: string): never {
  const meant = nearest(
    word,
    program.commands.map((command) => command.name()),
  );
  const hint = meant === null ? '(sallyport --help lists the commands)' : `(Did you mean ${meant}?)`;
  return program.error(`error: unknown command '${word}'\n${hint}`);
}
