/**
 * The flags that every command takes, and what they mean to a configuration.
 *
 * Decides: `--interpreter` and `--log-level` are short for a `--set`; a `--set` of the same value wins.
 */
import { Option, type Command } from 'commander';

export interface CommonOptions {
  readonly config?: string;
  readonly interpreter?: string;
  readonly logLevel?: string;
  readonly set?: readonly string[];
  readonly admin?: boolean;
}

export function addCommonOptions(program: Command): void {
  program
    .option('-c, --config <file>', 'default: sallyport.config.ts, sallyport.yaml, ...')
    .option('--set <path=value>', 'set one value, such as timeouts.idle=2m; repeatable', collect)
    .addOption(new Option('--interpreter <name>', 'what runs the charts').choices(['compiled', 'xstate']))
    .addOption(new Option('--log-level <level>', 'how much is logged').choices(logLevels))
    .option('--admin', 'not built yet: accepted with a warning');
  addLaterFlags(program);
}

/** Flags of automatic HTTPS: known, so that nobody is told they mistyped. */
function addLaterFlags(program: Command): void {
  program
    .option('--email <address>', 'automatic HTTPS: not built yet')
    .option('--dev-tls', 'development certificates: not built yet');
  for (const name of ['email', 'dev-tls']) {
    program.on(`option:${name}`, () =>
      program.error(`error: --${name} is not built yet: it needs certificates, a later part`),
    );
  }
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'];

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}

/** All values given by flags, as `path=value`; later ones win. */
export function setsOf(options: CommonOptions): readonly string[] {
  const sets: string[] = [];
  if (options.interpreter !== undefined) sets.push(`interpreter=${options.interpreter}`);
  if (options.logLevel !== undefined) sets.push(`log.level=${options.logLevel}`);
  return [...sets, ...(options.set ?? [])];
}

/** The file a command was given, by name or by flag. Two different ones are a mistake. */
export function chosenFile(command: Command, operand: string | undefined): string | undefined {
  const { config } = command.optsWithGlobals<CommonOptions>();
  if (operand !== undefined && config !== undefined && operand !== config) {
    command.error(`error: two configuration files: ${operand} and --config ${config}`);
  }
  return operand ?? config;
}
