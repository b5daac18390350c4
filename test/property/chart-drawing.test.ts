/**
 * Ring 1 of the drawings: what is drawn is the chart, whole, and the same every time.
 */
import { expect, test } from 'vitest';
import { setup } from 'xstate';
import { readChart } from '../../src/machines/chart/read-chart.ts';
import { toDot } from '../../src/machines/chart/to-dot.ts';
import { toMermaid } from '../../src/machines/chart/to-mermaid.ts';
import { connectionLeaves } from '../../src/machines/connection/verdicts.ts';
import { connectionMachine } from '../../src/machines/connection/machine.ts';
import { proxyMachine } from '../../src/machines/proxy/machine.ts';

const toy = setup({ delays: { soon: 1 }, guards: { isFine: () => true } }).createMachine({
  id: 'toy',
  initial: 'A',
  on: { stop: '.DONE' },
  states: {
    A: { on: { go: 'B.Y', stay: {} }, after: { soon: [{ guard: 'isFine', target: 'B' }, { target: 'DONE' }] } },
    B: { initial: 'X', states: { X: { always: 'Y' }, Y: { on: { go: 'X', turn: 'X' } } }, on: { leave: 'A' } },
    DONE: { type: 'final' },
  },
});

test('A06: a small chart is drawn as Mermaid with its nesting, its deadlines and its guards', () => {
  expect(toMermaid(toy)).toBe(
    [
      'stateDiagram-v2',
      '  [*] --> A',
      '  state "A" as A',
      '  state "B" as B {',
      '    [*] --> B_X',
      '    state "X" as B_X',
      '    state "Y" as B_Y',
      '  }',
      '  state "DONE" as DONE',
      '  DONE --> [*]',
      '  A --> B_Y: go',
      '  A --> B: after soon [isFine]',
      '  A --> DONE: after soon',
      '  B --> A: leave',
      '  B_X --> B_Y: always',
      '  B_Y --> B_X: go<br/>turn',
      '',
    ].join('\n'),
  );
});

test('A06: a small chart is drawn as Graphviz text with an id for each state', () => {
  const dot = toDot(toy);
  expect(dot).toContain('subgraph "cluster_B" {\n    label="B"; id="state-B";');
  expect(dot).toContain('"B.X" [label="X", id="state-B-X"];');
  expect(dot).toContain('"DONE" [label="DONE", id="state-DONE", peripheries=2];');
  expect(dot).toContain('"A" -> "B.X" [label="after soon [isFine]", style=dashed, lhead="cluster_B"];');
  expect(dot).toContain('"B.X" -> "A" [label="leave", style=solid, ltail="cluster_B"];');
  expect(dot).toContain('"B.X" -> "B.Y" [label="always", style=dotted];');
  expect(dot).toContain('"B.Y" -> "B.X" [label="go\\nturn", style=solid];');
});

test('A06: every state and every edge of the connection and the proxy is drawn, and nothing else', () => {
  for (const machine of [connectionMachine, proxyMachine]) {
    const { nodes, edges } = readChart(machine);
    const drawn = edges.filter((edge) => !edge.isInternal && edge.source.name !== '');
    const ends = (by: (edge: (typeof edges)[number]) => string) => new Set(drawn.map(by)).size;
    const mermaid = toMermaid(machine).split('\n');
    expect(mermaid.filter((line) => /^\s*state "/.test(line))).toHaveLength(nodes.length - 1);
    expect(mermaid.filter((line) => /^ {2}\w+ --> \w+: /.test(line))).toHaveLength(
      ends(({ source, target }) => `${source.id} ${target.id}`),
    );
    const dot = toDot(machine).split('\n');
    expect(dot.filter((line) => line.includes('id="state-'))).toHaveLength(nodes.length - 1);
    expect(dot.filter((line) => line.includes(' -> '))).toHaveLength(
      ends(({ source, target, kind }) => `${source.id} ${target.id} ${kind}`),
    );
  }
  const leaves = readChart(connectionMachine).nodes.filter(({ kind }) => kind !== 'compound');
  expect(leaves.map(({ name }) => name)).toEqual([...connectionLeaves]);
});
