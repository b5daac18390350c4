/**
 * Prints one chart in one form. Pictures are drawn when the package is built, so that drawing needs no program at run time.
 */
import { readFile } from 'node:fs/promises';
import type { AnyStateMachine } from 'xstate';
import { toDot } from '../machines/chart/to-dot.ts';
import { toMermaid } from '../machines/chart/to-mermaid.ts';
import { connectionMachine } from '../machines/connection/machine.ts';
import { exchangeMachine } from '../machines/exchange/machine.ts';
import { pooledMachine } from '../machines/pooled/machine.ts';
import { proxyMachine } from '../machines/proxy/machine.ts';
import type { ChartName, ChartOptions } from './chart.ts';
import { exitCodes, type CommandHost } from './host.ts';

const machines: Readonly<Record<ChartName, Pick<AnyStateMachine, 'root' | 'id' | 'config'>>> = {
  connection: connectionMachine,
  exchange: exchangeMachine,
  pooled: pooledMachine,
  proxy: proxyMachine,
};

export async function printChart(name: ChartName, options: ChartOptions, host: CommandHost): Promise<number> {
  const machine = machines[name];
  if (options.svg === true) return printPicture(name, host);
  if (options.json === true) host.print(JSON.stringify(machine.config, null, 2));
  else host.print((options.dot === true ? toDot(machine) : toMermaid(machine)).trimEnd());
  return exitCodes.fine;
}

/** Beside the built command, or where the repository keeps the generated documents. */
const pictureFolders = [new URL('../charts/', import.meta.url), new URL('../../docs/statecharts/', import.meta.url)];

async function printPicture(name: ChartName, host: CommandHost): Promise<number> {
  for (const folder of pictureFolders) {
    const picture = await readFile(new URL(`${name}.svg`, folder), 'utf8').catch(() => null);
    if (picture === null) continue;
    host.print(picture.trimEnd());
    return exitCodes.fine;
  }
  host.complain(`sallyport: the picture of the ${name} chart is missing from this copy; --dot prints it for Graphviz`);
  return exitCodes.failed;
}
