/**
 * What a command says when it could not do its work, and which exit code that is.
 *
 * Decides: whose fault decides the code. Must never do: show a stack for a mistake of the user's, or hide one of a bug.
 */
import { ConfigError } from '../config/problems.ts';
import { ProxyError } from '../errors.ts';
import { exitCodes, type CommandHost } from './host.ts';

/** Says it on standard error. @returns the exit code */
export function explainFailure(error: unknown, host: CommandHost): number {
  if (error instanceof ConfigError) {
    const [summary = ''] = error.message.split('\n');
    host.complain(`${error.report}\n\nsallyport: ${summary}`);
    return exitCodes.usage;
  }
  if (error instanceof ProxyError && error.blame !== 'bug') {
    host.complain(`sallyport: ${error.message}`);
    const isConfiguration = error.code === 'SALLYPORT_CONFIG_UNREADABLE' || error.blame === 'embedder';
    return isConfiguration ? exitCodes.usage : exitCodes.failed;
  }
  if (isSystemError(error)) {
    host.complain(`sallyport: ${error.message}`);
    return exitCodes.failed;
  }
  host.complain(`sallyport: this is a bug, please report it\n${error instanceof Error ? error.stack : String(error)}`);
  return exitCodes.failed;
}

/** A full disk, a folder that cannot be written: the operating system's own words will do. */
function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}
