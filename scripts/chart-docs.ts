/**
 * Prints the pages of docs/statecharts from the machines themselves: drawing, states, edges, verdicts.
 *
 * `node scripts/chart-docs.ts` writes them; test/tidy.test.ts compares them. A new machine is one more entry in `charts`.
 * Read first: `src/machines/chart/read-chart.ts`; the words are in `chart-words.ts`.
 */
import { instance } from '@viz-js/viz';
import type { AnyStateMachine } from 'xstate';
import { releaseMs } from '../src/io/ledger.ts';
import { certificateDeadlineWords } from '../src/machines/certificate/delays.ts';
import { certificateFactTypes } from '../src/machines/certificate/events.ts';
import { certificateMachine } from '../src/machines/certificate/machine.ts';
import { certificateLeaves, certificateVerdictOf } from '../src/machines/certificate/verdicts.ts';
import { durationText } from '../src/machines/chart/explain.ts';
import { edgeLabel, readChart, type ChartEdge, type ReadChart } from '../src/machines/chart/read-chart.ts';
import type { ReadNode } from '../src/machines/chart/read-node.ts';
import { toDot } from '../src/machines/chart/to-dot.ts';
import { toMermaid } from '../src/machines/chart/to-mermaid.ts';
import { deadlines, livenessMs } from '../src/machines/connection/delays.ts';
import { connectionFactTypes } from '../src/machines/connection/events.ts';
import { connectionMachine } from '../src/machines/connection/machine.ts';
import { connectionLeaves, verdictOf } from '../src/machines/connection/verdicts.ts';
import { endpointDeadlineWords } from '../src/machines/endpoint/delays.ts';
import { endpointFactTypes } from '../src/machines/endpoint/events.ts';
import { endpointMachine } from '../src/machines/endpoint/machine.ts';
import { endpointLeaves, endpointVerdictOf } from '../src/machines/endpoint/verdicts.ts';
import { exchangeFactTypes } from '../src/machines/exchange/events.ts';
import { exchangeMachine } from '../src/machines/exchange/machine.ts';
import { exchangeLeaves, exchangeVerdictOf } from '../src/machines/exchange/verdicts.ts';
import { pooledFactTypes, pooledMachine } from '../src/machines/pooled/machine.ts';
import { pooledLeaves, pooledVerdictOf } from '../src/machines/pooled/verdicts.ts';
import { proxyMachine } from '../src/machines/proxy/machine.ts';
import { certificateWords } from './certificate-words.ts';
import { connectionWords, proxyWords, type ChartWords, type StateWords } from './chart-words.ts';
import { endpointWords } from './endpoint-words.ts';
import { exchangeWords, pooledWords } from './exchange-words.ts';
import { generatedBy, isMain, table, writeFiles, type GeneratedFiles } from './generated.ts';
import { verdictSection } from './verdict-table.ts';

interface ChartPage {
  readonly machine: Pick<AnyStateMachine, 'root' | 'id'>;
  readonly source: string;
  readonly opening: string;
  readonly words: ChartWords;
  /** How long each deadline is, where that is not in the table of timeouts. */
  readonly deadlineWords?: Readonly<Record<string, string>>;
  /** What stands after the tables. */
  readonly rest: readonly string[];
}

const charts: readonly ChartPage[] = [
  {
    machine: connectionMachine,
    source: 'src/machines/connection/machine.ts',
    opening:
      'One connection: an accepted downstream socket and everything that is done for it. Six states; every other name is a ' +
      'substate. What each pair of ends looks like on the wire is in [close-matrix.md](close-matrix.md).',
    words: connectionWords,
    rest: verdictSection({ leaves: connectionLeaves, facts: connectionFactTypes, verdictOf }),
  },
  {
    machine: exchangeMachine,
    source: 'src/machines/exchange/machine.ts',
    opening:
      'One exchange: an HTTP request and its response, over HTTP/1.1 or HTTP/2, in the six states of a connection. Its ' +
      'connection is in ESTABLISHED.HTTP meanwhile ([connection](connection.md)).',
    words: exchangeWords,
    rest: verdictSection({ leaves: exchangeLeaves, facts: exchangeFactTypes, verdictOf: exchangeVerdictOf }),
  },
  {
    machine: pooledMachine,
    source: 'src/machines/pooled/machine.ts',
    opening: 'One connection to an upstream that a pool keeps: lent to exchanges, unused in between, closed once.',
    words: pooledWords,
    rest: verdictSection({ leaves: pooledLeaves, facts: pooledFactTypes, verdictOf: pooledVerdictOf }),
  },
  {
    machine: proxyMachine,
    source: 'src/machines/proxy/machine.ts',
    opening: 'The proxy itself: one actor, from `start()` to `stop()`.',
    words: proxyWords,
    rest: [],
  },
  {
    machine: certificateMachine,
    source: 'src/machines/certificate/machine.ts',
    opening:
      'The certificate of one set of names that look after themselves (`certificate: auto`): one actor each, from ' +
      '`proxy.ready` until the names are wanted no more. What is in VALID serves.',
    words: certificateWords,
    deadlineWords: certificateDeadlineWords,
    rest: verdictSection({
      leaves: certificateLeaves,
      facts: certificateFactTypes,
      verdictOf: certificateVerdictOf,
    }),
  },
  {
    machine: endpointMachine,
    source: 'src/machines/endpoint/machine.ts',
    opening:
      'One endpoint of a pool: whether it is given connections, and how it gets better. The breaker is closed in UP, open in ' +
      'EJECTED and half-open in HALF_OPEN; checks go on in all of them.',
    words: endpointWords,
    deadlineWords: endpointDeadlineWords,
    rest: verdictSection({ leaves: endpointLeaves, facts: endpointFactTypes, verdictOf: endpointVerdictOf }),
  },
];

