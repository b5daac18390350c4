/**
 * `sallyport hash-password`: the hash that a configuration holds instead of a password.
 *
 * Decides: the password comes on standard input, so that neither the list of processes nor a shell's history ever has it.
 * Must never do: take it as an argument, or print it.
 */
import type { Command } from 'commander';
import { exitCodes, type CommandHost } from './host.ts';

export function addHashPassword(program: Command, host: CommandHost, finish: (exitCode: number) => void): void {
  program
    .command('hash-password')
    .summary('hash a password for a configuration')
    .description(description)
    .action(async () => finish(await hash(host)));
}

const description = `Read a password from standard input, one line, and print its scrypt hash, which
stands in a configuration as security.authentication.credentials[].password:
  sallyport hash-password < password.txt`;

async function hash(host: CommandHost): Promise<number> {
  const password = await host.readSecret('password: ');
  if (password === null) {
    host.complain('sallyport hash-password: a password is one line of up to 1024 bytes, and not empty');
    return exitCodes.usage;
  }
  const { hashPassword } = await import('../io/authentication/password.ts');
  host.print(await hashPassword(password));
  return exitCodes.fine;
}
