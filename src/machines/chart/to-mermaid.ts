/**
 * Draws a chart as Mermaid text (`stateDiagram-v2`), for Markdown.
 *
 * Pure and stable: the same machine gives the same text. Arrows with the same ends are one arrow with several labels.
 * What the root hears holds in every state and is not drawn; whoever prints the drawing says it in words.
 * Read first: `read-chart.ts`.
 */
import type { AnyStateMachine } from 'xstate';
import { childrenOf, edgeLabel, readChart, shortName, type ReadChart } from './read-chart.ts';
import type { ReadNode } from './read-node.ts';

export function toMermaid(machine: Pick<AnyStateMachine, 'root' | 'id'>): string {
  const chart = readChart(machine);
  const [root] = chart.nodes;
  if (root === undefined) return '';
  return `${['stateDiagram-v2', ...inside(chart, root), ...arrows(chart)].join('\n')}\n`;
}

/** The states of one state, nested ones within. */
function inside(chart: ReadChart, parent: ReadNode): readonly string[] {
  const indent = '  '.repeat(depthOf(parent) + 1);
  const states = childrenOf(chart, parent).flatMap((node) => {
    const declared = `${indent}state "${shortName(node)}" as ${idOf(node)}`;
    if (node.kind === 'final') return [declared, `${indent}${idOf(node)} --> [*]`];
    return node.kind === 'compound' ? [`${declared} {`, ...inside(chart, node), `${indent}}`] : [declared];
  });
  const initial = chart.nodes.find((node) => node.id === parent.initialId);
  return initial === undefined ? states : [`${indent}[*] --> ${idOf(initial)}`, ...states];
}

function arrows({ nodes, edges }: ReadChart): readonly string[] {
  const labels = new Map<string, string[]>();
  for (const edge of edges) {
    if (edge.isInternal || edge.source === nodes[0]) continue;
    const ends = `${idOf(edge.source)} --> ${idOf(edge.target)}`;
    labels.set(ends, [...(labels.get(ends) ?? []), edgeLabel(edge)]);
  }
  return [...labels].map(([ends, all]) => `  ${ends}: ${[...new Set(all)].join('<br/>')}`);
}

function idOf(node: ReadNode): string {
  return node.name.replaceAll('.', '_');
}

function depthOf(node: ReadNode): number {
  return node.name === '' ? 0 : node.name.split('.').length;
}
