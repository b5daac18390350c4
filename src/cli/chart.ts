/**
 * `sallyport chart [machine]`: the statecharts themselves, printed from the machines that run.
 */
import { Option, type Command } from 'commander';
import { nearest } from '../config/suggest.ts';
import type { CommandHost } from './host.ts';

export const chartNames = ['connection', 'exchange', 'pooled', 'proxy'] as const;
export type ChartName = (typeof chartNames)[number];

export interface ChartOptions {
  readonly mermaid?: boolean;
  readonly svg?: boolean;
  readonly dot?: boolean;
  readonly json?: boolean;
}

export function addChart(program: Command, host: CommandHost, finish: (exitCode: number) => void): void {
  program
    .command('chart')
    .summary('print a statechart')
    .description(
      'Print the statechart of a connection, of an HTTP exchange, of a pooled upstream connection, or of the proxy itself.',
    )
    .argument('[machine]', chartNames.join(', '), 'connection')
    .addOption(new Option('--mermaid', 'as a Mermaid diagram (the default)').conflicts(['svg', 'dot', 'json']))
    .addOption(new Option('--svg', 'as a picture').conflicts(['dot', 'json']))
    .addOption(new Option('--dot', 'for Graphviz').conflicts('json'))
    .option('--json', 'as a definition for XState and its editor')
    .action(async (word: string, _own: unknown, command: Command) => {
      const name = chartNames.find((one) => one === word) ?? unknownChart(command, word);
      const { printChart } = await import('./print-chart.ts');
      finish(await printChart(name, command.opts<ChartOptions>(), host));
    });
}

function unknownChart(command: Command, word: string): never {
  const meant = nearest(word, chartNames);
  const hint = meant === null ? `(It is one of ${chartNames.join(', ')}.)` : `(Did you mean ${meant}?)`;
  return command.error(`error: unknown machine '${word}'\n${hint}`);
}
