/**
 * The command line as a whole: its commands, its common flags, its help, and what a mistake in them is answered with.
 *
 * Decides: exit code 2 for whatever cannot be parsed. Must never do: end the process, or import what one command needs
 * before that command was asked for, so that `--help` answers at once.
 * Read first: `host.ts`. One file per command; each adds itself.
 */
import { Command, CommanderError } from 'commander';
import { addChart } from './chart.ts';
import { addCheck } from './check.ts';
import { addCommonOptions } from './common-options.ts';
import { addExplain } from './explain.ts';
import { addForward } from './forward.ts';
import { addHashPassword } from './hash-password.ts';
import { exitCodes, type CommandHost } from './host.ts';
import { addInit } from './init.ts';
import { painter } from './layout.ts';
import { addLater } from './not-built.ts';
import { packageVersion } from './package-version.ts';
import { addRun } from './run.ts';

/** Runs one command line. @returns the exit code; never throws for what a user can do wrong. */
export async function runCommandLine(args: readonly string[], host: CommandHost): Promise<number> {
  let exitCode: number = exitCodes.fine;
  const program = createProgram(host, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
    const { explainFailure } = await import('./failure.ts');
    return explainFailure(error, host);
  }
}

function createProgram(host: CommandHost, finish: (exitCode: number) => void): Command {
  const program = new Command('sallyport');
  const paint = painter(host.hasColour);
  program
    .description('A TCP, TLS and HTTP reverse proxy in which every connection is a statechart.')
    .usage('<port|host>=<upstream> ...\n       sallyport <command> [options]')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => host.print(text.trimEnd()),
      writeErr: (text) => host.complain(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'sallyport: ')),
      getOutHasColors: () => host.hasColour,
      getErrHasColors: () => host.hasColour,
    })
    .configureHelp({ showGlobalOptions: true, styleTitle: (title) => paint('bold', title), subcommandTerm })
    .showSuggestionAfterError();
  addCommonOptions(program);
  for (const add of [addForward, addRun, addCheck, addExplain, addChart, addInit, addHashPassword, addLater])
    add(program, host, finish);
  program.addHelpText('after', closingHelp);
  return program;
}

/** The name and what it is given; its flags are a matter of its own help. */
function subcommandTerm(command: Command): string {
  const operands = command.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`));
  return [command.name(), ...operands].join(' ');
}

const closingHelp = `
Examples:
  sallyport 8080=127.0.0.1:3000      forward a port, without a file
  sallyport localhost=3000 --dev-tls HTTPS on 443 with a certificate of this machine
  sallyport init && sallyport check  begin with a commented file
  sallyport run                      run it
  sallyport explain localhost:8080   say which route a connection would take, and why

Exit codes: 0 fine, 1 failed at run time, 2 usage or configuration.`;
