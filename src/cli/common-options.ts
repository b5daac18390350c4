/**
 * The flags that every command takes, and what they mean to a configuration.
 *
 * Decides: `--interpreter`, `--log-level` and `--email` are short for a `--set`; a `--set` of the same value wins.
 */
import { Option, type Command } from 'commander';

export interface CommonOptions {
  readonly config?: string;
  readonly interpreter?: string;
  readonly logLevel?: string;
  readonly set?: readonly string[];
  readonly email?: string;
  readonly devTls?: boolean;
  readonly admin?: boolean;
}

export function addCommonOptions(program: Command): void {
  program
    .option('-c, --config <file>', 'default: sallyport.config.ts, sallyport.yaml, ...')
    .option('--set <path=value>', 'set one value, such as timeouts.idle=2m; repeatable', collect)
    .addOption(new Option('--interpreter <name>', 'what runs the charts').choices(['compiled', 'xstate']))
    .addOption(new Option('--log-level <level>', 'how much is logged').choices(logLevels))
    .option('--email <address>', 'automatic HTTPS: whom the certificate authority writes to')
    .option('--dev-tls', 'certificates of a development authority instead of ordered ones')
    .option('--admin', 'not built yet: accepted with a warning');
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
  if (options.email !== undefined) sets.push(`acme.email=${options.email}`);
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
