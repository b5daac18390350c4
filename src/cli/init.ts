/**
 * `sallyport init`: a commented configuration to begin with.
 *
 * Must never do: touch a file that is there.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { exitCodes, type CommandHost } from './host.ts';
import { initTemplate } from './init-template.ts';

const fileName = 'sallyport.yaml';

export function addInit(program: Command, host: CommandHost, finish: (exitCode: number) => void): void {
  program
    .command('init')
    .summary(`write a commented ${fileName}`)
    .description(`Write a commented ${fileName} into this folder. A file that is there already is left alone.`)
    .action(async () => finish(await init(host)));
}

async function init(host: CommandHost): Promise<number> {
  try {
    await writeFile(join(host.folder, fileName), initTemplate, { flag: 'wx' });
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    if (!isThere) throw error;
    host.complain(`sallyport: ${fileName} is there already and was left as it is`);
    return exitCodes.failed;
  }
  host.print(`wrote ${fileName}; next: sallyport check, then sallyport run`);
  return exitCodes.fine;
}
