/**
 * Draws a chart as Graphviz text (DOT), for SVG.
 *
 * Pure and stable. Every state carries its name as the element's id (`state-DIALING-ATTEMPTING`), so that whoever shows the
 * drawing can colour a state or count what is in it. Facts are solid arrows, deadlines dashed, `always` dotted.
 * What the root hears holds in every state and is not drawn. Read first: `read-chart.ts`.
 */
import type { AnyStateMachine } from 'xstate';
import { childrenOf, edgeLabel, readChart, shortName, type ChartEdge, type ReadChart } from './read-chart.ts';
import type { ReadNode } from './read-node.ts';

const styles: Readonly<Record<ChartEdge['kind'], string>> = { fact: 'solid', deadline: 'dashed', always: 'dotted' };

export function toDot(machine: Pick<AnyStateMachine, 'root' | 'id'>): string {
  const chart = readChart(machine);
  const [root] = chart.nodes;
  if (root === undefined) return '';
  const lines = [
    `digraph ${quoted(chart.name)} {`,
    '  compound=true; rankdir=LR; ranksep=1.1; nodesep=0.35; fontname="Helvetica"; fontsize=13;',
    '  node [shape=box, style=rounded, fontname="Helvetica", fontsize=12];',
    '  edge [fontname="Helvetica", fontsize=9, arrowsize=0.7];',
    ...inside(chart, root, '  '),
    ...arrows(chart),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function inside(chart: ReadChart, parent: ReadNode, indent: string): readonly string[] {
  return childrenOf(chart, parent).flatMap((node) => {
    const name = `label=${quoted(shortName(node))}, id=${quoted(elementId(node))}`;
    if (node.kind !== 'compound') {
      return [`${indent}${quoted(node.name)} [${name}${node.kind === 'final' ? ', peripheries=2' : ''}];`];
    }
    return [
      `${indent}subgraph ${quoted(clusterId(node))} {`,
      `${indent}  ${name.replace(', ', '; ')}; style="rounded"; color="gray50";`,
      ...inside(chart, node, `${indent}  `),
      `${indent}}`,
    ];
  });
}

/** One arrow for each pair of ends and each kind. */
function arrows(chart: ReadChart): readonly string[] {
  const labels = new Map<string, { readonly edge: ChartEdge; readonly all: string[] }>();
  for (const edge of chart.edges) {
    if (edge.isInternal || edge.source === chart.nodes[0]) continue;
    const ends = [edge.source.name, edge.target.name, edge.kind].join(' ');
    const drawn = labels.get(ends);
    if (drawn === undefined) labels.set(ends, { edge, all: [edgeLabel(edge)] });
    else drawn.all.push(edgeLabel(edge));
  }
  return [...labels.values()].map(({ edge, all }) => arrow(chart, edge, [...new Set(all)]));
}

function arrow(chart: ReadChart, { source, target, kind }: ChartEdge, labels: readonly string[]): string {
  const attributes = [`label="${labels.map(escaped).join('\\n')}"`, `style=${styles[kind]}`];
  // An arrow from or to a state with states inside is drawn to one of them and cut off at the border.
  if (source.kind === 'compound') attributes.push(`ltail=${quoted(clusterId(source))}`);
  if (target.kind === 'compound' && !isWithin(source, target)) attributes.push(`lhead=${quoted(clusterId(target))}`);
  return `  ${quoted(leafOf(chart, source).name)} -> ${quoted(leafOf(chart, target).name)} [${attributes.join(', ')}];`;
}

function leafOf(chart: ReadChart, node: ReadNode): ReadNode {
  const initial = chart.nodes.find((one) => one.id === node.initialId);
  return initial === undefined ? node : leafOf(chart, initial);
}

function isWithin(node: ReadNode, ancestor: ReadNode): boolean {
  return node === ancestor || node.name.startsWith(`${ancestor.name}.`);
}

function clusterId(node: ReadNode): string {
  return `cluster_${node.name}`;
}

function elementId(node: ReadNode): string {
  return `state-${node.name.replaceAll('.', '-')}`;
}

function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
}