export async function chartDocs(): Promise<GeneratedFiles> {
  const viz = await instance();
  return new Map(
    charts.flatMap((page) => {
      const name = page.machine.id;
      const svg = viz.renderString(toDot(page.machine), { format: 'svg' });
      return [
        [`docs/statecharts/${name}.md`, chartPage(page)] as const,
        [`docs/statecharts/${name}.svg`, plainSvg(svg)] as const,
      ];
    }),
  );
}

function chartPage({ machine, source, opening, words, deadlineWords, rest }: ChartPage): string {
  const chart = readChart(machine);
  const states = chart.nodes.slice(1);
  checkWords(machine.id, states, words);
  const everywhere = chart.edges.filter((edge) => edge.source === chart.nodes[0]);
  const parts = [
    generatedBy(`\`${source}\``),
    `# The ${machine.id} chart`,
    opening,
    `![drawing](${machine.id}.svg)`,
    `\`\`\`mermaid\n${toMermaid(machine)}\`\`\``,
    everywhere.length === 0 ? null : `In every state: ${everywhere.map(leftBy).join(', ')}.`,
    '## States',
    'A state inherits the deadlines and the exits of the states around it.',
    table(
      ['state', 'when', 'resource', 'deadlines, default', 'left by'],
      states.map((node) => stateRow(chart, node, words[node.name], deadlineWords)),
    ),
    '## Edges',
    'In the order in which they are tried. *Stays* is an internal transition: nothing is left or entered, no deadline is touched.',
    table(['in', 'on', 'goes to', 'does'], chart.edges.map(edgeRow)),
    '## On entering and leaving',
    table(['state', 'entry', 'exit'], states.filter(hasActions).map(actionRow)),
    ...rest,
  ];
  return `${parts.filter((part) => part !== null).join('\n\n')}\n`;
}

function checkWords(chart: string, states: readonly ReadNode[], words: ChartWords): void {
  const missing = states.filter(({ name }) => words[name] === undefined).map(({ name }) => name);
  const surplus = Object.keys(words).filter((name) => !states.some((node) => node.name === name));
  if (missing.length + surplus.length === 0) return;
  throw new Error(
    `scripts/chart-words.ts, ${chart}: missing [${missing.join(', ')}], not in the chart [${surplus.join(', ')}]`,
  );
}

function stateRow(
  chart: ReadChart,
  node: ReadNode,
  words: StateWords | undefined,
  deadlineWords: ChartPage['deadlineWords'],
): readonly string[] {
  const exits = chart.edges.filter((edge) => edge.source === node && !edge.isInternal).map(leftBy);
  const armed = node.delays.map(({ name }) => deadlineText(name, deadlineWords)).join('; ');
  return [nameOf(node), words?.when ?? '', words?.resource ?? '', armed || '–', exits.join('<br>') || '–'];
}

function edgeRow(edge: ChartEdge): readonly string[] {
  const to = edge.isInternal ? '*stays*' : nameOf(edge.target);
  return [nameOf(edge.source), `\`${edgeLabel(edge)}\``, to, edge.actions.join(', ') || '–'];
}

function actionRow({ name, entry, exit }: ReadNode): readonly string[] {
  const listed = (references: ReadNode['entry']) => references.map((one) => one.name).join(', ') || '–';
  return [name, listed(entry), listed(exit)];
}

function hasActions({ entry, exit }: ReadNode): boolean {
  return entry.length + exit.length > 0;
}

function leftBy(edge: ChartEdge): string {
  return `\`${edgeLabel(edge)}\` → ${nameOf(edge.target)}`;
}

function nameOf(node: ReadNode): string {
  return node.name === '' ? '*any*' : node.name;
}

function deadlineText(name: string, deadlineWords: ChartPage['deadlineWords'] = {}): string {
  const said = deadlineWords[name];
  if (said !== undefined) return `\`${name}\` ${said}`;
  if (name === 'idling') return '`idling` `idle` less a quarter of it, at most 1 min before its end';
  if (name === 'idle') return '`idle` what is left of 5 min';
  if (name === 'release') return `\`release\` ${durationText(releaseMs)}`;
  if (name === 'ping') return '`ping` what the route asks for, off unless set';
  if (name === 'liveness') return `\`liveness\` ${durationText(livenessMs)}, to look at the leg`;
  const entry = Object.entries(deadlines).find(([key]) => key === name)?.[1];
  if (entry === undefined) throw new Error(`the deadline ${name} has no entry in src/machines/connection/delays.ts`);
  return `\`${name}\` ${entry.defaultMs === null ? 'off' : durationText(entry.defaultMs)}`;
}

/** The renderer's own version would make the file differ for no reason, and escaped ids would be found by nobody. */
function plainSvg(svg: string): string {
  return svg
    .replace(/<!-- Generated by graphviz[\s\S]*?-->\n/, '')
    .replaceAll(/ id="state[^"]*"/g, (id) => id.replaceAll('&#45;', '-'));
}

if (isMain(import.meta.filename)) writeFiles(await chartDocs());
